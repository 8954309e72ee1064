"""``kill -9`` of a training with its whole process group: ``sync`` brings the rest, and nothing twice."""

from __future__ import annotations

import json

from tests.e2e.client import Client, kill_group
from tests.e2e.rest import Rest
from tests.e2e.server import wait_until
from tests.faults.test_killed_server import IMPATIENT

SCRIPT = """
import time
import wandb
run = wandb.init(id="killed")
print("training begins")
step = 0
while True:
    run.log({"value": step})
    step += 1
    report(step)
    time.sleep(0.01)
"""


def test_sync_after_kill_has_every_row_once(client: Client, rest: Rest, project: str) -> None:
    entity, name = project.split("/")

    def line_count() -> int:
        run = rest.find_run(project, "killed")
        return 0 if run is None else int(run["history_lines"])

    with client.started(SCRIPT, environment={"WANDB_PROJECT": name, **IMPATIENT}) as process:
        wait_until(lambda: line_count() > 20, what="the first rows", timeout_s=60)
        kill_group(process)
    arrived = len(rest.rows(project, "killed"))
    assert rest.run(project, "killed")["state"] == "running"
    (directory,) = client.online_runs()

    for _ in range(2):
        client.command("sync", "--include-synced", "--entity", entity, "--project", name, str(directory))

        rows = rest.rows(project, "killed")
        assert [(row["_step"], row["value"]) for row in rows] == [(step, step) for step in range(len(rows))]
        assert len(rows) >= arrived
        assert rest.run(project, "killed")["history_lines"] == len(rows)
    assert sum("training begins" in line for line in rest.console(project, "killed")) <= 1


def test_offline_training_that_was_killed_can_be_synced(client: Client, rest: Rest, project: str) -> None:
    entity, name = project.split("/")

    def logged() -> int:
        report = client.home / "report.json"
        text = report.read_text() if report.exists() else ""
        return int(json.loads(text)) if text else 0

    with client.started(SCRIPT, environment={"WANDB_MODE": "offline"}) as process:
        wait_until(lambda: logged() > 300, what="some steps", timeout_s=60)
        kill_group(process)
    (directory,) = client.offline_runs()

    client.command("sync", "--entity", entity, "--project", name, str(directory))

    rows = rest.rows(project, "killed")
    assert [(row["_step"], row["value"]) for row in rows] == [(step, step) for step in range(len(rows))]
    assert len(rows) > 0
