"""A history as a Parquet file: a row per step, a column per metric, in row groups that are written as they are read."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from hashlib import blake2b
from typing import Any

import numpy as np

from kymograph.storage.history.export.columns import Cells, ColumnKind, WideColumn, cells_of, step_column
from kymograph.storage.history.export.windows import Pace, Windows
from kymograph.storage.history.segments.parquet import Chunk, Column, Page, ParquetWriter, Physical, bytes_of, levels_of

GROUP_ROWS = 131_072
"""Rows of a group; a column of numbers takes 1 MB in it, and no more than one column is in memory."""
_TEXT_GROUP_ROWS = 1_024
"""The first group where there are texts; later ones have as many rows as `_TEXT_GROUP_BYTES` of texts allow."""
_TEXT_GROUP_BYTES = 32 * 1024 * 1024
_PAGE_BYTES = 4 * 1024 * 1024
"""Texts of one page, about."""
PHYSICAL = {
    ColumnKind.INTEGER: Physical.INT64,
    ColumnKind.NUMBER: Physical.DOUBLE,
    ColumnKind.BOOLEAN: Physical.BOOLEAN,
    ColumnKind.TEXT: Physical.BYTE_ARRAY,
    ColumnKind.JSON: Physical.BYTE_ARRAY,
}
"""How each kind of column is stored."""


class Pieces:
    """A sink that hands on what was written, in pieces worth sending."""

    WORTH_SENDING = 1024 * 1024

    def __init__(self) -> None:
        self._held: list[bytes] = []
        self._size = 0

    def write(self, data: Any, /) -> None:
        """Add bytes."""
        self._held.append(bytes(data))
        self._size += len(data)

    def take(self, *, least: int) -> Iterator[bytes]:
        """What has come, if it is at least so much."""
        if self._size >= least:
            yield b"".join(self._held)
            self._held, self._size = [], 0


class ContentDigest:
    """Says whether two exports hold the same rows, whatever encodings they were written with."""

    def __init__(self) -> None:
        self._hash = blake2b(digest_size=16)

    def add(self, column: WideColumn, cells: Cells) -> None:
        """Take notice of a column in a window."""
        self._hash.update(f"{column.name}\0{column.kind}\0".encode())
        if cells.present is not None:
            self._hash.update(np.packbits(cells.present).data)
        if isinstance(cells.values, list):
            for text in cells.values:
                self._hash.update(struct.pack("<I", len(text)))
                self._hash.update(text)
        else:
            self._hash.update(bytes_of(cells.values))

    def hex(self) -> str:
        """32 characters."""
        return self._hash.hexdigest()


def write_parquet(windows: Windows, columns: Sequence[WideColumn], digest: ContentDigest | None) -> Iterator[bytes]:
    """The file, piece by piece.

    Args:
        windows: The rows.
        columns: What follows the column of steps.
        digest: Takes notice of everything, if it is given.
    """
    all_columns = (step_column(), *columns)
    sink = Pieces()
    writer = ParquetWriter(sink, [_schema_of(column, is_first=not index) for index, column in enumerate(all_columns)])
    pace = _pace_for(columns)
    for window in windows.iterate(pace):
        chunks: list[Chunk] = []
        text_bytes = 0
        for column in all_columns:
            is_steps = not chunks
            cells = Cells(None, window.steps) if is_steps else cells_of(window, column)
            if isinstance(cells.values, list):
                text_bytes += sum(map(len, cells.values))
            if digest is not None:
                digest.add(column, cells)
            chunks.append(writer.pages(PHYSICAL[column.kind], pages_of(cells, len(window), is_optional=not is_steps)))
            yield from sink.take(least=Pieces.WORTH_SENDING)
        writer.row_group(chunks)
        pace.note(len(window), text_bytes)
    writer.close({"kymograph.format": "history 1"})
    yield from sink.take(least=0)


def _pace_for(columns: Sequence[WideColumn]) -> Pace:
    has_texts = any(column.kind in (ColumnKind.TEXT, ColumnKind.JSON) for column in columns)
    first = _TEXT_GROUP_ROWS if has_texts else GROUP_ROWS
    return Pace(first=first, most=GROUP_ROWS, budget_bytes=_TEXT_GROUP_BYTES)


def _schema_of(column: WideColumn, *, is_first: bool) -> Column:
    return Column(column.name, PHYSICAL[column.kind], is_optional=not is_first, is_json=column.kind is ColumnKind.JSON)


def pages_of(cells: Cells, count: int, *, is_optional: bool) -> Iterator[Page]:
    """A column of `count` rows, encoded: a page of numbers, or as many of texts as they fill."""
    if isinstance(cells.values, list):
        yield from _text_pages(cells.present, cells.values, count)
        return
    levels = levels_of(np.ones(count, np.bool_) if cells.present is None else cells.present) if is_optional else b""
    body: bytes | memoryview
    if cells.values.dtype == np.bool_:
        body = np.packbits(cells.values, bitorder="little").tobytes()
    else:
        body = bytes_of(cells.values)
    yield Page(count, (levels, body))


def _text_pages(present: Any, texts: Sequence[bytes], count: int) -> Iterator[Page]:
    is_there = np.ones(count, np.bool_) if present is None else present
    rows_of_texts = np.flatnonzero(is_there)
    begin_row = begin = 0
    body = bytearray()
    for index, text in enumerate(texts):
        body += struct.pack("<I", len(text))
        body += text
        if len(body) >= _PAGE_BYTES:
            end_row = int(rows_of_texts[index]) + 1
            yield Page(end_row - begin_row, (levels_of(is_there[begin_row:end_row]), bytes(body)))
            body, begin_row, begin = bytearray(), end_row, index + 1
    if begin_row < count or not begin:
        yield Page(count - begin_row, (levels_of(is_there[begin_row:]), bytes(body)))
