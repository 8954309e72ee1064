"""Functions that SQLite lacks, in Python."""

from __future__ import annotations

import sqlite3

from kymograph.storage.safe_regex import search


def register_functions(connection: sqlite3.Connection) -> None:
    """Teach a connection what filters need.

    `kymograph_regex(pattern, text)` and `kymograph_contains(needle, text)` give 1 or 0, `kymograph_fold(text)` the text
    without case; all give NULL for a NULL text.
    """
    connection.create_function("kymograph_regex", 2, _regex, deterministic=True)
    connection.create_function("kymograph_contains", 2, _contains, deterministic=True)
    connection.create_function("kymograph_fold", 1, _fold, deterministic=True)


def _fold(text: str | None) -> str | None:
    return None if text is None else text.casefold()


def _regex(pattern: str, text: str | None) -> int | None:
    return None if text is None else int(search(pattern, text))


def _contains(needle: str, text: str | None) -> int | None:
    # SQLite's own lower() knows ASCII only.
    return None if text is None else int(needle.casefold() in text.casefold())
