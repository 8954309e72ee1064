"""Exports by example: types, bounds, forks, damage, files that change meanwhile, and the memory that they take."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest

from kymograph.core.history import ExportFormat, ExportQuery, HistoryPart, LineBatch, RowQuery, Stream
from kymograph.storage.history.query import StoredHistory
from kymograph.storage.history.segments.parquet import Column, Page, ParquetWriter, Physical, bytes_of, levels_of
from kymograph.testing.databases import sqlite_database
from kymograph.types import MetricName, RunKey
from tests.unit.storage.history.compacting import Compactions

RUN, CHILD = RunKey(1), RunKey(2)


@pytest.fixture
def compactions(tmp_path: Path) -> Iterator[Compactions]:
    with sqlite_database(tmp_path) as database:
        yield Compactions(database, tmp_path)


@pytest.fixture
def reader(compactions: Compactions) -> StoredHistory:
    return StoredHistory(compactions.database, compactions.files, cache_bytes=10_000_000)


def append(compactions: Compactions, rows: Sequence[Any], *, first: int = 0, run: RunKey = RUN) -> None:
    lines = [row if isinstance(row, str) else json.dumps(row) for row in rows]
    compactions.database.write(lambda tx: tx.tail.append(run, [LineBatch(Stream.HISTORY, first, lines)]))


def export(reader: StoredHistory, kind: ExportFormat, *parts: HistoryPart, **query: Any) -> bytes:
    return b"".join(reader.export(parts or (HistoryPart(RUN),), ExportQuery(kind, **query)).pieces())


def schema_of(path: Path) -> dict[str, str]:
    with duckdb.connect() as connection:
        rows = connection.execute(f"DESCRIBE SELECT * FROM '{path}'").fetchall()
    return {name: kind for name, kind, *_ in rows}


def table_of(path: Path) -> list[tuple[Any, ...]]:
    with duckdb.connect() as connection:
        return connection.execute(f"SELECT * FROM '{path}'").fetchall()


MIXED = [
    {"_step": 0, "loss": 1, "n": 2**60 + 1, "ok": True, "note": "a,b", "mixed": 1, "image": {"_type": "image-file"}},
    {"_step": 1, "loss": 0.5, "n": -1, "ok": False, "note": 'say "hi"', "mixed": "x", "nested": {"a": {"b": [1]}}},
    {"_step": 5, "loss": float("nan"), "n": 0, "ok": None, "note": "", "mixed": None},
]


@pytest.mark.parametrize("is_compacted", [False, True])
def test_each_column_has_the_type_that_holds_its_values(
    compactions: Compactions, reader: StoredHistory, tmp_path: Path, *, is_compacted: bool
) -> None:
    append(compactions, MIXED)
    if is_compacted:
        compactions.settle([RUN])
    path = tmp_path / "out.parquet"
    path.write_bytes(export(reader, ExportFormat.PARQUET))

    assert schema_of(path) == {
        "_step": "BIGINT",
        "loss": "DOUBLE",
        "n": "BIGINT",
        "ok": "BOOLEAN",
        "note": "VARCHAR",
        "mixed": "JSON",
        "image": "JSON",
        "nested.a.b": "JSON",
    }
    rows = table_of(path)
    assert rows[:2] == [
        (0, 1.0, 2**60 + 1, True, "a,b", "1", '{"_type":"image-file"}', None),
        (1, 0.5, -1, False, 'say "hi"', '"x"', None, "[1]"),
    ]
    assert np.isnan(rows[2][1])
    assert rows[2][2:] == (0, None, "", None, None, None)


def test_csv_tells_empty_texts_and_what_is_not_finite_from_what_was_not_logged(
    compactions: Compactions, reader: StoredHistory
) -> None:
    append(compactions, [*MIXED, {"_step": 6, "loss": float("-inf")}])

    assert export(reader, ExportFormat.CSV).decode().splitlines() == [
        "_step,loss,n,ok,note,mixed,image,nested.a.b",
        '0,1.0,1152921504606846977,true,"a,b",1,"{""_type"":""image-file""}",',
        '1,0.5,-1,false,"say ""hi""","""x""",,[1]',
        '5,NaN,0,,"",,,',
        "6,-Infinity,,,,,,",
    ]


def test_json_lines_pass_rows_on_as_they_came(compactions: Compactions, reader: StoredHistory) -> None:
    lines = ['{"_step":0, "a": 1.0e0}', '{"a":NaN}', "{}", '{"_step":3,\n"a":1}', "no row"]
    append(compactions, lines)
    compactions.settle([RUN])
    append(compactions, ['{"_step": 9, "b": 123456789012345678901234567890}'], first=5)

    assert export(reader, ExportFormat.JSON_LINES).decode().splitlines() == [
        '{"_step":0, "a": 1.0e0}',
        '{"_step":1,"a":NaN}',
        '{"_step":2}',
        '{"_step":3,"a":1}',
        '{"_step": 9, "b": 123456789012345678901234567890}',
    ]


def test_a_forked_run_brings_what_it_inherited(compactions: Compactions, reader: StoredHistory, tmp_path: Path) -> None:
    append(compactions, [{"_step": step, "a": step * 0.5} for step in range(10)])
    compactions.settle([RUN])
    append(compactions, [{"_step": step, "a": -1.0} for step in range(4, 6)], run=CHILD)
    path = tmp_path / "out.parquet"
    path.write_bytes(export(reader, ExportFormat.PARQUET, HistoryPart(RUN, 3), HistoryPart(CHILD)))

    assert table_of(path) == [(0, 0.0), (1, 0.5), (2, 1.0), (3, 1.5), (4, -1.0), (5, -1.0)]


def test_a_history_without_rows_is_a_file_without_rows(reader: StoredHistory, tmp_path: Path) -> None:
    path = tmp_path / "out.parquet"
    path.write_bytes(export(reader, ExportFormat.PARQUET))

    assert table_of(path) == []
    assert export(reader, ExportFormat.CSV) == b"_step\n"
    assert export(reader, ExportFormat.JSON_LINES) == b""


def test_row_groups_follow_one_another_and_metrics_may_be_sparse(
    compactions: Compactions, reader: StoredHistory, tmp_path: Path
) -> None:
    count = 150_000
    sparse = ',"b":1'
    rows = [f'{{"_step":{step},"a":{step}.5{sparse if step % 1000 == 7 else ""}}}' for step in range(count)]
    append(compactions, rows)
    compactions.settle([RUN])
    path = tmp_path / "out.parquet"
    path.write_bytes(export(reader, ExportFormat.PARQUET))

    with duckdb.connect() as connection:
        groups = connection.execute(f"SELECT max(row_group_id) FROM parquet_metadata('{path}')").fetchall()
        facts = connection.execute(
            f"SELECT count(*), sum(a), count(b), min(_step) FILTER (WHERE b = 1), max(_step) FROM '{path}'"
        ).fetchall()
    assert groups == [(1,)]
    assert facts == [(count, count * (count - 1) / 2 + count * 0.5, 150, 7, count - 1)]


def test_what_was_opened_stays_as_it_was(compactions: Compactions, reader: StoredHistory) -> None:
    append(compactions, [{"_step": step, "a": step, "t": str(step)} for step in range(6)])
    compactions.compact(RUN)
    append(compactions, [{"_step": 6, "a": 6, "t": "6"}], first=6)
    opened = reader.export((HistoryPart(RUN),), ExportQuery(ExportFormat.CSV))
    append(compactions, [{"_step": 7, "a": 7, "t": "7"}, {"_step": 0, "a": 99, "t": "99"}], first=7)
    compactions.settle([RUN])

    assert b"".join(opened.pieces()).decode().splitlines()[1:] == [f"{step},{step},{step}" for step in range(7)]


@pytest.mark.parametrize("kind", list(ExportFormat))
def test_a_damaged_segment_is_left_out_and_named(
    compactions: Compactions, reader: StoredHistory, kind: ExportFormat
) -> None:
    append(compactions, [{"_step": step, "a": step * 0.1, "t": "x" * 50} for step in range(50)])
    compactions.compact(RUN)
    append(compactions, [{"_step": step, "a": step * 0.1, "t": "y"} for step in range(50, 60)], first=50)
    compactions.compact(RUN)
    (segment, _) = compactions.database.read(lambda tx: tx.segments.list_live([RUN], Stream.HISTORY))[RUN]
    key = segment.lines_key if kind is ExportFormat.JSON_LINES else segment.points_key
    path = compactions.objects.local_path(key)
    assert path is not None
    raw = bytearray(path.read_bytes())
    place = 40 if kind is ExportFormat.JSON_LINES else raw.index(np.arange(50) * 0.1) + 100
    raw[place] ^= 1
    path.write_bytes(raw)

    opened = reader.export((HistoryPart(RUN),), ExportQuery(kind))
    text = b"".join(opened.pieces())
    assert [(damage.first_step, damage.last_step) for damage in opened.damaged] == [(0, 49)]
    assert opened.damaged[0].object in (segment.points_key, segment.lines_key, segment.object)
    assert not opened.is_plain
    if kind is not ExportFormat.PARQUET:
        assert text.decode().count("\n") == 10 + (kind is ExportFormat.CSV)


def test_equal_rows_have_equal_digests_wherever_they_lie(compactions: Compactions, reader: StoredHistory) -> None:
    def digest(*, last: int | None = None) -> str:
        query = ExportQuery(ExportFormat.PARQUET, max_step=None if last is None else last + 1)
        opened = reader.export((HistoryPart(RUN),), query)
        assert b"".join(opened.pieces(with_digest=True))
        return opened.digest

    append(compactions, [{"_step": step, "a": step * 0.1, "n": step, "t": "x"} for step in range(100)])
    before, identity = digest(), reader.identity((HistoryPart(RUN),))
    compactions.settle([RUN])

    assert digest() == before
    assert reader.identity((HistoryPart(RUN),)) != identity
    append(compactions, [{"_step": 100, "a": 1.5, "n": 1, "t": "x"}], first=100)
    assert digest() != before
    assert digest(last=99) == before
    append(compactions, [{"_step": 3, "a": -1.0}], first=101)
    assert digest(last=99) != before


def test_rows_as_texts_are_the_rows(compactions: Compactions, reader: StoredHistory) -> None:
    append(compactions, [{"_step": step, "a": step, "b": {"c": [step]}} for step in range(20)])
    compactions.settle([RUN])
    append(compactions, [{"_step": step, "a": step, "b": None} for step in range(20, 30)], first=20)
    parts = (HistoryPart(RUN),)
    for query in (
        RowQuery(),
        RowQuery(min_step=3, max_step=25, limit=5, with_total=False),
        RowQuery(samples=7),
        RowQuery(keys=(MetricName("b.c"),)),
    ):
        rows = [row.values for row in reader.rows(parts, query).rows]

        assert list(map(json.loads, reader.row_texts(parts, query).texts)) == rows


def test_columns_are_compressed_where_it_is_worth_it(tmp_path: Path) -> None:
    path = tmp_path / "out.parquet"
    noise = np.random.default_rng(0).integers(0, 2**63, 10_000)
    present = np.arange(10_000) % 3 > 0
    with path.open("wb") as file:
        columns = [Column("a", Physical.INT64), Column("b", Physical.INT64), Column("c", Physical.BOOLEAN, True)]
        writer = ParquetWriter(file, columns)
        bits = np.packbits(np.arange(present.sum()) % 2 == 0, bitorder="little").tobytes()
        writer.row_group(
            [
                writer.pages(Physical.INT64, [Page(10_000, (bytes_of(noise),))]),
                writer.pages(Physical.INT64, [Page(5_000, (bytes_of(np.arange(5_000)),))] * 2),
                writer.pages(Physical.BOOLEAN, [Page(10_000, (levels_of(present), bits))]),
            ]
        )
        writer.close({})

    with duckdb.connect() as connection:
        codecs = connection.execute(f"SELECT compression FROM parquet_metadata('{path}')").fetchall()
        rows = connection.execute(f"SELECT * FROM '{path}'").fetchall()
    assert [codec for (codec,) in codecs][:2] == ["UNCOMPRESSED", "ZSTD"]
    assert [row[0] for row in rows] == noise.tolist()
    assert [row[1] for row in rows] == list(range(5_000)) * 2
    assert [row[2] for row in rows][:7] == [None, True, False, None, True, False, None]
