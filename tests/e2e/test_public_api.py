"""Reading runs back through the public API of each client generation."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.client import NEWEST, VERSIONS, Client
from tests.e2e.rest import Rest
from tests.e2e.server import ADMIN_KEY, ServerProcess

PROJECT = "read-by-clients"

WRITE = """
import os
import wandb
for number, (lr, tag) in enumerate([(0.1, "low"), (0.2, "high"), (0.3, "high")]):
    run = wandb.init(id=f"run{number}", name=f"name {number}", tags=[tag], config={"lr": lr, "deep": {"er": number}})
    for step in range(50):
        row = {"loss": lr * step, "nan": float("nan")}
        run.log({**row, "even": step} if step % 2 == 0 else row)
    with open(os.path.join(run.dir, "result.txt"), "w") as file:
        file.write(f"result {number}")
    run.save(os.path.join(run.dir, "result.txt"), base_path=run.dir)
    run.finish()
"""

READ = """
import math, os, sys
import wandb
api = wandb.Api()
path = "admin/read-by-clients"
run = api.run(f"{path}/run1")
found = {}
found["viewer"] = api.viewer.username if hasattr(api.viewer, "username") else api.viewer()["username"]
found["default entity"] = api.default_entity
found["projects"] = [project.name for project in api.projects("admin") if project.name == "read-by-clients"]
found["run"] = [run.id, run.name, run.state, run.config, list(run.tags), run.entity, run.project]
found["summary"] = [run.summary["loss"], math.isnan(run.summary["nan"])]
found["last step"] = run.lastHistoryStep
found["scan"] = [[row["_step"], row["loss"]] for row in run.scan_history(keys=["loss", "_step"], page_size=7)]
found["scan of two keys"] = [[row["loss"], row["even"]] for row in run.scan_history(keys=["loss", "even"])]
found["scan range"] = [row["_step"] for row in run.scan_history(min_step=10, max_step=13)]
found["history"] = [row["loss"] for row in run.history(keys=["loss"], pandas=False, samples=500)]
found["sampled"] = len(run.history(keys=["loss"], pandas=False, samples=10))
found["all"] = sorted(each.id for each in api.runs(path))
found["count"] = len(api.runs(path))
found["filtered"] = sorted(each.id for each in api.runs(path, filters={"config.lr": {"$gt": 0.15}}))
high_and_finished = {"$and": [{"tags": "high"}, {"state": "finished"}]}
found["tagged"] = sorted(each.id for each in api.runs(path, filters=high_and_finished))
found["ordered"] = [each.id for each in api.runs(path, order="+summary_metrics.loss")]
found["newest first"] = [each.id for each in api.runs(path, order="-created_at", per_page=1)]
found["files"] = sorted(file.name for file in run.files() if file.name in ("result.txt", "config.yaml"))
run.file("result.txt").download(root="downloaded", replace=True)
found["content"] = open("downloaded/result.txt").read()
report(found)
"""

RESUME = """
import wandb
run = wandb.init(id="run0", resume="must")
report(run.resumed)
run.finish()
"""
EDIT = """
import wandb
run = wandb.Api().run(f"admin/read-by-clients/run0")
run.tags = ["edited", "twice"]
run.notes = "seen by the editor"
run.config["added"] = [1, 2]
run.update()
run.summary["scored"] = 0.5
run.summary.update()
run.upload_file("score.json")
"""


@dataclass(frozen=True, slots=True)
class ReadBack:
    """What one generation of clients found."""

    version: str
    found: Any
    rest: Rest


@pytest.fixture(scope="module")
def written(server: ServerProcess, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Three runs, logged by the newest client."""
    client = Client(NEWEST, tmp_path_factory.mktemp("writer"), url=server.url, key=ADMIN_KEY)
    client.run(WRITE, environment={"WANDB_PROJECT": PROJECT})


@pytest.fixture(scope="module", params=VERSIONS)
def read_back(
    request: pytest.FixtureRequest,
    written: None,
    server: ServerProcess,
    rest: Rest,
    tmp_path_factory: pytest.TempPathFactory,
) -> ReadBack:
    client = Client(request.param, tmp_path_factory.mktemp("reader"), url=server.url, key=ADMIN_KEY)
    return ReadBack(request.param, client.run(READ).reported, rest)


def test_viewer_and_projects_are_found(read_back: ReadBack) -> None:
    assert read_back.found["viewer"] == "admin"
    assert read_back.found["default entity"] == "admin"
    assert read_back.found["projects"] == [PROJECT]


def test_run_has_what_was_given_to_it(read_back: ReadBack) -> None:
    config = {"lr": 0.2, "deep": {"er": 1}}
    assert read_back.found["run"] == ["run1", "name 1", "finished", config, ["high"], "admin", PROJECT]
    assert read_back.found["summary"] == [0.2 * 49, True]


def test_scan_history_gives_every_row_in_order(read_back: ReadBack) -> None:
    assert read_back.found["scan"] == [[step, 0.2 * step] for step in range(50)]
    assert read_back.found["scan of two keys"] == [[0.2 * step, step] for step in range(0, 50, 2)]
    assert read_back.found["scan range"] == [10, 11, 12]
    assert read_back.found["last step"] == 49


def test_sampled_history_keeps_to_the_number_asked_for(read_back: ReadBack) -> None:
    assert read_back.found["history"] == [0.2 * step for step in range(50)]
    assert 2 <= read_back.found["sampled"] <= 10


def test_runs_are_filtered_ordered_and_paged(read_back: ReadBack) -> None:
    found = read_back.found

    assert found["all"] == ["run0", "run1", "run2"]
    assert found["count"] == 3
    assert found["filtered"] == ["run1", "run2"]
    assert found["tagged"] == ["run1", "run2"]
    assert found["ordered"] == ["run0", "run1", "run2"]
    assert found["newest first"] == ["run2", "run1", "run0"]


def test_files_are_listed_and_downloaded(read_back: ReadBack) -> None:
    assert read_back.found["files"] == ["config.yaml", "result.txt"]
    assert read_back.found["content"] == "result 1"


@pytest.mark.usefixtures("written")
@pytest.mark.parametrize("version", VERSIONS)
def test_run_is_edited_and_a_file_is_added(version: str, server: ServerProcess, rest: Rest, tmp_path: Path) -> None:
    client = Client(version, tmp_path / "editor", url=server.url, key=ADMIN_KEY)
    (client.home / "score.json").write_text('{"score": 1}')

    client.run(EDIT)
    resumed = client.run(RESUME, environment={"WANDB_PROJECT": PROJECT})

    assert resumed.reported, "the edit took away what marks a run as started"
    run = rest.run(f"admin/{PROJECT}", "run0")
    assert run["tags"] == ["edited", "twice"]
    assert run["notes"] == "seen by the editor"
    assert run["config"] == {"lr": 0.1, "deep": {"er": 0}, "added": [1, 2]}
    assert run["summary"]["scored"] == 0.5
    assert run["summary"]["loss"] == 0.1 * 49
    assert rest.file(f"admin/{PROJECT}", "run0", "score.json") == b'{"score": 1}'
