"""A metric in one line of a terminal.

Pure: numbers in, text out. A `Trace` takes as many as come and keeps a fixed amount: it grows coarser, and no spike is
lost, for every part of it keeps its lowest and highest value.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

BARS = "▁▂▃▄▅▆▇█"
NOT_FINITE = "×"
"""In place of a part that holds NaN or infinities only."""
MISSING = " "
_MAX_PARTS = 512


@dataclass(slots=True)
class Part:
    """Neighbouring values."""

    low: float = math.inf
    high: float = -math.inf
    total: float = 0.0
    count: int = 0
    """Of finite values."""
    others: int = 0

    def add(self, value: float) -> None:
        """Take one more value."""
        if math.isfinite(value):
            self.low, self.high = min(self.low, value), max(self.high, value)
            self.total += value
            self.count += 1
        else:
            self.others += 1

    def merge(self, other: Part) -> None:
        """Take all values of another part."""
        self.low, self.high = min(self.low, other.low), max(self.high, other.high)
        self.total += other.total
        self.count += other.count
        self.others += other.others


@dataclass(slots=True)
class Trace:
    """The values of one metric in their order.

    Law: `low`, `high`, `count` and `last` are those of all values, however many parts are kept.
    """

    parts: list[Part] = field(default_factory=list)
    per_part: int = 1
    """Values in every part but the last."""
    count: int = 0
    last: float = math.nan

    def add(self, value: float) -> None:
        """Take the next value."""
        if self.count % self.per_part == 0:
            if len(self.parts) == _MAX_PARTS:
                self._halve()
            self.parts.append(Part())
        self.parts[-1].add(value)
        self.count += 1
        self.last = value

    def _halve(self) -> None:
        for left, right in zip(self.parts[::2], self.parts[1::2], strict=True):
            left.merge(right)
        self.parts = self.parts[::2]
        self.per_part *= 2

    @property
    def low(self) -> float:
        """The lowest finite value; infinite if there is none."""
        return min((part.low for part in self.parts), default=math.inf)

    @property
    def high(self) -> float:
        """The highest finite value; minus infinity if there is none."""
        return max((part.high for part in self.parts), default=-math.inf)

    def draw(self, width: int) -> str:
        """The trace in at most `width` characters.

        Each character stands for as many values as any other, and is as high as their mean; where the lowest and the
        highest of all are, it is as high as those, so that a single spike shows.
        """
        return _draw(_columns(self.parts, width))


def sparkline(values: Sequence[float | None], width: int = 40) -> str:
    """Values in one line of at most `width` characters; None leaves a gap.

    With more values than characters, None is passed over.
    """
    if len(values) <= width:
        parts = [Part() for _ in values]
        for part, value in zip(parts, values, strict=True):
            if value is not None:
                part.add(value)
        return _draw(parts)
    trace = Trace()
    for value in values:
        if value is not None:
            trace.add(value)
    return trace.draw(width)


def _columns(parts: Sequence[Part], width: int) -> list[Part]:
    if len(parts) <= width:
        return list(parts)
    columns = []
    for number in range(width):
        column = Part()
        for part in parts[number * len(parts) // width : (number + 1) * len(parts) // width]:
            column.merge(part)
        columns.append(column)
    return columns


def _draw(columns: Sequence[Part]) -> str:
    finite = [column for column in columns if column.count]
    if not finite:
        return "".join(NOT_FINITE if column.others else MISSING for column in columns)
    low, high = min(column.low for column in finite), max(column.high for column in finite)
    return "".join(_character(column, low, high) for column in columns)


def _character(column: Part, low: float, high: float) -> str:
    if not column.count:
        return NOT_FINITE if column.others else MISSING
    if column.high == high:
        value = high
    elif column.low == low:
        value = low
    else:
        value = column.total / column.count
    # Halves, because the difference of two large numbers may be infinite.
    span = high / 2 - low / 2
    place = (value / 2 - low / 2) / span if span > 0 else 0.5
    return BARS[min(int(place * len(BARS)), len(BARS) - 1)]
