"""Thrift's compact protocol, as much of it as a Parquet footer takes: structs of numbers, texts, flags and lists.

Source: https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md; pinned by
tests/unit/storage/history/segments/test_parquet.py, where DuckDB reads what is written here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

_TRUE, _FALSE, _I32, _I64, _BINARY, _LIST, _STRUCT = 1, 2, 5, 6, 8, 9, 12


class I32(int):
    """A number that the schema declares as i32."""


class I64(int):
    """A number that the schema declares as i64."""


class Encoded(bytes):
    """A struct that was encoded already.

    A hundred thousand of them as mappings would be gone through again and again by whoever collects garbage.
    """


Field: TypeAlias = "I32 | I64 | bool | str | bytes | Encoded | Sequence[Field] | Struct"
Struct: TypeAlias = "Mapping[int, Field | None]"
"""Fields by their id; those that are None are left out."""


def encode_struct(struct: Struct) -> Encoded:
    """A struct, with its fields in ascending order of their ids."""
    out = bytearray()
    _write_struct(out, struct)
    return Encoded(out)


def varint(value: int) -> bytes:
    """An unsigned number, seven bits a byte, the lowest first."""
    out = bytearray()
    _write_varint(out, value)
    return bytes(out)


def _write_struct(out: bytearray, struct: Struct) -> None:
    last = 0
    for number in sorted(struct):
        value = struct[number]
        if value is None:
            continue
        kind = _KINDS.get(type(value)) or _kind_of(value)
        if number - last <= 15:
            out.append((number - last) << 4 | kind)
        else:
            out.append(kind)
            _write_varint(out, _zigzag(number))
        last = number
        if kind not in (_TRUE, _FALSE):
            _write_value(out, value, kind)
    out.append(0)


def _write_value(out: bytearray, value: Any, kind: int) -> None:
    if kind in (_I32, _I64):
        # Written out: footers of wide tables hold millions of numbers, most of them small.
        number = value << 1 if value >= 0 else (-value << 1) - 1
        while number > 0x7F:
            out.append(number & 0x7F | 0x80)
            number >>= 7
        out.append(number)
    elif kind == _BINARY:
        raw = value.encode() if isinstance(value, str) else value
        _write_varint(out, len(raw))
        out += raw
    elif kind == _STRUCT:
        if type(value) is Encoded:
            out += value
        else:
            _write_struct(out, value)
    else:
        inner = (_KINDS.get(type(value[0])) or _kind_of(value[0])) if value else _I32
        if len(value) < 15:
            out.append(len(value) << 4 | inner)
        else:
            out.append(0xF0 | inner)
            _write_varint(out, len(value))
        for item in value:
            _write_value(out, item, inner)


def _kind_of(value: Field) -> int:
    if isinstance(value, bool):
        return _TRUE if value else _FALSE
    if isinstance(value, I64):
        return _I64
    if isinstance(value, I32):
        return _I32
    if isinstance(value, (str, bytes)):
        return _BINARY
    if isinstance(value, Mapping):
        return _STRUCT
    if isinstance(value, Sequence):
        return _LIST
    raise TypeError(f"{value!r} has no declared width; wrap it in I32 or I64")


_KINDS: dict[type, int] = {
    I32: _I32,
    I64: _I64,
    str: _BINARY,
    bytes: _BINARY,
    dict: _STRUCT,
    Encoded: _STRUCT,
    list: _LIST,
}
"""Of values whose type says it all: quicker than asking `_kind_of`."""


def _zigzag(value: int) -> int:
    return value << 1 if value >= 0 else (-value << 1) - 1


def _write_varint(out: bytearray, value: int) -> None:
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
