"""Writes Parquet files, column by column, in the few encodings that our files use.

We write them ourselves for one reason: a column without nulls and compression is the plain array, so a reader that
knows its place maps it instead of decoding it, and any Parquet reader still understands the file. For the same reason a
column chunk may be shared: metrics that were logged in the same rows have the same steps, which are written once and
named by the row groups of all of them.

Source: https://parquet.apache.org/docs/file-format/; pinned by tests/unit/storage/history/segments/test_parquet.py.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import zstandard

from kymograph.storage.history.segments.thrift import I32, I64, Encoded, Struct, encode_struct, varint

MAGIC = b"PAR1"
CREATED_BY = "kymograph"
_ALIGNMENT = 8
_PLAIN, _RLE, _RLE_DICTIONARY = 0, 3, 8
_UNCOMPRESSED, _ZSTD = 0, 6
_DATA_PAGE, _DICTIONARY_PAGE = 0, 2
_REQUIRED, _OPTIONAL = 0, 1
_UTF8, _JSON = 0, 19
"""Converted types; as logical types they are the members 1 and 12 of their union."""
_ZSTD_LEVEL = 3
_SAMPLE_BYTES = 64 * 1024
_LEAST_BYTES = 512
_WORTHWHILE = 0.85
"""What a sample must shrink to for a column to be compressed: the noise of most metrics does not, and takes time."""


class Physical(IntEnum):
    """Types that values are stored as, by their number in the format."""

    BOOLEAN = 0
    INT64 = 2
    DOUBLE = 5
    BYTE_ARRAY = 6


@dataclass(frozen=True, slots=True)
class Column:
    """One column of the schema."""

    name: str
    physical: Physical
    is_optional: bool = False
    is_json: bool = False
    """Texts are JSON documents."""


@dataclass(frozen=True, slots=True)
class Page:
    """Values of a column in a number of rows, encoded: levels if the column is optional, then the plain values."""

    count: int
    parts: tuple[bytes | memoryview, ...]


@dataclass(frozen=True, slots=True)
class Chunk:
    """The values of a column in one row group, written already."""

    physical: Physical
    encodings: tuple[int, ...]
    codec: int
    count: int
    data_page_at: int
    """Where the header of the data page begins."""
    dictionary_page_at: int | None
    plain_size: int
    stored_size: int
    values_at: int
    """Where the bytes of the values begin: for plain arrays, a multiple of 8."""
    statistics: Struct | None = None

    @property
    def begins_at(self) -> int:
        """Where the chunk begins."""
        return self.data_page_at if self.dictionary_page_at is None else self.dictionary_page_at


class Sink(Protocol):
    """Where the bytes go, in order."""

    def write(self, data: Any, /) -> object:
        """Add bytes."""


class ParquetWriter:
    """A Parquet file under way. Not safe to share between threads."""

    def __init__(self, sink: Sink, columns: Sequence[Column]) -> None:
        self._sink = sink
        self._columns = tuple(columns)
        self._row_groups: list[tuple[int, tuple[Chunk, ...]]] = []
        self._quick = zstandard.ZstdCompressor(level=1)
        self.position = 0
        """Bytes written so far."""
        self.write(MAGIC)

    def write(self, data: bytes | memoryview) -> int:
        """Put bytes of any meaning between the pages; returns where they begin."""
        begins_at = self.position
        self._sink.write(data)
        self.position += len(data)
        return begins_at

    def write_array(self, values: npt.NDArray[Any]) -> int:
        """Put an array between the pages, aligned; returns where it begins."""
        self.write(b"\0" * (-self.position % _ALIGNMENT))
        return self.write(bytes_of(values))

    # --- column chunks -----------------------------------------------------------------------------------------------

    def plain(self, values: npt.NDArray[np.float64] | npt.NDArray[np.int64]) -> Chunk:
        """Numbers as the array that they are."""
        physical = Physical.DOUBLE if values.dtype == np.float64 else Physical.INT64
        header = _data_page_header(len(values), values.nbytes, values.nbytes, _PLAIN)
        # Zeros between chunks are skipped by everybody; a header has no fixed length, so they come before it.
        self.write(b"\0" * (-(self.position + len(header)) % _ALIGNMENT))
        data_page_at = self.write(header)
        values_at = self.write(bytes_of(values))
        size = self.position - data_page_at
        statistics = _statistics(values)
        return Chunk(
            physical, (_PLAIN, _RLE), _UNCOMPRESSED, len(values), data_page_at, None, size, size, values_at, statistics
        )

    def optional(self, values: npt.NDArray[Any], present: npt.NDArray[np.bool_]) -> Chunk:
        """Numbers with nulls: `values` are those of the rows that are `present`, compressed."""
        physical = Physical.DOUBLE if values.dtype == np.float64 else Physical.INT64
        body = levels_of(present) + bytes(bytes_of(values))
        return self._compressed(physical, len(present), body)

    def texts(self, values: Sequence[bytes | None]) -> Chunk:
        """UTF-8 texts with nulls, compressed."""
        held = [value for value in values if value is not None]
        present = np.fromiter((value is not None for value in values), np.bool_, len(values))
        body = bytearray(levels_of(present))
        for value in held:
            body += struct.pack("<I", len(value))
            body += value
        return self._compressed(Physical.BYTE_ARRAY, len(values), bytes(body))

    def pages(self, physical: Physical, pages: Iterable[Page]) -> Chunk:
        """Values that were encoded page by page, at least one page; compressed if a sample says that it is worth it."""
        begins_at = self.position
        codec: int | None = None
        count = plain_size = 0
        for page in pages:
            if codec is None:
                codec = self._codec_for(page)
            size = sum(map(len, page.parts))
            parts: tuple[bytes | memoryview, ...] = page.parts
            if codec == _ZSTD:
                parts = (self._quick.compress(b"".join(page.parts)),)
            header = _data_page_header(page.count, size, sum(map(len, parts)), _PLAIN)
            self.write(header)
            for part in parts:
                self.write(part)
            count += page.count
            plain_size += len(header) + size
        assert codec is not None, "a column has one page at least"
        stored_size = self.position - begins_at
        return Chunk(physical, (_PLAIN, _RLE), codec, count, begins_at, None, plain_size, stored_size, begins_at)

    def _codec_for(self, page: Page) -> int:
        sample = _head(page)
        is_worthwhile = len(sample) >= _LEAST_BYTES and len(self._quick.compress(sample)) < len(sample) * _WORTHWHILE
        return _ZSTD if is_worthwhile else _UNCOMPRESSED

    def nulls(self, physical: Physical, count: int) -> Chunk:
        """Nothing but nulls."""
        runs = varint(count << 1) + b"\0"
        body = struct.pack("<I", len(runs)) + runs
        data_page_at = self.write(_data_page_header(count, len(body), len(body), _PLAIN))
        values_at = self.write(body)
        size = self.position - data_page_at
        return Chunk(physical, (_PLAIN, _RLE), _UNCOMPRESSED, count, data_page_at, None, size, size, values_at)

    def runs(self, words: Iterable[tuple[bytes, int]]) -> Chunk:
        """Texts that repeat: each with how many rows it fills, no text twice."""
        listed = list(words)
        width = max(1, (len(listed) - 1).bit_length())
        index_bytes = (width + 7) // 8
        body = bytearray((width,))
        for index, (_, count) in enumerate(listed):
            body += varint(count << 1) + index.to_bytes(index_bytes, "little")
        return self._dictionary([word for word, _ in listed], sum(count for _, count in listed), bytes(body), 0)

    def coded(self, words: Sequence[bytes], codes: npt.NDArray[np.uint8]) -> Chunk:
        """Texts by their index in `words`, a byte each, so that `values_at` is where the codes lie as an array."""
        padded = -len(codes) % 8
        header = b"\x08" + varint((len(codes) + padded) // 8 << 1 | 1)
        return self._dictionary(words, len(codes), header + codes.tobytes() + b"\0" * padded, len(header))

    def _dictionary(self, words: Sequence[bytes], count: int, indices: bytes, values_offset: int) -> Chunk:
        page = b"".join(struct.pack("<I", len(word)) + word for word in words)
        dictionary_page_at = self.write(_dictionary_page_header(len(words), len(page)))
        self.write(page)
        data_page_at = self.write(_data_page_header(count, len(indices), len(indices), _RLE_DICTIONARY))
        values_at = self.write(indices) + values_offset
        size = self.position - dictionary_page_at
        statistics: Struct | None = {3: I64(0), 5: max(words), 6: min(words)} if words else None
        return Chunk(
            Physical.BYTE_ARRAY,
            (_PLAIN, _RLE_DICTIONARY, _RLE),
            _UNCOMPRESSED,
            count,
            data_page_at,
            dictionary_page_at,
            size,
            size,
            values_at,
            statistics,
        )

    def _compressed(self, physical: Physical, count: int, body: bytes) -> Chunk:
        packed = zstandard.ZstdCompressor(level=_ZSTD_LEVEL, write_checksum=True).compress(body)
        header = _data_page_header(count, len(body), len(packed), _PLAIN)
        data_page_at = self.write(header)
        values_at = self.write(packed)
        plain_size = len(header) + len(body)
        stored_size = len(header) + len(packed)
        return Chunk(physical, (_PLAIN, _RLE), _ZSTD, count, data_page_at, None, plain_size, stored_size, values_at)

    # --- row groups and the end --------------------------------------------------------------------------------------

    def row_group(self, chunks: Sequence[Chunk]) -> None:
        """Declare rows: a chunk for every column of the schema, all of one length."""
        counts = {chunk.count for chunk in chunks}
        if len(chunks) != len(self._columns) or len(counts) != 1:
            raise ValueError(f"{len(self._columns)} columns of one length are needed, not {counts}")
        self._row_groups.append((counts.pop(), tuple(chunks)))

    def footer(self, notes: Mapping[str, str]) -> bytes:
        """What `close` will write for the row groups that were declared so far, but for its length and the magic.

        Args:
            notes: Key-value pairs for whoever looks for them.
        """
        return encode_struct(
            {
                1: I32(2),
                2: [{4: "schema", 5: I32(len(self._columns))}, *map(_schema_element, self._columns)],
                3: I64(sum(count for count, _ in self._row_groups)),
                4: [self._row_group(count, chunks) for count, chunks in self._row_groups],
                5: [{1: key, 2: value} for key, value in notes.items()] or None,
                6: CREATED_BY,
            }
        )

    def close(self, notes: Mapping[str, str]) -> None:
        """Write the footer."""
        footer = self.footer(notes)
        self.write(footer + struct.pack("<I", len(footer)) + MAGIC)

    def _row_group(self, count: int, chunks: Sequence[Chunk]) -> Struct:
        return {
            1: [_column_chunk(column.name, chunk) for column, chunk in zip(self._columns, chunks, strict=True)],
            2: I64(sum(chunk.plain_size for chunk in chunks)),
            3: I64(count),
            6: I64(sum(chunk.stored_size for chunk in chunks)),
        }


def _schema_element(column: Column) -> Encoded:
    is_text = column.physical is Physical.BYTE_ARRAY
    return encode_struct(
        {
            1: I32(column.physical),
            3: I32(_OPTIONAL if column.is_optional else _REQUIRED),
            4: column.name,
            6: I32(_JSON if column.is_json else _UTF8) if is_text else None,
            10: {12 if column.is_json else 1: {}} if is_text else None,
        }
    )


def _column_chunk(name: str, chunk: Chunk) -> Encoded:
    return encode_struct(
        {
            2: I64(0),
            3: {
                1: I32(chunk.physical),
                2: [I32(encoding) for encoding in chunk.encodings],
                3: [name],
                4: I32(chunk.codec),
                5: I64(chunk.count),
                6: I64(chunk.plain_size),
                7: I64(chunk.stored_size),
                9: I64(chunk.data_page_at),
                11: None if chunk.dictionary_page_at is None else I64(chunk.dictionary_page_at),
                12: chunk.statistics,
            },
        }
    )


def _data_page_header(count: int, plain_size: int, stored_size: int, encoding: int) -> bytes:
    details = {1: I32(count), 2: I32(encoding), 3: I32(_RLE), 4: I32(_RLE)}
    return encode_struct({1: I32(_DATA_PAGE), 2: I32(plain_size), 3: I32(stored_size), 5: details})


def _dictionary_page_header(count: int, size: int) -> bytes:
    details = {1: I32(count), 2: I32(_PLAIN)}
    return encode_struct({1: I32(_DICTIONARY_PAGE), 2: I32(size), 3: I32(size), 7: details})


def _head(page: Page) -> bytes:
    """The first bytes of a page."""
    head = bytearray()
    for part in page.parts:
        head += part[: _SAMPLE_BYTES - len(head)]
    return bytes(head)


def levels_of(present: npt.NDArray[np.bool_]) -> bytes:
    """Definition levels of an optional column: one bit a row."""
    n_present = int(np.count_nonzero(present))
    if n_present in (0, len(present)):
        runs = varint(len(present) << 1) + bytes((1 if n_present else 0,))
    else:
        bits = np.packbits(present, bitorder="little").tobytes()
        runs = varint(len(bits) << 1 | 1) + bits
    return struct.pack("<I", len(runs)) + runs


def _statistics(values: npt.NDArray[Any]) -> Struct | None:
    if not len(values):
        return None
    low, high = values.min(), values.max()
    if values.dtype == np.float64:
        if not (np.isfinite(low) and np.isfinite(high)):
            return None
        # -0.0 and 0.0 compare equal, and readers that tell them apart must find both within the bounds.
        low, high = (-0.0 if low == 0 else low), (0.0 if high == 0 else high)
    code = "<d" if values.dtype == np.float64 else "<q"
    return {3: I64(0), 5: struct.pack(code, high), 6: struct.pack(code, low)}


def bytes_of(values: npt.NDArray[Any]) -> memoryview:
    """The bytes of an array, without copying them if they lie together."""
    return np.ascontiguousarray(values).data.cast("B") if values.size else memoryview(b"")
