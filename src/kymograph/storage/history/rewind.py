"""Dropping the history after a step, from segments and tail alike.

Lines of the tail go into the archive; of segments, a bound hides the rows beyond it. Where a line that is dropped hides
one of a segment under it, that one is dropped too, or it would come back.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from kymograph.core.history import Stream
from kymograph.core.rows import step_of_line
from kymograph.storage.base import Database, Transaction
from kymograph.storage.history.base import Chunk, Segment, SegmentExtent, StreamVersion
from kymograph.storage.history.chunks import visible_chunks
from kymograph.storage.history.payload import decode_lines
from kymograph.storage.history.segments.files import SegmentFiles
from kymograph.storage.history.snapshot import lies_under
from kymograph.types import RunKey, WriterId


@dataclass(frozen=True, slots=True)
class _Before:
    """The history as it is."""

    versions: Mapping[WriterId, StreamVersion]
    segments: tuple[Segment, ...]
    hiding: tuple[Chunk, ...]
    """Chunks of the tail, if they may hide lines of segments."""


def prepare_rewind(
    database: Database, files: SegmentFiles, run: RunKey, *, after_step: int
) -> Callable[[Transaction], bool]:
    """The job that drops the history of a run after a step; see `HistoryReader.rewind`.

    Raises:
        StoreCorrupt: A segment that holds rows on both sides of the step is missing or damaged.
    """
    before = database.read(lambda tx: _look(tx, run))
    dropped = _dropped_numbers(before.hiding, after_step)
    changes = [(segment, _changed(files, segment, after_step, dropped)) for segment in before.segments]
    kept_ends: dict[WriterId, int] = {}
    for _, changed in changes:
        for extent in changed.extents:
            kept_ends[extent.writer] = max(kept_ends.get(extent.writer, 0), extent.end_line)

    def job(tx: Transaction) -> bool:
        # Locked before looking: a compaction between the look and the change would carry later steps past both.
        tx.segments.lock(run, Stream.HISTORY)
        if _versions(tx, run) != before.versions:
            return False
        if not all(tx.segments.change(segment, changed) for segment, changed in changes if changed != segment):
            return False
        tx.tail.truncate(run, after_step=after_step, kept_ends=kept_ends if changes else None)
        return True

    return job


def _versions(tx: Transaction, run: RunKey) -> Mapping[WriterId, StreamVersion]:
    return tx.tail.versions([run], Stream.HISTORY).get(run, {})


def _look(tx: Transaction, run: RunKey) -> _Before:
    versions = _versions(tx, run)
    segments = tuple(tx.segments.list_live([run], Stream.HISTORY).get(run, ()))
    firsts = {writer: version.tail_first_line for writer, version in versions.items()}
    is_hiding = any(lies_under(segment, firsts) for segment in segments)
    return _Before(versions, segments, tuple(tx.tail.chunks(run, Stream.HISTORY)) if is_hiding else ())


def _dropped_numbers(chunks: Sequence[Chunk], after_step: int) -> Mapping[WriterId, set[int]]:
    dropped: dict[WriterId, set[int]] = defaultdict(set)
    for visible in visible_chunks(chunks):
        lines = decode_lines(visible.chunk.payload)[visible.skip : visible.skip + visible.count]
        for number, line in enumerate(lines, start=visible.first_line):
            if step_of_line(line, number) > after_step:
                dropped[visible.chunk.writer].add(number)
    return dropped


def _changed(files: SegmentFiles, segment: Segment, after_step: int, dropped: Mapping[WriterId, set[int]]) -> Segment:
    """What a rewind leaves of a segment."""
    changed = segment
    # A line that is no row has its number for a step.
    last = max([segment.last_step, *(extent.end_line - 1 for extent in segment.extents)])
    if last > after_step and (segment.last_kept_step is None or segment.last_kept_step > after_step):
        changed = _clipped(files, segment, after_step)
    extents = [piece for extent in changed.extents for piece in _without(extent, dropped.get(extent.writer, set()))]
    if extents != list(changed.extents):
        changed = replace(changed, extents=tuple(extents), is_partial=True)
    return changed


def _clipped(files: SegmentFiles, segment: Segment, after_step: int) -> Segment:
    """A segment without its rows beyond a step: its lines end with the last one that stays."""
    file = files.points(segment)
    rows = file.rows
    if segment.last_step <= after_step and not any(number > after_step for _, number in file.unreadable):
        return segment
    end = int(np.searchsorted(rows.steps, after_step, side="right"))
    kept: list[SegmentExtent] = []
    for writer in dict.fromkeys(extent.writer for extent in segment.extents):
        codes = [code for code, name in enumerate(rows.writer_names) if name == writer]
        numbers = rows.numbers[:end][np.isin(rows.writers[:end], codes)].tolist()
        numbers += [number for of, number in file.unreadable if of == writer and number <= after_step]
        last = max(numbers, default=-1)
        kept += [
            replace(extent, end_line=min(extent.end_line, last + 1))
            for extent in segment.extents
            if extent.writer == writer and extent.first_line <= last
        ]
    return replace(segment, last_kept_step=after_step, extents=tuple(kept), row_count=end)


def _without(extent: SegmentExtent, dropped: set[int]) -> list[SegmentExtent]:
    """An extent without some of its lines."""
    pieces: list[SegmentExtent] = []
    first = extent.first_line
    for number in sorted(number for number in dropped if extent.first_line <= number < extent.end_line):
        if number > first:
            pieces.append(replace(extent, first_line=first, end_line=number))
        first = number + 1
    if first < extent.end_line:
        pieces.append(replace(extent, first_line=first))
    return pieces
