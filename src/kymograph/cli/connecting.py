"""Which server and which run a command means: the same for all commands that read or write runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

import click

if TYPE_CHECKING:
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


def settings_for(**arguments: str | None) -> Settings:
    """The settings of this folder, with those of the command line before them."""
    from kymograph.sdk.settings_sources import load_settings

    return load_settings(arguments={name: value for name, value in arguments.items() if value is not None})


def connect(settings: Settings) -> RunClient:
    """A client of the server that settings mean; close it.

    Raises:
        Unauthenticated: There is no key, and nobody to ask for one.
    """
    from kymograph.client.runs import RunClient
    from kymograph.sdk.login import authorization_of

    headers: Mapping[str, str] = dict(settings.x_extra_http_headers or {})
    return RunClient(settings.base_url, authorization=authorization_of(settings), headers=headers)


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
        raise click.UsageError(f"{text!r} names no run: write ENTITY/PROJECT/RUN, RUN alone, or the address of its page")
    entity, project, run_id = [None] * (3 - len(names)) + list[Any](names)
    return entity, project, str(run_id), f"{parts.scheme}://{parts.netloc}" if is_url else None


def split_project(project: str | None, entity: str | None) -> tuple[str | None, str | None]:
    """Entity and project that options name; a project may bring its entity along."""
    if project and "/" in project:
        owner, _, name = project.partition("/")
        return entity or owner, name
    return entity, project


def run_address(
    text: str, project: str | None, entity: str | None
) -> tuple[Settings, tuple[str | None, str | None, str]]:
    """What a command's argument and options mean: settings of the server, and names as far as they are known."""
    found_entity, found_project, run_id, server = split_run(text)
    entity, project = split_project(project, entity)
    settings = settings_for(base_url=server)
    return settings, (found_entity or entity or settings.entity, found_project or project or settings.project, run_id)


def whole_address(client: RunClient, names: tuple[str | None, str | None, str]) -> RunAddress:
    """The address, with the caller's own entity where none is named."""
    from kymograph.client.runs import RunAddress

    entity, project, run_id = names
    return RunAddress(entity or own_entity(client), project or DEFAULT_PROJECT, run_id)


def own_entity(client: RunClient) -> str:
    """Where runs of the caller go for which no entity is named."""
    viewer = client.viewer()
    return str(viewer.get("entity") or viewer.get("username") or "")
