"""Patterns from users."""

from __future__ import annotations

import time
from contextlib import suppress

import pytest

from kymograph.errors import InvalidFilter
from kymograph.storage.safe_regex import MAX_PATTERN_LENGTH, check, search, search_many, to_postgresql


@pytest.mark.parametrize("pattern", ["(", "a{2,1}", "*", "[", "(?P<", "\\", "x" * (MAX_PATTERN_LENGTH + 1)])
def test_what_is_no_pattern_is_refused(pattern: str) -> None:
    with pytest.raises(InvalidFilter):
        check(pattern)


def test_patterns_are_searched_not_matched() -> None:
    assert search("b", "abc")
    assert search("(?i)B", "abc")
    assert not search("^b", "abc")


@pytest.mark.parametrize("pattern", [r"(a+)+$", r"(a|aa)+$", r"(.*a){20}$", r"^(\w+\s?)*$"])
def test_endless_backtracking_is_cut_off_once_for_all_texts(pattern: str) -> None:
    began = time.monotonic()

    found = [search(pattern, "a" * (5_000 + number) + "!") for number in range(1_000)]

    assert not any(found)
    assert time.monotonic() - began < 20  # a busy machine; unbounded it takes minutes


def test_a_pattern_that_took_too_long_is_refused() -> None:
    pattern = r"(b+)+$"
    check(pattern)
    for _ in range(3):
        search(pattern, "b" * 5_000 + "!")

    with pytest.raises(InvalidFilter, match="too long"):
        check(pattern)


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [(r"\bfoo\b", r"\yfoo\y"), (r"\Bx", r"\Yx"), (r"\\b", r"\\b"), ("(?P<name>a)", "(a)"), (r"\d(?:x)", r"\d(?:x)")],
)
def test_the_spelling_of_postgresql(pattern: str, expected: str) -> None:
    assert to_postgresql(pattern) == expected


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("loss", [True, False, True]),
        (r"^val/", [False, False, True]),
        (r"^(train|val)/.*s$", [True, False, True]),
        (r"a.*[+*{(]?", [True, True, True]),
        (r"\w+/\w+\d$", [False, True, False]),
        (r"(?i)LOSS", [True, False, True]),
    ],
)
def test_many_texts_are_searched_as_one_by_one(pattern: str, expected: list[bool]) -> None:
    names = ["train/loss", "train/acc1", "val/loss"]

    assert search_many(pattern, names) == expected == [search(pattern, name) for name in names]


@pytest.mark.parametrize("pattern", [r"(a+)+$", r"(a|a)*$", r"a*a*a*a*a*a*b", r"(?:a*)*c"])
def test_a_slow_pattern_ends_also_over_many_texts(pattern: str) -> None:
    began = time.monotonic()
    with suppress(InvalidFilter):
        search_many(pattern, ["a" * 40] * 20_000)

    assert time.monotonic() - began < 20
