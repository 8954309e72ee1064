"""Tracks: where one metric of one run holds media, along an axis. Pure arithmetic on arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from math import ceil, floor

import numpy as np
import numpy.typing as npt

from kymograph.compare.selection import Axis
from kymograph.core.history import Floats, Ints, MediaPoints, MetricKind, NumberPoints
from kymograph.types import MetricName


class Match(StrEnum):
    """Which media are meant by a place on the axis."""

    EXACT = "exact"
    NEAREST = "nearest"
    """Of two equally near the earlier."""
    PREVIOUS = "previous"
    """The last one at or before."""


@dataclass(frozen=True, slots=True, eq=False)
class Track:
    """Media of one metric of one run. The arrays have one shape."""

    history: int
    """Which of the runs asked for."""
    metric: MetricName
    kind: MetricKind
    steps: Ints
    """Strictly ascending."""
    xs: Ints | Floats
    """Where each is on the axis: the steps themselves, or finite numbers in no order."""

    @classmethod
    def of(cls, points: MediaPoints, numbers: NumberPoints | None) -> Track:
        """Media along steps, or along the numbers of another metric.

        Args:
            points: Where they are.
            numbers: The metric that makes the axis, of the same run; None for steps. Where it was not logged, its last
                value counts: media and epochs are often logged by different calls.
        """
        track = cls(points.history, points.metric, points.kind, points.steps, points.steps)
        if numbers is None:
            return track
        xs = x_at(numbers, points.steps)
        return replace(track, xs=xs).take(np.isfinite(xs))

    def take(self, chosen: npt.NDArray[np.bool_] | npt.NDArray[np.intp]) -> Track:
        """Some of its media."""
        return replace(self, steps=self.steps[chosen], xs=self.xs[chosen])

    def within(self, axis: Axis) -> Track:
        """Those in the range that an axis has."""
        if axis.low is None and axis.high is None:
            return self
        is_in = np.ones(len(self.xs), np.bool_)
        if axis.low is not None:
            is_in &= self.xs >= axis.low
        if axis.high is not None:
            is_in &= self.xs <= axis.high
        return self.take(is_in)

    def at(self, x: float, match: Match) -> Track:
        """The one that a place means, of several with one x the last; none if there is none."""
        order = np.lexsort((self.steps, self.xs))
        xs = self.xs[order]
        after = int(np.searchsorted(xs, x, side="right"))
        index = after - 1
        if match is Match.NEAREST and after < len(xs) and (index < 0 or xs[after].item() - x < x - xs[index].item()):
            index = int(np.searchsorted(xs, xs[after], side="right")) - 1
        if index < 0 or (match is Match.EXACT and xs[index] != x):
            return self.take(np.empty(0, np.intp))
        return self.take(order[index : index + 1])


def notches(tracks: Sequence[Track]) -> Ints | Floats:
    """Every x at which any of the tracks has media, ascending."""
    if not tracks:
        return np.empty(0, np.int64)
    return np.unique(np.concatenate([track.xs for track in tracks]))


def plain(xs: Ints | Floats) -> list[int] | list[float]:
    """Numbers of an axis for JSON: whole ones as integers if all are, so that an epoch reads 3 and not 3.0."""
    if xs.dtype.kind == "f" and bool((xs == np.floor(xs)).all()) and bool((np.abs(xs) < 2**53).all()):
        return [int(x) for x in xs.tolist()]
    values: list[int] | list[float] = xs.tolist()
    return values


_FIRST_STEP, _LAST_STEP = -(2**63), 2**63 - 1


@dataclass(frozen=True, slots=True)
class Span:
    """Consecutive steps that lie in the range of an axis."""

    first: int | None
    end: int | None
    """After the last one. None is no bound."""


def spans_of(axis: Axis, numbers: NumberPoints | None) -> list[Span]:
    """The steps in the range of an axis, ascending; more than one where the axis turns back.

    Args:
        axis: Its range.
        numbers: The metric that makes the axis, None for steps. Its last value counts until the next.
    """
    if numbers is None:
        low = None if axis.low is None else max(ceil(axis.low), _FIRST_STEP)
        end = None if axis.high is None or axis.high >= _LAST_STEP else floor(axis.high) + 1
        is_empty = (low or 0) > _LAST_STEP or (end is not None and end <= (_FIRST_STEP if low is None else low))
        return [] if is_empty else [Span(low, end)]
    is_in = np.isfinite(numbers.values)
    if axis.low is not None:
        is_in &= numbers.values >= axis.low
    if axis.high is not None:
        is_in &= numbers.values <= axis.high
    edges = np.flatnonzero(np.diff(np.concatenate([[False], is_in, [False]]).astype(np.int8)))
    steps = numbers.steps
    return [
        Span(int(steps[first]), int(steps[end]) if end < len(steps) else None)
        for first, end in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)
    ]


def x_at(numbers: NumberPoints, steps: Ints) -> Floats:
    """The value of the metric of an axis at some steps: its last one; NaN before the first."""
    before = np.searchsorted(numbers.steps, steps, side="right") - 1
    xs = np.full(len(steps), np.nan)
    has_x = before >= 0
    xs[has_x] = numbers.values[before[has_x]]
    return xs
