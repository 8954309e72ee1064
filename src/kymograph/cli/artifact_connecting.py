"""Which artifact a command means, and where it is: the same for all commands about artifacts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

import click
from click.shell_completion import CompletionItem

if TYPE_CHECKING:
    from kymograph.client.artifact_values import RemoteCollection
    from kymograph.sdk.artifacts.artifact import Artifact
    from kymograph.sdk.artifacts.session import Session
    from kymograph.sdk.settings import Settings

HOW_TO_NAME = (
    "write [ENTITY/]PROJECT/NAME:VERSION, NAME:VERSION for the project of your settings, or its page's address"
)
_PAGE = 100


@dataclass(frozen=True, slots=True)
class ArtifactName:
    """What somebody wrote to name an artifact; None where it is not said."""

    collection: str
    version: str | None = None
    """``v3``, or an alias."""
    project: str | None = None
    entity: str | None = None
    server: str | None = None

    @property
    def short(self) -> str:
        """Without its project; the latest version if none is named."""
        return f"{self.collection}:{self.version or 'latest'}"


def split_artifact(text: str) -> ArtifactName:
    """Read ``[[ENTITY/]PROJECT/]NAME[:VERSION]``, or the address of a page.

    Raises:
        click.UsageError: None of these.
    """
    parts = urlsplit(text)
    if parts.scheme in ("http", "https"):
        names = [unquote(name) for name in parts.path.strip("/").split("/")]
        if len(names) not in (5, 6) or names[2] != "artifacts":
            raise click.UsageError(f"{text!r} is no address of an artifact's page: {HOW_TO_NAME}")
        server = f"{parts.scheme}://{parts.netloc}"
        return ArtifactName(names[4], names[5] if len(names) == 6 else None, names[1], names[0], server)
    path, colon, version = text.partition(":")
    found = path.strip("/").split("/")
    if not 1 <= len(found) <= 3 or not all(found) or (colon and not version):
        raise click.UsageError(f"{text!r} names no artifact: {HOW_TO_NAME}")
    entity, project, collection = list[str | None]([None] * (3 - len(found))) + list[str | None](found)
    return ArtifactName(str(collection), version or None, project, entity)


def split_project_path(text: str | None) -> tuple[str | None, str | None]:
    """Entity and project of ``[ENTITY/]PROJECT``; None where it is not said.

    Raises:
        click.UsageError: It is something else.
    """
    if not text:
        return None, None
    parts = text.strip("/").split("/")
    if len(parts) > 2 or not all(parts):
        raise click.UsageError(f"{text!r} names no project: write [ENTITY/]PROJECT")
    return (parts[0] if len(parts) == 2 else None), parts[-1]


class ArtifactServer:
    """The artifacts of one server, as commands ask for them."""

    def __init__(self, session: Session, settings: Settings) -> None:
        self.session, self.settings = session, settings

    def place(self, entity: str | None, project: str | None) -> tuple[str, str]:
        """Entity and project; what is not named comes from the settings.

        Raises:
            click.UsageError: No project is named anywhere.
        """
        from kymograph.cli.connecting import own_entity

        name = project or self.settings.project
        if not name:
            raise click.UsageError(
                "no project is named: write PROJECT/…, or set WANDB_PROJECT, or use `kymograph init`"
            )
        return entity or self.settings.entity or own_entity(self.session.client), name

    def find(self, name: ArtifactName) -> Artifact:
        """A version.

        Raises:
            MembershipNotFound: There is none.
        """
        return self.session.artifact_by_name(*self.place(name.entity, name.project), name.short)

    def collections(self, entity: str, project: str, *, type_name: str | None = None) -> Iterator[RemoteCollection]:
        """The collections of a project, by type.

        Raises:
            ProjectNotFound: There is no such project.
        """
        from kymograph.client.artifact_values import every

        client = self.session.collections
        types = (
            [type_name]
            if type_name is not None
            else [
                found.name
                for found in every(lambda cursor: client.types(entity, project, cursor=cursor, per_page=_PAGE))
            ]
        )
        for one in types:
            yield from every(
                lambda cursor, one=one: client.list_of_type(  # type: ignore[misc] # mypy takes no default as bound
                    entity, project, one, cursor=cursor, per_page=_PAGE
                )
            )

    def collection(self, name: ArtifactName) -> RemoteCollection:
        """A collection, whatever its type.

        Raises:
            CollectionNotFound: There is none of that name.
        """
        from kymograph.errors import CollectionNotFound

        entity, project = self.place(name.entity, name.project)
        for found in self.collections(entity, project):
            if found.address.name == name.collection:
                return found
        raise CollectionNotFound(name.collection, within=f"{entity}/{project}")

    def versions(self, collection: RemoteCollection) -> list[Artifact]:
        """The versions of a collection, the newest first."""
        from kymograph.sdk.artifacts.collection import ArtifactCollection

        found = ArtifactCollection(self.session, collection).artifacts(per_page=_PAGE)
        return sorted(found, key=lambda version: -number_of(version.version))


def number_of(version: str) -> int:
    """The number in ``v3``; -1 for anything else."""
    return int(version[1:]) if version[1:].isdecimal() else -1


@contextmanager
def artifact_server(server: str | None = None, *, is_patient: bool = True) -> Iterator[ArtifactServer]:
    """The artifacts of the server that settings mean, or of one that was named.

    Args:
        server: Address of another one.
        is_patient: Whether what may pass is waited for, rather than told.

    Raises:
        Unauthenticated: There is no key for it.
    """
    from kymograph.cli.connecting import connect, settings_here
    from kymograph.sdk.artifacts.folders import artifact_folders
    from kymograph.sdk.artifacts.session import Session

    settings = settings_here()
    with connect(settings, server, is_patient=is_patient) as client:
        address = server or str(settings.app_url)
        yield ArtifactServer(Session(client, address, artifact_folders(settings)), settings)


def complete_name(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Names of collections that begin as what is typed; nothing if the server cannot tell."""
    from kymograph.errors import KymographError

    if ":" in incomplete or "://" in incomplete:
        return []  # shells take a colon for the end of a word
    try:
        asked = split_artifact(f"{incomplete}x")
        begun = asked.collection[:-1]
        with artifact_server(is_patient=False) as server:
            entity, project = server.place(asked.entity, asked.project)
            head = incomplete[: len(incomplete) - len(begun)]
            return [
                CompletionItem(head + found.address.name, help=found.type_name)
                for found in server.collections(entity, project)
                if found.address.name.startswith(begun)
            ]
    except (KymographError, click.UsageError, OSError):
        return []


def named_together(names: list[ArtifactName]) -> str | None:
    """The server that names mean.

    Raises:
        click.UsageError: Several servers.
    """
    servers = {name.server for name in names if name.server is not None}
    if len(servers) > 1:
        raise click.UsageError(f"these are on several servers: {', '.join(sorted(servers))}")
    return next(iter(servers), None)
