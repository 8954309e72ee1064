"""Cells of tables in artifacts, whose forms differ from those in history: moments are milliseconds, NaN is null."""

from __future__ import annotations

import enum
import math
from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from kymograph.errors import InvalidMedia
from kymograph.sdk.media import foreign
from kymograph.sdk.media.base import Value
from kymograph.types import JsonValue


def document_cell(value: Any, put_media: Callable[[Value], JsonValue]) -> JsonValue:
    """The form of a cell in a table's document.

    Raises:
        InvalidMedia: It has none.

    Source: the vendor's `_json_helper` (wandb/sdk/data_types/utils.py).
    """
    if isinstance(value, Value):
        return put_media(value)
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        return None if math.isnan(value) else value
    if isinstance(value, Mapping):
        return {str(key): document_cell(item, put_media) for key, item in value.items()}
    if isinstance(value, list | tuple | AbstractSet):
        return [document_cell(item, put_media) for item in value]
    if isinstance(value, datetime):
        return None if value != value else _milliseconds(value if value.tzinfo else value.replace(tzinfo=UTC))
    if isinstance(value, date):
        return _milliseconds(datetime(value.year, value.month, value.day, tzinfo=UTC))
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, enum.Enum):
        return value.name
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    if type(value).__name__ == "datetime64":
        moment: int = value.astype("datetime64[ms]").astype(int).item()
        return moment
    if foreign.is_array_scalar(value):
        return document_cell(value.item(), put_media)
    array = foreign.as_array(value)
    if array is not None:
        return document_cell(array.tolist(), put_media)
    raise InvalidMedia("Table", f"a cell holds a {type(value).__name__}, which has no form in a table")


def _milliseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)
