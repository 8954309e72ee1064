"""The moment at which a version becomes visible."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from kymograph.core.accounts import Role
from kymograph.core.artifact import ArtifactState, ArtifactVersion, ManifestKind
from kymograph.core.digest import md5_digest
from kymograph.errors import ArtifactNotFound, DigestMismatch, Forbidden, ManifestCorrupt, ServerBusy
from kymograph.testing.deployments import DeploymentUnderTest, open_test_deployment
from kymograph.wire.ids import encode_id
from tests.unit.services.artifact_client import ArtifactClient, Entries, digest_of, document_of, entries_of

FILES = {"a.txt": b"A", "sub/b.bin": b"B" * 1000}
REFERENCE: Entries = {"ref.bin": {"digest": "an-etag", "ref": "s3://bucket/key", "size": 12}}


@pytest.fixture
def deployment(tmp_path: Path) -> Iterator[DeploymentUnderTest]:
    with open_test_deployment(tmp_path) as opened:
        opened.run("admin/project/run")
        yield opened


@pytest.fixture
def client(deployment: DeploymentUnderTest) -> ArtifactClient:
    return ArtifactClient(deployment)


def by_name(client: ArtifactClient, name: str) -> ArtifactVersion | None:
    project = client.services.projects.get(client.caller, "admin", "project")
    return client.services.artifacts.find_by_name(project, name)


def test_a_committed_version_has_a_number_its_aliases_and_exact_counts(client: ArtifactClient) -> None:
    version = client.log(FILES, references=REFERENCE, aliases=(("digits", "best"),))

    assert (version.state, version.version_index) == (ArtifactState.COMMITTED, 0)
    assert version.aliases == ("best", "latest")
    assert (version.file_count, version.size_bytes) == (3, 1 + 1000 + 12)
    assert version.digest == digest_of({**entries_of(FILES), **REFERENCE})
    assert client.content(version) == {**FILES, "ref.bin": None}
    for name in ("digits", "digits:latest", "digits:best", "digits:v0"):
        assert by_name(client, name) == version


def test_the_manifest_is_given_back_byte_by_byte(client: ArtifactClient) -> None:
    entries = entries_of(FILES)
    draft = client.create(entries)
    client.upload(draft.id, FILES)
    document = json.dumps({"version": 1, "contents": entries, "extra": "kept"}, indent=3).encode()
    client.announce(draft.id, document)
    version = client.commit(draft.id)

    manifest = client.services.artifacts.current_manifest(version)

    assert manifest is not None
    assert client.download(client.services.artifact_downloads.manifest_url(manifest)) == document


def test_latest_moves_to_each_new_version(client: ArtifactClient) -> None:
    client.log(FILES)
    second = client.log({"a.txt": b"2"})

    assert by_name(client, "digits") == second
    first = by_name(client, "digits:v0")
    assert first is not None
    assert first.aliases == ()


def test_committing_twice_changes_nothing(client: ArtifactClient) -> None:
    version = client.log(FILES)

    assert client.commit(version.id) == version


def test_contents_are_on_the_disk_before_their_version_can_be_seen(
    client: ArtifactClient, deployment: DeploymentUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen_at_flush: list[object] = []
    monkeypatch.setattr(type(deployment.objects), "flush", lambda _: seen_at_flush.append(by_name(client, "digits")))

    client.log(FILES)

    assert seen_at_flush == [None]
    assert by_name(client, "digits") is not None


def test_a_version_whose_contents_the_disk_does_not_take_stays_a_draft(
    client: ArtifactClient, deployment: DeploymentUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: object) -> None:
        raise ServerBusy("the disk fails")

    draft = client.create(entries_of(FILES))
    client.upload(draft.id, FILES)
    client.announce(draft.id, document_of(entries_of(FILES)))
    with monkeypatch.context() as patch:
        patch.setattr(type(deployment.objects), "flush", fail)
        with pytest.raises(ServerBusy):
            client.commit(draft.id)
    assert by_name(client, "digits") is None

    assert client.commit(draft.id).state is ArtifactState.COMMITTED


def test_a_draft_cannot_be_seen_by_name_nor_its_manifest_be_read(client: ArtifactClient) -> None:
    entries = entries_of(FILES)
    draft = client.create(entries, aliases=(("digits", "best"),))
    client.upload(draft.id, FILES)
    client.announce(draft.id, document_of(entries))

    assert [by_name(client, name) for name in ("digits", "digits:best", "digits:v0")] == [None, None, None]
    assert client.services.artifacts.current_manifest(draft) is None


def test_a_version_with_missing_bytes_stays_a_draft_until_they_come(client: ArtifactClient) -> None:
    entries = entries_of(FILES)
    draft = client.create(entries)
    client.upload(draft.id, {"a.txt": b"A"})
    client.announce(draft.id, document_of(entries))

    with pytest.raises(ManifestCorrupt, match=r"sub/b\.bin"):
        client.commit(draft.id)

    assert by_name(client, "digits") is None
    client.upload(draft.id, FILES)
    assert client.commit(draft.id).version_index == 0


def test_a_manifest_that_is_not_the_promised_content_is_refused(client: ArtifactClient) -> None:
    draft = client.create(entries_of(FILES))
    client.upload(draft.id, FILES)
    client.announce(draft.id, document_of(entries_of({"a.txt": b"A"})))

    with pytest.raises(DigestMismatch):
        client.commit(draft.id)

    assert by_name(client, "digits") is None


@pytest.mark.parametrize(
    "document",
    [
        b"not json",
        b"[]",
        b'{"version": 2, "contents": {}}',
        b'{"version": 1, "contents": []}',
        b'{"version": 1, "contents": {"../x": {"digest": "d"}}}',
        b'{"version": 1, "contents": {"x": {"size": 1}}}',
        b'{"version": 1, "contents": {"x": 7}}',
        b"[" * 100_000,
    ],
)
def test_a_manifest_that_cannot_be_read_is_refused(client: ArtifactClient, document: bytes) -> None:
    draft = client.create({})
    client.announce(draft.id, document)

    with pytest.raises(ManifestCorrupt):
        client.commit(draft.id)


def test_a_version_without_manifest_is_refused(client: ArtifactClient) -> None:
    draft = client.create({})
    uploads = client.services.artifact_uploads

    with pytest.raises(ManifestCorrupt, match="never announced"):
        client.commit(draft.id)
    uploads.put_manifest(client.caller, draft.id, name="wandb_manifest.json", digest=md5_digest(b"{}"))
    with pytest.raises(ManifestCorrupt, match="never uploaded"):
        client.commit(draft.id)


def test_an_empty_artifact_is_fine(client: ArtifactClient) -> None:
    version = client.log({})

    assert (version.file_count, version.size_bytes) == (0, 0)


def test_an_incremental_manifest_adds_to_the_newest_version(client: ArtifactClient) -> None:
    client.log({"1": b"one", "2": b"two"}, references=REFERENCE)

    version = client.log({"2": b"TWO", "3": b"three"}, kind=ManifestKind.INCREMENTAL)

    whole = {"1": b"one", "2": b"TWO", "3": b"three"}
    assert client.content(version) == {**whole, "ref.bin": None}
    assert version.digest == digest_of({**entries_of(whole), **REFERENCE})
    manifest = client.services.artifacts.current_manifest(version)
    assert manifest is not None
    assert manifest.kind is ManifestKind.FULL
    document = json.loads(client.download(client.services.artifact_downloads.manifest_url(manifest)))
    assert sorted(document["contents"]) == ["1", "2", "3", "ref.bin"]
    assert document["contents"]["ref.bin"]["ref"] == "s3://bucket/key"


def test_incremental_versions_that_overlap_lose_nothing(client: ArtifactClient) -> None:
    drafts: list[ArtifactVersion] = []
    for number in range(3):
        files = {f"{number}": str(number).encode()}
        draft = client.create(entries_of(files))
        client.upload(draft.id, files)
        client.announce(draft.id, document_of(entries_of(files)), kind=ManifestKind.INCREMENTAL)
        drafts.append(draft)

    versions = [client.commit(draft.id) for draft in drafts]

    assert [sorted(client.content(version)) for version in versions] == [["0"], ["0", "1"], ["0", "1", "2"]]


def test_writers_of_a_distributed_version_make_it_together(client: ArtifactClient) -> None:
    uploads = client.services.artifact_uploads
    drafts: list[ArtifactVersion] = []
    for files in ({"one": b"1"}, {"two": b"2"}):
        entries = entries_of(files)
        draft = client.create(entries, distributed_id="together")
        begun = uploads.put_manifest(client.caller, draft.id, name="patch.json", kind=ManifestKind.PATCH)
        client.upload(draft.id, files)
        document = document_of(entries)
        upload = uploads.announce_manifest(client.caller, begun.manifest.id, digest=md5_digest(document))
        assert upload.url is not None
        client.send(upload.url, document)
        drafts.append(draft)

    version = client.commit(drafts[0].id)

    assert drafts[0].id == drafts[1].id
    assert client.content(version) == {"one": b"1", "two": b"2"}
    assert version.digest == digest_of(entries_of({"one": b"1", "two": b"2"}))


def test_bytes_are_shared_with_a_version_of_another_project_that_the_caller_may_read(
    deployment: DeploymentUnderTest, client: ArtifactClient
) -> None:
    deployment.run("admin/second/run")
    origin = client.log(FILES)
    entries = json.loads(document_of(entries_of(FILES)))["contents"]
    for entry in entries.values():
        entry["birthArtifactID"] = encode_id("Artifact", origin.id)

    draft = client.create(entries, project="second")
    client.announce(draft.id, document_of(entries))

    assert client.content(client.commit(draft.id)) == FILES


def test_bytes_of_a_project_that_the_caller_may_not_read_cannot_be_taken_by_naming_them(
    deployment: DeploymentUnderTest, client: ArtifactClient
) -> None:
    origin = client.log(FILES)
    stranger = ArtifactClient(deployment, deployment.user("eve"))
    deployment.run("eve/project/run", by=stranger.caller)
    entries = entries_of(FILES)
    for entry in entries.values():
        entry["birthArtifactID"] = encode_id("Artifact", origin.id)
    draft = stranger.create(entries, entity="eve")
    stranger.announce(draft.id, document_of(entries))

    with pytest.raises(ManifestCorrupt):
        stranger.commit(draft.id)


def test_only_members_may_commit(deployment: DeploymentUnderTest) -> None:
    deployment.team("team", viewer=Role.VIEWER)
    deployment.run("team/project/run")
    stranger = deployment.user("eve")
    draft = ArtifactClient(deployment).create({}, entity="team")

    with pytest.raises(Forbidden):
        ArtifactClient(deployment, deployment.caller("viewer")).commit(draft.id)
    with pytest.raises(ArtifactNotFound):
        ArtifactClient(deployment, stranger).commit(draft.id)


def test_a_deleted_draft_cannot_be_committed(client: ArtifactClient) -> None:
    draft = client.create({})
    client.services.artifacts.delete(client.caller, draft.id)

    with pytest.raises(ArtifactNotFound):
        client.commit(draft.id)
