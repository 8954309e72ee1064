"""The same event files, followed by our SDK and by the unmodified client: the same metrics, steps and values."""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.client import NEWEST, Client
from tests.e2e.fixtures import ClientFactory
from tests.e2e.rest import Rest
from tests.e2e.server import ServerProcess
from tests.e2e.training import Training
from tests.unit.event_files import (
    GIF,
    PNG,
    beginning,
    encode,
    event,
    floats,
    number,
    old_histogram,
    tensor,
    texts,
    write_event_file,
    write_fake_tensorboard,
)

SCRIPT = """
run = wandb.init(id=run_id, sync_tensorboard=True)
from tensorboard.summary.writer import event_file_writer
for folder in ("logs/train", "logs/validation"):
    event_file_writer.EventFileWriter(folder)
run.log({"own": 1}, step=7)
run.finish()
"""

WIDE = [float(edge) for edge in range(1201)]
TRAIN = [
    beginning(),
    event(0, number("loss", 0.1)),
    event(0, tensor("accuracy", "scalars", floats([0.345]))),
    event(1, number("loss", math.inf), number("a/b.c", 1e-7)),
    event(1, number("loss", math.nan)),
    event(2, old_histogram("weights", [0.5, 1.0, 1.5, 2.0], [0, 5, 10, 11])),
    event(2, old_histogram("biases", [0.5, 1.0, 1.5], [3, 5, 10], least=-1.0)),
    event(3, tensor("activations", "histograms", floats([0.0, 0.5, 7, 0.5, 1.0, 5], (2, 3)))),
    event(3, old_histogram("wide", WIDE, [float(edge % 7) for edge in range(1201)])),
    event(4, tensor("pictures", "images", texts(b"1", b"1", PNG, PNG))),
    event(4, tensor("film", "images", texts(b"1", b"1", GIF))),
    event(5, tensor("curve", "pr_curves", floats([1, 2, 3, 0.25, 0.5, 0.75, 1, 0.5, 0.25], (3, 3)))),
    event(6, tensor("words", "text", texts(b"hello"))),
    event(7, tensor("broken", "images", texts(b"1", b"1", b"no picture")), number("loss", 0.25)),
]
VALIDATION = [beginning(), event(0, number("loss", 2.0)), event(1, number("loss", 1.0))]


@pytest.fixture
def events(tmp_path: Path) -> dict[str, str]:
    """The environment in which a package writes those files."""
    write_fake_tensorboard(tmp_path / "packages")
    folder = tmp_path / "events"
    folder.mkdir()
    (folder / "train").write_bytes(encode(TRAIN))
    (folder / "validation").write_bytes(encode(VALIDATION))
    return {"EVENTS": str(folder), "PYTHONPATH": str(tmp_path / "packages")}


def told(rows: list[Any]) -> list[Any]:
    """Rows without what depends on when they were read, and without the names of files, in the order of time."""
    kept = []
    for row in rows:
        timed = {key: value for key, value in row.items() if key not in ("_step", "_runtime")}
        if "own" in timed:
            del timed["_timestamp"]
        kept.append({key: _without_names(value) for key, value in timed.items()})
    return sorted(kept, key=lambda row: (float(row.get("_timestamp", 0)), sorted(row)))


def _without_names(value: Any) -> Any:
    if isinstance(value, int | float):
        return repr(float(value))  # NaN is not equal to itself
    if not isinstance(value, dict):
        return value
    # Our tables say how they are logged, and are artifacts as all tables are; those of a client's service do not.
    aside = ("path", "filenames", "sha256", "size", "log_mode", "artifact_path", "_latest_artifact_path")
    known = {key: value[key] for key in value if key not in aside}
    for key in ("bins", "values"):
        if key in known:
            known[key] = [round(number, 9) for number in known[key]]
    return known


@dataclass(frozen=True, slots=True)
class Both:
    """One script, run with the unmodified client and with our SDK."""

    client: Client
    training: Training
    events: dict[str, str]
    project: str

    def run(self, script: str) -> None:
        environment = {**self.events, "WANDB_PROJECT": self.project.partition("/")[2]}
        self.client.run("import wandb\nrun_id = 'theirs'\n" + script, environment=environment)
        path = f"{self.events['PYTHONPATH']}:{self.training.environment.get('PYTHONPATH', '')}"
        ours = "import kymograph as wandb\nrun_id = 'ours'\n" + script
        self.training.run(ours, environment={**environment, "PYTHONPATH": path})


@pytest.fixture
def both(
    make_client: ClientFactory, server: ServerProcess, project: str, events: dict[str, str], tmp_path: Path
) -> Both:
    return Both(make_client(NEWEST), Training(tmp_path / "training", url=server.url), events, project)


def test_both_clients_log_the_same_of_the_same_event_files(both: Both, rest: Rest, project: str) -> None:
    both.run(SCRIPT)

    theirs, ours = rest.rows(project, "theirs"), rest.rows(project, "ours")
    assert told(ours) == told(theirs)
    assert [row["_step"] for row in ours] == list(range(len(ours)))
    assert {"train/loss", "validation/loss", "train/film", "train/curve"} <= {key for row in ours for key in row}


def test_both_clients_keep_the_event_files_under_the_same_names(both: Both, rest: Rest, project: str) -> None:
    both.run(SCRIPT)

    kept = {
        run: {re.sub(r"tfevents\.\d+", "tfevents", name) for name in rest.files(project, run) if "tfevents" in name}
        for run in ("theirs", "ours")
    }
    assert kept["ours"] == kept["theirs"]
    assert len(kept["ours"]) == 2
    (name,) = [name for name in rest.files(project, "ours") if name.startswith("train/events")]
    assert rest.file(project, "ours", name) == encode(TRAIN)


def test_both_clients_take_the_root_that_is_named_before_init(both: Both, rest: Rest, project: str) -> None:
    both.run(
        """
wandb.tensorboard.patch(root_logdir="logs")
run = wandb.init(id=run_id)
from tensorboard.summary.writer import event_file_writer
event_file_writer.EventFileWriter("logs/deep/validation")
run.finish()
"""
    )

    theirs, ours = rest.rows(project, "theirs"), rest.rows(project, "ours")
    assert told(ours) == told(theirs)
    assert {"deep/validation/loss", "global_step"} <= ours[0].keys()


def test_both_clients_put_nothing_before_metrics_of_a_folder_whose_name_was_made_up(
    both: Both, rest: Rest, project: str
) -> None:
    both.run(
        """
import os, shutil, socket
name = "Nov27_01-02-03_" + socket.gethostname()
shutil.copyfile(os.environ["EVENTS"] + "/validation", os.environ["EVENTS"] + "/" + name)
run = wandb.init(id=run_id, sync_tensorboard=True)
from tensorboard.summary.writer import event_file_writer
event_file_writer.EventFileWriter("runs/" + name)
run.finish()
"""
    )

    theirs, ours = rest.rows(project, "theirs"), rest.rows(project, "ours")
    assert told(ours) == told(theirs)
    assert {"loss", "global_step"} <= ours[0].keys()


def test_a_folder_of_event_files_is_sent_as_one_run_once(
    server: ServerProcess, rest: Rest, project: str, tmp_path: Path
) -> None:
    training = Training(tmp_path / "home", url=server.url)
    logs = training.folder / "logs"
    write_event_file(logs / "train", *TRAIN[1:])
    write_event_file(logs / "validation", *VALIDATION[1:])

    first = training.command("sync", str(logs), "-p", project, "--verify", "--json")
    runs = rest.runs(project)
    again = training.command("sync", str(logs), "-p", project)

    assert [report["is_equal"] for report in json.loads(first)["verified"]] == [True]
    assert "Nothing is left to send" in again
    (run,) = rest.runs(project)
    assert runs == [run]
    assert (run["name"], run["state"]) == ("logs", "finished")
    losses = [row["validation/loss"] for row in rest.rows(project, run["id"]) if "validation/loss" in row]
    assert losses == [2.0, 1.0]


def test_what_was_added_to_a_folder_of_event_files_joins_its_run(
    server: ServerProcess, rest: Rest, project: str, tmp_path: Path
) -> None:
    training = Training(tmp_path / "home", url=server.url)
    logs = training.folder / "logs"
    path = write_event_file(logs, *VALIDATION[1:])
    training.command("sync", str(logs), "-p", project)

    with path.open("ab") as file:
        file.write(encode([event(2, number("loss", 0.5))]))
    training.command("sync", str(logs), "-p", project)

    (run,) = rest.runs(project)
    assert [row["loss"] for row in rest.rows(project, run["id"])] == [2.0, 1.0, 0.5]
