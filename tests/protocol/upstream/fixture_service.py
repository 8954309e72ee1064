"""The test-only service that the vendor's system tests ask for users, organizations and teams.

Their tests post small commands to a second port beside the server (`docs/compatibility.md` says how they find it).
This service translates each command into calls of our administrative REST interface, so it needs nothing but the
server's address and an administrator's API key.

An unknown command is an error: a fixture that was silently not made shows up later as a confusing test failure.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Literal
from urllib.parse import quote

import httpx
import uvicorn
from fastapi import FastAPI, HTTPException
from pydantic import BaseModel

ADMIN_KEY_VARIABLE = "KYMOGRAPH_ADMIN_API_KEY"


class UserCommand(BaseModel):
    """Make a user (`up`), set its API key (`password`), or delete it (`down`)."""

    command: Literal["up", "password", "down"]
    username: str
    password: str | None = None
    admin: bool = False


class Member(BaseModel):
    """A user to be added to an organization."""

    username: str
    role: Literal["admin", "member", "viewer"]


class OrganizationData(BaseModel):
    """The payload of `add_members`."""

    members: list[Member]


class OrganizationCommand(BaseModel):
    """Make an organization, add members to it, or delete it with its teams."""

    command: Literal["up", "add_members", "down"]
    orgName: str  # noqa: N815 - the wire's spelling
    username: str | None = None
    fixtureData: OrganizationData | None = None  # noqa: N815 - the wire's spelling


class Named(BaseModel):
    """Anything that the payload of a team command gives only the name of."""

    name: str


class TeamData(BaseModel):
    """The payload of a team command; the plan has no meaning here."""

    planName: str | None = None  # noqa: N815 - the wire's spelling
    team: Named
    organization: Named


class TeamCommand(BaseModel):
    """Make a team in an organization, with the user as its administrator."""

    command: Literal["up"]
    username: str
    fixtureData: TeamData  # noqa: N815 - the wire's spelling


class Administration:
    """Our server's `/api/v1/admin` routes, as far as fixtures need them.

    Args:
        client: Has the server's address as base URL and the administrator's credentials as headers.
    """

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client

    async def put_user(self, username: str, *, api_key: str | None = None, is_admin: bool = False) -> None:
        body: dict[str, object] = {"username": username, "is_admin": is_admin}
        if api_key is not None:
            body["api_key"] = api_key
        await self._send("POST", "users", body)

    async def delete_user(self, username: str) -> None:
        await self._send("DELETE", f"users/{quote(username, safe='')}")

    async def create_organization(self, name: str, *, owner: str) -> None:
        await self._send("POST", "organizations", {"name": name, "owner": owner})

    async def add_member(self, organization: str, member: Member) -> None:
        path = f"organizations/{quote(organization, safe='')}/members"
        await self._send("POST", path, {"username": member.username, "role": member.role})

    async def delete_organization(self, name: str) -> None:
        await self._send("DELETE", f"organizations/{quote(name, safe='')}")

    async def create_team(self, name: str, *, organization: str, owner: str) -> None:
        await self._send("POST", "teams", {"name": name, "organization": organization, "owner": owner})

    async def _send(self, method: str, path: str, body: dict[str, object] | None = None) -> None:
        response = await self._client.request(method, f"/api/v1/admin/{path}", json=body)
        if response.is_error:
            raise HTTPException(502, f"{method} {path}: {response.status_code} {response.text}")


def create_app(client: httpx.AsyncClient) -> FastAPI:
    """Build the service over an HTTP client for the server; the service closes the client when it stops."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with client:
            yield

    app = FastAPI(lifespan=lifespan)
    admin = Administration(client)

    @app.get("/health")
    async def health() -> dict[str, str]:
        return {"status": "ok"}

    @app.post("/db/user")
    async def user(command: UserCommand) -> dict[str, str]:
        match command.command:
            case "up":
                await admin.put_user(command.username, is_admin=command.admin)
            case "password":
                if command.password is None:
                    raise HTTPException(422, "password: the command needs one")
                await admin.put_user(command.username, api_key=command.password, is_admin=command.admin)
            case "down":
                await admin.delete_user(command.username)
        return {"username": command.username}

    @app.post("/db/organization")
    async def organization(command: OrganizationCommand) -> dict[str, str]:
        match command.command:
            case "up":
                if command.username is None:
                    raise HTTPException(422, "username: an organization needs an owner")
                await admin.create_organization(command.orgName, owner=command.username)
            case "add_members":
                for member in command.fixtureData.members if command.fixtureData else []:
                    await admin.add_member(command.orgName, member)
            case "down":
                await admin.delete_organization(command.orgName)
        return {"organization": command.orgName}

    @app.post("/db/team")
    async def team(command: TeamCommand) -> dict[str, str]:
        data = command.fixtureData
        await admin.create_team(data.team.name, organization=data.organization.name, owner=command.username)
        return {"team": data.team.name}

    return app


def main() -> None:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--server", required=True, help="address of our server, for example http://localhost:8080")
    parser.add_argument("--port", required=True, type=int, help="port to serve on, on the loopback interface")
    options = parser.parse_args()

    client = httpx.AsyncClient(
        base_url=options.server,
        headers={"Authorization": f"Bearer {os.environ[ADMIN_KEY_VARIABLE]}"},
        timeout=25,  # the tests themselves give up after 30 s
    )
    uvicorn.run(create_app(client), host="127.0.0.1", port=options.port, log_level="warning")


if __name__ == "__main__":
    main()
