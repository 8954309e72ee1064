from __future__ import annotations

import json

import httpx
import pytest

from tests.protocol.upstream.fixture_service import create_app


class FakeServer:
    """Stands for our server: notes each administrative call and answers with one status."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, str, object]] = []
        self.status = 200

    def __call__(self, request: httpx.Request) -> httpx.Response:
        body = json.loads(request.content) if request.content else None
        self.calls.append((request.method, request.url.raw_path.decode(), body))
        return httpx.Response(self.status, json={})


@pytest.fixture
def server() -> FakeServer:
    return FakeServer()


async def post(server: FakeServer, path: str, body: object) -> httpx.Response:
    """Send one command, as the tests do, to a service in front of `server`."""
    to_server = httpx.AsyncClient(base_url="http://server", transport=httpx.MockTransport(server))
    service = httpx.ASGITransport(create_app(to_server))
    async with httpx.AsyncClient(base_url="http://service", transport=service) as client:
        return await client.post(path, json=body)


async def test_a_user_is_made_and_then_given_its_key(server: FakeServer) -> None:
    user = {"username": "u", "password": None, "admin": False}

    await post(server, "/db/user", user | {"command": "up"})
    await post(server, "/db/user", user | {"command": "password", "password": "u"})
    await post(server, "/db/user", user | {"command": "down"})

    assert server.calls == [
        ("POST", "/api/v1/admin/users", {"username": "u", "is_admin": False}),
        ("POST", "/api/v1/admin/users", {"username": "u", "is_admin": False, "api_key": "u"}),
        ("DELETE", "/api/v1/admin/users/u", None),
    ]


async def test_an_organization_gets_an_owner_and_members(server: FakeServer) -> None:
    organization = {"orgName": "o/1", "username": None, "fixtureData": None}
    members = {"members": [{"username": "v", "role": "viewer"}]}

    await post(server, "/db/organization", organization | {"command": "up", "username": "u"})
    await post(server, "/db/organization", organization | {"command": "add_members", "fixtureData": members})
    await post(server, "/db/organization", organization | {"command": "down"})

    assert server.calls == [
        ("POST", "/api/v1/admin/organizations", {"name": "o/1", "owner": "u"}),
        ("POST", "/api/v1/admin/organizations/o%2F1/members", {"username": "v", "role": "viewer"}),
        ("DELETE", "/api/v1/admin/organizations/o%2F1", None),
    ]


async def test_a_team_is_made_in_its_organization(server: FakeServer) -> None:
    data = {"planName": "p", "team": {"name": "t"}, "organization": {"name": "o"}}

    await post(server, "/db/team", {"command": "up", "username": "u", "fixtureData": data})

    assert server.calls == [("POST", "/api/v1/admin/teams", {"name": "t", "organization": "o", "owner": "u"})]


async def test_a_refusal_of_the_server_is_passed_on(server: FakeServer) -> None:
    server.status = 409

    answer = await post(server, "/db/user", {"command": "up", "username": "u", "password": None, "admin": False})

    assert answer.status_code == 502
    assert "409" in answer.text


async def test_an_unknown_command_is_an_error(server: FakeServer) -> None:
    answer = await post(server, "/db/team", {"command": "down", "username": None, "fixtureData": None})

    assert answer.status_code == 422
    assert server.calls == []
