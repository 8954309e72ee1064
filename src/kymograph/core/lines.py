"""Which of several overlapping pieces holds each line: arithmetic on line numbers, apart from where lines lie."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise


@dataclass(frozen=True, slots=True)
class Piece:
    """Consecutive lines that were stored together."""

    seq: int
    """Later pieces have higher numbers."""
    first: int
    end: int
    """Number after the last line."""


@dataclass(frozen=True, slots=True)
class VisibleRange:
    """Lines ``[first, end)`` are the ones that piece `seq` holds."""

    seq: int
    first: int
    end: int


def visible_ranges(pieces: Iterable[Piece]) -> list[VisibleRange]:
    """Say which piece holds each line, so that later pieces hide earlier ones.

    Args:
        pieces: In any order, each with at least one line.

    Returns:
        Disjoint ranges in ascending order of lines; lines that no piece holds are left out.
    """
    ordered = sorted(pieces, key=lambda piece: piece.first)
    if all(left.end <= right.first for left, right in pairwise(ordered)):
        return [VisibleRange(piece.seq, piece.first, piece.end) for piece in ordered]

    # Disjoint and sorted at every moment; the latest piece goes first, so a piece only fills what is still free.
    taken: list[VisibleRange] = []
    for piece in sorted(ordered, key=lambda piece: -piece.seq):
        index = bisect_left(taken, piece.first, key=lambda held: held.end)
        position = piece.first
        free: list[VisibleRange] = []
        stop = index
        while stop < len(taken) and taken[stop].first < piece.end:
            held = taken[stop]
            if position < held.first:
                free.append(VisibleRange(piece.seq, position, held.first))
            position = max(position, held.end)
            stop += 1
        if position < piece.end:
            free.append(VisibleRange(piece.seq, position, piece.end))
        taken[index:stop] = sorted([*taken[index:stop], *free], key=lambda held: held.first)
    return taken


MAX_RUN_LINES = 10_000
"""Lines that `consecutive` puts together at most: a chunk that is written anew is not to grow without bound."""


def consecutive(lines: Iterable[tuple[int, str]]) -> Iterator[tuple[int, list[str]]]:
    """Group numbered lines, ascending, into runs without gaps: the number of the first line, and the lines."""
    first, run = 0, list[str]()
    for number, line in lines:
        if run and (number != first + len(run) or len(run) == MAX_RUN_LINES):
            yield first, run
            run = []
        if not run:
            first = number
        run.append(line)
    if run:
        yield first, run
