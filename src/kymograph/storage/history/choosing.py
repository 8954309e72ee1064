"""Which rows of a history a query means: those that hold some keys, or some evenly apart."""

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


def even_indices(total: int, samples: int) -> Ints:
    """At most `samples` of `total` indices, evenly apart; the first and the last are among them."""
    if samples >= total:
        return np.arange(total)
    if samples <= 1:
        return np.arange(max(samples, 0))
    # Whole numbers throughout: rounding floats would let two machines choose differently.
    return np.arange(samples) * (total - 1) // (samples - 1)
