"""What is asked about registries, and what answers mean."""

from __future__ import annotations

import json
from typing import Any

import pytest

from kymograph.client import registries
from kymograph.client.artifact_values import PORTFOLIO, SEQUENCE
from kymograph.client.registries import RegistryChange
from kymograph.errors import OrganizationNotFound, ProtocolError, RegistryNotFound, UnsupportedOperation, UsageError
from tests.unit.client.asked import Answers, connection
from tests.unit.client.test_artifact_lookups import ARTIFACT, COLLECTION

REGISTRY = {
    "id": "R",
    "name": "wandb-registry-models",
    "entity": {"name": "acme", "organization": {"name": "Acme"}},
    "access": "RESTRICTED",
    "allowAllArtifactTypes": False,
    "artifactTypes": connection({"name": "model"}),
}
SHELF = {**COLLECTION, "__typename": PORTFOLIO, "name": "shelf"}


def found(page: Any) -> dict[str, Any]:
    return {"organization": {"orgEntity": {"found": page}}}


def test_a_registry_is_told_by_its_name_without_prefix() -> None:
    server = Answers(FetchRegistry={"entity": {"project": REGISTRY}})

    registry = server.to(registries.registry("acme", "models"))

    assert (registry.name, registry.entity, registry.organization) == ("models", "acme", "Acme")
    assert (registry.visibility, registry.allows_all_types, registry.types) == ("restricted", False, ("model",))
    assert server.asked[0][1]["name"] == "wandb-registry-models"
    assert server.to(registries.exists("acme", "models"))


@pytest.mark.parametrize("answer", [{"entity": None}, {"entity": {"project": None}}])
def test_a_missing_registry_is_an_error(answer: Any) -> None:
    server = Answers(FetchRegistry=answer)

    with pytest.raises(RegistryNotFound, match="'models' does not exist in acme"):
        server.to(registries.registry("acme", "models"))
    assert not server.to(registries.exists("acme", "models"))


def test_other_kinds_of_access_are_open() -> None:
    for access in ("PRIVATE", "USER_READ", None):
        assert registries.parse_registry({**REGISTRY, "access": access}).visibility == "organization"


def test_organizations_that_are_missing_are_named() -> None:
    asked = {"filters": None, "order": None, "cursor": None, "per_page": 1}
    for answer in ({"organization": None}, {"organization": {"orgEntity": None}}):
        with pytest.raises(OrganizationNotFound, match="'absent'"):
            Answers(FetchRegistries=answer).to(registries.registries("absent", **asked))  # type: ignore[arg-type]
    with pytest.raises(OrganizationNotFound, match="'absent'"):
        Answers(FetchOrganization={"organization": None}).to(registries.organization("absent"))


def test_collections_are_those_that_hold_links() -> None:
    sequence = {**SHELF, "__typename": SEQUENCE, "name": "made"}
    server = Answers(RegistryCollections=found(connection(SHELF, sequence, totalCount=1)))

    page = server.to(
        registries.collections(
            "Acme", registries={"name": "models"}, filters={"id": "x"}, order="+name", cursor=None, per_page=10
        )
    )

    assert ([each.address.name for each in page.items], page.total) == (["shelf"], 1)
    _, variables = server.asked[0]
    assert json.loads(variables["registries"]) == {"name": "wandb-registry-models"}
    assert json.loads(variables["filters"]) == {"artifact_collection_id": "x"}


def test_versions_are_asked_for_under_the_names_of_the_search() -> None:
    place = {"versionIndex": 0, "artifactCollection": SHELF, "artifact": ARTIFACT}
    server = Answers(RegistryVersions=found(connection(place, {**place, "artifact": None})))

    def versions(*, is_advanced: bool, order: str | None = None) -> Any:
        return server.to(
            registries.versions(
                "Acme",
                is_advanced=is_advanced,
                registries=None,
                collections=None,
                filters={"created_at": {"$gt": "2026"}},
                order=order,
                cursor=None,
                per_page=10,
            )
        )

    assert len(versions(is_advanced=False).items) == 1
    versions(is_advanced=True, order="-linked_at")
    plain, advanced = (variables for _, variables in server.asked)
    assert json.loads(plain["filters"]) == {"created_at": {"$gt": "2026"}}
    assert json.loads(advanced["filters"]) == {"artifact_created_at": {"$gt": "2026"}}
    assert advanced["order"] == "-acm_created_at"
    with pytest.raises(UnsupportedOperation, match="leave it out"):
        versions(is_advanced=False, order="-linked_at")


def test_servers_that_do_not_know_the_question_have_no_index() -> None:
    yes = {"organization": {"advancedRegistryFeatures": {"advancedSearch": True}}}
    for answer, expected in ((yes, True), ({"organization": None}, False), (ProtocolError("no such field"), False)):
        server = Answers(FetchAdvancedRegistryFeatures=answer)
        assert server.to(registries.searches_in_index("Acme")) is expected


def test_what_is_set_goes_out_in_the_words_of_the_wire() -> None:
    server = Answers(
        UpsertRegistry={"upsertModel": {"inserted": True, "project": REGISTRY}},
        RenameRegistry={"renameProject": {"project": REGISTRY}},
    )

    made, is_new = server.to(registries.upsert(RegistryChange("acme", "models", "restricted", None, False, ("model",))))
    server.to(registries.rename("acme", "models", "others"))

    assert (made.name, is_new) == ("models", True)
    upserted, renamed = (variables["input"] for _, variables in server.asked)
    assert (upserted["name"], upserted["access"]) == ("wandb-registry-models", "RESTRICTED")
    assert upserted["artifactTypes"] == [{"name": "model"}]
    assert renamed["newProjectName"] == "wandb-registry-others"
    with pytest.raises(UsageError, match="organization, restricted"):
        server.to(registries.upsert(RegistryChange("acme", "models", "open", None, True, ())))


def test_members_have_roles_and_teams_are_told_apart() -> None:
    server = Answers(
        RegistryUserMembers={"project": {"members": [{"username": "ada", "role": {"name": "admin"}}]}},
        RegistryTeamMembers={"project": {"teamMembers": [{"team": {"name": "vision"}, "role": {"name": "viewer"}}]}},
        UpdateUserRegistryRole={"result": {"success": True}},
        UpdateTeamRegistryRole={"result": {"success": False}},
    )

    assert [role for _, role in server.to(registries.people("acme", "models"))] == ["admin"]
    assert server.to(registries.teams("acme", "models")) == [({"name": "vision"}, "viewer")]
    server.to(registries.set_role("R", "U", "member", is_team=False))
    assert server.asked[-1][1]["input"] == {"projectId": "R", "userId": "U", "userProjectRole": "member"}
    with pytest.raises(ProtocolError, match="did not change the members"):
        server.to(registries.set_role("R", "T", "member", is_team=True))
    with pytest.raises(RegistryNotFound):
        Answers(RegistryUserMembers={"project": None}).to(registries.people("acme", "absent"))
    with pytest.raises(ProtocolError, match="did not delete"):
        Answers(DeleteRegistry={"deleteModel": {"success": False}}).to(registries.delete("R"))
