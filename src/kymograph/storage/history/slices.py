"""Slices: the pieces that a stream's history lies in, each sorted by step, and how they are read as one.

A slice is a segment, or what the tail holds. Within a slice, lines of one step are merged already. Between slices that
share no range of steps, which is nearly always, one simply follows the other. Where ranges overlap, the rule is that of
`core.rows`: of the lines of one step that hold a top-level key, the one that comes last by (number, writer) counts, and
what it holds under that key replaces all that the others have there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import pairwise
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from kymograph.core.buckets import Piece
from kymograph.core.history import Damage, HistoryPart
from kymograph.core.rows import nesting_prefixes
from kymograph.core.value_kinds import LAST_NUMERIC
from kymograph.storage.history.columns import EMPTY_SERIES, Columns, Ints, Series
from kymograph.storage.history.segments.draft import Rows
from kymograph.storage.history.segments.points import Metric, PointsFile
from kymograph.types import RunKey, WriterId


@dataclass(frozen=True, slots=True)
class LineRef:
    """Where a line lies."""

    run: RunKey
    writer: WriterId
    number: int


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


@dataclass(frozen=True)
class PartView:
    """One part of a history: the slices of one run that its bound leaves."""

    part: HistoryPart
    slices: tuple[Slice, ...]
    damaged: tuple[Damage, ...] = ()
    offsets: tuple[int, ...] = ()
    """Added to the places of each slice to make places of the part."""
    is_disjoint: bool = True
    """Whether the slices follow one another without sharing a range of steps."""
    unreadable: tuple[tuple[WriterId, int], ...] = ()
    """Lines that are no JSON objects, by writer and number."""
    _winners: dict[str, npt.NDArray[np.bool_]] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, part: HistoryPart, slices: Iterable[Slice], damaged: Sequence[Damage] = ()) -> PartView:
        """Put slices in order; those without rows within bounds are left out."""
        given = list(slices)
        ordered = sorted((item for item in given if item.bounds[1] > item.bounds[0]), key=_step_range)
        offsets = [0]
        for item in ordered:
            offsets.append(offsets[-1] + len(item.rows))
        ranges = [_step_range(item) for item in ordered]
        is_disjoint = all(left[1] < right[0] for left, right in pairwise(ranges))
        unreadable = tuple(line for item in given for line in item.unreadable)
        return cls(part, tuple(ordered), tuple(damaged), tuple(offsets), is_disjoint, unreadable)

    @property
    def row_capacity(self) -> int:
        """Places of the part are below this number."""
        return self.offsets[-1] if self.offsets else 0

    def within(self, first_step: int | None, last_step: int | None) -> PartView:
        """The same with rows of these steps only, both included; its places are its own."""
        return PartView.of(self.part, (item.within(first_step, last_step) for item in self.slices), self.damaged)

    def series(self, name: str) -> Series:
        """A metric over all slices, one point per step."""
        found = [item.sources(name) for item in self.slices]
        if len(found) == 1:
            return merge_sources([series for _, series in found[0]])
        joined = []
        for top in (name, *nesting_prefixes(name)):
            pieces = [
                replace(series, places=series.places.astype(np.int64) + offset)
                for offset, sources in zip(self.offsets, found, strict=False)
                for of_top, series in sources
                if of_top == top and len(series.steps)
            ]
            if pieces:
                joined.append(self._join(top, pieces))
        return merge_sources(joined)

    def _join(self, top: str, pieces: Sequence[Series]) -> Series:
        if self.is_disjoint:
            return concatenate(pieces)
        everything = concatenate(pieces)
        wins = self._winning_places(top)[everything.places]
        chosen = np.flatnonzero(wins)
        return everything.take(chosen[np.argsort(everything.steps[chosen], kind="stable")])

    def top_lines(self, top: str) -> Series:
        """The lines that hold a top-level key at their step."""
        pieces = [
            replace(series, places=series.places.astype(np.int64) + offset)
            for offset, series in zip(self.offsets, (item.top_lines(top) for item in self.slices), strict=False)
            if len(series.steps)
        ]
        return self._join(top, pieces) if pieces else EMPTY_SERIES

    def _winning_places(self, top: str) -> npt.NDArray[np.bool_]:
        """Which places hold the value of a top-level key at their step; shape ``(row_capacity,)``."""
        if top not in self._winners:
            wins = np.zeros(self.row_capacity, np.bool_)
            steps, numbers, writers, places = [], [], [], []
            all_writers = sorted({writer for item in self.slices for writer in item.rows.writer_names})
            for offset, item in zip(self.offsets, self.slices, strict=False):
                lines, rows = item.top_lines(top), item.rows
                rank = np.array([all_writers.index(writer) for writer in rows.writer_names] or [0])
                steps.append(lines.steps)
                numbers.append(rows.numbers[lines.places])
                writers.append(rank[rows.writers[lines.places]])
                places.append(lines.places.astype(np.int64) + offset)
            by_rank = np.lexsort((np.concatenate(writers), np.concatenate(numbers), all_steps := np.concatenate(steps)))
            ordered = all_steps[by_rank]
            is_last = np.append(ordered[1:] != ordered[:-1], True) if len(ordered) else np.empty(0, np.bool_)
            wins[np.concatenate(places)[by_rank[is_last]]] = True
            self._winners[top] = wins
        return self._winners[top]

    def refs_of_step(self, step: int) -> list[LineRef]:
        """The lines of a step, in merging order."""
        found: list[tuple[int, WriterId]] = []
        for item in self.slices:
            rows = item.rows
            first, end = item.bounds
            begin = first + int(np.searchsorted(rows.steps[first:end], step, side="left"))
            stop = first + int(np.searchsorted(rows.steps[first:end], step, side="right"))
            found += [
                (int(rows.numbers[place]), rows.writer_names[int(rows.writers[place])]) for place in range(begin, stop)
            ]
        return [LineRef(self.part.run, writer, number) for number, writer in sorted(found)]

    def refs_of_steps(self, steps: Ints) -> list[list[LineRef]]:
        """The lines of each of ascending steps, in merging order."""
        found: list[list[tuple[int, WriterId]]] = [[] for _ in steps]
        n_slices = 0
        for item in self.slices:
            rows = item.rows
            first, end = item.bounds
            begins = (first + np.searchsorted(rows.steps[first:end], steps, side="left")).tolist()
            stops = (first + np.searchsorted(rows.steps[first:end], steps, side="right")).tolist()
            n_slices += any(begin < stop for begin, stop in zip(begins, stops, strict=True))
            names = rows.writer_names
            for refs, begin, stop in zip(found, begins, stops, strict=True):
                for place in range(begin, stop):
                    refs.append((int(rows.numbers[place]), names[int(rows.writers[place])]))
        if n_slices > 1:
            for refs in found:
                refs.sort()
        run = self.part.run
        return [[LineRef(run, writer, number) for number, writer in refs] for refs in found]

    def place_step(self, place: int) -> int:
        """The step of a place of the part."""
        index = int(np.searchsorted(self.offsets, place, side="right")) - 1
        return int(self.slices[index].rows.steps[place - self.offsets[index]])


@dataclass(frozen=True)
class HistoryView:
    """A history over its parts, oldest ancestor first."""

    parts: tuple[PartView, ...]

    @cached_property
    def slices(self) -> list[Slice]:
        """All slices in order of parts."""
        return [item for part in self.parts for item in part.slices]

    @property
    def damaged(self) -> tuple[Damage, ...]:
        """What cannot be read."""
        return tuple(damage for part in self.parts for damage in part.damaged)

    @cached_property
    def is_disjoint(self) -> bool:
        """Whether all slices of all parts follow one another without sharing a range of steps."""
        ends = [_step_range(item) for item in self.slices]
        return all(part.is_disjoint for part in self.parts) and all(
            left[1] < right[0] for left, right in pairwise(ends)
        )

    def within(self, first_step: int | None, last_step: int | None) -> HistoryView:
        """The same with rows of these steps only, both included; its places are its own."""
        return HistoryView(tuple(part.within(first_step, last_step) for part in self.parts))

    def series(self, name: str) -> Series:
        """A metric over all parts; where parts share a step, the later part wins. Resolve its places with `refs_of`.

        Between parts, values merge by dotted name and not by top-level key: a branch begins after its branch point, so
        shared steps are a rewind's leftovers at most.
        """
        return merge_sources(self._with_places([part.series(name) for part in self.parts]))

    def presence(self, key: str) -> Ints:
        """Ascending steps of the rows that a key addresses: as the name of a metric, or as one that holds mappings."""
        return distinct([self.series(key).steps, *(part.top_lines(key).steps for part in self.parts)])

    def _with_places(self, of_parts: Sequence[Series]) -> list[Series]:
        base = 0
        placed: list[Series] = []
        for part, series in zip(self.parts, of_parts, strict=True):
            if len(series.steps):
                placed.append(replace(series, places=series.places.astype(np.int64) + base) if base else series)
            base += part.row_capacity
        return placed

    def refs_of(self, place: int) -> tuple[LineRef, ...]:
        """The lines of the row that a place of a series names, in merging order."""
        for part in self.parts:
            if place < part.row_capacity:
                return tuple(part.refs_of_step(part.place_step(place)))
            place -= part.row_capacity
        raise IndexError(place)

    def refs_of_steps(self, steps: Ints) -> list[list[LineRef]]:
        """The lines of each of ascending steps, in merging order."""
        found: list[list[LineRef]] = [[] for _ in steps]
        for part in self.parts:
            for refs, more in zip(found, part.refs_of_steps(steps), strict=True):
                refs += more
        return found

    def steps(self, *, limit: int | None = None) -> Ints:
        """Every step once, ascending; the first `limit` of them."""
        slices = self.slices
        if len(slices) > 1 and self.is_disjoint:
            found: list[Ints] = []
            missing = limit
            for item in slices:
                found.append(_distinct_steps(item, missing))
                if missing is not None:
                    missing -= len(found[-1])
                    if missing <= 0:
                        break
            return np.concatenate(found)
        steps = distinct([_distinct_steps(item, limit) for item in slices])
        return steps if limit is None else steps[:limit]

    def count_steps(self) -> int:
        """How many different steps there are."""
        if self.is_disjoint and not any(item.has_shared_steps for item in self.slices):
            return sum(end - first for first, end in (item.bounds for item in self.slices))
        return len(self.steps())

    def last_step(self) -> int | None:
        """The highest step, None without rows."""
        return max((_step_range(item)[1] for item in self.slices), default=None)


def damage_within(view: HistoryView, first_step: int | None, last_step: int | None) -> tuple[Damage, ...]:
    """What is damaged of a history between two steps, both included."""
    return tuple(
        damage
        for damage in view.damaged
        if (first_step is None or damage.last_step >= first_step)
        and (last_step is None or damage.first_step <= last_step)
    )


# --- arithmetic ------------------------------------------------------------------------------------------------------


def merge_sources(sources: Sequence[Series]) -> Series:
    """One series out of several; where they share a step, the later one wins."""
    held = [series for series in sources if len(series.steps)]
    if not held:
        return EMPTY_SERIES
    if len(held) == 1:
        return held[0]
    everything = concatenate(held)
    if bool((everything.steps[1:] > everything.steps[:-1]).all()):
        return everything
    by_step = np.argsort(everything.steps, kind="stable")
    ordered = everything.steps[by_step]
    return everything.take(by_step[np.append(ordered[1:] != ordered[:-1], True)])


def concatenate(pieces: Sequence[Series]) -> Series:
    """Series one after another."""
    if len(pieces) == 1:
        return pieces[0]
    return Series(
        np.concatenate([series.steps for series in pieces]),
        np.concatenate([series.values for series in pieces]),
        np.concatenate([series.codes for series in pieces]),
        np.concatenate([series.places for series in pieces]),
    )


def distinct(steps: Sequence[Ints]) -> Ints:
    """All steps once, ascending."""
    if not steps:
        return np.empty(0, np.int64)
    # np.unique hashes, which takes 1 s for a million steps that are sorted already; this takes 10 ms.
    ordered = np.sort(np.concatenate(steps), kind="stable") if len(steps) > 1 else steps[0]
    return ordered[np.append(ordered[1:] != ordered[:-1], True)] if len(ordered) else ordered


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


def _distinct_steps(item: Slice, limit: int | None) -> Ints:
    first, end = item.bounds
    if not item.has_shared_steps:
        return item.rows.steps[first : end if limit is None else min(end, first + limit)]
    steps = distinct([item.rows.steps[first:end]])
    return steps if limit is None else steps[:limit]


def _step_range(item: Slice) -> tuple[int, int]:
    first, end = item.bounds
    return int(item.rows.steps[first]), int(item.rows.steps[end - 1])


def _bounds_of(steps: Ints, first_step: int | None, last_step: int | None) -> tuple[int, int]:
    first = 0 if first_step is None else int(np.searchsorted(steps, first_step, side="left"))
    end = len(steps) if last_step is None else int(np.searchsorted(steps, last_step, side="right"))
    return first, max(first, end)


def _later(left: int | None, right: int | None) -> int | None:
    return right if left is None else left if right is None else max(left, right)


def _earlier(left: int | None, right: int | None) -> int | None:
    return right if left is None else left if right is None else min(left, right)
