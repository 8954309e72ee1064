"""Many small files at once over HTTP, in the order in which a client goes. Source: docs/protocol/bulk-transfers.md."""

from __future__ import annotations

import asyncio
import fcntl
import json
import random
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from kymograph.core.digest import DigestAlgorithm, digest_of, md5_digest, raw_digest
from kymograph.errors import MalformedRequest
from kymograph.server.app import create_app
from kymograph.testing.deployments import DeploymentUnderTest, open_test_deployment
from kymograph.types import ObjectKey
from kymograph.wire.content_parts import MAX_PART_BYTES, ContentPart, PartDecoder, encode_parts
from tests.unit.server.artifact_http import KEY_OF_EVE, Http
from tests.unit.services.artifact_client import document_of, entries_of

FILES = {"a.txt": b"A", "b.txt": b"A", "sub/ü %20.bin": bytes(range(256)) * 40, "empty": b""}


@pytest.fixture
def deployment(tmp_path: Path) -> Iterator[DeploymentUnderTest]:
    with open_test_deployment(tmp_path, objects=(tmp_path / "objects").as_uri()) as opened:
        opened.run("admin/project/run")
        opened.user("eve", api_key=KEY_OF_EVE)
        yield opened


@pytest.fixture
def http(deployment: DeploymentUnderTest) -> Http:
    return Http(create_app(deployment.deployment))


@pytest.fixture
def eve(http: Http) -> Http:
    return Http(http.app, KEY_OF_EVE)


def ask(http: Http, path: str, **document: Any) -> dict[str, Any]:
    response = http.request("POST", f"/api/v1/{path}", json=document, auth=http.auth)
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()
    return answer


def refusal(http: Http, path: str, **document: Any) -> int:
    return http.request("POST", f"/api/v1/{path}", json=document, auth=http.auth).status_code


def announce(http: Http, artifact: str, files: Mapping[str, bytes]) -> dict[str, Any]:
    named = [(path, md5_digest(content)) for path, content in files.items()]
    return ask(http, "artifact-uploads", artifact=artifact, files=named)


def body_of(contents: list[bytes]) -> bytes:
    return b"".join(encode_parts(ContentPart(raw_digest(md5_digest(content)), content) for content in contents))


def send(http: Http, url: str, body: bytes) -> Any:
    return http.request("PUT", urlsplit(url).path, content=body)


def draft(http: Http, files: Mapping[str, bytes], **more: Any) -> str:
    artifact: str = http.create(entries_of(files), **more)["id"]
    return artifact


def log(http: Http, files: Mapping[str, bytes], **more: Any) -> str:
    """A committed version, by bodies of contents."""
    artifact = draft(http, files, **more)
    announced = announce(http, artifact, files)
    contents = [content for index, content in enumerate(files.values()) if index in announced["wanted"]]
    assert send(http, announced["url"], body_of(contents)).status_code == 200
    document = document_of(entries_of(files))
    manifest = http.manifest(artifact, md5_digest(document), upload=True)
    assert http.put(manifest["file"]["uploadUrl"], document).status_code == 200
    http.run("CommitArtifact", artifactID=artifact)
    return artifact


def fetch(http: Http, url: str, paths: list[str]) -> dict[bytes, bytes]:
    response = http.request("POST", urlsplit(url).path, content=json.dumps(paths).encode())
    assert response.status_code == 200, response.text
    decoder = PartDecoder()
    parts = decoder.feed(response.content)
    decoder.close()
    assert int(response.headers["content-length"]) == len(response.content)
    return {part.digest: part.content for part in parts}


def test_files_go_up_and_come_back(http: Http) -> None:
    artifact = log(http, FILES)

    url = ask(http, "artifact-downloads", artifact=artifact)["url"]
    found = fetch(http, url, [*FILES])

    assert found == {raw_digest(md5_digest(content)): content for content in FILES.values()}


def test_what_is_there_is_not_wanted_and_has_its_first_version(http: Http) -> None:
    first = log(http, FILES)
    second = draft(http, {**FILES, "new": b"new"})

    announced = announce(http, second, {**FILES, "new": b"new"})

    assert announced["wanted"] == [4]
    assert [announced["births"][index] for index in announced["born"]] == [first] * 4 + [second]


def test_what_arrived_before_a_body_broke_off_is_kept(http: Http) -> None:
    artifact = draft(http, FILES)
    url = announce(http, artifact, FILES)["url"]
    body = body_of([b"A", FILES["sub/ü %20.bin"]])

    broken = send(http, url, body[:100])

    assert broken.status_code == 400
    assert announce(http, artifact, FILES)["wanted"] == [2, 3]


def test_content_that_is_another_is_told_and_not_stored(http: Http) -> None:
    artifact = draft(http, FILES)
    url = announce(http, artifact, FILES)["url"]
    forged = ContentPart(raw_digest(md5_digest(b"A")), b"B")

    answer = send(http, url, b"".join(encode_parts([forged])))

    assert answer.json() == {"stored": 0, "refused": [md5_digest(b"A")]}
    assert announce(http, artifact, FILES)["wanted"] == [0, 1, 2, 3]


def test_content_that_nobody_announced_is_not_stored(http: Http, deployment: DeploymentUnderTest) -> None:
    url = announce(http, draft(http, FILES), FILES)["url"]

    assert send(http, url, body_of([b"unknown"])).status_code == 200
    assert deployment.objects.list_keys("blobs/") == []


def test_other_hashes_work_alike(http: Http) -> None:
    artifact = draft(http, FILES)
    algorithm = DigestAlgorithm.XXH128
    digest = digest_of(b"A", algorithm)
    announced = ask(http, "artifact-uploads", artifact=artifact, algorithm=str(algorithm), files=[("a", digest)])

    answer = send(http, announced["url"], b"".join(encode_parts([ContentPart(raw_digest(digest), b"A")])))

    assert answer.json() == {"stored": 1, "refused": []}


def test_addresses_are_good_for_one_thing(http: Http) -> None:
    artifact = log(http, FILES)
    down = ask(http, "artifact-downloads", artifact=artifact)["url"]
    up = announce(http, draft(http, {"x": b"x"}), {"x": b"x"})["url"]

    assert send(http, down, body_of([])).status_code == 403
    assert http.request("POST", urlsplit(up).path, content=b"[]").status_code == 403
    assert send(http, f"{up}x", body_of([])).status_code == 403


def test_others_see_and_change_nothing(http: Http, eve: Http) -> None:
    artifact = log(http, FILES)
    pending = draft(http, {"x": b"x"})

    assert refusal(eve, "artifact-downloads", artifact=artifact) == 404
    assert refusal(eve, "artifact-uploads", artifact=pending, files=[]) == 404
    assert refusal(eve, "artifact-manifests", artifact=pending, base=artifact, changed={}) == 404


def test_committed_versions_take_no_more(http: Http) -> None:
    artifact = log(http, FILES)

    assert refusal(http, "artifact-uploads", artifact=artifact, files=[("x", md5_digest(b"x"))]) == 409
    assert refusal(http, "artifact-manifests", artifact=artifact, base=artifact, changed={}) == 409


@pytest.mark.parametrize("path", ["../x", "/x", "a/../../x"])
def test_paths_that_leave_the_folder_are_refused(http: Http, path: str) -> None:
    assert refusal(http, "artifact-uploads", artifact=draft(http, FILES), files=[(path, md5_digest(b"x"))]) == 400


@pytest.mark.parametrize("body", [b"", b"{}", b"[1]", b"not json"])
def test_questions_that_cannot_be_read_are_refused(http: Http, body: bytes) -> None:
    url = ask(http, "artifact-downloads", artifact=log(http, FILES))["url"]

    assert http.request("POST", urlsplit(url).path, content=body).status_code == 400


def test_only_small_files_of_the_version_are_given(http: Http) -> None:
    artifact = log(http, FILES)
    other = http.log({"large": bytes(MAX_PART_BYTES + 1)}, artifactCollectionName="other", aliases=[], clientID="c2")
    url = ask(http, "artifact-downloads", artifact=artifact)["url"]
    url_of_other = ask(http, "artifact-downloads", artifact=other)["url"]

    assert http.request("POST", urlsplit(url).path, content=b'["large"]').status_code == 404
    assert http.request("POST", urlsplit(url_of_other).path, content=b'["large"]').status_code == 400


# --- manifests told as changes


def test_a_manifest_is_another_ones_with_changes(http: Http) -> None:
    base = log(http, FILES)
    files = {"a.txt": b"other", "b.txt": b"A", "empty": b"", "new": b"new"}
    artifact = draft(http, files)
    changed = {"a.txt": b"other", "new": b"new"}
    send(http, announce(http, artifact, changed)["url"], body_of([*changed.values()]))

    ask(
        http, "artifact-manifests", artifact=artifact, base=base,
        removed=["sub/ü %20.bin"], changed=entries_of(changed),
    )  # fmt: skip
    http.run("CommitArtifact", artifactID=artifact)

    url = ask(http, "artifact-downloads", artifact=artifact)["url"]
    assert fetch(http, url, [*files]) == {raw_digest(md5_digest(content)): content for content in files.values()}


def test_changes_that_do_not_give_what_was_promised_are_no_version(http: Http) -> None:
    base = log(http, FILES)
    artifact = draft(http, {**FILES, "new": b"new"})

    ask(http, "artifact-manifests", artifact=artifact, base=base, changed={})

    assert "digest" in http.error("CommitArtifact", artifactID=artifact)


def test_a_draft_is_no_base(http: Http) -> None:
    first, second = draft(http, FILES), draft(http, {"x": b"x"}, clientID="c2")

    assert refusal(http, "artifact-manifests", artifact=second, base=first, changed={}) == 404


# --- contents that come before they are named


def early(http: Http, content: bytes) -> str:
    url = ask(http, "artifact-contents", entity="admin", project="project")["url"]
    response = send(http, url, content)
    assert response.status_code == 200, response.text
    digest: str = response.headers["etag"].strip('"')
    return digest


def test_content_may_come_before_its_draft(http: Http) -> None:
    content = b"large" * 1_000

    assert early(http, content) == md5_digest(content)

    artifact = draft(http, {"x": content})
    announced = announce(http, artifact, {"x": content})
    assert announced["wanted"] == []
    assert announced["births"] == [artifact]


def test_content_that_was_there_is_not_stored_twice(http: Http, deployment: DeploymentUnderTest) -> None:
    log(http, FILES)
    before = [info.key for info in deployment.objects.list_keys("blobs/")]

    early(http, b"A")

    assert [info.key for info in deployment.objects.list_keys("blobs/")] == before


def test_content_may_come_after_it_was_announced(http: Http, deployment: DeploymentUnderTest) -> None:
    artifact = draft(http, {"x": b"x"})
    assert announce(http, artifact, {"x": b"x"})["wanted"] == [0]

    early(http, b"x")
    early(http, b"x")

    assert announce(http, artifact, {"x": b"x"})["wanted"] == []
    assert len(deployment.objects.list_keys("blobs/")) == 1


NAME = "an-upload_of-16-characters"


def offered(http: Http, **more: Any) -> tuple[str, int]:
    answer = ask(http, "artifact-contents", entity="admin", project="project", upload=NAME, **more)
    return answer["url"], answer["received"]


def go_on(http: Http, url: str, content: bytes, start: object) -> httpx.Response:
    return http.request("PUT", urlsplit(url).path, content=content, headers={"Upload-Offset": str(start)})


def unfinished(deployment: DeploymentUnderTest) -> list[Path]:
    beside = deployment.deployment.objects.local_path(ObjectKey("object"))
    assert beside is not None
    return [*beside.with_name("unfinished").glob("*")]


async def broken_off(*pieces: bytes) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece
    raise MalformedRequest("fewer bytes came than were announced")


def break_off(deployment: DeploymentUnderTest, url: str, *pieces: bytes, start: int = 0) -> None:
    token = urlsplit(url).path.rpartition("/")[2]
    with pytest.raises(MalformedRequest):
        asyncio.run(deployment.services.artifact_contents.receive(token, broken_off(*pieces), start=start))


MIB = 1 << 20


def test_content_goes_on_where_it_broke_off(http: Http, deployment: DeploymentUnderTest) -> None:
    content = random.Random(0).randbytes(5 * MIB)
    url, received = offered(http)
    assert received == 0
    break_off(deployment, url, content[:MIB], content[MIB : 3 * MIB])
    url, received = offered(http, digest=md5_digest(content))
    assert received == 3 * MIB
    break_off(deployment, url, content[received : received + MIB], start=received)
    url, received = offered(http, digest=md5_digest(content))
    assert received == 4 * MIB

    answer = go_on(http, url, content[received:], received)

    assert (answer.status_code, answer.headers["etag"]) == (200, f'"{md5_digest(content)}"')
    assert unfinished(deployment) == []
    artifact = draft(http, {"x": content})
    assert announce(http, artifact, {"x": content})["wanted"] == []
    assert [info.size_bytes for info in deployment.deployment.objects.list_keys("blobs/")] == [len(content)]


def test_content_that_went_on_as_another_one_begins_anew(http: Http, deployment: DeploymentUnderTest) -> None:
    content = bytes(2 * MIB)
    url, _ = offered(http, digest=md5_digest(content))
    break_off(deployment, url, b"x" * MIB)

    url, received = offered(http, digest=md5_digest(content))
    assert received == MIB
    assert go_on(http, url, content[MIB:], MIB).status_code == 422
    assert offered(http)[1] == 0
    assert go_on(http, url, content[MIB:], MIB).status_code == 409
    assert go_on(http, url, content, 0).status_code == 200
    assert unfinished(deployment) == []


def test_content_that_is_still_coming_is_left_alone(http: Http, deployment: DeploymentUnderTest) -> None:
    url, _ = offered(http)
    break_off(deployment, url, bytes(MIB))
    (path,) = unfinished(deployment)
    with path.open("rb") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        assert offered(http)[1] == 0
        assert go_on(http, url, b"rest", MIB).status_code == 409
        assert go_on(http, url, b"all", 0).status_code == 200
    assert offered(http)[1] == MIB


@pytest.mark.parametrize("start", ["-1", "x", "1.5", "\xb2"])
def test_odd_starts_are_refused(http: Http, start: str) -> None:
    url = offered(http)[0]

    answer = http.request("PUT", urlsplit(url).path, content=b"", headers={"Upload-Offset": start.encode("latin-1")})

    assert (answer.status_code, "Upload-Offset" in answer.text) == (400, True)


@pytest.mark.parametrize("name", ["short", "../" * 8, "x" * 65])
def test_odd_names_of_uploads_are_refused(http: Http, name: str) -> None:
    assert refusal(http, "artifact-contents", entity="admin", project="project", upload=name) == 422


def test_others_bring_nothing(eve: Http, http: Http) -> None:
    url = ask(http, "artifact-contents", entity="admin", project="project")["url"]

    assert refusal(eve, "artifact-contents", entity="admin", project="project") == 404
    assert send(http, f"{url}x", b"content").status_code == 403
    assert http.request("POST", urlsplit(url).path.replace("contents", "parts"), content=b"[]").status_code == 403
