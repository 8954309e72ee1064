"""One consistent look at the history of some runs, during one reading job."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from kymograph.core.exact_json import MAX_EXACT_INT
from kymograph.core.history import HistoryPart, Stream
from kymograph.core.rows import leaves_of, merge_rows, parse_row
from kymograph.core.value_kinds import BOOLEAN, INTEGER, LAST_NUMERIC
from kymograph.storage.history.base import Tail
from kymograph.storage.history.column_cache import ColumnCache
from kymograph.storage.history.columns import EMPTY_SERIES, Columns, Ints, Lines, Series
from kymograph.types import JsonValue, RunKey, WriterId


@dataclass(frozen=True, slots=True)
class LineRef:
    """Where a line lies."""

    run: RunKey
    writer: WriterId
    number: int


@dataclass(frozen=True, slots=True)
class PartView:
    """What one part of a history holds of the names that were asked for."""

    part: HistoryPart
    lines: Lines
    series: dict[str, Series]

    def ref(self, place: int) -> LineRef:
        """Where the line with index `place` lies."""
        lines = self.lines
        return LineRef(self.part.run, lines.writer_names[lines.writers[place]], int(lines.numbers[place]))

    def row_refs(self, place: int) -> tuple[LineRef, ...]:
        """The lines that make the row which the line with index `place` is part of, in merging order."""
        lines = self.lines
        if lines.rank is None or not lines.has_shared_steps:
            return (self.ref(place),)
        places = np.flatnonzero(lines.steps == lines.steps[place])
        return tuple(self.ref(other) for other in places[np.argsort(lines.rank[places])].tolist())

    def by_step(self) -> tuple[Ints, Ints]:
        """`Lines.by_step`, as far as the part goes."""
        steps, places = self.lines.by_step()
        if self.part.last_step is not None:
            end = int(np.searchsorted(steps, self.part.last_step, side="right"))
            return steps[:end], places[:end]
        return steps, places


@dataclass(frozen=True, slots=True)
class Point:
    """One point of a series of a `HistoryView`."""

    name: str
    code: int
    value: float
    place: int

    @classmethod
    def last_of(cls, name: str, series: Series) -> Point:
        """The last point of a series that has points."""
        return cls(name, int(series.codes[-1]), float(series.values[-1]), int(series.places[-1]))


@dataclass(frozen=True, slots=True)
class HistoryView:
    """A history over its parts, oldest ancestor first."""

    parts: tuple[PartView, ...]

    def series(self, name: str) -> Series:
        """A metric over all parts; where parts share a step, the later part wins. Resolve its places with `row_refs`.

        Between parts, values merge by dotted name and not by top-level key: a branch begins after its branch point, so
        shared steps are a rewind's leftovers at most.
        """
        if len(self.parts) == 1:
            return self.parts[0].series.get(name, EMPTY_SERIES)
        base = 0
        joined: list[Series] = []
        for view in self.parts:
            series = view.series.get(name, EMPTY_SERIES)
            if len(series.steps):
                joined.append(replace(series, places=series.places.astype(np.int64) + base))
            base += len(view.lines.steps)
        if len(joined) <= 1:
            return joined[0] if joined else EMPTY_SERIES
        steps = np.concatenate([series.steps for series in joined])
        by_step = np.argsort(steps, kind="stable")
        is_last = np.append(steps[by_step][1:] != steps[by_step][:-1], True)
        chosen = by_step[is_last]
        return Series(
            steps[chosen],
            np.concatenate([series.values for series in joined])[chosen],
            np.concatenate([series.codes for series in joined])[chosen],
            np.concatenate([series.places for series in joined])[chosen],
        )

    def row_refs(self, place: int) -> tuple[LineRef, ...]:
        """The lines of the row that a place of a joined series names, in merging order."""
        for view in self.parts[:-1]:
            if place < len(view.lines.steps):
                return view.row_refs(place)
            place -= len(view.lines.steps)
        return self.parts[-1].row_refs(place)


class Snapshot:
    """Columns and lines of runs as one transaction sees them. Belongs to that transaction's thread."""

    def __init__(self, cache: ColumnCache, tail: Tail, runs: Collection[RunKey], stream: Stream) -> None:
        self._cache = cache
        self._tail = tail
        self._stream = stream
        self._versions = tail.versions(runs, stream)

    def view(
        self,
        parts: Sequence[HistoryPart],
        names: Iterable[str] = (),
        *,
        find: Callable[[Columns, str], Series] = Columns.series,
    ) -> HistoryView:
        """A history with what `find` gives for each of `names` in each part's columns: by default, its series."""
        return HistoryView(tuple(self._view_part(part, names, find) for part in parts))

    def _view_part(self, part: HistoryPart, names: Iterable[str], find: Callable[[Columns, str], Series]) -> PartView:
        versions = self._versions.get(part.run, {})
        with self._cache.columns(self._tail, part.run, self._stream, versions) as columns:
            series = {name: _up_to(find(columns, name), part.last_step) for name in names}
            return PartView(part, columns.lines(), series)

    def visit(self, part: HistoryPart, see: Callable[[str, Series], None]) -> HistoryView:
        """Show every metric of one part, in order of first appearance, without keeping them all in memory."""
        versions = self._versions.get(part.run, {})
        with self._cache.columns(self._tail, part.run, self._stream, versions) as columns:
            for name in columns.names():
                series = _up_to(columns.series(name, is_kept=False), part.last_step)
                if len(series.steps):
                    see(name, series)
            return HistoryView((PartView(part, columns.lines(), {}),))

    def unreadable_lines(self, part: HistoryPart) -> int:
        """Lines of a part that are not JSON objects."""
        versions = self._versions.get(part.run, {})
        with self._cache.columns(self._tail, part.run, self._stream, versions) as columns:
            return columns.unreadable_lines(part.last_step)

    def rows(self, refs: Iterable[LineRef]) -> dict[LineRef, dict[str, JsonValue]]:
        """Lines, parsed exactly; those that this transaction does not see are left out."""
        wanted: dict[RunKey, dict[WriterId, set[int]]] = defaultdict(lambda: defaultdict(set))
        for ref in refs:
            wanted[ref.run][ref.writer].add(ref.number)
        return {
            LineRef(run, writer, number): row
            for run, numbers in wanted.items()
            for writer, lines in self._tail.pick_lines(run, self._stream, numbers).items()
            for number, line in lines.items()
            if (row := parse_row(line)) is not None
        }

    def exact_values(self, points: Sequence[tuple[HistoryView, Point]]) -> list[JsonValue]:
        """Values of points as they were logged.

        Most come from the columns. Texts, lists, media, and numbers that a double may not tell apart from their
        neighbours, are read again from their rows: of one line alone, a later one may have replaced a part.
        """
        values: list[JsonValue] = [None] * len(points)
        unsure: list[int] = []
        for index, (_, point) in enumerate(points):
            code, value = point.code, point.value
            if code == BOOLEAN:
                values[index] = value != 0.0
            elif code <= LAST_NUMERIC and not (abs(value) >= MAX_EXACT_INT and value == value // 1):
                values[index] = int(value) if code == INTEGER else value
            else:
                unsure.append(index)
        refs_of_place: dict[tuple[int, int], tuple[LineRef, ...]] = {}
        indices_of_row: dict[tuple[LineRef, ...], list[int]] = defaultdict(list)
        for index in unsure:
            view, point = points[index]
            place = (id(view), point.place)
            if place not in refs_of_place:
                refs_of_place[place] = view.row_refs(point.place)
            indices_of_row[refs_of_place[place]].append(index)
        lines = self.rows({ref for refs in indices_of_row for ref in refs})
        for refs, indices in indices_of_row.items():
            leaves = leaves_of(merge_rows(lines[ref] for ref in refs if ref in lines))
            for index in indices:
                values[index] = leaves.get(points[index][1].name)
        return values


def _up_to(series: Series, last_step: int | None) -> Series:
    if last_step is None or not len(series.steps) or series.steps[-1] <= last_step:
        return series
    end = int(np.searchsorted(series.steps, last_step, side="right"))
    return series.take(slice(0, end))
