"""What a person sees of a run, from `init` to `finish`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

import kymograph
from kymograph.testing.recording_server import ENTITY, RecordingServer

QUICK = {"console": "off", "x_disable_meta": True, "x_disable_stats": True, "x_save_requirements": False}


def train(**arguments: Any) -> None:
    settings = {**QUICK, **arguments.pop("settings", {})}
    run = kymograph.init(project="p", id="seen", settings={**settings, "disable_git": True}, **arguments)
    for step in range(4):
        run.log({"loss": 4 - step})
    run.finish()


def said(capsys: pytest.CaptureFixture[str]) -> list[str]:
    printed, complained = capsys.readouterr()
    assert printed == ""
    return re.sub(r"\d{8}_\d{6}", "<time>", complained).splitlines()


@pytest.fixture(autouse=True)
def here(kymograph_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(kymograph_home / "runs")


def test_online(kymograph_server: RecordingServer, capsys: pytest.CaptureFixture[str]) -> None:
    train(name="first try")

    url = f"{kymograph_server.url}/{ENTITY}/p/runs/seen"
    assert said(capsys) == [
        f"kymograph: run first try: {url}",
        "kymograph:   loss  █▆▃▁  1",
        "kymograph: run first try: sent 4 of 4 rows, 2 of 2 files",
        f"kymograph: {url}",
    ]


def test_offline(capsys: pytest.CaptureFixture[str]) -> None:
    train(mode="offline")

    assert said(capsys) == [
        "kymograph: run seen stays on this machine, in ./kymograph/offline-run-<time>-seen",
        "kymograph:   loss  █▆▃▁  1",
        "kymograph: run seen is complete; send it with: kymograph sync ./kymograph/offline-run-<time>-seen",
    ]


@pytest.mark.parametrize("settings", [{"silent": True}, {"show_info": False}], ids=str)
def test_silent(
    settings: dict[str, Any], kymograph_server: RecordingServer, capsys: pytest.CaptureFixture[str]
) -> None:
    train(settings=settings)
    train(settings=settings, mode="offline")

    assert said(capsys) == []


def test_disabled(capsys: pytest.CaptureFixture[str]) -> None:
    train(mode="disabled")

    assert said(capsys) == []


def test_quiet(kymograph_server: RecordingServer, capsys: pytest.CaptureFixture[str]) -> None:
    train(settings={"quiet": True})

    (line,) = said(capsys)
    assert line.startswith("kymograph: run ")
    assert line.endswith(f": {kymograph_server.url}/{ENTITY}/p/runs/seen")


def test_as_many_metrics_as_the_settings_say(capsys: pytest.CaptureFixture[str]) -> None:
    limits = {"max_end_of_run_history_metrics": 0, "max_end_of_run_summary_metrics": 0}
    train(mode="offline", settings=limits)

    assert len(said(capsys)) == 2


def test_the_end_can_be_quiet_alone(capsys: pytest.CaptureFixture[str]) -> None:
    run = kymograph.init(project="p", mode="offline", settings=QUICK)
    capsys.readouterr()
    run.finish(quiet=True)

    assert said(capsys) == []


def test_a_file_that_is_not_sent_is_told_of_also_in_a_quiet_run(
    kymograph_server: RecordingServer, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("note.txt").write_text("x")
    run = kymograph.init(project="p", id="seen", settings={**QUICK, "quiet": True})
    run.save("note.txt", policy="end")
    Path(run.dir, "note.txt").unlink()
    run.finish()

    _, first, *rest = said(capsys)
    assert re.fullmatch(r"kymograph: WARNING run \S+: sent 0 of 0 rows, (\d) of (\d) files", first)
    assert "kymograph: WARNING not sent: note.txt: No such file or directory" in rest
    assert rest[-1].startswith("kymograph: WARNING what is missing is in ./kymograph/run-<time>-seen")


def test_a_page_is_opened_where_that_is_asked_for(
    kymograph_server: RecordingServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    import webbrowser

    opened: list[str] = []
    monkeypatch.setattr(webbrowser, "open", opened.append)
    train(settings={"show_run": True})
    train(settings={"show_run": True}, mode="offline")

    assert opened == [f"{kymograph_server.url}/{ENTITY}/p/runs/seen"]
