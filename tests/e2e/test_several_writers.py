"""Several processes that log at the same time."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.e2e.client import MIDDLE, NEWEST
from tests.e2e.fixtures import ClientFactory
from tests.e2e.rest import Rest
from tests.e2e.server import wait_until

TWO_RUNS = """
import sys
import wandb
run = wandb.init(id=sys.argv[1], group="pair")
for step in range(50):
    run.log({"loss": step * int(sys.argv[2])})
run.finish()
"""
SHARED = """
import os, sys, time
import wandb
rank = int(sys.argv[1])
run = wandb.init(
    id="shared", mode="shared",
    settings=wandb.Settings(x_label=f"rank{rank}", x_primary=rank == 0, x_update_finish_state=rank == 0),
)
for step in range(20):
    run.log({f"rank{rank}/loss": step, "common": rank})
print(f"spoken by rank {rank}")
if rank == 0:
    # The primary ends the run, so it goes last.
    open(sys.argv[2] + " (primary has logged)", "w").close()
    while not os.path.exists(sys.argv[2]):
        time.sleep(0.05)
run.finish()
if rank != 0:
    open(sys.argv[2], "w").close()
"""


def test_two_processes_log_two_runs_of_a_project(make_client: ClientFactory, rest: Rest, project: str) -> None:
    clients = {"one": make_client(NEWEST), "two": make_client(MIDDLE)}
    environment = {"WANDB_PROJECT": project.split("/")[1]}

    run_together(
        lambda: clients["one"].run(TWO_RUNS, "one", "1", environment=environment),
        lambda: clients["two"].run(TWO_RUNS, "two", "2", environment=environment),
    )

    for factor, name in enumerate(clients, start=1):
        rows = rest.rows(project, name)
        assert [(row["_step"], row["loss"]) for row in rows] == [(step, step * factor) for step in range(50)]
        assert rest.run(project, name)["state"] == "finished"
    assert {run["id"] for run in rest.runs(project, q='{"group": "pair"}')} == {"one", "two"}


def test_writers_of_a_shared_run_do_not_overwrite_each_other(
    make_client: ClientFactory, rest: Rest, project: str
) -> None:
    primary, other = make_client(NEWEST), make_client(NEWEST)
    environment = {"WANDB_PROJECT": project.split("/")[1]}
    done = str(primary.home / "other is done")

    run_together(
        lambda: primary.run(SHARED, "0", done, environment=environment),
        lambda: other.run(SHARED, "1", done, environment=environment),
    )

    rows = rest.rows(project, "shared")
    for rank in (0, 1):
        values = [row[f"rank{rank}/loss"] for row in rows if f"rank{rank}/loss" in row]
        assert sorted(values) == list(range(20))
    console = rest.console(project, "shared")
    assert {f"spoken by rank {rank}" for rank in (0, 1)} <= set(console)
    run = rest.run(project, "shared")
    assert (run["state"], run["history_lines"]) == ("finished", 40)


def test_a_writer_that_joins_a_shared_run_later_counts_its_own_rows(
    make_client: ClientFactory, rest: Rest, project: str
) -> None:
    """The client numbers its lines on from what the run had when it joined."""
    primary, other = make_client(NEWEST), make_client(NEWEST)
    environment = {"WANDB_PROJECT": project.split("/")[1]}
    done = str(primary.home / "other is done")

    def join_later() -> None:
        wait_until(Path(done + " (primary has logged)").exists, what="the primary")
        wait_until(lambda: rest.run(project, "shared")["history_lines"] == 20, what="the rows of the primary")
        other.run(SHARED, "1", done, environment=environment)

    run_together(lambda: primary.run(SHARED, "0", done, environment=environment), join_later)

    assert rest.run(project, "shared")["history_lines"] == 40


def run_together(*jobs: Callable[[], object]) -> None:
    """Run functions in threads of their own; a failure in one is raised here."""
    with ThreadPoolExecutor(len(jobs)) as pool:
        for future in [pool.submit(job) for job in jobs]:
            future.result()
