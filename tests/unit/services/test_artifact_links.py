"""Linking versions to portfolios, and their aliases there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from kymograph.core.accounts import Role
from kymograph.core.artifact import ArtifactVersion, CollectionKind, Membership
from kymograph.core.digest import hex_digest, md5_digest
from kymograph.errors import (
    ArtifactNotFound,
    CollectionNotFound,
    Forbidden,
    InvalidName,
    LinkRefused,
    ManifestCorrupt,
    ProjectNotFound,
)
from kymograph.services.artifact_links import AliasOf, LinkTarget
from kymograph.testing.deployments import DeploymentUnderTest, open_test_deployment
from kymograph.types import CollectionId
from kymograph.wire.ids import encode_id
from tests.unit.services.artifact_client import ArtifactClient, document_of, entries_of

FILES = {"a.txt": b"A"}


@pytest.fixture
def deployment(tmp_path: Path) -> Iterator[DeploymentUnderTest]:
    with open_test_deployment(tmp_path) as opened:
        opened.run("admin/project/run")
        yield opened


@pytest.fixture
def client(deployment: DeploymentUnderTest) -> ArtifactClient:
    return ArtifactClient(deployment)


def link(
    client: ArtifactClient, version: ArtifactVersion, path: str = "admin/project/shelf", *aliases: str
) -> Membership:
    entity, project, name = path.split("/")
    target = LinkTarget(entity=entity, project=project, name=name)
    return client.services.artifact_links.link(client.caller, version.id, target, aliases=aliases)


def test_a_link_has_its_own_number_and_aliases(client: ArtifactClient) -> None:
    client.log(FILES)
    version = client.log({"a.txt": b"B"})

    place = link(client, version, "admin/project/shelf", "prod")

    assert (place.version_index, place.aliases, place.version.version_index) == (0, ("latest", "prod"), 1)
    assert (place.collection.kind, place.collection.type_name) == (CollectionKind.PORTFOLIO, "dataset")
    assert place.maker.user == client.caller.user.id
    assert place.version.aliases == ("latest",)
    assert client.content(place.version) == {"a.txt": b"B"}


def test_linking_again_changes_nothing_but_aliases(client: ArtifactClient) -> None:
    first, second = client.log(FILES), client.log({"a.txt": b"B"})
    link(client, first)
    link(client, second)

    again = link(client, first, "admin/project/shelf", "stable")

    assert (again.version_index, again.aliases) == (0, ("stable",))
    assert client.services.collections.list_aliases(again.collection) == ["latest", "stable"]


def test_a_project_is_made_when_missing_and_a_registry_is_not(client: ArtifactClient) -> None:
    version = client.log(FILES)

    assert link(client, version, "admin/elsewhere/shelf").collection.project == "elsewhere"
    with pytest.raises(ProjectNotFound):
        link(client, version, "admin/wandb-registry-model/shelf")


def test_a_link_needs_a_committed_version(client: ArtifactClient) -> None:
    draft = client.create(entries_of(FILES), client_id="made-up")
    find = client.services.artifact_links.find_version

    with pytest.raises(ArtifactNotFound):
        link(client, draft)
    assert find(client.caller, None, "made-up") == draft.id
    with pytest.raises(ArtifactNotFound):
        find(client.caller, None, "unknown")
    with pytest.raises(ArtifactNotFound):
        find(client.caller, None, None)


def test_only_a_portfolio_of_the_type_takes_links(client: ArtifactClient) -> None:
    version = client.log(FILES)
    model = client.log(FILES, collection="net", type_name="model")
    link(client, version)

    with pytest.raises(LinkRefused, match="of type 'dataset', not 'model'"):
        link(client, model)
    with pytest.raises(LinkRefused, match="are made in it"):
        link(client, model, "admin/project/net")
    with pytest.raises(InvalidName):
        link(client, version, "admin/project/shelf", "v3")


def test_an_existing_portfolio_is_named_by_its_id(client: ArtifactClient) -> None:
    version, second = client.log(FILES), client.log({"a.txt": b"B"})
    shelf = link(client, version).collection
    service = client.services.artifact_links

    place = service.link(client.caller, second.id, LinkTarget(portfolio=shelf.id))

    assert (place.collection, place.version_index) == (shelf, 1)
    client.services.collections.delete(client.caller, shelf.id, kind=CollectionKind.PORTFOLIO)
    with pytest.raises(CollectionNotFound):
        service.link(client.caller, second.id, LinkTarget(portfolio=shelf.id))
    with pytest.raises(CollectionNotFound):
        service.link(client.caller, second.id, LinkTarget(portfolio=CollectionId(99)))


def test_unlinking_leaves_the_version_where_it_was_made(client: ArtifactClient) -> None:
    version = client.log(FILES)
    shelf = link(client, version, "admin/project/shelf", "prod").collection
    service = client.services.artifact_links

    for _ in range(2):
        service.unlink(client.caller, version.id, shelf.id)

    assert [place.collection for place in service.places(client.caller, version)] == [version.collection]
    assert client.services.collections.list_aliases(shelf) == []
    assert client.services.artifacts.find(client.caller, version.id) == version
    with pytest.raises(LinkRefused, match="delete it instead"):
        service.unlink(client.caller, version.id, version.collection.id)


def test_aliases_are_set_where_the_version_has_a_place(client: ArtifactClient) -> None:
    version = client.log(FILES)
    link(client, version, "admin/elsewhere/shelf")
    service = client.services.artifact_links
    there = AliasOf("admin", "elsewhere", "shelf", "prod")
    here = AliasOf("admin", "project", "digits", "good")

    service.add_aliases(client.caller, version.id, [there, here])

    held = client.services.artifacts.aliases(client.caller, version)
    assert [(record.collection.name, record.alias) for record in held] == [
        ("digits", "good"),
        ("digits", "latest"),
        ("shelf", "latest"),
        ("shelf", "prod"),
    ]
    service.delete_aliases(client.caller, version.id, [there])
    assert len(client.services.artifacts.aliases(client.caller, version)) == 3
    other = client.log(FILES, collection="other")
    for refused in (AliasOf("admin", "project", "nope", "x"), AliasOf("admin", "project", "other", "x")):
        with pytest.raises((CollectionNotFound, ArtifactNotFound)):
            service.add_aliases(client.caller, version.id, [refused])
    assert client.services.artifacts.aliases(client.caller, other)[0].alias == "latest"


# --- who may what -----------------------------------------------------------------------------------------------------


def test_whoever_may_read_a_link_may_read_the_version_and_change_nothing_at_its_source(
    deployment: DeploymentUnderTest, client: ArtifactClient
) -> None:
    deployment.team("team", member=Role.MEMBER)
    version = client.log(FILES)
    link(client, version, "team/shared/shelf", "prod")
    member = ArtifactClient(deployment, deployment.caller("member"))
    services = deployment.services

    seen = services.artifacts.find(member.caller, version.id)

    assert seen == version
    assert member.content(version) == FILES
    assert [place.collection.name for place in services.artifact_links.places(member.caller, version)] == ["shelf"]
    held = services.artifacts.aliases(member.caller, version)
    assert [(record.collection.name, record.alias) for record in held] == [("shelf", "latest"), ("shelf", "prod")]
    services.artifact_links.add_aliases(member.caller, version.id, [AliasOf("team", "shared", "shelf", "mine")])
    with pytest.raises(ProjectNotFound):
        services.artifact_links.add_aliases(member.caller, version.id, [AliasOf("admin", "project", "digits", "x")])
    with pytest.raises(Forbidden):
        services.artifacts.delete(member.caller, version.id, with_aliases=True)
    stranger = deployment.user("eve")
    assert services.artifacts.find(stranger, version.id) is None


def test_a_link_opens_one_version_and_not_what_else_its_project_holds(
    deployment: DeploymentUnderTest, client: ArtifactClient
) -> None:
    """Content is asked for by digest, which somebody may know who must not have the content."""
    deployment.team("team", member=Role.MEMBER)
    deployment.run("team/project/run")
    client.log({"secret.txt": b"secret"}, collection="secret")
    version = client.log(FILES)
    link(client, version, "team/shared/shelf")
    member = ArtifactClient(deployment, deployment.caller("member"))
    find = deployment.services.artifact_downloads.find_in_version
    open_, secret = (hex_digest(md5_digest(content)) for content in (b"A", b"secret"))

    assert find(member.caller, version.id, "admin", "project", open_)
    assert find(member.caller, version.id, "admin", "project", open_, artifact=version.id)
    for artifact in (None, version.id):
        with pytest.raises(ArtifactNotFound):
            find(member.caller, version.id, "admin", "project", secret, artifact=artifact)

    def copy(files: dict[str, bytes]) -> ArtifactVersion:
        entries = entries_of(files)
        for entry in entries.values():
            entry["birthArtifactID"] = encode_id("Artifact", version.id)
        draft = member.create(entries, entity="team")
        member.announce(draft.id, document_of(entries))
        return member.commit(draft.id)

    assert member.content(copy(FILES)) == FILES
    with pytest.raises(ManifestCorrupt, match="were not uploaded"):
        copy({"secret.txt": b"secret"})


def test_unlinked_is_unreadable_again(deployment: DeploymentUnderTest, client: ArtifactClient) -> None:
    deployment.team("team", member=Role.MEMBER)
    version = client.log(FILES)
    shelf = link(client, version, "team/shared/shelf").collection
    member = deployment.caller("member")

    deployment.services.artifact_links.unlink(member, version.id, shelf.id)

    assert deployment.services.artifacts.find(member, version.id) is None


def test_viewers_of_a_portfolio_cannot_change_it(deployment: DeploymentUnderTest, client: ArtifactClient) -> None:
    deployment.team("team", viewer=Role.VIEWER)
    version = client.log(FILES)
    shelf = link(client, version, "team/shared/shelf").collection
    viewer = ArtifactClient(deployment, deployment.caller("viewer"))
    service = deployment.services.artifact_links

    with pytest.raises(Forbidden):
        link(viewer, version, "team/shared/other")
    with pytest.raises(Forbidden):
        link(viewer, version, "team/new/shelf")
    with pytest.raises(Forbidden):
        service.link(viewer.caller, version.id, LinkTarget(portfolio=shelf.id))
    with pytest.raises(Forbidden):
        service.unlink(viewer.caller, version.id, shelf.id)
    with pytest.raises(Forbidden):
        service.add_aliases(viewer.caller, version.id, [AliasOf("team", "shared", "shelf", "x")])
    with pytest.raises(Forbidden):
        service.delete_aliases(viewer.caller, version.id, [AliasOf("team", "shared", "shelf", "latest")])


def test_a_link_keeps_a_version_of_a_deleted_project_readable(
    deployment: DeploymentUnderTest, client: ArtifactClient
) -> None:
    version = client.log(FILES)
    link(client, version, "admin/elsewhere/shelf")

    deployment.services.projects.delete(client.caller, "admin", "project")

    assert client.services.artifacts.find(client.caller, version.id) is not None
    client.services.artifact_links.unlink(
        client.caller, version.id, client.services.artifact_links.places(client.caller, version)[0].collection.id
    )
    assert client.services.artifacts.find(client.caller, version.id) is None
