"""Rows as JSON documents: passed on as received wherever one line is the whole row, else merged.

Parsing a row of ten metrics and writing it again takes 10 µs, finding its line takes one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from kymograph.core import exact_json
from kymograph.core.history import STEP
from kymograph.core.rows import merge_rows, parse_row, pick_keys
from kymograph.storage.history.columns import Ints
from kymograph.storage.history.slices import Slice
from kymograph.storage.history.snapshot import Snapshot
from kymograph.storage.history.views import HistoryView
from kymograph.types import MetricName, RunKey, WriterId

PickLines = Callable[[RunKey, WriterId, Sequence[int]], Sequence[str | None]]
"""Lines of a run and a writer by number; None for those that are not there."""


def read_row_texts(snapshot: Snapshot, view: HistoryView, steps: Ints, keys: Sequence[MetricName]) -> list[str]:
    """The rows of some of a view's steps, ascending."""
    if not len(steps):
        return []
    if keys or not view.is_disjoint or any(item.has_shared_steps for item in view.slices):
        refs_of_row = view.refs_of_steps(steps)
        lines = snapshot.lines(ref for refs in refs_of_row for ref in refs)
        rows = [
            join_row(step, [lines[ref] for ref in refs if ref in lines], keys)
            for step, refs in zip(steps.tolist(), refs_of_row, strict=True)
        ]
        return [row for row in rows if row is not None]
    found: list[str] = []
    for part in view.parts:
        for item in part.slices:
            first, end = item.bounds
            of_slice = item.rows.steps[first:end]
            begin, stop = np.searchsorted(steps, of_slice[0]), np.searchsorted(steps, of_slice[-1], side="right")
            if begin < stop:
                places = first + np.searchsorted(of_slice, steps[begin:stop])
                found += as_received(item, places, part.part.run, snapshot.pick)
    return found


def as_received(item: Slice, places: Ints, run: RunKey, pick: PickLines) -> list[str]:
    """Rows of one line each as they came, with their step where they had none; those whose line is gone are left out.

    Args:
        item: Where the lines are listed.
        places: Which of them, ascending.
        run: Whose they are.
        pick: Gets them.
    """
    rows = item.rows
    numbers = rows.numbers[places]
    lines: list[str | None]
    if len(rows.writer_names) == 1:
        lines = list(pick(run, rows.writer_names[0], numbers.tolist()))
    else:
        lines = [None] * len(places)
        writers = rows.writers[places]
        for code in np.unique(writers).tolist():
            chosen = np.flatnonzero(writers == code)
            of_writer = pick(run, rows.writer_names[code], numbers[chosen].tolist())
            for index, line in zip(chosen.tolist(), of_writer, strict=True):
                lines[index] = line
    has_step = _holds_step(item, places)
    if has_step is None:
        return [line for line in lines if line is not None]
    return [
        line if holds_step else with_step(line, step)
        for line, holds_step, step in zip(lines, has_step.tolist(), rows.steps[places].tolist(), strict=True)
        if line is not None
    ]


def _holds_step(item: Slice, places: Ints) -> npt.NDArray[np.bool_] | None:
    """Which lines hold a value of their own under the name of the step; None if all do."""
    for top, series in item.sources(STEP):
        if top == STEP:
            if len(series.places) == len(item.rows):
                return None
            index = np.minimum(np.searchsorted(series.places, places), len(series.places) - 1)
            return series.places[index] == places if len(series.places) else np.zeros(len(places), np.bool_)
    return np.zeros(len(places), np.bool_)


def join_row(step: int, lines: Sequence[str], keys: Sequence[MetricName]) -> str | None:
    """The row of a step out of its lines in merging order; None if they are gone."""
    rows = [row for line in lines if (row := parse_row(line)) is not None]
    if not rows:
        return None
    values = merge_rows(rows)
    values.setdefault(STEP, step)
    return exact_json.dumps(pick_keys(values, (*keys, STEP)) if keys else values)


def with_step(line: str, step: int) -> str:
    """A line that holds a JSON object, with its step in front: what it has under that name itself still counts."""
    inside = line[line.index("{") + 1 :].lstrip()
    return f'{{"{STEP}":{step}{"" if inside.startswith("}") else ","}{inside}'
