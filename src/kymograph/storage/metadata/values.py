"""The index of config and summary values: one row per run and leaf, for filters, sorting and table columns.

Trade-off: a narrow table costs a row per value on write (only values that changed are written), and lets both engines
filter and sort by any key without parsing documents. Columns are addressed by a 64-bit hash of scope and name, which
keeps rows small; `value_columns` lists the names per project. Of a document with more than `MAX_INDEXED_LEAVES` leaves
only the first ones are indexed; `RunStore.values` reads the document for the rest.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache
from hashlib import blake2b
from itertools import islice
from typing import Any

from kymograph.core import exact_json
from kymograph.core.config import unwrap_config
from kymograph.core.filters import Scope
from kymograph.core.flatten import iter_leaves
from kymograph.types import JsonValue

MAX_INDEXED_LEAVES = 5_000
MAX_INDEXED_TEXT = 1_000
"""Texts are compared and sorted by their first characters."""


class Kind(IntEnum):
    """What a leaf is; kinds up to `FLOAT` have a number."""

    NULL = 0
    BOOL = 1
    INT = 2
    FLOAT = 3
    NAN = 4
    TEXT = 5
    LONG_TEXT = 6
    """`text` is its beginning."""
    OTHER = 7
    """Lists, media records, empty mappings."""


_NUMBERS = frozenset({int(Kind.INT), int(Kind.FLOAT)})


@dataclass(frozen=True, slots=True)
class IndexedValue:
    """A leaf as it lies in `run_values`."""

    kind: Kind
    number: float | None
    """Nearest double, also infinite; None for NaN."""
    text: str | None
    """Of texts; and of numbers that the double does not tell exactly, their JSON text."""


def json_text(kind: int, number: float | None, text: str | None) -> str | None:
    """The exact JSON text of an indexed value, None if only the document knows it."""
    if kind in _NUMBERS:
        if text is not None or number is None:
            return text  # what the double cannot tell
        if math.isinf(number):
            return "Infinity" if number > 0 else "-Infinity"
        return repr(number) if kind == Kind.FLOAT else str(int(number))
    if kind == Kind.TEXT:
        return exact_json.dumps(text)
    if kind == Kind.BOOL:
        return "true" if number else "false"
    if kind == Kind.NAN:
        return "NaN"
    return "null" if kind == Kind.NULL else None


def encode_leaf(value: JsonValue) -> IndexedValue:
    """What is indexed of a leaf."""
    if value is None:
        return IndexedValue(Kind.NULL, None, None)
    if isinstance(value, bool):
        return IndexedValue(Kind.BOOL, float(value), None)
    if isinstance(value, int):
        return IndexedValue(Kind.INT, nearest_double(value), exact_digits(value))
    if isinstance(value, float):
        if math.isnan(value):
            return IndexedValue(Kind.NAN, None, None)
        is_negative_zero = value == 0.0 and math.copysign(1.0, value) < 0
        return IndexedValue(Kind.FLOAT, value, "-0.0" if is_negative_zero else None)
    if isinstance(value, str):
        if len(value) > MAX_INDEXED_TEXT:
            return IndexedValue(Kind.LONG_TEXT, None, value[:MAX_INDEXED_TEXT])
        return IndexedValue(Kind.TEXT, None, value)
    return IndexedValue(Kind.OTHER, None, None)


def nearest_double(value: int) -> float:
    """The double nearest to an integer of any size."""
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


def document_leaves(scope: Scope, document: str) -> Iterable[tuple[str, JsonValue]]:
    """Dotted names and leaves of a config or summary document; nothing of one that is no JSON object.

    Config values are taken out of their ``{"value": …}``, and the client's own `_wandb` entry is left out.
    """
    try:
        parsed: Any = exact_json.loads_document(document)
    except ValueError:
        return ()
    if not isinstance(parsed, dict):
        return ()
    return iter_leaves(unwrap_config(parsed) if scope is Scope.CONFIG else parsed)


def index_document(scope: Scope, document: str) -> dict[str, IndexedValue]:
    """What is indexed of a document, by dotted name. Of equal names the last one counts."""
    leaves = islice(document_leaves(scope, document), MAX_INDEXED_LEAVES)
    return {exact_json.replace_surrogates(name): encode_leaf(leaf) for name, leaf in leaves}
