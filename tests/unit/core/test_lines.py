"""Later pieces hide earlier ones."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from kymograph.core.lines import Piece, VisibleRange, visible_ranges


def test_pieces_side_by_side_are_seen_whole() -> None:
    assert visible_ranges([Piece(2, 5, 9), Piece(1, 0, 5)]) == [VisibleRange(1, 0, 5), VisibleRange(2, 5, 9)]


def test_a_later_piece_cuts_an_earlier_one_in_two() -> None:
    assert visible_ranges([Piece(1, 0, 10), Piece(2, 3, 5)]) == [
        VisibleRange(1, 0, 3),
        VisibleRange(2, 3, 5),
        VisibleRange(1, 5, 10),
    ]


def test_no_pieces_show_nothing() -> None:
    assert visible_ranges([]) == []


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(1, 10)), max_size=12))
def test_each_line_is_held_by_the_last_piece_that_covers_it(spans: list[tuple[int, int]]) -> None:
    pieces = [Piece(seq, first, first + size) for seq, (first, size) in enumerate(spans)]

    ranges = visible_ranges(reversed(pieces))
    shown = {line: held.seq for held in ranges for line in range(held.first, held.end)}
    assert shown == {line: piece.seq for piece in pieces for line in range(piece.first, piece.end)}
    assert all(left.end <= right.first for left, right in pairwise(ranges))
