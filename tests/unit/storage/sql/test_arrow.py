"""Tables that are handed to DuckDB: what comes out is what was put in, and nothing is held for longer than needed."""

from __future__ import annotations

from collections.abc import Iterator

import duckdb
import numpy as np
import pytest

from kymograph.storage.sql.arrow import ArrowStream, Batch, Coded, Lists, NoTexts, Plain, Texts, held_count

COLUMNS = {
    "w": "word",
    "n": "bigint",
    "x": "double",
    "t": "varchar",
    "l": "varchar[]",
    "m": "timestamp",
    "b": "boolean",
}


@pytest.fixture
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    before = held_count()
    opened = duckdb.connect(":memory:", config={"threads": 1})
    yield opened
    opened.close()

    assert held_count() == before


def batches() -> Iterator[Batch]:
    yield 0, [
        Coded(np.empty(0, np.int32), []), Plain(np.empty(0, np.int64)), Plain(np.empty(0)), Texts([]), Lists([]),
        Plain(np.empty(0, np.int64)), Plain(np.empty(0, np.bool_)),
    ]  # fmt: skip
    yield (
        3,
        [
            Coded(np.array([1, 0, 1], np.int32), ["é".encode(), b""]),
            Plain(np.array([-1, 2**62, 0])),
            Plain(np.array([np.inf, np.nan, -0.0]), np.array([True, True, False])),
            Texts([b"a", None, b""]),
            Lists([[b"x", b"yy"], [], [b""]]),
            Plain(np.array([0, 1_000_000, 5])),
            Plain(np.array([True, False, True])),
        ],
    )
    yield 1, [
        Coded(np.array([0], np.int32), [b"other"]), Plain(np.array([7])), Plain(np.array([0.5])), NoTexts(),
        Lists([[]]), Plain(np.array([0]), np.array([False])), Plain(np.array([False])),
    ]  # fmt: skip


def test_values_come_out_as_they_went_in(connection: duckdb.DuckDBPyConnection) -> None:
    connection.register("t", ArrowStream(COLUMNS, batches))

    rows = connection.execute("SELECT w, n, x::VARCHAR, t, l, epoch_us(m), b FROM t").fetchall()

    assert rows == [
        ("", -1, "inf", "a", ["x", "yy"], 0, True),
        ("é", 2**62, "nan", None, [], 1_000_000, False),
        ("", 0, None, "", [""], 5, True),
        ("other", 7, "0.5", None, [], None, False),
    ]


def test_a_table_can_be_read_again_and_joined_with_itself(connection: duckdb.DuckDBPyConnection) -> None:
    connection.register("t", ArrowStream(COLUMNS, batches))

    for _ in range(3):
        assert connection.execute("SELECT count(*) FROM t a JOIN t b USING (n)").fetchall() == [(4,)]


def test_what_is_not_asked_for_is_not_made(connection: duckdb.DuckDBPyConnection) -> None:
    made: list[int] = []

    def endless() -> Iterator[Batch]:
        while True:
            made.append(1)
            yield 2048, [Plain(np.arange(2048))]

    connection.register("t", ArrowStream({"n": "bigint"}, endless))

    assert connection.execute("SELECT n FROM t LIMIT 1").fetchall() == [(0,)]
    assert len(made) < 100


def test_an_error_while_reading_fails_the_query_and_is_kept(connection: duckdb.DuckDBPyConnection) -> None:
    def broken() -> Iterator[Batch]:
        yield 1, [Plain(np.array([1]))]
        raise ValueError("the disk is gone")

    table = ArrowStream({"n": "bigint"}, broken)
    connection.register("t", table)

    with pytest.raises(duckdb.Error, match="the disk is gone"):
        connection.execute("SELECT sum(n) FROM t").fetchall()
    assert isinstance(table.error, ValueError)


def test_a_million_rows_in_many_batches(connection: duckdb.DuckDBPyConnection) -> None:
    values = np.random.default_rng(0).random(1_000_000)
    connection.register(
        "t", ArrowStream({"x": "double"}, lambda: ((1000, [Plain(part)]) for part in values.reshape(1000, 1000)))
    )

    assert connection.execute("SELECT count(*), max(x) FROM t").fetchall() == [(1_000_000, values.max())]
