"""What a run records of its surroundings, and that no secret is in it."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from kymograph.sdk.capture.environment import (
    Disk,
    EnvironmentFacts,
    Machine,
    ProbeSettings,
    probe,
    to_metadata_json,
    to_record,
)
from kymograph.sdk.capture.git import GitFacts
from kymograph.sdk.capture.system.amd import AmdGpu
from kymograph.sdk.capture.system.nvidia import NvidiaFacts, NvidiaGpu

STARTED = datetime(2026, 11, 22, 4, 29, 5, 261346, tzinfo=UTC)
KEY = "0123456789abcdef0123456789abcdef01234567"


class NoGpus:
    def describe(self) -> Any:
        raise RuntimeError("no driver")


def probed(settings: ProbeSettings | None = None, **options: Any) -> EnvironmentFacts:
    gpus: Any = NoGpus()
    return probe(settings or ProbeSettings(STARTED), **{"environment": {}, "nvidia": gpus, "amd": gpus, **options})


def test_this_process() -> None:
    document = to_metadata_json(probed(ProbeSettings(STARTED, root="/r", writer_id="w"), arguments=["--lr", "3"]))

    assert document["startedAt"] == "2026-11-22T04:29:05.261346Z"
    assert document["python"] == f"CPython {'.'.join(str(part) for part in sys.version_info[:3])}"
    assert document["args"] == ["--lr", "3"]
    assert document["root"] == "/r"
    assert document["writerId"] == "w"
    assert document["cpu_count_logical"] >= 1
    assert int(document["memory"]["total"]) > 1 << 20
    assert int(document["disk"]["/"]["total"]) > int(document["disk"]["/"]["used"]) > 0
    assert document["executable"] == sys.executable
    assert "gpu" not in document


def test_no_secret_is_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    environment = {"WANDB_API_KEY": KEY, "SLURM_JOB_ID": "7", "SLURM_JWT": "eyJhbGciOi", "SLURM_NOTE": f"k={KEY}"} | {
        "WANDB_DOCKER": f"https://u:{KEY}@registry.example.org/image"
    }
    settings = ProbeSettings(
        STARTED, secrets=("my-other-secret",), git_remote_url=f"https://u:{KEY}@example.org/a.git", git_commit="abc"
    )

    facts = probed(
        settings,
        environment=environment,
        arguments=["--api-key", KEY, f"--url=https://u:{KEY}@h/", "my-other-secret", "--token=abcdef"],
    )
    text = json.dumps(to_metadata_json(facts)) + repr(facts)

    for secret in (KEY, "my-other-secret", "eyJhbGciOi", "abcdef0", "--token=abc"):
        assert secret not in text
    assert facts.args == ("--api-key", "***", "--url=https://h/", "***", "--token=***")
    assert facts.slurm == {"job_id": "7", "jwt": "***", "note": "k=***"}
    assert facts.git is not None
    assert (facts.git.commit, facts.git.remote_url) == ("abc", "https://example.org/a.git")


def test_what_is_not_wanted_is_not_asked() -> None:
    facts = probed(ProbeSettings(STARTED, with_git=False, with_machine=False, is_notebook=True), arguments=["-f", "x"])

    assert facts.git is None
    assert facts.machine is None
    assert facts.args == ()


def test_what_the_user_says_is_taken() -> None:
    settings = ProbeSettings(
        STARTED, host="h", username="u", email="e", executable="x", cpu_count=3, cpu_count_logical=6
    )
    facts = probed(replace(settings, gpu_count=8, gpu_type="TPU"))

    assert facts.machine is not None
    assert (facts.machine.cpu_count, facts.machine.cpu_count_logical) == (3, 6)
    assert (facts.machine.gpu_count, facts.machine.gpu_type) == (8, "TPU")
    assert (facts.host, facts.username, facts.email, facts.executable) == ("h", "u", "e", "x")


def test_one_part_that_cannot_be_told_leaves_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    import psutil

    def fail(*arguments: object, **options: object) -> None:
        raise OSError("no /proc here")

    for name in ("virtual_memory", "cpu_count", "disk_usage"):
        monkeypatch.setattr(psutil, name, fail)

    document = to_metadata_json(probed())

    assert "cpu_count" not in document
    assert "disk" not in document
    assert document["host"]


def test_gpus_are_described_in_the_form_of_the_protocol(tmp_path: Path) -> None:
    nvidia = SimpleNamespace(
        describe=lambda: NvidiaFacts((NvidiaGpu("H100", 85 << 30, 16896, "Hopper", "GPU-1"),) * 2, "12.4")
    )
    document = to_metadata_json(probed(nvidia=nvidia))

    assert document["gpu"] == "H100"
    assert document["gpu_count"] == 2
    assert document["cudaVersion"] == "12.4"
    assert document["gpu_nvidia"][1] == {
        "name": "H100",
        "memoryTotal": str(85 << 30),
        "cudaCores": 16896,
        "architecture": "Hopper",
        "uuid": "GPU-1",
    }
    amd = SimpleNamespace(describe=lambda: (AmdGpu("card0", "MI210", max_power="300.0"),))
    document = to_metadata_json(probed(amd=amd))
    assert (document["gpu"], document["gpu_count"]) == ("MI210", 1)
    assert document["gpu_amd"] == [{"id": "card0", "series": "MI210", "maxPower": "300.0"}]


def test_the_record_holds_everything() -> None:
    facts = EnvironmentFacts(
        STARTED,
        git=GitFacts(commit="c", remote_url="r"),
        machine=Machine(2, 4, "EPYC", 100, {"/": Disk(10, 5)}),
        slurm={"job_id": "1"},
    )

    record = to_record(facts)

    assert (record.git.commit, record.git.remote_url) == ("c", "r")
    assert (record.cpu.model, record.memory.total, record.disk["/"].used) == ("EPYC", 100, 5)
    assert record.slurm["job_id"] == "1"
    assert not to_record(EnvironmentFacts(STARTED)).HasField("git")
