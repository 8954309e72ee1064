"""What is captured while a run goes on: a process of its own looks around, and nobody waits for it."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from kymograph.sdk.capture.session import CaptureSession, wait_for_what_was_left
from kymograph.sdk.run_folder import LOOK_TIMEOUT_S, RunFolder, iter_records
from kymograph.sdk.settings import Settings
from kymograph.wire.records_pb2 import EnvironmentRecord, FilesItem


class Heard:
    """What a session told."""

    def __init__(self) -> None:
        self.environments: list[EnvironmentRecord] = []
        self.files: list[str] = []
        self.has_files = threading.Event()

    def take_files(self, names: Any) -> None:
        self.files += names
        self.has_files.set()


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    folder = RunFolder(tmp_path / "run", "r1")
    folder.files.mkdir(parents=True)
    return folder


def begin(folder: RunFolder, heard: Heard, **settings: Any) -> CaptureSession:
    given = {"console": "off", "x_disable_stats": True, "disable_git": True, "api_key": "k" * 40, **settings}
    session = CaptureSession(
        Settings(**given),
        folder,
        started_at=datetime.now(UTC),
        writer_id="w1",
        on_text=lambda _stream, _text: None,
        on_sample=lambda _values, _at: None,
        on_environment=heard.environments.append,
        on_files=heard.take_files,
    )
    session.start()
    return session


def wait_for_companion() -> None:
    for thread in threading.enumerate():
        if thread.name == "kymograph companion":
            thread.join(60)
            assert not thread.is_alive()


def test_findings_are_told_while_the_run_goes_on(folder: RunFolder) -> None:
    heard = Heard()
    session = begin(folder, heard)
    assert heard.has_files.wait(60)
    session._has_looked.wait(60)

    session.stop()
    wait_for_companion()

    assert [record.writer_id for record in heard.environments] == ["w1"]
    assert "requirements.txt" in heard.files
    assert not folder.looking_mark.exists()
    assert folder.further_journals() == []


def test_a_run_that_ends_at_once_does_not_wait_and_has_the_findings_all_the_same(folder: RunFolder) -> None:
    session = begin(folder, Heard())

    session.stop()

    assert folder.is_being_looked_around()
    wait_for_what_was_left()
    assert not folder.looking_mark.exists()
    ((_, journal),) = folder.further_journals()
    records = list(iter_records(journal))
    assert [record.environment.writer_id for record in records if record.HasField("environment")] == ["w1"]
    (files,) = [record.files.files for record in records if record.HasField("files")]
    assert ("requirements.txt", FilesItem.WANDB) in [(item.path, item.type) for item in files]
    assert (folder.files / "requirements.txt").is_file()
    assert b"k" * 40 not in journal.read_bytes()


def test_where_nothing_is_to_be_found_out_nothing_is_waited_for(folder: RunFolder) -> None:
    session = begin(folder, Heard(), x_disable_meta=True)

    session.stop()

    assert not folder.is_being_looked_around()


def test_a_mark_that_was_left_behind_is_void(folder: RunFolder) -> None:
    folder.looking_mark.touch()
    made_at_s = folder.looking_mark.stat().st_mtime

    assert folder.is_being_looked_around(now_s=made_at_s + LOOK_TIMEOUT_S - 1)
    assert not folder.is_being_looked_around(now_s=made_at_s + LOOK_TIMEOUT_S)
