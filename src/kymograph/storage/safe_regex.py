"""Regular expressions from users, bounded in time.

The standard library's engine backtracks without end on patterns like ``(a+)+$``; the `regex` package takes the same
syntax and a timeout.
"""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from contextlib import suppress
from functools import lru_cache

import regex  # type: ignore[import-untyped]  # its stubs are a package of their own

from kymograph.errors import InvalidFilter

MAX_PATTERN_LENGTH = 500
MAX_TEXT_LENGTH = 10_000
"""Texts are searched up to here."""
_TIMEOUT_S = 0.25
"""For one text."""
_SLOW_S = 0.005
"""Usual patterns take microseconds."""
_BUDGET_S = 0.5
"""What a pattern may spend on texts on which it is slow."""
_MAX_REMEMBERED = 1_000
_TEXTS_AT_ONCE = 1_000
_SHORT_TEXT = 500
"""Up to here a pattern that takes quadratic time is done in milliseconds."""


def check(pattern: str) -> None:
    """Make sure a pattern can be used.

    Raises:
        InvalidFilter: Too long, not a regular expression, or found to take too long.
    """
    if len(pattern) > MAX_PATTERN_LENGTH:
        raise InvalidFilter(f"the pattern has {len(pattern):,} characters, at most {MAX_PATTERN_LENGTH} are allowed")
    _compile(pattern)
    if pattern in _too_slow:
        raise InvalidFilter(f"{pattern!r} takes too long on some texts; write it without nested repetitions")


def search(pattern: str, text: str) -> bool:
    """Whether the pattern matches anywhere in the first `MAX_TEXT_LENGTH` characters.

    A pattern that has taken too long matches nothing from then on, so that a query over many texts ends; `check` after
    the query tells.
    """
    if pattern in _too_slow:
        return False
    began = time.thread_time()
    try:
        return _compile(pattern).search(text, 0, MAX_TEXT_LENGTH, timeout=_TIMEOUT_S) is not None
    except TimeoutError:
        return False
    finally:
        _account(pattern, time.thread_time() - began)


def search_many(pattern: str, texts: Sequence[str]) -> list[bool]:
    """`search` in many texts at once, for a fraction of what as many calls would cost.

    Raises:
        InvalidFilter: The pattern cannot be used, or takes too long.
    """
    check(pattern)
    find = _compile(pattern).search
    found: list[bool] = []
    # Watching the time takes six times as long as searching a short text.
    is_quick = _is_quick(pattern)
    for start in range(0, len(texts), _TEXTS_AT_ONCE):
        some = texts[start : start + _TEXTS_AT_ONCE]
        began = time.thread_time()
        with suppress(TimeoutError):
            if is_quick and max(map(len, some)) <= _SHORT_TEXT:
                found += [find(text) is not None for text in some]
            else:
                found += [find(text, 0, MAX_TEXT_LENGTH, timeout=_TIMEOUT_S) is not None for text in some]
        spent_s = time.thread_time() - began
        if len(found) < start + len(some) or spent_s > _SLOW_S * len(some):
            _account(pattern, max(spent_s, _SLOW_S))
            _too_slow.add(pattern)
            check(pattern)
    return found


def _is_quick(pattern: str) -> bool:
    """Whether a pattern takes at most quadratic time: two repetitions without an end, none of a group."""
    plain = _ESCAPED_OR_CLASS.sub("x", pattern)
    repetitions = _REPETITION.findall(plain)
    return len(repetitions) <= 2 and not any(before == ")" for before, _ in repetitions) and "(?" not in plain


_ESCAPED_OR_CLASS = re.compile(r"\\[^\d]|\[\^?\]?(?:[^\]\\]|\\.)*\]", re.DOTALL)
_REPETITION = re.compile(r"(.|^)([*+]|\{)", re.DOTALL)


def _account(pattern: str, spent_s: float) -> None:
    if spent_s < _SLOW_S:
        return
    if len(_slow_s) >= _MAX_REMEMBERED:
        _slow_s.clear()
        _too_slow.clear()
    _slow_s[pattern] = _slow_s.get(pattern, 0.0) + spent_s
    if _slow_s[pattern] >= _BUDGET_S:
        _too_slow.add(pattern)


_slow_s: dict[str, float] = {}
"""Processor time that patterns took on texts on which they were slow."""
_too_slow: set[str] = set()


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
