"""Runs: life, change, and what is kept of any text or number."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from kymograph.core.filters import RunQuery
from kymograph.core.history import LineBatch, Stream
from kymograph.core.palette import SLOTS
from kymograph.core.run import Run, RunChange, RunState
from kymograph.errors import NameTaken, RunDeleted, RunNotFound
from kymograph.storage.transaction import SqlTransaction
from kymograph.types import RunId, RunKey, WriterId
from tests.unit.storage.metadata.builders import NOW, World, make_project

LATER = NOW + timedelta(seconds=10)
FULL = RunChange(
    display_name="First light",
    state=RunState.PENDING,
    config_json='{"lr": {"value": 0.1}}',
    summary_json='{"loss": NaN}',
    tags=("base", "best"),
    notes="A note",
    group="g",
    job_type="train",
    host="h",
    program="train.py",
    repo="https://example.org/repo",
    commit="abc",
    sweep="s",
    metadata_json='{"os": "Linux"}',
    color=3,
    stop_requested=True,
    exit_code=-1,
    started_at=NOW,
    finished_at=LATER,
    heartbeat_at=LATER,
    last_step=2**62,
)


def update(world: World, run: Run, change: RunChange) -> Run:
    return world.database.write(lambda tx: tx.runs.update(run.key, change, LATER))


def stored(world: World, run: Run) -> Run | None:
    return world.database.read(lambda tx: tx.runs.find_by_key(run.key))


def test_a_new_run_belongs_to_its_project_and_user(world: World) -> None:
    run = world.run("abc123")

    assert run == Run(
        key=run.key,
        project_id=world.project.id,
        entity=world.entity.name,
        project=world.project.name,
        id=RunId("abc123"),
        display_name=run.display_name,
        state=RunState.RUNNING,
        color=run.color,
        user_id=world.user.id,
        username="ada",
        created_at=NOW,
        heartbeat_at=NOW,
    )
    assert stored(world, run) == run
    assert world.database.read(lambda tx: tx.runs.find(world.project.id, "abc123")) == run
    assert world.database.read(lambda tx: tx.runs.find(world.project.id, "ABC123")) is None


def test_a_run_can_be_created_whole(world: World) -> None:
    run = world.run("r1", FULL)

    for name in ("config_json", "summary_json", "tags", "exit_code", "last_step", "finished_at", "color", "state"):
        assert getattr(run, name) == getattr(FULL, name)
    assert stored(world, run) == run


def test_an_update_changes_only_what_is_given(world: World) -> None:
    run = world.run("r1", FULL)

    changed = update(world, run, RunChange(notes="Another"))

    assert changed == replace(run, notes="Another")
    assert stored(world, run) == changed
    assert update(world, run, RunChange()) == changed


def test_a_locked_run_is_changed_without_reading_it_again(world: World) -> None:
    run = world.run("r1", FULL)

    def job(tx: SqlTransaction) -> Run:
        found = tx.runs.find(run.project_id, "r1", lock=True)
        assert found == run
        return tx.runs.change(found, RunChange(summary_json='{"loss":1}'), LATER)

    changed = world.database.write(job)

    assert changed == stored(world, run) == replace(run, summary_json='{"loss":1}')


def test_an_empty_value_clears(world: World) -> None:
    run = world.run("r1", FULL)

    cleared = update(world, run, RunChange(tags=(), notes="", group="", sweep="", commit=""))

    assert cleared == replace(run, tags=(), notes="", group=None, sweep=None, commit=None)
    assert stored(world, run) == cleared


def test_a_reopened_run_has_no_end(world: World) -> None:
    run = world.run("r1", FULL)

    reopened = update(world, run, RunChange(reopened=True, state=RunState.RUNNING))

    assert (reopened.finished_at, reopened.exit_code) == (None, None)
    assert stored(world, run) == reopened


def test_an_unknown_run_cannot_be_changed(world: World) -> None:
    with pytest.raises(RunNotFound):
        world.database.write(lambda tx: tx.runs.update(RunKey(99), RunChange(), NOW))


def test_invented_names_count_the_runs_ever_created_in_the_project(world: World) -> None:
    first, named = world.run("r1"), world.run("r2", name="Mine")
    world.database.write(lambda tx: tx.runs.delete(named.key, NOW))

    third = world.run("r3")

    assert first.display_name.endswith("-1")
    assert named.display_name == "Mine"
    assert third.display_name.endswith("-3")


def test_any_24_runs_in_a_row_have_different_colours(world: World) -> None:
    colors = [world.run(f"run-{number}").color for number in range(SLOTS + 6)]

    for start in range(7):
        assert len(set(colors[start : start + SLOTS])) == SLOTS


def test_a_run_id_is_unique_in_its_project(world: World) -> None:
    world.run("r1")
    other = make_project(world.database, world.entity, "other")

    with pytest.raises(NameTaken):
        world.run("r1")
    elsewhere = world.database.write(
        lambda tx: tx.runs.create(other, RunId("r1"), display_name=None, user=None, now=NOW, change=RunChange())
    )
    assert elsewhere.username is None


def test_a_deleted_run_is_invisible_and_its_id_refused(world: World) -> None:
    run = world.run("r1")
    assert not world.database.read(lambda tx: tx.runs.is_deleted(world.project.id, "r1"))

    world.database.write(lambda tx: tx.runs.delete(run.key, NOW))

    assert stored(world, run) is None
    assert world.database.read(lambda tx: tx.runs.find(world.project.id, "r1")) is None
    assert world.database.read(lambda tx: tx.runs.search(world.project.id, RunQuery(), NOW)) == []
    assert world.database.read(lambda tx: tx.runs.is_deleted(world.project.id, "r1"))
    assert not world.database.read(lambda tx: tx.runs.is_deleted(world.project.id, "r2"))
    with pytest.raises(RunDeleted):
        world.run("r1")
    with pytest.raises(RunNotFound):
        update(world, run, RunChange(notes="x"))


def test_line_counts_are_those_of_the_tail(world: World) -> None:
    run = world.run("r1")

    def job(tx: SqlTransaction) -> Run:
        for stream, lines in ((Stream.HISTORY, 3), (Stream.SYSTEM, 2), (Stream.CONSOLE, 1)):
            for writer in ("", "second"):
                batch = LineBatch(stream, 0, ["{}"] * lines, WriterId(writer))
                tx.tail.append(run.key, [batch])
        return tx.runs.update(run.key, RunChange(last_step=2), LATER)

    updated = world.database.write(job)

    assert (updated.history_lines, updated.event_lines, updated.console_lines) == (6, 4, 2)
    assert stored(world, run) == updated


def test_runs_are_given_in_the_order_asked_for(world: World) -> None:
    runs = [world.run(f"r{number}") for number in range(3)]
    keys = [runs[2].key, runs[0].key, RunKey(99)]

    assert world.database.read(lambda tx: tx.runs.list_by_keys(keys)) == [runs[2], runs[0]]
    assert world.database.read(lambda tx: tx.runs.list_by_keys([])) == []


def test_silent_runs_are_live_ones_without_a_recent_heartbeat(world: World) -> None:
    oldest = world.run("r1", RunChange(heartbeat_at=NOW - timedelta(minutes=9)))
    old = world.run("r2", RunChange(heartbeat_at=NOW - timedelta(minutes=6), state=RunState.PREEMPTING))
    world.run("r3", RunChange(heartbeat_at=NOW - timedelta(minutes=9), state=RunState.FINISHED))
    world.run("r4")
    before = NOW - timedelta(minutes=5)

    assert world.database.read(lambda tx: tx.runs.list_silent(before)) == [oldest, old]
    assert world.database.read(lambda tx: tx.runs.list_silent(before, limit=1)) == [oldest]


@pytest.mark.parametrize(
    "text",
    [
        "nul\x00byte",
        "\x1a",
        "\x1a0\x1a1",
        "😀",
        "\u202e",
        "<script>",
        "'; DROP TABLE runs; --",
        "%",
        "\\",
        "a" * 100_000,
    ],
)
def test_any_text_comes_back_as_it_was(world: World, text: str) -> None:
    change = RunChange(notes=text, group=text, tags=(text, "b"), config_json=text, metadata_json=text)

    run = world.run("r1", change, name=text)

    found = stored(world, run)
    assert found == run
    assert found is not None
    assert (found.notes, found.group, found.tags, found.config_json, found.display_name) == (
        text,
        text,
        (text, "b"),
        text,
        text,
    )


def test_a_lone_surrogate_becomes_visible_instead_of_an_error(world: World) -> None:
    run = world.run("r1", RunChange(notes="a\ud800b", tags=("\udfff",), summary_json='{"k\ud800": "\ud800"}'))

    found = stored(world, run)

    assert found is not None
    assert found.notes.startswith("a�")
    assert found.tags[0].startswith("�")


@pytest.mark.parametrize("document", ["", "[]", "null", "7", "{", '{"a"', "[" * 5000, '{"a": 1e999}'])
def test_a_document_that_is_no_json_object_is_kept_as_it_is(world: World, document: str) -> None:
    run = world.run("r1", RunChange(config_json="{}", summary_json=document))

    assert run.summary_json == document
    assert stored(world, run) == run
