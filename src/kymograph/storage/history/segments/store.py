"""Segments in SQL: which there are, what they replace, and who works on which stream."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import ColumnElement, Connection, and_, delete, func, insert, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from kymograph.core.history import Stream
from kymograph.storage.history.base import COMPACTED_STREAMS, Chunk, Replacement, Segment, SegmentExtent
from kymograph.storage.history.generations import new_generation
from kymograph.storage.history.payload import MERGE_BYTES
from kymograph.storage.history.tables import compaction_claims, segments, tail_chunks, tail_streams
from kymograph.types import ObjectKey, RunKey, WriterId

_KEYS_AT_ONCE = 500


class SqlSegmentStore:
    """Docstrings of the methods: `storage.history.base.SegmentStore`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def list_live(self, runs: Collection[RunKey], stream: Stream) -> Mapping[RunKey, Sequence[Segment]]:
        """Docstring inherited."""
        found: dict[RunKey, list[Segment]] = defaultdict(list)
        keys = sorted(set(runs))
        for start in range(0, len(keys), _KEYS_AT_ONCE):
            query = select(segments).where(
                segments.c.run_id.in_(keys[start : start + _KEYS_AT_ONCE]),
                segments.c.stream == stream.value,
                segments.c.retired_at.is_(None),
            )
            for row in self._connection.execute(query):
                found[RunKey(row.run_id)].append(_segment(row))
        for of_run in found.values():
            of_run.sort(key=lambda segment: (segment.first_step, segment.id))
        return found

    def list_chunks(self, run: RunKey, stream: Stream, *, max_raw_bytes: int, take_open: bool) -> list[Chunk]:
        """Docstring inherited."""
        table = tail_chunks.c
        is_of_stream = and_(table.run_id == run, table.stream == stream.value)
        sizes = select(table.seq, table.raw_bytes).where(is_of_stream).order_by(table.seq)
        if not take_open:
            growing = select(tail_streams.c.open_seq).where(
                tail_streams.c.run_id == run,
                tail_streams.c.stream == stream.value,
                tail_streams.c.open_seq.is_not(None),
                tail_streams.c.open_bytes < MERGE_BYTES // 2,
            )
            sizes = sizes.where(table.seq.not_in(growing))
        seqs: list[int] = []
        total = 0
        for seq, raw_bytes in self._connection.execute(sizes):
            if seqs and total + raw_bytes > max_raw_bytes:
                break
            seqs.append(seq)
            total += raw_bytes
        chunks: list[Chunk] = []
        for some in _slices(seqs):
            rows = self._connection.execute(
                select(table.seq, table.writer, table.first_line, table.line_count, table.payload)
                .where(table.seq.in_(some))
                .order_by(table.seq)
            )
            chunks += [Chunk(seq, seq, WriterId(writer), *rest) for seq, writer, *rest in rows]
        return chunks

    def replace(self, replacement: Replacement, now: datetime) -> bool:
        """Docstring inherited."""
        run, stream = replacement.run, replacement.stream
        states = self._lock_streams(run, stream)
        if not states or not self._is_current(replacement):
            return False
        self._connection.execute(insert(segments), {**_row(replacement.segment), "created_at": now})
        if replacement.segments:
            self._connection.execute(
                update(segments)
                .where(segments.c.id.in_([segment.id for segment in replacement.segments]))
                .values(retired_at=now)
            )
        if replacement.chunks:
            for some in _slices(replacement.chunks):
                self._connection.execute(delete(tail_chunks).where(tail_chunks.c.seq.in_(some)))
        self._refresh_streams(run, stream, states, set(replacement.chunks))
        return True

    def _lock_streams(self, run: RunKey, stream: Stream) -> list[Any]:
        """States of the stream's writers, with everybody else who would change them kept out."""
        return list(
            self._connection.execute(
                select(tail_streams.c.writer, tail_streams.c.part, tail_streams.c.open_seq)
                .where(tail_streams.c.run_id == run, tail_streams.c.stream == stream.value)
                .order_by(tail_streams.c.writer)
                .with_for_update()
            )
        )

    def _is_current(self, replacement: Replacement) -> bool:
        """Whether all that went into a replacement is still there and as it was."""
        n_chunks = 0
        for some in _slices(replacement.chunks):
            query = select(func.count()).select_from(tail_chunks).where(tail_chunks.c.seq.in_(some))
            n_chunks += self._connection.execute(query).scalar_one()
        if n_chunks != len(replacement.chunks):
            return False
        ids = [segment.id for segment in replacement.segments]
        rows = self._connection.execute(
            select(segments).where(segments.c.id.in_(ids), segments.c.retired_at.is_(None)).with_for_update()
        )
        return {segment.id: segment for segment in map(_segment, rows)} == {
            segment.id: segment for segment in replacement.segments
        }

    def _refresh_streams(self, run: RunKey, stream: Stream, states: Sequence[Any], gone: Collection[int]) -> None:
        left: dict[tuple[str, str], tuple[int, int | None]] = {
            (writer, part): (size or 0, first_line)
            for writer, part, size, first_line in self._connection.execute(
                select(
                    tail_chunks.c.writer,
                    tail_chunks.c.part,
                    func.sum(tail_chunks.c.raw_bytes),
                    func.min(tail_chunks.c.first_line),
                )
                .where(tail_chunks.c.run_id == run, tail_chunks.c.stream == stream.value)
                .group_by(tail_chunks.c.writer, tail_chunks.c.part)
            )
        }
        for writer, part, open_seq in states:
            size, first_line = left.get((writer, part), (0, None))
            values: dict[str, Any] = {
                "tail_bytes": int(size),
                "tail_first_line": first_line,
                "version": tail_streams.c.version + 1,
                "generation": new_generation(),
            }
            if open_seq in gone:
                values |= {"open_seq": None, "open_bytes": 0}
            self._connection.execute(
                update(tail_streams)
                .where(
                    tail_streams.c.run_id == run,
                    tail_streams.c.stream == stream.value,
                    tail_streams.c.writer == writer,
                    tail_streams.c.part == part,
                )
                .values(values)
            )

    def lock(self, run: RunKey, stream: Stream) -> None:
        """Docstring inherited."""
        self._lock_streams(run, stream)

    def change(self, segment: Segment, changed: Segment) -> bool:
        """Docstring inherited."""
        self._lock_streams(segment.run, segment.stream)
        row = self._connection.execute(
            select(segments).where(segments.c.id == segment.id, segments.c.retired_at.is_(None)).with_for_update()
        ).one_or_none()
        if row is None or _segment(row) != segment:
            return False
        self._connection.execute(update(segments).where(segments.c.id == segment.id).values(_row(changed)))
        return True

    # --- who works on what -------------------------------------------------------------------------------------------

    def claim(self, run: RunKey, stream: Stream, *, worker: str, now: datetime, expires_at: datetime) -> bool:
        """Docstring inherited."""
        dialect = postgresql if self._connection.dialect.name == "postgresql" else sqlite
        statement = dialect.insert(compaction_claims).values(
            run_id=run, stream=stream.value, worker=worker, expires_at=expires_at
        )
        taken = self._connection.execute(
            statement.on_conflict_do_update(
                index_elements=[compaction_claims.c.run_id, compaction_claims.c.stream],
                set_={"worker": worker, "expires_at": expires_at},
                where=or_(compaction_claims.c.expires_at < now, compaction_claims.c.worker == worker),
            ).returning(compaction_claims.c.worker)
        ).one_or_none()
        return taken is not None

    def release(self, run: RunKey, stream: Stream, *, worker: str) -> None:
        """Docstring inherited."""
        self._connection.execute(
            delete(compaction_claims).where(_is_claim_on(run, stream), compaction_claims.c.worker == worker)
        )

    def drop_claims(self, *, before: datetime | None = None) -> int:
        """Docstring inherited."""
        statement = delete(compaction_claims)
        if before is not None:
            statement = statement.where(compaction_claims.c.expires_at < before)
        return self._connection.execute(statement).rowcount

    def tail_bytes(self, run: RunKey, stream: Stream) -> int:
        """Docstring inherited."""
        query = select(func.coalesce(func.sum(tail_streams.c.tail_bytes), 0)).where(
            tail_streams.c.run_id == run, tail_streams.c.stream == stream.value
        )
        return int(self._connection.execute(query).scalar_one())

    def list_due(self, *, min_bytes: int, limit: int) -> list[tuple[RunKey, Stream, int]]:
        """Docstring inherited."""
        size = func.sum(tail_streams.c.tail_bytes)
        query = (
            select(tail_streams.c.run_id, tail_streams.c.stream, size)
            .where(
                tail_streams.c.stream.in_([stream.value for stream in COMPACTED_STREAMS]),
                tail_streams.c.tail_bytes > 0,
            )
            .group_by(tail_streams.c.run_id, tail_streams.c.stream)
            .having(size >= min_bytes)
            .order_by(size.desc())
            .limit(limit)
        )
        return [(RunKey(run), Stream(stream), int(held)) for run, stream, held in self._connection.execute(query)]

    # --- what is left behind -----------------------------------------------------------------------------------------

    def list_retired(self, before: datetime, *, after: int = 0, limit: int) -> list[Segment]:
        """Docstring inherited."""
        query = select(segments).where(segments.c.retired_at < before, segments.c.id > after)
        return [_segment(row) for row in self._connection.execute(query.order_by(segments.c.id).limit(limit))]

    def forget(self, ids: Collection[int]) -> None:
        """Docstring inherited."""
        for some in _slices(sorted(ids)):
            self._connection.execute(delete(segments).where(segments.c.id.in_(some)))

    def list_of_run(self, run: RunKey) -> list[Segment]:
        """Docstring inherited."""
        query = select(segments).where(segments.c.run_id == run).order_by(segments.c.id)
        return [_segment(row) for row in self._connection.execute(query)]

    def known_objects(self, objects: Collection[ObjectKey]) -> set[ObjectKey]:
        """Docstring inherited."""
        found: set[ObjectKey] = set()
        for some in _slices(sorted(objects)):
            rows = self._connection.execute(select(segments.c.object).where(segments.c.object.in_(some)))
            found.update(ObjectKey(key) for key in rows.scalars())
        return found


def _is_claim_on(run: RunKey, stream: Stream) -> ColumnElement[bool]:
    return and_(compaction_claims.c.run_id == run, compaction_claims.c.stream == stream.value)


def _row(segment: Segment) -> dict[str, Any]:
    return {
        "run_id": segment.run,
        "stream": segment.stream.value,
        "object": segment.object,
        "extents": orjson.dumps(
            [[extent.writer, extent.first_line, extent.end_line, extent.seq] for extent in segment.extents]
        ).decode(),
        "first_step": segment.first_step,
        "last_step": segment.last_step,
        "last_kept_step": segment.last_kept_step,
        "is_partial": segment.is_partial,
        "row_count": segment.row_count,
        "point_count": segment.point_count,
        "size_bytes": segment.size_bytes,
        "tier": segment.tier,
    }


def _segment(row: Any) -> Segment:
    return Segment(
        id=row.id,
        run=RunKey(row.run_id),
        stream=Stream(row.stream),
        object=ObjectKey(row.object),
        extents=tuple(
            SegmentExtent(WriterId(writer), first_line, end_line, seq)
            for writer, first_line, end_line, seq in orjson.loads(row.extents)
        ),
        first_step=row.first_step,
        last_step=row.last_step,
        row_count=row.row_count,
        point_count=row.point_count,
        size_bytes=row.size_bytes,
        tier=row.tier,
        last_kept_step=row.last_kept_step,
        is_partial=row.is_partial,
    )


def _slices(items: Sequence[Any]) -> list[Sequence[Any]]:
    return [items[start : start + _KEYS_AT_ONCE] for start in range(0, len(items), _KEYS_AT_ONCE)]
