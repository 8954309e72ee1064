"""What a statement reads: enough, always, and little where that is certain."""

from __future__ import annotations

from collections.abc import Iterator

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kymograph.storage.sql.execute import SqlLimits, empty_database
from kymograph.storage.sql.guard import check
from kymograph.storage.sql.reads import Reads, reads_of, uses_column

ROWS = [(run, step, metric, float(step)) for run in "ab" for step in range(-2, 5) for metric in ("x", "y", "X")]


@pytest.fixture(scope="module")
def database() -> Iterator[duckdb.DuckDBPyConnection]:
    with empty_database(SqlLimits()) as connection:
        yield connection


def only(*names: str) -> frozenset[str]:
    return frozenset(names)


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("FROM history", Reads()),
        ("FROM history WHERE metric = 'x'", Reads(names=only("x"))),
        ("FROM history WHERE 'x' = metric AND run IN ('a', 'b')", Reads(only("a", "b"), only("x"))),
        ("FROM history WHERE history.metric = 'x' AND step > 5 AND step <= 9", Reads(None, only("x"), 6, 9)),
        ("FROM history WHERE step BETWEEN -3 AND 4", Reads(None, None, -3, 4)),
        ("FROM history WHERE 5 < step AND step = 7", Reads(None, None, 7, 7)),
        ("FROM history h WHERE h.metric = 'x'", Reads(names=only("x"))),
        ("FROM history WHERE metric = 'x' OR metric = 'y' AND run = 'a'", Reads(names=only("x", "y"))),
        ("FROM history WHERE metric = 'x' OR value > 5", Reads()),
        ("FROM history WHERE NOT metric = 'x'", Reads()),
        ("FROM history WHERE metric = 'x' COLLATE nocase", Reads()),
        ("FROM history WHERE lower(metric) = 'x'", Reads()),
        ("FROM history WHERE metric = run", Reads()),
        ("FROM history WHERE metric IN ('x', NULL)", Reads()),
        ("FROM history WHERE metric IN (SELECT 'x')", Reads()),
        ("FROM history AS h(run, step, other, metric) WHERE metric = 'x'", Reads()),
        ("FROM history TABLESAMPLE 1 ROWS WHERE metric = 'x'", Reads()),
        ("FROM history h JOIN runs r ON h.run = r.id AND h.metric = 'x'", Reads(names=only("x"))),
        ("FROM history h LEFT JOIN runs r ON h.metric = 'x'", Reads()),
        ("FROM runs r LEFT JOIN history h ON h.run = r.id WHERE h.metric = 'x'", Reads(names=only("x"))),
        ("FROM history h JOIN runs r ON h.run = r.id WHERE metric = 'x'", Reads()),
        ("FROM runs r ASOF JOIN history h ON r.id = h.run AND r.last_step >= h.step WHERE h.metric = 'x'", Reads()),
        (
            "FROM history a JOIN history b USING (run) WHERE a.metric = 'x' AND b.metric = 'y'",
            Reads(names=only("x", "y")),
        ),
        ("FROM history WHERE metric = 'x' UNION ALL FROM history WHERE metric = 'y'", Reads(names=only("x", "y"))),
        ("FROM history WHERE metric = 'x' UNION ALL FROM history", Reads()),
        ("WITH h AS (FROM history WHERE metric = 'x') FROM h WHERE run = 'a'", Reads(names=only("x"))),
        ("FROM (FROM history) WHERE metric = 'x'", Reads()),
        ("FROM history WHERE metric = 'x' AND metric = 'y'", Reads(names=only())),
        ("SUMMARIZE FROM history WHERE run = 'a'", Reads(only("a"))),
    ],
)
def test_conditions_beside_all_others_narrow(
    database: duckdb.DuckDBPyConnection, statement: str, expected: Reads
) -> None:
    assert reads_of(check(database, statement))["history"] == expected


def test_tables_that_are_not_named_are_not_read(database: duckdb.DuckDBPyConnection) -> None:
    reads = reads_of(check(database, "SELECT * FROM config WHERE key = 'lr' AND run = 'a'"))

    assert reads == {"config": Reads(only("a"), only("lr"))}


def test_runs_are_narrowed_by_id(database: duckdb.DuckDBPyConnection) -> None:
    assert reads_of(check(database, "FROM runs WHERE id = 'a'")) == {"runs": Reads(only("a"))}


@pytest.mark.parametrize(
    ("statement", "uses"),
    [
        ("SELECT run, avg(value) FROM history GROUP BY run", False),
        ("SELECT count(*) FROM history WHERE metric = 'text'", False),
        ("SELECT text FROM history", True),
        ("SELECT count(*) FROM history WHERE TEXT = 'a'", True),
        ("SELECT * FROM history", True),
        ("FROM history", True),
        ("SELECT h FROM history h", True),
        ("SELECT history FROM history", True),
        ("SELECT count(*) FROM history NATURAL JOIN config", True),
        ("SELECT count(*) FROM history JOIN config USING (text)", True),
        ("SELECT f FROM history h(a, b, c, d, e, f)", True),
        ("SELECT COLUMNS('t.*') FROM history", True),
        ("SUMMARIZE history", True),
    ],
)
def test_whether_texts_are_looked_at(database: duckdb.DuckDBPyConnection, statement: str, uses: bool) -> None:
    assert uses_column(check(database, statement), "text") is uses


columns = st.sampled_from(["metric", "run", "step", "h.metric", "h.run", "h.step", "value"])
constants = st.sampled_from(["'a'", "'b'", "'x'", "'y'", "'X'", "1", "-1", "3", "NULL", "run", "'1'"])
conditions = st.recursive(
    st.tuples(columns, st.sampled_from(["=", "<", ">", "<=", ">=", "<>", "IN", "BETWEEN"]), constants, constants).map(
        lambda parts: (
            f"{parts[0]} IN ({parts[2]}, {parts[3]})"
            if parts[1] == "IN"
            else f"{parts[0]} BETWEEN {parts[2]} AND {parts[3]}"
            if parts[1] == "BETWEEN"
            else f"{parts[0]} {parts[1]} {parts[2]}"
        )
    ),
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["AND", "OR"]), inner).map(lambda parts: f"({' '.join(parts)})"),
        inner.map(lambda text: f"NOT ({text})"),
    ),
    max_leaves=5,
)
shapes = st.sampled_from(
    [
        "SELECT * FROM history h WHERE {}",
        "SELECT h.* FROM history h JOIN history g USING (run) WHERE {}",
        "SELECT h.* FROM history h LEFT JOIN history g ON h.run = g.run AND {}",
        "SELECT * FROM runs r LEFT JOIN history h ON h.run = r.id AND {}",
        "SELECT * FROM runs r FULL JOIN history h ON h.run = r.id WHERE {}",
        "SELECT * FROM (SELECT * FROM history h) h WHERE {}",
        "SELECT * FROM runs WHERE EXISTS (SELECT 1 FROM history h WHERE h.run = id AND {})",
    ]
)


@settings(max_examples=400, deadline=None)
@given(shapes, conditions)
def test_the_rest_of_the_rows_does_not_matter(database: duckdb.DuckDBPyConnection, shape: str, condition: str) -> None:
    text = shape.format(condition)
    reads = reads_of(check(database, text))["history"]
    kept = [
        row
        for row in ROWS
        if (reads.runs is None or row[0] in reads.runs)
        and (reads.names is None or row[2] in reads.names)
        and (reads.first_step is None or row[1] >= reads.first_step)
        and (reads.last_step is None or row[1] <= reads.last_step)
    ]
    over_all, over_kept = answer(database, text, ROWS), answer(database, text, kept)

    # A constant that is no number is only converted if there is a row to compare it with.
    assert over_all == over_kept or over_all == "error"


def answer(database: duckdb.DuckDBPyConnection, text: str, rows: list[tuple[str, int, str, float]]) -> object:
    values = ", ".join(map(repr, rows))
    held = f"(VALUES {values})" if rows else "(SELECT '', 0, '', 0.0 WHERE false)"
    database.execute(f"CREATE OR REPLACE VIEW history AS SELECT * FROM {held} AS v(run, step, metric, value)")
    database.execute("CREATE OR REPLACE VIEW runs AS FROM (VALUES ('a'), ('b'), ('c')) v(id)")
    try:
        return sorted(database.execute(text).fetchall(), key=repr)
    except duckdb.ConversionException:
        return "error"
    except duckdb.BinderException:
        return "never runs"
