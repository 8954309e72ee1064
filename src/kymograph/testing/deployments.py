"""A whole server without a process: real services over a real database file, objects in memory, time by hand."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kymograph.core.accounts import Role
from kymograph.core.run import Run, RunChange
from kymograph.server.deps import Deployment, open_deployment
from kymograph.server.settings import Settings, load_settings
from kymograph.services.access import Caller
from kymograph.services.runs import RunAddress
from kymograph.testing.clock import ManualClock

ADMIN_KEY = "0123456789abcdef0123456789abcdef01234567"
PUBLIC_URL = "https://kymograph.test"


class DeploymentUnderTest:
    """A deployment with its first administrator, and short ways to people and runs."""

    def __init__(self, deployment: Deployment, clock: ManualClock) -> None:
        self.deployment = deployment
        self.clock = clock
        self.services = deployment.services
        self.database = deployment.database
        self.objects = deployment.objects
        self.services.accounts.bootstrap_admin(username="admin", api_key=ADMIN_KEY)
        self.admin = self.caller("admin")

    def caller(self, username: str) -> Caller:
        """An existing user as the one who asks."""
        user = self.database.read(lambda tx: tx.accounts.find_user(username))
        assert user is not None, f"there is no user {username!r}"
        return Caller(user)

    def user(self, username: str, *, api_key: str | None = None) -> Caller:
        """A new user."""
        self.services.accounts.put_user(self.admin, username, api_key=api_key)
        return self.caller(username)

    def team(self, name: str, *, organization: str | None = None, **roles: Role) -> None:
        """A new team of the administrator, with members by user name, who are made if need be."""
        self.services.accounts.create_team(self.admin, name, organization=organization)
        for username, role in roles.items():
            self.user(username)
            self.services.accounts.put_member(self.admin, name, username, role)

    def run(
        self, address: str = "admin/project/run", change: RunChange | None = None, *, by: Caller | None = None
    ) -> Run:
        """The run at ``entity/project/id``, made if need be."""
        entity, project, run = address.split("/")
        where = RunAddress(entity, project, run)
        return self.services.runs.upsert(by or self.admin, where, change or RunChange())[0]


def settings_in(folder: Path, **flags: str) -> Settings:
    """Settings of a deployment in a folder, objects in memory unless `flags` say otherwise."""
    return load_settings({}, data=str(folder), **{"objects": "memory://", "public_url": PUBLIC_URL, **flags})  # type: ignore[arg-type]


@contextmanager
def open_test_deployment(
    folder: Path, *, clock: ManualClock | None = None, **flags: str
) -> Iterator[DeploymentUnderTest]:
    """Open a deployment in `folder` and close it at the end.

    Args:
        folder: Becomes the data folder.
        clock: Time for all services; one of its own by default.
        flags: As for `server.settings.load_settings`: ``database``, ``objects`` and so on.
    """
    clock = clock or ManualClock()
    deployment = open_deployment(settings_in(folder, **flags), clock=clock)
    try:
        yield DeploymentUnderTest(deployment, clock)
    finally:
        deployment.close()
