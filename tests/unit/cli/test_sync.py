"""What commands around local runs say and refuse; what they do is in tests/unit/sdk and tests/e2e/test_sync.py."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from kymograph.cli.main import cli
from tests.unit.sdk.folders import write_run


@pytest.fixture(autouse=True)
def here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A folder of its own, and no settings of whoever runs the tests."""
    for name in os.environ:
        if name.startswith(("WANDB_", "KYMOGRAPH_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(cli, arguments)


def test_without_runs_it_says_where_it_looked() -> None:
    result = invoke("sync")

    assert result.exit_code == 0
    assert "./kymograph" in result.output


def test_dry_run_lists_what_would_be_sent_and_what_would_not(here: Path) -> None:
    write_run(here / "kymograph", "new")
    write_run(here / "wandb", "done").synced_mark.touch()
    write_run(here / ".wandb", "online", is_online=True, producer="0.31.0")

    result = invoke("sync", "--dry-run")
    listed = json.loads(invoke("sync", "--dry-run", "--json", "--include-online", "--include-synced").output)

    assert "kymograph/offline-run-20260102_030405-new" in result.output
    assert "1 run marked as synced: left out" in result.output
    assert "--include-online takes them too" in result.output
    assert {item["run"] for item in listed["would_sync"]} == {"p/new", "p/done", "p/online"}


def test_an_online_run_of_ours_that_is_not_marked_is_sent(here: Path) -> None:
    """Our sender leaves a mark when all is there: without one, something is missing."""
    write_run(here / "kymograph", "torn", is_online=True)

    assert "torn" in invoke("sync", "--dry-run").output


def test_names_say_which_runs_are_meant(here: Path) -> None:
    for run_id in ("cat1", "cat2", "dog1"):
        write_run(here / "kymograph", run_id)

    def meant(*arguments: str) -> set[str]:
        document = json.loads(invoke("sync", "--dry-run", "--json", *arguments).output)
        return {item["run"] for item in document["would_sync"]}

    assert meant("--include-globs", "run-cat*.wandb") == {"p/cat1", "p/cat2"}
    assert meant("--include-globs", "*cat1*, offline-run-*-dog1") == {"p/cat1", "p/dog1"}
    assert meant("--exclude-globs", "run-dog1.wandb") == {"p/cat1", "p/cat2"}
    assert meant("--ignore", "*cat*", "--include-globs", "*1*") == {"p/dog1"}


def test_so_many_runs_are_listed(here: Path) -> None:
    for number in range(4):
        write_run(here / "kymograph", f"r{number}")

    some, every = invoke("sync", "--dry-run", "--show", "3"), invoke("sync", "--dry-run", "--show", "0")

    assert ("and 1 more" in some.output, some.output.count("offline-run-")) == (True, 3)
    assert ("more" in every.output, every.output.count("offline-run-")) == (False, 4)


def test_records_are_viewed_and_not_sent(here: Path) -> None:
    folder = write_run(here / "kymograph", "seen")

    kinds, whole = invoke("sync", "--view", "kymograph"), invoke("sync", "--view", "--verbose", str(folder.path))

    assert kinds.output.splitlines()[1:3] == ["Record: header", "Record: run"]
    assert 'run_id: "seen"' in whole.output


def test_one_id_is_for_one_run(here: Path) -> None:
    write_run(here / "kymograph", "a")
    write_run(here / "kymograph", "b")

    result = invoke("sync", "--id", "x", "kymograph")

    assert result.exit_code == 2
    assert "these paths mean 2" in result.output


def test_a_path_without_runs_is_an_error(here: Path) -> None:
    (here / "empty").mkdir()

    assert "there is no run" in str(invoke("sync", "empty").exception)


def test_clean_keeps_what_is_not_synced_and_says_what_it_frees(here: Path) -> None:
    old, unsynced = write_run(here / "kymograph", "old"), write_run(here / "kymograph", "unsynced")
    old.synced_mark.touch()
    for folder in (old, unsynced):
        os.utime(folder.journal, (0, 0))

    dry = invoke("clean", "--dry-run")
    refused = invoke("clean")
    done = invoke("clean", "--yes")

    assert "1 run stays: not marked as synced" in dry.output
    assert "1 folder would be removed" in dry.output
    assert refused.exit_code == 2
    assert "1 folder removed" in done.output
    assert (old.path.exists(), unsynced.path.exists()) == (False, True)


def test_clean_removes_unsynced_runs_only_when_told(here: Path) -> None:
    folder = write_run(here / "kymograph")
    os.utime(folder.journal, (0, 0))

    result = invoke("clean", "--include-unsynced", "--force")

    assert "NOT SYNCED" in result.output
    assert not folder.path.exists()


def test_show_reads_a_folder_without_any_server(here: Path) -> None:
    folder = write_run(here / "kymograph", rows=50)

    result = invoke("show", str(folder.path))

    assert result.exit_code == 0
    for words in ("far away", "finished", "lr", "0.5", "loss", "▁", "world", "system.cpu", "synced", "no"):
        assert words in result.output


def test_show_gives_json_and_records(here: Path) -> None:
    folder = write_run(here / "kymograph")

    document = json.loads(invoke("show", str(folder.path), "--json").output)
    lines = [json.loads(line) for line in invoke("show", str(folder.journal), "--jsonl").output.splitlines()]

    assert document["config"] == {"lr": 0.5}
    assert document["metrics"]["loss"] == {"count": 5, "last": 0.4, "min": 0.0, "max": 0.4}
    assert sum("history" in line for line in lines) == 5


def test_tail_of_a_folder_shows_lines_and_the_newest_row(here: Path) -> None:
    folder = write_run(here / "kymograph")

    result = invoke("tail", str(folder.path))
    as_json = [json.loads(line) for line in invoke("run", "tail", str(folder.path), "--json").output.splitlines()]

    assert result.stdout.splitlines()[:2] == ["hello", "world"]
    assert "step 4: loss=0.4" in result.stdout
    assert {"line": 0, "text": "hello", "is_error": False} in as_json
    assert {"state": "finished"} in as_json
