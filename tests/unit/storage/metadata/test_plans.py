"""How the databases carry out what search and its writers ask: by index, never by walking a table."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import event

from kymograph.core.filter_parser import parse_filter, parse_order
from kymograph.core.filters import RunQuery
from kymograph.core.run import RunChange, RunState
from kymograph.storage.database import SqlDatabase
from kymograph.storage.metadata.run_store import SqlRunStore
from kymograph.storage.metadata.run_table import RunTables
from kymograph.storage.metadata.value_index import Limits, ValueIndexer
from kymograph.storage.transaction import SqlTransaction
from tests.unit.storage.metadata.builders import NOW, World

QUERY = RunQuery(
    parse_filter('{"config.lr": {"$gt": 0.1}, "summary_metrics.loss": {"$gt": 0}, "group": "a", "username": "ada"}'),
    parse_order("-summary_metrics.acc,+display_name"),
    limit=2,
)
Statement = tuple[str, Any]


@pytest.fixture
def filled(world: World) -> World:
    """Runs in blocks, and runs that are in none."""
    for number in range(12):
        state = RunState.FINISHED if number < 8 else RunState.RUNNING
        config, summary = json.dumps({"lr": {"value": number}}), json.dumps({"loss": number, "acc": -number})
        world.run(f"r{number}", RunChange(state=state, config_json=config, summary_json=summary, group="a"))
    ValueIndexer(world.database, Limits(min_runs=2, block_runs=4)).index(NOW)
    return world


@contextmanager
def recorded(database: SqlDatabase) -> Iterator[list[Statement]]:
    """Every statement of the block that reads or changes rows."""
    statements: list[Statement] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, is_many: bool) -> None:
        if re.match(r"\s*(SELECT|UPDATE|DELETE)", statement):
            statements.append((statement, parameters[0] if is_many else parameters))

    engines = (
        [database.engine, database._reader_engine] if database.dialect == "sqlite" else [database.engine]  # type: ignore[union-attr]
    )
    for engine in engines:
        event.listen(engine, "before_cursor_execute", note)
    try:
        yield statements
    finally:
        for engine in engines:
            event.remove(engine, "before_cursor_execute", note)


def walks(database: SqlDatabase, statements: list[Statement]) -> list[str]:
    """Lines of the plans that walk a whole table or index; but those of the few users, entities and projects."""

    def job(tx: SqlTransaction) -> list[str]:
        found = []
        if database.dialect == "postgresql":
            # Few rows are walked in any case, and whether they are known to be few is a matter of chance.
            tx.connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
            tx.connection.exec_driver_sql("DELETE FROM pg_statistic WHERE starelid >= 16384")
            tx.connection.exec_driver_sql(
                "UPDATE pg_class SET relpages = 0, reltuples = -1 WHERE oid >= 16384 AND relkind = 'r'"
            )
        for statement, parameters in statements:
            explain = "EXPLAIN QUERY PLAN " if database.dialect == "sqlite" else "EXPLAIN (FORMAT JSON) "
            plan = tx.connection.exec_driver_sql(explain + statement, parameters).all()
            lines = [row[3] for row in plan] if database.dialect == "sqlite" else _nodes(plan[0][0][0]["Plan"])
            found += [f"{line}: {statement}" for line in lines if _WALK.match(line)]
        return found

    return database.write(job)


_WALK = re.compile(r"(SCAN|Seq Scan on|Full .* on) (?!\(|\w*(users|entities|projects))")


def _nodes(plan: dict[str, Any]) -> list[str]:
    """A line per table that a plan touches; an index without a condition is walked."""
    kind = plan["Node Type"]
    table = plan.get("Relation Name") or plan.get("Index Name")
    is_walk = "Index" in kind and "Index Cond" not in plan
    line = [f"Full {kind} on {table}" if is_walk else f"{kind} on {table}"] if table else []
    return line + [inner for part in plan.get("Plans", ()) for inner in _nodes(part)]


def search_with(tables: RunTables) -> Callable[[SqlTransaction], None]:
    def job(tx: SqlTransaction) -> None:
        project = tx.runs.find_by_key(1).project_id  # type: ignore[union-attr, arg-type]
        store = SqlRunStore(tx.connection, tables)
        store.search(project, QUERY, NOW)
        store.count(project, QUERY.filter, NOW)

    return job


def test_a_search_reads_by_index_only(filled: World) -> None:
    tables = RunTables()
    with recorded(filled.database) as cold:
        filled.database.read(search_with(tables))
    filled.run("new", RunChange(summary_json='{"loss": 5}'))
    with recorded(filled.database) as warm:
        filled.database.read(search_with(tables))

    assert len(cold) > len(warm) > 4
    assert walks(filled.database, cold + warm) == []


def test_a_warm_search_without_news_asks_for_the_page_only(filled: World) -> None:
    tables = RunTables()
    query = RunQuery(parse_filter('{"summary_metrics.loss": {"$gt": 0}}'))
    ask = lambda tx: SqlRunStore(tx.connection, tables).search(filled.project.id, query, NOW)  # noqa: E731
    filled.database.read(ask)

    with recorded(filled.database) as statements:
        filled.database.read(ask)

    asked = [statement for statement, _ in statements if "FROM" in statement and "pg_snapshot" not in statement]
    assert len(asked) == (2 if filled.database.dialect == "sqlite" else 1), asked


def test_changes_of_a_run_are_written_by_index_only_and_without_a_row_per_value(filled: World) -> None:
    summary = json.dumps({f"metric {number}": number for number in range(200)})

    with recorded(filled.database) as statements:
        run = filled.run("another")
        change = RunChange(summary_json=summary, heartbeat_at=NOW)
        filled.database.write(lambda tx: tx.runs.update(run.key, change, NOW))
        filled.database.write(lambda tx: tx.runs.delete(run.key, NOW))

    assert len(statements) <= 10
    assert walks(filled.database, statements) == []


def test_blocks_are_made_by_index_only(filled: World) -> None:
    for number in range(8):
        filled.run(f"more{number}", RunChange(state=RunState.FINISHED, summary_json=f'{{"loss": {number}}}'))

    with recorded(filled.database) as statements:
        made = ValueIndexer(filled.database, Limits(min_runs=2, block_runs=8, max_small_blocks=1)).index(NOW)

    assert made == 8
    # Which projects have something to do is told by one walk over a small index; abandoned blocks by one over blocks.
    chore = ("HAVING", "DELETE FROM value_blocks", "DELETE FROM value_columns")
    rest = [found for found in statements if not any(word in found[0] for word in chore)]
    assert walks(filled.database, rest) == []


def test_a_walk_is_noticed(filled: World) -> None:
    assert len(walks(filled.database, [("SELECT color FROM runs", ()), ("SELECT count(*) FROM runs", ())])) == 2
