"""The tail: lines as received, in compressed chunks of a SQL table, acknowledged without being parsed."""

from __future__ import annotations

import heapq
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, islice
from typing import Any, TypeVar

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    and_,
    bindparam,
    delete,
    func,
    insert,
    literal,
    or_,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from kymograph.core.history import SOLE_WRITER, LineBatch, NumberedLine, Stream, StreamExtent
from kymograph.core.lines import Piece, VisibleRange, consecutive, visible_ranges
from kymograph.core.rows import step_of_line
from kymograph.storage.history.base import Chunk, StreamVersion, TailSize
from kymograph.storage.history.generations import new_generation
from kymograph.storage.history.payload import (
    MERGE_BYTES,
    EncodedLines,
    compress,
    decode_lines,
    decompress,
    encode_lines,
    extend_raw,
    lines_of,
)
from kymograph.storage.history.tables import tail_archive, tail_chunks, tail_streams
from kymograph.types import RunKey, WriterId

T = TypeVar("T")

_PAYLOADS_AT_ONCE = 64
_KEYS_AT_ONCE = 500
"""Keys in one statement; databases bound the number of parameters."""


@dataclass(frozen=True, slots=True)
class _StreamId:
    """A numbered sequence of lines: one row of `tail_streams`."""

    run: RunKey
    stream: Stream
    writer: WriterId
    part: str

    def columns(self) -> dict[str, Any]:
        return {"run_id": self.run, "stream": self.stream.value, "writer": self.writer, "part": self.part}

    def parameters(self) -> dict[str, Any]:
        """Of statements that name this stream."""
        return {"of_run": self.run, "of_stream": self.stream.value, "of_writer": self.writer, "of_part": self.part}


@dataclass(frozen=True, slots=True)
class _StreamState:
    """What `tail_streams` knows of a stream."""

    line_count: int
    byte_count: int
    generation: int
    version: int
    open_seq: int | None
    open_bytes: int
    tail_bytes: int
    tail_first_line: int | None
    numbered_from: int

    @property
    def n_lines(self) -> int:
        """As `StreamExtent.n_lines`."""
        return max(self.line_count - self.numbered_from, 0)


# The statements of the acknowledging path are built once: building them took longer than running them.
_THIS_STREAM = and_(
    tail_streams.c.run_id == bindparam("of_run"),
    tail_streams.c.stream == bindparam("of_stream"),
    tail_streams.c.writer == bindparam("of_writer"),
    tail_streams.c.part == bindparam("of_part"),
)
_LOCK_STREAM = (
    select(
        tail_streams.c.line_count,
        tail_streams.c.byte_count,
        tail_streams.c.generation,
        tail_streams.c.version,
        tail_streams.c.open_seq,
        tail_streams.c.open_bytes,
        tail_streams.c.tail_bytes,
        tail_streams.c.tail_first_line,
        tail_streams.c.numbered_from,
    )
    .where(_THIS_STREAM)
    .with_for_update()
)
_SAVE_STREAM = update(tail_streams).where(_THIS_STREAM)
_THIS_CHUNK = tail_chunks.c.seq == bindparam("chunk_seq")
_CHUNK = select(
    tail_chunks.c.first_line, tail_chunks.c.line_count, tail_chunks.c.origin_seq, tail_chunks.c.payload
).where(_THIS_CHUNK)
_INSERT_CHUNK = insert(tail_chunks)
_DROP_CHUNK = delete(tail_chunks).where(_THIS_CHUNK)


class SqlTail:
    """`Tail` on an open SQLAlchemy connection. Belongs to one transaction, hence to one thread."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    # --- writing -----------------------------------------------------------------------------------------------------

    def append(self, run: RunKey, batches: Sequence[LineBatch]) -> Mapping[Stream, int]:
        """Docstring inherited."""
        grown = Counter[Stream]()
        for batch in batches:
            if batch.lines:
                grown[batch.stream] += self._append(_StreamId(run, batch.stream, batch.writer, batch.part), batch)
        return grown

    def join(self, run: RunKey, writer: WriterId) -> bool:
        """Docstring inherited."""
        if self.has_writer(run, writer):
            return False
        # Of the streams, the console is the one whose state nothing is derived from.
        self._lock_stream(_StreamId(run, Stream.CONSOLE, writer, ""))
        return True

    def has_writer(self, run: RunKey, writer: WriterId) -> bool:
        """Docstring inherited."""
        found = select(tail_streams.c.run_id).where(tail_streams.c.run_id == run, tail_streams.c.writer == writer)
        return self._connection.execute(found.limit(1)).first() is not None

    def _append(self, stream: _StreamId, batch: LineBatch) -> int:
        """Returns by how many lines the stream has grown."""
        state = self._lock_stream(stream)
        encoded = encode_lines(batch.lines)
        end = batch.first_line + len(batch.lines)
        if batch.first_line < state.line_count:
            pieces = self._pieces(stream, first=batch.first_line, end=end)
            if self._holds(pieces, batch, encoded):
                return 0
            # A progress bar rewrites its line with every request: what nobody can see any more need not stay.
            self._drop({piece.seq for piece in pieces if batch.first_line <= piece.first and piece.end <= end})
            added_bytes = sum(
                len(line.encode(errors="replace")) + 1
                for line in batch.lines[max(state.line_count - batch.first_line, 0) :]
            )
            opened: tuple[int | None, int] = (None, 0)
            self._insert_chunk(stream, batch.first_line, len(batch.lines), encoded.raw, encoded.payload)
        else:
            added_bytes = encoded.byte_count
            opened = self._append_at_end(stream, state, batch, encoded)
        after = replace(
            state,
            line_count=max(state.line_count, end),
            byte_count=state.byte_count + added_bytes,
            version=state.version + 1,
            open_seq=opened[0],
            open_bytes=opened[1],
            tail_bytes=state.tail_bytes + len(encoded.raw),
            tail_first_line=batch.first_line
            if state.tail_first_line is None
            else min(state.tail_first_line, batch.first_line),
            numbered_from=_numbered_from(stream, state, batch.first_line),
        )
        self._save_state(stream, after)
        return after.n_lines - state.n_lines

    def _append_at_end(
        self, stream: _StreamId, state: _StreamState, batch: LineBatch, encoded: EncodedLines
    ) -> tuple[int, int]:
        """Store lines that come after all others; returns the chunk that ends the stream and its unpacked size."""
        is_small = state.open_bytes + len(encoded.raw) <= MERGE_BYTES
        if state.open_seq is None or batch.first_line != state.line_count or not is_small:
            seq = self._insert_chunk(stream, batch.first_line, len(batch.lines), encoded.raw, encoded.payload)
            return seq, len(encoded.raw)

        # The open chunk is the newest of its stream, so nothing hides its lines and a higher number changes no winner.
        first_line, line_count, origin_seq, payload = self._connection.execute(
            _CHUNK, {"chunk_seq": state.open_seq}
        ).one()
        raw = extend_raw(decompress(payload), encoded.raw)
        self._connection.execute(_DROP_CHUNK, {"chunk_seq": state.open_seq})
        seq = self._insert_chunk(
            stream,
            first_line,
            line_count + len(batch.lines),
            raw,
            compress(raw),
            origin_seq=origin_seq or state.open_seq,
        )
        return seq, len(raw)

    def truncate(self, run: RunKey, *, after_step: int, kept_ends: Mapping[WriterId, int] | None = None) -> int:
        """Docstring inherited."""
        for (writer,) in self._connection.execute(
            select(tail_streams.c.writer)
            .where(tail_streams.c.run_id == run, tail_streams.c.stream == Stream.HISTORY.value)
            .order_by(tail_streams.c.writer)
        ).all():
            kept_end = None if kept_ends is None else kept_ends.get(writer, 0)
            self._truncate(_StreamId(run, Stream.HISTORY, writer, ""), after_step, kept_end)
        return self.line_count(run, Stream.HISTORY)

    def _truncate(self, stream: _StreamId, after_step: int, kept_end: int | None) -> None:
        state = self._lock_stream(stream)
        pieces = self._pieces(stream)
        held = [
            (visible.seq, number, line)
            for visible, number, line in self._iter_visible(visible_ranges(pieces), is_descending=False)
        ]
        dropped = [number for _, number, line in held if step_of_line(line, number) > after_step]
        if not dropped and kept_end is None:
            return
        # A chunk with a dropped line goes as a whole, hidden copies of that line included, or those would come back.
        touched = {piece.seq for piece in pieces if _any_within(dropped, piece.first, piece.end)}
        kept = [(number, line) for _, number, line in held if step_of_line(line, number) <= after_step]
        moved = {number for seq, number, _ in held if seq in touched}
        self._archive(stream, touched, state.generation)
        for first, lines in consecutive((number, line) for number, line in kept if number in moved):
            encoded = encode_lines(lines)
            self._insert_chunk(stream, first, len(lines), encoded.raw, encoded.payload)
        kept_bytes = sum(len(line.encode()) + 1 for _, line in kept)
        dropped_bytes = sum(len(line.encode()) + 1 for _, _, line in held) - kept_bytes
        self._save_state(
            stream,
            _StreamState(
                line_count=max(kept[-1][0] + 1 if kept else 0, kept_end or 0),
                byte_count=state.byte_count - dropped_bytes,
                generation=new_generation(),
                version=state.version + 1,
                open_seq=None,
                open_bytes=0,
                tail_bytes=kept_bytes,
                tail_first_line=kept[0][0] if kept else None,
                numbered_from=state.numbered_from,
            ),
        )

    def _archive(self, stream: _StreamId, seqs: Collection[int], generation: int) -> None:
        columns = ["seq", "run_id", "stream", "writer", "part", "first_line", "line_count", "payload"]
        for some in _slices(sorted(seqs), _KEYS_AT_ONCE):
            chosen = tail_chunks.c.seq.in_(some)
            copied = select(*(tail_chunks.c[name] for name in columns), literal(generation, BigInteger)).where(chosen)
            self._connection.execute(insert(tail_archive).from_select([*columns, "generation"], copied))
        self._drop(seqs)

    def _drop(self, seqs: Collection[int]) -> None:
        for some in _slices(sorted(seqs), _KEYS_AT_ONCE):
            self._connection.execute(delete(tail_chunks).where(tail_chunks.c.seq.in_(some)))

    def delete(self, run: RunKey) -> None:
        """Docstring inherited."""
        for table in (tail_chunks, tail_archive, tail_streams):
            self._connection.execute(delete(table).where(table.c.run_id == run))

    # --- reading -----------------------------------------------------------------------------------------------------

    def extents(self, run: RunKey) -> list[StreamExtent]:
        """Docstring inherited."""
        rows = self._connection.execute(
            select(
                tail_streams.c.stream,
                tail_streams.c.writer,
                tail_streams.c.part,
                tail_streams.c.line_count,
                tail_streams.c.byte_count,
                tail_streams.c.numbered_from,
            ).where(tail_streams.c.run_id == run)
        ).all()
        # Sorted here: databases differ in how they collate text.
        return [
            StreamExtent(Stream(stream), WriterId(writer), part, line_count, byte_count, numbered_from)
            for stream, writer, part, line_count, byte_count, numbered_from in sorted(
                rows, key=lambda row: (row[0], row[1], row[2])
            )
        ]

    def line_count(self, run: RunKey, stream: Stream) -> int:
        """Docstring inherited."""
        return sum(extent.n_lines for extent in self.extents(run) if extent.stream is stream)

    def lines(
        self,
        run: RunKey,
        stream: Stream,
        *,
        first: int = 0,
        limit: int | None = None,
        writer: WriterId | None = None,
    ) -> list[NumberedLine]:
        """Docstring inherited."""
        found: list[NumberedLine] = []
        for part, offset, streams in self._parts(run, stream):
            wanted = [item for item in streams if writer is None or item.writer == writer]
            remaining = None if limit is None else limit - len(found)
            found += islice(self._iter_part(wanted, part, offset, first=first), remaining)
        return found

    def pick_lines(
        self, run: RunKey, stream: Stream, numbers: Mapping[WriterId, Collection[int]]
    ) -> Mapping[WriterId, Mapping[int, str]]:
        """Docstring inherited."""
        found: dict[WriterId, dict[int, str]] = {}
        for writer, wanted in numbers.items():
            ordered = sorted(wanted)
            pieces = self._pieces(
                _StreamId(run, stream, writer, ""),
                first=ordered[0] if ordered else 0,
                end=ordered[-1] + 1 if ordered else 0,
            )
            ranges = [item for item in visible_ranges(pieces) if _any_within(ordered, item.first, item.end)]
            lines = found[writer] = {}
            for some in _slices(ranges, _PAYLOADS_AT_ONCE):
                chunks = self._lines_of_chunks({visible.seq for visible in some})
                for visible in some:
                    first_line, chunk = chunks[visible.seq]
                    for number in ordered[bisect_left(ordered, visible.first) : bisect_left(ordered, visible.end)]:
                        lines[number] = chunk[number - first_line]
        return found

    def last_lines(self, run: RunKey, stream: Stream, count: int) -> list[NumberedLine]:
        """Docstring inherited."""
        found: list[NumberedLine] = []
        for part, offset, streams in reversed(self._parts(run, stream)):
            found += islice(self._iter_part(streams, part, offset, is_descending=True), max(count - len(found), 0))
        return found[::-1]

    def size(self) -> TailSize:
        """Docstring inherited."""
        chunks = self._connection.execute(select(func.count()).select_from(tail_chunks)).scalar_one()
        raw_bytes = self._connection.execute(select(func.coalesce(func.sum(tail_streams.c.tail_bytes), 0))).scalar_one()
        return TailSize(chunks, int(raw_bytes))

    def versions(self, runs: Collection[RunKey], stream: Stream) -> Mapping[RunKey, Mapping[WriterId, StreamVersion]]:
        """Docstring inherited."""
        found: dict[RunKey, dict[WriterId, StreamVersion]] = defaultdict(dict)
        table = tail_streams.c
        for some in _slices(sorted(set(runs)), _KEYS_AT_ONCE):
            for run, writer, *version in self._connection.execute(
                select(table.run_id, table.writer, table.generation, table.version, table.tail_first_line).where(
                    table.run_id.in_(some), table.stream == stream.value
                )
            ):
                found[RunKey(run)][WriterId(writer)] = StreamVersion(*version)
        return found

    def chunks(self, run: RunKey, stream: Stream, *, after: Mapping[WriterId, int] | None = None) -> list[Chunk]:
        """Docstring inherited."""
        table = tail_chunks.c
        query = select(
            table.seq, table.origin_seq, table.writer, table.first_line, table.line_count, table.payload
        ).where(table.run_id == run, table.stream == stream.value)
        if after:
            query = query.where(
                or_(
                    table.writer.not_in(list(after)),
                    *(and_(table.writer == writer, table.seq > seq) for writer, seq in after.items()),
                )
            )
        return [
            Chunk(seq, origin_seq or seq, WriterId(writer), first_line, line_count, payload)
            for seq, origin_seq, writer, first_line, line_count, payload in self._connection.execute(
                query.order_by(table.seq)
            )
        ]

    # --- pieces and payloads -----------------------------------------------------------------------------------------

    def _parts(self, run: RunKey, stream: Stream) -> list[tuple[str, int, list[_StreamId]]]:
        """Each part with the number of its first line and its writers' streams, in order of parts."""
        extents = sorted(
            (extent for extent in self.extents(run) if extent.stream is stream),
            key=lambda extent: (extent.part, extent.writer),
        )
        parts: list[tuple[str, int, list[_StreamId]]] = []
        offset = 0
        for part, group in groupby(extents, key=lambda extent: extent.part):
            members = list(group)
            parts.append((part, offset, [_StreamId(run, stream, extent.writer, part) for extent in members]))
            offset += max(extent.line_count for extent in members)
        return parts

    def _iter_part(
        self, streams: Sequence[_StreamId], part: str, offset: int, *, first: int = 0, is_descending: bool = False
    ) -> Iterator[NumberedLine]:
        """Lines of one part in order of (number, writer), or in the reverse order."""

        def of_writer(stream: _StreamId) -> Iterator[NumberedLine]:
            start = max(first - offset, 0)
            ranges = [
                replace(visible, first=max(visible.first, start))
                for visible in visible_ranges(self._pieces(stream))
                if visible.end > start
            ]
            for _, number, line in self._iter_visible(ranges, is_descending=is_descending):
                yield NumberedLine(offset + number, line, stream.writer, part)

        return heapq.merge(
            *(of_writer(stream) for stream in streams),
            key=lambda line: (line.number, line.writer),
            reverse=is_descending,
        )

    def _iter_visible(
        self, ranges: Sequence[VisibleRange], *, is_descending: bool
    ) -> Iterator[tuple[VisibleRange, int, str]]:
        """Lines of ranges of one stream with their numbers; payloads are fetched as the caller gets to them."""
        ordered = list(reversed(ranges)) if is_descending else list(ranges)
        # Whoever asks for a few lines pays for a few chunks, whoever asks for all has few round trips.
        size, start = 1, 0
        while start < len(ordered):
            some = ordered[start : start + size]
            start, size = start + size, min(size * 2, _PAYLOADS_AT_ONCE)
            chunks = self._lines_of_chunks({visible.seq for visible in some})
            for visible in some:
                first_line, lines = chunks[visible.seq]
                numbers = range(visible.first, visible.end)
                for number in reversed(numbers) if is_descending else numbers:
                    yield visible, number, lines[number - first_line]

    def _lines_of_chunks(self, seqs: Collection[int]) -> dict[int, tuple[int, list[str]]]:
        rows = self._connection.execute(
            select(tail_chunks.c.seq, tail_chunks.c.first_line, tail_chunks.c.payload).where(
                tail_chunks.c.seq.in_(seqs)
            )
        )
        return {seq: (first_line, decode_lines(payload)) for seq, first_line, payload in rows}

    def _pieces(self, stream: _StreamId, *, first: int | None = None, end: int | None = None) -> list[Piece]:
        """Where the chunks of a stream lie, optionally those that overlap ``[first, end)`` only."""
        table = tail_chunks.c
        query = select(table.seq, table.first_line, table.line_count).where(_is_of(stream))
        if first is not None:
            query = query.where(table.first_line + table.line_count > first)
        if end is not None:
            query = query.where(table.first_line < end)
        return [Piece(seq, start, start + count) for seq, start, count in self._connection.execute(query)]

    def _holds(self, pieces: Sequence[Piece], batch: LineBatch, encoded: EncodedLines) -> bool:
        """Whether every line of `batch` is what the stream says already; `pieces` are those that overlap it."""
        end = batch.first_line + len(batch.lines)
        ranges = visible_ranges(pieces)
        if len(ranges) == 1 and (ranges[0].first, ranges[0].end) == (batch.first_line, end):
            payload = self._connection.execute(
                select(tail_chunks.c.payload).where(tail_chunks.c.seq == ranges[0].seq)
            ).scalar_one()
            return decompress(payload) == encoded.raw
        inside = [
            replace(visible, first=max(visible.first, batch.first_line), end=min(visible.end, end))
            for visible in ranges
        ]
        if sum(visible.end - visible.first for visible in inside) < len(batch.lines):
            return False
        there = self._iter_visible(inside, is_descending=False)
        return all(line == new for (_, _, line), new in zip(there, lines_of(encoded.raw), strict=True))

    def _insert_chunk(
        self,
        stream: _StreamId,
        first_line: int,
        line_count: int,
        raw: bytes,
        payload: bytes,
        *,
        origin_seq: int | None = None,
    ) -> int:
        result = self._connection.execute(
            _INSERT_CHUNK,
            {
                **stream.columns(),
                "first_line": first_line,
                "line_count": line_count,
                "origin_seq": origin_seq,
                "raw_bytes": len(raw),
                "payload": payload,
            },
        )
        assert result.inserted_primary_key is not None
        return int(result.inserted_primary_key[0])

    # --- stream states -----------------------------------------------------------------------------------------------

    def _lock_stream(self, stream: _StreamId) -> _StreamState:
        """The state of a stream, with other writers of it kept out until the transaction ends.

        Chunks get their numbers under this lock, so within a stream a higher number is also committed later.
        """
        row = self._connection.execute(_LOCK_STREAM, stream.parameters()).one_or_none()
        if row is None:
            dialect = postgresql if self._connection.dialect.name == "postgresql" else sqlite
            self._connection.execute(
                dialect.insert(tail_streams)
                .values(
                    **stream.columns(),
                    line_count=0,
                    byte_count=0,
                    generation=new_generation(),
                    version=0,
                    open_seq=None,
                    open_bytes=0,
                    tail_bytes=0,
                    tail_first_line=None,
                    numbered_from=0,
                )
                .on_conflict_do_nothing()
            )
            row = self._connection.execute(_LOCK_STREAM, stream.parameters()).one()
        return _StreamState(*row)

    def _save_state(self, stream: _StreamId, state: _StreamState) -> None:
        self._connection.execute(
            _SAVE_STREAM,
            {
                **stream.parameters(),
                "line_count": state.line_count,
                "byte_count": state.byte_count,
                "generation": state.generation,
                "version": state.version,
                "open_seq": state.open_seq,
                "open_bytes": state.open_bytes,
                "tail_bytes": state.tail_bytes,
                "tail_first_line": state.tail_first_line,
                "numbered_from": state.numbered_from,
            },
        )


def _is_of(stream: _StreamId) -> ColumnElement[bool]:
    return and_(*(tail_chunks.c[name] == value for name, value in stream.columns().items()))


def _any_within(numbers: Sequence[int], first: int, end: int) -> bool:
    """Whether any of ascending `numbers` lies in ``[first, end)``."""
    index = bisect_left(numbers, first)
    return index < len(numbers) and numbers[index] < end


def _numbered_from(stream: _StreamId, state: _StreamState, first_line: int) -> int:
    if stream.writer == SOLE_WRITER or stream.stream is Stream.CONSOLE:
        return 0
    return min(state.numbered_from, first_line) if state.version else first_line


def _slices(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]
