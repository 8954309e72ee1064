"""Colours of runs."""

from __future__ import annotations

from collections import deque

from hypothesis import given
from hypothesis import strategies as st

from kymograph.core.palette import REMEMBERED, SLOTS, assign_slot, first_slot


@given(st.text(max_size=64))
def test_a_name_has_the_same_slot_everywhere(name: str) -> None:
    assert first_slot(name) == first_slot(name)
    assert 0 <= first_slot(name) < SLOTS


def test_known_names_keep_their_slots() -> None:
    """The hash is part of what users see: a change would recolour their next runs."""
    assert [first_slot(name) for name in ("", "a", "b", "abc123", "ключ")] == [11, 3, 18, 17, 18]


@given(st.lists(st.text(min_size=1, max_size=8), min_size=SLOTS, max_size=60))
def test_any_24_runs_in_a_row_differ(names: list[str]) -> None:
    recent: deque[int] = deque(maxlen=REMEMBERED)
    for name in names:
        slot = assign_slot(name, recent)
        assert slot not in recent
        recent.append(slot)


def test_the_search_starts_at_the_names_own_slot_and_steps_by_seven() -> None:
    own = first_slot("abc123")

    assert assign_slot("abc123", ()) == own
    assert assign_slot("abc123", {own}) == (own + 7) % SLOTS
    assert assign_slot("abc123", {own, (own + 7) % SLOTS}) == (own + 14) % SLOTS


def test_a_full_palette_gives_the_names_own_slot() -> None:
    assert assign_slot("abc123", set(range(SLOTS))) == first_slot("abc123")
