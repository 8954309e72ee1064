"""Who is told that an artifact was read."""

from __future__ import annotations

import pytest

from kymograph.client import artifact_reads
from kymograph.client.artifact_reads import ArtifactRead, active_run, listen, note_read
from kymograph.client.runs import RunAddress


class Listener:
    def __init__(self, run: RunAddress | None = None) -> None:
        self.reads: list[ArtifactRead] = []
        self.run = run

    def note_read(self, read: ArtifactRead) -> None:
        self.reads.append(read)

    def find_run(self, base_url: str) -> RunAddress | None:
        return self.run if base_url == "http://here" else None


def test_all_who_listen_are_told_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(artifact_reads, "_listeners", [])
    listener, read = Listener(), ArtifactRead("http://here", "id", "dataset", "n:v0")
    note_read(read)
    listen(listener)
    listen(listener)

    note_read(read)

    assert listener.reads == [read]


def test_the_run_of_a_server_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(artifact_reads, "_listeners", [])
    run = RunAddress("e", "p", "r")
    assert active_run("http://here") is None
    listen(Listener())
    listen(Listener(run))

    assert active_run("http://here") == run
    assert active_run("http://there") is None
