"""Lines of one moment, readable when the transaction that saw them has ended.

An export lasts as long as its reader likes, and no transaction may stay open for that. What it needs of the tail is
taken along, compressed as it is stored; segments are files that nobody changes, and that stay for a while when they are
replaced.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from kymograph.core.lines import Piece, VisibleRange, visible_ranges
from kymograph.errors import StoreCorrupt
from kymograph.storage.history.base import Chunk, Segment
from kymograph.storage.history.chunks import visible_chunks
from kymograph.storage.history.payload import decode_lines, decompress
from kymograph.storage.history.segments.files import SegmentFiles
from kymograph.storage.history.segments.lines import Frame, LinesFile
from kymograph.storage.history.views import LineRef
from kymograph.types import RunKey, WriterId

_BLOCKS_KEPT = 8
"""Decoded blocks of lines: rows are read in order of steps, which is nearly always the order of lines."""

_Writer = tuple[RunKey, WriterId]


@dataclass(frozen=True, slots=True)
class _Block:
    """Consecutive lines of one writer that are stored together."""

    first: int
    end: int
    load: Callable[[], list[str]]


class FrozenLines:
    """The lines of some runs. Belongs to one thread at a time."""

    def __init__(self) -> None:
        self._blocks: dict[_Writer, list[_Block]] = defaultdict(list)
        self._ranges: dict[_Writer, list[VisibleRange]] = {}
        self._segments: list[tuple[SegmentFiles, Segment]] = []
        self._decoded: OrderedDict[tuple[_Writer, int], list[str]] = OrderedDict()

    def add_segment(self, files: SegmentFiles, segment: Segment) -> None:
        """Add the lines of a segment; what is added after it hides them.

        Raises:
            StoreCorrupt: Its object is missing, or its index is damaged.
        """
        file = files.lines(segment)
        self._segments.append((files, segment))
        ends = {extent.writer: extent.end_line for extent in segment.extents}
        for frame in file.frames():
            # Beyond the extent lies what a rewind took.
            end = min(frame.end, ends.get(frame.writer, 0))
            if frame.first_line < end:
                self._blocks[segment.run, frame.writer].append(
                    _Block(frame.first_line, end, partial(_lines_of_frame, file, frame))
                )

    def add_tail(self, run: RunKey, chunks: Iterable[Chunk]) -> None:
        """Take the lines of chunks along."""
        for lines in visible_chunks(chunks):
            end = lines.first_line + lines.count
            self._blocks[run, lines.chunk.writer].append(
                _Block(lines.first_line, end, partial(_lines_of_chunk, lines.chunk.payload, lines.skip, lines.count))
            )

    def verify(self) -> None:
        """Unpack every line of the segments once: what is damaged must be known before the first byte goes out.

        Raises:
            StoreCorrupt: Names the object.
        """
        for files, segment in self._segments:
            file = files.lines(segment)
            for frame in file.frames():
                try:
                    decompress(file.payloads([frame])[0])
                except StoreCorrupt as exc:
                    raise StoreCorrupt(segment.lines_key, problem=exc.problem) from exc

    def pick(self, run: RunKey, writer: WriterId, numbers: Sequence[int]) -> list[str | None]:
        """Lines by number, in the order asked for; None for those that are not there."""
        found: list[str | None] = []
        first = end = base = 0
        lines: list[str] = []
        for number in numbers:
            if not first <= number < end:
                visible = self._find((run, writer), number)
                if visible is None:
                    found.append(None)
                    continue
                first, end = visible.first, visible.end
                base, lines = self._load((run, writer), visible.seq)
            found.append(lines[number - base])
        return found

    def lines(self, refs: Iterable[LineRef]) -> Mapping[LineRef, str]:
        """Lines by reference; those that are not there are left out."""
        wanted: dict[_Writer, list[int]] = defaultdict(list)
        for ref in refs:
            wanted[ref.run, ref.writer].append(ref.number)
        found: dict[LineRef, str] = {}
        for (run, writer), numbers in wanted.items():
            ordered = sorted(numbers)
            for number, line in zip(ordered, self.pick(run, writer, ordered), strict=True):
                if line is not None:
                    found[LineRef(run, writer, number)] = line
        return found

    def _find(self, writer: _Writer, number: int) -> VisibleRange | None:
        """The lines around one that the same block holds and no later one hides."""
        if writer not in self._ranges:
            pieces = (Piece(seq, block.first, block.end) for seq, block in enumerate(self._blocks.get(writer, ())))
            self._ranges[writer] = visible_ranges(pieces)
        ranges = self._ranges[writer]
        index = bisect_right(ranges, number, key=_first_of) - 1
        return ranges[index] if index >= 0 and number < ranges[index].end else None

    def _load(self, writer: _Writer, index: int) -> tuple[int, list[str]]:
        """A block's lines, and the number of its first one."""
        block = self._blocks[writer][index]
        lines = self._decoded.get((writer, index))
        if lines is None:
            lines = self._decoded[writer, index] = block.load()
            while len(self._decoded) > _BLOCKS_KEPT:
                self._decoded.popitem(last=False)
        return block.first, lines


def _lines_of_frame(file: LinesFile, frame: Frame) -> list[str]:
    return decode_lines(file.payloads([frame])[0])


def _lines_of_chunk(payload: bytes, skip: int, count: int) -> list[str]:
    return decode_lines(payload)[skip : skip + count]


def _first_of(visible: VisibleRange) -> int:
    return visible.first
