"""Joins of a metric's points: of one step's keys, of slices that follow one another."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from kymograph.storage.history.columns import EMPTY_SERIES, Ints, Series


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
