"""Slices: the pieces that a stream's history lies in, each sorted by step.

A slice is a segment, or what the tail holds. Within a slice, lines of one step are merged already; how slices are read
as one is told by `views`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from kymograph.core.buckets import Piece
from kymograph.core.rows import nesting_prefixes
from kymograph.core.value_kinds import LAST_NUMERIC
from kymograph.storage.history.columns import EMPTY_SERIES, Columns, Ints, Series
from kymograph.storage.history.joins import merge_sources
from kymograph.storage.history.segments.draft import Rows
from kymograph.storage.history.segments.points import Metric, PointsFile
from kymograph.types import WriterId


class Facts(NamedTuple):
    """What a slice says of a metric; see `MetricInfo`. A tuple: there may be 100,000 of them in a run."""

    points: int
    non_finite: int
    never_falls: bool
    first_value: float
    """The first number, and `highest_value` the last one; NaN where there is none. They matter if it never falls."""
    highest_value: float
    last_value: float
    last_code: int
    last_place: int
    last_step: int
    type_counts: tuple[tuple[int, int], ...]
    """Codes of `core.value_kinds` with counts."""


class Slice(Protocol):
    """A sorted piece of a stream. Places are indices into `rows`, also where bounds leave rows out."""

    @property
    def rows(self) -> Rows:
        """All its lines in merging order."""

    @property
    def bounds(self) -> tuple[int, int]:
        """Index of the first row within bounds, and after the last one."""

    @property
    def has_shared_steps(self) -> bool:
        """Whether several lines have one step."""

    @property
    def unreadable(self) -> Sequence[tuple[WriterId, int]]:
        """Lines that are no JSON objects, by writer and number; with a bound, those whose number is not beyond it."""

    def within(self, first_step: int | None, last_step: int | None) -> Slice:
        """The same with rows of these steps only, both included."""

    def sources(self, name: str) -> list[tuple[str, Series]]:
        """A metric under each top-level key that holds it; the ones that count more come later."""

    def top_lines(self, top: str) -> Series:
        """The lines that hold a top-level key at their step; only steps and places of it mean something."""

    def piece(self, name: str) -> tuple[Piece, Metric] | None:
        """The points of a metric over steps with their levels, None if only `sources` tells: read for charts."""

    def facts(self, name: str) -> Facts | None:
        """What it says of a metric, None without points within bounds."""


@dataclass(frozen=True)
class SegmentSlice:
    """A segment as a slice. docstrings inherited."""

    file: PointsFile
    first_step: int | None = None
    last_step: int | None = None

    @property
    def is_whole(self) -> bool:
        """Whether it has no bounds."""
        return self.first_step is None and self.last_step is None

    @property
    def rows(self) -> Rows:
        """Docstring inherited."""
        return self.file.rows

    @property
    def bounds(self) -> tuple[int, int]:
        """Docstring inherited."""
        return _bounds_of(self.rows.steps, self.first_step, self.last_step)

    @property
    def has_shared_steps(self) -> bool:
        """Docstring inherited."""
        return self.file.has_shared_steps

    @property
    def unreadable(self) -> Sequence[tuple[WriterId, int]]:
        """Docstring inherited."""
        return _numbered_up_to(self.file.unreadable, self.last_step)

    def within(self, first_step: int | None, last_step: int | None) -> SegmentSlice:
        """Docstring inherited."""
        return replace(
            self, first_step=_later(self.first_step, first_step), last_step=_earlier(self.last_step, last_step)
        )

    def sources(self, name: str) -> list[tuple[str, Series]]:
        """Docstring inherited."""
        return [(metric.top, self._series(metric)) for metric in self.file.find(name)]

    def _series(self, metric: Metric) -> Series:
        steps = metric.steps
        first, end = _bounds_of(steps, self.first_step, self.last_step)
        return Series(steps[first:end], metric.values[first:end], metric.codes[first:end], metric.places[first:end])

    def top_lines(self, top: str) -> Series:
        """Docstring inherited."""
        metric = self.file.find_top(top)
        return EMPTY_SERIES if metric is None else self._series(metric)

    def piece(self, name: str) -> tuple[Piece, Metric] | None:
        """Docstring inherited."""
        found = self.file.find(name)
        if len(found) != 1 or not found[0].all_numeric:
            return None
        metric = found[0]
        first, end = _bounds_of(metric.steps, self.first_step, self.last_step)
        if end - first < len(metric):
            # Levels are those of all points; cut off what lies beyond, which the levels of what is left do not reach.
            if first:
                return None
            return Piece(metric.steps[:end], metric.values[:end], metric.levels(), _odd_of(metric, end)), metric
        return Piece(metric.steps, metric.values, metric.levels(), _odd_of(metric, end)), metric

    def facts(self, name: str) -> Facts | None:
        """Docstring inherited."""
        found = self.file.find(name)
        if len(found) == 1 and self.first_step is None and self.last_step is None:
            return _facts_of_metric(found[0])
        return facts_of(merge_sources([series for _, series in self.sources(name)]))


@dataclass(frozen=True)
class TailSlice:
    """What the tail holds of some metrics, taken out of its columns. docstrings inherited."""

    rows: Rows
    has_shared_steps: bool
    held: Mapping[str, list[tuple[str, Series]]]
    held_tops: Mapping[str, Series]
    all_unreadable: Sequence[tuple[WriterId, int]] = ()
    first_step: int | None = None
    last_step: int | None = None

    @property
    def bounds(self) -> tuple[int, int]:
        """Docstring inherited."""
        return _bounds_of(self.rows.steps, self.first_step, self.last_step)

    @property
    def unreadable(self) -> Sequence[tuple[WriterId, int]]:
        """Docstring inherited."""
        return _numbered_up_to(self.all_unreadable, self.last_step)

    def within(self, first_step: int | None, last_step: int | None) -> TailSlice:
        """Docstring inherited."""
        return replace(
            self, first_step=_later(self.first_step, first_step), last_step=_earlier(self.last_step, last_step)
        )

    def sources(self, name: str) -> list[tuple[str, Series]]:
        """Docstring inherited."""
        return [(top, self._cut(series)) for top, series in self.held.get(name, ())]

    def top_lines(self, top: str) -> Series:
        """Docstring inherited."""
        return self._cut(self.held_tops.get(top, EMPTY_SERIES))

    def _cut(self, series: Series) -> Series:
        first, end = _bounds_of(series.steps, self.first_step, self.last_step)
        return series if end - first == len(series.steps) else series.take(slice(first, end))

    def piece(self, name: str) -> tuple[Piece, Metric] | None:
        """Docstring inherited."""
        return None

    def facts(self, name: str) -> Facts | None:
        """Docstring inherited."""
        return facts_of(merge_sources([series for _, series in self.sources(name)]))


@dataclass(frozen=True)
class NumberedSlice:
    """A slice whose rows get new steps, in their order from `offset` on: rows of several machines have no common ones.

    docstrings inherited
    """

    inner: Slice
    offset: int

    @property
    def rows(self) -> Rows:
        """Docstring inherited."""
        rows = self.inner.rows
        return replace(rows, steps=np.arange(self.offset, self.offset + len(rows)))

    @property
    def bounds(self) -> tuple[int, int]:
        """Docstring inherited."""
        return self.inner.bounds

    @property
    def has_shared_steps(self) -> bool:
        """Docstring inherited."""
        return False

    @property
    def unreadable(self) -> Sequence[tuple[WriterId, int]]:
        """Docstring inherited."""
        return self.inner.unreadable

    def within(self, first_step: int | None, last_step: int | None) -> NumberedSlice:
        """Docstring inherited; bounds are those of the inner slice's own steps."""
        return replace(self, inner=self.inner.within(first_step, last_step))

    def sources(self, name: str) -> list[tuple[str, Series]]:
        """Docstring inherited."""
        return [(top, self._renumbered(series)) for top, series in self.inner.sources(name)]

    def top_lines(self, top: str) -> Series:
        """Docstring inherited."""
        return self._renumbered(self.inner.top_lines(top))

    def _renumbered(self, series: Series) -> Series:
        return replace(series, steps=series.places.astype(np.int64) + self.offset)

    def piece(self, name: str) -> tuple[Piece, Metric] | None:
        """Docstring inherited."""
        return None

    def facts(self, name: str) -> Facts | None:
        """Docstring inherited."""
        return facts_of(merge_sources([series for _, series in self.sources(name)]))


def take_tail(columns: Columns, names: Iterable[str], *, with_tops: bool) -> TailSlice:
    """Take metrics out of columns, to be read when the columns belong to somebody else again.

    Args:
        columns: What the tail holds.
        names: Metrics to take.
        with_tops: Also take where their top-level keys are, for merging with overlapping slices.
    """
    lines = columns.lines()
    if lines.rank is None:
        rows = Rows(lines.steps, lines.numbers, lines.writers, lines.writer_names)
        rank = None
    else:
        order = np.argsort(lines.rank)
        rows = Rows(lines.steps[order], lines.numbers[order], lines.writers[order], lines.writer_names)
        rank = lines.rank

    def ranked(series: Series) -> Series:
        return series if rank is None else replace(series, places=rank[series.places])

    names = list(names)
    held = {name: [(top, ranked(series)) for top, series in columns.sources(name)] for name in names}
    tops: dict[str, Series] = {}
    if with_tops:
        for name in names:
            for top in (name, *nesting_prefixes(name)):
                if top not in tops:
                    tops[top] = ranked(columns.top_lines(top))
    return TailSlice(rows, lines.has_shared_steps, held, tops, all_unreadable=tuple(columns.unreadable))


# --- slices together -------------------------------------------------------------------------------------------------


# --- arithmetic ------------------------------------------------------------------------------------------------------


def facts_of(series: Series) -> Facts | None:
    """Facts of a series in memory."""
    if not len(series.steps):
        return None
    counts = np.bincount(series.codes)
    codes = np.flatnonzero(counts).tolist()
    numbers = series.values if codes[-1] <= LAST_NUMERIC else series.values[series.codes <= LAST_NUMERIC]
    non_finite = len(numbers) - int(np.count_nonzero(np.isfinite(numbers)))
    known = numbers[~np.isnan(numbers)] if non_finite else numbers
    return Facts(
        points=len(series.steps),
        non_finite=non_finite,
        never_falls=bool((known[1:] >= known[:-1]).all()),
        first_value=float(known[0]) if len(known) else np.nan,
        highest_value=float(known[-1]) if len(known) else np.nan,
        last_value=float(series.values[-1]),
        last_code=int(series.codes[-1]),
        last_place=int(series.places[-1]),
        last_step=int(series.steps[-1]),
        type_counts=tuple((code, int(counts[code])) for code in codes),
    )


def _facts_of_metric(metric: Metric) -> Facts | None:
    """The same from a segment's directory, without reading the points."""
    code = metric.code
    if code is None or (metric.non_finite and metric.never_falls):
        return facts_of(Series(metric.steps, metric.values, metric.codes, metric.places))
    value, _ = metric.last_value
    return Facts(
        points=len(metric),
        non_finite=metric.non_finite,
        never_falls=metric.never_falls,
        first_value=metric.first_value,
        highest_value=value,
        last_value=value,
        last_code=code,
        last_place=metric.last_place,
        last_step=metric.last_step,
        type_counts=((code, len(metric)),),
    )


def _numbered_up_to(lines: Sequence[tuple[WriterId, int]], last: int | None) -> Sequence[tuple[WriterId, int]]:
    return lines if last is None else [line for line in lines if line[1] <= last]


def _odd_of(metric: Metric, end: int) -> npt.NDArray[np.int32]:
    odd = metric.odd_places if metric.non_finite else np.empty(0, np.int32)
    return odd[: int(np.searchsorted(odd, end))]


def _bounds_of(steps: Ints, first_step: int | None, last_step: int | None) -> tuple[int, int]:
    first = 0 if first_step is None else int(np.searchsorted(steps, first_step, side="left"))
    end = len(steps) if last_step is None else int(np.searchsorted(steps, last_step, side="right"))
    return first, max(first, end)


def _later(left: int | None, right: int | None) -> int | None:
    return right if left is None else left if right is None else max(left, right)


def _earlier(left: int | None, right: int | None) -> int | None:
    return right if left is None else left if right is None else min(left, right)
