"""What a segment is made of, before it is written: rows in merging order, and the points of every metric."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from kymograph.core.exact_json import MAX_EXACT_INT
from kymograph.core.value_kinds import INTEGER, LAST_NUMERIC
from kymograph.types import WriterId

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Codes = npt.NDArray[np.uint8]
Places = npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Rows:
    """Lines in merging order: by step, then number, then writer. The arrays have one shape."""

    steps: Ints
    numbers: Ints
    writers: npt.NDArray[np.int32]
    """Indices into `writer_names`."""
    writer_names: tuple[WriterId, ...]

    def __len__(self) -> int:
        return len(self.steps)


@dataclass(frozen=True, slots=True)
class Points:
    """The points of one metric under one top-level key. The arrays have one shape."""

    places: Places
    """Indices of rows, strictly ascending, at most one row of a step."""
    values: Floats
    """NaN where the value is no number."""
    codes: Codes
    texts: Sequence[bytes | None]
    """JSON of the values that a double does not hold; empty if it holds all of them."""


@dataclass(frozen=True, slots=True)
class Source:
    """One metric under one top-level key of the rows; ``{"a": {"b": 1}}`` has the name ``a.b`` under ``a``."""

    top: str
    name: str
    is_presence: bool
    """Says only in which rows the top-level key is, whatever it holds: what a later mapping leaves out is gone."""
    load: Callable[[], Points]


@dataclass(frozen=True, slots=True)
class Draft:
    """A segment to be written."""

    rows: Rows
    sources: Sequence[Source]
    """In order of first appearance."""
    unreadable: tuple[tuple[WriterId, int], ...]
    """Lines that are no JSON objects, by writer and number."""


def needs_text(values: Floats, codes: Codes) -> npt.NDArray[np.bool_]:
    """Which values only their JSON tells exactly: all that are no numbers, and integers that doubles may round."""
    is_large = ~(np.abs(values) < MAX_EXACT_INT)
    found: npt.NDArray[np.bool_] = (codes > LAST_NUMERIC) | ((codes == INTEGER) & is_large)
    return found
