"""Runs that are written offline and sent later with the client's own ``sync``."""

from __future__ import annotations

from tests.e2e.client import Client
from tests.e2e.rest import Rest

SCRIPT = """
import wandb
run = wandb.init(mode="offline", id="offline1", name="away", tags=["plane"], config={"lr": 0.5})
print("said offline")
for step in range(40):
    run.log({"loss": step / 40})
run.finish()
"""


def test_syncing_twice_leaves_every_row_once(client: Client, rest: Rest, project: str) -> None:
    entity, name = project.split("/")
    client.run(SCRIPT, environment={"WANDB_PROJECT": name})
    (directory,) = client.offline_runs()
    assert rest.find_run(project, "offline1") is None

    for _ in range(2):
        client.command("sync", "--include-synced", "--entity", entity, "--project", name, str(directory))

        rows = rest.rows(project, "offline1")
        assert [(row["_step"], row["loss"]) for row in rows] == [(step, step / 40) for step in range(40)]
        run = rest.run(project, "offline1")
        assert run["history_lines"] == 40
        assert (run["state"], run["name"], run["tags"]) == ("finished", "away", ["plane"])
        assert run["config"] == {"lr": 0.5}
        assert rest.metrics(project, "offline1")["loss"]["points"] == 40
        assert sum("said offline" in line for line in rest.console(project, "offline1")) <= 1
