"""The garbage port, on every database."""

from __future__ import annotations

from datetime import timedelta

import pytest

from kymograph.core.history import LineBatch, Stream
from kymograph.core.run import RunChange
from kymograph.storage.database import SqlDatabase
from kymograph.types import FilePath, ObjectKey, RunKey
from tests.unit.storage.metadata.builders import NOW, World, make_world

LATER = NOW + timedelta(hours=1)


@pytest.fixture
def world(database: SqlDatabase) -> World:
    return make_world(database)


def keys_of_tombstones(world: World, *, limit: int = 100) -> list[RunKey]:
    return world.database.read(
        lambda tx: [tombstone.key for tombstone in tx.garbage.list_tombstones(LATER, limit=limit)]
    )


def test_tombstones_are_listed_from_their_moment_on_until_purged(world: World) -> None:
    first, second, third = (world.run(f"r{number}").key for number in range(3))
    world.database.write(lambda tx: tx.runs.delete(first, NOW))
    world.database.write(lambda tx: tx.runs.delete(third, NOW))

    assert world.database.read(lambda tx: tx.garbage.list_tombstones(NOW)) == []
    assert keys_of_tombstones(world) == [first, third]
    assert keys_of_tombstones(world, limit=1) == [first]
    rest = world.database.read(lambda tx: tx.garbage.list_tombstones(LATER, after=first))
    assert [(tombstone.key, tombstone.project_id, tombstone.id) for tombstone in rest] == [
        (third, world.project.id, "r2")
    ]

    world.database.write(lambda tx: tx.garbage.purge_run(first))
    world.database.write(lambda tx: tx.garbage.purge_run(first))

    assert keys_of_tombstones(world) == [third]
    assert world.database.read(lambda tx: tx.runs.find_by_key(second)) is not None
    assert world.database.read(lambda tx: tx.runs.is_deleted(world.project.id, "r0"))


def test_runs_of_a_deleted_project_become_tombstones_once(world: World) -> None:
    run = world.run()
    assert world.database.write(lambda tx: tx.garbage.delete_orphans(NOW)) == 0

    world.database.write(lambda tx: tx.projects.delete(world.project.id))

    assert world.database.write(lambda tx: tx.garbage.delete_orphans(NOW)) == 1
    assert world.database.write(lambda tx: tx.garbage.delete_orphans(LATER)) == 0
    assert keys_of_tombstones(world) == [run.key]


def test_lines_of_one_run_are_purged_and_its_neighbours_stay(world: World) -> None:
    run, other = world.run("a"), world.run("b")
    for key in (run.key, other.key):
        for stream in (Stream.HISTORY, Stream.CONSOLE):
            batch = LineBatch(stream, 0, ['{"_step": 0}', '{"_step": 1}'])
            world.database.write(lambda tx, key=key, batch=batch: tx.tail.append(key, [batch]))  # type: ignore[misc]
    world.database.write(lambda tx: tx.tail.truncate(run.key, after_step=0))

    portions = 0
    while world.database.write(lambda tx: tx.garbage.purge_lines(run.key, limit=1)):
        portions += 1

    assert portions >= 3  # two streams and the archive of the rewind
    counts = world.database.read(
        lambda tx: [tx.tail.line_count(key, stream) for key in (run.key, other.key) for stream in list(Stream)]
    )
    assert sum(counts[: len(Stream)]) == 0
    assert sum(counts[len(Stream) :]) == 4


def test_forks_are_found_by_their_branch_point_tombstones_included(world: World) -> None:
    config = '{"_wandb":{"value":{"branch_point":{"run_id":"r1","step":1}}}}'
    world.run("r1")
    world.run("fork", RunChange(config_json=config))
    gone = world.run("gone", RunChange(config_json=config))
    world.database.write(lambda tx: tx.runs.delete(gone.key, NOW))

    forks = world.database.read(lambda tx: tx.garbage.list_forks(world.project.id))

    assert sorted((fork.id, fork.is_deleted, fork.config_json) for fork in forks) == [
        ("fork", False, config),
        ("gone", True, config),
    ]


def test_deleted_run_is_found_as_ancestor_only_until_purged(world: World) -> None:
    run = world.run()
    world.database.write(lambda tx: tx.runs.delete(run.key, NOW))

    assert world.database.read(lambda tx: tx.runs.find(world.project.id, run.id)) is None
    assert world.database.read(lambda tx: tx.runs.find_ancestor(world.project.id, run.id)) is not None
    world.database.write(lambda tx: tx.garbage.purge_run(run.key))
    assert world.database.read(lambda tx: tx.runs.find_ancestor(world.project.id, run.id)) is None


def test_objects_of_files_are_named(world: World) -> None:
    run, other = world.run("a"), world.run("b")
    for key in (run.key, other.key):
        world.database.write(
            lambda tx, key=key: tx.files.put(  # type: ignore[misc]
                key,
                FilePath("f"),
                size_bytes=1,
                md5=None,
                mimetype="text/plain",
                object_key=ObjectKey(f"runs/{key}/f"),
                now=NOW,
            )
        )
    assert world.database.read(lambda tx: tx.garbage.file_objects([run.key])) == {ObjectKey(f"runs/{run.key}/f")}
    assert world.database.read(lambda tx: tx.garbage.file_objects([])) == set()
