"""Which rows of a history a query means: those that hold some keys."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

import numpy as np

from kymograph.core.history import KeyMode
from kymograph.storage.history.columns import Ints
from kymograph.storage.history.views import HistoryView
from kymograph.types import MetricName


def matching_steps(view: HistoryView, keys: Sequence[MetricName], mode: KeyMode) -> Ints:
    """Ascending steps of the rows that hold the keys; of all rows where there are none."""
    if not keys:
        return view.steps()
    present = [view.presence(key) for key in keys]
    if mode is KeyMode.ANY:
        return np.unique(np.concatenate(present))
    return reduce(lambda left, right: np.intersect1d(left, right, assume_unique=True), present)
