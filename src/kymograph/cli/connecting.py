"""Which server and which run a command means: the same for all commands that read or write runs."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

import click

if TYPE_CHECKING:
    from kymograph.client.connection import Connection
    from kymograph.client.run_reads import RunReads
    from kymograph.client.runs import RunAddress, RunClient
    from kymograph.sdk.settings import Settings

DEFAULT_PROJECT = "uncategorized"
"""Of runs that name none. Source: protocol.md §4.2."""


def project_options(command: Any) -> Any:
    """The options that name a project."""
    for option in (
        click.option("-e", "--entity", metavar="NAME", help="User or team.  [default: WANDB_ENTITY, or your own]"),
        click.option("-p", "--project", metavar="NAME", help="Project, also as ENTITY/PROJECT."),
    ):
        command = option(command)
    return command


def settings_here() -> Settings:
    """The settings of this folder."""
    from kymograph.sdk.settings_sources import load_settings

    return load_settings()


def connect(settings: Settings, server: str | None = None, *, is_patient: bool = False) -> RunClient:
    """A client of the server that settings mean, or of one that was named; close it.

    Args:
        settings: Of this folder.
        server: Address of another one.
        is_patient: Whether what may pass is waited for, rather than told.

    Raises:
        Unauthenticated: There is no key, and nobody to ask for one.
        InvalidSetting: The address is none.
    """
    from kymograph.client.runs import RunClient

    return RunClient(connection_to(settings, server), wait=time.sleep if is_patient else None)


def connection_to(settings: Settings, server: str | None = None) -> Connection:
    """How to reach the server that settings mean, or one that was named.

    Raises:
        Unauthenticated: There is no key, and nobody to ask for one.
        InvalidSetting: The address is none.
    """
    from kymograph.client.addresses import check_base_url
    from kymograph.sdk.login import connection_of

    return connection_of(settings, None if server is None else check_base_url(server, setting="host"))


def split_run(text: str) -> tuple[str | None, str | None, str, str | None]:
    """Read ``RUN``, ``PROJECT/RUN``, ``ENTITY/PROJECT/RUN``, with ``:`` before the run, or the address of a page.

    Returns:
        Entity, project, run id, and the server; None where it is not named.

    Raises:
        click.UsageError: None of these.
    """
    parts = urlsplit(text)
    is_url = parts.scheme in ("http", "https")
    path = parts.path if is_url else text.replace(":", "/")
    names = [unquote(name) if is_url else name for name in path.strip("/").split("/")]
    if len(names) >= 4 and names[2] == "runs":
        names = [*names[:2], names[3]]
    if not 1 <= len(names) <= 3 or not all(names) or (is_url and len(names) != 3):
        raise click.UsageError(
            f"{text!r} names no run: write ENTITY/PROJECT/RUN, RUN alone, or the address of its page"
        )
    entity, project, run_id = [None] * (3 - len(names)) + list[Any](names)
    return entity, project, str(run_id), f"{parts.scheme}://{parts.netloc}" if is_url else None


def split_project(project: str | None, entity: str | None) -> tuple[str | None, str | None]:
    """Entity and project that options name; a project may bring its entity along."""
    if project and "/" in project:
        owner, _, name = project.partition("/")
        return entity or owner, name
    return entity, project


@contextmanager
def connected_to(text: str, project: str | None, entity: str | None) -> Iterator[tuple[RunReads, RunAddress]]:
    """The server and the run that a command's argument and options mean; the rest comes from settings.

    Raises:
        click.UsageError: The argument names no run.
        Unauthenticated: There is no key for the server.
    """
    from kymograph.client.run_reads import RunReads
    from kymograph.client.runs import RunAddress

    found_entity, found_project, run_id, server = split_run(text)
    entity, project = split_project(project, entity)
    settings = settings_here()
    with connect(settings, server, is_patient=True) as client:
        owner = found_entity or entity or settings.entity or own_entity(client)
        name = found_project or project or settings.project or DEFAULT_PROJECT
        yield RunReads(client), RunAddress(owner, name, run_id)


def own_entity(client: RunClient) -> str:
    """Where runs of the caller go for which no entity is named."""
    return client.viewer().entity
