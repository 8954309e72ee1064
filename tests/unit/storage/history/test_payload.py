"""Packed lines."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from kymograph.storage.history.payload import encode_lines, pick_lines

LINES = st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=8), min_size=1, max_size=12)


@given(LINES, st.data())
def test_picked_lines_are_those_of_their_places(lines: list[str], data: st.DataObject) -> None:
    places = data.draw(st.lists(st.integers(0, len(lines) - 1), max_size=8))

    assert pick_lines(encode_lines(lines).payload, places) == [lines[place] for place in places]
