"""Settings that change what a run does."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import kymograph
from kymograph.errors import InvalidMedia
from kymograph.testing.live_server import Answer, Request
from kymograph.testing.recorded_run import QUIET_SETTINGS, RecordedRun
from kymograph.testing.recording_server import API_KEY, RecordingServer

Begin = Callable[..., RecordedRun]
ONLINE = {**QUIET_SETTINGS, "x_save_requirements": False}


def begin(**settings: Any) -> kymograph.Run:
    return kymograph.init(project="p", id="sent", settings={**ONLINE, **settings})


def test_files_that_are_ignored_are_not_sent(kymograph_server: RecordingServer) -> None:
    run = begin(ignore_globs=["*.ckpt", "config.yaml"])
    for name in ("a.ckpt", "deep/b.ckpt", "note.txt"):
        path = Path(run.dir, name)
        path.parent.mkdir(exist_ok=True)
        path.write_text(name)
        run.save(str(path), base_path=run.dir, policy="now")
    run.finish()

    assert set(kymograph_server.run("sent").files) == {"note.txt", "wandb-summary.json"}


def code_of(run: RecordedRun) -> list[str]:
    """Files of the artifacts that the run has logged."""
    logged = [record.artifact for record in run.records() if record.HasField("artifact")]
    return [entry.path for artifact in logged for entry in artifact.manifest.contents]


def test_the_code_of_a_folder_is_kept_where_code_is(kymograph_begin: Begin, tmp_path: Path) -> None:
    (tmp_path / "model.py").write_text("pass")
    folder = str(tmp_path)

    assert code_of(kymograph_begin(settings={"save_code": True, "code_dir": folder})) == ["model.py"]
    for off in ({"save_code": False}, {"save_code": True, "disable_code": True}):
        assert code_of(kymograph_begin(settings={**off, "code_dir": folder}, reinit="finish_previous")) == []


def test_a_table_that_is_too_long_is_refused_where_that_is_asked_for(
    kymograph_begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kymograph.Table, "MAX_ROWS", 2)
    rows = {"table": kymograph.Table(columns=["a"], data=[[1], [2], [3]])}
    kymograph_begin().run.log(rows)

    strict = kymograph_begin(settings={"table_raise_on_max_row_limit_exceeded": True}, reinit="finish_previous")
    with pytest.raises(InvalidMedia, match="'table' has 3 rows; at most 2 are logged"):
        strict.run.log(rows)
    assert strict.rows == []


def test_a_function_stops_the_run_in_place_of_an_interrupt(kymograph_server: RecordingServer) -> None:
    stopped = threading.Event()
    run = begin(stop_fn=stopped.set)
    kymograph_server.stopped = True
    run.log({"loss": 1})

    assert stopped.wait(10)
    run.finish()


def test_arguments_that_are_given_are_those_of_the_run(kymograph_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["train.py", "--really"])
    settings = {**ONLINE, "x_disable_meta": False, "x_disable_machine_info": True, "disable_git": True}
    told = []
    for given in ({}, {"args": ("--told",)}):
        run = RecordedRun(kymograph.init(mode="offline", settings={**settings, **given}, reinit="finish_previous"))
        run.run.finish()
        told += [[*record.environment.args] for record in run.records() if record.HasField("environment")]

    assert told == [["--really"], ["--told"]]


def test_a_run_knows_whether_it_was_there_before(kymograph_server: RecordingServer) -> None:
    run = begin(resume="allow")

    assert run.settings.resumed is run.resumed
    run.finish()


class Refusing(RecordingServer):
    """Takes the run, and then nothing of it."""

    def _take_stream(self, run_id: str, request: Request) -> Answer:
        return Answer(403, b'{"error": "this project is closed"}')


@pytest.mark.parametrize("stops", [False, True])
def test_a_server_that_takes_a_run_no_more_is_told_of_at_once_and_may_stop_it(
    stops: bool, kymograph_home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stopped = threading.Event()
    with Refusing() as server:
        monkeypatch.setenv("WANDB_BASE_URL", server.url)
        monkeypatch.setenv("WANDB_API_KEY", API_KEY)
        run = begin(stop_on_fatal_error=stops, stop_fn=stopped.set)
        run.log({"loss": 1})
        link = run._link
        assert link is not None
        with link._changed:
            assert link._changed.wait_for(lambda: link.refusal is not None, 10)
        assert stopped.wait(10 if stops else 0) is stops
        run.finish()

    said = capsys.readouterr().err
    assert said.count("the server does not take the run any more") == 1
    assert "this project is closed" in said
    assert "kymograph sync" in said
