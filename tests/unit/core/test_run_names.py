"""Invented display names."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from kymograph.core.run_names import ADJECTIVES, NOUNS, invent_name


@given(st.text(max_size=64), st.integers(min_value=1))
def test_a_name_is_two_words_and_the_counter(run_id: str, counter: int) -> None:
    name = invent_name(run_id, counter)

    assert re.fullmatch(r"[a-z]+-[a-z]+-\d+", name)
    assert name.endswith(f"-{counter}")
    assert invent_name(run_id, counter) == name


def test_different_runs_mostly_have_different_words() -> None:
    names = {invent_name(f"run{number}", 1) for number in range(1_000)}

    assert len(names) > 900


def test_words_are_listed_once() -> None:
    assert len(set(ADJECTIVES)) == len(ADJECTIVES)
    assert len(set(NOUNS)) == len(NOUNS)
    assert not set(ADJECTIVES) & set(NOUNS)
