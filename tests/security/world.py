"""A server with something to hide, and people who stand in every relation to it."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
from fastapi import FastAPI

from kymograph.core.accounts import Role
from kymograph.core.history import LineBatch, Stream
from kymograph.core.project import Project, Visibility
from kymograph.core.run import Run, RunChange
from kymograph.server.app import create_app
from kymograph.services.history import StreamUpdate
from kymograph.services.registries import RegistryChange
from kymograph.testing.deployments import ADMIN_KEY, PUBLIC_URL, DeploymentUnderTest, open_test_deployment

SECRET = "TOPSECRET"
"""Stands in everything that the team owns; an outsider must never read it."""
TEAM, PROJECT = "lab", f"{SECRET}-project"
ORGANIZATION = "works"
"""Owns registries; of the people, only the server's administrator belongs to it."""

KEYS: dict[str, str | None] = {
    "anonymous": None,
    "wrong key": "f" * 40,
    "stranger": "1" * 40,
    "viewer": "2" * 40,
    "member": "3" * 40,
    "team admin": "4" * 40,
    "server admin": ADMIN_KEY,
}
"""Whoever may ask: nobody, somebody with no business there, and members of the team in all roles."""
PEOPLE = {"stranger": "sam", "viewer": "vera", "member": "mel", "team admin": "ada"}
"""Their user names."""
ROLES = (("viewer", Role.VIEWER), ("member", Role.MEMBER), ("team admin", Role.ADMIN))
OUTSIDERS = ("anonymous", "wrong key", "stranger")


class AppTransport(httpx.BaseTransport):
    """Sends the requests of a synchronous client to an application in this process."""

    def __init__(self, app: FastAPI) -> None:
        self._transport = httpx.ASGITransport(app, raise_app_exceptions=False)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Docstring inherited."""

        async def send() -> httpx.Response:
            response = await self._transport.handle_async_request(request)
            assert isinstance(response.stream, httpx.AsyncByteStream)
            content = b"".join([chunk async for chunk in response.stream])
            return httpx.Response(response.status_code, headers=response.headers, stream=httpx.ByteStream(content))

        return asyncio.run(send())


def open_client(app: FastAPI, key: str | None = None) -> httpx.Client:
    """A client of an application in this process; close it."""
    headers = {"Authorization": f"Bearer {key}"} if key else None
    return httpx.Client(transport=AppTransport(app), base_url=PUBLIC_URL, headers=headers)


VOLATILE_TABLES = frozenset({"sessions", "login_links"})
VOLATILE_COLUMNS = frozenset({"last_used_at"})


@dataclass(slots=True)
class World:
    """The server, its HTTP face for each kind of person, and fresh things to work on."""

    under_test: DeploymentUnderTest
    app: FastAPI
    database: Path
    clients: dict[str, httpx.Client]
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def fresh_run(self) -> Run:
        """A run of the team with one row, one file, and secrets in all texts."""
        run_id = f"{SECRET}-run{next(self._numbers)}"
        change = RunChange(
            display_name=f"{SECRET} name",
            notes=f"{SECRET} notes",
            tags=(f"{SECRET}-tag",),
            group=f"{SECRET}-group",
            config_json=f'{{"{SECRET}": {{"value": "{SECRET}"}}}}',
            summary_json=f'{{"{SECRET}": 1}}',
        )
        run = self.under_test.run(f"{TEAM}/{PROJECT}/{run_id}", change)
        line = f'{{"_step": 0, "{SECRET}/loss": 1}}'
        console = f"2026-11-22T04:29:05.261346 {SECRET}"
        batches = [LineBatch(Stream.HISTORY, 0, [line]), LineBatch(Stream.CONSOLE, 0, [console])]
        services = self.under_test.services
        services.history.record(self.under_test.admin, TEAM, PROJECT, run_id, StreamUpdate(batches))
        _, [(_, url)] = services.files.upload_urls(self.under_test.admin, TEAM, PROJECT, run_id, [f"{SECRET}.txt"])
        path = url.removeprefix(self.under_test.deployment.settings.public_url)
        assert self.clients["anonymous"].put(path, content=SECRET.encode()).status_code == 200
        return run

    def fresh_name(self, kind: str) -> str:
        """A name that nothing has yet."""
        return f"{kind}{next(self._numbers)}"

    def fresh_registry(self) -> Project:
        """A registry of the organization in which the people have the roles that they have in the team."""
        services, admin = self.under_test.services, self.under_test.admin
        change = RegistryChange(description=SECRET, visibility=Visibility.RESTRICTED)
        made, _ = services.registries.put(admin, ORGANIZATION, f"wandb-registry-{self.fresh_name('r')}", change)
        users = {self.under_test.caller(PEOPLE[person]).user.id: role for person, role in ROLES}
        team = services.accounts.find_entity(admin, TEAM)
        assert team is not None
        services.registry_members.add(admin, made.id, users=list(users), teams=[team.id])
        services.registry_members.set_team_role(admin, made.id, team.id, Role.RESTRICTED_VIEWER)
        for user, role in users.items():
            services.registry_members.set_role(admin, made.id, user, role)
        return made

    def file_id(self, run: Run) -> int:
        """The number of the run's only file."""
        return self.under_test.services.files.get(run, f"{SECRET}.txt").id

    def fingerprint(self) -> str:
        """A digest of everything in the database; equal before and after a request that was refused."""
        digest = hashlib.sha256()
        with closing(sqlite3.connect(f"file:{self.database}?mode=ro", uri=True)) as connection:
            names = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name").fetchall()
            for (table,) in names:
                if table in VOLATILE_TABLES:
                    continue
                cursor = connection.execute(f'SELECT * FROM "{table}"')
                kept = [i for i, column in enumerate(cursor.description) if column[0] not in VOLATILE_COLUMNS]
                rows = sorted(repr([row[i] for i in kept]) for row in cursor)
                digest.update(repr((table, rows)).encode())
        return digest.hexdigest()


@contextmanager
def open_world(folder: Path) -> Iterator[World]:
    """Open a world in a folder."""
    with open_test_deployment(folder) as under_test:
        under_test.services.accounts.create_team(under_test.admin, TEAM)
        under_test.services.accounts.create_organization(under_test.admin, ORGANIZATION, owner="admin")
        for person, username in PEOPLE.items():
            under_test.user(username, api_key=KEYS[person])
        for person, role in ROLES:
            under_test.services.accounts.put_member(under_test.admin, TEAM, PEOPLE[person], role)
        app = create_app(under_test.deployment)
        clients = {person: open_client(app, key) for person, key in KEYS.items()}
        try:
            yield World(under_test, app, folder / "kymograph.db", clients)
        finally:
            for client in clients.values():
                client.close()
