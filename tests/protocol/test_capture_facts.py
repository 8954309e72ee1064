"""What our SDK captures, beside what the vendor's client captures on the same machine."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from google.protobuf.json_format import MessageToDict

from kymograph.sdk.capture.environment import ProbeSettings, probe, to_metadata_json
from kymograph.sdk.capture.system import SystemSampler
from kymograph.sdk.capture.system.sampler import ProbeOptions, default_probes
from kymograph.wire import records_pb2
from kymograph.wire.journal import JournalReader
from tests.e2e.client import NEWEST, Client

SCRIPT = """
import time, wandb
with wandb.init(project="p", settings=wandb.Settings(x_stats_sampling_interval=0.5)) as run:
    time.sleep(2)
"""


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> list[records_pb2.Record]:
    """An offline run of the vendor's client, in a repository with a remote."""
    home = tmp_path_factory.mktemp("client")
    subprocess.run(["git", "init", "-q"], cwd=home, check=True)
    subprocess.run(["git", "remote", "add", "origin", "https://u:secret@example.org/a.git"], cwd=home, check=True)
    commit = ["git", "-c", "user.name=T", "-c", "user.email=t@example.org", "commit", "-q", "--allow-empty", "-m", "x"]
    subprocess.run(commit, cwd=home, check=True)
    client = Client(NEWEST, home, url="http://127.0.0.1:9", key="a" * 40)
    client.run(SCRIPT, "--lr", "3", environment={"WANDB_MODE": "offline", "WANDB_DISABLE_GIT": "false"})
    journal = next(client.offline_runs()[0].glob("*.wandb")).read_bytes()
    return [records_pb2.Record.FromString(payload) for payload in JournalReader().feed(journal)]


def test_the_environment_has_the_same_keys(records: list[records_pb2.Record], monkeypatch: pytest.MonkeyPatch) -> None:
    theirs = records_pb2.EnvironmentRecord()
    for record in records:
        if record.WhichOneof("record_type") == "environment":
            theirs.MergeFrom(record.environment)
    home = Path(theirs.root)
    monkeypatch.chdir(home)
    settings = ProbeSettings(datetime.now(UTC), root=str(home), writer_id="w", program="script.py")

    ours = to_metadata_json(probe(settings, environment={}, arguments=["--lr", "3"]))

    their_document = MessageToDict(theirs)
    assert keys(ours) == keys(their_document)
    same = ("os", "host", "args", "codePath", "codePathLocal", "program", "root", "cpu_count", "cpu_count_logical")
    assert {key: ours.get(key) for key in same} == {key: their_document.get(key) for key in same}
    assert ours["git"]["commit"] == their_document["git"]["commit"]
    assert ours["git"]["remoteUrl"] == "https://example.org/a.git"
    assert "secret" not in str(ours)


def test_samples_have_the_same_keys(records: list[records_pb2.Record]) -> None:
    theirs = set[str]()
    for record in records:
        if record.WhichOneof("record_type") == "stats":
            theirs |= {item.key for item in record.stats.item}
    sampler = SystemSampler(default_probes(ProbeOptions(pid=os.getpid())))
    sampler.sample()

    assert set(sampler.sample()) == theirs
    assert sys.platform != "linux" or "network.tcpRetransmits" in theirs


def keys(document: dict[str, object]) -> set[str]:
    """Keys of a document, those of inner ones behind a dot."""
    found = set[str]()
    for key, value in document.items():
        found.add(key)
        if isinstance(value, dict):
            found |= {f"{key}.{inner}" for inner in keys(value)}
    return found
