"""Views: the slices of a stream, and of all parts of a run's history, read as one.

Between slices that share no range of steps, which is nearly always, one simply follows the other. Where ranges overlap,
the rule is that of `core.rows`: of the lines of one step that hold a top-level key, the one that comes last by (number,
writer) counts, and what it holds under that key replaces all that the others have there.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from kymograph.core.history import Damage, HistoryPart
from kymograph.core.rows import nesting_prefixes
from kymograph.storage.history.columns import EMPTY_SERIES, Ints, Series
from kymograph.storage.history.joins import concatenate, distinct, merge_sources
from kymograph.storage.history.slices import Slice
from kymograph.types import RunKey, WriterId


@dataclass(frozen=True, slots=True)
class LineRef:
    """Where a line lies."""

    run: RunKey
    writer: WriterId
    number: int


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


def _distinct_steps(item: Slice, limit: int | None) -> Ints:
    first, end = item.bounds
    if not item.has_shared_steps:
        return item.rows.steps[first : end if limit is None else min(end, first + limit)]
    steps = distinct([item.rows.steps[first:end]])
    return steps if limit is None else steps[:limit]


def _step_range(item: Slice) -> tuple[int, int]:
    first, end = item.bounds
    return int(item.rows.steps[first]), int(item.rows.steps[end - 1])
