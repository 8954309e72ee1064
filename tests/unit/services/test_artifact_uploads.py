"""Beginning a version and sending its bytes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from kymograph.core.accounts import Role
from kymograph.core.artifact import ArtifactState
from kymograph.core.artifact_filters import CollectionQuery
from kymograph.core.digest import DigestAlgorithm, md5_digest
from kymograph.errors import (
    ArtifactNotFound,
    DigestMismatch,
    Forbidden,
    InvalidName,
    InvalidSetting,
    InvalidTag,
    MalformedRequest,
    ProjectNotFound,
    RequestTooLarge,
    RunNotFound,
    UnsupportedOperation,
    UsageError,
    VersionSealed,
)
from kymograph.services import artifact_uploads
from kymograph.services.artifact_uploads import ArtifactUploads, FileRequest
from kymograph.services.secrets import Signer
from kymograph.testing.deployments import DeploymentUnderTest, open_test_deployment
from tests.unit.services.artifact_client import ArtifactClient, digest_of, entries_of

FILES = {"a.txt": b"A", "sub/ü %20.bin": b"B" * 1000}
LARGE = b"0123456789abcdef" * 700_000
"""11 MB: more than one part of the object store."""


@pytest.fixture
def deployment(tmp_path: Path) -> Iterator[DeploymentUnderTest]:
    with open_test_deployment(tmp_path) as opened:
        opened.run("admin/project/run")
        yield opened


@pytest.fixture
def client(deployment: DeploymentUnderTest) -> ArtifactClient:
    return ArtifactClient(deployment)


def stored_keys(deployment: DeploymentUnderTest) -> list[str]:
    return [info.key for info in deployment.objects.list_keys("blobs/")]


def test_a_draft_begins_as_pending_in_a_new_collection(client: ArtifactClient) -> None:
    draft = client.create(entries_of(FILES), description="d", metadata_json='{"k": NaN}', tags=("t",))

    assert draft.state is ArtifactState.PENDING
    assert (draft.collection.name, draft.collection.type_name) == ("digits", "dataset")
    assert (draft.description, draft.metadata_json, draft.tags) == ("d", '{"k":null}', ("t",))
    assert (draft.version_index, draft.aliases, draft.file_count) == (None, (), 0)


def test_an_empty_entity_means_the_callers_own_and_a_run_is_optional(client: ArtifactClient) -> None:
    draft = client.create(entries_of(FILES), entity=None, run=None)

    assert draft.collection.entity == "admin"
    assert draft.created_by_run is None


def test_equal_content_is_answered_by_the_version_that_has_it_and_aliases_move_there(client: ArtifactClient) -> None:
    first = client.log(FILES)
    second = client.log({"a.txt": b"other"})

    again = client.create(entries_of(FILES), aliases=(("digits", "again"), ("digits", "latest")))

    assert (again.id, again.state) == (first.id, ArtifactState.COMMITTED)
    assert again.aliases == ("again", "latest")
    assert second.aliases == ("latest",)


def test_without_the_wish_for_it_only_the_newest_version_answers_for_equal_content(client: ArtifactClient) -> None:
    first = client.log(FILES)
    newest = client.log({"a.txt": b"other"})

    equal_to_first = client.create(entries_of(FILES), reuses_equal=False)
    equal_to_newest = client.create(entries_of({"a.txt": b"other"}), reuses_equal=False)

    assert equal_to_first.id not in (first.id, newest.id)
    assert equal_to_newest.id == newest.id


def test_a_request_that_is_sent_twice_begins_one_version(client: ArtifactClient) -> None:
    first = client.create(entries_of(FILES), client_id="c1")
    second = client.create(entries_of(FILES), client_id="c1")

    assert first.id == second.id


def test_ids_that_a_client_made_up_mean_the_version_that_its_content_turned_out_to_be(client: ArtifactClient) -> None:
    first = client.log(FILES, client_id="c1", sequence_client_id="s1")
    client.log(FILES, client_id="c2", sequence_client_id="s2")

    meanings = [client.services.artifacts.find_meaning(client.caller, id) for id in ("c1", "c2", "s1", "s2", "x")]

    assert [meaning.id if meaning else None for meaning in meanings[:2]] == [first.id, first.id]
    assert meanings[2:] == [first.collection, first.collection, None]


def test_a_client_id_of_somebody_elses_project_gives_nothing_away(
    deployment: DeploymentUnderTest, client: ArtifactClient
) -> None:
    secret = client.log(FILES, client_id="c1", sequence_client_id="s1")
    stranger = deployment.user("eve")
    deployment.run("eve/project/run", by=stranger)
    other = ArtifactClient(deployment, stranger)

    draft = other.create(entries_of(FILES), entity="eve", client_id="c1")

    assert draft.id != secret.id
    assert other.services.artifacts.find_meaning(stranger, "c1") is None
    assert other.services.artifacts.find_meaning(stranger, "s1") is None


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"storage_region": "mars"}, InvalidSetting),
        ({"tags": ("ok", "not ok!")}, InvalidTag),
        ({"ttl_duration_s": 0}, InvalidSetting),
        ({"digest": "nonsense"}, MalformedRequest),
        ({"collection": "a/b"}, InvalidName),
        ({"type_name": ""}, InvalidName),
        ({"aliases": (("digits", "v3"),)}, InvalidName),
        ({"aliases": (("digits", "a:b"),)}, InvalidName),
        ({"aliases": (("elsewhere", "best"),)}, UnsupportedOperation),
        ({"metadata_json": "[1]"}, MalformedRequest),
        ({"run": "gone"}, RunNotFound),
        ({"project": "gone"}, ProjectNotFound),
    ],
)
def test_a_request_that_cannot_be_served_says_why_and_makes_nothing(
    deployment: DeploymentUnderTest, client: ArtifactClient, change: dict[str, str], error: type[Exception]
) -> None:
    with pytest.raises(error) as caught:
        client.services.artifact_uploads.create(client.caller, client.request(**{"digest": "0" * 32, **change}))

    assert str(change.get("storage_region", "")) in str(caught.value)
    project = client.services.projects.get(client.caller, "admin", "project")
    assert client.services.collections.search(project, CollectionQuery()) == ([], 0)


def test_a_collection_keeps_its_type(client: ArtifactClient) -> None:
    client.log(FILES)

    with pytest.raises(UsageError, match="'dataset'"):
        client.create(entries_of(FILES), type_name="model")


def test_only_members_may_log_and_strangers_do_not_even_see_the_project(
    deployment: DeploymentUnderTest,
) -> None:
    deployment.team("team", viewer=Role.VIEWER)
    deployment.run("team/project/run")
    stranger = deployment.user("eve")
    entries = entries_of(FILES)
    draft = ArtifactClient(deployment).create(entries, entity="team")

    for username, error in (("viewer", Forbidden), ("eve", ProjectNotFound)):
        with pytest.raises(error):
            ArtifactClient(deployment, deployment.caller(username)).create(entries, entity="team")
    with pytest.raises(ArtifactNotFound):
        ArtifactClient(deployment, stranger).prepare(draft.id, FILES)
    with pytest.raises(ArtifactNotFound):
        ArtifactClient(deployment, stranger).announce(draft.id, b"{}")
    with pytest.raises(Forbidden):
        ArtifactClient(deployment, deployment.caller("viewer")).prepare(draft.id, FILES)


def test_uploads_are_answered_in_the_order_asked_for_one_each(client: ArtifactClient) -> None:
    draft = client.create(entries_of(FILES))
    files = {f"{number}.txt": b"same" if number % 2 else str(number).encode() for number in range(30)}

    uploads = client.prepare(draft.id, files)

    assert [upload.file.path for upload in uploads] == list(files)
    assert all(upload.url for upload in uploads)
    assert {upload.file.artifact_id for upload in uploads} == {draft.id}


def test_bytes_that_any_version_of_the_project_has_are_not_sent_again(
    deployment: DeploymentUnderTest, client: ArtifactClient
) -> None:
    first = client.log(FILES)
    draft = client.create(entries_of({"renamed.txt": b"A", "new": b"N"}), collection="other")

    known, new = client.upload(draft.id, {"renamed.txt": b"A", "new": b"N"})

    assert (known.url, known.file.artifact_id) == (None, first.id)
    assert new.file.artifact_id == draft.id
    assert len(stored_keys(deployment)) == 3


def test_bytes_of_another_project_are_not_taken_for_known(
    deployment: DeploymentUnderTest, client: ArtifactClient
) -> None:
    client.log(FILES)
    deployment.run("admin/second/run")
    draft = client.create(entries_of(FILES), project="second")

    assert all(upload.url for upload in client.prepare(draft.id, FILES))


@pytest.mark.parametrize("content", [b"something else", b"", LARGE], ids=["small", "empty", "large"])
def test_content_that_is_not_what_was_announced_is_refused_and_not_kept(
    deployment: DeploymentUnderTest, client: ArtifactClient, content: bytes
) -> None:
    draft = client.create(entries_of(FILES))
    (upload,) = client.prepare(draft.id, {"a.txt": b"A"})
    assert upload.url is not None

    with pytest.raises(DigestMismatch):
        client.send(upload.url, content)

    assert stored_keys(deployment) == []
    assert client.prepare(draft.id, {"a.txt": b"A"})[0].url is not None


def test_a_file_of_many_parts_is_kept_whole(deployment: DeploymentUnderTest, client: ArtifactClient) -> None:
    version = client.log({"large.bin": LARGE, "empty": b""})

    assert client.content(version) == {"large.bin": LARGE, "empty": b""}
    assert version.size_bytes == len(LARGE)
    assert len(stored_keys(deployment)) == 2


@pytest.mark.parametrize("name", ["../a", "/etc/passwd", "a/../../b", "a\0b", ""])
def test_a_file_that_could_leave_its_folder_is_refused(client: ArtifactClient, name: str) -> None:
    draft = client.create(entries_of(FILES))

    with pytest.raises(InvalidName):
        client.prepare(draft.id, {name: b"x"})


def test_a_file_needs_a_digest_that_can_be_checked(client: ArtifactClient) -> None:
    draft = client.create(entries_of(FILES))

    with pytest.raises(MalformedRequest):
        client.services.artifact_uploads.put_files(client.caller, [FileRequest(draft.id, "a", "not base64!")])


def test_an_upload_address_ends_and_is_for_uploads_only(
    deployment: DeploymentUnderTest, client: ArtifactClient
) -> None:
    version = client.log(FILES)
    manifest = client.services.artifacts.current_manifest(version)
    assert manifest is not None
    (upload,) = client.prepare(client.create(entries_of({"n": b"N"})).id, {"n": b"N"})
    assert upload.url is not None

    with pytest.raises(Forbidden):
        client.send(client.services.artifact_downloads.manifest_url(manifest), b"N")
    with pytest.raises(Forbidden):
        client.download(upload.url)
    deployment.clock.advance(days=2)
    with pytest.raises(Forbidden, match="expired"):
        client.send(upload.url, b"N")


def test_a_manifest_has_an_upload_address_once_its_digest_is_known(client: ArtifactClient) -> None:
    draft = client.create(entries_of(FILES))
    uploads = client.services.artifact_uploads

    begun = uploads.put_manifest(client.caller, draft.id, name="wandb_manifest.json")
    announced = uploads.put_manifest(
        client.caller, draft.id, name="wandb_manifest.json", digest=md5_digest(b"the document")
    )

    assert begun.url is None
    assert announced.url is not None
    assert announced.manifest.id == begun.manifest.id


def test_a_manifest_of_boundless_size_is_refused(client: ArtifactClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(artifact_uploads, "MAX_MANIFEST_BYTES", 100)
    draft = client.create(entries_of(FILES))

    with pytest.raises(RequestTooLarge):
        client.announce(draft.id, b" " * 101)


def test_a_committed_version_takes_nothing_more(client: ArtifactClient) -> None:
    version = client.log(FILES)

    with pytest.raises(VersionSealed):
        client.prepare(version.id, {"more": b"more"})
    with pytest.raises(VersionSealed):
        client.announce(version.id, b"{}")


def test_a_server_can_have_several_names_for_its_storage(
    deployment: DeploymentUnderTest, client: ArtifactClient
) -> None:
    uploads = ArtifactUploads(
        deployment.database,
        deployment.objects,
        Signer(b"k" * 32),
        deployment.clock,
        public_url="http://here",
        regions=("moon", "mars"),
    )

    for region in (None, "", "default", "mars"):
        draft = uploads.create(client.caller, client.request(digest_of(entries_of(FILES)), storage_region=region))
        assert draft.state is ArtifactState.PENDING
    with pytest.raises(InvalidSetting, match=r"'venus'.*default, moon, mars"):
        uploads.create(client.caller, client.request("0" * 32, storage_region="venus"))


# --- the other digest


def test_content_can_be_hashed_with_xxh128(deployment: DeploymentUnderTest, client: ArtifactClient) -> None:
    files = {"a.txt": b"A", "b.txt": b"A"}

    version = client.log(files, digest_algorithm=DigestAlgorithm.XXH128)

    assert version.digest_algorithm is version.collection.digest_algorithm is DigestAlgorithm.XXH128
    assert version.digest != client.log(files, collection="by md5").digest
    assert client.content(version) == files
    assert client.log(files, digest_algorithm=DigestAlgorithm.XXH128) == version
    keys = {key for key in stored_keys(deployment) if key.startswith("blobs/")}
    assert len(keys) == 2


def test_content_of_another_xxh128_is_refused(client: ArtifactClient) -> None:
    draft = client.create(entries_of(FILES, DigestAlgorithm.XXH128), digest_algorithm=DigestAlgorithm.XXH128)
    upload, *_ = client.prepare(draft.id, FILES, DigestAlgorithm.XXH128)
    assert upload.url is not None

    with pytest.raises(DigestMismatch):
        client.send(upload.url, b"something else")
    assert client.send(upload.url, next(iter(FILES.values()))).size_bytes == len(next(iter(FILES.values())))


# --- logging what is there


def test_a_run_that_logs_the_same_content_has_logged_that_version_too(
    deployment: DeploymentUnderTest, client: ArtifactClient
) -> None:
    deployment.run("admin/project/second")
    version = client.log(FILES, tags=("first",))

    again = client.log(FILES, run="second", tags=("second",), aliases=(("digits", "again"),))

    assert (again.id, again.aliases, again.tags) == (version.id, ("again", "latest"), ("first", "second"))
    for name in ("run", "second"):
        run = client.services.runs.get(client.caller, "admin", "project", name)
        assert client.services.artifact_lineage.outputs(run) == [again]
    maker = client.services.runs.get(client.caller, "admin", "project", "run")
    assert again.created_by_run == maker.key


def test_a_version_that_no_run_made_names_its_user(client: ArtifactClient) -> None:
    version = client.log(FILES, run=None)

    assert (version.created_by_run, version.created_by_user) == (None, client.caller.user.id)
