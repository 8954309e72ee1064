"""Series for charts: points of several runs on one axis, put into shared buckets."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from kymograph.core.buckets import bucket_edges, downsample
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
from kymograph.storage.history.snapshot import HistoryView, Point, Snapshot
from kymograph.types import JsonValue, MetricName


@dataclass(frozen=True, slots=True)
class _Drawn:
    """The numeric points of one metric of one run by ascending x; those without a finite x are left out."""

    source: SeriesSource
    view: HistoryView
    metric: MetricName
    x: Floats
    series: Series
    """Its arrays have the shape of `x`; its steps need not ascend."""


def answer_buckets(snapshot: Snapshot, query: BucketQuery) -> BucketAnswer:
    """Answer `HistoryReader.buckets`."""
    drawn = [item for source in query.sources for item in _draw_source(snapshot, query, source)]
    held = [item.x for item in drawn if len(item.x)]
    x_min = min((float(x[0]) for x in held), default=None) if query.x_min is None else query.x_min
    x_max = max((float(x[-1]) for x in held), default=None) if query.x_max is None else query.x_max
    if x_min is None or x_max is None:
        return BucketAnswer(query.x_min, query.x_max, query.width)
    drawn = [_within(item, x_min, x_max) for item in drawn]
    edges = bucket_edges(x_min, max(x_min, x_max), query.width)
    ends = [(item.view, Point.last_of(item.metric, item.series)) for item in drawn if len(item.x)]
    lasts = iter(snapshot.exact_values(ends))
    series = [_to_buckets(item, edges, last=next(lasts) if len(item.x) else None) for item in drawn]
    return BucketAnswer(x_min, x_max, query.width, series)


def _to_buckets(item: _Drawn, edges: Floats, *, last: JsonValue) -> SeriesBuckets:
    buckets = downsample(item.x, item.series.values, edges)
    return SeriesBuckets(
        run=item.source.run,
        metric=item.metric,
        points=len(item.x),
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
    )


def _draw_source(snapshot: Snapshot, query: BucketQuery, source: SeriesSource) -> Iterator[_Drawn]:
    names = {*query.metrics, *_names_of_axis(query)}
    view = snapshot.view(source.parts, names)
    for metric in query.metrics:
        series = view.series(metric)
        is_number = series.codes <= LAST_NUMERIC
        if not is_number.all():
            series = series.take(is_number)
        x = _axis(view, query, source, series.steps)
        is_placed = np.isfinite(x)
        if not is_placed.all():
            series, x = series.take(is_placed), x[is_placed]
        if not len(x):
            continue
        if bool((x[1:] < x[:-1]).any()):
            by_x = np.argsort(x, kind="stable")
            series, x = series.take(by_x), x[by_x]
        yield _Drawn(source, view, metric, x, series)


def _names_of_axis(query: BucketQuery) -> tuple[MetricName, ...]:
    if query.x is XAxis.TIME:
        return (TIMESTAMP,)
    if query.x is XAxis.RELATIVE:
        return (RUNTIME, TIMESTAMP)
    if query.x is XAxis.METRIC and query.x_metric is not None:
        return (query.x_metric,)
    return ()


def _axis(view: HistoryView, query: BucketQuery, source: SeriesSource, steps: Ints) -> Floats:
    """The x of rows; NaN for rows that have none."""
    if query.x is XAxis.STEP:
        return steps.astype(np.float64)
    if query.x is XAxis.TIME:
        return _numbers_at(view.series(TIMESTAMP), steps)
    if query.x is XAxis.METRIC:
        if query.x_metric is None:
            raise ValueError("a query over a metric names it in x_metric")
        return _numbers_at(view.series(query.x_metric), steps)
    runtime = _numbers_at(view.series(RUNTIME), steps)
    if np.isfinite(runtime).all():
        return runtime
    since_start = _numbers_at(view.series(TIMESTAMP), steps) - source.started_at.timestamp()
    return np.where(np.isfinite(runtime), runtime, since_start)


def _numbers_at(series: Series, steps: Ints) -> Floats:
    """Values of a series at ascending `steps`; NaN where it has no number."""
    if len(series.steps) == len(steps) and bool((series.steps == steps).all()):
        return series.values
    if not len(series.steps):
        return np.full(len(steps), np.nan)
    index = np.minimum(np.searchsorted(series.steps, steps), len(series.steps) - 1)
    return np.where(series.steps[index] == steps, series.values[index], np.nan)


def _within(item: _Drawn, x_min: float, x_max: float) -> _Drawn:
    first = int(np.searchsorted(item.x, x_min, side="left"))
    end = max(first, int(np.searchsorted(item.x, x_max, side="right")))
    if first == 0 and end == len(item.x):
        return item
    return replace(item, x=item.x[first:end], series=item.series.take(slice(first, end)))
