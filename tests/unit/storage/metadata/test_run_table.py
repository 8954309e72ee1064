"""The run table in memory: kept in step with writers of any kind, within its budget."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import update

from kymograph.core.filter_parser import parse_filter, parse_order
from kymograph.core.filters import RunQuery
from kymograph.core.run import RunChange
from kymograph.storage.database import open_database
from kymograph.storage.metadata import run_table
from kymograph.storage.metadata.arrays import TextArray, ValueArray
from kymograph.storage.metadata.blocks import pack_values, unpack_values
from kymograph.storage.metadata.run_reader import RunReader
from kymograph.storage.metadata.run_store import SqlRunStore
from kymograph.storage.metadata.run_table import RunTables
from kymograph.storage.metadata.tables import runs
from kymograph.storage.transaction import SqlTransaction
from kymograph.testing.databases import PostgresServer
from kymograph.types import JsonValue
from tests.unit.storage.metadata.builders import NOW, World, make_project, make_user, make_world, search

LOSS = RunQuery(parse_filter('{"summary_metrics.loss": {"$gte": 0}}'), parse_order("-summary_metrics.loss"))


def with_loss(value: float) -> RunChange:
    return RunChange(summary_json=json.dumps({"loss": value}))


def ids(world: World, query: RunQuery = LOSS) -> list[str]:
    return [run.id for run in search(world, query)]


def test_a_change_by_another_process_is_seen_at_once(world: World) -> None:
    first = world.run("r1", with_loss(1))
    world.run("r2", with_loss(2))
    assert ids(world) == ["r2", "r1"]
    url = world.database.engine.url.render_as_string(hide_password=False)
    other = open_database(url if world.database.dialect == "postgresql" else f"sqlite:///{world.database.path}")  # type: ignore[union-attr]
    try:
        other.write(lambda tx: tx.runs.update(first.key, with_loss(3), NOW))
    finally:
        other.close()

    assert ids(world) == ["r1", "r2"]


def test_what_a_job_has_written_it_finds_and_nobody_else_before_it_is_kept(world: World) -> None:
    world.run("r1", with_loss(1))
    assert ids(world) == ["r1"]

    class Undo(Exception):
        pass

    def write_and_fail(tx: SqlTransaction) -> None:
        tx.runs.create(world.project, "r2", display_name=None, user=None, now=NOW, change=with_loss(2))  # type: ignore[arg-type]
        assert [run.id for run in tx.runs.search(world.project.id, LOSS, NOW)] == ["r2", "r1"]
        raise Undo

    with pytest.raises(Undo):
        world.database.write(write_and_fail)

    assert ids(world) == ["r1"]
    world.run("r3", with_loss(3))
    assert ids(world) == ["r3", "r1"]


def test_transactions_that_end_in_another_order_than_they_began(postgres: PostgresServer) -> None:
    """Only PostgreSQL has several that write at once."""
    with postgres.database() as database:
        end_in_another_order(make_world(database))


def end_in_another_order(world: World) -> None:
    first, second = world.run("r1", with_loss(1)), world.run("r2", with_loss(2))
    assert ids(world) == ["r2", "r1"]
    engine = world.database.engine
    with engine.connect() as slow:
        transaction = slow.begin()
        SqlRunStore(slow).update(first.key, with_loss(10), NOW)
        world.database.write(lambda tx: tx.runs.update(second.key, with_loss(5), NOW))
        assert ids(world) == ["r2", "r1"]

        transaction.commit()

    assert ids(world) == ["r1", "r2"]


def test_a_reader_with_an_older_snapshot_leaves_the_table_as_it_is(world: World) -> None:
    first = world.run("r1", with_loss(1))
    world.run("r2", with_loss(2))
    assert ids(world) == ["r2", "r1"]
    has_snapshot, may_go_on = threading.Event(), threading.Event()
    found: list[list[str]] = []

    def read_late(tx: SqlTransaction) -> None:
        tx.runs.find_by_key(first.key)
        has_snapshot.set()
        assert may_go_on.wait(30)
        by_name = RunQuery(parse_filter('{"group": {"$ne": "x"}}'), LOSS.order)
        found.append([run.id for run in tx.runs.search(world.project.id, by_name, NOW)])

    thread = threading.Thread(target=lambda: world.database.read(read_late))
    thread.start()
    assert has_snapshot.wait(30)
    world.database.write(lambda tx: tx.runs.update(first.key, RunChange(summary_json='{"loss": 3}', group="x"), NOW))
    world.run("r3", with_loss(4))
    assert ids(world) == ["r3", "r1", "r2"]
    may_go_on.set()
    thread.join()

    # Of the moment of its snapshot or of a later one, run by run; then all is as it was.
    assert set(found[0]) <= {"r1", "r2"}
    assert ids(world) == ["r3", "r1", "r2"]
    assert ids(world, RunQuery(parse_filter('{"group": "x"}'))) == ["r1"]


def test_a_restored_copy_with_numbers_of_the_future_is_read_like_any_other(world: World) -> None:
    first = world.run("r1", with_loss(1))
    world.run("r2", with_loss(2))
    world.database.write(lambda tx: tx.connection.execute(update(runs).values(change=2**62)))
    assert ids(world) == ["r2", "r1"]

    world.database.write(lambda tx: tx.runs.update(first.key, with_loss(3), NOW))

    assert ids(world) == ["r1", "r2"]


def test_state_and_duration_follow_the_clock_without_any_change(world: World) -> None:
    world.run("r1", RunChange(heartbeat_at=NOW))
    query = RunQuery(parse_filter('{"state": "crashed"}'))

    assert ids(world, query) == []
    assert [run.id for run in search(world, query, NOW + timedelta(hours=1))] == ["r1"]


def test_the_name_of_a_user_is_that_of_the_moment(world: World) -> None:
    guest = make_user(world.database, "guest")
    replace(world, user=guest).run("r1")
    world.run("r2")
    by_guest, by_nobody = RunQuery(parse_filter('{"username": "guest"}')), RunQuery(parse_filter('{"username": null}'))
    assert (ids(world, by_guest), ids(world, by_nobody)) == (["r1"], [])

    world.database.write(lambda tx: tx.accounts.delete_user(guest.id))

    assert (ids(world, by_guest), ids(world, by_nobody)) == ([], ["r1"])


def test_many_deleted_runs_are_forgotten(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_table, "MAX_DEAD_ROWS", 4)
    tables = RunTables()

    def row_count() -> int:
        def job(tx: SqlTransaction) -> int:
            assert [run.id for run in SqlRunStore(tx.connection, tables).search(world.project.id, LOSS, NOW)] == ["r1"]
            return len(tables.view(world.project.id, RunReader(tx.connection, world.project.id), (), ()).rows)

        return world.database.read(job)

    world.run("r1", with_loss(1))
    counts = []
    for number in range(8):
        run = world.run(f"gone{number}")
        row_count()
        world.database.write(lambda tx, key=run.key: tx.runs.delete(key, NOW))  # type: ignore[misc]
        counts.append(row_count())

    assert counts == [2, 3, 4, 5, 6, 1, 2, 3]


def test_arrays_that_were_not_used_for_long_go_first(world: World) -> None:
    world.run("r1", RunChange(summary_json=json.dumps({f"m{number}": number for number in range(50)})))
    other = make_project(world.database, world.entity, "other")
    tables = RunTables(max_bytes=2_000)

    def ask(name: str, project: int) -> None:
        query = RunQuery(parse_filter(json.dumps({f"summary_metrics.{name}": {"$gte": 0}})))
        world.database.read(lambda tx: SqlRunStore(tx.connection, tables).search(project, query, NOW))  # type: ignore[arg-type]

    for number in range(50):
        ask(f"m{number}", world.project.id)
        ask("m0", other.id)

    assert 0 < tables.size_bytes <= 2_000


LEAVES: list[JsonValue] = [
    None,
    True,
    False,
    0,
    -1,
    2**53,
    2**53 + 1,
    10**400,
    0.5,
    float("nan"),
    float("inf"),
    "",
    "a",
    "x" * 1_001,
    [1],
    {},
]


@given(st.lists(st.sampled_from(LEAVES), max_size=20))
def test_a_packed_column_comes_back(leaves: list[JsonValue]) -> None:
    values = ValueArray.of(leaves)

    back = unpack_values(pack_values(values))

    assert back.kinds.tolist() == values.kinds.tolist()
    assert back.numbers.tolist() == values.numbers.tolist()
    assert texts_of(back.texts) == texts_of(values.texts)


texts = st.sampled_from([None, "a", "b", "c", "d"])


@given(st.lists(st.lists(texts, min_size=3, max_size=3), min_size=1, max_size=5), st.integers(0, 2_000))
def test_a_text_array_holds_what_was_put_last(rounds: list[list[str | None]], forgotten: int) -> None:
    array = TextArray.of(rounds[0])
    for number in range(forgotten):
        array.texts.add(f"gone {number}")
    rows = array.codes.astype("int64") * 0 + [0, 1, 2]
    for values in rounds:
        array = array.with_rows(rows, values, length=3)

        assert texts_of(array) == values
        assert array.where_equal(["a", "nowhere"]).tolist() == [value == "a" for value in values]
    present = [value for value in rounds[-1] if value is not None]
    ranks = array.ranks()
    by_rank = sorted(range(3), key=lambda row: ranks[row])
    assert [rounds[-1][row] for row in by_rank if rounds[-1][row] is not None] == sorted(present)
    assert len(array.texts) <= 1_010


def texts_of(array: TextArray) -> list[str | None]:
    return [None if code < 0 else array.texts[code] for code in array.codes.tolist()]
