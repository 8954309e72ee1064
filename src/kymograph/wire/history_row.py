"""History rows as records of a journal, encoded by hand.

The one record that a training writes thousands of times a second, so what repeats is kept: for every set of keys the
bytes that stand before each value. The result is what the generated classes make of the same row, and is tested against
them. Source: records.proto; protocol.md §15.2.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from operator import getitem
from typing import Any, TypeAlias

import orjson

from kymograph.core import exact_json
from kymograph.types import JsonValue

_HISTORY = b"\x12"  # Record.history
_NUM = b"\x08"  # Record.num
_ITEM = b"\x0a"  # HistoryRecord.item
_KEY = b"\x0a"  # HistoryItem.key
_VALUE_JSON = b"\x82\x01"  # HistoryItem.value_json
_LONGEST_NUMBER = 40
"""Characters of a number's JSON text, at most; that of a double has 24."""
_SCHEMAS = 256
"""Sets of keys that are kept. Trainings have a handful; one that makes up new keys must not fill the memory."""
_OF_NUMBERS = b"0123456789.,+-eE"

_Heads: TypeAlias = tuple[bytes, ...]
"""What stands before a value, by the length of its JSON text."""


class RowEncoder:
    """Encodes history rows as `Record`s. Belongs to one thread at a time."""

    def __init__(self) -> None:
        self._schemas: dict[tuple[str, ...], list[_Heads]] = {}

    def encode(self, num: int, row: Mapping[str, JsonValue]) -> bytes:
        """A row as a `Record` with that number.

        Args:
            num: Of the record.
            row: Keys to values that JSON has, non-finite numbers and integers of any size included.
        """
        encoded = self.encode_numbers(num, row)
        if encoded is not None:
            return encoded
        items = b"".join(_encode_items(row))
        return b"".join((_HISTORY, varint(len(items)), items, _NUM, varint(num)))

    def encode_numbers(self, num: int, row: Mapping[str, Any]) -> bytes | None:
        """The same for rows of finite numbers of Python's own types, quickly; None for any other row."""
        try:
            text = orjson.dumps([*row.values()])[1:-1]
        except TypeError:  # an integer beyond 64 bits, or something that JSON does not have
            return None
        # Numbers leave nothing over; texts, booleans, lists, and the null that stands for NaN do.
        if not text or text.translate(None, _OF_NUMBERS):
            return None
        texts = text.split(b",")
        keys = tuple(row)
        heads = self._schemas.get(keys)
        if heads is None:
            if not all(isinstance(key, str) for key in keys):
                return None
            heads = self._learn(keys)
        # In one go each, which takes three quarters of the time that a loop does.
        pieces = [b""] * (2 * len(texts))
        pieces[::2] = map(getitem, heads, map(len, texts))
        pieces[1::2] = texts
        items = b"".join(pieces)
        return b"".join((_HISTORY, varint(len(items)), items, _NUM, varint(num)))

    def _learn(self, keys: tuple[str, ...]) -> list[_Heads]:
        if len(self._schemas) >= _SCHEMAS:
            self._schemas.clear()
        heads = [_heads_of(key) for key in keys]
        self._schemas[keys] = heads
        return heads


def _encode_items(row: Mapping[str, JsonValue]) -> Iterator[bytes]:
    for key, value in row.items():
        text = exact_json.dumps(value).encode(errors="replace")
        name = key.encode(errors="replace")
        item = b"".join((_KEY, varint(len(name)), name, _VALUE_JSON, varint(len(text)), text))
        yield b"".join((_ITEM, varint(len(item)), item))


def _heads_of(key: str) -> _Heads:
    name = key.encode(errors="replace")
    start = b"".join((_KEY, varint(len(name)), name, _VALUE_JSON))
    return tuple(
        b"".join((_ITEM, varint(len(start) + 1 + length), start, varint(length))) for length in range(_LONGEST_NUMBER)
    )


def varint(number: int) -> bytes:
    """A number as the encoding's base-128 digits; `number` is not negative."""
    if number < 128:
        return bytes((number,))
    if number < 16_384:
        return bytes((number & 127 | 128, number >> 7))
    digits = bytearray()
    while number > 127:
        digits.append(number & 127 | 128)
        number >>= 7
    digits.append(number)
    return bytes(digits)
