"""Values of rows that columns tell exactly, so that no line has to be read for them."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from kymograph.core.exact_json import MAX_EXACT_INT
from kymograph.core.history import STEP
from kymograph.core.value_kinds import BOOLEAN, FLOAT, INTEGER, LAST_NUMERIC
from kymograph.storage.history.columns import Floats, Ints, Series
from kymograph.storage.history.slices import SegmentSlice
from kymograph.storage.history.views import HistoryView
from kymograph.types import MetricName


class _Missing:
    """Marks a row that has no value."""


MISSING: Final = _Missing()


def known_values(view: HistoryView, key: MetricName, steps: Ints) -> list[Any] | None:
    """What rows hold under a top-level key, `MISSING` where nothing; the step of a row that has logged none.

    Returns:
        A value for each step, or None where the columns do not tell: texts, lists and mappings, numbers that a double
        may not tell apart from their neighbours, and keys that also lie inside of mappings.
    """
    if not _is_flat(view, key):
        return None
    series = view.series(key)
    if not len(series.steps):
        return steps.tolist() if key == STEP else [MISSING] * len(steps)
    if len(series.steps) == len(steps) and bool((series.steps == steps).all()):
        return _exact(series.values, series)
    index = np.minimum(np.searchsorted(series.steps, steps), len(series.steps) - 1)
    is_there = series.steps[index] == steps
    found = series.take(index)
    values = _exact(found.values, found)
    if values is None or bool(is_there.all()):
        return values
    others = steps.tolist() if key == STEP else [MISSING] * len(steps)
    return [value if holds else other for value, holds, other in zip(values, is_there.tolist(), others, strict=True)]


def _is_flat(view: HistoryView, key: MetricName) -> bool:
    """Whether all that is known under a name was logged as a top-level key that never held a mapping."""
    for item in view.slices:
        if isinstance(item, SegmentSlice):
            if item.file.find_presence(key) is not None:
                return False
            tops = {metric.top for metric in item.file.find(key)}
        else:
            sources = item.sources(key)
            tops = {top for top, _ in sources}
            held = sum(len(series.steps) for _, series in sources)
            if len(item.top_lines(key).steps) != held:
                return False
        if tops - {key}:
            return False
    return True


def _exact(values: Floats, series: Series) -> list[Any] | None:
    codes = series.codes
    if bool((codes > LAST_NUMERIC).any()):
        return None
    magnitudes = np.abs(values)
    if bool(((magnitudes >= MAX_EXACT_INT) & (magnitudes == np.floor(magnitudes))).any()):
        return None
    plain: list[Any] = values.tolist()
    if bool((codes == FLOAT).all()):
        return plain
    if bool((codes == INTEGER).all()):
        integers: list[Any] = values.astype(np.int64).tolist()
        return integers
    kinds = {FLOAT: float, INTEGER: int, BOOLEAN: bool}
    return [kinds[code](value) for value, code in zip(plain, codes.tolist(), strict=True)]
