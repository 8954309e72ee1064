"""Builds segments: from chunks of the tail, from segments that later lines hide in part, and from smaller segments.

Everything here reads one snapshot and writes objects; nothing is changed in the database. What was built is put in
place by `SegmentStore.replace`, which refuses if anything that went into it has changed since. Objects that nobody puts
in place are garbage: object first, row second.
"""

from __future__ import annotations

import secrets
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import BinaryIO

import numpy as np

from kymograph.core.history import Stream
from kymograph.errors import KymographError, ServerBusy, StorageFull, StoreCorrupt, UsageError
from kymograph.storage.base import Database, Transaction
from kymograph.storage.durable import NO_SPACE, open_steadily
from kymograph.storage.history.base import (
    COMPACTED_STREAMS,
    SEGMENT_OBJECTS,
    Chunk,
    Replacement,
    Segment,
    SegmentExtent,
)
from kymograph.storage.history.chunks import VisibleLines, visible_chunks
from kymograph.storage.history.columns import Columns
from kymograph.storage.history.payload import decode_lines, decompress, encode_lines
from kymograph.storage.history.segments.draft import Draft, Places, Points, Rows, Source
from kymograph.storage.history.segments.files import SegmentFiles
from kymograph.storage.history.segments.lines import LinesWriter
from kymograph.storage.history.segments.points import PointsFile
from kymograph.storage.history.segments.points_writer import write_points
from kymograph.storage.history.snapshot import chunks_of_segment, lies_under
from kymograph.storage.objects.base import ObjectStore
from kymograph.types import ObjectKey, RunKey, WriterId


@dataclass(frozen=True, slots=True)
class Limits:
    """What a compactor takes on at once."""

    raw_bytes: int = 48 * 1024 * 1024
    """Unpacked lines that are decoded together; parsed, they take some ten times as much memory for a moment."""
    fan_in: int = 8
    """Segments of one tier that are merged: each point is written about once per tier."""
    segment_bytes: int = 192 * 1024 * 1024
    """Segments are not merged beyond this size: they are what a server without local objects fetches."""
    decoded_bytes: int = 48 * 1024 * 1024
    """Segments that share steps are decoded to merge them, up to this size together."""


class SegmentBuilder:
    """`SegmentFactory` in this process."""

    def __init__(
        self, database: Database, objects: ObjectStore, files: SegmentFiles, *, scratch: Path, limits: Limits
    ) -> None:
        """Read from `database` and `files`, write to `objects`.

        Args:
            database: Chunks and what segments there are.
            objects: Where segments go.
            files: Segments to read.
            scratch: A folder for files under way.
            limits: How much at once.
        """
        self._database = database
        self._objects = objects
        self._files = files
        self._scratch = scratch
        self._limits = limits

    # docstrings inherited

    def close(self) -> None:
        """Docstring inherited."""

    def compact(self, run: RunKey, stream: Stream, *, take_open: bool) -> Replacement | None:
        """Docstring inherited."""
        if stream not in COMPACTED_STREAMS:
            raise UsageError(f"{stream.value} lines stay in the tail")
        plan = self._database.read(lambda tx: self._choose(tx, run, stream, take_open=take_open))
        if plan is None:
            return None
        chunks, hidden, under = *plan, list[Chunk]()
        for segment in list(hidden):
            try:
                under += chunks_of_segment(self._files, segment)
            except StoreCorrupt:
                hidden.remove(segment)  # it stays and is reported: what is not damaged must not wait for it
        visible = list(visible_chunks([*under, *chunks]))
        columns = Columns(stream, keeps_texts=True)
        for lines in visible:
            chunk = lines.chunk
            columns.extend(
                chunk.writer, chunk.first_line, decompress(chunk.payload), skip=lines.skip, count=lines.count
            )
        segment = self._write(run, stream, columns.draft(), partial(_write_chunks, visible), _extents(visible), tier=0)
        return Replacement(run, stream, segment, tuple(chunk.seq for chunk in chunks), tuple(hidden))

    def _choose(
        self, tx: Transaction, run: RunKey, stream: Stream, *, take_open: bool
    ) -> tuple[list[Chunk], list[Segment]] | None:
        """The oldest chunks of a stream, and the segments that share lines with them."""
        chunks = tx.segments.list_chunks(run, stream, max_raw_bytes=self._limits.raw_bytes, take_open=take_open)
        firsts: dict[WriterId, int | None] = {}
        for chunk in chunks:
            known = firsts.get(chunk.writer)
            firsts[chunk.writer] = chunk.first_line if known is None else min(known, chunk.first_line)
        hidden = [
            segment for segment in tx.segments.list_live([run], stream).get(run, ()) if lies_under(segment, firsts)
        ]
        return (chunks, hidden) if chunks or hidden else None

    def merge(self, run: RunKey, stream: Stream) -> Replacement | None:
        """Docstring inherited."""
        segments = list(self._database.read(lambda tx: tx.segments.list_live([run], stream)).get(run, ()))
        while True:
            chosen = self._neighbours(segments) or self._entangled(segments)
            if not chosen:
                return None
            damaged = [segment for segment in chosen if not self._is_whole(segment)]
            if not damaged:
                break
            # They stay and are reported; others are merged around them.
            segments = [segment for segment in segments if segment not in damaged]
        if all(_follows(before, after) for before, after in pairwise(chosen)):
            draft = merged_draft([self._files.points(segment) for segment in chosen], chosen)
        else:
            draft = self._decode(stream, chosen)
        extents = _joined_extents(chosen)
        tier = max(segment.tier for segment in chosen) + 1
        segment = self._write(run, stream, draft, partial(self._copy_lines, chosen), extents, tier=tier)
        return Replacement(run, stream, segment, (), tuple(chosen))

    def _neighbours(self, segments: Sequence[Segment]) -> list[Segment]:
        """Segments that follow one another in steps and lines and are as small as one another, if they are many."""
        for of_tier in _by_tier(segments):
            run: list[Segment] = []
            for segment in of_tier:
                run = [*run, segment] if run and _follows(run[-1], segment) else [segment]
                if len(run) == self._limits.fan_in:
                    if sum(map(_size, run)) <= self._limits.segment_bytes:
                        return run
                    run = [segment]
        return []

    def _entangled(self, segments: Sequence[Segment]) -> list[Segment]:
        """Segments of one tier that share steps, if they are many."""
        for of_tier in _by_tier(segments):
            some = of_tier[: self._limits.fan_in]
            is_entangled = not all(_follows(before, after) for before, after in pairwise(some))
            if (
                len(some) == self._limits.fan_in
                and is_entangled
                and sum(map(_size, some)) <= self._limits.decoded_bytes
            ):
                return some
        return []

    def _is_whole(self, segment: Segment) -> bool:
        """Whether both objects are there and can be opened."""
        try:
            self._files.points(segment)
            self._files.lines(segment)
        except StoreCorrupt:
            return False
        return True

    def _decode(self, stream: Stream, segments: Sequence[Segment]) -> Draft:
        columns = Columns(stream, keeps_texts=True)
        chunks = (chunk for segment in segments for chunk in chunks_of_segment(self._files, segment))
        for chunk in sorted(chunks, key=lambda chunk: (chunk.writer, chunk.first_line)):
            columns.extend(chunk.writer, chunk.first_line, decompress(chunk.payload))
        return columns.draft()

    def _copy_lines(self, segments: Sequence[Segment], writer: LinesWriter) -> None:
        for segment in segments:
            for chunk in chunks_of_segment(self._files, segment):
                writer.add(chunk.writer, chunk.first_line, chunk.line_count, chunk.payload)

    def _write(
        self,
        run: RunKey,
        stream: Stream,
        draft: Draft,
        add_lines: Callable[[LinesWriter], None],
        extents: tuple[SegmentExtent, ...],
        *,
        tier: int,
    ) -> Segment:
        """Write both objects; the points last, so that whoever finds those finds the lines too.

        Raises:
            StorageFull: No space for the objects, or for writing them.
            ServerBusy: They cannot be written.
        """
        stem = ObjectKey(f"{SEGMENT_OBJECTS}{run}/{secrets.token_hex(12)}")
        steps = draft.rows.steps
        with self._translated(), tempfile.TemporaryDirectory(dir=self._scratch) as folder:
            lines_path, points_path = Path(folder) / "lines", Path(folder) / "points"
            with open_steadily(lines_path) as file:
                lines_size = _write_lines(file, add_lines)
            with open_steadily(points_path) as file:
                point_count = write_points(file, draft)
            segment = Segment(
                id=0,
                run=run,
                stream=stream,
                object=stem,
                extents=extents,
                first_step=int(steps[0]) if len(steps) else 0,
                last_step=int(steps[-1]) if len(steps) else 0,
                row_count=len(steps),
                point_count=point_count,
                size_bytes=lines_size + points_path.stat().st_size,
                tier=tier,
            )
            self._objects.put_file(segment.lines_key, lines_path)
            self._objects.put_file(segment.points_key, points_path)
        return segment

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """Turn failures of the scratch folder into errors of ours."""
        try:
            yield
        except KymographError:
            raise
        except OSError as exc:
            if exc.errno in NO_SPACE:
                raise StorageFull(f"files under way in {self._scratch}") from exc
            raise ServerBusy(f"files under way cannot be written in {self._scratch}: {exc.strerror}") from exc


def _write_lines(file: BinaryIO, add_lines: Callable[[LinesWriter], None]) -> int:
    writer = LinesWriter(file)
    add_lines(writer)
    return writer.close()


def _write_chunks(visible: Sequence[VisibleLines], writer: LinesWriter) -> None:
    """Whole chunks as they are; of others, what nothing hides, encoded anew."""
    for lines in visible:
        chunk = lines.chunk
        payload = chunk.payload
        if not lines.is_whole:
            payload = encode_lines(decode_lines(payload)[lines.skip : lines.skip + lines.count]).payload
        writer.add(chunk.writer, lines.first_line, lines.count, payload)


def _extents(visible: Sequence[VisibleLines]) -> tuple[SegmentExtent, ...]:
    found: dict[WriterId, SegmentExtent] = {}
    for lines in visible:
        chunk, end = lines.chunk, lines.first_line + lines.count
        before = found.get(chunk.writer, SegmentExtent(chunk.writer, lines.first_line, end, chunk.seq))
        found[chunk.writer] = SegmentExtent(
            chunk.writer,
            min(before.first_line, lines.first_line),
            max(before.end_line, end),
            max(before.seq, chunk.seq),
        )
    return tuple(found[writer] for writer in sorted(found))


def _joined_extents(segments: Sequence[Segment]) -> tuple[SegmentExtent, ...]:
    by_writer: dict[WriterId, list[SegmentExtent]] = defaultdict(list)
    for segment in segments:
        for extent in segment.extents:
            by_writer[extent.writer].append(extent)
    return tuple(
        SegmentExtent(
            writer,
            min(extent.first_line for extent in extents),
            max(extent.end_line for extent in extents),
            max(extent.seq for extent in extents),
        )
        for writer, extents in sorted(by_writer.items())
    )


def _follows(before: Segment, after: Segment) -> bool:
    """Whether two segments can be put one behind the other as they are."""
    last_step = before.last_step if before.last_kept_step is None else min(before.last_step, before.last_kept_step)
    ends = {extent.writer: extent.end_line for extent in before.extents}
    return last_step < after.first_step and all(
        ends.get(extent.writer, 0) <= extent.first_line for extent in after.extents
    )


def _by_tier(segments: Sequence[Segment]) -> list[list[Segment]]:
    """Segments that are there to be merged, by tier, each in order of steps."""
    tiers: dict[int, list[Segment]] = defaultdict(list)
    for segment in segments:
        if not segment.is_partial:
            tiers[segment.tier].append(segment)
    return [tiers[tier] for tier in sorted(tiers)]


def _size(segment: Segment) -> int:
    return segment.size_bytes


# --- merging ---------------------------------------------------------------------------------------------------------


def merged_draft(files: Sequence[PointsFile], segments: Sequence[Segment]) -> Draft:
    """Segments that follow one another as one: arrays are put one behind the other, nothing is decoded.

    Args:
        files: The points, in order of steps.
        segments: The segments that they are of, for what a rewind took.
    """
    kept = [_kept_rows(file, segment) for file, segment in zip(files, segments, strict=True)]
    offsets = np.cumsum([0, *kept]).tolist()
    names = sorted({writer for file in files for writer in file.writer_names})
    recoded = []
    for file, count in zip(files, kept, strict=True):
        code_of = np.array([names.index(writer) for writer in file.writer_names] or [0], np.int32)
        recoded.append(code_of[file.rows.writers[:count]])
    rows = Rows(
        np.concatenate([file.rows.steps[:count] for file, count in zip(files, kept, strict=True)]),
        np.concatenate([file.rows.numbers[:count] for file, count in zip(files, kept, strict=True)]),
        np.concatenate(recoded),
        tuple(names),
    )
    pieces: dict[tuple[str, str, bool], list[Callable[[], Points]]] = {}
    nested = {metric.top for file in files for metric in file.metrics() if metric.is_presence}
    for file, count, offset in zip(files, kept, offsets, strict=False):
        for metric in file.metrics():
            key = (metric.top, metric.name, metric.is_presence)
            pieces.setdefault(key, []).append(partial(_moved_points, metric.to_points, count, offset))
        for top in nested:
            # Where a key never held a mapping, the rows that have it are those of its own values.
            flat = file.find_top(top)
            if flat is not None and not flat.is_presence:
                pieces.setdefault((top, top, True), []).append(partial(_moved_points, flat.to_presence, count, offset))
    sources = [
        Source(top, name, is_presence, partial(_joined_points, loads))
        for (top, name, is_presence), loads in pieces.items()
    ]
    unreadable = tuple(
        (writer, number)
        for file, segment in zip(files, segments, strict=True)
        for writer, number in file.unreadable
        if segment.last_kept_step is None or number <= segment.last_kept_step
    )
    return Draft(rows, sources, unreadable)


def _kept_rows(file: PointsFile, segment: Segment) -> int:
    if segment.last_kept_step is None:
        return file.row_count
    return int(np.searchsorted(file.rows.steps, segment.last_kept_step, side="right"))


def _moved_points(load: Callable[[], Points], row_count: int, offset: int) -> Points:
    points = load()
    end = int(np.searchsorted(points.places, row_count))
    places: Places = points.places[:end] + np.int32(offset)
    return Points(places, points.values[:end], points.codes[:end], points.texts[:end])


def _joined_points(loads: Sequence[Callable[[], Points]]) -> Points:
    pieces = [load() for load in loads]
    if len(pieces) == 1:
        return pieces[0]
    texts: list[bytes | None] = []
    if any(piece.texts for piece in pieces):
        for piece in pieces:
            texts += piece.texts or [None] * len(piece.places)
    return Points(
        np.concatenate([piece.places for piece in pieces]),
        np.concatenate([piece.values for piece in pieces]),
        np.concatenate([piece.codes for piece in pieces]),
        texts,
    )
