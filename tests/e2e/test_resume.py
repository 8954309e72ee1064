"""Going on with a run: every value of ``resume``, for a run that exists and one that does not."""

from __future__ import annotations

from tests.e2e.client import OLDEST, Client
from tests.e2e.rest import Rest

SCRIPT = """
import sys
import wandb
mode, run_id, first, last = sys.argv[1:]
run = wandb.init(id=run_id or None, resume=None if mode == "none" else True if mode == "true" else mode)
report({"id": run.id, "resumed": bool(run.resumed)})
for value in range(int(first), int(last)):
    run.log({"value": value})
print("after", last)
if mode == "fail":
    sys.exit(3)
run.finish()
"""
CRASHING_SCRIPT = """
import os, sys
import wandb
run = wandb.init(resume="auto")
report({"id": run.id, "resumed": bool(run.resumed)})
if not run.resumed:
    run.log({"value": 0})
    raise MemoryError("too large a batch")
run.log({"value": 1})
run.finish()
"""


def test_allow_continues_after_the_last_step(client: Client, rest: Rest, project: str) -> None:
    environment = {"WANDB_PROJECT": project.split("/")[1]}
    first = client.run(SCRIPT, "allow", "again", "0", "10", environment=environment)
    second = client.run(SCRIPT, "allow", "again", "10", "15", environment=environment)

    assert not first.reported["resumed"]
    assert second.reported == {"id": "again", "resumed": True}
    rows = rest.rows(project, "again")
    assert [(row["_step"], row["value"]) for row in rows] == [(step, step) for step in range(15)]
    run = rest.run(project, "again")
    assert (run["history_lines"], run["state"], run["summary"]["value"]) == (15, "finished", 14)
    console = [line for line in rest.console(project, "again") if line.startswith("after")]
    # The oldest client numbers the console of a resumed run from 0 again.
    assert console == (["after 15"] if client.version == OLDEST else ["after 10", "after 15"])


def test_must_refuses_a_run_that_does_not_exist(client: Client, rest: Rest, project: str) -> None:
    environment = {"WANDB_PROJECT": project.split("/")[1]}

    finished = client.run(SCRIPT, "must", "absent", "0", "1", environment=environment, is_checked=False)

    assert finished.exit_status != 0
    assert "resume" in finished.stderr
    assert rest.find_run(project, "absent") is None


def test_must_and_never_look_at_an_existing_run(client: Client, rest: Rest, project: str) -> None:
    environment = {"WANDB_PROJECT": project.split("/")[1]}
    client.run(SCRIPT, "never", "present", "0", "3", environment=environment)

    resumed = client.run(SCRIPT, "must", "present", "3", "5", environment=environment)
    refused = client.run(SCRIPT, "never", "present", "5", "6", environment=environment, is_checked=False)

    assert resumed.reported["resumed"]
    assert refused.exit_status != 0
    rows = rest.rows(project, "present")
    assert [(row["_step"], row["value"]) for row in rows] == [(step, step) for step in range(5)]
    assert rest.run(project, "present")["state"] == "finished"


def test_auto_continues_the_run_of_a_failed_process(client: Client, rest: Rest, project: str) -> None:
    environment = {"WANDB_PROJECT": project.split("/")[1]}

    failed = client.run(CRASHING_SCRIPT, environment=environment, is_checked=False)
    assert rest.run(project, failed.reported["id"])["state"] == "failed"
    healed = client.run(CRASHING_SCRIPT, environment=environment)

    assert failed.exit_status != 0
    assert healed.reported == {"id": failed.reported["id"], "resumed": True}
    run = rest.run(project, failed.reported["id"])
    assert (run["state"], run["history_lines"]) == ("finished", 2)
    assert [(row["_step"], row["value"]) for row in rest.rows(project, run["id"])] == [(0, 0), (1, 1)]
