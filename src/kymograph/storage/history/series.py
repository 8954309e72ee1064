"""Series for charts: points of several runs on one axis, put into shared buckets.

A series stays in the pieces that it lies in, so that the coarser levels of segments can be used: a bucket is made of
whole blocks and two ends that are read point by point. A piece loses its levels where the axis reorders its points.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise

import numpy as np

from kymograph.core.buckets import Piece, bucket_edges, count_points, downsample_pieces, last_index
from kymograph.core.history import (
    RUNTIME,
    TIMESTAMP,
    BucketAnswer,
    BucketQuery,
    SeriesBuckets,
    SeriesSource,
    XAxis,
)
from kymograph.core.value_kinds import LAST_NUMERIC
from kymograph.storage.history.columns import Floats, Ints, Series
from kymograph.storage.history.joins import merge_sources
from kymograph.storage.history.segments.points import Metric
from kymograph.storage.history.slices import Slice
from kymograph.storage.history.snapshot import Point, Snapshot
from kymograph.storage.history.views import HistoryView
from kymograph.types import JsonValue, MetricName


@dataclass(frozen=True, slots=True)
class _Column:
    """The numbers of a metric, or a part of them, in order of steps, with where they come from."""

    steps: Ints
    piece: Piece
    """Over steps, or over another axis once it was `placed`."""
    point_at: Callable[[int], Point]
    metric: Metric | None = None
    """The segment's own, if the column is all of it."""

    def placed(self, x: Floats, *, is_whole: bool) -> _Column:
        """The same over another axis; points without a finite x are left out.

        Args:
            x: Shape of `steps`.
            is_whole: Whether x is known to be finite and ascending.
        """
        if not is_whole:
            is_finite = np.isfinite(x)
            if not is_finite.all():
                chosen = np.flatnonzero(is_finite)
                return self._taken(chosen, x[chosen]).placed_in_order()
        return replace(self, piece=replace(self.piece, x=x)).placed_in_order(is_whole=is_whole)

    def placed_in_order(self, *, is_whole: bool = False) -> _Column:
        x = self.piece.x
        if is_whole or not bool((x[1:] < x[:-1]).any()):
            return self
        by_x = np.argsort(x, kind="stable")
        return self._taken(by_x, x[by_x])

    def _taken(self, chosen: Ints, x: Floats | Ints) -> _Column:
        point_at = self.point_at
        return _Column(
            self.steps[chosen], Piece(x, self.piece.values[chosen]), lambda index: point_at(int(chosen[index]))
        )


@dataclass(frozen=True, slots=True)
class _Drawn:
    """The numeric points of one metric of one run by ascending x; those without a finite x are left out."""

    source: SeriesSource
    view: HistoryView
    metric: MetricName
    columns: list[_Column]
    """Ascending: none begins before the end of the one before."""

    @property
    def pieces(self) -> list[Piece]:
        return [column.piece for column in self.columns]

    def last_point(self, x_max: float) -> Point | None:
        """The last point that is not beyond a bound."""
        for column in reversed(self.columns):
            index = last_index(column.piece, x_max)
            if index >= 0:
                return column.point_at(index)
        return None


def answer_buckets(snapshot: Snapshot, query: BucketQuery) -> BucketAnswer:
    """Answer `HistoryReader.buckets`."""
    drawn = [item for source in query.sources for item in _draw_source(snapshot, query, source)]
    held = [column.piece.x for item in drawn for column in item.columns]
    x_min = min((float(x[0]) for x in held), default=None) if query.x_min is None else query.x_min
    x_max = max((float(x[-1]) for x in held), default=None) if query.x_max is None else query.x_max
    if x_min is None or x_max is None:
        return BucketAnswer(query.x_min, query.x_max, query.width)
    if x_max < x_min:
        drawn = [replace(item, columns=[]) for item in drawn]  # nothing lies between
    edges = bucket_edges(x_min, max(x_min, x_max), query.width)
    counts = [count_points(item.pieces, x_min, x_max) for item in drawn]
    ends = [
        (item.view, point)
        for item, count in zip(drawn, counts, strict=True)
        if count and (point := item.last_point(x_max)) is not None
    ]
    lasts = iter(snapshot.exact_values(ends))
    series = [
        _to_buckets(item, edges, count, last=next(lasts) if count else None)
        for item, count in zip(drawn, counts, strict=True)
    ]
    return BucketAnswer(x_min, x_max, query.width, series)


def _to_buckets(item: _Drawn, edges: Floats, count: int, *, last: JsonValue) -> SeriesBuckets:
    buckets = downsample_pieces(item.pieces, edges)
    return SeriesBuckets(
        run=item.source.run,
        metric=item.metric,
        points=count,
        is_exact=buckets.is_exact,
        x=buckets.x,
        mean=buckets.mean,
        min=buckets.min,
        max=buckets.max,
        count=buckets.count,
        nan=buckets.nan,
        pos_inf=buckets.pos_inf,
        neg_inf=buckets.neg_inf,
        last=last,
        damaged=item.view.damaged,
    )


# --- points over an axis ---------------------------------------------------------------------------------------------


def _draw_source(snapshot: Snapshot, query: BucketQuery, source: SeriesSource) -> Iterator[_Drawn]:
    view = snapshot.view(source.parts, {*query.metrics, *_names_of_axis(query)})
    axis = _Axis(query, source)
    for metric in query.metrics:
        columns = _in_order([column for column in axis.columns(view, metric) if len(column.steps)])
        if columns:
            yield _Drawn(source, view, metric, columns)


def _in_order(columns: list[_Column]) -> list[_Column]:
    """Columns of which none begins before the end of the one before: as they are, or joined into one."""
    if all(left.piece.x[-1] <= right.piece.x[0] for left, right in pairwise(columns)):
        return columns
    starts = np.cumsum([0, *(len(column.steps) for column in columns)])

    def point_at(index: int) -> Point:
        which = int(np.searchsorted(starts, index, side="right")) - 1
        return columns[which].point_at(index - int(starts[which]))

    joined = _Column(
        np.concatenate([column.steps for column in columns]),
        Piece(
            np.concatenate([column.piece.x for column in columns]),
            np.concatenate([column.piece.values for column in columns]),
        ),
        point_at,
    )
    return [joined.placed_in_order()]


def _names_of_axis(query: BucketQuery) -> tuple[MetricName, ...]:
    if query.x is XAxis.TIME:
        return (TIMESTAMP,)
    if query.x is XAxis.RELATIVE:
        return (RUNTIME, TIMESTAMP)
    if query.x is XAxis.METRIC and query.x_metric is not None:
        return (query.x_metric,)
    return ()


class _Axis:
    """Gives the points of metrics over the axis of a query."""

    def __init__(self, query: BucketQuery, source: SeriesSource) -> None:
        if query.x is XAxis.METRIC and query.x_metric is None:
            raise ValueError("a query over a metric names it in x_metric")
        self._kind = query.x
        self._name = TIMESTAMP if query.x is XAxis.TIME else query.x_metric
        self._started_at = source.started_at.timestamp()

    def columns(self, view: HistoryView, metric: MetricName) -> Iterator[_Column]:
        """The numbers of a metric, a column for each piece that they lie in."""
        if not view.is_disjoint:
            yield self._place(_column_of(metric, view.series(metric), 0), lambda name: (view.series(name), None))
            return
        base = 0
        for item in view.slices:
            yield self._place(_column_of_slice(item, metric, base), partial(_axis_of_slice, item))
            base += len(item.rows)

    def _place(self, column: _Column, axis: Callable[[MetricName], tuple[Series, Metric | None]]) -> _Column:
        if self._kind is XAxis.STEP or not len(column.steps):
            return column
        if self._name is not None:
            return _place_at(column, *axis(self._name))
        series, metric = axis(RUNTIME)
        if metric is not None and _is_along(column, metric):
            return _place_at(column, series, metric)
        runtime = _numbers_at(series, column.steps)
        if not np.isfinite(runtime).all():
            since_start = _numbers_at(axis(TIMESTAMP)[0], column.steps) - self._started_at
            runtime = np.where(np.isfinite(runtime), runtime, since_start)
        return column.placed(runtime, is_whole=False)


def _place_at(column: _Column, series: Series, metric: Metric | None) -> _Column:
    if metric is not None and _is_along(column, metric):
        return column.placed(series.values, is_whole=True)
    return column.placed(_numbers_at(series, column.steps), is_whole=False)


def _is_along(column: _Column, axis: Metric) -> bool:
    """Whether an axis has a finite value for every point of a column, and never falls."""
    return (
        column.metric is not None
        and column.metric.group == axis.group
        and len(column.steps) == len(axis)
        and axis.all_numeric
        and axis.never_falls
        and not axis.non_finite
    )


def _axis_of_slice(item: Slice, name: MetricName) -> tuple[Series, Metric | None]:
    direct = item.piece(name)
    if direct is not None:
        piece, metric = direct
        if len(piece.values) == len(metric):
            return Series(metric.steps, piece.values, _NO_CODES, _NO_PLACES), metric
    return merge_sources([series for _, series in item.sources(name)]), None


_NO_CODES = np.empty(0, np.uint8)
_NO_PLACES = np.empty(0, np.int32)


def _column_of_slice(item: Slice, name: MetricName, base: int) -> _Column:
    direct = item.piece(name)
    if direct is None:
        return _column_of(name, merge_sources([series for _, series in item.sources(name)]), base)
    piece, metric = direct
    steps = metric.steps[: len(piece.values)]

    def point_at(index: int) -> Point:
        code = metric.code if metric.code is not None else int(metric.codes[index])
        place = index if metric.is_dense else int(metric.places[index])
        return Point(name, code, float(piece.values[index]), place + base)

    return _Column(steps, piece, point_at, metric)


def _column_of(name: MetricName, series: Series, base: int) -> _Column:
    is_number = series.codes <= LAST_NUMERIC
    if not is_number.all():
        series = series.take(is_number)

    def point_at(index: int) -> Point:
        return Point(name, int(series.codes[index]), float(series.values[index]), int(series.places[index]) + base)

    return _Column(series.steps, Piece(series.steps, series.values), point_at)


def _numbers_at(series: Series, steps: Ints) -> Floats:
    """Values of a series at ascending `steps`; NaN where it has no number."""
    if len(series.steps) == len(steps) and bool((series.steps == steps).all()):
        return series.values
    if not len(series.steps):
        return np.full(len(steps), np.nan)
    index = np.minimum(np.searchsorted(series.steps, steps), len(series.steps) - 1)
    return np.where(series.steps[index] == steps, series.values[index], np.nan)
