"""Reading back: our `Api` gives what the unmodified client's gives, over a project with every kind of thing in it."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.client import NEWEST, Client
from tests.e2e.server import ADMIN_KEY, ServerProcess
from tests.e2e.training import Training

WRITE = """
import os
import wandb
for number, (lr, tag) in enumerate([(0.1, "low"), (0.2, "high"), (0.3, "high")]):
    run = wandb.init(
        project="read-all", id=f"run{number}", name=f"name {number}", tags=[tag], group=f"group {number % 2}",
        job_type="train", notes="some notes", config={"lr": lr, "deep": {"er": number}, "list": [1, "two", None]},
    )
    for step in range(60):
        row = {"loss": lr * step, "large": 2**60 + step, "flag": step % 3 == 0, "word": f"w{step % 4}"}
        if step % 2 == 0:
            row["even"] = step
        if step % 10 == 0:
            row["nest"] = {"ed": {"value": step}}
        if step == 7:
            row["nan"], row["inf"] = float("nan"), float("inf")
        run.log(row)
    run.log({"late": 1}, step=1000)
    with open(os.path.join(run.dir, "result.txt"), "w") as file:
        file.write(f"result {number}")
    run.save(os.path.join(run.dir, "result.txt"), base_path=run.dir)
    if number:
        run.use_artifact("data:latest")
    artifact = wandb.Artifact("data", type="dataset", metadata={"number": number})
    with artifact.new_file("part.txt") as file:
        file.write(f"part {number}")
    run.log_artifact(artifact, aliases=[f"of-{number}"]).wait()
    run.summary["best"] = {"loss": lr}
    print("line one")
    print("line two")
    run.finish(exit_code=number % 2)
"""

READ = """
import json, sys
if sys.argv[1] == "ours":
    import kymograph as wandb
else:
    import wandb
path = "admin/read-all"
api = wandb.Api()
run = api.run(f"{path}/run1")
found = {}
found["viewer"] = [api.viewer.username, api.viewer.entity, api.viewer.email, api.viewer.teams, api.viewer.admin]
found["default entity"] = api.default_entity
found["users"] = [user.username for user in api.users("admin")]
found["project"] = [api.project("read-all", "admin").url, api.project("read-all", "admin").path]
found["projects"] = [project.name for project in api.projects("admin") if project.name == "read-all"]
fields = "id name display_name state tags group job_type notes entity project created_at heartbeat_at sweep_name"
fields += " storage_id commit path url read_only history_line_count description lastHistoryStep"
found["fields"] = {field: getattr(run, field) for field in fields.split()}
found["user"] = run.user.username
found["config"] = [run.config, json.loads(run.json_config), sorted(run.rawconfig)]
found["summary"] = {key: run.summary[key] for key in ("loss", "large", "even", "word", "flag", "nan", "inf", "late")}
found["nested summary"] = [run.summary["best"]["loss"], run.summary["nest"]["ed"]["value"], "none" in run.summary]
found["summary metrics"] = run.summary_metrics
found["history keys"] = run.history_keys
found["metadata"] = run.metadata
found["history"] = run.history(pandas=False)
found["few rows"] = run.history(samples=5, pandas=False)
found["keys"] = run.history(keys=["loss", "even"], pandas=False)
found["few keys"] = run.history(keys=["loss", "even"], samples=7, pandas=False)
found["one of one row"] = run.history(keys=["nan", "inf"], pandas=False)
found["nested keys"] = run.history(keys=["nest.ed.value"], pandas=False)
found["absent keys"] = run.history(keys=["loss", "absent"], pandas=False)
found["axis"] = run.history(keys=["loss"], x_axis="even", samples=9, pandas=False)
found["system"] = [sorted(row) for row in run.history(stream="system", pandas=False)]
found["scan"] = list(run.scan_history())
found["scan in pages"] = list(run.scan_history(page_size=7))
found["scan of keys"] = list(run.scan_history(keys=["loss", "even"]))
found["scan of a range"] = list(run.scan_history(min_step=10, max_step=13))
found["scan past the end"] = list(run.scan_history(min_step=999, max_step=5000))
found["scan of nothing"] = list(run.scan_history(keys=["absent"]))
found["console"] = [[line.number, line.content, line.level, line.label] for line in run.console_logs()]
found["end of console"] = [line.content for line in run.console_logs(last=1)]
found["files"] = [[file.name, file.size, file.md5, file.mimetype, file.updated_at] for file in run.files()]
found["file"] = [run.file("result.txt").name, run.file("result.txt").size, run.file("absent.txt").size]
found["count of files"] = len(run.files(per_page=2))
found["pattern"] = [file.name for file in run.files(pattern="%.txt")]
found["content"] = run.file("result.txt").download(root="downloaded", replace=True).read()
found["logged"] = [[artifact.name, artifact.type, artifact.version] for artifact in run.logged_artifacts()]
found["used"] = [[artifact.name, artifact.digest, artifact.metadata] for artifact in run.used_artifacts()]
runs = api.runs(path)
found["runs"] = [[each.id, each.name, each.state, each.config, each.summary["loss"]] for each in runs]
found["count"] = [len(runs), len(api.runs(path, filters={"state": "finished"}))]
found["item"] = [runs[0].id, runs[2].id, [each.id for each in runs[:2]], [each.id for each in runs[1:3]]]
found["pages"] = [each.id for each in api.runs(path, per_page=1, order="-created_at")]
found["whole"] = [each.system_metrics for each in api.runs(path, lazy=False, order="+display_name")]
filters = {
    "compared": {"config.lr": {"$gt": 0.15}},
    "joined": {"$or": [{"tags": "low"}, {"config.deep.er": 2}]},
    "chosen": {"display_name": {"$in": ["name 0", "name 2"]}},
    "pattern": {"display_name": {"$regex": "[01]$"}},
    "metric": {"summary_metrics.loss": {"$lt": 10}},
    "grouped": {"group": "group 0", "jobType": "train"},
    "named": {"name": "run1"},
    "not": {"$and": [{"state": {"$ne": "failed"}}, {"config.lr": {"$exists": True}}]},
}
for name, each in filters.items():
    found[name] = [run.id for run in api.runs(path, filters=each)]
for order in ("+summary_metrics.loss", "-config.lr.value", "+heartbeat_at", "-created_at"):
    found[order] = [run.id for run in api.runs(path, order=order)]
found["histories"] = api.runs(path).histories(samples=4)
found["histories of keys"] = api.runs(path).histories(samples=4, keys=["loss"])
found["from path"] = [api.from_path("read-all").path, api.from_path(f"{path}/runs/run2").id]
found["paths"] = [api.run(f"/{path}/run0").id, api.run("admin/read-all:run0").id, api.run(f"{path}/runs/run0").id]
for name, bad in {"absent": f"{path}/absent", "project": "admin/absent/run0", "empty": "", "deep": "a/b/c/d/e"}.items():
    try:
        found[f"bad {name}"] = api.run(bad).id
    except Exception as error:
        found[f"bad {name}"] = "an error"
report(found)
"""

EDIT = """
import os, sys
if sys.argv[1] == "ours":
    import kymograph as wandb
else:
    import wandb
api = wandb.Api()
api.create_project("edited-" + sys.argv[1], "admin")
run = api.create_run(run_id="made", project="edited-" + sys.argv[1], entity="admin")
found = {"made": [run.id, run.state, run.config]}
run = api.run("admin/edited-" + sys.argv[1] + "/made")
run.name, run.notes, run.tags, run.config["added"] = "renamed", "noted", ["a", "b"], {"x": [1, 2]}
run.update()
run.summary["scored"] = 0.5
run.summary.update({"nested": {"value": 2}})
os.makedirs("folder", exist_ok=True)
with open("folder/score.json", "w") as file:
    file.write("{}")
run.upload_file("folder/score.json")
api.flush()
run = api.run("admin/edited-" + sys.argv[1] + "/made")
found["edited"] = [run.name, run.notes, run.tags, run.config, run.summary_metrics, run.state]
found["file"] = [[file.name, file.size] for file in run.files()]
run.file("folder/score.json").download(root="there")
try:
    run.file("folder/score.json").download(root="there")
except Exception as error:
    found["twice"] = str(error).partition(",")[0]
found["again"] = run.file("folder/score.json").download(root="there", exist_ok=True).read()
run.file("folder/score.json").delete()
found["files"] = [file.name for file in run.files()]
found["state"] = [run.update_state("failed"), run.state]
run.delete()
api.flush()
found["left"] = len(api.runs("admin/edited-" + sys.argv[1]))
report(found)
"""


PRELUDE = """
import json
def report(value):
    print(json.dumps(value))
"""


@pytest.fixture(scope="module")
def home(server: ServerProcess, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder, after the newest client has written the project."""
    folder = tmp_path_factory.mktemp("read-all")
    Client(NEWEST, folder / "writer", url=server.url, key=ADMIN_KEY).run(WRITE)
    return folder


def theirs(home: Path, server: ServerProcess, script: str) -> dict[str, Any]:
    found: dict[str, Any] = Client(NEWEST, home / "theirs", url=server.url, key=ADMIN_KEY).ask(script, "theirs")
    return found


def ours(home: Path, server: ServerProcess, script: str) -> dict[str, Any]:
    printed, _ = Training(home / "ours", url=server.url).run(PRELUDE + script, "ours")
    found: dict[str, Any] = json.loads(printed.splitlines()[-1])
    return found


def comparable(value: Any) -> Any:
    """With one form for numbers; the unmodified client gets those that are not finite as text from chosen keys."""
    if isinstance(value, dict):
        return {key: comparable(item) for key, item in value.items()}
    if isinstance(value, list):
        return [comparable(item) for item in value]
    if isinstance(value, float):
        return str(value).replace("inf", "Infinity").replace("nan", "NaN") if not math.isfinite(value) else value
    return value


def test_what_is_read_is_what_the_unmodified_client_reads(home: Path, server: ServerProcess) -> None:
    expected, found = theirs(home, server, READ), ours(home, server, READ)

    differing = {
        name: (expected[name], found.get(name))
        for name in expected
        if comparable(found.get(name)) != comparable(expected[name])
    }

    assert differing == {}, str(differing)


def test_what_is_changed_is_what_the_unmodified_client_changes(home: Path, server: ServerProcess) -> None:
    assert ours(home, server, EDIT) == theirs(home, server, EDIT)
