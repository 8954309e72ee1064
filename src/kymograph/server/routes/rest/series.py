"""The series answer as JSON, or as bytes in which columns lie as they lie in a reader's memory."""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import orjson

from kymograph.core import exact_json
from kymograph.core.history import BucketAnswer, Floats, Ints, Mark, SeriesBuckets
from kymograph.types import JsonObject, JsonValue, RunKey

MEDIA_TYPE = "application/vnd.kymograph.series"
MAGIC = b"KYS1"
ALIGNMENT = 8
"""Columns begin at multiples of this, so that a reader can take them without copying."""

Precision = Literal["double", "single"]
AnyColumn = npt.NDArray[Any]

_SINGLE = np.finfo(np.float32)
_STEPS = 1 << 14
"""A column in single precision has at least this many steps from its lowest to its highest value: no screen has as
many rows."""


def encode_document(answer: BucketAnswer, run_ids: Mapping[RunKey, str], x: str, precision: Precision) -> JsonObject:
    """The answer as `SeriesAnswer` has it; its columns are arrays, NaN where JSON has null."""
    xs: list[AnyColumn] = []
    index_by_column: dict[bytes, int] = {}
    series: list[JsonValue] = []
    for item in answer.series:
        column = item.x
        key = column.tobytes()
        if key not in index_by_column:
            index_by_column[key] = len(xs)
            xs.append(column)
        series.append(_encode_one(item, run_ids[item.run], index_by_column[key], precision))
    is_empty = answer.x_min is None or answer.x_max is None
    document: dict[str, Any] = {
        "x": x,
        "range": None if is_empty else [answer.x_min, answer.x_max],
        "width": answer.width,
        "truncated": False,
        "xs": xs,
        "series": series,
    }
    return document


def _encode_one(item: SeriesBuckets, run: str, x: int, precision: Precision) -> JsonObject:
    encoded: dict[str, Any] = {
        "run": run,
        "metric": item.metric,
        "points": item.points,
        "exact": item.is_exact,
        "x": x,
        "mean": item.mean,
        "nan": _encode_marks(item.nan),
        "pos_inf": _encode_marks(item.pos_inf),
        "neg_inf": _encode_marks(item.neg_inf),
        "last": exact_json.to_strict(item.last),
    }
    if not item.is_exact:
        columns = {"mean": item.mean, "min": item.min, "max": item.max}
        is_single = precision == "single" and may_be_single(list(columns.values()))
        for name, column in columns.items():
            encoded[name] = column.astype(np.float32) if is_single else column
        encoded["count"] = _counts(item.count)
    return encoded


def may_be_single(columns: Sequence[Floats]) -> bool:
    """Whether single precision loses nothing that a chart shows.

    It does where it would round a whole number, which people read digit by digit, and where the values lie so close
    together that a curve would become a staircase.
    """
    values = np.concatenate(columns)
    values = values[np.isfinite(values)]
    if not len(values):
        return True
    magnitudes = np.abs(values)
    if ((magnitudes > _SINGLE.max) | ((magnitudes < _SINGLE.tiny) & (magnitudes != 0))).any():
        return False
    lost = np.abs(values - values.astype(np.float32))
    if (lost[values == np.rint(values)] != 0).any():
        return False
    return float(lost.max()) * _STEPS <= float(values.max() - values.min())


def _counts(counts: Ints) -> AnyColumn:
    highest = int(counts.max(initial=0))
    if highest < 1 << 16:
        return counts.astype(np.uint16)
    return counts.astype(np.uint32 if highest < 1 << 32 else np.float64)


def _encode_marks(marks: Sequence[Mark]) -> list[JsonValue]:
    return [[mark.first_x, mark.last_x, mark.count] for mark in marks]


_KINDS = {np.dtype(np.float32): "f4", np.dtype(np.float64): "f8", np.dtype(np.uint16): "u2", np.dtype(np.uint32): "u4"}
_COLUMNS = ("mean", "min", "max", "count")


def encode_bytes(document: JsonObject) -> bytes:
    """The document of `encode_document` as bytes; the columns follow a JSON header that says where they lie.

    Source: docs/reference/rest.md, "Series as bytes"; pinned by tests/unit/server/routes/rest/test_series.py.
    """
    columns: list[bytes] = []
    end = 0

    def place(column: AnyColumn) -> list[str | int]:
        nonlocal end
        little = column.astype(column.dtype.newbyteorder("<"), copy=False).tobytes()
        begin = end
        end += _padded(len(little))
        columns.append(little.ljust(_padded(len(little)), b"\0"))
        return [_KINDS[column.dtype], begin, len(column)]

    header = _with_columns(document, place)
    text = orjson.dumps(header)
    text = text.ljust(_padded(len(text)))
    return b"".join([MAGIC, struct.pack("<I", len(text)), text, *columns])


def _with_columns(document: Any, place: Callable[[AnyColumn], list[str | int]]) -> dict[str, Any]:
    return {
        **document,
        "xs": [place(column) for column in document["xs"]],
        "series": [
            {**item, **{name: place(item[name]) for name in _COLUMNS if name in item}} for item in document["series"]
        ],
    }


def _padded(size: int) -> int:
    return -(-size // ALIGNMENT) * ALIGNMENT


def is_wanted(accept: str | None) -> bool:
    """Whether a request asks for bytes; JSON is for everybody else."""
    return accept is not None and any(part.split(";")[0].strip() == MEDIA_TYPE for part in accept.split(","))
