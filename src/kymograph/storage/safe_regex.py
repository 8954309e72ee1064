"""Regular expressions from users, bounded in time.

The standard library's engine backtracks without end on patterns like ``(a+)+$``; the `regex` package takes the same
syntax and a timeout.
"""

from __future__ import annotations

import re
from functools import lru_cache

import regex  # type: ignore[import-untyped]  # its stubs are a package of their own

from kymograph.errors import InvalidFilter

MAX_PATTERN_LENGTH = 500
MAX_TEXT_LENGTH = 10_000
"""Texts are searched up to here."""
_TIMEOUT_S = 0.05
"""For one text; usual patterns take microseconds."""


def check(pattern: str) -> None:
    """Make sure a pattern can be used.

    Raises:
        InvalidFilter: Too long, or not a regular expression.
    """
    if len(pattern) > MAX_PATTERN_LENGTH:
        raise InvalidFilter(f"the pattern has {len(pattern):,} characters, at most {MAX_PATTERN_LENGTH} are allowed")
    _compile(pattern)


def search(pattern: str, text: str) -> bool:
    """Whether the pattern matches anywhere in the first `MAX_TEXT_LENGTH` characters; False when it takes too long."""
    try:
        return _compile(pattern).search(text, 0, MAX_TEXT_LENGTH, timeout=_TIMEOUT_S) is not None
    except TimeoutError:
        return False


def to_postgresql(pattern: str) -> str:
    r"""The pattern in PostgreSQL's spelling, where it differs: word boundaries and named groups."""

    def spelled(found: re.Match[str]) -> str:
        return "(" if found[0].startswith("(") else _POSTGRESQL.get(found[0], found[0])

    return _DIFFERENT.sub(spelled, pattern)


_DIFFERENT = re.compile(r"\\.|\(\?P<\w+>", re.DOTALL)
_POSTGRESQL = {r"\b": r"\y", r"\B": r"\Y"}


@lru_cache(maxsize=256)
def _compile(pattern: str) -> regex.Pattern[str]:
    try:
        return regex.compile(pattern)
    except (regex.error, RecursionError, OverflowError) as exc:
        raise InvalidFilter(f"{pattern!r} is not a regular expression: {exc}") from exc
