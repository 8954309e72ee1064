"""Coarser levels of a series: minimum, maximum, sum and count of blocks, so that a range is reduced without its points.

Level 1 divides a series into blocks of `BLOCK` points, level 2 into blocks of as many blocks, and so on; blocks that
are not full are left out. Non-finite points count nowhere: a block of nothing else has the minimum +∞ and the maximum
−∞.

Law: `reduce_ranges` with levels equals `reduce_ranges` without them, sums up to rounding.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]
Indices = npt.NDArray[np.intp]

BLOCK = 64
"""A bucket's two ends are read point by point: at 1,500 buckets about 100,000 points, at any length of the series."""
WORTH_BLOCKS = 6
"""Ranges shorter than this many blocks are read whole: picking out their ends costs more than the levels save."""


@dataclass(frozen=True, slots=True)
class Level:
    """Blocks of one size; the arrays have one shape."""

    low: Floats
    high: Floats
    total: Floats
    count: npt.NDArray[np.int32] | None
    """Finite points; None if all are."""


@dataclass(frozen=True, slots=True)
class Totals:
    """What some ranges hold; the arrays have one shape."""

    low: Floats
    high: Floats
    total: Floats
    count: Counts
    """Finite points."""


def build_levels(values: Floats, *, all_finite: bool) -> list[Level]:
    """All levels of a series that have a full block, the finest first.

    Args:
        values: Shape ``(n,)``.
        all_finite: Whether every value is; the caller knows.
    """
    levels: list[Level] = []
    if all_finite:
        low = high = total = values
        count: npt.NDArray[np.int32] | None = None
    else:
        is_finite = np.isfinite(values)
        low = np.where(is_finite, values, np.inf)
        high = np.where(is_finite, values, -np.inf)
        total = np.where(is_finite, values, 0.0)
        count = is_finite.astype(np.int32)
    while len(low) >= BLOCK:
        shape = (len(low) // BLOCK, BLOCK)
        end = shape[0] * BLOCK
        with np.errstate(over="ignore", invalid="ignore"):
            low = low[:end].reshape(shape).min(axis=1)
            high = high[:end].reshape(shape).max(axis=1)
            total = total[:end].reshape(shape).sum(axis=1)
        count = None if count is None else count[:end].reshape(shape).sum(axis=1, dtype=np.int32)
        levels.append(Level(low, high, total, count))
    return levels


def level_sizes(length: int) -> list[int]:
    """How many blocks each level of a series of `length` points has."""
    sizes: list[int] = []
    while length >= BLOCK:
        length //= BLOCK
        sizes.append(length)
    return sizes


def reduce_ranges(
    values: Floats, levels: Sequence[Level], starts: Indices, ends: Indices, *, all_finite: bool
) -> Totals:
    """Reduce ranges of a series.

    Args:
        values: Shape ``(n,)``.
        levels: From `build_levels`; an empty sequence reads every point.
        starts: Shape ``(k,)``, ascending.
        ends: Shape ``(k,)``; every range has points, and ends before the next one begins.
        all_finite: As given to `build_levels`.
    """
    found = Totals(
        np.full(len(starts), np.inf),
        np.full(len(starts), -np.inf),
        np.zeros(len(starts)),
        np.zeros(len(starts), np.int64),
    )
    points = _Points(values, all_finite=all_finite)
    _reduce_into(found, np.arange(len(starts)), [points, *map(_Blocks, levels)], starts, ends, 1)
    return found


class _Points:
    """The series itself, as a level."""

    def __init__(self, values: Floats, *, all_finite: bool) -> None:
        self._values = values
        self._all_finite = all_finite

    def reduce(self, chosen: Indices | slice, offsets: Indices, lengths: Counts, unit: int) -> Totals:
        values = self._values[chosen]
        if self._all_finite:
            low = high = total = values
            count = lengths * unit
        else:
            is_finite = np.isfinite(values)
            low = np.where(is_finite, values, np.inf)
            high = np.where(is_finite, values, -np.inf)
            total = np.where(is_finite, values, 0.0)
            count = np.add.reduceat(is_finite.astype(np.int64), offsets)
        return _reduce(low, high, total, count, offsets)


class _Blocks:
    """A coarser level."""

    def __init__(self, level: Level) -> None:
        self._level = level

    def reduce(self, chosen: Indices | slice, offsets: Indices, lengths: Counts, unit: int) -> Totals:
        level = self._level
        if level.count is None:
            count = lengths * unit
        else:
            count = np.add.reduceat(level.count[chosen].astype(np.int64), offsets)
        return _reduce(level.low[chosen], level.high[chosen], level.total[chosen], count, offsets)


def _reduce(low: Floats, high: Floats, total: Floats, count: Counts, offsets: Indices) -> Totals:
    with np.errstate(over="ignore", invalid="ignore"):
        return Totals(
            np.minimum.reduceat(low, offsets),
            np.maximum.reduceat(high, offsets),
            np.add.reduceat(total, offsets),
            count,
        )


def _reduce_into(
    found: Totals,
    places: Indices,
    levels: Sequence[_Points | _Blocks],
    starts: Indices,
    ends: Indices,
    unit: int,
) -> None:
    """Add what ``[starts, ends)`` of the first of `levels` hold to `found` at `places`; no range is empty.

    Full blocks are left to the next level, so at most two pieces shorter than a block are read of each range here.
    """
    is_worth_it = int((ends - starts).sum()) >= WORTH_BLOCKS * BLOCK * len(starts)
    if len(levels) == 1 or not is_worth_it:
        _add(found, places, levels[0], starts, ends, unit)
        return
    first_block, end_block = -(-starts // BLOCK), ends // BLOCK
    has_blocks = end_block > first_block
    _add(found, places, levels[0], starts, np.where(has_blocks, first_block * BLOCK, ends), unit)
    if has_blocks.any():
        inner = np.flatnonzero(has_blocks)
        _add(found, places[inner], levels[0], end_block[inner] * BLOCK, ends[inner], unit)
        _reduce_into(found, places[inner], levels[1:], first_block[inner], end_block[inner], unit * BLOCK)


def _add(found: Totals, places: Indices, level: _Points | _Blocks, starts: Indices, ends: Indices, unit: int) -> None:
    lengths = ends - starts
    if not lengths.all():
        held = np.flatnonzero(lengths)
        places, starts, ends, lengths = places[held], starts[held], ends[held], lengths[held]
    if not len(starts):
        return
    if bool((starts[1:] == ends[:-1]).all()):
        chosen: Indices | slice = slice(int(starts[0]), int(ends[-1]))
        offsets = starts - starts[0]
    else:
        offsets = np.cumsum(lengths) - lengths
        chosen = np.repeat(starts - offsets, lengths) + np.arange(int(lengths.sum()))
    part = level.reduce(chosen, offsets, lengths, unit)
    found.low[places] = np.minimum(found.low[places], part.low)
    found.high[places] = np.maximum(found.high[places], part.high)
    with np.errstate(over="ignore", invalid="ignore"):
        found.total[places] += part.total
    found.count[places] += part.count
