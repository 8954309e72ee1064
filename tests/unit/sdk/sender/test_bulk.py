"""Artifacts on their way to a server that takes many small files at once."""

from __future__ import annotations

import random
from pathlib import Path

import httpx
import pytest

from kymograph.client import artifact_saving
from kymograph.client.known_versions import KnownVersions
from kymograph.sdk.sender.sender import SenderOptions
from tests.unit.sdk.sender.artifact_logging import log_artifact
from tests.unit.sdk.sender.artifact_servers import md5
from tests.unit.sdk.sender.bulk_server import BulkServer
from tests.unit.sdk.sender.journals import Sending, Training
from tests.unit.sdk.sender.killed import send_though_killed

FILES = {"a.txt": b"first", "sub/b c.txt": b"second", "same.txt": b"first", "empty": b""}
MANY = {f"file{number}": b"%d" % number for number in range(40)}


@pytest.fixture
def server() -> BulkServer:
    return BulkServer()


@pytest.fixture
def training(tmp_path: Path) -> Training:
    return Training(tmp_path / "run")


@pytest.fixture
def options(tmp_path: Path) -> SenderOptions:
    return SenderOptions(is_sync=True, cache=tmp_path / "cache")


def send(training: Training, server: BulkServer, options: SenderOptions) -> Sending:
    it = Sending(training.folder, server, options=options)
    assert it.run_for(3 * 3_600)
    it.close()
    return it


def test_small_files_go_together_and_each_content_once(
    training: Training, server: BulkServer, options: SenderOptions
) -> None:
    log_artifact(training, "data", FILES)
    training.end()

    send(training, server, options)

    (version,) = server.of("data")
    assert {path: entry["digest"] for path, entry in version.contents.items()} == {
        path: md5(content) for path, content in FILES.items()
    }
    assert all(entry["birthArtifactID"] == version.id for entry in version.contents.values())
    assert (server.announced, server.file_batches) == ([4], [])
    assert set(server.uploads.values()) == {1}


def test_large_files_go_one_by_one(
    training: Training, server: BulkServer, options: SenderOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(artifact_saving, "SMALL_BYTES", 10)
    log_artifact(training, "data", {"small": b"small", "large": b"l" * 11})
    log_artifact(training, "data", {"small": b"small", "large": b"m" * 11, **MANY})
    training.end()

    send(training, server, options)

    assert [len(version.contents) for version in server.of("data")] == [2, 42]
    assert server.file_batches == [1, 1]


def test_what_changes_is_all_that_is_told(training: Training, server: BulkServer, options: SenderOptions) -> None:
    later = {**MANY, "file1": b"other", "new": b"new"}
    del later["file2"]
    log_artifact(training, "data", MANY)
    log_artifact(training, "data", later)
    log_artifact(training, "data", {**later, "file3": b"changed, too"}, in_file=True)
    training.end()

    send(training, server, options)

    first, second, third = server.of("data")
    assert server.announced == [40, 2, 1]
    assert [(set(told["changed"]), told["removed"]) for told in server.amended] == [
        ({"file1", "new"}, ["file2"]),
        ({"file3"}, []),
    ]
    assert {path: entry["digest"] for path, entry in second.contents.items()} == {
        path: md5(content) for path, content in later.items()
    }
    assert second.contents["file0"]["birthArtifactID"] == first.id
    assert third.contents["new"]["birthArtifactID"] == second.id


def test_a_version_that_shares_little_is_told_whole(
    training: Training, server: BulkServer, options: SenderOptions
) -> None:
    log_artifact(training, "data", MANY)
    log_artifact(training, "data", {**FILES, "file1": b"1"})
    training.end()

    send(training, server, options)

    assert (len(server.of("data")), server.amended) == (2, [])


def test_a_base_that_is_gone_costs_a_whole_manifest(
    training: Training, server: BulkServer, options: SenderOptions
) -> None:
    log_artifact(training, "data", MANY)
    training.end()
    send(training, server, options)
    server.lost = set(server.versions)
    again = Training(training.folder.path.with_name("again"))
    log_artifact(again, "data", {**MANY, "new": b"new"}, client_id="another")
    again.end()

    send(again, server, options)

    assert [len(version.contents) for version in server.of("data")] == [40, 41]
    assert server.amended == []


def test_without_a_cache_nothing_is_noted_and_all_is_told(training: Training, server: BulkServer) -> None:
    log_artifact(training, "data", MANY)
    log_artifact(training, "data", {**MANY, "new": b"new"})
    training.end()

    send(training, server, SenderOptions(is_sync=True))

    assert (server.announced, server.amended) == ([40, 41], [])


def test_what_was_committed_is_known(training: Training, server: BulkServer, options: SenderOptions) -> None:
    log_artifact(training, "data", FILES)
    training.end()

    it = send(training, server, options)

    assert options.cache is not None
    known = KnownVersions(options.cache).find(it.client.base_url, "data")
    (version,) = server.of("data")
    assert known is not None
    assert (known.id, known.entity, known.project) == (version.id, "me", "p")
    assert known.digests() == {md5(content) for content in FILES.values()}
    assert known.contents == version.contents


def test_a_file_that_changed_after_it_was_logged_is_named(
    training: Training, server: BulkServer, options: SenderOptions
) -> None:
    record = log_artifact(training, "data", FILES)
    Path(record.manifest.contents[1].local_path).write_bytes(b"sec0nd")
    training.end()

    it = send(training, server, options)

    assert server.of("data") == []
    (problem,) = it.sender.artifact_counts.problems.values()
    assert "changed after it was added" in problem


def test_an_address_that_has_expired_is_asked_for_again(
    training: Training, server: BulkServer, options: SenderOptions
) -> None:
    log_artifact(training, "data", FILES)
    training.end()
    refusals = iter([True])

    def expire(request: httpx.Request) -> httpx.Response | None:
        is_meant = request.url.path == "/parts" and next(refusals, False)
        return httpx.Response(403, json={"error": "expired"}) if is_meant else None

    server.failure = expire

    send(training, server, options)

    assert len(server.of("data")) == 1


def test_a_large_file_that_is_expected_is_there_when_it_is_logged(
    training: Training, server: BulkServer, options: SenderOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(artifact_saving, "SMALL_BYTES", 3)
    record = log_artifact(training, "data", {"large": b"large"})
    training.end()
    it = Sending(training.folder, server, options=options)
    it.listener.expected.append((record.manifest.contents[0].local_path, "MANIFEST_MD5"))
    it.listener.expected.append((str(training.folder.path / "not there"), "MANIFEST_MD5"))

    assert it.run_for(3_600)
    it.close()

    assert (server.early, [*server.uploads]) == ([md5(b"large")], [])
    assert len(server.of("data")) == 1


def test_one_that_does_not_work_out_is_sent_when_it_is_logged(
    training: Training, server: BulkServer, options: SenderOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(artifact_saving, "SMALL_BYTES", 3)
    record = log_artifact(training, "data", {"large": b"large"})
    training.end()
    server.failure = lambda request: httpx.Response(503) if request.url.path == "/content" else None
    it = Sending(training.folder, server, options=options)
    it.listener.expected.append((record.manifest.contents[0].local_path, "MANIFEST_MD5"))

    assert it.run_for(3_600)
    it.close()

    assert (server.early, [*server.uploads]) == ([], [md5(b"large")])


@pytest.mark.parametrize("seed", range(6))
def test_failures_of_every_kind_only_delay(
    training: Training, server: BulkServer, options: SenderOptions, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kymograph.client.bulk_chunks.CHUNK_FILES", 7)
    chance = random.Random(seed)

    def unwell(_request: httpx.Request) -> httpx.Response | None:
        fate = chance.random()
        if fate < 0.1:
            raise httpx.ConnectError("reset")
        return httpx.Response(chance.choice([429, 500, 503])) if fate < 0.3 else None

    server.failure = server.failure_after = unwell
    for number in range(3):
        log_artifact(training, "data", {f"{n}": b"%d-%d" % (n, number * (n < 30)) for n in range(120)})
    training.end()

    it = send(training, server, options)

    assert it.sender.receipt is not None
    assert it.sender.receipt.is_whole
    assert [version.index for version in server.of("data")] == [0, 1, 2]
    # What arrived though its answer was lost is asked about, and not sent again.
    assert set(server.uploads.values()) == {1}


@pytest.mark.parametrize("seed", range(20))
def test_a_sender_that_is_killed_at_any_request_leaves_each_version_once(
    training: Training, server: BulkServer, options: SenderOptions, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kymograph.client.bulk_chunks.CHUNK_FILES", 5)
    chance = random.Random(seed)
    for number in range(4):
        log_artifact(training, "data", {f"{n}": b"%d-%d" % (n, number * (n < 20)) for n in range(60)})
    training.end()

    send_though_killed(training, server, chance, most_requests=25, options=options)

    assert [version.index for version in server.of("data")] == [0, 1, 2, 3]
    assert [version.contents["59"]["digest"] for version in server.of("data")] == [md5(b"59-0")] * 4
