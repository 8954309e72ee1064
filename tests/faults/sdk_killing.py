"""Trainings that log with our SDK, and their senders, killed while they work; then a sync, and a look at the server."""

from __future__ import annotations

import os
import random
import signal
import time
from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from kymograph.client.connection import Connection
from kymograph.client.runs import RunClient
from kymograph.sdk.run_folder import RunFolder
from kymograph.sdk.sender.loop import send
from kymograph.sdk.sender.sender import SenderOptions
from tests.e2e.rest import Rest
from tests.e2e.server import ADMIN_KEY, ServerProcess, wait_until
from tests.e2e.training import Training

PROJECT = "admin/killed"
SCRIPT = """
import os, random, sys, time
import kymograph as wandb
chance = random.Random(int(sys.argv[2]))
run = wandb.init(id=sys.argv[1], project="killed")
# A file, not the output: what was written there cannot be lost in the reader's buffers.
returned = os.open("returned", os.O_WRONLY | os.O_CREAT)
os.write(1, f"{run._link.pid}\\n".encode())
value = 0
while True:
    run.log({"value": value, **{f"metric{number}": chance.random() for number in range(8)}})
    value += 1
    os.pwrite(returned, value.to_bytes(8, "little"), 0)
    if chance.random() < 0.01:
        time.sleep(chance.random() / 10)
"""


class Victim(StrEnum):
    """Who is killed."""

    TRAINER = "trainer"
    SENDER = "sender"
    BOTH = "both"


@dataclass(slots=True)
class Killings:
    """Kills at random points, and what was found after them."""

    server: ServerProcess
    folder: Path
    chance: random.Random
    kills: Counter[str] = field(default_factory=Counter)
    rows: int = 0
    longest_s: float = 2.5

    def kill_one(self, rest: Rest, victim: Victim, number: int) -> None:
        """Start a training, kill somebody, sync, and compare what is there with what `log` has returned for."""
        run_id = f"run{number}"
        training = Training(self.folder / run_id, url=self.server.url)
        process = training.start(SCRIPT, run_id, str(number))
        assert process.stdout is not None
        sender_pid = int(process.stdout.readline())
        time.sleep(self.chance.uniform(0.0, self.longest_s))
        if victim is not Victim.TRAINER:
            os.kill(sender_pid, signal.SIGKILL)
        if victim is Victim.SENDER:
            time.sleep(self.chance.uniform(0.0, 0.3))
        process.kill()
        process.communicate(timeout=30)
        returned = int.from_bytes((training.folder / "returned").read_bytes(), "little")
        wait_until(lambda: not is_alive(sender_pid), what="the sender's end", timeout_s=60)
        (folder,) = training.run_folders()
        for _ in range(2):
            with RunClient(Connection.of(self.server.url, ADMIN_KEY)) as client:
                send(RunFolder.find(folder), client, options=SenderOptions(is_sync=True))
        values = [row["value"] for row in rest.rows(PROJECT, run_id)]
        assert values == list(range(len(values))), f"{run_id}: rows are missing or there twice"
        # One more may have been written whose `log` had not returned.
        assert len(values) in (returned, returned + 1), f"{run_id}: {len(values)} rows, log returned {returned} times"
        assert rest.run(PROJECT, run_id)["history_lines"] == len(values)
        self.kills[victim.value] += 1
        self.rows += len(values)


def is_alive(pid: int) -> bool:
    """Whether a process still works; one that nobody has waited for does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"
