"""Runs: made, changed, resumed, stopped, silent, deleted."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from kymograph.core.accounts import Role
from kymograph.core.filters import RunQuery
from kymograph.core.live import LiveEvent, LiveKind
from kymograph.core.run import CRASHED_AFTER, STALE_AFTER, RunChange, RunState
from kymograph.errors import (
    EntityNotFound,
    Forbidden,
    InvalidName,
    InvalidTransition,
    MalformedRequest,
    ProjectNotFound,
    RunDeleted,
    RunNotFound,
)
from kymograph.services.history import StreamUpdate
from kymograph.services.runs import RunAddress, RunService, new_run_id
from kymograph.testing.deployments import DeploymentUnderTest
from kymograph.types import RunKey


@pytest.fixture
def runs(deployment: DeploymentUnderTest) -> RunService:
    return deployment.services.runs


def end(deployment: DeploymentUnderTest, run: str, exit_code: int = 0) -> None:
    """The last request of a run's file stream."""
    update = StreamUpdate(is_complete=True, exit_code=exit_code)
    deployment.services.history.record(deployment.admin, "admin", "p", run, update)


def beat(deployment: DeploymentUnderTest, run: str, *, is_preempting: bool = False) -> None:
    """A request that brings nothing but a sign of life."""
    deployment.services.history.record(deployment.admin, "admin", "p", run, StreamUpdate(is_preempting=is_preempting))


def state(deployment: DeploymentUnderTest, run: str) -> RunState:
    found = deployment.services.runs.get(deployment.admin, "admin", "p", run)
    return found.state_at(deployment.clock())


# --- upsert -----------------------------------------------------------------------------------------------------------


def test_first_upsert_makes_project_and_run_and_the_second_changes_it(
    deployment: DeploymentUnderTest, runs: RunService
) -> None:
    address = RunAddress("admin", "new-project", "r1")

    made, was_made = runs.upsert(deployment.admin, address, RunChange(config_json='{"lr":{"value":1}}', tags=("a",)))
    deployment.clock.advance(minutes=1)
    changed, was_made_again = runs.upsert(deployment.admin, address, RunChange(notes="better", tags=()))

    assert (was_made, was_made_again) == (True, False)
    assert (made.state, made.username, made.tags) == (RunState.RUNNING, "admin", ("a",))
    assert (changed.key, changed.notes, changed.tags) == (made.key, "better", ())
    assert changed.config_json == '{"lr":{"value":1}}'
    assert changed.created_at == made.created_at


def test_run_without_address_goes_to_the_default_project_under_a_fresh_id(
    deployment: DeploymentUnderTest, runs: RunService
) -> None:
    first, _ = runs.upsert(deployment.admin, RunAddress(), RunChange())
    second, _ = runs.upsert(deployment.admin, RunAddress(), RunChange())

    assert first.project == "uncategorized"
    assert first.entity == "admin"
    assert re.fullmatch("[a-z0-9]{8}", first.id)
    assert first.id != second.id


def test_upsert_by_key_needs_no_name_and_follows_the_run(deployment: DeploymentUnderTest, runs: RunService) -> None:
    run = deployment.run("admin/p/r")

    changed, was_made = runs.upsert(
        deployment.admin, RunAddress("nobody", "nowhere", "nothing", key=run.key), RunChange(group="g")
    )

    assert not was_made
    assert (changed.path, changed.group) == ("admin/p/r", "g")
    with pytest.raises(RunNotFound):
        runs.upsert(deployment.admin, RunAddress(key=RunKey(4711)), RunChange())


def test_exact_numbers_of_a_document_are_kept_verbatim(deployment: DeploymentUnderTest, runs: RunService) -> None:
    text = '{"a": NaN, "b":[Infinity, -Infinity], "c": 9223372036854775808, "d": -0.0}'

    run = deployment.run("admin/p/r", RunChange(summary_json=text))

    assert runs.get(deployment.admin, "admin", "p", "r") == run
    assert run.summary_json == text


@pytest.mark.parametrize("text", ["", "[]", "5", "null", "{", '{"a":}', "[" * 100_000])
def test_document_that_is_no_object_is_refused_and_nothing_is_made(
    deployment: DeploymentUnderTest, runs: RunService, text: str
) -> None:
    for change in (RunChange(config_json=text), RunChange(summary_json=text)):
        with pytest.raises(MalformedRequest):
            runs.upsert(deployment.admin, RunAddress("admin", "p", "r"), change)

    assert runs.find(deployment.admin, "admin", "p", "r") is None


@pytest.mark.parametrize("run", ["a/b", "..", "x" * 65, "nul\0", " "])
def test_run_id_that_breaks_addresses_is_refused(deployment: DeploymentUnderTest, runs: RunService, run: str) -> None:
    with pytest.raises(InvalidName):
        runs.upsert(deployment.admin, RunAddress("admin", "p", run), RunChange())


def test_strangers_and_viewers_cannot_make_or_change_runs(deployment: DeploymentUnderTest, runs: RunService) -> None:
    deployment.team("team", viewer=Role.VIEWER, member=Role.MEMBER)
    run = deployment.run("team/p/r", by=deployment.caller("member"))
    eve, viewer = deployment.user("eve"), deployment.caller("viewer")

    for caller, new_run, old_run in ((eve, EntityNotFound, RunNotFound), (viewer, Forbidden, Forbidden)):
        with pytest.raises(new_run):
            runs.upsert(caller, RunAddress("team", "other", "r"), RunChange())
        with pytest.raises(old_run):
            runs.upsert(caller, RunAddress(key=run.key), RunChange(notes="mine"))
        with pytest.raises((Forbidden, ProjectNotFound, EntityNotFound)):
            runs.upsert(caller, RunAddress("team", "p", "r"), RunChange(notes="mine"))
        with pytest.raises(old_run):
            runs.request_stop(caller, run.key)
        with pytest.raises(old_run):
            runs.delete(caller, run.key)
        with pytest.raises(old_run):
            runs.set_state(caller, run.key, RunState.FAILED)

    assert runs.get(viewer, "team", "p", "r").notes == ""
    assert runs.find(eve, "team", "p", "r") is None
    assert runs.find_by_key(eve, run.key) is None
    assert runs.list_by_keys(eve, [run.key]) == []
    with pytest.raises(ProjectNotFound):
        runs.search(eve, "team", "p", RunQuery())


def test_fresh_ids_look_like_those_of_clients() -> None:
    ids = {new_run_id() for _ in range(100)}

    assert len(ids) == 100
    assert all(re.fullmatch("[a-z0-9]{8}", run) for run in ids)


# --- state ------------------------------------------------------------------------------------------------------------


def test_silent_run_is_stale_then_crashed_and_heals_when_it_speaks(deployment: DeploymentUnderTest) -> None:
    deployment.run("admin/p/r")
    beat(deployment, "r")

    deployment.clock.now += STALE_AFTER
    assert state(deployment, "r") is RunState.RUNNING
    deployment.clock.advance(seconds=1)
    assert state(deployment, "r") is RunState.STALE
    deployment.clock.now += CRASHED_AFTER
    assert state(deployment, "r") is RunState.CRASHED

    beat(deployment, "r")

    assert state(deployment, "r") is RunState.RUNNING


@pytest.mark.parametrize(
    ("exit_code", "expected"), [(0, RunState.FINISHED), (1, RunState.FAILED), (-9, RunState.FAILED)]
)
def test_end_follows_from_the_exit_code_and_lasts(
    deployment: DeploymentUnderTest, exit_code: int, expected: RunState
) -> None:
    deployment.run("admin/p/r")
    end(deployment, "r", exit_code)
    ended_at = deployment.clock.now

    deployment.clock.advance(days=1)

    run = deployment.services.runs.get(deployment.admin, "admin", "p", "r")
    assert (run.state_at(deployment.clock()), run.exit_code, run.finished_at) == (expected, exit_code, ended_at)


def test_finished_run_that_is_resumed_runs_again_and_forgets_its_end(deployment: DeploymentUnderTest) -> None:
    deployment.run("admin/p/r")
    end(deployment, "r", 1)
    deployment.clock.advance(hours=1)

    beat(deployment, "r")

    run = deployment.services.runs.get(deployment.admin, "admin", "p", "r")
    assert (run.state, run.exit_code, run.finished_at) == (RunState.RUNNING, None, None)


def test_stopped_run_is_told_so_until_it_ends_killed(deployment: DeploymentUnderTest, runs: RunService) -> None:
    run = deployment.run("admin/p/r")

    runs.request_stop(deployment.admin, run.key)

    told = deployment.services.history.record(deployment.admin, "admin", "p", "r", StreamUpdate())
    assert told.stop_requested
    end(deployment, "r", 255)
    assert state(deployment, "r") is RunState.KILLED


def test_stop_was_for_the_process_that_ended_not_for_the_one_that_resumes(
    deployment: DeploymentUnderTest, runs: RunService
) -> None:
    run = deployment.run("admin/p/r")
    runs.request_stop(deployment.admin, run.key)
    end(deployment, "r", 255)

    resumed = deployment.services.history.record(deployment.admin, "admin", "p", "r", StreamUpdate())

    assert not resumed.stop_requested
    end(deployment, "r", 1)
    assert state(deployment, "r") is RunState.FAILED


def test_run_that_was_asked_to_stop_and_ends_well_is_finished(
    deployment: DeploymentUnderTest, runs: RunService
) -> None:
    run = deployment.run("admin/p/r")
    runs.request_stop(deployment.admin, run.key)

    end(deployment, "r", 0)

    assert state(deployment, "r") is RunState.FINISHED


def test_preempted_run(deployment: DeploymentUnderTest) -> None:
    for name in ("silent", "failed", "finished"):
        deployment.run(f"admin/p/{name}")
        beat(deployment, name, is_preempting=True)
        assert state(deployment, name) is RunState.PREEMPTING

    end(deployment, "failed", 1)
    end(deployment, "finished", 0)
    deployment.clock.now += CRASHED_AFTER + timedelta(seconds=1)

    assert state(deployment, "silent") is RunState.PREEMPTED
    assert state(deployment, "failed") is RunState.PREEMPTED
    assert state(deployment, "finished") is RunState.FINISHED


@pytest.mark.parametrize(
    ("present", "wanted", "is_allowed"),
    [
        (RunState.RUNNING, RunState.PENDING, True),
        (RunState.RUNNING, RunState.FAILED, True),
        (RunState.STALE, RunState.FAILED, True),
        (RunState.CRASHED, RunState.PENDING, True),
        (RunState.PENDING, RunState.FAILED, True),
        (RunState.FAILED, RunState.PENDING, True),
        (RunState.FINISHED, RunState.PENDING, False),
        (RunState.FINISHED, RunState.FAILED, False),
        (RunState.CRASHED, RunState.FAILED, False),
        (RunState.RUNNING, RunState.FINISHED, False),
        (RunState.RUNNING, RunState.CRASHED, False),
    ],
)
def test_states_that_may_be_set_by_hand(
    deployment: DeploymentUnderTest, runs: RunService, present: RunState, wanted: RunState, is_allowed: bool
) -> None:
    stored = RunState.RUNNING if present in (RunState.STALE, RunState.CRASHED) else present
    run = deployment.run("admin/p/r", RunChange(state=stored))
    silence = {RunState.STALE: STALE_AFTER, RunState.CRASHED: CRASHED_AFTER}.get(present, timedelta())
    deployment.clock.now += silence + timedelta(seconds=1)
    assert state(deployment, "r") is present

    if is_allowed:
        assert runs.set_state(deployment.admin, run.key, wanted).state is wanted
    else:
        with pytest.raises(InvalidTransition, match="invalid state transition"):
            runs.set_state(deployment.admin, run.key, wanted)
        assert state(deployment, "r") is present


def test_state_of_a_sweeps_run_is_not_set_by_hand(deployment: DeploymentUnderTest, runs: RunService) -> None:
    run = deployment.run("admin/p/r", RunChange(sweep="s1"))

    with pytest.raises(InvalidTransition):
        runs.set_state(deployment.admin, run.key, RunState.FAILED)


def test_watchers_are_told_of_runs_that_fell_silent_for_a_while(
    deployment: DeploymentUnderTest, runs: RunService
) -> None:
    run = deployment.run("admin/p/r")
    heard: list[LiveEvent] = []
    deployment.services.live.subscribe(run.project_id, heard.append)
    assert runs.announce_silent() == 0

    deployment.clock.now += STALE_AFTER + timedelta(seconds=1)
    assert runs.announce_silent() == 1
    assert [(event.run, event.kind) for event in heard] == [("r", LiveKind.RUN)]

    deployment.clock.advance(days=1)
    heard.clear()
    runs.announce_silent()
    assert heard == []


# --- deletion ---------------------------------------------------------------------------------------------------------


def test_deleted_run_is_gone_and_its_id_refused(deployment: DeploymentUnderTest, runs: RunService) -> None:
    run = deployment.run("admin/p/r")
    deployment.run("admin/p/stays")
    heard: list[LiveEvent] = []
    deployment.services.live.subscribe(run.project_id, heard.append)

    runs.delete(deployment.admin, run.key)

    assert [event.kind for event in heard] == [LiveKind.GONE]
    assert runs.find(deployment.admin, "admin", "p", "r") is None
    assert [found.id for found in runs.search(deployment.admin, "admin", "p", RunQuery()).runs] == ["stays"]
    with pytest.raises(RunDeleted):
        runs.upsert(deployment.admin, RunAddress("admin", "p", "r"), RunChange())
    with pytest.raises(RunDeleted):
        beat(deployment, "r")
    with pytest.raises(RunNotFound):
        runs.upsert(deployment.admin, RunAddress(key=run.key), RunChange())
    with pytest.raises(RunNotFound):
        runs.delete(deployment.admin, run.key)


def test_id_of_a_deleted_run_is_free_in_other_projects(deployment: DeploymentUnderTest, runs: RunService) -> None:
    runs.delete(deployment.admin, deployment.run("admin/p/r").key)

    assert deployment.run("admin/q/r").id == "r"


# --- finding ----------------------------------------------------------------------------------------------------------


def test_page_counts_all_matches_and_holds_some(deployment: DeploymentUnderTest, runs: RunService) -> None:
    for number in range(5):
        deployment.run(f"admin/p/r{number}")
        deployment.clock.advance(seconds=1)

    page = runs.search(deployment.admin, "admin", "p", RunQuery(limit=2, offset=1))
    nothing = runs.search(deployment.admin, "admin", "p", RunQuery(limit=0))

    assert (len(page.runs), page.total, page.now) == (2, 5, deployment.clock.now)
    assert (nothing.runs, nothing.total) == ([], 5)


def test_named_runs_come_in_the_order_asked_for(deployment: DeploymentUnderTest, runs: RunService) -> None:
    for name in ("a", "b", "c"):
        deployment.run(f"admin/p/{name}")

    found = runs.find_many(deployment.admin, "admin", "p", ["c", "nothing", "a"])

    assert [run.id for run in found] == ["c", "a"]


def test_runs_by_key_are_those_that_the_caller_may_read(deployment: DeploymentUnderTest, runs: RunService) -> None:
    ada = deployment.user("ada")
    mine, theirs = deployment.run("ada/p/mine", by=ada), deployment.run("admin/p/theirs")

    assert [run.id for run in runs.list_by_keys(ada, [theirs.key, mine.key])] == ["mine"]
    assert [run.id for run in runs.list_by_keys(deployment.admin, [theirs.key, mine.key])] == ["theirs", "mine"]
