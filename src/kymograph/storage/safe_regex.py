"""Regular expressions from users, bounded in time.

The standard library's engine backtracks without end on patterns like ``(a+)+$``; the `regex` package takes the same
syntax and a timeout.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable
from functools import lru_cache
from itertools import islice

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
_TEXTS_PER_LOOK = 64
_MAX_SIMPLE_LENGTH = 300
_MAX_SIMPLE_REPETITIONS = 2
"""In a text of that length they take some ten milliseconds at the very worst."""


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
        _too_slow.add(pattern)  # nobody knows what it would have found: `check` has to tell
        return False
    finally:
        _account(pattern, time.thread_time() - began)


def search_all(pattern: str, texts: Iterable[str]) -> list[bool]:
    """`search` for many texts.

    To give each search a time limit costs ten times the search of a usual name. Where the pattern and the length of the
    texts bound what a search can take, a look at the clock now and then does instead.
    """
    remaining = iter(texts)
    quick = _compile_quick(pattern)
    found: list[bool] = []
    while some := list(islice(remaining, _TEXTS_PER_LOOK)):
        if pattern in _too_slow:
            found += [False] * len(some)
        elif quick is not None and max(map(len, some)) <= _MAX_SIMPLE_LENGTH:
            began = time.thread_time()
            find = quick.search
            found += [find(text) is not None for text in some]
            _account(pattern, time.thread_time() - began)
        else:
            found += [search(pattern, text) for text in some]
    return found


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


@lru_cache(maxsize=256)
def _compile(pattern: str) -> regex.Pattern[str]:
    try:
        return regex.compile(pattern)
    except (regex.error, RecursionError, OverflowError) as exc:
        raise InvalidFilter(f"{pattern!r} is not a regular expression: {exc}") from exc


@lru_cache(maxsize=256)
def _compile_quick(pattern: str) -> re.Pattern[str] | None:
    """A pattern that repeats few single characters, for the standard library: it takes half the time of the package.

    None for all others, and where the `regex` package means something else by it.
    """
    rest = _ATOMS.sub("", pattern.removeprefix("(?i)"))
    if (
        "(" in rest
        or "[" in rest
        or len(_REPETITIONS.findall(rest)) > _MAX_SIMPLE_REPETITIONS
        or _OTHER.search(pattern)
    ):
        return None
    try:
        return re.compile(pattern)
    except re.error:  # an escape that only the package knows, say
        return None


_ATOMS = re.compile(r"\\.|\[\^?\]?(?:[^\\\[\]]|\\.)*\]", re.DOTALL)
"""Escaped characters and usual sets of characters."""
_REPETITIONS = re.compile(r"[*+{]")
_OTHER = re.compile(r"\[\^?\[|\[:|--|&&|~~|\|\||\{(?!\d*,?\d*\})")
"""Sets in sets, and matches that are nearly right."""
