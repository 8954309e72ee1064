"""Editing and deleting collections."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from kymograph.core.accounts import Role
from kymograph.core.artifact import ArtifactState, ArtifactVersion, CollectionKind
from kymograph.errors import (
    CollectionNotFound,
    Forbidden,
    InvalidName,
    InvalidTag,
    NameTaken,
    ProjectNotFound,
    ReservedType,
    UsageError,
)
from kymograph.services.access import Caller
from kymograph.services.collections import CollectionService
from kymograph.testing.deployments import DeploymentUnderTest, open_test_deployment
from tests.unit.services.artifact_client import ArtifactClient

FILES = {"a.txt": b"A"}
SEQUENCE, PORTFOLIO = CollectionKind.SEQUENCE, CollectionKind.PORTFOLIO


@pytest.fixture
def deployment(tmp_path: Path) -> Iterator[DeploymentUnderTest]:
    with open_test_deployment(tmp_path) as opened:
        opened.run("admin/project/run")
        yield opened


@pytest.fixture
def client(deployment: DeploymentUnderTest) -> ArtifactClient:
    return ArtifactClient(deployment)


@pytest.fixture
def version(client: ArtifactClient) -> ArtifactVersion:
    return client.log(FILES)


@pytest.fixture
def service(client: ArtifactClient) -> CollectionService:
    return client.services.collections


def test_a_renamed_collection_is_found_by_its_new_name_only(
    client: ArtifactClient, version: ArtifactVersion, service: CollectionService
) -> None:
    project = client.services.projects.get(client.caller, "admin", "project")

    changed = service.update(client.caller, version.collection.id, kind=SEQUENCE, name="numbers", description="0-9")

    assert (changed.name, changed.description) == ("numbers", "0-9")
    assert client.services.artifacts.find_by_name(project, "digits:v0") is None
    assert client.services.artifacts.find_by_name(project, "numbers:v0") is not None
    again = service.update(client.caller, version.collection.id, kind=SEQUENCE, name="numbers")
    assert again.description == "0-9"


def test_a_name_that_is_taken_or_broken_is_refused(
    client: ArtifactClient, version: ArtifactVersion, service: CollectionService
) -> None:
    client.log(FILES, collection="taken")

    with pytest.raises(NameTaken):
        service.update(client.caller, version.collection.id, kind=SEQUENCE, name="taken")
    with pytest.raises(InvalidName):
        service.update(client.caller, version.collection.id, kind=SEQUENCE, name="a/b")
    with pytest.raises(CollectionNotFound):
        service.update(client.caller, version.collection.id, kind=PORTFOLIO, name="x")


def test_a_sequence_takes_another_type_with_all_versions(
    client: ArtifactClient, version: ArtifactVersion, service: CollectionService
) -> None:
    service.change_type(client.caller, version.collection.id, "model")

    moved = client.services.artifacts.find(client.caller, version.id)
    assert moved is not None
    assert moved.collection.type_name == "model"
    with pytest.raises(UsageError, match="already exists with type 'model'; cannot create another with type 'dataset'"):
        client.log({"a.txt": b"B"})


@pytest.mark.parametrize("type_name", ["wandb-thing", "job"])
def test_types_that_clients_keep_for_themselves_are_not_given(
    client: ArtifactClient, version: ArtifactVersion, service: CollectionService, type_name: str
) -> None:
    internal = client.log(FILES, collection="internal", type_name=type_name)

    with pytest.raises(ReservedType, match=f"'{type_name}' is reserved for internal use"):
        service.change_type(client.caller, version.collection.id, type_name)
    with pytest.raises(ReservedType, match="reserved"):
        service.change_type(client.caller, internal.collection.id, "model")


def test_an_empty_portfolio_can_be_made(client: ArtifactClient, version: ArtifactVersion) -> None:
    create = client.services.collections.create_portfolio
    made = create(client.caller, "admin", "project", "shelf", type_name="dataset", description="Best")

    assert (made.kind, made.type_name, made.description) == (PORTFOLIO, "dataset", "Best")
    with pytest.raises(NameTaken):
        create(client.caller, "admin", "project", "digits", type_name="dataset")
    with pytest.raises(ProjectNotFound):
        create(client.caller, "admin", "nope", "shelf", type_name="dataset")
    with pytest.raises(CollectionNotFound):
        client.services.collections.change_type(client.caller, made.id, "model")


def test_tags_are_kept_in_the_order_in_which_they_came(
    client: ArtifactClient, version: ArtifactVersion, service: CollectionService
) -> None:
    where = ("admin", "project", "digits")
    service.add_tags(client.caller, *where, ["b", "a tag"])

    changed = service.add_tags(client.caller, *where, ["c-1", "b"])

    assert changed.tags == ("b", "a tag", "c-1")
    assert service.delete_tags(client.caller, *where, ["a tag", "never"]).tags == ("b", "c-1")
    with pytest.raises(InvalidTag, match="Invalid tag"):
        service.add_tags(client.caller, *where, ["!"])
    with pytest.raises(UsageError, match="at most 20"):
        service.add_tags(client.caller, *where, [f"t{i}" for i in range(21)])
    with pytest.raises(CollectionNotFound):
        service.add_tags(client.caller, "admin", "project", "nope", ["x"])


def test_a_deleted_collection_is_gone_with_its_versions_and_can_be_deleted_again(
    client: ArtifactClient, version: ArtifactVersion, service: CollectionService
) -> None:
    for _ in range(2):
        gone = service.delete(client.caller, version.collection.id, kind=SEQUENCE)
        assert gone.is_deleted

    deleted = client.services.artifacts.find(client.caller, version.id)
    assert deleted is not None
    assert deleted.state is ArtifactState.DELETED
    assert service.find_by_id(client.caller, version.collection.id) is None
    with pytest.raises(CollectionNotFound):
        service.update(client.caller, version.collection.id, kind=SEQUENCE, name="x")
    again = client.log(FILES)
    assert (again.version_index, client.content(again)) == (0, FILES)


Change = Callable[[CollectionService, Caller, ArtifactVersion], Any]
CHANGES: dict[str, Change] = {
    "update": lambda service, caller, v: service.update(caller, v.collection.id, kind=SEQUENCE, description="x"),
    "change type": lambda service, caller, v: service.change_type(caller, v.collection.id, "model"),
    "delete": lambda service, caller, v: service.delete(caller, v.collection.id, kind=SEQUENCE),
    "add tags": lambda service, caller, v: service.add_tags(caller, "team", "project", "digits", ["x"]),
    "delete tags": lambda service, caller, v: service.delete_tags(caller, "team", "project", "digits", ["x"]),
    "make": lambda service, caller, v: service.create_portfolio(caller, "team", "project", "new", type_name="dataset"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_viewers_change_nothing_and_strangers_see_nothing(deployment: DeploymentUnderTest, change: str) -> None:
    deployment.team("team", viewer=Role.VIEWER)
    deployment.run("team/project/run")
    version = ArtifactClient(deployment).log(FILES, entity="team")
    service = deployment.services.collections

    with pytest.raises(Forbidden):
        CHANGES[change](service, deployment.caller("viewer"), version)
    with pytest.raises((CollectionNotFound, ProjectNotFound)):
        CHANGES[change](service, deployment.user("eve"), version)
    assert service.find_by_id(deployment.caller("viewer"), version.collection.id) == version.collection
