"""What search knows of one config or summary leaf: its kind, and a number or a text that it compares by.

Documents are the truth; all of this is derived from them when somebody looks, or by the indexer (see `value_index`).
"""

from __future__ import annotations

import math
from enum import IntEnum
from functools import lru_cache
from hashlib import blake2b

from kymograph.core import exact_json
from kymograph.types import JsonValue

MAX_INDEXED_TEXT = 1_000
"""Texts are compared, sorted and grouped by their first characters."""


class Kind(IntEnum):
    """What a leaf is. Stored in blocks: numbers stay as they are."""

    MISSING = 0
    """Absent or null."""
    BOOL = 1
    INT = 2
    FLOAT = 3
    NAN = 4
    TEXT = 5
    LONG_TEXT = 6
    """Of which only the beginning is known."""
    OTHER = 7
    """Lists, media records, empty mappings."""


TEXT_KINDS = (Kind.TEXT, Kind.LONG_TEXT)
NUMBER_KINDS = (Kind.INT, Kind.FLOAT)


def searched_value(leaf: JsonValue) -> tuple[Kind, float, str | None]:
    """What search knows of a leaf.

    Returns:
        Its kind; the nearest double of a number, also infinite, 1 for true, and 0 for all else; and the text of texts
        and of integers that a double cannot tell from their neighbours.
    """
    if isinstance(leaf, float):
        return (Kind.NAN, 0.0, None) if math.isnan(leaf) else (Kind.FLOAT, leaf, None)
    if isinstance(leaf, str):
        if len(leaf) > MAX_INDEXED_TEXT:
            return Kind.LONG_TEXT, 0.0, leaf[:MAX_INDEXED_TEXT]
        return Kind.TEXT, 0.0, leaf
    if isinstance(leaf, bool):
        return Kind.BOOL, float(leaf), None
    if isinstance(leaf, int):
        return Kind.INT, nearest_double(leaf), exact_digits(leaf)
    return (Kind.MISSING if leaf is None else Kind.OTHER), 0.0, None


def nearest_double(value: float) -> float:
    """The double nearest to a number of any size."""
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def exact_digits(value: int) -> str | None:
    """The digits of an integer that a double may not tell from its neighbours, None for all others."""
    return str(value) if abs(value) > exact_json.MAX_EXACT_INT else None


@lru_cache(maxsize=65_536)
def column_id(scope: str, name: str) -> int:
    """Address of a column: the same for equal scope and name, on every machine."""
    digest = blake2b(f"{scope}\x00{name}".encode(errors="replace"), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)
