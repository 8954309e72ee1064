"""Registries as objects: what they ask, and what is in what order."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from typing import Any

import httpx
import pytest

from kymograph.client.carriers import Carrier
from kymograph.client.connection import Connection
from kymograph.client.runs import RunClient
from kymograph.errors import UnsupportedOperation, UsageError
from kymograph.sdk.api.api import ApiOf
from kymograph.sdk.api.either import Sync
from kymograph.sdk.api.registry_members import MemberId, TeamMember, UserMember, sorted_out
from kymograph.sdk.api.session import ApiSession
from kymograph.sdk.api.users import Team, User
from kymograph.sdk.settings import Settings

SHELVES = {"wandb-registry-a": ["one", "two"], "wandb-registry-b": ["three"]}


class RegistryServer:
    """Two registries, with collections of one version each; notes what it is asked."""

    def __init__(self) -> None:
        self.features = {"ARTIFACT_REGISTRY_SEARCH", "INCLUDE_ARTIFACT_TYPES_IN_REGISTRY_CREATION"}
        self.asked: list[tuple[str, Mapping[str, Any]]] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        body = json.loads(request.content)
        name = body["query"].split("(")[0].split("{")[0].split()[-1]
        variables = body.get("variables", {})
        self.asked.append((name, variables))
        answers: dict[str, Callable[[Mapping[str, Any]], Any]] = {
            "ServerFeaturesQuery": lambda _v: {
                "serverInfo": {"features": [{"name": each, "isEnabled": True} for each in sorted(self.features)]}
            },
            "FetchOrganization": lambda _v: {
                "organization": {"id": "O", "name": "Acme", "orgEntity": {"id": "E", "name": "acme"}}
            },
            "FetchAdvancedRegistryFeatures": lambda _v: {
                "organization": {"advancedRegistryFeatures": {"advancedSearch": True}}
            },
            "FetchRegistry": lambda v: {"entity": {"project": _registry(v["name"]) if v["name"] in SHELVES else None}},
            "FetchRegistries": lambda v: _found(list(map(_registry, sorted(SHELVES, reverse=v["order"] == "-name")))),
            "RegistryCollections": self._collections,
            "RegistryVersions": self._versions,
            "UpsertRegistry": lambda v: {
                "upsertModel": {"inserted": v["input"]["name"] not in SHELVES, "project": _registry(v["input"]["name"])}
            },
            "RenameRegistry": lambda v: {"renameProject": {"project": _registry(v["input"]["newProjectName"])}},
        }
        return httpx.Response(200, json={"data": answers[name](variables)})

    def _collections(self, variables: Mapping[str, Any]) -> Any:
        return _found([_collection(project, name) for project, name in _shelves(variables["registries"])])

    def _versions(self, variables: Mapping[str, Any]) -> Any:
        only = json.loads(variables.get("collections") or "{}").get("name")
        return _found(
            [
                {"versionIndex": 0, "artifactCollection": _collection(project, name), "artifact": _artifact(name)}
                for project, name in _shelves(variables["registries"])
                if only in (None, name)
            ]
        )

    def names(self) -> list[str]:
        return [name for name, _ in self.asked]


def _shelves(registries: str | None) -> list[tuple[str, str]]:
    chosen = json.loads(registries or "{}").get("name")
    return [(project, name) for project, names in SHELVES.items() if chosen in (None, project) for name in names]


def _found(nodes: list[Any]) -> Any:
    page = {"edges": [{"node": node} for node in nodes], "pageInfo": {"hasNextPage": False}}
    return {"organization": {"orgEntity": {"found": page}}}


def _registry(name: str) -> Any:
    return {"id": f"id of {name}", "name": name, "entity": {"name": "acme", "organization": {"name": "Acme"}}}


def _collection(project: str, name: str) -> Any:
    at = {"name": project, "entity": {"name": "acme"}}
    return {"__typename": "ArtifactPortfolio", "id": name, "name": name, "project": at, "type": {"name": "model"}}


def _artifact(name: str) -> Any:
    source = {"name": f"source of {name}", "project": {"name": "p", "entity": {"name": "me"}}}
    return {"id": name, "artifactSequence": source, "versionIndex": 5, "artifactType": {"name": "model"}}


@pytest.fixture
def server() -> RegistryServer:
    return RegistryServer()


@pytest.fixture
def api(server: RegistryServer, clean_process: None) -> ApiOf[Sync]:
    client = RunClient(Connection.of("http://host", "key"), inner=httpx.MockTransport(server))
    return ApiOf(ApiSession(Carrier(client), Settings(), base_url="http://host", app_url="http://pages"))


def test_registries_are_read_when_they_are_gone_through(api: ApiOf[Sync], server: RegistryServer) -> None:
    registries = api.registries("Acme", filter={"name": "a"})

    assert server.asked == []
    assert [registry.name for registry in registries] == ["a", "b"]
    assert json.loads(server.asked[-1][1]["filters"]) == {"name": "wandb-registry-a"}
    assert registries[0].path == ["acme", "wandb-registry-a"]


def test_one_question_finds_all_versions_of_registries_without_an_order(
    api: ApiOf[Sync], server: RegistryServer
) -> None:
    versions = api.registries("Acme").collections(filter={"tag": "x"}).versions(order="-linked_at")

    assert [version.name for version in versions] == ["one:v0", "two:v0", "three:v0"]
    assert list(versions.read(1)) == versions[:1]
    assert server.names().count("RegistryVersions") == 1
    assert json.loads(server.asked[-1][1]["collections"]) == {"tag": "x"}
    assert len(api.registries("Acme").versions()) == 3
    assert server.names().count("FetchAdvancedRegistryFeatures") == 1


def test_an_order_of_registries_is_that_of_what_is_in_them(api: ApiOf[Sync]) -> None:
    ordered = api.registries("Acme", order="-name")

    collections = ordered.collections(order="+name")
    assert [each.name for each in collections] == ["three", "one", "two"]
    assert [each.organization for each in collections] == ["Acme"] * 3
    assert [each.qualified_name for each in ordered.versions()] == [
        "acme/wandb-registry-b/three:v0",
        "acme/wandb-registry-a/one:v0",
        "acme/wandb-registry-a/two:v0",
    ]
    assert [each.name for each in collections.versions()] == ["three:v0", "one:v0", "two:v0"]
    assert (len(collections), collections[2].name) == (3, "two")
    by_collection = api.registries("Acme").collections(order="+name")
    assert [each.name for each in by_collection.versions()] == ["one:v0", "two:v0", "three:v0"]


def test_lists_in_the_order_of_others_cannot_begin_in_the_middle(api: ApiOf[Sync]) -> None:
    ordered = api.registries("Acme", order="-name")

    for begin in (ordered.collections, ordered.versions, ordered.collections().versions):
        with pytest.raises(UsageError, match="start='x'"):
            begin(start="x")
    with pytest.raises(UsageError, match="no cursor"):
        _ = ordered.collections().cursor


def test_a_registry_is_changed_and_renamed_in_one_go(api: ApiOf[Sync], server: RegistryServer) -> None:
    registry = api.registry("a", organization="Acme")
    registry.name, registry.description, registry.visibility = "other", "text", "restricted"
    registry.artifact_types.append("model")

    registry.save()

    changed, renamed = (variables["input"] for _, variables in server.asked[-2:])
    assert (changed["name"], changed["description"], changed["access"]) == ("wandb-registry-a", "text", "RESTRICTED")
    assert changed["artifactTypes"] == [{"name": "model"}]
    assert renamed["newProjectName"] == "wandb-registry-other"
    assert (registry.name, registry.full_name) == ("other", "wandb-registry-other")


def test_what_cannot_be_saved_is_not_sent(api: ApiOf[Sync], server: RegistryServer) -> None:
    registry = api.registry("a", organization="Acme")
    registry.allow_all_artifact_types = True
    registry.artifact_types.append("model")

    with pytest.raises(UsageError, match="all types are allowed"):
        registry.save()
    with pytest.raises(UsageError, match="Invalid visibility 'open'"):
        registry.visibility = "open"
    with pytest.raises(UsageError, match="already exists"):
        api.create_registry("a", "organization", organization="Acme")
    assert "UpsertRegistry" not in server.names()
    assert api.create_registry("new", "organization", organization="Acme").name == "new"


def test_an_older_server_has_no_registries_to_read(api: ApiOf[Sync], server: RegistryServer) -> None:
    server.features.clear()

    with pytest.raises(UnsupportedOperation):
        api.registry("a", organization="Acme")
    with pytest.raises(UnsupportedOperation):
        list(api.registries("Acme"))
    with pytest.raises(UnsupportedOperation):
        api.create_registry("new", "organization", organization="Acme")


# --- members ----------------------------------------------------------------------------------------------------------


def _id(kind: str, number: int) -> str:
    return base64.b64encode(f"{kind}:{number}".encode()).decode()


def test_members_are_who_was_read_or_ids(api: ApiOf[Sync]) -> None:
    person: User[Sync] = User(api._session, {"id": _id("User", 2), "name": "Ada"})
    team: Team[Sync] = Team(api._session, "vision", {"id": _id("Entity", 3)})

    people, teams = sorted_out(
        [UserMember(person, "admin"), person, _id("User", 1), TeamMember(team, "viewer"), team, _id("Entity", 3)]
    )

    assert (people, teams) == ([_id("User", 1), _id("User", 2)], [_id("Entity", 3)])
    assert MemberId.of(team) == MemberId(_id("Entity", 3), is_team=True)


@pytest.mark.parametrize("member", ["ada", "", _id("Run", 1), 7])
def test_others_are_no_members(member: Any) -> None:
    with pytest.raises(UsageError, match="is no member of a registry"):
        sorted_out([member])
    with pytest.raises(UsageError, match="at least one"):
        sorted_out([])
