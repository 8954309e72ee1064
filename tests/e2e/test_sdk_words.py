"""What a newcomer is told when something is not as it should be."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.e2e.processes import TIMEOUT_S
from tests.e2e.server import ServerProcess, free_port
from tests.e2e.test_sdk import black_hole as black_hole
from tests.e2e.test_sdk import end_senders
from tests.e2e.training import Training

SCRIPT = """
import kymograph
run = kymograph.init(id="seen", project="words", settings={"init_timeout": 2, "x_disable_stats": True})
run.log({"loss": 1})
run.finish()
"""


@pytest.fixture
def training(server: ServerProcess, tmp_path: Path) -> Training:
    return Training(tmp_path / "training", url=server.url)


def failed(training: Training, environment: Mapping[str, str]) -> str:
    process = training.start(SCRIPT, environment=environment)
    _, complained = process.communicate(timeout=TIMEOUT_S)
    assert process.returncode == 1, complained
    return complained.partition("kymograph.errors.")[2]


def test_without_a_key(training: Training, server: ServerProcess) -> None:
    words = failed(training, {"WANDB_API_KEY": ""})

    assert f"`kymograph login --host {server.url}`" in words
    assert "WANDB_MODE=offline" in words


def test_a_key_of_another_server(training: Training, server: ServerProcess) -> None:
    words = failed(training, {"WANDB_API_KEY": "b" * 40})

    assert f"{server.url} does not take the API key from WANDB_API_KEY" in words
    assert f"`kymograph login --relogin --host {server.url}`" in words
    assert "b" * 40 not in words
    assert training.run_folders() == []


def test_a_server_that_is_not_there(training: Training) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    _, said = training.run(SCRIPT, environment={"WANDB_BASE_URL": url, "WANDB_FINISH_TIMEOUT": "1"})

    end_senders(training)
    lines = said.splitlines()
    assert lines[0].startswith(f"kymograph: WARNING no answer from {url}")
    assert lines[1] == "kymograph: WARNING the run goes on, and is sent when the server is back"
    assert lines[2].startswith("kymograph: run seen goes on without its server, in ./kymograph/run-")
    assert lines[-2].startswith("kymograph: WARNING run seen is not on the server yet: no answer from")
    assert "goes on sending it; if that is ended, use: kymograph sync ./kymograph/run-" in lines[-1]


def test_sending_ends_with_the_script_where_it_is_not_to_go_on(training: Training, black_hole: str) -> None:
    environment = {
        "WANDB_BASE_URL": black_hole,
        "KYMOGRAPH_FINISH_TIMEOUT": "0.2",
        "KYMOGRAPH_DETACH_ON_FINISH": "false",
        "WANDB_FINISH_TIMEOUT_RAISES": "true",
    }
    words = failed(training, environment)

    assert words.startswith("FinishTimeout: run seen is not on the server after 0.2 s")
    (folder,) = training.run_folders()
    assert subprocess.run(["pgrep", "-f", folder.name], check=False, capture_output=True).stdout == b""
