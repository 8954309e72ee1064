"""Blocks of values: when they are made, merged and removed. What they hold is tested by every search."""

from __future__ import annotations

import json
import logging
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select, update

from kymograph.core.filter_parser import parse_filter
from kymograph.core.filters import RunQuery
from kymograph.core.run import CRASHED_AFTER, Run, RunChange, RunState
from kymograph.storage.metadata import value_index
from kymograph.storage.metadata.blocks import make_block, unpack_runs
from kymograph.storage.metadata.run_store import SqlRunStore
from kymograph.storage.metadata.tables import block_columns, runs, value_blocks, value_columns
from kymograph.storage.metadata.value_index import Limits, ValueIndexer
from tests.unit.storage.metadata.builders import NOW, World

SMALL = Limits(min_runs=2, block_runs=4, max_small_blocks=2)
LATER = NOW + timedelta(hours=2)


def ended(world: World, count: int, *, first: int = 0) -> list[Run]:
    """Runs at rest, each with one config and one summary value."""
    return [
        world.run(
            f"r{number}",
            RunChange(
                state=RunState.FINISHED,
                config_json=json.dumps({"lr": {"value": number / 10}}),
                summary_json=json.dumps({"loss": number}),
            ),
        )
        for number in range(first, first + count)
    ]


def index(world: World, limits: Limits = SMALL, now: Any = NOW) -> int:
    return ValueIndexer(world.database, limits).index(now)


def blocks(world: World) -> list[list[int]]:
    """Keys of the runs of each block."""
    packed = world.database.read(
        lambda tx: tx.connection.execute(select(value_blocks.c.runs).order_by(value_blocks.c.id)).scalars().all()
    )
    return [unpack_runs(found).keys.tolist() if found is not None else [] for found in packed]


def count_of(world: World, table: Any) -> int:
    statement = select(func.count()).select_from(table)
    return world.database.read(lambda tx: tx.connection.execute(statement).scalar_one())


def found_cold(world: World, condition: dict[str, Any]) -> list[str]:
    """What a process finds that has just begun."""
    query = RunQuery(parse_filter(json.dumps(condition)))
    return [
        run.id
        for run in world.database.read(lambda tx: SqlRunStore(tx.connection).search(world.project.id, query, NOW))
    ]


def test_runs_at_rest_go_into_full_blocks_oldest_first(world: World) -> None:
    made = ended(world, 6)

    assert index(world) == 6

    assert blocks(world) == [[run.key for run in made[:4]], [run.key for run in made[4:]]]
    assert index(world) == 0


def test_too_few_runs_stay_out(world: World) -> None:
    ended(world, 1)

    assert index(world) == 0
    assert blocks(world) == []


def test_live_runs_stay_out_until_they_fall_silent(world: World) -> None:
    for number in range(3):
        world.run(f"live{number}", RunChange(summary_json='{"loss": 1}'))

    assert index(world) == 0
    assert index(world, now=NOW + CRASHED_AFTER + timedelta(seconds=1)) == 3


def test_a_run_that_changes_leaves_its_block_and_comes_back(world: World) -> None:
    first, *_ = ended(world, 4)
    index(world)

    world.database.write(lambda tx: tx.runs.update(first.key, RunChange(summary_json='{"loss": 50}'), NOW))
    assert found_cold(world, {"summary_metrics.loss": 50}) == ["r0"]
    assert found_cold(world, {"summary_metrics.loss": 0}) == []
    ended(world, 1, first=10)
    assert index(world) == 2

    assert found_cold(world, {"summary_metrics.loss": {"$gte": 10}}) == ["r10", "r0"]


def test_heartbeats_and_names_do_not_take_a_run_out_of_its_block(world: World) -> None:
    first, *_ = ended(world, 4)
    index(world)

    world.database.write(lambda tx: tx.runs.update(first.key, RunChange(display_name="n", heartbeat_at=NOW), NOW))

    assert index(world, Limits(min_runs=1, block_runs=4)) == 0


def test_small_blocks_are_merged_when_there_are_many(world: World) -> None:
    limits = Limits(min_runs=1, block_runs=6, max_small_blocks=2)
    made = []
    for number in range(3):
        made += ended(world, 2, first=2 * number)
        index(world, limits)

    assert blocks(world) == [[run.key for run in made]]
    assert count_of(world, block_columns) == 2
    assert found_cold(world, {"summary_metrics.loss": {"$gt": 3}}) == ["r5", "r4"]


def test_a_run_that_changes_while_its_block_is_made_is_read_from_its_documents(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = ended(world, 3)

    def change_one(documents: Any) -> Any:
        change = RunChange(summary_json='{"loss": 50}')
        world.database.write(lambda tx: tx.runs.update(made[1].key, change, NOW))
        return make_block(documents)

    with monkeypatch.context() as patch:
        patch.setattr(value_index, "make_block", change_one)
        assert index(world, Limits(min_runs=3)) == 3

    assert found_cold(world, {"summary_metrics.loss": 50}) == ["r1"]
    assert found_cold(world, {"summary_metrics.loss": 1}) == []
    assert index(world, Limits(min_runs=1)) == 1


def test_a_block_that_was_broken_off_is_not_read_and_removed_later(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended(world, 3)

    def fail(*_arguments: object) -> None:
        raise RuntimeError("killed")

    with monkeypatch.context() as patch:
        patch.setattr(value_index, "_finish", fail)
        with pytest.raises(RuntimeError, match="killed"):
            index(world)
    assert blocks(world) == [[]]
    assert found_cold(world, {"summary_metrics.loss": 1}) == ["r1"]

    assert index(world, now=LATER) == 3
    assert len(blocks(world)) == 1


def test_a_block_that_was_made_twice_stays_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two replicas at work at once."""
    ended(world, 3)

    def be_second(documents: Any) -> Any:
        with monkeypatch.context() as patch:
            patch.setattr(value_index, "make_block", make_block)
            index(world)
        return make_block(documents)

    with monkeypatch.context() as patch:
        patch.setattr(value_index, "make_block", be_second)
        index(world)
    assert len(blocks(world)) == 2
    assert found_cold(world, {"summary_metrics.loss": 1}) == ["r1"]

    index(world, now=LATER)
    assert len(blocks(world)) == 1
    assert found_cold(world, {"summary_metrics.loss": 1}) == ["r1"]


@pytest.mark.parametrize("data", [b"", b"no block", b"\x28\xb5\x2f\xfd\x00"])
def test_a_damaged_block_is_told_and_documents_are_read(
    world: World, data: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    ended(world, 3)
    index(world)
    world.database.write(lambda tx: tx.connection.execute(update(block_columns).values(data=data)))

    with caplog.at_level(logging.WARNING):
        assert found_cold(world, {"summary_metrics.loss": 1}) == ["r1"]

    assert "damaged" in caplog.text


def test_purging_a_run_removes_its_values_from_the_blocks(world: World) -> None:
    made = ended(world, 4)
    index(world)
    world.database.write(lambda tx: tx.runs.delete(made[0].key, NOW))

    world.database.write(lambda tx: tx.garbage.purge_run(made[0].key))
    index(world, now=LATER)

    assert blocks(world) == [[run.key for run in made[1:]]]
    assert found_cold(world, {"config.lr": {"$gt": 0.1}}) == ["r3", "r2"]


def test_nothing_is_left_of_a_project_without_runs(world: World) -> None:
    made = ended(world, 3)
    index(world)
    for run in made:
        world.database.write(lambda tx, key=run.key: tx.runs.delete(key, NOW))  # type: ignore[misc]
        world.database.write(lambda tx, key=run.key: tx.garbage.purge_run(key))  # type: ignore[misc]

    index(world, now=LATER)

    assert [count_of(world, table) for table in (value_blocks, block_columns, value_columns)] == [0, 0, 0]


def test_a_stopped_indexer_makes_no_more(world: World) -> None:
    ended(world, 3)
    indexer = ValueIndexer(world.database, SMALL)

    indexer.stop()

    assert indexer.index(NOW) == 0
    assert blocks(world) == []


def test_large_documents_make_small_blocks(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    made = ended(world, 4)
    monkeypatch.setattr(value_index, "MAX_DOCUMENT_LENGTH", 100)  # of two or three of them

    assert index(world, Limits(min_runs=1)) == 4

    assert len(blocks(world)) > 1
    assert sorted(key for block in blocks(world) for key in block) == [run.key for run in made]
    assert (
        world.database.read(
            lambda tx: tx.connection.execute(select(func.count()).where(runs.c.value_block.is_(None))).scalar_one()
        )
        == 0
    )
