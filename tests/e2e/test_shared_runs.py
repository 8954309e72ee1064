"""Several processes that begin one run by themselves: what all of them say is on the server once, with their labels."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.client import NEWEST
from tests.e2e.fixtures import ClientFactory
from tests.e2e.rest import Rest, run_path
from tests.e2e.server import ServerProcess
from tests.e2e.test_several_writers import run_together
from tests.e2e.training import Training

RANKS = range(3)
SCRIPT = """
import os, pathlib, sys, time
import {package} as wandb
rank, place = int(sys.argv[1]), pathlib.Path(sys.argv[2])

def meet(where, ranks=(0, 1, 2)):
    (place / f"{{where}} {{rank}}").touch()
    while not all((place / f"{{where}} {{other}}").exists() for other in ranks):
        time.sleep(0.02)

run = wandb.init(
    id="shared", mode="shared", config={{"lr": 0.1, f"rank{{rank}}": {{"seed": rank}}}},
    settings=wandb.Settings(
        x_label=f"node/{{rank}}", x_primary=rank == 0, x_update_finish_state=rank == 0,
        x_stats_sampling_interval=0.3, x_disable_stats=False, x_disable_machine_info=False,
    ),
)
meet("begun")
run.define_metric(f"rank{{rank}}/top", summary="max")
for step in range(20):
    run.log({{f"rank{{rank}}/loss": step * rank, f"rank{{rank}}/top": -step}})
run.config.update({{f"later{{rank}}": rank}})
run.summary[f"best{{rank}}"] = rank
print(f"said by rank {{rank}}")
print(f"complained by rank {{rank}}", file=sys.stderr)
if sys.argv[3] == "samples":
    time.sleep(1.5)
meet("logged")
first = sys.argv[4]
if (first == "primary") != (rank == 0):
    while not all((place / f"ended {{other}}").exists() for other in ([0] if first == "primary" else [1, 2])):
        time.sleep(0.02)
    if first == "primary":
        run.log({{"after the end": rank}})
run.finish()
(place / f"ended {{rank}}").touch()
"""
NOTES = """
query ($entity: String, $project: String) {
  project(name: $project, entityName: $entity) { run(name: "shared") { config } }
}
"""
SYSTEM_METRIC = "system.memory_percent"

Start = Callable[[int, str, str], object]


def with_theirs(make_client: ClientFactory, tmp_path: Path, project: str) -> Start:
    """Begins ranks with the unmodified client."""
    clients = {rank: make_client(NEWEST) for rank in RANKS}
    # Its sampler of the machine listens on a socket in there, whose path must be short.
    environment = {"WANDB_PROJECT": project.split("/")[1], "TMPDIR": tempfile.gettempdir()}
    place = tmp_path / "theirs meet"
    place.mkdir()

    def start(rank: int, *arguments: str) -> object:
        script = SCRIPT.format(package="wandb")
        return clients[rank].run(script, str(rank), str(place), *arguments, environment=environment)

    return start


def with_ours(server: ServerProcess, tmp_path: Path, project: str) -> Start:
    """Begins ranks with our SDK, each as on a machine of its own: with its own home and folder."""
    trainings = {rank: Training(tmp_path / f"machine {rank}", url=server.url) for rank in RANKS}
    environment = {"WANDB_PROJECT": project.split("/")[1], "WANDB_FINISH_TIMEOUT": "60"}
    place = tmp_path / "ours meet"
    place.mkdir()

    def start(rank: int, *arguments: str) -> object:
        script = SCRIPT.format(package="kymograph")
        return trainings[rank].run(
            script, str(rank), str(place), *arguments, environment={**environment, "WANDB_HOST": f"machine{rank}"}
        )

    return start


def start_all(start: Start, *arguments: str) -> None:
    def job(rank: int) -> Callable[[], object]:
        return lambda: start(rank, *arguments)

    run_together(*map(job, RANKS))


def seen(rest: Rest, project: str) -> dict[str, Any]:
    """Everything about the run that does not tell the time."""
    run = rest.run(project, "shared")
    times = {"_runtime", "_timestamp", "_wandb"}
    console = rest.get(f"{run_path(project, 'shared')}/console", start=0, limit=1000)["items"]
    files = {name for name in rest.files(project, "shared") if name.startswith("output")}
    return {
        "state": (run["state"], run["exit_code"], run["history_lines"]),
        "rows": [without(row, times) for row in rest.rows(project, "shared")],
        "config": run["config"],
        "summary": without(run["summary"], times),
        "console": sorted(
            (line["label"], line["level"], line["text"]) for line in console if "by rank" in line["text"]
        ),
        "console files": files,
        "file texts": [
            f"said by rank {rank}" in rest.file(project, "shared", f"output_node_{rank}.log").decode() for rank in RANKS
        ],
    }


def test_what_three_processes_say_is_there_once_as_with_the_unmodified_client(
    server: ServerProcess, rest: Rest, project: str, make_client: ClientFactory, tmp_path: Path
) -> None:
    theirs = f"{project}-theirs"
    start_all(with_ours(server, tmp_path, project), "samples", "others")
    start_all(with_theirs(make_client, tmp_path, theirs), "samples", "others")

    ours = seen(rest, project)
    assert ours["state"] == ("finished", 0, 60)
    for rank in RANKS:
        key = f"rank{rank}/loss"
        assert [(row["_step"], row[key]) for row in ours["rows"]] == [(step, step * rank) for step in range(20)]
        assert ours["summary"][f"best{rank}"] == rank
        assert ours["summary"][f"rank{rank}/top"] == {"max": 0}
    assert ours["config"] == {
        "lr": 0.1,
        **{f"rank{rank}": {"seed": rank} for rank in RANKS},
        **{f"later{rank}": rank for rank in RANKS},
    }
    assert ours["console"] == sorted(
        (f"node/{rank}", level, f"{said} by rank {rank}")
        for rank in RANKS
        for level, said in (("info", "said"), ("error", "complained"))
    )
    assert ours["console files"] == {f"output_node_{rank}.log" for rank in RANKS}
    assert seen(rest, theirs) == ours
    for written in (project, theirs):
        assert system_labels(rest, written) == {f"node/{rank}" for rank in RANKS}
        notes = rest.graphql(NOTES, entity="admin", project=written.split("/")[1])["project"]["run"]["config"]
        definitions = json.loads(notes)["_wandb"]["value"]["m"]
        assert {f"rank{rank}/top" for rank in RANKS} <= {definition.get("1") for definition in definitions}


def without(values: dict[str, Any], keys: set[str]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if key not in keys}


def system_labels(rest: Rest, project: str) -> set[str]:
    """Labels of the samples of memory, which every client takes."""
    names = rest.items(f"{run_path(project, 'shared')}/system")
    found = {name["name"] for name in names if name["name"].startswith(f"{SYSTEM_METRIC}/l:")}
    return {name.partition("/l:")[2] for name in found}


@pytest.mark.parametrize("package", ["kymograph", "wandb"])
def test_a_run_that_its_primary_has_ended_stays_so_while_the_others_go_on(
    server: ServerProcess, rest: Rest, project: str, make_client: ClientFactory, tmp_path: Path, package: str
) -> None:
    is_ours = package == "kymograph"
    start_all(
        with_ours(server, tmp_path, project) if is_ours else with_theirs(make_client, tmp_path, project),
        "no samples",
        "primary",
    )

    run = rest.run(project, "shared")
    assert (run["state"], run["exit_code"], run["history_lines"]) == ("finished", 0, 62)
    assert {f"rank{rank}" for rank in RANKS} <= set(run["config"])
    assert {f"best{rank}" for rank in RANKS} <= set(run["summary"])
