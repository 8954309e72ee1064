from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kymograph.errors import InvalidMedia
from kymograph.sdk.media import Histogram
from tests.unit.sdk.media.recorded import Recorded, Tensor


def test_counts_are_those_of_numpy() -> None:
    values = np.random.default_rng(1).normal(size=1000)

    histogram = Histogram(values)

    counts, edges = np.histogram(values, bins=64)
    assert (histogram.histogram, histogram.bins) == (counts.tolist(), edges.tolist())


def test_its_form_holds_counts_and_edges(run: Recorded) -> None:
    histogram = Histogram(np_histogram=np.histogram(np.arange(10), bins=3))

    assert histogram.bind(run.place, "k", 0) == {
        "_type": "histogram",
        "values": [3, 3, 4],
        "bins": [0.0, 3.0, 6.0, 9.0],
    }
    assert run.kept == []


def test_lists_are_taken_as_counts_and_edges() -> None:
    assert Histogram(np_histogram=([1], [0, 1])).histogram == [1]


@pytest.mark.parametrize("values", [[1, 2, 3], (1.5, 2), range(5), np.array([[1, 2], [3, 4]]), Tensor(np.arange(4.0))])
def test_any_sequence_of_numbers_is_counted(values: Any) -> None:
    assert sum(Histogram(values).histogram) == np.size(values.numpy() if isinstance(values, Tensor) else values)


@pytest.mark.parametrize("values", [[], [math.nan], [math.inf, -math.inf], np.array([], dtype=np.float32)])
def test_without_a_finite_value_all_bins_are_empty(values: Any) -> None:
    histogram = Histogram(values)

    assert sum(histogram.histogram) == 0
    assert (histogram.bins[0], histogram.bins[-1]) == (0.0, 1.0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"sequence": ["a", "b"]}, "not all numbers"),
        ({"sequence": [[1], [2, 3]]}, "not all numbers"),
        ({"sequence": [1], "num_bins": 513}, "may be 1 to 512"),
        ({"sequence": [1], "num_bins": 0}, "may be 1 to 512"),
        ({"np_histogram": ([1] * 513, [0] * 514)}, "513 bins"),
        ({"np_histogram": ([1], [0])}, "one more edge"),
        ({"np_histogram": ([1], [0], [1])}, "a pair"),
        ({}, "give a sequence"),
    ],
)
def test_what_is_no_histogram_is_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidMedia, match=message):
        Histogram(**arguments)


_arrays = (
    st.lists(st.floats(), max_size=80).map(np.array)
    | st.lists(st.floats(width=32), max_size=80).map(lambda items: np.array(items, dtype=np.float32))
    | st.lists(st.floats(width=16), max_size=80).map(lambda items: np.array(items, dtype=np.float16))
    | st.lists(st.integers(-(2**63), 2**63 - 1), max_size=80).map(lambda items: np.array(items, dtype=np.int64))
    | st.lists(st.integers(0, 2**64 - 1), max_size=80).map(lambda items: np.array(items, dtype=np.uint64))
    | st.lists(st.booleans(), max_size=80).map(np.array)
)


@given(_arrays, st.integers(1, 512))
def test_every_finite_value_falls_into_one_bin(values: np.ndarray, num_bins: int) -> None:
    histogram = Histogram(values, num_bins=num_bins)

    assert sum(histogram.histogram) == np.isfinite(values).sum()
    assert len(histogram.histogram) == num_bins
    assert all(math.isfinite(edge) for edge in histogram.bins)
    assert histogram.bins == sorted(histogram.bins)
