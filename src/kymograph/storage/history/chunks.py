"""Which lines of overlapping chunks are the ones that count."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby

from kymograph.core.lines import Piece, visible_ranges
from kymograph.storage.history.base import Chunk


@dataclass(frozen=True, slots=True)
class VisibleLines:
    """Consecutive lines of a chunk that no later chunk hides."""

    chunk: Chunk
    skip: int
    """Lines of the chunk before them."""
    count: int

    @property
    def is_whole(self) -> bool:
        """Whether nothing of the chunk is hidden."""
        return self.count == self.chunk.line_count

    @property
    def first_line(self) -> int:
        """Number of the first of them."""
        return self.chunk.first_line + self.skip


def visible_chunks(chunks: Iterable[Chunk]) -> Iterator[VisibleLines]:
    """What counts of chunks, by writer and number. Of one writer, each has a `seq` of its own, or shares no lines."""
    by_writer = sorted(chunks, key=lambda chunk: chunk.writer)
    for _, group in groupby(by_writer, key=lambda chunk: chunk.writer):
        held = list(group)
        # Frames of one segment share its seq; among them no line comes twice, so any order will do.
        ranks = sorted(range(len(held)), key=lambda index: held[index].seq)
        pieces = [
            Piece(rank, held[index].first_line, held[index].first_line + held[index].line_count)
            for rank, index in enumerate(ranks)
        ]
        for visible in visible_ranges(pieces):
            chunk = held[ranks[visible.seq]]
            yield VisibleLines(chunk, visible.first - chunk.first_line, visible.end - visible.first)
