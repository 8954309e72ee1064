"""Hands tables to DuckDB piece by piece, as streams of Arrow's C data interface, without copying and without pyarrow.

DuckDB pulls; each pull asks a Python iterator for the next batch of columns, whose arrays (often those of a mapped
segment) are handed over as they are. So a query may go over more than fits in memory.

Source: https://arrow.apache.org/docs/format/CStreamInterface.html; pinned by tests/unit/storage/sql/test_arrow.py.
"""

from __future__ import annotations

import ctypes
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, slots=True)
class Plain:
    """Numbers as the array that they are."""

    values: npt.NDArray[Any]
    is_present: npt.NDArray[np.bool_] | None = None
    """Which of them are there; None for all."""


@dataclass(frozen=True, slots=True)
class Texts:
    """UTF-8 texts; None where there is none."""

    values: Sequence[bytes | None]


@dataclass(frozen=True, slots=True)
class Coded:
    """Texts that repeat, by their index in `words`."""

    codes: npt.NDArray[np.int32]
    words: Sequence[bytes]


@dataclass(frozen=True, slots=True)
class Lists:
    """A list of texts in each row."""

    values: Sequence[Sequence[bytes]]


@dataclass(frozen=True, slots=True)
class NoTexts:
    """A column of texts without any."""


Data: TypeAlias = Plain | Texts | Coded | Lists | NoTexts
Batch: TypeAlias = "tuple[int, Sequence[Data]]"
"""How many rows, and the columns of them."""

FORMATS = {
    "bigint": b"l",
    "double": b"g",
    "boolean": b"b",
    "timestamp": b"tsu:",
    "varchar": b"u",
    "varchar[]": b"+l",
    "word": b"i",
}
"""Arrow's format string of each type that a column may have; ``word`` is a `Coded` column."""


class ArrowStream:
    """A table that DuckDB may read any number of times; register it on a connection under the table's name."""

    def __init__(self, columns: Mapping[str, str], batches: Callable[[], Iterator[Batch]]) -> None:
        """Offer a table.

        Args:
            columns: Name and type (a key of `FORMATS`) of each column.
            batches: Begins to read it. What it raises is kept in `error`, and fails the query.
        """
        self._columns = tuple(columns.items())
        self._batches = batches
        self.error: BaseException | None = None
        """What broke a reading off."""

    def __arrow_c_schema__(self) -> object:
        """The columns, as a capsule."""
        schema = _Schema()
        _fill_schema(schema, self._columns)
        return _capsule(schema, b"arrow_schema")

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """The rows from the beginning, as a capsule."""
        stream = _Stream(
            get_schema=_GET_SCHEMA, get_next=_GET_NEXT, get_last_error=_GET_LAST_ERROR, release=_RELEASE_STREAM
        )
        stream.private_data = _keep(_Reading(self, self._batches()))
        return _capsule(stream, b"arrow_array_stream")

    @property
    def columns(self) -> tuple[tuple[str, str], ...]:
        """Name and type of each column."""
        return self._columns


@dataclass(slots=True)
class _Reading:
    """A stream that is being read."""

    table: ArrowStream
    batches: Iterator[Batch]
    message: ctypes.Array[ctypes.c_char] | None = None


# --- the structures of the interface ---------------------------------------------------------------------------------


class _Schema(ctypes.Structure):
    pass


class _Array(ctypes.Structure):
    pass


class _Stream(ctypes.Structure):
    pass


_RELEASE_SCHEMA_TYPE = ctypes.CFUNCTYPE(None, ctypes.POINTER(_Schema))
_RELEASE_ARRAY_TYPE = ctypes.CFUNCTYPE(None, ctypes.POINTER(_Array))
_RELEASE_STREAM_TYPE = ctypes.CFUNCTYPE(None, ctypes.POINTER(_Stream))
_GET_SCHEMA_TYPE = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(_Stream), ctypes.POINTER(_Schema))
_GET_NEXT_TYPE = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(_Stream), ctypes.POINTER(_Array))
_GET_LAST_ERROR_TYPE = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.POINTER(_Stream))

_Schema._fields_ = [
    ("format", ctypes.c_char_p),
    ("name", ctypes.c_char_p),
    ("metadata", ctypes.c_char_p),
    ("flags", ctypes.c_int64),
    ("n_children", ctypes.c_int64),
    ("children", ctypes.POINTER(ctypes.POINTER(_Schema))),
    ("dictionary", ctypes.POINTER(_Schema)),
    ("release", _RELEASE_SCHEMA_TYPE),
    ("private_data", ctypes.c_void_p),
]
_Array._fields_ = [
    ("length", ctypes.c_int64),
    ("null_count", ctypes.c_int64),
    ("offset", ctypes.c_int64),
    ("n_buffers", ctypes.c_int64),
    ("n_children", ctypes.c_int64),
    ("buffers", ctypes.POINTER(ctypes.c_void_p)),
    ("children", ctypes.POINTER(ctypes.POINTER(_Array))),
    ("dictionary", ctypes.POINTER(_Array)),
    ("release", _RELEASE_ARRAY_TYPE),
    ("private_data", ctypes.c_void_p),
]
_Stream._fields_ = [
    ("get_schema", _GET_SCHEMA_TYPE),
    ("get_next", _GET_NEXT_TYPE),
    ("get_last_error", _GET_LAST_ERROR_TYPE),
    ("release", _RELEASE_STREAM_TYPE),
    ("private_data", ctypes.c_void_p),
]

_NULLABLE = 2
_EIO = 5

_kept: dict[int, Any] = {}
"""What the reader on the other side still points to, by the number in `private_data`, until it releases it."""
_numbers = itertools.count(1)


def _keep(thing: object) -> int:
    number = next(_numbers)
    _kept[number] = thing
    return number


def _release_schema(pointer: Any) -> None:
    _release(pointer.contents, _RELEASE_SCHEMA_TYPE)


def _release_array(pointer: Any) -> None:
    _release(pointer.contents, _RELEASE_ARRAY_TYPE)


def _release_stream(pointer: Any) -> None:
    stream = pointer.contents
    _kept.pop(stream.private_data, None)
    stream.release = _RELEASE_STREAM_TYPE()


def _release(struct: Any, release_type: Any) -> None:
    for index in range(struct.n_children):
        child = struct.children[index]
        if child.contents.release:  # the reader may have taken a child for itself: then it releases that
            child.contents.release(child)
    if struct.dictionary and struct.dictionary.contents.release:
        struct.dictionary.contents.release(struct.dictionary)
    _kept.pop(struct.private_data, None)
    struct.release = release_type()


def _get_schema(stream: Any, schema: Any) -> int:
    reading: _Reading = _kept[stream.contents.private_data]
    _fill_schema(schema.contents, reading.table.columns)
    return 0


def _get_next(stream: Any, array: Any) -> int:
    reading: _Reading = _kept[stream.contents.private_data]
    try:
        batch = next(reading.batches, None)
        if batch is None:
            array.contents.release = _RELEASE_ARRAY_TYPE()
        else:
            _fill_struct(array.contents, *batch)
    except (
        BaseException
    ) as exc:  # nothing may be raised into the reader's code; whoever runs the query looks at `error`
        reading.table.error = exc
        reading.message = ctypes.create_string_buffer(f"{type(exc).__name__}: {exc}".encode(errors="replace"))
        return _EIO
    return 0


def _get_last_error(stream: Any) -> int | None:
    reading: _Reading = _kept[stream.contents.private_data]
    return None if reading.message is None else ctypes.addressof(reading.message)


# Made once and never freed: code that is being called must not go away under its caller.
_RELEASE_SCHEMA = _RELEASE_SCHEMA_TYPE(_release_schema)
_RELEASE_ARRAY = _RELEASE_ARRAY_TYPE(_release_array)
_RELEASE_STREAM = _RELEASE_STREAM_TYPE(_release_stream)
_GET_SCHEMA = _GET_SCHEMA_TYPE(_get_schema)
_GET_NEXT = _GET_NEXT_TYPE(_get_next)
_GET_LAST_ERROR = _GET_LAST_ERROR_TYPE(_get_last_error)


# --- filling them ----------------------------------------------------------------------------------------------------


def _fill_schema(schema: _Schema, columns: Sequence[tuple[str, str]]) -> None:
    children = []
    for name, kind in columns:
        child = _schema(FORMATS[kind], name.encode(), _NULLABLE)
        if kind == "varchar[]":
            item = _schema(b"u", b"item", _NULLABLE)
            held_item = (ctypes.POINTER(_Schema) * 1)(ctypes.pointer(item))
            child.n_children, child.children = 1, held_item
            _kept[child.private_data] = (_kept[child.private_data], item, held_item)
        if kind == "word":
            child.dictionary = ctypes.pointer(_schema(b"u", b"", _NULLABLE))
        children.append(child)
    held = (ctypes.POINTER(_Schema) * len(children))(*map(ctypes.pointer, children))
    schema.format, schema.name, schema.metadata, schema.flags = b"+s", b"", None, 0
    schema.n_children, schema.children = len(children), held
    schema.dictionary = None
    schema.release = _RELEASE_SCHEMA
    schema.private_data = _keep((children, held))


def _schema(kind: bytes, name: bytes, flags: int) -> _Schema:
    schema = _Schema(format=kind, name=name, flags=flags, release=_RELEASE_SCHEMA)
    schema.private_data = _keep((kind, name))
    return schema


def _fill_struct(array: _Array, length: int, columns: Sequence[Data]) -> None:
    children = [_column(length, column) for column in columns]
    held = (ctypes.POINTER(_Array) * len(children))(*map(ctypes.pointer, children))
    buffers = (ctypes.c_void_p * 1)(None)
    array.length, array.null_count, array.offset = length, 0, 0
    array.n_buffers, array.buffers = 1, buffers
    array.n_children, array.children = len(children), held
    array.dictionary = None
    array.release = _RELEASE_ARRAY
    array.private_data = _keep((children, held, buffers))


def _column(length: int, data: Data) -> _Array:
    if isinstance(data, Plain):
        values = np.ascontiguousarray(data.values)
        if values.dtype == np.bool_:
            values = np.packbits(values, bitorder="little")
        validity = None if data.is_present is None else np.packbits(data.is_present, bitorder="little")
        return _array(length, [validity, values], has_nulls=validity is not None)
    if isinstance(data, Texts):
        return _texts(data.values)
    if isinstance(data, NoTexts):
        zeros = _zeros(length)
        return _array(length, [zeros, zeros, zeros], has_nulls=True)
    if isinstance(data, Lists):
        return _lists(data.values)
    array = _array(length, [None, np.ascontiguousarray(data.codes, np.int32)])
    array.dictionary = ctypes.pointer(_texts(data.words))
    return array


def _lists(values: Sequence[Sequence[bytes]]) -> _Array:
    offsets = np.zeros(len(values) + 1, np.int32)
    np.cumsum([len(items) for items in values], out=offsets[1:])
    array = _array(len(values), [None, offsets])
    item = _texts([text for items in values for text in items])
    held = (ctypes.POINTER(_Array) * 1)(ctypes.pointer(item))
    array.n_children, array.children = 1, held
    _kept[array.private_data] = (_kept[array.private_data], item, held)
    return array


@lru_cache(maxsize=8)
def _zeros(length: int) -> npt.NDArray[np.int32]:
    """Of an array without values: which are present, where each begins, and their bytes."""
    return np.zeros(length + 1, np.int32)


def _texts(values: Sequence[bytes | None]) -> _Array:
    sizes = np.fromiter((len(value) if value is not None else 0 for value in values), np.int64, len(values))
    offsets = np.zeros(len(values) + 1, np.int32)
    np.cumsum(sizes, out=offsets[1:])
    body = np.frombuffer(b"".join(value for value in values if value is not None) or b"\0", np.uint8)
    is_present = np.fromiter((value is not None for value in values), np.bool_, len(values))
    validity = None if is_present.all() else np.packbits(is_present, bitorder="little")
    return _array(len(values), [validity, offsets, body], has_nulls=validity is not None)


def _array(length: int, arrays: Sequence[npt.NDArray[Any] | None], *, has_nulls: bool = False) -> _Array:
    pointers = [None if array is None or not array.size else array.ctypes.data for array in arrays]
    buffers = (ctypes.c_void_p * len(pointers))(*pointers)
    array = _Array(
        length=length,
        null_count=-1 if has_nulls else 0,
        offset=0,
        n_buffers=len(pointers),
        buffers=buffers,
        release=_RELEASE_ARRAY,
    )
    array.private_data = _keep((tuple(arrays), buffers))
    return array


_destructor_type = ctypes.CFUNCTYPE(None, ctypes.c_void_p)
_get_pointer = ctypes.pythonapi.PyCapsule_GetPointer
_get_pointer.restype, _get_pointer.argtypes = ctypes.c_void_p, [ctypes.c_void_p, ctypes.c_char_p]
_new_capsule = ctypes.pythonapi.PyCapsule_New
_new_capsule.restype = ctypes.py_object
_new_capsule.argtypes = [ctypes.c_void_p, ctypes.c_char_p, _destructor_type]
_STRUCTS: dict[bytes, Any] = {b"arrow_schema": _Schema, b"arrow_array_stream": _Stream}
_capsuled: dict[int, object] = {}
"""Structures that a capsule points to, by address."""


def _destroy(name: bytes) -> Any:
    def destroy(capsule: int) -> None:
        address = _get_pointer(capsule, name)
        struct = _STRUCTS[name].from_address(address)
        if struct.release:  # nobody has taken the content
            struct.release(ctypes.pointer(struct))
        _capsuled.pop(address, None)

    return _destructor_type(destroy)


_DESTRUCTORS = {name: _destroy(name) for name in _STRUCTS}


def _capsule(struct: _Schema | _Stream, name: bytes) -> object:
    address = ctypes.addressof(struct)
    _capsuled[address] = struct
    return _new_capsule(address, name, _DESTRUCTORS[name])


def held_count() -> int:
    """How many things readers still point to; none, once all are done."""
    return len(_kept) + len(_capsuled)
