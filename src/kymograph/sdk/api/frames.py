"""Rows and columns of histories as what people work on: pandas, polars, Arrow; loaded only where they are asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

from kymograph.core import exact_json
from kymograph.errors import MissingPackage, UsageError
from kymograph.types import JsonObject
from kymograph.wire import columns as wire
from kymograph.wire.columns import Frame, FrameColumn

Format = Literal["default", "pandas", "polars", "arrow"]
FORMATS = ("default", "pandas", "polars", "arrow")
RUN_ID = "run_id"
"""The column that says whose row it is."""
STEP = "_step"

_CASTS = {wire.INTEGER: "q", wire.NUMBER: "d", wire.BOOLEAN: "?"}
_TYPES = {wire.INTEGER: "<i8", wire.NUMBER: "<f8", wire.BOOLEAN: "?"}


def check_format(format: str) -> None:
    """See whether results can be had so.

    Raises:
        UsageError: They cannot.
    """
    if format not in FORMATS:
        raise UsageError(f"Invalid format: {format}. Must be one of {', '.join(map(repr, FORMATS))}")


# --- rows -------------------------------------------------------------------------------------------------------------


def rows_of(frame: Frame, names: Sequence[str] = ()) -> Iterator[JsonObject]:
    """The rows of a frame.

    Args:
        frame: The frame.
        names: Keys that every row has, and that alone are wanted; None where there is no value. Without them, rows
            have what there is of each.
    """
    held = [column.name for column in frame.columns]
    lists = [_values(column, frame.rows) for column in frame.columns]
    if names:
        # A key may also be one that holds mappings, whose leaves are columns.
        wanted = [lists[held.index(name)] if name in held else _mappings(name, held, lists, frame) for name in names]
        for values in zip(*wanted, strict=True):
            yield dict(zip(names, values, strict=True))
        return
    masks = [None if column.present is None else bytes(column.present) for column in frame.columns]
    if not any(masks):
        for values in zip(*lists, strict=True):
            yield dict(zip(held, values, strict=True))
        return
    for row, values in enumerate(zip(*lists, strict=True)):
        yield {name: value for name, value, mask in zip(held, values, masks, strict=True) if mask is None or mask[row]}


def _mappings(name: str, held: Sequence[str], lists: Sequence[list[Any]], frame: Frame) -> list[Any]:
    """The values of a key that holds mappings, put together from its leaves; None where there are none."""
    found: list[Any] = [None] * frame.rows
    for column, full_name, values in zip(frame.columns, held, lists, strict=True):
        if not full_name.startswith(f"{name}."):
            continue
        *above, last = full_name.removeprefix(f"{name}.").split(".")
        mask = None if column.present is None else bytes(column.present)
        for row, value in enumerate(values):
            if mask is None or mask[row]:
                if found[row] is None:
                    found[row] = {}
                inner = found[row]
                for part in above:
                    inner = inner.setdefault(part, {})
                inner[last] = value
    return found


def _values(column: FrameColumn, rows: int) -> list[Any]:
    """The values of a column, None where there is none."""
    held: list[Any]
    if isinstance(column.values, (bytes, memoryview)):
        data: Any = memoryview(column.values)
        held = data.cast(_CASTS[column.kind]).tolist()
    elif column.kind == wire.TEXT:
        held = [text.decode() for text in column.values]
    else:
        held = [exact_json.loads(text) for text in column.values]
    if column.present is None:
        return held
    values = iter(held)
    return [next(values) if is_there else None for is_there in bytes(column.present)[:rows]]


# --- columns ----------------------------------------------------------------------------------------------------------


def frames_to(frames: Sequence[Frame], format: Format, *, with_step: bool = True) -> Any:
    """Frames of several runs as one table, with the column `RUN_ID`; columns by name.

    Args:
        frames: In the order that rows are to have.
        format: One of `FORMATS`, but ``default``.
        with_step: Whether the column of steps is among them.
    """
    names = sorted({column.name for frame in frames for column in frame.columns} | {RUN_ID})
    if not with_step:
        names.remove(STEP)
    return columns_to({name: _joined(frames, name) for name in names if frames}, format)


def rows_to(rows: Sequence[Mapping[str, Any]], format: Format) -> Any:
    """Rows as one table; as they are for ``default``."""
    if format == "default":
        return list(rows)
    if format == "pandas":
        return _pandas().DataFrame.from_records(list(rows))
    names = dict.fromkeys(name for row in rows for name in row)
    return columns_to({name: [row.get(name) for row in rows] for name in names}, format)


def columns_to(columns: Mapping[str, Any], format: Format) -> Any:
    """Columns of one length as one table: lists with None, or arrays, masked ones among them.

    Columns of polars and Arrow have one type each: what is nested, or mixed, is JSON text there.
    """
    if format == "pandas":
        return _pandas().DataFrame({name: _for_pandas(values) for name, values in columns.items()})
    if format == "polars":
        polars = _polars()
        return polars.DataFrame(
            [polars.Series(name, _of_one_type(values), strict=False) for name, values in columns.items()]
        )
    arrow = _arrow()
    return arrow.table({name: arrow.array(_of_one_type(values)) for name, values in columns.items()})


def _joined(frames: Sequence[Frame], name: str) -> Any:
    """A column of all frames: a list with None, or a masked array of numbers."""
    import numpy as np

    if name == RUN_ID:
        return [frame.run for frame in frames for _ in range(frame.rows)]
    found = [next((column for column in frame.columns if column.name == name), None) for frame in frames]
    kinds = {column.kind for column in found if column is not None}
    if kinds == {wire.INTEGER, wire.NUMBER}:
        kinds = {wire.NUMBER}
    if len(kinds) > 1 or not kinds <= set(_TYPES):
        return [
            value
            for frame, column in zip(frames, found, strict=True)
            for value in ([None] * frame.rows if column is None else _values(column, frame.rows))
        ]
    total = sum(frame.rows for frame in frames)
    values = np.zeros(total, _TYPES[kinds.pop()])
    is_absent = np.zeros(total, np.bool_)
    begin = 0
    for frame, column in zip(frames, found, strict=True):
        part = slice(begin, begin + frame.rows)
        begin += frame.rows
        if column is None:
            is_absent[part] = True
            continue
        assert isinstance(column.values, (bytes, memoryview))
        held = np.frombuffer(column.values, _TYPES[column.kind])
        if column.present is None:
            values[part] = held
        else:
            is_there = np.frombuffer(column.present, np.bool_)
            values[part][is_there] = held
            is_absent[part] = ~is_there
    return np.ma.masked_array(values, is_absent) if is_absent.any() else values


def _for_pandas(values: Any) -> Any:
    """Numbers that are not there are NaN, as pandas makes them of rows."""
    import numpy as np

    if isinstance(values, np.ma.MaskedArray):
        if values.dtype.kind in "if":
            return np.where(np.ma.getmaskarray(values), np.nan, values.data.astype(np.float64))
        return [float("nan") if value is None else value for value in values.tolist()]
    if isinstance(values, list):
        return [float("nan") if value is None else value for value in values]
    return values


def _of_one_type(values: Any) -> Any:
    """Values for tables whose columns have a type: None where there is none, JSON texts of a column that is mixed.

    Arrays without gaps stay arrays.
    """
    import numpy as np

    if not isinstance(values, list):
        return values.tolist() if isinstance(values, np.ma.MaskedArray) else values
    types = {type(value) for value in values if value is not None}
    if types == {int, float}:
        return [None if value is None else float(value) for value in values]
    if len(types) < 2 and types <= {bool, int, float, str}:
        return values
    return [None if value is None else exact_json.dumps(value) for value in values]


def _pandas() -> Any:
    try:
        import pandas  # type: ignore[import-untyped]
    except ImportError as exc:
        raise MissingPackage("pandas", purpose="format='pandas'", install="pip install pandas") from exc
    return pandas


def _polars() -> Any:
    try:
        import polars  # type: ignore[import-not-found, unused-ignore]
    except ImportError as exc:
        raise MissingPackage("polars", purpose="format='polars'", install="pip install polars") from exc
    return polars


def _arrow() -> Any:
    try:
        import pyarrow  # type: ignore[import-not-found, import-untyped, unused-ignore]
    except ImportError as exc:
        raise MissingPackage("pyarrow", purpose="format='arrow'", install="pip install pyarrow") from exc
    return pyarrow
