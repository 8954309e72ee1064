"""History, console and system metrics: what a request brings is kept once, and announced."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from kymograph.core import exact_json
from kymograph.core.accounts import Role
from kymograph.core.ancestry import MAX_ANCESTORS
from kymograph.core.history import LineBatch, RowQuery, Stream
from kymograph.core.live import LiveEvent, LiveKind
from kymograph.core.run import Run, RunChange, RunState
from kymograph.errors import Forbidden, ProjectNotFound, RunDeleted, RunNotFound
from kymograph.services.history import HistoryService, StreamUpdate
from kymograph.services.runs import RunAddress
from kymograph.testing.deployments import DeploymentUnderTest
from kymograph.types import JsonObject, JsonValue, MetricName, WriterId


@pytest.fixture
def history(deployment: DeploymentUnderTest) -> HistoryService:
    return deployment.services.history


def rows(*steps: int, first: int = 0, writer: str = "", **values: JsonValue) -> LineBatch:
    lines = [exact_json.dumps({"_step": step, "loss": step * 10, **values}) for step in steps]
    return LineBatch(Stream.HISTORY, first, lines, WriterId(writer))


def record(deployment: DeploymentUnderTest, run: Run, *batches: LineBatch, summary_json: str | None = None) -> Run:
    update = StreamUpdate(batches=batches, summary_json=summary_json)
    return deployment.services.history.record(deployment.admin, run.entity, run.project, run.id, update)


def steps(deployment: DeploymentUnderTest, run: Run) -> list[int]:
    return [row.step for row in deployment.services.history.rows(run, RowQuery()).rows]


# --- taking in --------------------------------------------------------------------------------------------------------


def test_request_that_is_sent_again_counts_once(deployment: DeploymentUnderTest) -> None:
    run = deployment.run()
    console = LineBatch(Stream.CONSOLE, 0, ["hello"])

    first = record(deployment, run, rows(0, 1, 2), console, summary_json='{"loss": 20}')
    again = record(deployment, run, rows(0, 1, 2), console, summary_json='{"loss": 20}')

    assert (again.history_lines, again.console_lines) == (first.history_lines, first.console_lines)
    assert steps(deployment, run) == [0, 1, 2]
    lines = deployment.services.history.console(run, first=0, limit=10)
    assert [line.text for line in lines] == ["hello"]


def test_overlapping_and_reordered_requests_leave_each_line_once(deployment: DeploymentUnderTest) -> None:
    run = deployment.run()

    record(deployment, run, rows(3, 4, 5, first=3))
    record(deployment, run, rows(0, 1, 2, 3))
    record(deployment, run, rows(2, 3, 4, first=2))

    assert steps(deployment, run) == [0, 1, 2, 3, 4, 5]


def test_line_that_is_sent_anew_replaces_the_old_one(deployment: DeploymentUnderTest, history: HistoryService) -> None:
    run = deployment.run()
    record(deployment, run, rows(0, 1, 2))

    record(deployment, run, LineBatch(Stream.HISTORY, 1, ['{"_step":1,"loss":99}']))

    assert [row.values["loss"] for row in history.rows(run, RowQuery()).rows] == [0, 99, 20]


def test_log_that_is_synced_again_behind_itself_is_there_once(deployment: DeploymentUnderTest) -> None:
    """Clients number a log's lines from the end of what the run has, also when it is the same log."""
    run = deployment.run()
    record(deployment, run, rows(0, 1, 2, _timestamp=1.5))
    record(deployment, run, rows(3, 4, first=3, _timestamp=1.5))
    finish(deployment, run)

    for _ in range(2):  # each request may also be sent again
        record(deployment, run, rows(0, 1, first=5, _timestamp=1.5))
    again = record(deployment, run, rows(2, 3, 4, first=7, _timestamp=1.5))

    assert again.history_lines == 5
    assert steps(deployment, run) == [0, 1, 2, 3, 4]


def test_whole_log_behind_the_part_that_came_before_a_crash_adds_the_rest(deployment: DeploymentUnderTest) -> None:
    run = deployment.run()
    record(deployment, run, rows(0, 1, 2, _timestamp=1.5))

    record(deployment, run, rows(0, 1, 2, 3, 4, first=3, _timestamp=1.5))

    assert steps(deployment, run) == [0, 1, 2, 3, 4]


def test_segments_of_a_resumed_run_follow_one_another(deployment: DeploymentUnderTest) -> None:
    run = deployment.run()
    record(deployment, run, rows(0, 1, _timestamp=1.5))
    finish(deployment, run)

    record(deployment, run, rows(0, 1, first=2, part="second", _timestamp=2.5))

    kept = deployment.services.history.rows(run, RowQuery()).rows
    assert [(row.step, row.values["part"]) for row in kept] == [(0, "second"), (1, "second")]
    assert record(deployment, run).history_lines == 4


def finish(deployment: DeploymentUnderTest, run: Run) -> Run:
    update = StreamUpdate(is_complete=True, exit_code=0)
    return deployment.services.history.record(deployment.admin, run.entity, run.project, run.id, update)


def test_refused_request_leaves_nothing_behind(deployment: DeploymentUnderTest, history: HistoryService) -> None:
    deployment.team("team", viewer=Role.VIEWER)
    run = deployment.run("team/p/r")
    update = StreamUpdate(batches=[rows(0)], summary_json='{"a":1}', is_complete=True)

    for caller, refusal in ((deployment.caller("viewer"), Forbidden), (deployment.user("eve"), ProjectNotFound)):
        with pytest.raises(refusal):
            history.record(caller, "team", "p", "r", update)

    after = deployment.services.runs.get(deployment.admin, "team", "p", "r")
    assert after == run
    assert after.history_lines == 0


def test_run_that_is_absent_or_deleted_is_refused(deployment: DeploymentUnderTest, history: HistoryService) -> None:
    run = deployment.run("admin/p/r")
    with pytest.raises(RunNotFound):
        history.record(deployment.admin, "admin", "p", "other", StreamUpdate())

    deployment.services.runs.delete(deployment.admin, run.key)

    with pytest.raises(RunDeleted):
        history.record(deployment.admin, "admin", "p", "r", StreamUpdate(batches=[rows(0)]))


def test_first_request_starts_the_clock_and_each_moves_the_heartbeat(deployment: DeploymentUnderTest) -> None:
    run = deployment.run()
    assert run.started_at is None

    began = deployment.clock.advance(seconds=5)
    record(deployment, run)
    later = deployment.clock.advance(seconds=30)
    after = record(deployment, run, rows(7))

    assert (after.started_at, after.heartbeat_at, after.last_step) == (began, later, 7)


@pytest.mark.parametrize(
    "line",
    ["not json", "[]", "{}", '{"_step":"3"}', '{"_step":true}', '{"_step":9223372036854775808}', '{"_step":NaN}'],
)
def test_line_without_a_step_is_kept_and_changes_no_last_step(deployment: DeploymentUnderTest, line: str) -> None:
    run = deployment.run()
    record(deployment, run, rows(5))

    after = record(deployment, run, LineBatch(Stream.HISTORY, 1, [line]))

    assert after.last_step == 5
    assert after.history_lines == 2
    assert deployment.services.history.resume_info(run).history_tail == (line,)


def test_steps_that_go_back_do_not_lower_the_last_step(deployment: DeploymentUnderTest) -> None:
    run = deployment.run()
    record(deployment, run, rows(9))

    assert record(deployment, run, rows(3, first=1)).last_step == 9
    assert steps(deployment, run) == [3, 9]


def test_each_stream_is_announced_with_what_watchers_need(deployment: DeploymentUnderTest) -> None:
    run = deployment.run()
    heard: list[LiveEvent] = []
    deployment.services.live.subscribe(run.project_id, heard.append)

    update = StreamUpdate(
        batches=[rows(0, 1), LineBatch(Stream.SYSTEM, 0, ["{}"]), LineBatch(Stream.CONSOLE, 0, ["a", "b"])],
        summary_json='{"loss":1}',
        has_files=True,
    )
    deployment.services.history.record(deployment.admin, run.entity, run.project, run.id, update)

    details = {event.kind: event.details for event in heard}
    assert details == {
        LiveKind.HISTORY: {"last_step": 1, "lines": 2},
        LiveKind.SYSTEM: {},
        LiveKind.CONSOLE: {"total": 2},
        LiveKind.SUMMARY: {},
        LiveKind.FILES: {},
        LiveKind.RUN: {},
    }


def test_refused_request_is_not_announced(deployment: DeploymentUnderTest, history: HistoryService) -> None:
    run = deployment.run()
    heard: list[LiveEvent] = []
    deployment.services.live.subscribe(run.project_id, heard.append)

    with pytest.raises(ProjectNotFound):
        history.record(deployment.user("eve"), run.entity, run.project, run.id, StreamUpdate(batches=[rows(0)]))

    assert heard == []


# --- the end of a run -------------------------------------------------------------------------------------------------


def end(deployment: DeploymentUnderTest, run: Run, summary_json: str) -> datetime:
    update = StreamUpdate(summary_json=summary_json, is_complete=True, exit_code=0)
    ended = deployment.services.history.record(deployment.admin, run.entity, run.project, run.id, update)
    assert ended.finished_at is not None
    return ended.finished_at


def test_run_that_is_synced_later_ended_when_it_says_it_did(deployment: DeploymentUnderTest) -> None:
    began = deployment.clock.now - timedelta(days=3)
    run = deployment.run("admin/p/r", RunChange(started_at=began))

    ended_at = end(deployment, run, '{"_wandb": {"runtime": 3600}}')

    assert ended_at == began + timedelta(hours=1)


def test_run_that_is_followed_ends_now_though_its_seconds_are_whole(deployment: DeploymentUnderTest) -> None:
    run = deployment.run("admin/p/r", RunChange(started_at=deployment.clock.now))
    now = deployment.clock.advance(seconds=100.7)

    assert end(deployment, run, '{"_wandb": {"runtime": 100}}') == now


@pytest.mark.parametrize("runtime", ["NaN", "-5", "1e300", "Infinity", '"3"', "null", "{}"])
def test_run_time_that_cannot_be_is_not_believed(deployment: DeploymentUnderTest, runtime: str) -> None:
    run = deployment.run("admin/p/r", RunChange(started_at=deployment.clock.now - timedelta(days=3)))

    assert end(deployment, run, f'{{"_wandb": {{"runtime": {runtime}}}}}') == deployment.clock.now


def test_end_that_is_sent_twice_stays_where_it_was(deployment: DeploymentUnderTest, history: HistoryService) -> None:
    run = deployment.run("admin/p/r", RunChange(started_at=deployment.clock.now - timedelta(days=3)))
    first = end(deployment, run, '{"_wandb": {"runtime": 60}}')
    deployment.clock.advance(hours=1)

    assert end(deployment, run, '{"_wandb": {"runtime": 60}}') == first


# --- forks ------------------------------------------------------------------------------------------------------------


def fork(deployment: DeploymentUnderTest, name: str, parent: str, step: int) -> Run:
    point: JsonObject = {"run_id": parent, "step": step}
    config = exact_json.dumps({"_wandb": {"value": {"branch_point": point}}})
    return deployment.run(f"admin/p/{name}", RunChange(config_json=config))


def test_fork_shows_its_parents_history_up_to_the_branch_point(
    deployment: DeploymentUnderTest, history: HistoryService
) -> None:
    parent = deployment.run("admin/p/parent")
    record(deployment, parent, rows(0, 1, 2, 3))
    child = fork(deployment, "child", "parent", 1)
    record(deployment, child, rows(2, 3, own=True))

    found = history.rows(child, RowQuery()).rows

    assert [row.step for row in found] == [0, 1, 2, 3]
    assert ["own" in row.values for row in found] == [False, False, True, True]
    assert steps(deployment, parent) == [0, 1, 2, 3]
    assert history.last_step(child) == 3


def test_grandchild_inherits_no_more_than_its_parent_did(deployment: DeploymentUnderTest) -> None:
    root = deployment.run("admin/p/root")
    record(deployment, root, rows(*range(10)))
    fork(deployment, "middle", "root", 2)
    leaf = fork(deployment, "leaf", "middle", 8)

    assert steps(deployment, leaf) == [0, 1, 2]


def test_series_of_a_fork_begin_with_its_parent(deployment: DeploymentUnderTest, history: HistoryService) -> None:
    parent = deployment.run("admin/p/parent")
    record(deployment, parent, rows(0, 1, 2, 3))
    child = fork(deployment, "child", "parent", 1)
    record(deployment, child, rows(2))

    answer = history.series([child], [MetricName("loss")])

    (series,) = answer.series
    assert (series.x.tolist(), series.mean.tolist()) == ([0, 1, 2], [0, 10, 20])


def test_parent_that_is_absent_or_a_circle_of_parents_does_no_harm(deployment: DeploymentUnderTest) -> None:
    for name, parent in (("orphan", "nobody"), ("self", "self"), ("a", "b"), ("b", "a")):
        run = fork(deployment, name, parent, 5)
        record(deployment, run, rows(6))

        assert steps(deployment, run)[-1] == 6


def test_chain_of_forks_is_followed_to_a_bound(deployment: DeploymentUnderTest, history: HistoryService) -> None:
    deployment.run("admin/p/r0")
    for number in range(1, MAX_ANCESTORS + 5):
        last = fork(deployment, f"r{number}", f"r{number - 1}", 100)

    assert len(history.parts_of(last)) == MAX_ANCESTORS + 1


# --- rewinding --------------------------------------------------------------------------------------------------------


def test_rewind_drops_later_steps_and_the_run_goes_on(deployment: DeploymentUnderTest, history: HistoryService) -> None:
    run = deployment.run()
    record(deployment, run, rows(0, 1, 2, 3))
    heard: list[LiveEvent] = []
    deployment.services.live.subscribe(run.project_id, heard.append)

    rewound = history.rewind(deployment.admin, run, after_step=1)

    assert steps(deployment, run) == [0, 1]
    assert rewound.last_step == 1
    assert [(event.kind, event.details) for event in heard] == [(LiveKind.HISTORY, {"last_step": 1})]
    record(deployment, run, rows(2, first=rewound.history_lines))
    assert steps(deployment, run) == [0, 1, 2]


def test_rewind_needs_the_right_to_write(deployment: DeploymentUnderTest, history: HistoryService) -> None:
    deployment.team("team", viewer=Role.VIEWER)
    run = deployment.run("team/p/r")
    record(deployment, run, rows(0, 1))

    with pytest.raises(Forbidden):
        history.rewind(deployment.caller("viewer"), run, after_step=0)

    assert steps(deployment, run) == [0, 1]


# --- giving out -------------------------------------------------------------------------------------------------------


def test_resume_gives_the_last_lines_as_received(deployment: DeploymentUnderTest, history: HistoryService) -> None:
    run = deployment.run()
    record(deployment, run, rows(0, 1), LineBatch(Stream.SYSTEM, 0, ['{"a": 1}', '{"a":  NaN}']))

    info = history.resume_info(run)

    assert info.history_tail == ('{"_step":1,"loss":10}',)
    assert info.events_tail == ('{"a":  NaN}',)
    assert history.resume_info(deployment.run("admin/p/empty")).history_tail == ()


def test_console_by_range_and_by_tail(deployment: DeploymentUnderTest, history: HistoryService) -> None:
    run = deployment.run()
    record(deployment, run, LineBatch(Stream.CONSOLE, 0, [f"line {number}" for number in range(10)]))

    assert [line.number for line in history.console(run, first=4, limit=3)] == [4, 5, 6]
    assert [line.text for line in history.console_tail(run, 2)] == ["line 8", "line 9"]


def test_writers_of_a_shared_run_number_their_lines_apart(
    deployment: DeploymentUnderTest, history: HistoryService
) -> None:
    run = deployment.run()

    after = record(deployment, run, rows(0, 1, writer="a"), rows(0, 2, writer="b"))

    assert after.history_lines == 4
    assert [row.step for row in history.rows(run, RowQuery()).rows] == [0, 1, 2]


def test_a_writer_that_goes_on_after_another_has_ended_the_run_does_not_begin_it_anew(
    deployment: DeploymentUnderTest,
) -> None:
    run = join(deployment, "r1", "a")
    join(deployment, "r1", "b")
    say(deployment, run, "a", is_complete=True, exit_code=3)

    after = say(deployment, run, "b", batches=[rows(5, writer="b")], summary_json='{"loss": 50}')

    assert (after.state, after.exit_code, after.last_step) == (RunState.FAILED, 3, 5)
    assert exact_json.loads(after.summary_json) == {"loss": 50}
    assert join(deployment, "r1", "b").state is RunState.FAILED


def test_a_writer_that_joins_a_run_that_has_ended_begins_it_anew(deployment: DeploymentUnderTest) -> None:
    run = join(deployment, "r1", "a")
    say(deployment, run, "a", is_complete=True, exit_code=0)

    again = join(deployment, "r1", "c")

    assert (again.state, again.exit_code, again.finished_at) == (RunState.RUNNING, None, None)
    assert say(deployment, run, "c").state is RunState.RUNNING


def test_what_several_writers_say_of_a_run_is_put_together(deployment: DeploymentUnderTest) -> None:
    run = join(deployment, "r1", "a", config_json='{"lr": {"value": 1}, "both": {"value": "a"}}')
    join(deployment, "r1", "b", config_json='{"depth": {"value": 2}, "both": {"value": "b"}}')
    say(deployment, run, "a", summary_json='{"x": 1, "both": 1, "_step": 9, "_wandb": {"runtime": 7}}')

    after = say(deployment, run, "b", summary_json='{"y": 2, "both": 2, "_step": 4, "_wandb": {"runtime": 5}}')

    assert exact_json.loads(after.config_json) == {
        "lr": {"value": 1},
        "both": {"value": "b"},
        "depth": {"value": 2},
    }
    assert exact_json.loads(after.summary_json) == {"x": 1, "y": 2, "both": 2, "_step": 9, "_wandb": {"runtime": 7}}


def join(deployment: DeploymentUnderTest, run: str, writer: str, **changes: Any) -> Run:
    address = RunAddress("admin", "p", run)
    return deployment.services.runs.upsert(deployment.admin, address, RunChange(**changes), writer=WriterId(writer))[0]


def say(deployment: DeploymentUnderTest, run: Run, writer: str, **update: Any) -> Run:
    """One request of a writer's file stream."""
    said = StreamUpdate(writer=WriterId(writer), **update)
    return deployment.services.history.record(deployment.admin, run.entity, run.project, run.id, said)
