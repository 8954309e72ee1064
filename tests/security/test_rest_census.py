"""Every HTTP route has a declared permission here, and every kind of person gets what it says: no more, no less."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import pytest

from kymograph.core.artifact import ArtifactVersion
from kymograph.core.run import Run
from kymograph.services.artifact_uploads import ArtifactRequest
from kymograph.wire.ids import encode_id
from tests.security.world import KEYS, ORGANIZATION, OUTSIDERS, PROJECT, SECRET, TEAM, World
from tests.unit.services.artifact_client import ArtifactClient


class Permission(StrEnum):
    """Who may use a route."""

    EVERYBODY = "everybody"
    SIGNED_IN = "signed in"
    READ = "read"
    WRITE = "write"
    ADMINISTER = "administer"
    SERVER_ADMIN = "server admin"


REFUSALS: dict[Permission, dict[str, int]] = {
    Permission.EVERYBODY: {},
    Permission.SIGNED_IN: {"anonymous": 401, "wrong key": 401},
    # Strangers must not even learn that there is something.
    Permission.READ: {"anonymous": 401, "wrong key": 401, "stranger": 404},
    Permission.WRITE: {"anonymous": 401, "wrong key": 401, "stranger": 404, "viewer": 403},
    Permission.ADMINISTER: {"anonymous": 401, "wrong key": 401, "stranger": 404, "viewer": 403, "member": 403},
    Permission.SERVER_ADMIN: {
        "anonymous": 401, "wrong key": 401, "stranger": 403, "viewer": 403, "member": 403, "team admin": 403,
    },
}  # fmt: skip
"""The status for those who may not; everybody else gets a success."""


@dataclass(frozen=True, slots=True)
class Case:
    """One route: who may use it, and a request that succeeds for those."""

    permission: Permission
    body: Callable[[World], object] | None = None
    parameters: Callable[[World], dict[str, str]] = lambda _world: {}
    """Path parameters other than entity, project and run."""
    query: dict[str, str] = field(default_factory=dict)


def fresh(kind: str) -> Callable[[World], dict[str, str]]:
    """A path parameter ``name`` or ``username`` that names something made for this request."""

    def make(world: World) -> dict[str, str]:
        name = world.fresh_name(kind)
        accounts = world.under_test.services.accounts
        if kind == "user":
            world.under_test.user(name)
            return {"username": name}
        accounts.create_organization(world.under_test.admin, name, owner="admin")
        return {"name": name}

    return make


def own_key(world: World) -> dict[str, str]:
    """A key of the one who asks; others do not have it, and get a 404."""
    return {"key": encode_id("ApiKey", 10**9)}


def _logged(world: World) -> ArtifactVersion:
    """A new artifact collection with one version of one file in it."""
    client = ArtifactClient(world.under_test)
    name = world.fresh_name(f"{SECRET}-artifact")
    files = {f"{SECRET}.txt": SECRET.encode()}
    return client.log(files, entity=TEAM, project=PROJECT, run=None, type_name=f"{SECRET}-type", collection=name)


def committed(world: World) -> str:
    """The name of a new collection with one version of one file in it."""
    return _logged(world).collection.name


def version(world: World) -> str:
    """The id of such a version."""
    return encode_id("Artifact", _logged(world).id)


def in_collection(world: World) -> dict[str, str]:
    """Path parameters of a version and of its file."""
    return {"collection": committed(world), "version": "latest", "path": f"{SECRET}.txt"}


def collection(world: World) -> str:
    """A new artifact collection with one draft in it."""
    return _draft(world).collection.name


def draft(world: World) -> str:
    """The id of a new draft."""
    return encode_id("Artifact", _draft(world).id)


def _draft(world: World) -> ArtifactVersion:
    name = world.fresh_name(f"{SECRET}-artifact")
    request = ArtifactRequest(TEAM, PROJECT, None, type_name=f"{SECRET}-type", collection=name, digest="0" * 32)
    return world.under_test.services.artifact_uploads.create(world.under_test.admin, request)


def registry(world: World) -> dict[str, str]:
    """The path of a registry in which people have the roles that they have in the team."""
    return {"organization": ORGANIZATION, "registry": world.fresh_registry().name}


def of_run(world: World) -> dict[str, str]:
    """The path parameter of the comparer's routes."""
    return {"run_id": world.fresh_run().id}


def selection(**fields: object) -> Callable[[World], object]:
    """A request of the comparer for a run of the team."""
    return lambda world: {"entity": TEAM, "project": PROJECT, "run_ids": [world.fresh_run().id], **fields}


IN_QUERY = {"entity": "{entity}", "project": "{project}"}
VERSION = "/api/v1/projects/{entity}/{project}/artifacts/collections/{collection}/versions/{version}"

CENSUS: dict[str, Case] = {
    "POST /api/v1/session": Case(Permission.EVERYBODY, lambda _: {"api_key": KEYS["viewer"]}),
    "GET /api/v1/session": Case(Permission.SIGNED_IN),
    "DELETE /api/v1/session": Case(Permission.SIGNED_IN),
    "GET /api/v1/keys": Case(Permission.SIGNED_IN),
    "POST /api/v1/keys": Case(Permission.SIGNED_IN, lambda _: {"description": "mine"}),
    "GET /api/v1/projects": Case(Permission.SIGNED_IN),
    "GET /api/v1/projects/{entity}/{project}": Case(Permission.READ),
    "GET /api/v1/registries": Case(Permission.SIGNED_IN),
    "GET /api/v1/registries/{organization}/{registry}": Case(Permission.READ, parameters=registry),
    "GET /api/v1/registries/{organization}/{registry}/collections": Case(Permission.READ, parameters=registry),
    "GET /api/v1/registries/{organization}/{registry}/members": Case(Permission.READ, parameters=registry),
    "PATCH /api/v1/registries/{organization}/{registry}": Case(
        Permission.ADMINISTER, lambda _: {"description": "changed"}, registry
    ),
    "GET /api/v1/projects/{entity}/{project}/runs": Case(Permission.READ),
    "GET /api/v1/projects/{entity}/{project}/groups": Case(Permission.READ, query={"by": "state"}),
    "GET /api/v1/projects/{entity}/{project}/columns": Case(Permission.READ),
    "GET /api/v1/projects/{entity}/{project}/metrics": Case(Permission.READ),
    "POST /api/v1/projects/{entity}/{project}/series": Case(
        Permission.READ, lambda _: {"runs": [], "metrics": [f"{SECRET}/loss"], "stream": "history", "x": "step"}
    ),
    "POST /api/v1/projects/{entity}/{project}/sql": Case(Permission.READ, lambda _: {"query": "SELECT 1"}),
    "GET /api/v1/projects/{entity}/{project}/runs/{run}": Case(Permission.READ),
    "PATCH /api/v1/projects/{entity}/{project}/runs/{run}": Case(Permission.WRITE, lambda _: {"notes": "changed"}),
    "DELETE /api/v1/projects/{entity}/{project}/runs/{run}": Case(Permission.WRITE),
    "POST /api/v1/projects/{entity}/{project}/runs/{run}/stop": Case(Permission.WRITE),
    "GET /api/v1/projects/{entity}/{project}/runs/{run}/metrics": Case(Permission.READ),
    "GET /api/v1/projects/{entity}/{project}/runs/{run}/system": Case(Permission.READ),
    "GET /api/v1/projects/{entity}/{project}/runs/{run}/rows": Case(Permission.READ),
    "GET /api/v1/projects/{entity}/{project}/runs/{run}/export": Case(Permission.READ),
    "GET /api/v1/projects/{entity}/{project}/export": Case(Permission.READ),
    "GET /api/v1/projects/{entity}/{project}/runs/{run}/console": Case(Permission.READ),
    "GET /api/v1/projects/{entity}/{project}/runs/{run}/files": Case(Permission.READ),
    "GET /api/v1/projects/{entity}/{project}/runs/{run}/file-folders": Case(Permission.READ),
    "POST /api/v1/projects/{entity}/{project}/runs/{run}/file-copies": Case(Permission.WRITE, lambda _: {"items": []}),
    "GET /api/v1/projects/{entity}/{project}/runs/{run}/files/{path}": Case(
        Permission.READ, parameters=lambda _: {"path": f"{SECRET}.txt"}
    ),
    "GET /api/v1/projects/{entity}/{project}/storage": Case(Permission.READ),
    "PATCH /api/v1/projects/{entity}/{project}/storage": Case(Permission.ADMINISTER, lambda _: {"ttl_s": None}),
    "PATCH /api/v1/entities/{entity}/storage": Case(Permission.ADMINISTER, lambda _: {"ttl_s": None}),
    "GET /api/v1/projects/{entity}/{project}/storage/collections": Case(Permission.READ),
    "GET /api/v1/projects/{entity}/{project}/storage/collections/{collection}": Case(
        Permission.READ, parameters=lambda world: {"collection": collection(world)}
    ),
    "GET /api/v1/projects/{entity}/{project}/artifacts/types": Case(Permission.READ),
    "GET /api/v1/projects/{entity}/{project}/artifacts/collections": Case(Permission.READ),
    "GET /api/v1/projects/{entity}/{project}/artifacts/collections/{collection}": Case(
        Permission.READ, parameters=in_collection
    ),
    "PATCH /api/v1/projects/{entity}/{project}/artifacts/collections/{collection}": Case(
        Permission.WRITE, lambda _: {"description": "changed", "tags": ["new"]}, in_collection
    ),
    "GET /api/v1/projects/{entity}/{project}/artifacts/collections/{collection}/versions": Case(
        Permission.READ, parameters=in_collection
    ),
    f"GET {VERSION}": Case(Permission.READ, parameters=in_collection),
    f"PATCH {VERSION}": Case(Permission.WRITE, lambda _: {"add_aliases": ["best"]}, in_collection),
    f"GET {VERSION}/uses": Case(Permission.READ, parameters=in_collection),
    f"GET {VERSION}/entries": Case(Permission.READ, parameters=in_collection),
    f"GET {VERSION}/files/{{path}}": Case(Permission.READ, parameters=in_collection),
    f"GET {VERSION}/diff": Case(Permission.READ, parameters=in_collection, query={"base": "v0"}),
    "GET /api/v1/projects/{entity}/{project}/runs/{run}/artifacts": Case(Permission.READ),
    "GET /api/v1/projects/{entity}/{project}/lineage": Case(Permission.READ, query={"at": "run:{run}"}),
    "GET /api/v1/projects/{entity}/{project}/lineage/neighbors": Case(
        Permission.READ, query={"at": "run:{run}", "direction": "up"}
    ),
    "POST /api/v1/projects/{entity}/{project}/artifacts/delete": Case(Permission.WRITE, lambda _: {"dry_run": True}),
    "POST /api/v1/projects/{entity}/{project}/artifacts/undelete": Case(Permission.WRITE, lambda _: {}),
    "POST /api/v1/projects/{entity}/{project}/artifacts/purge": Case(
        Permission.ADMINISTER, lambda _: {"dry_run": True}
    ),
    "POST /api/v1/artifact-uploads": Case(Permission.WRITE, lambda world: {"artifact": draft(world), "files": []}),
    "POST /api/v1/artifact-contents": Case(Permission.WRITE, lambda _: {"entity": TEAM, "project": PROJECT}),
    "POST /api/v1/artifact-manifests": Case(
        Permission.WRITE, lambda world: {"artifact": draft(world), "base": version(world), "changed": {}}
    ),
    "POST /api/v1/artifact-downloads": Case(Permission.READ, lambda world: {"artifact": version(world)}),
    "POST /api/v1/admin/artifacts/collect": Case(Permission.SERVER_ADMIN, lambda _: {"dry_run": True}),
    "GET /api/v1/admin/artifacts/orphans": Case(Permission.SERVER_ADMIN),
    "POST /api/v1/admin/users": Case(Permission.SERVER_ADMIN, lambda world: {"username": world.fresh_name("user")}),
    "DELETE /api/v1/admin/users/{username}": Case(Permission.SERVER_ADMIN, parameters=fresh("user")),
    "POST /api/v1/admin/organizations": Case(
        Permission.SERVER_ADMIN, lambda world: {"name": world.fresh_name("organization"), "owner": "sam"}
    ),
    "POST /api/v1/admin/teams": Case(Permission.SIGNED_IN, lambda world: {"name": world.fresh_name("team")}),
    "POST /api/v1/admin/teams/{name}/members": Case(
        Permission.ADMINISTER,
        lambda world: {"username": fresh("user")(world)["username"], "role": "viewer"},
        lambda _: {"name": TEAM},
    ),
    "GET /api/v1/compare/": Case(Permission.EVERYBODY),
    "GET /api/v1/compare/runs": Case(Permission.READ, query=IN_QUERY),
    "GET /api/v1/compare/metrics": Case(Permission.READ, query=IN_QUERY),
    "GET /api/v1/compare/runs/{run_id}/steps": Case(Permission.READ, parameters=of_run, query=IN_QUERY),
    "GET /api/v1/compare/runs/{run_id}/images": Case(
        Permission.READ, parameters=of_run, query={**IN_QUERY, "step": "0"}
    ),
    "POST /api/v1/compare/steps": Case(
        Permission.READ, lambda world: {"run_ids": [world.fresh_run().id]}, query=IN_QUERY
    ),
    "POST /api/v1/compare/keys": Case(Permission.READ, selection()),
    "POST /api/v1/compare/notches": Case(Permission.READ, selection()),
    "POST /api/v1/compare/media": Case(Permission.READ, selection()),
    "POST /api/v1/compare/history": Case(Permission.READ, selection(metrics=["loss"])),
    "GET /api/v1/compare/media.zip": Case(Permission.READ, query={**IN_QUERY, "run": "{run}"}),
    "POST /files/{entity}/{project}/{run}/file_stream": Case(Permission.WRITE, lambda _: {}),
    "POST /graphql": Case(Permission.SIGNED_IN, lambda _: {"query": "{ viewer { id } }"}),
    "POST /sdk/otel/v1/metrics": Case(Permission.EVERYBODY),
    "POST /sdk/otel/v1/logs": Case(Permission.EVERYBODY),
    "GET /healthz": Case(Permission.EVERYBODY),
    "GET /readyz": Case(Permission.EVERYBODY),
    "GET /ready": Case(Permission.EVERYBODY),
    "GET /metrics": Case(Permission.EVERYBODY),
    "GET /api/docs": Case(Permission.EVERYBODY),
    "GET /api/v1/openapi.json": Case(Permission.EVERYBODY),
    "GET /{path}": Case(Permission.EVERYBODY, parameters=lambda _: {"path": "some/page"}),
}

ELSEWHERE = {
    # It reads Parquet files only: see tests/unit/server/routes/rest/test_artifacts.py.
    f"GET {VERSION}/rows/{{path}}",
    # Its stream never ends: see test_live_updates_are_for_readers.
    "GET /api/v1/projects/{entity}/{project}/live",
    # Everybody has other keys: see test_keys_of_others_do_not_exist.
    "DELETE /api/v1/keys/{key}",
    # Nobody in this world belongs to an organization: see test_organizations_are_for_their_administrators.
    "DELETE /api/v1/admin/organizations/{name}",
    "POST /api/v1/admin/organizations/{name}/members",
    # The address is the credential: see tests/protocol/test_storage_urls.py.
    "GET /storage/runs/{token}/{path}",
    "PUT /storage/runs/{token}/{path}",
    "OPTIONS /storage/runs/{token}/{path}",
    # Likewise: see tests/unit/services/test_exports.py and tests/e2e/test_parquet_history.py.
    "GET /storage/exports/{token}/{name}",
}


def routes(candidates: list[Any]) -> Iterator[str]:
    """``METHOD /path`` of routes that are not in the OpenAPI document, routers within routers included."""
    for route in candidates:
        inner = getattr(route, "original_router", None)
        if inner is not None:
            yield from routes(inner.routes)
        elif getattr(route, "methods", None) and not route.include_in_schema:
            path = route.path.replace(":path}", "}")
            yield from (f"{method} {path}" for method in route.methods if method != "HEAD")


def all_routes(world: World) -> set[str]:
    documented = {
        f"{method.upper()} {path}" for path, operations in world.app.openapi()["paths"].items() for method in operations
    }
    return documented | set(routes(world.app.routes))


def test_every_route_is_in_the_census(world: World) -> None:
    artifact_routes = {route for route in all_routes(world) if "artifact" in route and "/api/v1/" not in route}
    assert all_routes(world) - artifact_routes == CENSUS.keys() | ELSEWHERE


def send(world: World, person: str, route: str, case: Case, run: Run) -> Any:
    """The request of a case, on a run made for it."""
    method, path = route.split(" ")
    values = {"entity": TEAM, "project": PROJECT, "run": run.id, **case.parameters(world)}
    body = case.body(world) if case.body else None
    client = world.clients[person]
    client.cookies.clear()
    before = world.fingerprint()
    response = client.request(
        method,
        path.format(**values),
        json=body,
        params={name: text.format(**values) for name, text in case.query.items()},
    )
    if response.is_error:
        assert world.fingerprint() == before, "a refused request changed something"
    return response


@pytest.mark.parametrize("person", KEYS)
@pytest.mark.parametrize("route", CENSUS)
def test_everybody_gets_what_the_route_declares(world: World, route: str, person: str) -> None:
    case = CENSUS[route]

    response = send(world, person, route, case, world.fresh_run())

    expected = REFUSALS[case.permission].get(person)
    if expected is None:
        assert response.is_success, response.text
    else:
        assert response.status_code == expected, response.text
        assert response.json()["error"]["message"]
        if person in ("anonymous", "wrong key"):
            assert "WWW-Authenticate" in response.headers
    if person in OUTSIDERS and case.permission is not Permission.EVERYBODY:
        # The name that was asked for may be repeated; nothing else may be said.
        assert SECRET not in response.text.replace(PROJECT, "").replace(f"{SECRET}-run", "")


@pytest.mark.parametrize("person", KEYS)
def test_live_updates_are_for_readers(world: World, person: str) -> None:
    client = world.clients[person]
    if person not in OUTSIDERS:
        # The stream itself is followed in the browser tests; that readers get as far as the project is enough here.
        assert client.get(f"/api/v1/projects/{TEAM}/{PROJECT}").is_success
        return

    response = client.get(f"/api/v1/projects/{TEAM}/{PROJECT}/live")

    assert response.status_code == (404 if person == "stranger" else 401)


def test_keys_of_others_do_not_exist(world: World) -> None:
    key = world.clients["member"].post("/api/v1/keys", json={"description": "of mel"}).json()

    assert world.clients["anonymous"].delete(f"/api/v1/keys/{key['id']}").status_code == 401
    for person in ("stranger", "team admin", "server admin"):
        assert world.clients[person].delete(f"/api/v1/keys/{key['id']}").status_code == 404
    assert world.clients["member"].delete(f"/api/v1/keys/{key['id']}").status_code == 204

    response = world.clients["anonymous"].get("/api/v1/session", headers={"Authorization": f"Bearer {key['api_key']}"})
    assert response.status_code == 401, "a revoked key still works"


def test_organizations_are_for_their_administrators(world: World) -> None:
    body = {"name": "guild", "owner": "ada"}
    assert world.clients["server admin"].post("/api/v1/admin/organizations", json=body).is_success
    member = {"username": "mel", "role": "member"}

    for person, status in {"anonymous": 401, "stranger": 404, "viewer": 404}.items():
        client = world.clients[person]
        assert client.post("/api/v1/admin/organizations/guild/members", json=member).status_code == status
        assert client.delete("/api/v1/admin/organizations/guild").status_code == status
    assert world.clients["team admin"].post("/api/v1/admin/organizations/guild/members", json=member).is_success
    # Now a member, who may see it and no more.
    assert world.clients["member"].delete("/api/v1/admin/organizations/guild").status_code == 403
    assert world.clients["team admin"].delete("/api/v1/admin/organizations/guild").is_success


def test_lists_show_only_what_the_caller_may_see(world: World) -> None:
    world.fresh_run()

    for person, sees in {"stranger": False, "viewer": True, "member": True, "server admin": True}.items():
        names = [project["name"] for project in world.clients[person].get("/api/v1/projects").json()["items"]]
        assert (PROJECT in names) is sees, person
    assert SECRET not in world.clients["stranger"].get("/api/v1/projects", params={"entity": TEAM}).text


def test_absent_and_hidden_things_are_answered_alike(world: World) -> None:
    run = world.fresh_run()
    stranger = world.clients["stranger"]

    hidden = stranger.get(f"/api/v1/projects/{TEAM}/{PROJECT}/runs/{run.id}").json()["error"]
    absent = stranger.get(f"/api/v1/projects/{TEAM}/absent/runs/{run.id}").json()["error"]

    assert hidden["kind"] == absent["kind"]
    assert hidden["message"].replace(PROJECT, "absent") == absent["message"]


def test_secrets_are_stored_as_digests_only(world: World) -> None:
    secret = world.clients["member"].post("/api/v1/keys", json={}).json()["api_key"]
    cookie = world.clients["anonymous"].post("/api/v1/session", json={"api_key": secret}).cookies["kymograph_session"]
    world.clients["anonymous"].cookies.clear()

    stored = b"".join(path.read_bytes() for path in world.database.parent.glob("kymograph.db*"))

    assert secret.encode() not in stored
    assert cookie.encode() not in stored
