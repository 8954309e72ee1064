"""Where media are in histories, and values at single points: from columns; only rows that are asked for are read."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from kymograph.core.history import HistoryPart, MediaPoints, NumberPoints, ValuePlace
from kymograph.core.media_values import media_kind_of, media_type_of
from kymograph.core.value_kinds import LAST_NUMERIC, LIST, OTHER_MEDIA, VALUE_KINDS
from kymograph.storage.history.columns import Series
from kymograph.storage.history.snapshot import Point, Snapshot
from kymograph.storage.history.views import HistoryView
from kymograph.types import JsonValue, MetricName


def read_media(
    snapshot: Snapshot, histories: Sequence[Sequence[HistoryPart]], metrics: Sequence[MetricName]
) -> list[MediaPoints]:
    """Answer `HistoryReader.media`."""
    found = []
    for place, parts in enumerate(histories):
        view = snapshot.view(parts, metrics)
        for metric in metrics:
            points = _media_of(snapshot, view, place, metric)
            if points is not None:
                found.append(points)
    return found


def _media_of(snapshot: Snapshot, view: HistoryView, place: int, metric: MetricName) -> MediaPoints | None:
    series = view.series(metric)
    if not len(series.steps):
        return None
    is_media = series.codes >= OTHER_MEDIA
    lists = np.flatnonzero(series.codes == LIST)
    last_list: JsonValue = None
    if len(lists):
        # Only the value tells a list of media records from one of numbers.
        for index, value in zip(lists.tolist(), _values(snapshot, view, metric, series.take(lists)), strict=True):
            if media_type_of(value) is not None:
                is_media[index], last_list = True, value
    chosen = np.flatnonzero(is_media)
    if not len(chosen):
        return None
    code = int(series.codes[chosen[-1]])
    kind = media_kind_of(last_list) if code == LIST else VALUE_KINDS[code].metric_kind
    return MediaPoints(place, metric, kind, series.steps[chosen])


def _values(snapshot: Snapshot, view: HistoryView, metric: MetricName, series: Series) -> list[JsonValue]:
    return snapshot.exact_values([(view, Point.at(metric, series, index)) for index in range(len(series.steps))])


def read_numbers(
    snapshot: Snapshot, histories: Sequence[Sequence[HistoryPart]], metric: MetricName
) -> list[NumberPoints]:
    """Answer `HistoryReader.numbers`."""
    found = []
    for parts in histories:
        series = snapshot.view(parts, (metric,)).series(metric)
        numeric = series.take(series.codes <= LAST_NUMERIC)
        found.append(NumberPoints(numeric.steps, numeric.values))
    return found


def read_values(
    snapshot: Snapshot, histories: Sequence[Sequence[HistoryPart]], places: Sequence[ValuePlace]
) -> list[JsonValue]:
    """Answer `HistoryReader.values`."""
    names: dict[int, dict[MetricName, None]] = {}
    for at in places:
        names.setdefault(at.history, {})[at.metric] = None
    views = {history: snapshot.view(histories[history], metrics) for history, metrics in names.items()}
    series_of: dict[tuple[int, MetricName], Series] = {}
    values: list[JsonValue] = [None] * len(places)
    points: list[tuple[HistoryView, Point]] = []
    indices: list[int] = []
    for index, at in enumerate(places):
        key = (at.history, at.metric)
        if key not in series_of:
            series_of[key] = views[at.history].series(at.metric)
        point = _point_at(at, series_of[key])
        if point is not None:
            points.append((views[at.history], point))
            indices.append(index)
    for index, value in zip(indices, snapshot.exact_values(points), strict=True):
        values[index] = value
    return values


def _point_at(at: ValuePlace, series: Series) -> Point | None:
    index = int(np.searchsorted(series.steps, at.step))
    if index == len(series.steps) or int(series.steps[index]) != at.step:
        return None
    return Point.at(at.metric, series, index)
