"""Any rows as a wide table: which columns there are, and of which types, is known only after the last row."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO

import numpy as np

from kymograph.core import exact_json
from kymograph.core.exact_json import MAX_EXACT_INT
from kymograph.core.history import ExportFormat
from kymograph.core.value_kinds import NULL, code_of
from kymograph.storage.history.export.columns import KINDS, Cells, ColumnKind
from kymograph.storage.history.export.parquet import PHYSICAL, Pieces, pages_of
from kymograph.storage.history.export.texts import fields_of, quoted
from kymograph.storage.history.segments.parquet import Column, ParquetWriter
from kymograph.types import JsonValue

Row = Mapping[str, JsonValue]
_MEMORY_BYTES = 8 * 1024 * 1024
"""Rows that wait for the last one are kept in memory up to this size, then in a file."""
_BUDGET_BYTES = 8 * 1024 * 1024


class TableWriter:
    """`storage.history.base.TableWriter` in this process."""

    def __init__(self, scratch: Path) -> None:
        """Keep rows that wait in a folder, which is made when it is needed."""
        self._scratch = scratch

    def write(self, kind: ExportFormat, rows: Iterable[Row]) -> Iterator[bytes]:
        """Docstring inherited."""
        if kind is ExportFormat.JSON_LINES:
            yield from (f"{exact_json.dumps(dict(row))}\n".encode() for row in rows)
            return
        self._scratch.mkdir(parents=True, exist_ok=True)
        with tempfile.SpooledTemporaryFile(max_size=_MEMORY_BYTES, dir=str(self._scratch)) as spool:
            columns = _spool(rows, spool)
            spool.seek(0)
            yield from (_write_parquet if kind is ExportFormat.PARQUET else _write_csv)(columns, spool)


def _spool(rows: Iterable[Row], spool: IO[bytes]) -> dict[str, ColumnKind]:
    """Put rows aside; returns the columns, those with the same word before the first dot side by side."""
    kinds: dict[str, set[int]] = {}
    largest: dict[str, int] = {}
    for row in rows:
        for name, value in row.items():
            kinds.setdefault(name, set()).add(code_of(value))
            if type(value) is int:
                largest[name] = max(largest.get(name, 0), value, -1 - value)
        spool.write(exact_json.dumps(dict(row)).encode() + b"\n")
    ranks: dict[str, int] = {}
    for name in kinds:
        ranks.setdefault(name.partition(".")[0], len(ranks))
    return {
        name: _kind_of(kinds[name], largest.get(name, 0))
        for name in sorted(kinds, key=lambda name: ranks[name.partition(".")[0]])
    }


def _kind_of(codes: set[int], largest_int: int) -> ColumnKind:
    kind = KINDS.get(frozenset(codes) - {NULL}, ColumnKind.JSON)
    bounds = {ColumnKind.INTEGER: 2**63, ColumnKind.NUMBER: MAX_EXACT_INT}
    return kind if largest_int < bounds.get(kind, 2**64) else ColumnKind.JSON


def _batches(spool: IO[bytes]) -> Iterator[list[Row]]:
    batch: list[Row] = []
    size = 0
    for line in spool:
        batch.append(exact_json.loads_document(line.decode()))
        size += len(line)
        if size >= _BUDGET_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _write_parquet(columns: Mapping[str, ColumnKind], spool: IO[bytes]) -> Iterator[bytes]:
    sink = Pieces()
    schema = [
        Column(name, PHYSICAL[kind], is_optional=True, is_json=kind is ColumnKind.JSON)
        for name, kind in columns.items()
    ]
    writer = ParquetWriter(sink, schema)
    for batch in _batches(spool):
        chunks = []
        for name, kind in columns.items():
            cells = _cells([row.get(name) for row in batch], kind)
            chunks.append(writer.pages(PHYSICAL[kind], pages_of(cells, len(batch), is_optional=True)))
            yield from sink.take(least=Pieces.WORTH_SENDING)
        writer.row_group(chunks)
    writer.close({"kymograph.format": "table 1"})
    yield from sink.take(least=0)


def _write_csv(columns: Mapping[str, ColumnKind], spool: IO[bytes]) -> Iterator[bytes]:
    yield b",".join(quoted(name.encode()) for name in columns) + b"\n"
    for batch in _batches(spool):
        fields = [
            fields_of(_cells([row.get(name) for row in batch], kind), len(batch)) for name, kind in columns.items()
        ]
        yield b"\n".join(map(b",".join, zip(*fields, strict=True))) + b"\n"


def _cells(values: Sequence[JsonValue], kind: ColumnKind) -> Cells:
    present = np.array([value is not None for value in values], np.bool_)
    held = [value for value in values if value is not None]
    is_full = len(held) == len(values)
    if kind is ColumnKind.TEXT:
        return Cells(None if is_full else present, [str(value).encode() for value in held])
    if kind is ColumnKind.JSON:
        return Cells(None if is_full else present, [exact_json.dumps(value).encode() for value in held])
    return Cells(None if is_full else present, np.array(held, _DTYPES[kind]))


_DTYPES = {ColumnKind.INTEGER: np.int64, ColumnKind.NUMBER: np.float64, ColumnKind.BOOLEAN: np.bool_}
