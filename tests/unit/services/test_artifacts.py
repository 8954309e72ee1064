"""Looking versions up, labelling and deleting them, and their lineage."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from kymograph.core.accounts import Role
from kymograph.core.artifact import TTL_DISABLED, TTL_INHERITED, ArtifactState, ArtifactVersion
from kymograph.core.artifact_filters import CollectionQuery, VersionQuery, parse_collection_order
from kymograph.core.digest import hex_digest, md5_digest
from kymograph.core.project import Project
from kymograph.errors import (
    AliasesPresent,
    ArtifactNotFound,
    EntityNotFound,
    Forbidden,
    InvalidName,
    MalformedRequest,
    RunNotFound,
)
from kymograph.services.artifact_lineage import RunAddressOfUse
from kymograph.services.artifact_links import AliasOf
from kymograph.services.artifacts import ArtifactChange
from kymograph.testing.deployments import DeploymentUnderTest, open_test_deployment
from kymograph.types import ArtifactId
from kymograph.wire.ids import encode_id
from tests.unit.services.artifact_client import ArtifactClient, document_of, entries_of

FILES = {"a.txt": b"A", "b.txt": b"B", "sub/c.txt": b"C"}
USER = RunAddressOfUse("admin", "project", "user")


@pytest.fixture
def deployment(tmp_path: Path) -> Iterator[DeploymentUnderTest]:
    with open_test_deployment(tmp_path) as opened:
        opened.run("admin/project/run")
        opened.run("admin/project/user")
        yield opened


@pytest.fixture
def client(deployment: DeploymentUnderTest) -> ArtifactClient:
    return ArtifactClient(deployment)


@pytest.fixture
def version(client: ArtifactClient) -> ArtifactVersion:
    return client.log(FILES)


@pytest.fixture
def project(client: ArtifactClient, version: ArtifactVersion) -> Project:
    return client.services.projects.get(client.caller, "admin", "project")


def alias(name: str) -> AliasOf:
    return AliasOf("admin", "project", "digits", name)


def refreshed(client: ArtifactClient, version: ArtifactVersion) -> ArtifactVersion:
    found = client.services.artifacts.find(client.caller, version.id)
    assert found is not None
    return found


# --- looking up


@pytest.mark.parametrize("name", ["digits:v1", "digits:nope", "nothing", "nothing:latest", ":", "", "digits:v01"])
def test_a_name_without_a_version_behind_it_gives_none(client: ArtifactClient, project: Project, name: str) -> None:
    assert client.services.artifacts.find_by_name(project, name) is None


def test_a_name_of_another_type_gives_none(client: ArtifactClient, project: Project, version: ArtifactVersion) -> None:
    assert client.services.artifacts.find_by_name(project, "digits", type_name="dataset") == version
    assert client.services.artifacts.find_by_name(project, "digits", type_name="model") is None


def test_what_a_caller_may_not_read_is_not_there(
    deployment: DeploymentUnderTest, client: ArtifactClient, version: ArtifactVersion
) -> None:
    stranger = deployment.user("eve")

    assert client.services.artifacts.find(stranger, version.id) is None
    assert client.services.collections.find_by_id(stranger, version.collection.id) is None
    assert client.services.artifacts.find(stranger, ArtifactId(10**9)) is None


def test_entries_come_by_path_in_pages_or_by_name(client: ArtifactClient, version: ArtifactVersion) -> None:
    service = client.services.artifacts

    first = service.entries(version, limit=2)
    rest = service.entries(version, after="b.txt")
    named = service.entries(version, names=["sub/c.txt", "nope", "a.txt", "a.txt"])

    assert ([entry.path for entry in first.entries], first.total) == (["a.txt", "b.txt"], 3)
    assert [entry.path for entry in rest.entries] == ["sub/c.txt"]
    assert ([entry.path for entry in named.entries], named.total) == (["a.txt", "sub/c.txt"], 2)
    assert service.entries(version, names=[]).entries == []


def test_types_collections_and_versions_are_listed(client: ArtifactClient, project: Project) -> None:
    client.log({"a.txt": b"2"})
    model = client.log(FILES, collection="net", type_name="model")
    service = client.services.collections

    collections, total = service.search(project, CollectionQuery(order=parse_collection_order("name")))
    places, place_total = service.search_places(collections[0], VersionQuery())

    assert [found.name for found in service.list_types(project)] == ["dataset", "model"]
    assert ([found.name for found in collections], total) == (["digits", "net"], 2)
    assert service.search(project, CollectionQuery(type_name="model")) == ([model.collection], 1)
    assert ([place.version_index for place in places], place_total) == ([1, 0], 2)
    assert service.find_type(project, "nope") is None


# --- labels


def test_an_alias_moves_from_version_to_version(client: ArtifactClient, version: ArtifactVersion) -> None:
    second = client.log({"a.txt": b"2"})
    service = client.services.artifact_links
    service.add_aliases(client.caller, version.id, [alias("best")])
    service.add_aliases(client.caller, second.id, [alias("best")])

    assert refreshed(client, version).aliases == ()
    assert refreshed(client, second).aliases == ("best", "latest")
    assert client.services.collections.list_aliases(version.collection) == ["best", "latest"]
    service.delete_aliases(client.caller, second.id, [alias("best"), alias("never")])
    assert refreshed(client, second).aliases == ("latest",)


@pytest.mark.parametrize("name", ["v7", "a/b", "a:b", ""])
def test_a_version_number_or_a_broken_name_is_no_alias(
    client: ArtifactClient, version: ArtifactVersion, name: str
) -> None:
    with pytest.raises(InvalidName):
        client.services.artifact_links.add_aliases(client.caller, version.id, [alias(name)])


def test_a_change_leaves_alone_what_it_does_not_name(client: ArtifactClient, version: ArtifactVersion) -> None:
    update = client.services.artifacts.update
    update(
        client.caller,
        version.id,
        ArtifactChange(description="d", metadata_json='{"k":1}', ttl_duration_s=60, tags_to_add=("a", "b")),
    )

    changed = update(client.caller, version.id, ArtifactChange(tags_to_add=("c",), tags_to_delete=("a",)))

    assert (changed.description, changed.metadata_json, changed.ttl_duration_s) == ("d", '{"k":1}', 60)
    assert changed.tags == ("b", "c")
    assert changed.aliases == ("latest",)
    assert changed.digest == version.digest


def test_a_change_of_all_aliases_replaces_them(client: ArtifactClient, version: ArtifactVersion) -> None:
    client.services.artifact_links.add_aliases(client.caller, version.id, [alias("old")])
    change = ArtifactChange(aliases=(("digits", "new"), ("digits", "latest")))

    assert client.services.artifacts.update(client.caller, version.id, change).aliases == ("latest", "new")


def test_metadata_must_be_an_object(client: ArtifactClient, version: ArtifactVersion) -> None:
    with pytest.raises(MalformedRequest):
        client.services.artifacts.update(client.caller, version.id, ArtifactChange(metadata_json="7"))


@pytest.mark.parametrize(
    ("seconds", "is_inherited"), [(None, True), (TTL_INHERITED, True), (TTL_DISABLED, False), (3600, False)]
)
def test_a_time_to_live_is_the_collections_unless_set(
    client: ArtifactClient, seconds: int | None, is_inherited: bool
) -> None:
    version = client.log(FILES, ttl_duration_s=seconds)

    assert version.ttl_is_inherited is is_inherited


# --- deletion


def test_a_version_with_aliases_is_deleted_only_with_them(client: ArtifactClient, version: ArtifactVersion) -> None:
    with pytest.raises(AliasesPresent, match="latest"):
        client.services.artifacts.delete(client.caller, version.id)
    assert refreshed(client, version) == version

    deleted = client.services.artifacts.delete(client.caller, version.id, with_aliases=True)

    assert (deleted.state, deleted.aliases) == (ArtifactState.DELETED, ())
    assert client.services.collections.search_places(version.collection, VersionQuery()) == ([], 0)
    assert client.services.artifacts.delete(client.caller, version.id).state is ArtifactState.DELETED


def test_the_number_of_a_deleted_version_is_not_given_again(client: ArtifactClient, version: ArtifactVersion) -> None:
    client.services.artifacts.delete(client.caller, version.id, with_aliases=True)

    again = client.log(FILES)

    assert again.version_index == 1
    assert client.content(again) == FILES


def test_what_a_run_made_can_go_with_it(deployment: DeploymentUnderTest, client: ArtifactClient) -> None:
    made, other = client.log(FILES), client.log({"a.txt": b"2"}, run="user")
    client.log({"a.txt": b"2"})
    run = client.services.runs.get(client.caller, "admin", "project", "run")

    with pytest.raises(RunNotFound):
        client.services.artifact_space.delete_of_run(deployment.user("eve"), run.key)
    assert client.services.artifact_space.delete_of_run(client.caller, run.key).versions == 1

    assert refreshed(client, made).state is ArtifactState.DELETED
    assert refreshed(client, other).state is ArtifactState.COMMITTED


def test_viewers_may_look_and_not_touch(deployment: DeploymentUnderTest) -> None:
    deployment.team("team", viewer=Role.VIEWER)
    deployment.run("team/project/run")
    version = ArtifactClient(deployment).log(FILES, entity="team")
    viewer = ArtifactClient(deployment, deployment.caller("viewer"))
    service = deployment.services.artifacts
    links = deployment.services.artifact_links
    mine = AliasOf("team", "project", "digits", "mine")

    assert viewer.content(refreshed(viewer, version)) == FILES
    with pytest.raises(Forbidden):
        links.add_aliases(viewer.caller, version.id, [mine])
    with pytest.raises(Forbidden):
        links.delete_aliases(viewer.caller, version.id, [mine])
    with pytest.raises(Forbidden):
        service.update(viewer.caller, version.id, ArtifactChange(description="x"))
    with pytest.raises(Forbidden):
        service.delete(viewer.caller, version.id, with_aliases=True)
    with pytest.raises(Forbidden):
        deployment.services.artifact_lineage.use(viewer.caller, version.id, RunAddressOfUse("team", "project", "run"))


# --- lineage


def test_a_use_is_recorded_once(client: ArtifactClient, version: ArtifactVersion) -> None:
    service = client.services.artifact_lineage
    service.use(client.caller, version.id, USER, used_as="train")
    service.use(client.caller, version.id, USER)
    run = client.services.runs.get(client.caller, "admin", "project", "user")

    assert service.used_by(version) == [run.key]
    assert service.inputs(client.caller, run) == [(version, "train")]
    assert service.outputs(run) == []
    maker = client.services.runs.get(client.caller, "admin", "project", "run")
    assert service.outputs(maker) == [version]


def test_a_use_needs_a_run_and_a_readable_version(
    deployment: DeploymentUnderTest, client: ArtifactClient, version: ArtifactVersion
) -> None:
    stranger = deployment.user("eve")
    deployment.run("eve/project/run", by=stranger)

    with pytest.raises(RunNotFound):
        client.services.artifact_lineage.use(client.caller, version.id, RunAddressOfUse("admin", "project", "nope"))
    with pytest.raises(ArtifactNotFound):
        client.services.artifact_lineage.use(stranger, version.id, RunAddressOfUse("eve", "project", "run"))


def test_lineage_does_not_show_what_the_caller_may_not_read(deployment: DeploymentUnderTest) -> None:
    deployment.team("team", viewer=Role.VIEWER)
    deployment.run("team/project/run")
    admin = ArtifactClient(deployment)
    deployment.run("admin/project/run")
    secret = admin.log(FILES)
    admin.services.artifact_lineage.use(admin.caller, secret.id, RunAddressOfUse("team", "project", "run"))
    viewer = deployment.caller("viewer")
    run = deployment.services.runs.get(viewer, "team", "project", "run")

    assert deployment.services.artifact_lineage.inputs(viewer, run) == []
    assert len(deployment.services.artifact_lineage.inputs(admin.caller, run)) == 1


# --- bytes by digest


def test_content_is_found_by_digest_in_the_version_or_the_project_or_the_entity(
    client: ArtifactClient, version: ArtifactVersion
) -> None:
    downloads = client.services.artifact_downloads
    hexdigest = hex_digest(md5_digest(b"A"))

    found = {
        downloads.find_in_version(client.caller, version.id, "admin", "project", hexdigest),
        downloads.find_in_version(client.caller, version.id, "admin", "elsewhere", hexdigest),
        downloads.find_in_version(client.caller, None, "admin", "project", hexdigest),
        downloads.find_in_entity(client.caller, "admin", hexdigest),
    }

    (key,) = found
    assert asyncio.run(downloads.open(key, "a.txt")).info.size_bytes == 1


def test_content_is_not_found_by_those_who_may_not_read_it(
    deployment: DeploymentUnderTest, client: ArtifactClient, version: ArtifactVersion
) -> None:
    stranger = deployment.user("eve")
    downloads = client.services.artifact_downloads
    hexdigest = hex_digest(md5_digest(b"A"))

    with pytest.raises(ArtifactNotFound):
        downloads.find_in_version(stranger, version.id, "admin", "project", hexdigest)
    with pytest.raises(EntityNotFound):
        downloads.find_in_entity(stranger, "admin", hexdigest)
    with pytest.raises(ArtifactNotFound):
        downloads.find_in_entity(client.caller, "admin", "0" * 32)
    with pytest.raises(MalformedRequest):
        downloads.find_in_entity(client.caller, "admin", "../../etc")


def test_readers_of_a_version_may_read_all_of_it_wherever_the_bytes_came_from(deployment: DeploymentUnderTest) -> None:
    deployment.team("team", viewer=Role.VIEWER)
    deployment.run("team/project/run")
    admin = ArtifactClient(deployment)
    origin = admin.log(FILES)
    entries = entries_of(FILES)
    for entry in entries.values():
        entry["birthArtifactID"] = encode_id("Artifact", origin.id)
    draft = admin.create(entries, entity="team")
    admin.announce(draft.id, document_of(entries))
    shared = admin.commit(draft.id)
    viewer = deployment.caller("viewer")
    find = deployment.services.artifact_downloads.find_in_version
    hexdigest = hex_digest(md5_digest(b"A"))

    assert find(viewer, origin.id, "team", "project", hexdigest, artifact=shared.id)
    with pytest.raises(ArtifactNotFound):
        find(viewer, origin.id, "team", "project", hexdigest)
    with pytest.raises(ArtifactNotFound):
        find(viewer, origin.id, "team", "project", hexdigest, artifact=origin.id)
