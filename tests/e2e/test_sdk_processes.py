"""Our own SDK, from several processes and under another name, against a real server."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.e2e.rest import Rest
from tests.e2e.server import ServerProcess, wait_until
from tests.e2e.training import Training

RANKS = """
import multiprocessing, os
import kymograph as wandb

def work(rank, ready):
    run = wandb.init(
        id="shared", mode="shared", config={"rank": rank},
        settings=wandb.Settings(x_label=f"rank{rank}", x_primary=rank == 0, x_update_finish_state=rank == 0),
    )
    for step in range(20):
        run.log({f"rank{rank}/loss": step, "common": rank})
    if rank == 0:
        ready.wait(60)  # the primary ends the run, so it goes last
    run.finish()
    ready.set()

if __name__ == "__main__":
    context = multiprocessing.get_context("spawn")
    ready = context.Event()
    ranks = [context.Process(target=work, args=(rank, ready)) for rank in (0, 1)]
    for rank in ranks:
        rank.start()
    for rank in ranks:
        rank.join()
        assert rank.exitcode == 0
"""
WORKERS = """
import multiprocessing
import kymograph as wandb

def work(run, number):
    for step in range(20):
        run.log({f"worker{number}": step})
    run.finish()

if __name__ == "__main__":
    run = wandb.init(id="workers")
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=work, args=(run, number)) for number in (0, 1)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
        assert worker.exitcode == 0
    run.log({"parent": 1})
    run.finish()
"""
LATE = """
import os, sys, time
from pathlib import Path
import kymograph as wandb

run = wandb.init(id="late")
run.log({"parent": 0})
child = os.fork()
if child == 0:
    if sys.argv[1] == "at once":
        run.log({"child": 0})
    while not Path("ended").exists():
        time.sleep(0.01)
    if sys.argv[1] == "when the sender is gone":
        while not run._folder.synced_mark.exists():
            time.sleep(0.01)
    for number in (1, 2):
        run.log({"child": number})
    os._exit(0)
run.finish()
Path("ended").touch()
os.waitpid(child, 0)
"""
KEPT = """
import kymograph as wandb
run = wandb.init(id="kept")
open("model.txt", "w").write("weights")
run.save("model.txt", policy="now")
run.log_code(".")
run.finish()
"""
RESTORED = """
import kymograph as wandb, sys
print(wandb.restore("model.txt", run_path=sys.argv[1]).read())
print(wandb.restore("absent.txt", run_path=sys.argv[1]))
"""


@pytest.fixture
def training(server: ServerProcess, tmp_path: Path) -> Training:
    return Training(tmp_path / "training", url=server.url)


def into(project: str) -> dict[str, str]:
    return {"WANDB_PROJECT": project.split("/")[1]}


def test_ranks_that_begin_by_themselves_write_one_run(training: Training, rest: Rest, project: str) -> None:
    training.run(RANKS, environment=into(project))

    rows = rest.rows(project, "shared")
    for rank in (0, 1):
        assert sorted(row[f"rank{rank}/loss"] for row in rows if f"rank{rank}/loss" in row) == list(range(20))
    run = rest.run(project, "shared")
    assert (run["state"], run["history_lines"], run["config"]) == ("finished", 40, {"rank": 0})
    assert run["summary"]["common"] == 0
    assert len(training.run_folders()) == 2


def test_spawned_workers_take_part_in_the_run_they_are_given(training: Training, rest: Rest, project: str) -> None:
    training.run(WORKERS, environment=into(project))

    rows = rest.rows(project, "workers")
    for number in (0, 1):
        assert sorted(row[f"worker{number}"] for row in rows if f"worker{number}" in row) == list(range(20))
    assert [row["parent"] for row in rows if "parent" in row] == [1]
    run = rest.run(project, "workers")
    assert (run["state"], run["history_lines"]) == ("finished", 41)
    assert len(training.run_folders()) == 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
@pytest.mark.parametrize("begins", ["at once", "when the sender is gone"])
def test_a_child_that_goes_on_after_the_end_is_sent_without_a_sync(
    training: Training, rest: Rest, project: str, begins: str
) -> None:
    training.run(LATE, begins, environment=into(project))

    def rows_of_child() -> list[int]:
        return sorted(row["child"] for row in rest.rows(project, "late") if "child" in row)

    expected = [0, 1, 2] if begins == "at once" else [1, 2]
    (folder,) = training.run_folders()
    wait_until(lambda: rows_of_child() == expected and list(folder.glob("*.synced")), what="the sender's end")
    assert rest.run(project, "late")["state"] == "finished"


def test_files_come_back_from_the_server(training: Training, rest: Rest, project: str) -> None:
    training.run(KEPT, environment=into(project))

    (training.folder / "model.txt").unlink()
    said, _ = training.run(RESTORED, f"{project}/kept")

    assert said.split() == ["weights", "None"]
    assert (training.folder / "model.txt").read_text() == "weights"


def test_a_program_that_imports_the_other_name_logs_unchanged(training: Training, rest: Rest, project: str) -> None:
    (training.folder / "train.py").write_text(
        "import wandb\nwith wandb.init(id='other'):\n    wandb.log({'loss': wandb.__version__.count('.')})\n"
    )

    training.run(
        "import runpy, sys\nsys.argv = ['as_wandb', 'train.py']\n"
        "runpy.run_module('kymograph.as_wandb', run_name='__main__', alter_sys=True)\n",
        environment=into(project),
    )

    assert [row["loss"] for row in rest.rows(project, "other")] == [2]
    assert rest.run(project, "other")["state"] == "finished"
