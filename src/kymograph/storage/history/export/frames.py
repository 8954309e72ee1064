"""A history as frames: columns of as many rows as are worth sending together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from kymograph.core.history import FrameCells, HistoryFrame
from kymograph.storage.history.export.columns import Cells, WideColumn, cells_of, step_column
from kymograph.storage.history.export.windows import Pace, Windows

_FIRST_ROWS = 2_048
_MOST_ROWS = 65_536
_BUDGET_BYTES = 8 * 1024 * 1024
"""Of one frame, about."""


def write_frames(windows: Windows, columns: Sequence[WideColumn]) -> Iterator[HistoryFrame]:
    """The rows, in frames; the first one is small, so that a reader begins soon."""
    pace = Pace(first=_FIRST_ROWS, most=_MOST_ROWS, budget_bytes=_BUDGET_BYTES)
    for window in windows.iterate(pace):
        held = [_cells(step_column(), Cells(None, window.steps))]
        held += [_cells(column, cells_of(window, column)) for column in columns]
        pace.note(len(window), sum(map(_size_of, held)))
        yield HistoryFrame(len(window), tuple(held))


def _cells(column: WideColumn, cells: Cells) -> FrameCells:
    return FrameCells(column.name, column.kind.value, cells.present, cells.values)


def _size_of(cells: FrameCells) -> int:
    return sum(map(len, cells.values)) if isinstance(cells.values, list) else cells.values.nbytes
