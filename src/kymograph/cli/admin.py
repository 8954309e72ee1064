"""``kymograph admin``: users, teams, keys and sign-in links, made directly in the database."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from kymograph.core.accounts import User
    from kymograph.server.deps import Deployment
    from kymograph.services.access import Caller


def _options(command: Any) -> Any:
    for option in (
        click.option("--public-url", metavar="URL", help="What clients reach the server by."),
        click.option("--objects", metavar="URL", help="Object store of the server."),
        click.option("--database", metavar="URL", help="Database of the server."),
        click.option("--data", metavar="DIR", help="Data folder of the server."),
    ):
        command = option(command)
    return command


@contextmanager
def _opened(flags: dict[str, str | None]) -> Iterator[tuple[Deployment, Caller]]:
    """The deployment that the flags mean, and a caller who may do everything."""
    from kymograph.server.deps import open_deployment
    from kymograph.server.settings import load_settings
    from kymograph.services.access import Caller

    settings = load_settings(os.environ, **flags)  # type: ignore[arg-type]
    deployment = open_deployment(settings, exclusive=False)
    try:
        username = deployment.services.accounts.default_username(settings.admin_username)
        new_key = deployment.services.accounts.bootstrap_admin(username=username, api_key=settings.admin_api_key)
        if new_key is not None:
            # The server was not started yet; it would have shown the key, and will not show it again.
            click.echo(f"API key of {username}, shown only now: {new_key}", err=True)
        yield deployment, Caller(_administrator(deployment, username))
    finally:
        deployment.close()


def _administrator(deployment: Deployment, username: str) -> User:
    """The named user, or any other administrator."""
    from kymograph.errors import UserNotFound

    named = deployment.database.read(lambda tx: tx.accounts.find_user(username))
    if named is not None and named.is_admin:
        return named
    users = deployment.database.read(lambda tx: tx.accounts.list_users(limit=100_000))
    administrator = next((user for user in users if user.is_admin), None)
    if administrator is None:
        raise UserNotFound(username)
    return administrator


@click.group()
def admin() -> None:
    """Manage users, teams and keys of a server on this machine (it may be running)."""


@admin.command("login-link")
@click.argument("username", required=False)
@_options
def login_link(username: str | None, **flags: str | None) -> None:
    """Print a link that signs USERNAME (default: the administrator) in once, within a day."""
    with _opened(flags) as (deployment, caller):
        token = deployment.services.accounts.create_login_link(username or caller.user.username)
        click.echo(f"{deployment.settings.public_url}/login/{token}")


@admin.command("create-user")
@click.argument("username")
@click.option("--email", default="", help="Shown to members of the same teams.")
@click.option("--admin", "is_admin", is_flag=True, help="May administer the server.")
@_options
def create_user(username: str, email: str, is_admin: bool, **flags: str | None) -> None:
    """Create a user and print an API key; the key is not kept and cannot be shown again."""
    from kymograph.services.secrets import new_api_key

    with _opened(flags) as (deployment, caller):
        api_key = new_api_key()
        deployment.services.accounts.put_user(caller, username, email=email, is_admin=is_admin, api_key=api_key)
        click.echo(api_key)


@admin.command("create-key")
@click.argument("username")
@_options
def create_key(username: str, **flags: str | None) -> None:
    """Give a user another API key and print it."""
    from kymograph.errors import UserNotFound
    from kymograph.services.access import Caller

    with _opened(flags) as (deployment, _caller):
        user = deployment.database.read(lambda tx: tx.accounts.find_user(username))
        if user is None:
            raise UserNotFound(username)
        click.echo(deployment.services.accounts.create_key(Caller(user), description="made by `kymograph admin`")[1])


@admin.command("create-organization")
@click.argument("name")
@click.option("--owner", help="First administrator of the organization.")
@_options
def create_organization(name: str, owner: str | None, **flags: str | None) -> None:
    """Create an organization: a group of teams with registries in common."""
    with _opened(flags) as (deployment, caller):
        deployment.services.accounts.create_organization(caller, name, owner=owner or caller.user.username)
        click.echo(f"organization {name} created")


@admin.command("create-team")
@click.argument("name")
@click.option("--owner", help="First administrator of the team.")
@click.option("--organization", help="The organization that it belongs to.")
@_options
def create_team(name: str, owner: str | None, organization: str | None, **flags: str | None) -> None:
    """Create a team."""
    with _opened(flags) as (deployment, caller):
        deployment.services.accounts.create_team(caller, name, owner=owner, organization=organization)
        click.echo(f"team {name} created")


@admin.command("add-member")
@click.argument("team")
@click.argument("username")
@click.option("--role", type=click.Choice(["viewer", "member", "admin"]), default="member", show_default=True)
@_options
def add_member(team: str, username: str, role: str, **flags: str | None) -> None:
    """Add a user to a team or organization, or change a role."""
    from kymograph.core.accounts import Role

    with _opened(flags) as (deployment, caller):
        deployment.services.accounts.put_member(caller, team, username, Role(role))
        click.echo(f"{username} is {role} of {team}")


@admin.command("remove-member")
@click.argument("team")
@click.argument("username")
@_options
def remove_member(team: str, username: str, **flags: str | None) -> None:
    """Remove a user from a team or organization."""
    from kymograph.errors import UserNotFound

    with _opened(flags) as (deployment, caller):
        user = deployment.database.read(lambda tx: tx.accounts.find_user(username))
        if user is None:
            raise UserNotFound(username)
        deployment.services.accounts.remove_member(caller, team, user.id)
        click.echo(f"{username} is no member of {team}")


@admin.command("gc")
@click.option("--dry-run", is_flag=True, help="Change nothing, only say what would go.")
@_options
def collect_garbage(dry_run: bool, **flags: str | None) -> None:
    """Remove what is left behind: data of deleted runs and projects, replaced segments, objects that no row names.

    A running server does the same by itself. Nothing goes that was deleted or replaced within the last hour.
    """
    with _opened(flags) as (deployment, _caller):
        total = deployment.services.garbage.collect(dry_run=dry_run)
        verb = "would go" if dry_run else "collected"
        click.echo(f"{total.runs:,} runs, {total.objects:,} objects, {total.size_bytes:,} bytes {verb}")
