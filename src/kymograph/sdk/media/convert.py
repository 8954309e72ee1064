"""Any value as JSON: how what a script logs becomes what stands in a row, or in a table's cell.

The forms are those of the vendor's newest client wherever it has one. They differ where that would lose something:
decimals and fractions become numbers, durations seconds, and arrays with NaN or infinities in them are counted by
their finite values instead of failing. What has no form raises at once and names where it is.

Source: `wandb` 0.31.0, observed in its journals; pinned by tests/e2e/test_media_forms.py.
"""

from __future__ import annotations

import dataclasses
import enum
import sys
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from logging import getLogger
from numbers import Number, Real
from pathlib import PurePath
from typing import TYPE_CHECKING, Any
from uuid import UUID

from kymograph.errors import InvalidValue
from kymograph.sdk.media import foreign
from kymograph.sdk.media.base import BatchableMedia, MediaPlace, Value
from kymograph.sdk.media.histogram import Histogram
from kymograph.types import JsonValue

if TYPE_CHECKING:
    import numpy as np

MAX_LISTED = 32
"""Elements up to which an array is a list; beyond, it is a histogram of as many bins. Source: protocol.md §5.1."""
MAX_DEPTH = 100
"""Nesting that is followed; whatever goes deeper contains itself."""
PLAIN = frozenset({str, int, float, bool, type(None)})
"""Classes whose values are their own JSON form."""
_MISSING = frozenset({"NAType", "NaTType"})
"""Classes of what pandas puts where nothing is known."""

_logger = getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Converter:
    """Turns values into JSON, and has media among them written.

    Raises (every method):
        InvalidValue: A value has no JSON form; nothing is to be kept of the whole.
    """

    place: MediaPlace
    step: int
    promote: Callable[[object], Value | None]
    """Gives the media object for a figure, image or data frame of another library."""
    has_whole_arrays: bool = False
    """Whether arrays are written out however long they are, as in tables."""

    def convert(self, key: str, value: object, depth: int = 0) -> JsonValue:
        """The JSON form of a value that was logged under `key` (nested keys joined by dots)."""
        kind = type(value)
        if kind in PLAIN:
            return value  # type: ignore[return-value] # one of the five
        if foreign.is_array_scalar(value):  # what most scripts log; the other kinds take longer to tell apart
            return _array_scalar(key, value)
        if isinstance(value, Value):
            return value.bind(self.place, key, self.step)
        if depth > MAX_DEPTH:
            raise InvalidValue(key, value, rule=f"it is nested more than {MAX_DEPTH} levels deep, or contains itself")
        if isinstance(value, Mapping):
            return {
                name: self.convert(f"{key}.{name}", item, depth + 1)
                for name, item in ((_name_of(inner, key), item) for inner, item in value.items())
            }
        if isinstance(value, list | tuple | range | deque):
            return self._sequence(key, value, depth)
        if isinstance(value, AbstractSet):
            return self._sequence(key, _in_order(value), depth)
        if kind.__name__ in _MISSING:
            return None
        scalar = _scalar(key, value)
        if scalar is not None:
            return scalar
        media = self.promote(value)
        if media is not None:
            return media.bind(self.place, key, self.step)
        array = self._read_array(key, value)
        if array is not None:
            return self._array(key, array, depth)
        return self._object(key, value, depth)

    def _sequence(self, key: str, items: Sequence[object], depth: int) -> JsonValue:
        if all(type(item) in PLAIN for item in items):
            return list(items)  # type: ignore[arg-type] # plain, all of them
        values = [item if isinstance(item, Value) else self._promoted(item) for item in items]
        media = [value for value in values if value is not None]
        first = media[0] if media else None
        if len(media) == len(values) and isinstance(first, BatchableMedia) and len({type(item) for item in media}) == 1:
            return type(first).bind_group(_first_few(media), self.place, key, self.step)  # type: ignore[arg-type]
        return [
            # Files are named by the key alone, messages name the place in the list too.
            self.convert(f"{key}[{index}]", item, depth + 1)
            if value is None
            else value.bind(self.place, key, self.step)
            for index, (item, value) in enumerate(zip(items, values, strict=True))
        ]

    def _promoted(self, item: object) -> Value | None:
        return None if type(item) in PLAIN else self.promote(item)

    def _read_array(self, key: str, value: object) -> np.ndarray | None:
        try:
            return foreign.as_array(value)
        except (AttributeError, NotImplementedError, RuntimeError, TypeError, ValueError) as exc:
            # What libraries raise for tensors without data, of types that NumPy lacks, or on a device that is gone.
            raise InvalidValue(key, value, rule=f"it cannot be read as an array: {exc}") from exc

    def _array(self, key: str, array: np.ndarray, depth: int) -> JsonValue:
        if array.dtype.kind in "mM":
            array = array.astype(str)
        if not self.has_whole_arrays:
            if array.size == 1:
                return self.convert(key, array.reshape(-1)[0], depth + 1)
            if array.size > MAX_LISTED and array.dtype.kind in "biuf":
                return Histogram(array, num_bins=MAX_LISTED).bind(self.place, key, self.step)
        return self.convert(key, array.tolist(), depth + 1)

    def _object(self, key: str, value: object, depth: int) -> JsonValue:
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            fields = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
            return self.convert(key, fields, depth + 1)
        if callable(value):
            name = getattr(value, "__qualname__", None)
            return f"{value.__module__}.{name}" if name else str(value)
        raise InvalidValue(key, value, rule="it has no JSON form; log a number, text, list, mapping or media object")


def _scalar(key: str, value: object) -> JsonValue:
    """The form of a single value that is not of a plain class, or ``None`` if it is none."""
    if isinstance(value, enum.Enum):
        inner = value.value
        return inner if type(inner) in PLAIN and inner is not None else value.name
    for plain in (bool, int, float, str):
        if isinstance(value, plain):  # of a class of the caller's own
            return plain(value)
    if isinstance(value, datetime | date | time):
        return _moment(value)
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, bytes | bytearray | memoryview):
        try:
            return bytes(value).decode()
        except UnicodeDecodeError as exc:
            raise InvalidValue(key, value, rule="its bytes are no UTF-8 text; save them as a file") from exc
    if isinstance(value, PurePath | UUID):
        return str(value)
    if isinstance(value, Real) or type(value).__name__ == "Decimal":
        return float(value)  # type: ignore[arg-type] # Decimal is a Number and no Real
    if isinstance(value, complex):
        return _complex(value)
    if isinstance(value, Number):
        raise InvalidValue(key, value, rule="it is a number that has no JSON form; log its float()")
    return None


def _moment(value: datetime | date | time) -> str:
    text = value.isoformat()
    return text.removesuffix("+00:00") + "Z" if text.endswith("+00:00") else text


def _complex(value: complex) -> str:
    # As the vendor writes them: Python's own text would stand in parentheses, and have a j for NaN.
    return f"{value.real:g}{value.imag:+g}j"


def _array_scalar(key: str, value: Any) -> JsonValue:
    numpy = sys.modules["numpy"]
    if isinstance(value, numpy.datetime64):
        return str(value)
    if isinstance(value, numpy.timedelta64):
        return float(value / numpy.timedelta64(1, "s"))
    item = value.item()
    if type(item) in PLAIN:
        return item  # type: ignore[no-any-return] # one of the five
    if isinstance(item, complex):
        return _complex(item)
    if isinstance(item, bytes):
        return _scalar(key, item)
    try:
        return float(item)  # wider than 64 bits, or of another library's type
    except (TypeError, ValueError) as exc:
        raise InvalidValue(key, value, rule="it is a scalar of NumPy that has no JSON form") from exc


def _name_of(key: object, within: str) -> str:
    """A key of a nested mapping as text. Source: numbers as keys become their texts in the vendor's client too."""
    if isinstance(key, str):
        return str(key)
    if isinstance(key, bool):
        return "true" if key else "false"
    if isinstance(key, int | float):
        return str(int(key)) if isinstance(key, int) else repr(float(key))
    if foreign.is_array_scalar(key):
        return str(key)
    raise InvalidValue(f"a key of {within}", key, rule="keys of a mapping are texts or numbers")


def _in_order(items: Iterable[Any]) -> list[Any]:
    """A set's elements: sorted if they can be, so that equal sets have equal forms."""
    try:
        return sorted(items)
    except TypeError:
        return list(items)


def _first_few(media: list[Value]) -> list[Value]:
    kind = type(media[0])
    limit = kind.max_items if issubclass(kind, BatchableMedia) else None
    if limit is not None and len(media) > limit:
        _logger.warning("only the first %d of %d %s objects under one key are logged", limit, len(media), kind.__name__)
        return media[:limit]
    return media
