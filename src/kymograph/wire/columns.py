"""Histories as columns, many runs in one body: what a reader takes without parsing numbers.

A body is the magic, frames, and an end. A frame holds some rows of one run: the length of its header in 4 bytes
(little-endian), the header as JSON, and the columns, whose places the header tells. The end is a header of no length,
so that a body that breaks off is never taken for a whole one.

Law: what a decoder gives is the same however the body is cut into pieces. Source: docs/reference/rest.md, "Reading back
in bulk".
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from kymograph.errors import MalformedRequest

MAGIC = b"KYC1\0\0\0\0"
MEDIA_TYPE = "application/vnd.kymograph.columns"
ALIGNMENT = 8
"""Columns begin at multiples of this, so that a reader can take them without copying."""
MAX_HEADER_BYTES = 64 << 20

INTEGER, NUMBER, BOOLEAN, TEXT, JSON = "i8", "f8", "b1", "text", "json"
"""Kinds of columns: int64, float64, a byte per value, UTF-8, and each value as its JSON."""
_TEXTS = frozenset({TEXT, JSON})
_SIZES = {INTEGER: 8, NUMBER: 8, BOOLEAN: 1}

_LENGTH = struct.Struct("<Q")
END = _LENGTH.pack(0)


@dataclass(frozen=True, slots=True)
class FrameColumn:
    """One metric in some rows."""

    name: str
    kind: str
    values: bytes | memoryview | Sequence[bytes]
    """Of the rows that have one; of the kinds text and JSON a list."""
    present: bytes | memoryview | None = None
    """A byte for each row, 1 where it has a value; None if all do."""


@dataclass(frozen=True, slots=True)
class Frame:
    """Some rows of one run."""

    run: str
    rows: int
    columns: Sequence[FrameColumn]
    damaged: str = ""
    """What of the history could not be read and is left out, in the server's words."""


@dataclass(slots=True)
class _Body:
    """The columns of a frame while they are put together."""

    parts: list[bytes | memoryview] = field(default_factory=list)
    size: int = 0

    def add(self, data: bytes | memoryview) -> int:
        """Put data behind the others; returns where it begins."""
        at, length = self.size, len(data)
        self.parts += (data, bytes(-length % ALIGNMENT))
        self.size += length + -length % ALIGNMENT
        return at


def encode_frame(frame: Frame) -> bytes:
    """A frame."""
    body = _Body()
    columns = [_encode_column(column, body) for column in frame.columns]
    header = {"run": frame.run, "rows": frame.rows, "columns": columns, "size": body.size, "damaged": frame.damaged}
    text = orjson.dumps(header)
    text += b" " * (-len(text) % ALIGNMENT)
    return b"".join([_LENGTH.pack(len(text)), text, *body.parts])


def _encode_column(column: FrameColumn, body: _Body) -> dict[str, Any]:
    told: dict[str, Any] = {"name": column.name, "kind": column.kind}
    if column.present is not None:
        told["present"] = body.add(column.present)
    values = column.values
    if isinstance(values, (bytes, memoryview)):
        told["count"] = len(values) // _SIZES[column.kind]
        told["at"] = body.add(values)
        return told
    told["count"] = len(values)
    told["ends_at"] = body.add(_ends_of(values))
    told["at"] = body.add(b"".join(values))
    return told


def _ends_of(texts: Sequence[bytes]) -> bytes:
    from itertools import accumulate

    return struct.pack(f"<{len(texts)}Q", *accumulate(map(len, texts)))


class FrameDecoder:
    """Reads a body as it comes."""

    def __init__(self) -> None:
        """Begin before the first byte."""
        self._held = bytearray()
        self._has_magic = self._is_ended = False
        self._needs = len(MAGIC)

    def feed(self, piece: bytes | memoryview) -> Iterator[Frame]:
        """Take more of the body; gives the frames that are whole now.

        Raises:
            MalformedRequest: It is no such body, or goes on after its end.
        """
        self._held += piece
        while len(self._held) >= self._needs and not self._is_ended:
            frame = self._step()
            if frame is not None:
                yield frame
        if self._is_ended and self._held:
            raise MalformedRequest("a body of columns goes on after its end", where="columns")

    def close(self) -> None:
        """Nothing more comes.

        Raises:
            MalformedRequest: The body broke off.
        """
        if not self._is_ended:
            raise MalformedRequest("a body of columns broke off", where="columns")

    def _step(self) -> Frame | None:
        """Read what is whole: the magic, the end, a frame, or how much a frame takes."""
        held = self._held
        if not self._has_magic:
            if held[: len(MAGIC)] != MAGIC:
                raise MalformedRequest("not a body of columns", where="columns")
            self._has_magic, self._needs = True, _LENGTH.size
            del held[: len(MAGIC)]
            return None
        (length,) = _LENGTH.unpack_from(held)
        if length == 0:
            self._is_ended = True
            del held[: _LENGTH.size]
            return None
        if length > MAX_HEADER_BYTES:
            raise MalformedRequest("a header of columns is too long", where="columns")
        begin = _LENGTH.size + length
        self._needs = begin
        if len(held) < begin:
            return None
        header = orjson.loads(memoryview(held)[_LENGTH.size : begin])
        self._needs = begin + header["size"]
        if len(held) < self._needs:
            return None
        # A copy, for what is held goes on to change under the columns that lie in it.
        body = memoryview(bytes(memoryview(held)[begin : self._needs]))
        del held[: self._needs]
        self._needs = _LENGTH.size
        return _frame_of(header, body)


def _frame_of(header: dict[str, Any], body: memoryview) -> Frame:
    rows = header["rows"]
    return Frame(
        header["run"], rows, [_column_of(told, rows, body) for told in header["columns"]], header.get("damaged", "")
    )


def _column_of(told: dict[str, Any], rows: int, body: memoryview) -> FrameColumn:
    kind, count, at = told["kind"], told["count"], told["at"]
    present = body[told["present"] : told["present"] + rows] if "present" in told else None
    if kind not in _TEXTS:
        return FrameColumn(told["name"], kind, body[at : at + count * _SIZES[kind]], present)
    ends = body[told["ends_at"] : told["ends_at"] + count * 8].cast("Q")
    texts, begin = [], at
    for end in ends:
        texts.append(bytes(body[begin : at + end]))
        begin = at + end
    return FrameColumn(told["name"], kind, texts, present)
