"""Registries over REST, as the page shows them."""

from __future__ import annotations

from kymograph.core.project import Visibility
from kymograph.services.artifact_links import LinkTarget
from kymograph.services.registries import RegistryChange
from kymograph.testing.deployments import DeploymentUnderTest
from tests.unit.server.http import Http
from tests.unit.services.artifact_client import ArtifactClient

KEY_OF_EVE = "e" * 40


def test_registries_are_shown_with_counts_collections_and_members(deployment: DeploymentUnderTest, http: Http) -> None:
    services, admin = deployment.services, deployment.admin
    services.accounts.create_organization(admin, "acme", owner="admin")
    services.registries.put(
        admin, "acme", "wandb-registry-models", RegistryChange(description="of all teams", types=("dataset",))
    )
    deployment.run()
    version = ArtifactClient(deployment).log({"a.txt": b"A"})
    target = LinkTarget(entity="acme", project="wandb-registry-models", name="digits")
    services.artifact_links.link(admin, version.id, target, aliases=["best"])

    (listed,) = http.get("/api/v1/registries").json()["items"]
    shown = http.get("/api/v1/registries/acme/models").json()
    collections = http.get("/api/v1/registries/acme/models/collections").json()
    members = http.get("/api/v1/registries/acme/models/members").json()

    assert (listed["organization"], listed["name"], listed["project"]) == ("acme", "models", "wandb-registry-models")
    assert (listed["role"], listed["visibility"], listed["description"]) == ("admin", "private", "of all teams")
    assert [listed[f"{what}_count"] for what in ("collection", "version", "member", "team")] == [1, 1, 1, 0]
    assert shown == listed | {"allows_all_types": False, "types": ["dataset"], "protected_aliases": []}
    assert (collections["total"], collections["next"]) == (1, None)
    (collection,) = collections["items"]
    assert (collection["name"], collection["type"], collection["tags"]) == ("digits", "dataset", [])
    assert collection["latest"]["version"] == "v0"
    assert collection["latest"]["aliases"] == ["best", "latest"]
    assert members == {"users": [{"username": "admin", "name": "admin", "role": "admin"}], "teams": []}
    assert http.get("/api/v1/registries/acme/wandb-registry-models").json() == shown
    filtered = http.get("/api/v1/registries/acme/models/collections", params={"q": '{"name": "none"}'}).json()
    assert filtered == {"items": [], "next": None, "total": 0}


def test_a_registry_is_changed_and_nothing_else_is(deployment: DeploymentUnderTest, http: Http) -> None:
    deployment.services.accounts.create_organization(deployment.admin, "works", owner="admin")
    deployment.services.registries.put(deployment.admin, "works", "wandb-registry-r", RegistryChange(description="d"))
    body = {
        "visibility": "restricted",
        "protected_aliases": ["production"],
        "types": ["model"],
        "allows_all_types": False,
    }

    changed = http.request("PATCH", "/api/v1/registries/works/r", json=body).json()

    assert {name: changed[name] for name in body} == body
    assert changed["description"] == "d"
    found = deployment.services.registries.get(deployment.admin, "works", "r").project
    assert found.visibility is Visibility.RESTRICTED


def test_what_is_not_there_or_not_shown_is_a_404(deployment: DeploymentUnderTest, http: Http) -> None:
    deployment.user("eve", api_key=KEY_OF_EVE)
    deployment.services.projects.put(deployment.admin, "admin", "plain")

    assert http.get("/api/v1/registries/admin/plain").status_code == 404
    assert http.get("/api/v1/registries", params={"organization": "nowhere"}).status_code == 404
    assert http.get("/api/v1/registries", key=KEY_OF_EVE).json() == {"items": []}
    assert http.request("PATCH", "/api/v1/registries/admin/plain", json={"description": "x"}).status_code == 404
