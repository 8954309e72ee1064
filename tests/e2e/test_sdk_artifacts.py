"""Artifacts of our own SDK against a real server."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.rest import Rest
from tests.e2e.server import ServerProcess
from tests.e2e.training import Training

HEAD = """
import json, os, pathlib
import kymograph as wandb
def report(value):
    pathlib.Path("report.json").write_text(json.dumps(value))
def write(name, text):
    path = pathlib.Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return name
"""


@pytest.fixture
def training(server: ServerProcess, tmp_path: Path) -> Training:
    return Training(tmp_path / "training", url=server.url)


def run(training: Training, project: str, script: str, **environment: str) -> Any:
    """What a script reports."""
    given = {
        "WANDB_PROJECT": project.split("/")[1],
        "WANDB_ENTITY": project.split("/")[0],
        "WANDB_CACHE_DIR": str(training.folder / "cache"),
        "WANDB_DATA_DIR": str(training.folder / "data"),
        **environment,
    }
    training.run(HEAD + script, environment=given)
    report = training.folder / "report.json"
    return json.loads(report.read_text()) if report.exists() else None


def test_a_version_is_logged_waited_for_and_read_back(training: Training, project: str) -> None:
    script = """
run = wandb.init(id="maker")
artifact = wandb.Artifact("data", "dataset", description="text", metadata={"a": 1})
artifact.add_file(write("a.txt", "first"))
with artifact.new_file("sub/b.txt") as file:
    file.write("second")
before = artifact.digest
logged = run.log_artifact(artifact, aliases=["best"], tags=["good"])
logged.wait(60)
facts = dict(same=logged is artifact, digest=logged.digest == before, name=logged.name, version=logged.version,
    aliases=sorted(logged.aliases), tags=logged.tags, state=logged.state, size=logged.size, count=logged.file_count,
    entity=logged.entity, project=logged.project, by=logged.logged_by().id, description=logged.description)
folder = logged.download("there")
facts["files"] = {str(p.relative_to(folder)): p.read_text() for p in sorted(pathlib.Path(folder).rglob("*")) if p.is_file()}
logged.verify("there")
facts["listed"] = sorted(file.name for file in logged.files())
facts["n"] = len(logged.files())
run.finish()
run = wandb.init(id="user")
used = run.use_artifact("data:best", type="dataset")
facts["used"] = [used.id == logged.id, used.metadata, [r.id for r in used.used_by()]]
run.finish()
report(facts)
"""
    facts = run(training, project, script)

    entity, name = project.split("/")
    assert facts == {
        "same": True,
        "digest": True,
        "name": "data:v0",
        "version": "v0",
        "aliases": ["best", "latest"],
        "tags": ["good"],
        "state": "COMMITTED",
        "size": 11,
        "count": 2,
        "entity": entity,
        "project": name,
        "by": "maker",
        "description": "text",
        "files": {"a.txt": "first", "sub/b.txt": "second"},
        "listed": ["a.txt", "sub/b.txt"],
        "n": 2,
        "used": [True, {"a": 1}, ["user"]],
    }
