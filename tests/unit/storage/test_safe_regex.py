"""Patterns from users."""

from __future__ import annotations

import time

import pytest

from kymograph.errors import InvalidFilter
from kymograph.storage.safe_regex import MAX_PATTERN_LENGTH, check, search, search_all


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


PATTERNS = [
    "run-77",
    "7$",
    "^a.*b",
    "(?i)BEST",
    r"\brun\b",
    "[0-9]+-x",
    "(?:a|b)+",
    r"\[x",
    "x{2}",
    "[]a]",
    "[^]a]",
    "[[]",
]


@pytest.mark.parametrize("pattern", PATTERNS)
def test_many_texts_are_searched_as_one_is(pattern: str) -> None:
    texts = [
        "best-run-77",
        "a\nb",
        "ab",
        "Best",
        "12-x",
        "[x",
        "xx",
        "]",
        "[",
        "",
        "b" * 1_000,
        *("x" * 40).split("y"),
    ] * 5

    assert search_all(pattern, texts) == [search(pattern, text) for text in texts]


@pytest.mark.parametrize("pattern", [r"(c+)+$", r"c*c*c*c*c*d", r"(?:c|cc)+$"])
@pytest.mark.parametrize("length", [300, 5_000])
def test_endless_backtracking_over_many_texts_ends_soon(pattern: str, length: int) -> None:
    began = time.monotonic()

    found = search_all(pattern, ["c" * (length - number % 50) + "!" for number in range(2_000)])

    assert not any(found)
    assert time.monotonic() - began < 20  # a busy machine; unbounded it takes minutes
