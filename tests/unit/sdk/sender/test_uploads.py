from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from kymograph.client.connection import Attempts, Connection
from tests.unit.sdk.sender.journals import CONNECTION, Sending, Training
from tests.unit.sdk.sender.servers import MemoryServer


@pytest.fixture
def server() -> MemoryServer:
    return MemoryServer()


def send(training: Training, server: MemoryServer, connection: Connection = CONNECTION) -> Sending:
    it = Sending(training.folder, server, connection=connection)
    assert it.run_for(3_600)
    it.close()
    return it


@pytest.mark.parametrize("way", ["/upload/", "/graphql"])
def test_transfers_that_fail_five_times_arrive(tmp_path: Path, server: MemoryServer, way: str) -> None:
    training = Training(tmp_path / "run")
    for number in range(20):
        training.save(f"file{number}.txt", b"x" * number)
    training.end()
    failures = iter(range(5))

    def unwell(request: httpx.Request) -> httpx.Response | None:
        is_meant = request.url.path.startswith(way)
        return httpx.Response(503) if is_meant and next(failures, None) is not None else None

    server.failure = unwell

    it = send(training, server)

    assert {name: len(content) for name, content in server.files.items() if name.startswith("file")} == {
        f"file{number}.txt": number for number in range(20)
    }
    assert it.sender.receipt is not None
    assert it.sender.receipt.is_whole


def test_a_file_that_is_gone_is_told_and_stops_nothing(tmp_path: Path, server: MemoryServer) -> None:
    training = Training(tmp_path / "run")
    training.save("gone.txt", b"x")
    training.save("here.txt", b"y")
    (training.folder.files / "gone.txt").unlink()
    training.log(loss=1)
    training.end()

    it = send(training, server)

    assert server.files["here.txt"] == b"y"
    assert server.is_complete
    assert it.sender.receipt is not None
    assert [problem.split(":")[0] for problem in it.sender.receipt.problems] == ["gone.txt"]
    assert not it.sender.receipt.is_whole


def test_a_file_that_the_server_refuses_is_told_with_its_words(tmp_path: Path, server: MemoryServer) -> None:
    training = Training(tmp_path / "run")
    training.save("large.bin", b"x")
    training.end()

    def picky(request: httpx.Request) -> httpx.Response | None:
        return httpx.Response(403, json={"error": "over your quota"}) if "large" in request.url.path else None

    server.failure = picky

    it = send(training, server)

    assert it.sender.receipt is not None
    assert it.sender.receipt.problems == ("large.bin: over your quota",)


def test_a_file_that_is_saved_again_is_sent_as_it_is_then(tmp_path: Path, server: MemoryServer) -> None:
    training = Training(tmp_path / "run")
    training.save("note.txt", b"first")
    it = Sending(training.folder, server)
    it.run_for(5)
    training.save("note.txt", b"second")

    it.run_for(5)

    assert server.files["note.txt"] == b"second"
    it.close()


def test_a_file_that_is_there_already_is_not_sent_again(tmp_path: Path, server: MemoryServer) -> None:
    training = Training(tmp_path / "run")
    training.save("note.txt", b"text")
    it = Sending(training.folder, server)
    it.run_for(5)
    it.close()
    server.files.clear()
    training.end()

    send(training, server)

    assert "note.txt" not in server.files


def test_a_file_is_given_up_after_as_many_attempts_as_settings_say(tmp_path: Path, server: MemoryServer) -> None:
    training = Training(tmp_path / "run")
    training.save("kept.txt", b"x")
    training.log(loss=1)
    training.end()
    attempts: list[str] = []

    def unwell(request: httpx.Request) -> httpx.Response | None:
        if request.url.path.startswith("/upload/kept"):
            attempts.append(request.url.path)
            return httpx.Response(503)
        return None

    server.failure = unwell

    it = send(training, server, connection=replace(CONNECTION, transfer=Attempts(30, retries=2)))

    assert len(attempts) == 3 + 1, "and once more when the run ends"
    assert server.is_complete
    assert it.sender.receipt is not None
    assert [problem.split(":")[0] for problem in it.sender.receipt.problems] == ["kept.txt"]
