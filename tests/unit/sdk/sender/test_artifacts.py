from __future__ import annotations

import base64
import random
from pathlib import Path
from typing import Any

import httpx
import pytest

from kymograph.client import artifact_saving, upload_parts
from kymograph.sdk.sender.sender import SenderOptions
from tests.unit.sdk.sender.artifact_logging import link_artifact, log_artifact, use_artifact
from tests.unit.sdk.sender.artifact_servers import ArtifactServer, md5
from tests.unit.sdk.sender.journals import Sending, Training
from tests.unit.sdk.sender.killed import send_though_killed

SYNC = SenderOptions(is_sync=True)
FILES = {"a.txt": b"first", "sub/b c.txt": b"second", "same.txt": b"first", "empty": b""}


@pytest.fixture
def server() -> ArtifactServer:
    return ArtifactServer()


@pytest.fixture
def training(tmp_path: Path) -> Training:
    return Training(tmp_path / "run")


def send(training: Training, server: ArtifactServer, **arguments: Any) -> Sending:
    it = Sending(training.folder, server, **arguments)
    assert it.run_for(3 * 3_600)
    it.close()
    return it


def told(it: Sending) -> list[dict[str, Any]]:
    return [event for event in it.listener.heard if event["kind"] == "artifact"]


def test_a_version_arrives_with_all_that_was_said_of_it(training: Training, server: ArtifactServer) -> None:
    training.log(loss=1)
    log_artifact(
        training, "data", FILES, aliases=["best", "latest"], description="text", metadata='{"a":1}', tags=["t"],
        ttl_duration_seconds=60,
    )  # fmt: skip
    training.end()

    it = send(training, server)

    (version,) = server.of("data")
    given = version.input
    assert (given["entityName"], given["projectName"], given["runName"]) == ("me", "p", "run1")
    assert (given["description"], given["metadata"], given["ttlDurationSeconds"]) == ("text", '{"a":1}', 60)
    assert (given["tags"], given["historyStep"]) == ([{"tagName": "t"}], 1)
    assert version.aliases == ["best", "latest"]
    assert {path: entry["digest"] for path, entry in version.contents.items()} == {
        path: md5(content) for path, content in FILES.items()
    }
    assert all(entry["birthArtifactID"] == version.id for entry in version.contents.values())
    assert it.sender.receipt is not None
    assert (it.sender.receipt.artifacts, it.sender.receipt.artifacts_done, it.sender.receipt.is_whole) == (1, 1, True)
    assert told(it) == [{"kind": "artifact", "writer": "", "number": 1, "id": version.id, "error": None}]


def test_staged_copies_are_gone_once_the_server_has_them(training: Training, server: ArtifactServer) -> None:
    log_artifact(training, "data", FILES)
    log_artifact(training, "more", {"x": b"x"}, in_file=True)
    training.end()

    send(training, server)

    assert [path for path in training.folder.artifacts.rglob("*") if path.is_file()] == []


def test_files_of_others_stay(training: Training, server: ArtifactServer, tmp_path: Path) -> None:
    original = tmp_path / "original.txt"
    original.write_bytes(b"mine")
    record = log_artifact(training, "data", {})
    record.manifest.contents.add(path="o", digest=md5(b"mine"), size=4, local_path=str(original))
    training.end()

    send(training, server)

    assert original.read_bytes() == b"mine"


def test_versions_of_a_collection_are_committed_in_the_order_of_logging(
    training: Training, server: ArtifactServer
) -> None:
    for number in range(5):
        log_artifact(training, "data", {f"file{n}": b"%d" % (number + n) for n in range(200 if number == 0 else 1)})
        log_artifact(training, f"other{number}", {"file": b"other"})
    training.end()

    send(training, server)

    assert [len(version.contents) for version in server.of("data")] == [200, 1, 1, 1, 1]


def test_what_the_server_has_is_not_sent_again(training: Training, server: ArtifactServer) -> None:
    log_artifact(training, "data", FILES)
    log_artifact(training, "data", {**FILES, "new": b"new"})
    training.end()

    send(training, server)

    assert server.uploads[md5(b"second")] == 1
    assert server.uploads[md5(b"new")] == 1
    assert len(server.of("data")) == 2


def test_equal_content_is_no_new_version_and_moves_the_aliases(training: Training, server: ArtifactServer) -> None:
    log_artifact(training, "data", FILES)
    log_artifact(training, "data", FILES, aliases=["again"])
    training.end()

    send(training, server)

    (version,) = server.of("data")
    assert version.aliases == ["latest", "again"]


def test_a_second_sync_sends_nothing(training: Training, server: ArtifactServer) -> None:
    log_artifact(training, "data", FILES)
    use_artifact(training, "used-id")
    link_artifact(training, "models/best", client_id="client")
    training.end()
    send(training, server)
    before = (len(server.versions), len(server.uses), len(server.links), dict(server.uploads), len(server.file_batches))

    again = send(training, server, options=SYNC)

    after = (len(server.versions), len(server.uses), len(server.links), dict(server.uploads), len(server.file_batches))
    assert before == after
    assert again.sender.receipt is not None
    assert again.sender.receipt.is_whole


def test_uses_and_links_arrive_and_a_link_comes_after_its_version(training: Training, server: ArtifactServer) -> None:
    use_artifact(training, "used-id")
    log_artifact(training, "data", FILES, client_id="c1", use_after_commit=True)
    link_artifact(training, "models/best", client_id="c1")
    link_artifact(training, "models/other", server_id="known-id")
    training.end()

    send(training, server)

    (version,) = server.of("data")
    assert [use["artifactID"] for use in server.uses] == ["used-id", version.id]
    targets = {link["artifactPortfolioName"]: link for link in server.links}
    assert targets["best"]["artifactID"] == version.id
    assert targets["best"]["aliases"] == [{"artifactCollectionName": "best", "alias": "good"}]
    assert targets["other"]["artifactID"] == "known-id"


def test_references_to_versions_that_were_not_there_yet_are_resolved(
    training: Training, server: ArtifactServer
) -> None:
    log_artifact(training, "media", {"image.png": b"png"}, client_id="c1")
    log_artifact(training, "table", {}, refs={"image.png": "wandb-client-artifact://c1/image.png"})
    training.end()

    send(training, server)

    (media,), (table,) = server.of("media"), server.of("table")
    hex_id = base64.b64decode(media.id).hex()
    assert table.contents["image.png"]["ref"] == f"wandb-artifact://{hex_id}/image.png"


@pytest.mark.parametrize(
    ("fields", "kind"), [({"distributed_id": "d"}, "PATCH"), ({"incremental_beta1": True}, "INCREMENTAL")]
)
def test_parts_of_a_version_have_manifests_of_their_own_kind(
    training: Training, server: ArtifactServer, fields: dict[str, Any], kind: str
) -> None:
    kinds: list[str] = []

    def spy(request: httpx.Request) -> None:
        body = request.read()
        if b"manifestType" in body:
            kinds.append(httpx.Response(200, content=body).json()["variables"]["manifestType"])

    server.failure = spy
    log_artifact(training, "data", FILES, finalize=False, **fields)
    training.end()

    it = send(training, server)

    (version,) = server.versions.values()
    assert (kinds, version.state) == ([kind], "PENDING")
    assert version.contents.keys() == FILES.keys()
    assert told(it)[0]["id"] == version.id


def test_a_version_that_is_refused_is_told_in_the_servers_words_and_the_run_goes_on(
    training: Training, server: ArtifactServer
) -> None:
    log_artifact(training, "data", FILES, type="refused")
    log_artifact(training, "data", {"x": b"x"})
    training.log(loss=1)
    training.end()

    it = send(training, server)

    assert it.sender.receipt is not None
    assert it.sender.receipt.problems == ("artifact data: this type is refused here",)
    assert not it.sender.receipt.is_whole
    assert (len(server.of("data")), server.is_complete) == (1, True)
    assert told(it)[0]["error"] == {"kind": "MalformedRequest", "message": "this type is refused here"}


def test_staged_files_that_are_gone_are_named_and_the_run_goes_on(training: Training, server: ArtifactServer) -> None:
    record = log_artifact(training, "data", FILES)
    log_artifact(training, "data", {"x": b"x"})
    gone = Path(record.manifest.contents[1].local_path)
    gone.unlink()
    training.log(loss=1)
    training.end()

    it = send(training, server, options=SYNC)

    assert it.sender.receipt is not None
    (problem,) = it.sender.receipt.problems
    assert str(gone) in problem
    assert (len(server.of("data")), server.is_complete, len(server.rows())) == (1, True, 1)


def test_files_that_are_gone_and_that_the_server_has_are_no_problem(training: Training, server: ArtifactServer) -> None:
    record = log_artifact(training, "data", FILES)
    for entry in record.manifest.contents:
        server.blobs[entry.digest] = b"there"
        Path(entry.local_path).unlink()
    training.end()

    send(training, server)

    assert len(server.of("data")) == 1


def test_a_folder_that_was_moved_is_sent_whole(training: Training, server: ArtifactServer, tmp_path: Path) -> None:
    log_artifact(training, "data", FILES)
    log_artifact(training, "more", {"x": b"x"}, in_file=True)
    training.end()
    moved = training.folder.path.rename(tmp_path / "elsewhere")

    it = Sending(type(training.folder)(moved, "run1"), server, options=SYNC)
    assert it.run_for(100)
    it.close()

    assert (len(server.of("data")), len(server.of("more"))) == (1, 1)


def test_thousands_of_files_are_announced_in_few_requests(
    training: Training, server: ArtifactServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(artifact_saving, "FILES_PER_REQUEST", 100)
    log_artifact(training, "data", {f"file{n}": b"%d" % n for n in range(300)}, in_file=True)
    training.end()

    send(training, server)

    assert server.file_batches == [100, 100, 100]
    assert len(server.of("data")[0].contents) == 300


def test_a_large_file_goes_up_in_parts(
    training: Training, server: ArtifactServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upload_parts, "FROM_BYTES", 1_000)
    monkeypatch.setattr(upload_parts, "PART_BYTES", 400)
    server.takes_parts_from = 2
    content = bytes(range(256)) * 5
    log_artifact(training, "data", {"large": content, "small": b"small"})
    training.end()

    send(training, server)

    assert sorted(map(len, server.parts[next(iter(server.parts))].values())) == [80, 400, 400, 400]
    assert server.blobs[md5(content)] == content
    assert len(server.of("data")) == 1


def test_an_address_that_has_expired_is_asked_for_again(training: Training, server: ArtifactServer) -> None:
    log_artifact(training, "data", FILES)
    training.end()
    refusals = iter([True])

    def expire(request: httpx.Request) -> httpx.Response | None:
        is_meant = request.url.path.startswith("/blob/") and next(refusals, False)
        return httpx.Response(403, json={"error": "expired"}) if is_meant else None

    server.failure = expire

    send(training, server)

    assert len(server.of("data")) == 1


@pytest.mark.parametrize("seed", range(6))
def test_failures_of_every_kind_only_delay(training: Training, server: ArtifactServer, seed: int) -> None:
    chance = random.Random(seed)

    def unwell(_request: httpx.Request) -> httpx.Response | None:
        fate = chance.random()
        if fate < 0.1:
            raise httpx.ConnectError("reset")
        return httpx.Response(chance.choice([429, 500, 503])) if fate < 0.3 else None

    server.failure = server.failure_after = unwell
    for number in range(3):
        log_artifact(training, "data", {f"{n}": b"%d-%d" % (n, number) for n in range(120)})
    training.end()

    it = send(training, server)

    assert it.sender.receipt is not None
    assert it.sender.receipt.is_whole
    assert [version.index for version in server.of("data")] == [0, 1, 2]


@pytest.mark.parametrize("seed", range(20))
def test_a_sender_that_is_killed_at_any_request_leaves_each_version_once(
    training: Training, server: ArtifactServer, seed: int
) -> None:
    chance = random.Random(seed)
    for number in range(3):
        log_artifact(training, "data", {f"{n}": b"%d-%d" % (n, number) for n in range(60)})
    link_artifact(training, "models/best", client_id="c")
    training.end()

    send_though_killed(training, server, chance, most_requests=120, options=SYNC)

    assert [version.index for version in server.of("data")] == [0, 1, 2]
    assert len(server.commits) == 3
    assert max(server.uploads.values()) <= 2
