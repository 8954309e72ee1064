"""All versions under one name, as a script holds them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from kymograph.client.artifact_values import CollectionAddress, RemoteArtifact, RemoteCollection
from kymograph.core.artifact_rules import check_artifact_name, check_artifact_type, check_tags
from kymograph.errors import InvalidArtifact
from kymograph.sdk.artifacts.pages import Pages
from kymograph.sdk.artifacts.session import Session

if TYPE_CHECKING:
    from kymograph.sdk.artifacts.artifact import Artifact


class ArtifactCollection:
    """A collection; what is assigned is kept by `save`."""

    def __init__(self, session: Session, remote: RemoteCollection, *, organization: str | None = None) -> None:
        """Describe what a server has told.

        Args:
            session: With the server.
            remote: The collection.
            organization: In whose registry it was found, if it was.
        """
        self._session, self.organization = session, organization
        self._take(remote)

    @classmethod
    def load(cls, session: Session, address: CollectionAddress, type_name: str) -> ArtifactCollection:
        """The collection at an address.

        Raises:
            CollectionNotFound: There is none of that type.
        """
        return cls(session, session.collections.get(address.entity, address.project, type_name, address.name))

    def _take(self, remote: RemoteCollection) -> None:
        self._remote = remote
        self._name, self._type, self._description = remote.address.name, remote.type_name, remote.description
        self._tags = list(remote.tags)

    def __repr__(self) -> str:
        return f"<ArtifactCollection {self._remote.address.path} ({self.type})>"

    @property
    def id(self) -> str:
        """The server's name for it."""
        return self._remote.id

    @property
    def entity(self) -> str:
        """Whose project it is in."""
        return self._remote.address.entity

    @property
    def project(self) -> str:
        """The project it is in."""
        return self._remote.address.project

    @property
    def name(self) -> str:
        """Of the collection; assign and `save()` to rename it."""
        return self._name

    @name.setter
    def name(self, name: str) -> None:
        self._name = check_artifact_name(name)

    @property
    def type(self) -> str:
        """Of all its versions; assign and `save()` to give them another."""
        return self._type

    @type.setter
    def type(self, type_name: str) -> None:
        if not self.is_sequence():
            raise InvalidArtifact("Type can only be changed if the artifact collection is a sequence.")
        self._type = type_name

    @property
    def description(self) -> str | None:
        """Shown as Markdown; assign and `save()`."""
        return self._description

    @description.setter
    def description(self, description: str | None) -> None:
        self._description = description

    @property
    def tags(self) -> list[str]:
        """Of the collection; assign and `save()`."""
        return self._tags

    @tags.setter
    def tags(self, tags: Iterable[str] | str) -> None:
        self._tags = check_tags(tags)

    @property
    def aliases(self) -> list[str]:
        """Those of all its versions."""
        return self._session.collections.aliases(self.id)

    @property
    def created_at(self) -> str:
        """When it was made: ISO 8601, UTC."""
        return self._remote.created_at

    @property
    def updated_at(self) -> str | None:
        """When it was last changed: ISO 8601, UTC."""
        return self._remote.updated_at

    def is_sequence(self) -> bool:
        """Whether versions are made in it; otherwise they are linked to it."""
        return self._remote.is_sequence

    def artifacts(self, per_page: int = 50, start: str | None = None, *, order: str | None = None) -> Pages[Artifact]:
        """Its versions.

        Args:
            per_page: Of one request.
            start: The `cursor` of an earlier list, to go on after it.
            order: ``created_at`` or ``updated_at`` with ``+`` or ``-`` before it; default: the newest first.
        """
        from kymograph.sdk.artifacts.version import ServerVersion, artifact_of

        def made(found: tuple[str, RemoteArtifact]) -> Artifact:
            return artifact_of(ServerVersion.of_collection(self._session, self._remote.address, *found))

        return Pages(
            lambda cursor: self._session.collections.versions(
                self._remote, order=order, cursor=cursor, per_page=per_page
            ),
            made,
            start=start,
        )

    def change_type(self, new_type: str) -> None:
        """Give all its versions another type, at once.

        Raises:
            InvalidArtifact: It is a collection of links, or a type is reserved.
        """
        if not self.is_sequence():
            raise InvalidArtifact("Artifact collection needs to be a sequence")
        self._check_types(new_type)
        self._take(self._session.collections.change_type(self._remote, new_type))

    def _check_types(self, new_type: str) -> None:
        check_artifact_type(self._remote.type_name, self._remote.address.name)
        check_artifact_type(new_type, self._name)

    def save(self) -> None:
        """Have the server know what was changed here.

        Raises:
            InvalidArtifact: The type was changed, and the old or the new one is reserved.
            KymographError: The server refuses it.
        """
        old, new = self._remote, list(self._tags)
        if self._type != old.type_name:
            self._check_types(self._type)
        if set(new) != set(old.tags):
            added, deleted = set(new) - set(old.tags), set(old.tags) - set(new)
            self._session.collections.change_tags(old, added=added, deleted=deleted)
        saved = self._session.collections.update(old, name=self._name, description=self._description)
        if self._type != old.type_name:
            saved = self._session.collections.change_type(saved, self._type)
        self._take(saved)
        self._tags = new

    def delete(self) -> None:
        """Delete it with all its versions."""
        self._session.collections.delete(self._remote)
