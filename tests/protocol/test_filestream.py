"""The file stream over HTTP: lines are numbered, so whatever a client repeats or reorders ends up there once."""

from __future__ import annotations

import gzip
import json
import random
from typing import Any

import pytest

from tests.e2e.rest import Rest, stream_path

HISTORY, EVENTS, SUMMARY, CONSOLE = "wandb-history.jsonl", "wandb-events.jsonl", "wandb-summary.json", "output.log"


@pytest.fixture
def run(rest: Rest, project: str) -> str:
    """A fresh run in `project`."""
    rest.create_run(project, "run")
    return "run"


def line(step: int, **values: object) -> str:
    return json.dumps({"_step": step, "_timestamp": 1_700_000_000 + step, "_runtime": step, **values})


def history(offset: int, *lines: str) -> dict[str, Any]:
    return {"files": {HISTORY: {"offset": offset, "content": list(lines)}}}


def send(rest: Rest, project: str, body: object) -> Any:
    response = rest.stream(project, "run", body)
    assert response.status_code == 200, response.text
    return response.json()


@pytest.mark.usefixtures("run")
def test_repeated_request_changes_nothing(rest: Rest, project: str) -> None:
    body = history(0, *(line(step, loss=step) for step in range(10)))

    for _ in range(3):
        assert send(rest, project, body) == {}

    assert [row["loss"] for row in rest.rows(project, "run")] == list(range(10))
    assert rest.run(project, "run")["history_lines"] == 10
    assert rest.metrics(project, "run")["loss"]["points"] == 10


@pytest.mark.usefixtures("run")
def test_overlapping_and_reordered_requests_leave_each_line_once(rest: Rest, project: str) -> None:
    lines = [line(step, loss=step * 0.5) for step in range(60)]
    bodies = [history(first, *lines[first : first + 9]) for first in range(0, 60, 5)]
    random.Random(7).shuffle(bodies)

    for body in bodies:
        send(rest, project, body)

    assert [(row["_step"], row["loss"]) for row in rest.rows(project, "run")] == [(s, s * 0.5) for s in range(60)]
    assert rest.run(project, "run")["history_lines"] == 60
    assert rest.metrics(project, "run")["loss"]["points"] == 60


@pytest.mark.usefixtures("run")
def test_rewritten_line_takes_its_last_content(rest: Rest, project: str) -> None:
    send(rest, project, history(0, line(0, loss=1), line(1, loss=2), line(2, loss=3)))
    send(rest, project, history(1, line(1, loss=20)))

    assert [row["loss"] for row in rest.rows(project, "run")] == [1, 20, 3]
    series = rest.series(project, ["run"], ["loss"])["series"][0]
    assert series["mean"] == [1, 20, 3]


@pytest.mark.usefixtures("run")
def test_gap_is_kept_until_its_lines_come(rest: Rest, project: str) -> None:
    send(rest, project, history(2, line(2, loss=2)))
    assert [row["_step"] for row in rest.rows(project, "run")] == [2]

    send(rest, project, history(0, line(0, loss=0), line(1, loss=1)))

    assert [row["_step"] for row in rest.rows(project, "run")] == [0, 1, 2]


@pytest.mark.usefixtures("run")
def test_rows_of_one_step_merge_and_later_values_win(rest: Rest, project: str) -> None:
    send(rest, project, history(0, line(5, a=1, b=1), line(5, b=2, c=3), line(3, a=9), line(4, a=8)))

    rows = rest.rows(project, "run")
    assert [row["_step"] for row in rows] == [3, 4, 5]
    assert {key: rows[2][key] for key in "abc"} == {"a": 1, "b": 2, "c": 3}


@pytest.mark.usefixtures("run")
def test_numbers_beyond_json_and_beyond_doubles_come_back_exactly(rest: Rest, project: str) -> None:
    send(
        rest,
        project,
        history(
            0,
            '{"_step":0,"v":NaN}',
            '{"_step":1,"v":Infinity}',
            '{"_step":2,"v":-Infinity}',
            '{"_step":3,"v":9223372036854775808}',
            '{"_step":4,"v":-0.0}',
            '{"_step":5,"v":5e-324}',
            '{"_step":6,"v":9007199254740993}',
        ),
    )

    values = [repr(row["v"]) for row in rest.rows(project, "run")]
    assert values == ["nan", "inf", "-inf", "9223372036854775808", "-0.0", "5e-324", "9007199254740993"]
    series = rest.series(project, ["run"], ["v"])["series"][0]
    assert [mark[:2] for mark in series["nan"]] == [[0, 0]]
    assert [mark[:2] for mark in series["pos_inf"]] == [[1, 1]]
    assert [mark[:2] for mark in series["neg_inf"]] == [[2, 2]]


@pytest.mark.usefixtures("run")
def test_console_lines_are_rewritten_in_place(rest: Rest, project: str) -> None:
    def console(offset: int, *lines: str) -> dict[str, Any]:
        return {"files": {CONSOLE: {"offset": offset, "content": list(lines)}}}

    send(rest, project, console(0, "2026-11-22T04:29:05.261346 epoch 1", "2026-11-22T04:29:05.3 10 %"))
    send(rest, project, console(1, "2026-11-22T04:29:06.3 55 %"))
    send(rest, project, console(1, "ERROR 2026-11-22T04:29:06.3 100 %", "2026-11-22T04:29:07.000001 done"))

    assert rest.console(project, "run") == ["epoch 1", "100 %", "done"]
    items = rest.get(f"/projects/{project}/runs/run/console", start=0, limit=10)["items"]
    assert [item["level"] for item in items] == ["info", "error", "info"]


@pytest.mark.usefixtures("run")
def test_structured_console_lines_are_read(rest: Rest, project: str) -> None:
    content = json.dumps({"level": "error", "ts": "2026-11-22T04:36:49.760639", "label": "rank1", "content": "oops"})

    send(rest, project, {"files": {CONSOLE: {"offset": 0, "content": [content]}}})

    (item,) = rest.get(f"/projects/{project}/runs/run/console", tail=10)["items"]
    assert (item["level"], item["label"], item["text"]) == ("error", "rank1", "oops")


@pytest.mark.usefixtures("run")
def test_last_summary_wins(rest: Rest, project: str) -> None:
    for value in ("1", "NaN", "3"):
        send(rest, project, {"files": {SUMMARY: {"offset": 0, "content": [f'{{"loss": {value}}}']}}})

    assert rest.run(project, "run")["summary"] == {"loss": 3}


@pytest.mark.usefixtures("run")
def test_exit_ends_the_run_and_more_lines_wake_it(rest: Rest, project: str) -> None:
    send(rest, project, {"complete": True, "exitcode": 1})
    failed = rest.run(project, "run")
    send(rest, project, history(0, line(0, loss=1)))
    awake = rest.run(project, "run")
    send(rest, project, {"complete": True, "exitcode": 0})

    assert (failed["state"], failed["exit_code"]) == ("failed", 1)
    assert awake["state"] == "running"
    assert rest.run(project, "run")["state"] == "finished"


@pytest.mark.usefixtures("run")
def test_preemption_is_shown(rest: Rest, project: str) -> None:
    send(rest, project, {"preempting": True})

    assert rest.run(project, "run")["state"] == "preempting"


@pytest.mark.usefixtures("run")
def test_stop_request_is_told_to_the_trainer(rest: Rest, project: str) -> None:
    assert send(rest, project, {}) == {}

    assert rest.http.post(f"/api/v1/projects/{project}/runs/run/stop").status_code == 204

    assert send(rest, project, {})["stopped"] is True


@pytest.mark.usefixtures("run")
def test_gzip_body_is_understood(rest: Rest, project: str) -> None:
    body = gzip.compress(json.dumps(history(0, line(0, loss=1))).encode())

    response = rest.http.post(stream_path(project, "run"), content=body, headers={"Content-Encoding": "gzip"})

    assert response.status_code == 200, response.text
    assert [row["loss"] for row in rest.rows(project, "run")] == [1]


@pytest.mark.usefixtures("run")
def test_writers_of_a_shared_run_number_their_lines_apart(rest: Rest, project: str) -> None:
    for writer in ("one", "two"):
        response = rest.http.post(
            stream_path(project, "run"),
            json=history(0, line(0, **{writer: 1}), line(1, **{writer: 2})),
            headers={"X-WANDB-USE-ASYNC-FILESTREAM": "true", "X-WANDB-ASYNC-CLIENT-ID": writer},
        )
        assert response.status_code == 200, response.text

    rows = rest.rows(project, "run")
    assert [row["one"] for row in rows if "one" in row] == [1, 2]
    assert [row["two"] for row in rows if "two" in row] == [1, 2]
    assert rest.run(project, "run")["history_lines"] == 4


def test_stream_of_an_unknown_run_is_not_found(rest: Rest, project: str) -> None:
    response = rest.stream(project, "absent", {})

    assert response.status_code == 404
    assert response.json()["error"]["kind"] in ("ProjectNotFound", "RunNotFound")


@pytest.mark.usefixtures("run")
def test_stream_of_a_deleted_run_is_gone(rest: Rest, project: str) -> None:
    assert rest.http.delete(f"/api/v1/projects/{project}/runs/run").status_code == 204

    response = rest.stream(project, "run", history(0, line(0, loss=1)))

    assert response.status_code == 410
    assert "deleted" in response.json()["error"]["message"]
