"""Exact downsampling: every point of a series is in exactly one bucket, and a bucket says all there is to draw.

Buckets divide an axis ``[x_min, x_max]`` into equal parts. Bucket ``i`` holds the points with
``edges[i] <= x < edges[i + 1]``, the last one those at `x_max` too. A bucket's minimum, maximum, mean and count are
those of its finite values; NaN and infinities become marks. A series that has no more points than there are buckets
is not bucketed: its points are the answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from kymograph.core.history import Floats, Ints, Mark
from kymograph.core.levels import Level, Totals, reduce_ranges


@dataclass(frozen=True, slots=True, eq=False)
class Buckets:
    """A downsampled series; the arrays have one shape, as in `SeriesBuckets`."""

    is_exact: bool
    x: Floats
    mean: Floats
    min: Floats
    max: Floats
    count: Ints
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


@dataclass(frozen=True, slots=True)
class Piece:
    """Consecutive points of a series. The arrays have one shape."""

    x: Floats | Ints
    """Finite, ascending (equal values allowed)."""
    values: Floats
    levels: Sequence[Level] = ()
    """Of all of `values`; without them every point is read."""
    odd: npt.NDArray[np.integer] | None = None
    """Indices of the values that are not finite; None where nobody has looked yet."""


@dataclass(frozen=True, slots=True)
class _Span:
    """Points ``[first, end)`` of a piece, the first of which has the number `base` in the series."""

    piece: Piece
    first: int
    end: int
    base: int
    odd: Ints
    """Indices of non-finite values, within the span."""


def downsample(x: Floats, values: Floats, edges: Floats) -> Buckets:
    """Put a series into buckets; `downsample_pieces` of one piece."""
    return downsample_pieces([Piece(x, values)], edges)


def downsample_pieces(pieces: Sequence[Piece], edges: Floats) -> Buckets:
    """Put a series that lies in pieces into buckets; points outside the edges are left out.

    Args:
        pieces: Ascending: none begins before the end of the one before.
        edges: Shape ``(width + 1,)`` from `bucket_edges`.
    """
    width = len(edges) - 1
    spans = _spans(pieces, float(edges[0]), float(edges[-1]))
    if sum(span.end - span.first for span in spans) <= width:
        x = np.concatenate([span.piece.x[span.first : span.end].astype(np.float64) for span in spans] or [np.empty(0)])
        values = np.concatenate([span.piece.values[span.first : span.end] for span in spans] or [np.empty(0)])
        return _points(x, values)

    totals = Totals(np.full(width, np.inf), np.full(width, -np.inf), np.zeros(width), np.zeros(width, np.int64))
    held = np.zeros(width, np.bool_)
    for span in spans:
        starts, ends, inside = _bucket_bounds(span, edges)
        found = reduce_ranges(span.piece.values, span.piece.levels, starts, ends, all_finite=not len(span.odd))
        held[inside] = True
        totals.low[inside] = np.minimum(totals.low[inside], found.low)
        totals.high[inside] = np.maximum(totals.high[inside], found.high)
        with np.errstate(over="ignore", invalid="ignore"):
            totals.total[inside] += found.total
        totals.count[inside] += found.count
    places = np.flatnonzero(held)
    low, high, count = totals.low[places], totals.high[places], totals.count[places]
    with np.errstate(over="ignore", invalid="ignore"):
        mean = totals.total[places] / np.maximum(count, 1)
    if not np.isfinite(mean[count > 0]).all():
        mean = _means_without_overflow(spans, edges, totals.count)[places]
    # Rounding must not carry a mean past its own extremes. Groups without finite values have low > high.
    mean = np.maximum(np.minimum(mean, high), low)
    is_empty = count == 0
    if is_empty.any():
        mean[is_empty] = low[is_empty] = high[is_empty] = np.nan
    middles = edges[places] * 0.5 + edges[places + 1] * 0.5
    return Buckets(False, middles, mean, low, high, count, *_all_marks(spans, edges))


def count_points(pieces: Sequence[Piece], x_min: float, x_max: float) -> int:
    """How many points lie within bounds, both included."""
    return sum(span.end - span.first for span in _spans(pieces, x_min, x_max))


def last_index(piece: Piece, x_max: float) -> int:
    """Index of the last point that is not beyond a bound; -1 for none."""
    return search(piece.x, x_max, side="right") - 1


def search(x: Floats | Ints, bound: float, *, side: Literal["left", "right"]) -> int:
    """`numpy.searchsorted` of one bound, without converting integers to doubles."""
    return int(_search(x, np.array([bound]), side)[0])


def _spans(pieces: Sequence[Piece], x_min: float, x_max: float) -> list[_Span]:
    spans: list[_Span] = []
    base = 0
    for piece in pieces:
        first = search(piece.x, x_min, side="left")
        end = max(first, search(piece.x, x_max, side="right"))
        if end > first:
            odd = np.flatnonzero(~np.isfinite(piece.values[first:end])) + first if piece.odd is None else piece.odd
            spans.append(_Span(piece, first, end, base, odd[(odd >= first) & (odd < end)].astype(np.int64)))
            base += end - first
    return spans


def _bucket_bounds(span: _Span, edges: Floats) -> tuple[Ints, Ints, Ints]:
    """Where the buckets that have points of a span begin and end in its piece, and which they are."""
    starts = np.clip(_search(span.piece.x, edges[:-1], "left"), span.first, span.end)
    starts[0] = span.first
    # With x_min == x_max all edges are equal and all points belong to the last of the buckets that begin there.
    ends = np.append(starts[1:], span.end)
    inside = np.flatnonzero(ends > starts)
    return starts[inside], ends[inside], inside


def _search(x: Floats | Ints, bounds: Floats, side: Literal["left", "right"]) -> Ints:
    if x.dtype == np.float64:
        return np.searchsorted(x, bounds, side=side)
    if not len(x) or (x[0] >= -(2**53) and x[-1] <= 2**53):
        # Whole numbers are compared as such: converting ten million of them takes longer than all the rest.
        limits = np.ceil(bounds) if side == "left" else np.floor(bounds)
        return np.searchsorted(x, np.clip(limits, -(2.0**62), 2.0**62).astype(np.int64), side=side)
    return np.searchsorted(x.astype(np.float64), bounds, side=side)


def _points(x: Floats, values: Floats) -> Buckets:
    is_finite = np.isfinite(values)
    if is_finite.all():
        return Buckets(True, x, values, values, values, np.ones(len(x), np.int64), (), (), ())
    shown = np.where(is_finite, values, np.nan)
    odd = np.flatnonzero(~is_finite)
    marks = [
        _marks(x[chosen], chosen, chosen)
        for chosen in (odd[kind(values[odd])] for kind in (np.isnan, np.isposinf, np.isneginf))
    ]
    return Buckets(True, x, shown, shown, shown, is_finite.astype(np.int64), *marks)


def _means_without_overflow(spans: Sequence[_Span], edges: Floats, count: Ints) -> Floats:
    """Means where a sum of finite values is none: the parts of the mean are added up instead; shape ``(width,)``."""
    mean = np.zeros(len(edges) - 1)
    for span in spans:
        starts, ends, inside = _bucket_bounds(span, edges)
        values = span.piece.values[span.first : span.end]
        sizes = ends - starts
        parts = np.where(np.isfinite(values), values, 0.0) / np.repeat(np.maximum(count[inside], 1), sizes)
        mean[inside] += np.add.reduceat(parts, starts - span.first)
    return mean


def _all_marks(spans: Sequence[_Span], edges: Floats) -> tuple[tuple[Mark, ...], tuple[Mark, ...], tuple[Mark, ...]]:
    if not any(len(span.odd) for span in spans):
        return (), (), ()
    values = np.concatenate([span.piece.values[span.odd] for span in spans])
    x = np.concatenate([span.piece.x[span.odd].astype(np.float64) for span in spans])
    numbers = np.concatenate([span.odd - span.first + span.base for span in spans])
    bucket = np.clip(np.searchsorted(edges[:-1], x, side="right") - 1, 0, len(edges) - 2)
    return tuple(  # type: ignore[return-value]  # three of them
        _marks(x[chosen], numbers[chosen], bucket[chosen])
        for chosen in (np.isnan(values), np.isposinf(values), np.isneginf(values))
    )


def _marks(x: Floats, numbers: Ints, bucket: Ints) -> tuple[Mark, ...]:
    """One mark for points that follow one another or share a bucket, so there are never more marks than buckets."""
    if not len(x):
        return ()
    is_new = (np.diff(numbers) > 1) & (np.diff(bucket) > 0)
    first = np.concatenate(([0], np.flatnonzero(is_new) + 1))
    last = np.append(first[1:], len(x)) - 1
    return tuple(
        Mark(first_x, last_x, size)
        for first_x, last_x, size in zip(x[first].tolist(), x[last].tolist(), (last - first + 1).tolist(), strict=True)
    )


def even_indices(total: int, samples: int) -> Ints:
    """At most `samples` of `total` indices, evenly apart; the first and the last are among them."""
    if samples >= total:
        return np.arange(total)
    if samples <= 1:
        return np.arange(max(samples, 0))
    # Whole numbers throughout: rounding floats would let two machines choose differently.
    return np.arange(samples) * (total - 1) // (samples - 1)
