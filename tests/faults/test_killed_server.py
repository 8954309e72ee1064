"""``kill -9`` of the server in mid-stream: what it acknowledged is there after a restart, exactly once."""

from __future__ import annotations

import json
import random
import threading
import time
from pathlib import Path

import httpx
import pytest

from tests.e2e.client import VERSIONS, Client
from tests.e2e.rest import Rest, stream_path
from tests.e2e.server import ADMIN_KEY, ServerProcess, wait_until

PROJECT = "admin/killed"
KILLS = 4
WRITERS = 3

CLIENT_SCRIPT = """
import os, time
import wandb
run = wandb.init(id="run")
step = 0
while not os.path.exists("finish"):
    run.log({"value": step})
    step += 1
    time.sleep(0.01)
report({"steps": step})
run.finish()
"""
IMPATIENT = {
    "WANDB_X_FILE_STREAM_TRANSMIT_INTERVAL": "0.5",
    "WANDB__FILE_STREAM_TRANSMIT_INTERVAL": "0.5",
    "WANDB_X_FILE_STREAM_RETRY_WAIT_MIN_SECONDS": "0.5",
    "WANDB_X_FILE_STREAM_RETRY_WAIT_MAX_SECONDS": "1",
    "WANDB__FILE_STREAM_RETRY_WAIT_MIN_SECONDS": "0.5",
    "WANDB__FILE_STREAM_RETRY_WAIT_MAX_SECONDS": "1",
    "WANDB_X_GRAPHQL_RETRY_WAIT_MIN_SECONDS": "0.5",
    "WANDB_X_FILE_TRANSFER_RETRY_WAIT_MIN_SECONDS": "0.5",
}
"""Send often and wait little before trying again; newer clients have the settings under the first name."""


class Writer(threading.Thread):
    """A trainer in miniature: sends numbered lines in order and repeats what was not acknowledged."""

    def __init__(self, server: ServerProcess, run: str) -> None:
        super().__init__(name=run, daemon=True)
        self.run_id = run
        self.acknowledged = 0
        self.failures = 0
        self.unexpected: list[str] = []
        self.stopping = threading.Event()
        self._server = server
        self._random = random.Random(run)

    def run(self) -> None:
        """Docstring inherited."""
        with self._server.http() as http:
            while not self.stopping.is_set():
                count = self._random.randint(1, 40)
                first = self.acknowledged
                content = [json.dumps({"_step": step, "value": step}) for step in range(first, first + count)]
                body = {"files": {"wandb-history.jsonl": {"offset": first, "content": content}}}
                try:
                    response = http.post(stream_path(PROJECT, self.run_id), json=body)
                except httpx.TransportError:
                    self.failures += 1
                    time.sleep(0.05)
                    continue
                if response.status_code != 200:
                    self.unexpected.append(f"{response.status_code} {response.text}")
                    time.sleep(0.05)
                    continue
                self.acknowledged += count


def test_every_acknowledged_line_survives_kills_exactly_once(own_server: ServerProcess) -> None:
    with own_server.rest() as rest:
        for number in range(WRITERS):
            rest.create_run(PROJECT, f"run{number}")
    writers = [Writer(own_server, f"run{number}") for number in range(WRITERS)]
    for writer in writers:
        writer.start()

    moments = random.Random(4)
    for _ in range(KILLS):
        time.sleep(moments.uniform(0.2, 0.7))
        promised = {writer.run_id: writer.acknowledged for writer in writers}
        own_server.restart()
        with own_server.rest() as rest:
            for run, count in promised.items():
                assert_exactly(rest, run, at_least=count)

    for writer in writers:
        writer.stopping.set()
        writer.join(30)
    with own_server.rest() as rest:
        for writer in writers:
            assert writer.failures > 0
            assert writer.unexpected == []
            assert writer.acknowledged > 0
            assert_exactly(rest, writer.run_id, at_least=writer.acknowledged)


def assert_exactly(rest: Rest, run: str, *, at_least: int) -> None:
    """All steps from 0 on, each once; a request may have been kept whose answer was lost."""
    rows = rest.rows(PROJECT, run)
    assert [(row["_step"], row["value"]) for row in rows] == [(step, step) for step in range(len(rows))]
    assert len(rows) >= at_least


@pytest.mark.parametrize("version", VERSIONS)
def test_client_goes_on_when_the_server_comes_back(own_server: ServerProcess, tmp_path: Path, version: str) -> None:
    client = Client(version, tmp_path / "client", url=own_server.url, key=ADMIN_KEY)
    environment = {"WANDB_PROJECT": "killed", **IMPATIENT}

    def line_count() -> int:
        with own_server.rest() as rest:
            run = rest.find_run(PROJECT, "run")
            return 0 if run is None else int(run["history_lines"])

    with client.started(CLIENT_SCRIPT, environment=environment) as process:
        wait_until(lambda: line_count() > 10, what="the first rows", timeout_s=60)
        own_server.kill()
        time.sleep(1)
        own_server.start()
        seen = line_count()
        wait_until(lambda: line_count() > seen, what="rows after the restart", timeout_s=60)
        (client.home / "finish").touch()
        output, _ = process.communicate(timeout=90)

    assert process.returncode == 0, output
    steps = json.loads((client.home / "report.json").read_text())["steps"]
    with own_server.rest() as rest:
        rows = rest.rows(PROJECT, "run")
        assert [(row["_step"], row["value"]) for row in rows] == [(step, step) for step in range(steps)]
        run = rest.run(PROJECT, "run")
        assert (run["history_lines"], run["state"]) == (steps, "finished")
