"""The tracker as bucket artifacts ask it without a run: versions by name, and who needs what."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from kymograph.bucket.claims import Owner
from kymograph.client.artifact_values import every
from kymograph.client.parallel import in_parallel
from kymograph.errors import InvalidArtifact, InvalidSetting, ProjectNotFound
from kymograph.sdk.artifacts.collection import ArtifactCollection
from kymograph.sdk.artifacts.references.base import is_unchecked
from kymograph.sdk.artifacts.references.file import local_path, quoted
from kymograph.sdk.artifacts.version_names import full_name

if TYPE_CHECKING:
    from kymograph.sdk.artifacts.artifact import Artifact
    from kymograph.sdk.artifacts.session import Session

_AT_ONCE = 16
_PAGE = 100


class Tracker:
    """Artifacts of one server, in one project unless another is named."""

    def __init__(self, session: Session, *, entity: str | None, project: str | None) -> None:
        """Prepare; nothing is asked yet.

        Args:
            session: With the server.
            entity: Whose project; None for that of the key's user.
            project: None if names always say it.
        """
        self.session, self._entity, self.project = session, entity, project

    @property
    def entity(self) -> str:
        """Whose project it is."""
        if self._entity is None:
            self._entity = self.session.client.viewer().entity
        return self._entity

    @property
    def owner(self) -> Owner:
        """Whose artifacts they are.

        Raises:
            InvalidSetting: No project is named.
        """
        if not self.project:
            raise InvalidSetting(
                "project", None, rule="name the project: --project-name, project_name=, or WANDB_PROJECT"
            )
        return Owner(self.session.client.connection.base_url, self.entity, self.project)

    def find(self, name: str) -> Artifact:
        """A version by ``[[entity/]project/]name[:alias]``; without an alias the latest.

        Raises:
            InvalidArtifact: That is no name.
            MembershipNotFound: There is none.
        """
        path, colon, version = name.partition(":")
        parts = path.split("/")
        if len(parts) > 3 or not all(parts) or (colon and not version):
            raise InvalidArtifact(f"{name!r} names no version: write [[ENTITY/]PROJECT/]NAME:ALIAS")
        collection = f"{parts[-1]}:{version or 'latest'}"
        project = parts[-2] if len(parts) > 1 else self.owner.project
        return self.session.artifact_by_name(parts[0] if len(parts) == 3 else self.entity, project, collection)

    def versions(self) -> Iterator[Artifact]:
        """All versions that were made in projects of the entity."""
        client = self.session.collections
        for project in every(lambda cursor: client.projects(self.entity, cursor=cursor, per_page=_PAGE)):
            yield from self._versions_in(project)

    def _versions_in(self, project: str) -> Iterator[Artifact]:
        client, entity = self.session.collections, self.entity
        try:
            types = list(every(lambda cursor: client.types(entity, project, cursor=cursor, per_page=_PAGE)))
        except ProjectNotFound:  # deleted a moment ago
            return
        for kind in types:
            for collection in every(
                lambda cursor, kind=kind: client.list_of_type(  # type: ignore[misc] # mypy takes no default as bound
                    entity, project, kind.name, cursor=cursor, per_page=_PAGE
                )
            ):
                if collection.is_sequence:
                    yield from ArtifactCollection(self.session, collection).artifacts(per_page=_PAGE)

    def needed(self, *, without: Iterable[Artifact] = ()) -> Needed:
        """What the versions of the entity refer to, in all its projects.

        Args:
            without: Versions that do not count.
        """
        aside = {artifact.id for artifact in without}
        counted = [artifact for artifact in self.versions() if artifact.id not in aside]
        needed = Needed()
        for artifact, refs in zip(counted, in_parallel(_refs_of, counted, threads=_AT_ONCE), strict=True):
            for ref, is_folder in refs:
                needed.add(ref, full_name(artifact), is_folder=is_folder)
        return needed


@dataclass(slots=True)
class Needed:
    """Addresses that versions refer to, and which versions."""

    _objects: dict[str, str] = field(default_factory=dict)
    _folders: dict[str, str] = field(default_factory=dict)

    def add(self, ref: str, by: str, *, is_folder: bool) -> None:
        """Note that a version needs something."""
        (self._folders if is_folder else self._objects).setdefault(_plain(ref), by)

    def by(self, ref: str) -> str | None:
        """A version that needs what is at an address; None if none does."""
        at = _plain(ref)
        if at in self._objects:
            return self._objects[at]
        while at not in self._folders:
            at, slash, _ = at.rpartition("/")
            if not slash or at.endswith("/"):
                return None
        return self._folders[at]


def _plain(ref: str) -> str:
    """An address in the one form that is compared."""
    if ref[:5].lower() == "file:":
        return f"file://{quoted(local_path(ref))}"
    return ref.rstrip("/")


def consumers_of(artifact: Artifact) -> tuple[str, ...]:
    """Who needs a version, in words: runs that used it, and links to it."""
    maker = artifact.logged_by()
    runs = [run for run in artifact.used_by() if maker is None or run.id != maker.id]
    links = artifact.linked_artifacts
    return (
        *(f"run {run.id} ({run.project}) used it" for run in runs[:3]),
        *([f"{len(runs) - 3:,} more runs used it"] if len(runs) > 3 else []),
        *(f"{link.entity}/{link.project}/{link.name.partition(':')[0]} is a link to it" for link in links),
    )


def _refs_of(artifact: Artifact) -> list[tuple[str, bool]]:
    """Addresses that a version refers to, and whether each is a folder."""
    entries = artifact.manifest.entries.values()
    return [(entry.ref, is_unchecked(entry)) for entry in entries if entry.ref is not None]
