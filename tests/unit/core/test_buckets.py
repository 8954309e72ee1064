"""Downsampling keeps every point."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from kymograph.core.buckets import bucket_edges, downsample
from kymograph.core.history import Mark
from tests.unit.columns import as_lists

finite = st.floats(allow_nan=False, allow_infinity=False)


def draw(*arguments: Any) -> Any:
    return as_lists(downsample(*arguments))


def floats(*values: float) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return np.array(values, np.float64)


def test_edges_begin_and_end_at_the_bounds() -> None:
    assert bucket_edges(0.0, 10.0, 4).tolist() == [0, 2.5, 5, 7.5, 10]


@given(finite, finite, st.integers(1, 5000))
def test_edges_ascend_and_are_finite_whatever_the_bounds(first: float, second: float, width: int) -> None:
    low, high = sorted((first, second))

    edges = bucket_edges(low, high, width)
    assert len(edges) == width + 1
    assert (edges[0], edges[-1]) == (low, high)
    assert np.isfinite(edges).all()
    assert (edges[1:] >= edges[:-1]).all()


def test_the_last_bucket_holds_its_upper_bound() -> None:
    buckets = draw(floats(0, 1, 2, 3, 4), floats(0, 1, 2, 3, 4), bucket_edges(0.0, 4.0, 2))

    assert buckets.count == [2, 3]
    assert buckets.max == [1, 4]


def test_all_points_at_one_place_are_one_bucket() -> None:
    buckets = draw(floats(7, 7, 7), floats(1, math.nan, 3), bucket_edges(7.0, 7.0, 2))

    assert (buckets.x, buckets.count, buckets.mean) == ([7], [2], [2])
    assert buckets.nan == (Mark(7, 7, 1),)


def test_a_bucket_of_nan_alone_has_no_mean() -> None:
    buckets = draw(floats(0, 1, 2, 3), floats(1, 1, math.nan, math.nan), bucket_edges(0.0, 3.0, 2))

    assert (buckets.mean, buckets.min, buckets.max, buckets.count) == ([1, None], [1, None], [1, None], [2, 0])


def test_kinds_of_non_finite_points_are_told_apart() -> None:
    values = floats(math.nan, math.inf, -math.inf, math.inf, 0)

    buckets = draw(floats(0, 1, 2, 3, 4), values, bucket_edges(0.0, 4.0, 1))
    assert buckets.nan == (Mark(0, 0, 1),)
    assert buckets.pos_inf == (Mark(1, 3, 2),)
    assert buckets.neg_inf == (Mark(2, 2, 1),)


def test_nothing_gives_nothing() -> None:
    buckets = draw(floats(), floats(), bucket_edges(0.0, 1.0, 3))

    assert (buckets.is_exact, buckets.x, buckets.nan) == (True, [], ())


@settings(deadline=None)
@given(st.lists(st.tuples(finite, st.floats()), min_size=1, max_size=60), st.integers(1, 12))
def test_every_point_is_counted_once(points: list[tuple[float, float]], width: int) -> None:
    points.sort(key=lambda point: point[0])
    x, values = floats(*(point[0] for point in points)), floats(*(point[1] for point in points))

    buckets = draw(x, values, bucket_edges(x[0], x[-1], width))
    marks = (*buckets.nan, *buckets.pos_inf, *buckets.neg_inf)
    assert sum(buckets.count) + sum(mark.count for mark in marks) == len(points)
    assert len(buckets.x) <= max(width, 1)
    for low, mean, high in zip(buckets.min, buckets.mean, buckets.max, strict=True):
        assert (low is None) == (mean is None) == (high is None)
        if low is not None and mean is not None and high is not None:
            assert low <= mean <= high
