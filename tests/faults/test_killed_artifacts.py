"""The short form: the long one is a part of `tests.faults.long`."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from tests.e2e.server import ServerProcess, free_port, wait_until
from tests.e2e.training import Training
from tests.faults.artifact_killing import ArtifactVictim, artifact_killings
from tests.faults.relay import Relay
from tests.faults.sdk_killing import is_alive

LARGE_BYTES = 40 << 20
LOG = """
import os, sys
import kymograph as wandb
import kymograph.sdk.artifacts.draft as draft
draft.EARLY_BYTES = 8 << 20
run = wandb.init(project="half-way")
os.write(1, f"{run._link.pid}\\n".encode())
artifact = wandb.Artifact("weights", "model")
artifact.add_file("weights.bin", policy=sys.argv[1])
run.log_artifact(artifact).wait()
"""


def test_versions_are_whole_and_there_once_whoever_dies_while_they_are_sent(tmp_path: Path) -> None:
    with artifact_killings(tmp_path, seed="short") as killings:
        killings.measure()
        for victim in ArtifactVictim:
            killings.kill_one(victim)

        assert killings.check_all() >= len(ArtifactVictim)
        killings.assert_tidy()
    # Each kill costs what was under way, and nothing that had arrived.
    assert killings.sent_bytes < 2.2 * killings.needed_bytes * sum(killings.kills.values())


@pytest.mark.parametrize("policy", ["mutable", "immutable"])
def test_a_large_file_goes_on_where_its_sender_died(tmp_path: Path, policy: str) -> None:
    port, relay_port = free_port(), free_port()
    environment = {"KYMOGRAPH_PUBLIC_URL": f"http://127.0.0.1:{relay_port}"}
    server = ServerProcess(tmp_path / "data", port=port, environment=environment)
    server.start()
    try:
        with Relay(port, port=relay_port, bytes_per_s=20e6) as relay:
            training = Training(tmp_path / "training", url=relay.url)
            (training.folder / "weights.bin").write_bytes(os.urandom(LARGE_BYTES))
            process = training.start(LOG, policy)
            assert process.stdout is not None
            sender = int(process.stdout.readline())
            assert relay.wait_until_sent(LARGE_BYTES // 2, timeout_s=30)
            process.kill()
            os.kill(sender, signal.SIGKILL)
            process.communicate(timeout=30)
            wait_until(lambda: not is_alive(sender), what="the sender's end", timeout_s=30)
            before = relay.sent

            training.command("sync", *map(str, training.run_folders()))

            resent = relay.sent - before
    finally:
        server.kill()
    assert LARGE_BYTES // 4 < resent < LARGE_BYTES * 0.6
