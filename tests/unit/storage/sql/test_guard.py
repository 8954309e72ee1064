"""Which statements may run: those that read the tables of a project, and none of the ways out that are known."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kymograph.errors import InvalidQuery
from kymograph.storage.sql.allowed import FUNCTIONS, TABLE_FUNCTIONS, TABLES
from kymograph.storage.sql.execute import SqlLimits, empty_database, lock_up
from kymograph.storage.sql.guard import MAX_TEXT_BYTES, check, walk
from tests.unit.storage.sql import escapes

ALLOWED = [
    "SELECT * FROM history",
    "FROM runs",
    "VALUES (1, 'a')",
    "TABLE config",
    "DESCRIBE history",
    "SUMMARIZE history",
    "SELECT run, avg(value) FROM history WHERE metric = 'loss' GROUP BY run HAVING count(*) > 1 ORDER BY 2 LIMIT 3;",
    "SELECT * FROM (SELECT 1) a, LATERAL (SELECT 2) b -- with a comment",
    "WITH best AS (SELECT run FROM summary WHERE key = 'acc' ORDER BY value LIMIT 5) FROM best JOIN runs ON run = id",
    "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n < 5) SELECT * FROM r",
    "WITH history AS (SELECT * FROM history WHERE step > 5) SELECT count(*) FROM history",
    "WITH a AS (SELECT 1 AS x), b AS (SELECT * FROM a) SELECT (SELECT max(x) FROM b)",
    'WITH "file.csv" AS (SELECT 1) SELECT * FROM "file.csv"',
    "SELECT lag(value) OVER w FROM history WINDOW w AS (PARTITION BY run ORDER BY step)",
    "SELECT * FROM history PIVOT (first(value) FOR metric IN ('loss', 'acc') GROUP BY run, step)",
    "SELECT * FROM history TABLESAMPLE 10%",
    "SELECT unnest(range(5)), [x + 1 FOR x IN [1, 2]], {'a': 1}.a, CAST('1' AS DECIMAL(5, 2)), DATE '2026-01-01'",
    "SELECT r.*, c.value FROM runs r LEFT JOIN config c ON c.run = r.id AND c.key = 'lr' SEMI JOIN history ON true",
    "SELECT now() - created_at, strftime(created_at, '%Y'), extract(year FROM created_at) FROM runs",
    "SELECT COLUMNS('v.*'), * EXCLUDE (run) REPLACE (1 AS step) FROM history UNION ALL BY NAME SELECT 1",
    "SELECT regexp_extract(text, '(a+)', 1), text -> '$.x', text::json ->> 'y' FROM history QUALIFY true",
]


@pytest.fixture(scope="module")
def parser() -> Iterator[duckdb.DuckDBPyConnection]:
    with empty_database(SqlLimits()) as connection:
        yield connection


@pytest.mark.parametrize("statement", ALLOWED)
def test_what_reads_the_tables_may_run(parser: duckdb.DuckDBPyConnection, statement: str) -> None:
    check(parser, statement)


@pytest.mark.parametrize("statement", escapes.STATEMENTS, ids=lambda text: text[:40])
def test_other_statements_are_refused(parser: duckdb.DuckDBPyConnection, statement: str) -> None:
    with pytest.raises(InvalidQuery):
        check(parser, statement)


@pytest.mark.parametrize("expression", escapes.EXPRESSIONS)
def test_other_expressions_are_refused(parser: duckdb.DuckDBPyConnection, expression: str) -> None:
    with pytest.raises(InvalidQuery):
        check(parser, f"SELECT {expression} FROM history")


@pytest.mark.parametrize("table", escapes.TABLES)
def test_other_tables_are_refused(parser: duckdb.DuckDBPyConnection, table: str) -> None:
    with pytest.raises(InvalidQuery):
        check(parser, f"SELECT * FROM {table}")


VALUES = [
    "{}",
    "abs({})",
    "1 + {}",
    "NOT ({})",
    "CASE {} WHEN 1 THEN 2 END",
    "CASE WHEN true THEN {} ELSE 1 END",
    "coalesce(NULL, {})",
    "[{}][1]",
    "{{'a': {}}}.a",
    "CAST({} AS VARCHAR)",
    "({}) BETWEEN 1 AND 2",
    "1 IN (2, {})",
    "(SELECT {})",
    "EXISTS (SELECT {})",
    "list_filter([1], lambda y: ({}) = y)",
    "sum({}) OVER (PARTITION BY 1)",
    "max(1) OVER (PARTITION BY {})",
    "count(*) FILTER (WHERE {})",
    "string_agg('x', ',' ORDER BY {})",
    "({}) COLLATE nocase",
    "try({})",
]
"""Where a value may hide."""
QUERIES = [
    "SELECT {} FROM history",
    "SELECT 1 FROM history WHERE {}",
    "SELECT count(*) FROM history GROUP BY {}",
    "SELECT count(*) FROM history HAVING {}",
    "SELECT 1 FROM history ORDER BY {}",
    "SELECT 1 FROM history LIMIT ({})",
    "SELECT 1 FROM history LIMIT 1 OFFSET ({})",
    "SELECT 1 FROM history QUALIFY {}",
    "SELECT DISTINCT ON ({}) 1 FROM history",
    "SELECT 1 FROM history h JOIN runs r ON {}",
    "SELECT * REPLACE (({}) AS run) FROM history",
    "VALUES (1, {})",
    "SELECT * FROM (VALUES ({})) v",
    "SELECT * FROM range({})",
    "SELECT * FROM unnest([{}])",
    "WITH x AS (SELECT {}) FROM x",
    "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT {} FROM r) FROM r",
    "SELECT 1 UNION ALL SELECT {}",
    "SELECT * FROM (SELECT {}) a",
    "SELECT * FROM history PIVOT (first({}) FOR metric IN ('a'))",
    "SUMMARIZE SELECT {}",
    "DESCRIBE SELECT {}",
    "SELECT max(1) OVER w FROM history WINDOW w AS (ORDER BY {})",
]
"""Where a value may stand."""
SOURCES = [
    "SELECT * FROM {}",
    "SELECT 1 FROM history, {}",
    "SELECT 1 FROM history LEFT JOIN {} ON true",
    "SELECT (SELECT count(*) FROM {})",
    "SELECT 1 WHERE EXISTS (FROM {})",
    "WITH x AS (SELECT * FROM {}) FROM history",
    "SELECT 1 UNION SELECT 1 FROM {}",
    "SELECT * FROM (SELECT * FROM (SELECT * FROM {}))",
    "SELECT * FROM history SEMI JOIN {} ON true",
    "SELECT * FROM history, LATERAL (SELECT * FROM {}) x",
]
"""Where a table may stand."""


@st.composite
def hidden(draw: st.DrawFn) -> str:
    """A statement that has a way out somewhere inside."""
    if draw(st.booleans()):
        return draw(st.sampled_from(SOURCES)).format(draw(st.sampled_from(escapes.TABLES)))
    value = draw(st.sampled_from(escapes.EXPRESSIONS))
    for wrap in draw(st.lists(st.sampled_from(VALUES), max_size=4)):
        value = wrap.format(value)
    return draw(st.sampled_from(QUERIES)).format(value)


@settings(max_examples=400, deadline=None)
@given(hidden(), st.sampled_from(["", " ", "\n", "/* x */", "-- x\n"]), st.booleans())
def test_a_way_out_is_found_wherever_it_hides(
    parser: duckdb.DuckDBPyConnection, statement: str, space: str, is_upper: bool
) -> None:
    text = statement.replace(" ", space or " ")
    text = text.upper() if is_upper else text

    with pytest.raises(InvalidQuery):
        check(parser, text)


_TEXT = """
    SELECT FROM WHERE history runs ( ) , ; ' " -- /* */ * getenv read_csv 'x.csv' WITH AS x UNION ALL $$ $1 . :: JOIN ON
    INSERT INTO VALUES 1 = [ ] { } PIVOT IN LATERAL SHOW DESCRIBE
"""
WORDS = _TEXT.split()


@settings(max_examples=500, deadline=None)
@given(
    st.lists(
        st.sampled_from(WORDS),
        max_size=15,
    ).map(" ".join)
    | st.text(max_size=60)
)
def test_any_text_is_checked_or_refused_and_nothing_else(parser: duckdb.DuckDBPyConnection, text: str) -> None:
    """What passes names our tables, our functions, or names that it defines itself."""
    try:
        checked = check(parser, text)
    except InvalidQuery:
        return

    assert {table for table, _ in checked.tables} <= TABLES.keys()
    names = {
        node["function_name"].lower() for node in walk(checked.node) if node.get("class") in ("FUNCTION", "WINDOW")
    }
    assert names <= FUNCTIONS | TABLE_FUNCTIONS


LOCKED = ("ATTACH 'f", "COPY", "EXPORT", "IMPORT", "INSTALL", "FORCE", "LOAD", "SET mem", "SET enable", "RESET")


@pytest.mark.parametrize(
    "statement",
    [
        *[text for text in escapes.STATEMENTS if text.startswith(LOCKED)],
        *[f"FROM {table}" for table in escapes.TABLES if "file." in table and "WITH" not in table],
        "FROM read_text('/etc/passwd')",
        "FROM read_blob('/etc/passwd')",
        "FROM '/etc/passwd'",
        "FROM glob('/*')",
        "FROM python_variable",
        "SET TimeZone = 'Europe/Paris'",
        "SET disabled_filesystems = ''",
        "SET allowed_directories = ['/']",
    ],
)  # fmt: skip
def test_what_the_check_might_miss_is_locked_besides(tmp_path: Path, statement: str) -> None:
    python_variable = {"a": [1]}
    assert python_variable
    with empty_database(SqlLimits()) as connection:
        connection.execute("CREATE TABLE history (x INTEGER)")
        lock_up(connection)

        with pytest.raises(duckdb.Error):
            connection.execute(statement).fetchall()


def test_a_long_statement_is_refused(parser: duckdb.DuckDBPyConnection) -> None:
    with pytest.raises(InvalidQuery, match="longer than"):
        check(parser, "SELECT 1" + " " * MAX_TEXT_BYTES)


def test_messages_say_what_and_what_else(parser: duckdb.DuckDBPyConnection) -> None:
    with pytest.raises(InvalidQuery, match=r"function 'getenv' is not allowed: queries read the tables runs, config"):
        check(parser, "SELECT getenv('x')")
    with pytest.raises(InvalidQuery, match="one statement at a time, not 2"):
        check(parser, "SELECT 1; SELECT 2")
    with pytest.raises(InvalidQuery, match=r'^SQL: syntax error at or near "history"$'):
        check(parser, "SELECT 1 FORM history")
    with pytest.raises(InvalidQuery, match=r"begins with SELECT, .*; other statements are not allowed"):
        check(parser, "DROP TABLE history")


def test_every_allowed_function_is_one_of_this_duckdb(parser: duckdb.DuckDBPyConnection) -> None:
    """A name that means nothing today might mean anything in the next release."""
    rows = parser.execute("SELECT lower(function_name), function_type FROM duckdb_functions()").fetchall()
    known = {name for name, kind in rows if kind not in ("table", "pragma", "table_macro")}
    # Understood by the parser itself.
    known |= {"if", "ifnull", "count_star", "list_aggr", "percentile_cont", "percentile_disc"}
    known |= {"!=", "<>", "->", "unnest", "current_timestamp"}

    assert known >= FUNCTIONS
    assert {name for name, kind in rows if kind == "table"} >= TABLE_FUNCTIONS
