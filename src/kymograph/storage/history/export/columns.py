"""Wide columns: one metric each, of one type that holds all its values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson

from kymograph.core import exact_json
from kymograph.core.exact_json import MAX_EXACT_INT
from kymograph.core.history import STEP
from kymograph.core.value_kinds import BOOLEAN, FLOAT, INTEGER, NULL, TEXT
from kymograph.storage.history.columns import Ints
from kymograph.storage.history.export.windows import Pace, Points, Window, Windows
from kymograph.storage.history.segments.draft import needs_text
from kymograph.storage.history.slices import Facts, SegmentSlice, facts_of
from kymograph.storage.history.views import HistoryView

_INT64_BOUND = 2.0**63
_SURVEY_ROWS = 1_000_000
CLIENT_EXACT_INT = 1_000_000
"""The protocol's client writes doubles below this without an exponent, so that integers among them stay integers.

Source: Go's strconv with format 'g'; pinned by tests/e2e/test_parquet_history.py.
"""


class ColumnKind(StrEnum):
    """What a column holds."""

    INTEGER = "integer"
    """64 bits."""
    NUMBER = "number"
    BOOLEAN = "boolean"
    TEXT = "text"
    JSON = "json"
    """Whatever no other kind holds exactly, each value as its JSON."""


@dataclass(frozen=True, slots=True)
class WideColumn:
    """A metric as a column."""

    name: str
    kind: ColumnKind
    is_plain: bool
    """Every row has it, and the protocol's client reads every value of it back as it was logged."""
    points: int = 0
    """Rows that have it, within bounds."""


@dataclass(frozen=True, slots=True)
class Cells:
    """The values of a column in a window."""

    present: npt.NDArray[np.bool_] | None
    """Which rows have one; None if all do."""
    values: npt.NDArray[Any] | list[bytes]
    """Those of the rows that have one: float64, int64 or bool, or UTF-8."""


def step_column() -> WideColumn:
    """The column that comes first."""
    return WideColumn(STEP, ColumnKind.INTEGER, is_plain=True)


# --- which type ------------------------------------------------------------------------------------------------------


def survey(windows: Windows, name: str) -> WideColumn:
    """The column of a metric: looks at all its values, or at what segments say of them."""
    counts, is_nested = _look_at(windows.view, name)
    n_points = sum(counts.values())
    is_plain = n_points == len(windows.steps) and not is_nested
    kinds = frozenset(counts) - {NULL}
    kind = KINDS.get(kinds, ColumnKind.JSON)
    if INTEGER in kinds and kind is not ColumnKind.JSON:
        largest, fits = _largest_integer(windows, name)
        if kind is ColumnKind.NUMBER:
            # Doubles, which say nothing of a value having been logged as an integer.
            fits = largest <= MAX_EXACT_INT
            is_plain = is_plain and largest < CLIENT_EXACT_INT
        if not fits:
            kind = ColumnKind.JSON
    return WideColumn(name, kind, is_plain and (kind is not ColumnKind.JSON or not kinds), n_points)


KINDS: dict[frozenset[int], ColumnKind] = {
    frozenset({FLOAT}): ColumnKind.NUMBER,
    frozenset({INTEGER}): ColumnKind.INTEGER,
    frozenset({FLOAT, INTEGER}): ColumnKind.NUMBER,
    frozenset({BOOLEAN}): ColumnKind.BOOLEAN,
    frozenset({TEXT}): ColumnKind.TEXT,
}
"""By the codes of a column's values; for all others it is JSON."""


def _look_at(view: HistoryView, name: str) -> tuple[dict[int, int], bool]:
    """How many values of each kind a metric has, and whether some of them lie inside a mapping."""
    counts: dict[int, int] = {}
    is_nested = False
    for item in view.slices:
        if isinstance(item, SegmentSlice):
            found = item.file.find(name)
            is_nested = is_nested or any(metric.top != name for metric in found)
            if not view.is_disjoint:
                continue
            code = found[0].code if len(found) == 1 and item.is_whole else None
            if code is not None:
                counts[code] = counts.get(code, 0) + len(found[0])
                continue
        else:
            is_nested = is_nested or any(top != name for top, _ in item.sources(name))
        if view.is_disjoint:
            _count(item.facts(name), counts)
    if not view.is_disjoint:
        _count(facts_of(view.series(name)), counts)
    return counts, is_nested


def _count(facts: Facts | None, counts: dict[int, int]) -> None:
    for code, count in () if facts is None else facts.type_counts:
        counts[code] = counts.get(code, 0) + count


def _largest_integer(windows: Windows, name: str) -> tuple[float, bool]:
    """The largest magnitude of a metric's integers, and whether all of them fit 64 bits."""
    largest, fits = 0.0, True
    for window in windows.iterate(Pace(first=_SURVEY_ROWS, most=_SURVEY_ROWS, budget_bytes=0)):
        for points in window.points(name):
            is_integer = points.codes == INTEGER
            integers = points.values if bool(is_integer.all()) else points.values[is_integer]
            if not len(integers):
                continue
            magnitude = max(abs(float(integers.min())), abs(float(integers.max())))
            largest = max(largest, magnitude)
            if magnitude >= _INT64_BOUND:
                # A double of 2^63 may stand for a number just below it.
                large = np.flatnonzero(is_integer & (np.abs(points.values) >= _INT64_BOUND))
                exact = [int(text) for text in exact_texts(window, name, points, large) if text is not None]
                fits = fits and all(-(2**63) <= value < 2**63 for value in exact)
    return largest, fits


# --- values ----------------------------------------------------------------------------------------------------------


def cells_of(window: Window, column: WideColumn) -> Cells:
    """The values of a column in a window. Nulls that were logged are not told from values that were not."""
    pieces = [_exact(window, column, _without_null(points)) for points in window.points(column.name)]
    rows = [piece[0] for piece in pieces]
    n_present = sum(map(len, rows))
    present: npt.NDArray[np.bool_] | None = None
    if n_present < len(window):
        present = np.zeros(len(window), np.bool_)
        for some in rows:
            present[some] = True
    if column.kind in (ColumnKind.TEXT, ColumnKind.JSON):
        return Cells(present, [text for _, texts in pieces for text in texts])
    arrays = [values for _, values in pieces]
    return Cells(present, arrays[0] if len(arrays) == 1 else np.concatenate([_EMPTY[column.kind], *arrays]))


_EMPTY: dict[ColumnKind, npt.NDArray[Any]] = {
    ColumnKind.NUMBER: np.empty(0, np.float64),
    ColumnKind.INTEGER: np.empty(0, np.int64),
    ColumnKind.BOOLEAN: np.empty(0, np.bool_),
}


def _without_null(points: Points) -> Points:
    is_kept = points.codes != NULL
    if bool(is_kept.all()):
        return points
    kept = np.flatnonzero(is_kept)
    texts = points.texts
    if texts:
        texts = [texts[index] for index in kept.tolist()]
    return Points(points.rows[kept], points.values[kept], points.codes[kept], texts)


def _exact(window: Window, column: WideColumn, points: Points) -> tuple[Ints, Any]:
    """Rows and values, as the type of the column has them."""
    if column.kind is ColumnKind.NUMBER:
        return points.rows, points.values
    if column.kind is ColumnKind.BOOLEAN:
        return points.rows, points.values != 0.0
    if column.kind is ColumnKind.INTEGER:
        return points.rows, _integers(window, column.name, points)
    texts = _documents(window, column.name, points)
    if column.kind is ColumnKind.TEXT:
        return points.rows, [orjson.loads(text).encode() for text in texts]
    return points.rows, texts


def _integers(window: Window, name: str, points: Points) -> Ints:
    large = np.flatnonzero(needs_text(points.values, points.codes))
    if not len(large):
        return points.values.astype(np.int64)
    values = np.where(needs_text(points.values, points.codes), 0.0, points.values).astype(np.int64)
    for index, text in zip(large.tolist(), exact_texts(window, name, points, large), strict=True):
        values[index] = 0 if text is None else int(text)
    return values


def _documents(window: Window, name: str, points: Points) -> list[bytes]:
    """Every value as JSON."""
    found: list[bytes | None] = [None] * len(points.rows)
    wanted = needs_text(points.values, points.codes)
    indices = np.flatnonzero(wanted)
    for index, text in zip(indices.tolist(), exact_texts(window, name, points, indices), strict=True):
        found[index] = b"null" if text is None else text
    for index in np.flatnonzero(~wanted).tolist():
        found[index] = _number_text(float(points.values[index]), int(points.codes[index]))
    return [text for text in found if text is not None]


def _number_text(value: float, code: int) -> bytes:
    if code == BOOLEAN:
        return b"true" if value else b"false"
    return exact_json.dumps(int(value) if code == INTEGER else value).encode()


def exact_texts(window: Window, name: str, points: Points, indices: Ints) -> list[bytes | None]:
    """JSON of some points whose values a double does not hold."""
    if points.texts is not None:
        held: Sequence[bytes | None] = points.texts
        return [held[index] for index in indices.tolist()]
    return window.texts(name, points.rows[indices].tolist())
