"""Runs in folders, as the objects of the Api."""

from __future__ import annotations

from pathlib import Path

import pytest

from kymograph.errors import InvalidFilter, OfflineUse, RunNotFound
from kymograph.sdk.api.api import ApiOf
from kymograph.sdk.api.either import Sync
from kymograph.sdk.api.offline import offline_session
from kymograph.sdk.settings import Settings
from tests.unit.sdk.folders import write_run


@pytest.fixture
def api(tmp_path: Path) -> ApiOf[Sync]:
    write_run(tmp_path / "kymograph", "run1")
    write_run(tmp_path / "kymograph", "run2", rows=20, exit_code=1)
    settings = Settings()
    settings.update(root_dir=str(tmp_path))
    return ApiOf(offline_session(settings))


def test_a_run_is_what_its_folder_says(api: ApiOf[Sync]) -> None:
    run = api.run("p/run1")

    assert (run.id, run.name, run.entity, run.state, run.tags) == ("run1", "far away", "local", "finished", ["old"])
    assert run.config == {"lr": 0.5}
    assert run.summary["loss"] == 0.4
    assert [row["loss"] for row in run.scan_history()] == [0.0, 0.1, 0.2, 0.3, 0.4]
    assert [row["_step"] for row in run.history(samples=3, pandas=False)] == [0, 2, 4]
    assert run.history(keys=["loss"], samples=2, pandas=False) == [{"_step": 0, "loss": 0.0}, {"_step": 4, "loss": 0.4}]
    assert [line.content for line in run.console_logs()] == ["hello", "world"]
    assert [line.content for line in run.console_logs(last=1)] == ["world"]
    assert len(run.history(stream="system", pandas=False)) == 1


def test_runs_are_found_by_filter_and_order(api: ApiOf[Sync]) -> None:
    assert [run.id for run in api.runs("p", order="-summary_metrics.loss")] == ["run2", "run1"]
    assert [run.id for run in api.runs("p", filters={"state": "failed"})] == ["run2"]
    assert [run.id for run in api.runs("p", filters={"config.lr": {"$gt": 1}})] == []
    assert [project.name for project in api.projects()] == ["p"]
    assert len(api.runs("p").histories(samples=2)) == 4
    with pytest.raises(InvalidFilter, match="colour"):
        len(api.runs("p", filters={"colour": 1}))


def test_files_are_copied(api: ApiOf[Sync], tmp_path: Path) -> None:
    run = api.run("p/run1")

    assert [file.name for file in run.files(pattern="%.txt")] == ["kept.txt"]
    with run.file("kept.txt").download(tmp_path / "there") as file:
        assert file.read() == "kept"
    assert run.files().download(tmp_path / "all") == [tmp_path / "all" / "kept.txt"]


def test_what_needs_a_server_says_so(api: ApiOf[Sync]) -> None:
    with pytest.raises(OfflineUse, match=r"use Api\(\)"):
        api.run("p/run1").delete()
    with pytest.raises(RunNotFound):
        api.run("p/absent")
