"""Exact downsampling: every point of a series is in exactly one bucket, and a bucket says all there is to draw.

Buckets divide an axis ``[x_min, x_max]`` into equal parts. Bucket ``i`` holds the points with
``edges[i] <= x < edges[i + 1]``, the last one those at `x_max` too. A bucket's minimum, maximum, mean and count are
those of its finite values; NaN and infinities become marks. A series that has no more points than there are buckets
is not bucketed: its points are the answer.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from kymograph.core.history import Mark

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Buckets:
    """A downsampled series; the lists have one shape, as in `SeriesBuckets`."""

    is_exact: bool
    x: list[float]
    mean: list[float | None]
    min: list[float | None]
    max: list[float | None]
    count: list[int]
    nan: tuple[Mark, ...]
    pos_inf: tuple[Mark, ...]
    neg_inf: tuple[Mark, ...]


def bucket_edges(x_min: float, x_max: float, width: int) -> Floats:
    """Edges of `width` equal parts of ``[x_min, x_max]``: shape ``(width + 1,)``, ascending."""
    fraction = np.arange(width + 1, dtype=np.float64) / width
    # Not x_min + span * fraction: the span of two large numbers of unlike sign overflows.
    edges = x_min * (1.0 - fraction) + x_max * fraction
    edges[0], edges[-1] = x_min, x_max
    # Rounding may carry an edge past a bound that lies close.
    return np.maximum.accumulate(np.clip(edges, x_min, x_max))


def downsample(x: Floats, values: Floats, edges: Floats) -> Buckets:
    """Put a series into buckets.

    Args:
        x: Shape ``(n,)``, finite, ascending (equal values allowed), within the edges.
        values: Shape ``(n,)``.
        edges: Shape ``(width + 1,)`` from `bucket_edges`.
    """
    width = len(edges) - 1
    if len(x) <= width:
        return _points(x, values)

    starts = np.searchsorted(x, edges[:-1], side="left")
    starts[0] = 0
    # With x_min == x_max all edges are equal and all points belong to the last of the buckets that begin at 0.
    ends = np.append(starts[1:], len(x))
    held = np.flatnonzero(ends > starts)
    starts, ends = starts[held], ends[held]
    middles = edges[held] * 0.5 + edges[held + 1] * 0.5

    is_finite = np.isfinite(values)
    if is_finite.all():
        count = ends - starts
        low, high = np.minimum.reduceat(values, starts), np.maximum.reduceat(values, starts)
        mean = _means(values, starts, count, low, high)
        return Buckets(False, middles.tolist(), mean.tolist(), low.tolist(), high.tolist(), count.tolist(), (), (), ())

    count = np.add.reduceat(is_finite.astype(np.int64), starts)
    low = np.minimum.reduceat(np.where(is_finite, values, np.inf), starts)
    high = np.maximum.reduceat(np.where(is_finite, values, -np.inf), starts)
    mean = _means(np.where(is_finite, values, 0.0), starts, count, low, high)
    bucket = np.repeat(np.arange(len(held)), ends - starts)
    is_empty = count == 0
    return Buckets(
        False,
        middles.tolist(),
        _with_none(mean, is_empty),
        _with_none(low, is_empty),
        _with_none(high, is_empty),
        count.tolist(),
        *_all_marks(x, values, bucket),
    )


def _points(x: Floats, values: Floats) -> Buckets:
    is_finite = np.isfinite(values)
    if is_finite.all():
        shown: list[float | None] = values.tolist()
        return Buckets(True, x.tolist(), shown, shown, shown, [1] * len(shown), (), (), ())
    shown = _with_none(values, ~is_finite)
    return Buckets(
        True,
        x.tolist(),
        shown,
        shown,
        shown,
        is_finite.astype(np.int64).tolist(),
        *_all_marks(x, values, np.arange(len(x))),
    )


def _means(values: Floats, starts: Ints, count: Ints, low: Floats, high: Floats) -> Floats:
    """Means of groups; `values` holds 0 where there is nothing to count."""
    divisor = np.maximum(count, 1)
    with np.errstate(over="ignore", invalid="ignore"):
        mean = np.asarray(np.add.reduceat(values, starts) / divisor, dtype=np.float64)
    if not np.isfinite(mean).all():
        # The sum of finite values overflowed: add the parts of the mean instead.
        sizes = np.diff(np.append(starts, len(values)))
        mean = np.add.reduceat(values / np.repeat(divisor, sizes), starts)
    # Rounding must not carry a mean past its own extremes. Groups without finite values have low > high.
    return np.where(count > 0, np.maximum(np.minimum(mean, high), low), 0.0)


def _all_marks(x: Floats, values: Floats, bucket: Ints) -> tuple[tuple[Mark, ...], tuple[Mark, ...], tuple[Mark, ...]]:
    return (
        _marks(x, np.isnan(values), bucket),
        _marks(x, np.isposinf(values), bucket),
        _marks(x, np.isneginf(values), bucket),
    )


def _marks(x: Floats, is_marked: npt.NDArray[np.bool_], bucket: Ints) -> tuple[Mark, ...]:
    """One mark for points that follow one another or share a bucket, so there are never more marks than buckets."""
    places = np.flatnonzero(is_marked)
    if not len(places):
        return ()
    is_new = (np.diff(places) > 1) & (np.diff(bucket[places]) > 0)
    first = np.concatenate(([0], np.flatnonzero(is_new) + 1))
    last = np.append(first[1:], len(places)) - 1
    return tuple(
        Mark(first_x, last_x, size)
        for first_x, last_x, size in zip(
            x[places[first]].tolist(), x[places[last]].tolist(), (last - first + 1).tolist(), strict=True
        )
    )


def _with_none(values: Floats, is_none: npt.NDArray[np.bool_]) -> list[float | None]:
    shown: list[float | None] = values.tolist()
    for index in np.flatnonzero(is_none).tolist():
        shown[index] = None
    return shown
