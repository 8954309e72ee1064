"""A history as text: CSV, and JSON lines that are the rows as they were logged."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson

from kymograph.core import exact_json
from kymograph.core.rows import parse_row
from kymograph.storage.history.export.columns import Cells, WideColumn, cells_of, step_column
from kymograph.storage.history.export.windows import Pace, Window, Windows
from kymograph.storage.history.row_texts import as_received, join_row
from kymograph.types import MetricName

_FIRST_ROWS = 16
_MOST_ROWS = 8_192
_BUDGET_BYTES = 4 * 1024 * 1024
"""Text that is put together at once."""
_NEEDS_QUOTES = re.compile(rb'[",\r\n]')


# --- CSV -------------------------------------------------------------------------------------------------------------


def write_csv(windows: Windows, columns: Sequence[WideColumn]) -> Iterator[bytes]:
    """RFC 4180 with a line of names, line ends of one character; a value that was not logged is an empty field."""
    all_columns = (step_column(), *columns)
    yield b",".join(quoted(column.name.encode()) for column in all_columns) + b"\n"
    pace = Pace(first=_FIRST_ROWS, most=_MOST_ROWS, budget_bytes=_BUDGET_BYTES)
    for window in windows.iterate(pace):
        fields = [fields_of(Cells(None, window.steps), len(window))]
        fields += [fields_of(cells_of(window, column), len(window)) for column in columns]
        text = b"\n".join(map(b",".join, zip(*fields, strict=True))) + b"\n"
        pace.note(len(window), len(text))
        yield text


def fields_of(cells: Cells, count: int) -> Sequence[bytes]:
    """A column of `count` rows as CSV fields."""
    if isinstance(cells.values, list):
        held: Sequence[bytes] = [quoted(text) if text else b'""' for text in cells.values]
    elif len(cells.values):
        held = _number_fields(cells.values)
    else:
        held = ()
    if cells.present is None:
        return held
    fields = [b""] * count
    for row, field in zip(np.flatnonzero(cells.present).tolist(), held, strict=True):
        fields[row] = field
    return fields


def _number_fields(values: npt.NDArray[Any]) -> list[bytes]:
    # One call for all of them takes a third of the time of one for each.
    fields = orjson.dumps(np.ascontiguousarray(values), option=orjson.OPT_SERIALIZE_NUMPY)[1:-1].split(b",")
    if values.dtype == np.float64:
        for index in np.flatnonzero(~np.isfinite(values)).tolist():
            fields[index] = exact_json.dumps(float(values[index])).encode()
    return fields


def quoted(text: bytes) -> bytes:
    """A CSV field."""
    return b'"' + text.replace(b'"', b'""') + b'"' if _NEEDS_QUOTES.search(text) else text


# --- JSON lines ------------------------------------------------------------------------------------------------------


def write_lines(windows: Windows, keys: Sequence[MetricName]) -> Iterator[bytes]:
    """A JSON document per row: what `HistoryReader.rows` gives, with bare tokens for what is not finite."""
    pace = Pace(first=_FIRST_ROWS, most=_MOST_ROWS, budget_bytes=_BUDGET_BYTES)
    for window in windows.iterate(pace):
        # A line may have come with line ends between its values.
        texts = [text if "\n" not in text else _on_one_line(text) for text in row_texts(window, keys)]
        if texts:
            text = ("\n".join(texts) + "\n").encode()
            pace.note(len(window), len(text))
            yield text


def _on_one_line(text: str) -> str:
    row = parse_row(text)
    return text if row is None else exact_json.dumps(row)


def row_texts(window: Window, keys: Sequence[MetricName]) -> list[str]:
    """The rows of a window as JSON."""
    lines = window.history.lines
    history = window.history
    if history.is_whole and history.view.is_disjoint and not any(part.rows.has_shared_steps for part in window.parts):
        return [
            text
            for part in window.parts
            for text in as_received(
                part.rows.slice, np.arange(*part.rows.places(part.begin, part.end)), part.rows.run, lines.pick
            )
        ]
    refs_of_row = window.history.view.refs_of_steps(window.steps)
    found = lines.lines(ref for refs in refs_of_row for ref in refs)
    rows = [
        join_row(step, [found[ref] for ref in refs if ref in found], keys)
        for step, refs in zip(window.steps.tolist(), refs_of_row, strict=True)
    ]
    return [row for row in rows if row is not None]
