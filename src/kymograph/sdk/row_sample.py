"""A few of a run's rows, spread over all of them, for the lines that are drawn at its end."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from typing import Any

from kymograph.core.flatten import iter_leaves
from kymograph.core.sparkline import Trace

MAX_ROWS = 256
"""Kept of each shape; at least half as many once there were more."""
MAX_SHAPES = 16
MAX_NAMES = 100
"""Of a row that are kept."""
_GOLDEN = 0.6180339887498949


class RowSample:
    """Takes every row, at the cost of a counter, and keeps some. Not safe to share between threads.

    Rows of one shape, which is how many values they have, are sampled by themselves: so a value that is logged once an
    epoch is not lost among the thousands that are logged at every step. How many are passed over varies, so that rows
    which take turns are all met.
    """

    def __init__(self) -> None:
        """Begin empty."""
        self._shapes: dict[int, _Shape] = {}

    def take(self, row: Mapping[str, Any]) -> None:
        """See a row."""
        shape = self._shapes.get(len(row))
        if shape is None:
            if len(self._shapes) >= MAX_SHAPES:
                return
            shape = self._shapes[len(row)] = _Shape()
        shape.wait -= 1
        if shape.wait <= 0:
            shape.keep(row)

    def traces(self) -> dict[str, Trace]:
        """The metrics of the rows that were kept, by name, each in the order of its steps."""
        rows = [row for shape in self._shapes.values() for row in shape.rows]
        rows.sort(key=lambda row: row["_step"])
        found: dict[str, Trace] = {}
        for row in rows:
            for name, value in iter_leaves(row):
                if name.startswith("_") or isinstance(value, bool) or not isinstance(value, int | float):
                    continue
                try:
                    found.setdefault(name, Trace()).add(float(value))
                except OverflowError:  # an integer that no line can show
                    continue
        return found


class _Shape:
    __slots__ = ("_phase", "_stride", "rows", "wait")

    def __init__(self) -> None:
        self.rows: list[Mapping[str, Any]] = []
        self.wait = 1
        """Rows until the next one that is kept."""
        self._stride = 1
        self._phase = 0.5

    def keep(self, row: Mapping[str, Any]) -> None:
        if len(row) > MAX_NAMES:
            row = {"_step": row["_step"], **dict(islice(row.items(), MAX_NAMES))}
        self.rows.append(row)
        if len(self.rows) > MAX_ROWS:
            self.rows = self.rows[::2]
            self._stride *= 2
        # From 1 to twice the stride less one, evenly: multiples of the golden ratio.
        self._phase = (self._phase + _GOLDEN) % 1.0
        self.wait = 1 + int(self._phase * (2 * self._stride - 1))
