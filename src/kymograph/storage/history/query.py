"""Queries over the tail: rows, buckets and the catalogue of metrics, from columns that stay in memory.

A query is one reading job: it compares versions, lets the cache decode what is new, takes the series it needs and
computes on those. The history of a forked run is its ancestors' up to the branch points, then its own.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Sequence
from functools import reduce
from itertools import repeat
from typing import NamedTuple

import numpy as np

from kymograph.core.history import (
    STEP,
    BucketAnswer,
    BucketQuery,
    HistoryPart,
    KeyMode,
    MetricInfo,
    MetricKind,
    Row,
    RowPage,
    RowQuery,
    Stream,
)
from kymograph.core.rows import merge_rows, pick_keys
from kymograph.core.value_kinds import LAST_NUMERIC, VALUE_KINDS
from kymograph.storage.base import Database
from kymograph.storage.history.base import Tail
from kymograph.storage.history.column_cache import ColumnCache
from kymograph.storage.history.columns import Columns, Floats, Ints, Series
from kymograph.storage.history.series import answer_buckets
from kymograph.storage.history.snapshot import HistoryView, LineRef, Point, Snapshot
from kymograph.types import JsonValue, MetricName


class TailReader:
    """`HistoryReader` over the tail alone. Safe to share between threads."""

    def __init__(self, database: Database, *, cache_bytes: int) -> None:
        """Read from `database`, keeping decoded columns of about `cache_bytes` in memory."""
        self._database = database
        self._cache = ColumnCache(budget_bytes=cache_bytes)

    @property
    def cached_bytes(self) -> int:
        """Memory that decoded columns take, roughly."""
        return self._cache.byte_size

    # docstrings inherited

    def rows(self, parts: Sequence[HistoryPart], query: RowQuery) -> RowPage:
        """Docstring inherited."""
        return self._database.read(lambda tx: _rows(self._snapshot(tx.tail, parts), parts, query))

    def buckets(self, query: BucketQuery) -> BucketAnswer:
        """Docstring inherited."""
        parts = [part for source in query.sources for part in source.parts]
        return self._database.read(lambda tx: answer_buckets(self._snapshot(tx.tail, parts, query.stream), query))

    def catalogue(
        self, parts: Sequence[HistoryPart], stream: Stream = Stream.HISTORY, *, with_last: bool = True
    ) -> list[MetricInfo]:
        """Docstring inherited."""
        return self._database.read(
            lambda tx: _catalogue(self._snapshot(tx.tail, parts, stream), parts, with_last=with_last)
        )

    def last_step(self, parts: Sequence[HistoryPart]) -> int | None:
        """Docstring inherited."""
        return self._database.read(lambda tx: _last_step(self._snapshot(tx.tail, parts), parts))

    def unreadable_lines(self, parts: Sequence[HistoryPart]) -> int:
        """Docstring inherited."""

        def count(snapshot: Snapshot) -> int:
            return sum(snapshot.unreadable_lines(part) for part in parts)

        return self._database.read(lambda tx: count(self._snapshot(tx.tail, parts)))

    def _snapshot(self, tail: Tail, parts: Collection[HistoryPart], stream: Stream = Stream.HISTORY) -> Snapshot:
        return Snapshot(self._cache, tail, {part.run for part in parts}, stream)


# --- rows ------------------------------------------------------------------------------------------------------------


def _rows(snapshot: Snapshot, parts: Sequence[HistoryPart], query: RowQuery) -> RowPage:
    view = snapshot.view(parts, query.keys, find=Columns.presence)
    steps = _matching_steps(view, query.keys, query.mode)
    first = 0 if query.min_step is None else int(np.searchsorted(steps, query.min_step))
    end = len(steps) if query.max_step is None else int(np.searchsorted(steps, query.max_step))
    matching = steps[first : max(first, end)]
    chosen = matching if query.samples is None else matching[_even_indices(len(matching), query.samples)]
    page = chosen if query.limit is None else chosen[: query.limit]
    return RowPage(
        rows=_read_rows(snapshot, view, page, query.keys),
        next_step=int(chosen[len(page)]) if len(page) < len(chosen) else None,
        total=len(matching),
    )


def _matching_steps(view: HistoryView, keys: Sequence[MetricName], mode: KeyMode) -> Ints:
    """Ascending steps of the rows that hold the keys; of all rows where there are none."""
    if not keys:
        return _distinct([part.by_step()[0] for part in view.parts])
    present = [view.series(key).steps for key in keys]
    if mode is KeyMode.ANY:
        return _distinct(present)
    return reduce(lambda left, right: np.intersect1d(left, right, assume_unique=True), present)


def _distinct(steps: Sequence[Ints]) -> Ints:
    """All steps once, ascending."""
    # np.unique hashes, which takes 1 s for a million steps that are sorted already; this takes 10 ms.
    ordered = np.sort(np.concatenate(steps), kind="stable")
    return ordered[np.append(ordered[1:] != ordered[:-1], True)] if len(ordered) else ordered


def _even_indices(total: int, samples: int) -> Ints:
    """At most `samples` of `total` indices, evenly apart; the first and the last are among them."""
    if samples >= total:
        return np.arange(total)
    if samples <= 1:
        return np.arange(max(samples, 0))
    # Whole numbers throughout: rounding floats would let two machines choose differently.
    return np.arange(samples) * (total - 1) // (samples - 1)


def _read_rows(snapshot: Snapshot, view: HistoryView, steps: Ints, keys: Sequence[MetricName]) -> tuple[Row, ...]:
    refs_of_step: list[list[LineRef]] = [[] for _ in steps]
    for part in view.parts:
        part_steps, places = part.by_step()
        firsts = np.searchsorted(part_steps, steps, side="left").tolist()
        ends = np.searchsorted(part_steps, steps, side="right").tolist()
        for refs, first, end in zip(refs_of_step, firsts, ends, strict=True):
            refs += [part.ref(place) for place in places[first:end].tolist()]
    lines = snapshot.rows(ref for refs in refs_of_step for ref in refs)
    rows: list[Row] = []
    for step, refs in zip(steps.tolist(), refs_of_step, strict=True):
        found = [lines[ref] for ref in refs if ref in lines]
        if found:
            values = merge_rows(found)
            values.setdefault(STEP, step)
            rows.append(Row(step, pick_keys(values, (*keys, STEP)) if keys else values))
    return tuple(rows)


# --- the catalogue ---------------------------------------------------------------------------------------------------


def _catalogue(snapshot: Snapshot, parts: Sequence[HistoryPart], *, with_last: bool) -> list[MetricInfo]:
    found: list[_Facts] = []
    ends: list[Point] = []

    def see(name: str, series: Series) -> None:
        found.append(_find_facts(series))
        ends.append(Point.last_of(name, series))

    if len(parts) == 1:
        view = snapshot.visit(parts[0], see)
    else:
        names: dict[str, None] = {}
        for part in parts:
            snapshot.visit(part, lambda name, _: names.setdefault(name))
        view = snapshot.view(parts, names)
        for name in names:
            see(name, view.series(name))
    lasts: Iterable[JsonValue] = repeat(None)
    if with_last:
        lasts = snapshot.exact_values([(view, point) for point in ends])
    return [
        MetricInfo(
            name=MetricName(point.name),
            kind=VALUE_KINDS[point.code].metric_kind,
            points=facts.points,
            non_finite=facts.non_finite,
            last=last,
            last_step=facts.last_step,
            is_monotonic=facts.never_falls and VALUE_KINDS[point.code].metric_kind is MetricKind.NUMBER,
            type_counts=facts.type_counts,
        )
        for point, facts, last in zip(ends, found, lasts, strict=False)
    ]


class _Facts(NamedTuple):
    """What a series says of its metric. A tuple: there may be 100,000 of them in a run."""

    points: int
    non_finite: int
    last_step: int
    never_falls: bool
    type_counts: tuple[tuple[str, int], ...]


def _find_facts(series: Series) -> _Facts:
    type_counts: dict[str, int] = {}
    if len(series.steps) == 1 or bool((series.codes == series.codes[0]).all()):
        codes = [int(series.codes[0])]
        type_counts[VALUE_KINDS[codes[0]].wire_name] = len(series.steps)
    else:
        counts = np.bincount(series.codes)
        codes = np.flatnonzero(counts).tolist()
        for code in codes:
            wire_name = VALUE_KINDS[code].wire_name
            type_counts[wire_name] = type_counts.get(wire_name, 0) + int(counts[code])
    numbers = series.values if codes[-1] <= LAST_NUMERIC else series.values[series.codes <= LAST_NUMERIC]
    non_finite, never_falls = _describe_numbers(numbers)
    return _Facts(
        len(series.steps),
        non_finite,
        int(series.steps[-1]),
        never_falls,
        tuple(type_counts.items()),
    )


def _describe_numbers(numbers: Floats) -> tuple[int, bool]:
    """How many are not finite, and whether they never fall; NaN neither rises nor falls."""
    if len(numbers) <= 1:
        return (0 if not len(numbers) or math.isfinite(numbers[0]) else 1), True
    non_finite = len(numbers) - int(np.count_nonzero(np.isfinite(numbers)))
    known = numbers[~np.isnan(numbers)] if non_finite else numbers
    return non_finite, bool((known[1:] >= known[:-1]).all())


def _last_step(snapshot: Snapshot, parts: Sequence[HistoryPart]) -> int | None:
    view = snapshot.view(parts)
    lasts = [int(steps[-1]) for part in view.parts if len(steps := part.by_step()[0])]
    return max(lasts, default=None)
