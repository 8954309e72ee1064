"""A history as windows of rows, and what each metric holds in them.

Where slices follow one another, which is nearly always, the points of a window are parts of mapped arrays: nothing is
sorted or merged. Where they overlap, the window is merged as every query merges.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

import numpy as np

from kymograph.core import exact_json
from kymograph.core.rows import leaves_of, merge_rows, parse_row
from kymograph.core.value_kinds import INTEGER, LAST_NUMERIC, NULL
from kymograph.storage.history.columns import Codes, Floats, Ints, Series
from kymograph.storage.history.export.frozen import FrozenLines
from kymograph.storage.history.joins import merge_sources
from kymograph.storage.history.segments.draft import needs_text
from kymograph.storage.history.segments.points import Metric
from kymograph.storage.history.slices import SegmentSlice, Slice
from kymograph.storage.history.views import HistoryView
from kymograph.types import JsonValue, RunKey


class Points(NamedTuple):
    """Some points of a metric in a window."""

    rows: Ints
    """Rows of the window, ascending."""
    values: Floats
    """NaN where the value is no number."""
    codes: Codes
    texts: Sequence[bytes | None] | None
    """JSON of the values that a double does not hold, empty if it holds all; None if their lines have to be read."""


class Pace:
    """How many rows are taken at once, so that what they hold stays within a size; it learns from what it was told."""

    def __init__(self, *, first: int, most: int, budget_bytes: int) -> None:
        self.rows = first
        """How many to take next."""
        self._most = most
        self._budget_bytes = budget_bytes

    def note(self, rows: int, size_bytes: int) -> None:
        """Take notice of how large some rows were."""
        fitting = rows * self._budget_bytes // max(size_bytes, 1)
        # Not much more than before: those were perhaps small by chance.
        self.rows = max(1, min(fitting, self.rows * 4, self._most))


@dataclass
class Window:
    """Consecutive rows of an export."""

    history: Windows
    steps: Ints
    """Strictly ascending."""
    _leaves: dict[int, dict[str, JsonValue]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.steps)

    def points(self, name: str) -> list[Points]:
        """The points of a metric, by rising row."""
        if self._merged is not None:
            found = [_points_of(self._merged.series(name), self.steps)]
        else:
            found = [self._placed(part, part.rows.points(name, part.begin, part.end)) for part in self.parts]
        return [points for points in found if len(points.rows)]

    def _placed(self, part: _Part, points: Points) -> Points:
        """Points by rows of the window; they came by rows of the slice."""
        if self.history.is_whole:
            return points._replace(rows=points.rows + part.at) if part.at else points
        return _at_steps(points, part.rows.steps[points.rows + part.begin], self.steps)

    @cached_property
    def parts(self) -> list[_Part]:
        """The rows of slices that the window is made of; empty where they have to be merged."""
        return self.history.parts_of(self.steps)

    @cached_property
    def _merged(self) -> HistoryView | None:
        view = self.history.view
        return None if view.is_disjoint else view.within(int(self.steps[0]), int(self.steps[-1]))

    def texts(self, name: str, rows: Sequence[int]) -> list[bytes | None]:
        """JSON of a metric in some rows, read from their lines."""
        self._read([row for row in rows if row not in self._leaves])
        return [
            exact_json.dumps(leaves[name]).encode() if name in leaves else None
            for leaves in (self._leaves[row] for row in rows)
        ]

    def _read(self, rows: Sequence[int]) -> None:
        refs_of_row = self.history.view.refs_of_steps(self.steps[list(rows)]) if rows else []
        lines = self.history.lines.lines(ref for refs in refs_of_row for ref in refs)
        for row, refs in zip(rows, refs_of_row, strict=True):
            parsed = [values for ref in refs if ref in lines and (values := parse_row(lines[ref])) is not None]
            self._leaves[row] = leaves_of(merge_rows(parsed))


class Windows:
    """A history that is read from its beginning to its end. Belongs to one thread at a time."""

    def __init__(self, view: HistoryView, lines: FrozenLines, steps: Ints, *, is_whole: bool) -> None:
        """Read some rows of a history.

        Args:
            view: The history.
            lines: Its lines.
            steps: Which rows, ascending.
            is_whole: Whether these are all the rows of the view.
        """
        self.view = view
        self.lines = lines
        self.steps = steps
        self.is_whole = is_whole
        self._slices: list[SliceRows] = []
        if view.is_disjoint:
            self._slices = [SliceRows(item, part.part.run) for part in view.parts for item in part.slices]

    def iterate(self, pace: Pace) -> Iterator[Window]:
        """Windows of as many rows as `pace` says at each moment."""
        first = 0
        while first < len(self.steps):
            window = Window(self, self.steps[first : first + pace.rows])
            first += len(window)
            yield window

    def parts_of(self, steps: Ints) -> list[_Part]:
        """The rows of each slice from the first of the steps to the last one."""
        found: list[_Part] = []
        at = 0
        for rows in self._slices:
            begin = int(np.searchsorted(rows.steps, steps[0], side="left"))
            end = int(np.searchsorted(rows.steps, steps[-1], side="right"))
            if begin < end:
                found.append(_Part(rows, begin, end, at))
                at += end - begin
            else:
                rows.forget()
        return found


class SliceRows:
    """A slice as distinct rows, numbered from its first one within bounds."""

    def __init__(self, item: Slice, run: RunKey) -> None:
        self.slice = item
        self.run = run
        self._first, self._end = item.bounds
        self.steps = item.rows.steps[self._first : self._end]
        self._starts: Ints | None = None
        if item.has_shared_steps:
            is_new = np.append(True, self.steps[1:] != self.steps[:-1])
            self._row_of_place = np.cumsum(is_new) - 1
            self._starts = np.append(np.flatnonzero(is_new), len(is_new))
            self.steps = self.steps[is_new]
        self._texts: dict[str, list[bytes | None]] = {}

    @property
    def has_shared_steps(self) -> bool:
        """Whether several lines make one row."""
        return self._starts is not None

    def forget(self) -> None:
        """Let go of what was unpacked: it is another slice's turn."""
        self._texts.clear()

    def places(self, begin: int, end: int) -> tuple[int, int]:
        """The lines of rows: the place of the first one, and after the last one."""
        if self._starts is not None:
            begin, end = int(self._starts[begin]), int(self._starts[end])
        return self._first + begin, self._first + end

    def points(self, name: str, begin: int, end: int) -> Points:
        """The points of a metric in some rows; their rows count from `begin`."""
        found = self.slice.file.find(name) if isinstance(self.slice, SegmentSlice) else None
        if found is None or len(found) > 1:
            series = merge_sources([series for _, series in self.slice.sources(name)])
            return _points_of(series, self.steps[begin:end])
        return self._mapped(found[0], begin, end) if found else _NO_POINTS

    def _mapped(self, metric: Metric, begin: int, end: int) -> Points:
        first, stop = self.places(begin, end)
        if metric.is_dense:
            lo, hi = first, stop
            rows = np.arange(stop - first)
        else:
            places = metric.places
            # Of the type of the array, or numpy converts all of it.
            lo, hi = np.searchsorted(places, np.array((first, stop), places.dtype)).tolist()
            rows = places[lo:hi].astype(np.int64) - first
        if self._starts is not None:
            rows = self._row_of_place[rows + (first - self._first)] - begin
        code = metric.code
        codes = metric.codes[lo:hi] if code is None else np.full(hi - lo, code, np.uint8)
        texts: Sequence[bytes | None] = ()
        if code is None or code > LAST_NUMERIC or code == INTEGER:
            if metric.name not in self._texts:
                self._texts[metric.name] = metric.texts()
            texts = self._texts[metric.name][lo:hi]
        return Points(rows, metric.values[lo:hi], codes, texts)


class _Part(NamedTuple):
    """Consecutive rows of a slice."""

    rows: SliceRows
    begin: int
    end: int
    at: int
    """How many rows of other slices come before them."""


def _points_of(series: Series, steps: Ints) -> Points:
    """The points of a series at ascending steps."""
    begin = int(np.searchsorted(series.steps, steps[0], side="left"))
    end = int(np.searchsorted(series.steps, steps[-1], side="right"))
    values, codes = series.values[begin:end], series.codes[begin:end]
    is_elsewhere = bool((needs_text(values, codes) & (codes != NULL)).any())
    points = Points(np.arange(end - begin), values, codes, None if is_elsewhere else ())
    return _at_steps(points, series.steps[begin:end], steps)


def _at_steps(points: Points, steps: Ints, wanted: Ints) -> Points:
    """Those of some points, at `steps`, that lie at the steps of a window; by its rows."""
    if not len(steps):
        return points
    if len(steps) > len(wanted):
        # Many points, and few rows: some that are chosen.
        places = np.searchsorted(steps, wanted)
        is_there = steps[np.minimum(places, len(steps) - 1)] == wanted
        return _take(points, places[is_there], np.flatnonzero(is_there))
    rows = np.searchsorted(wanted, steps)
    is_wanted = wanted[np.minimum(rows, len(wanted) - 1)] == steps
    if bool(is_wanted.all()):
        return points._replace(rows=rows)
    return _take(points, np.flatnonzero(is_wanted), rows[is_wanted])


def _take(points: Points, kept: Ints, rows: Ints) -> Points:
    texts = points.texts
    if texts:
        texts = [texts[index] for index in kept.tolist()]
    return Points(rows, points.values[kept], points.codes[kept], texts)


_NO_POINTS = Points(np.empty(0, np.int64), np.empty(0, np.float64), np.empty(0, np.uint8), ())
