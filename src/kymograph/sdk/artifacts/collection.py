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

    def __init__(self, session: Session, remote: RemoteCollection) -> None:
        """Describe what a server has told."""
        self._session = session
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
        self._name, self._description = remote.address.name, remote.description
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
        """Of all its versions; see `change_type`."""
        return self._remote.type_name

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

    def artifacts(self, order: str | None = None, per_page: int = 50, start: str | None = None) -> Pages[Artifact]:
        """Its versions."""
        from kymograph.sdk.artifacts.version import ServerVersion, artifact_of

        def made(found: tuple[str, RemoteArtifact]) -> Artifact:
            version, remote = found
            place = self._remote.address
            number = int(version[1:]) if version[1:].isdigit() else remote.version_index
            return artifact_of(
                ServerVersion(self._session, remote, place, version_index=number, aliases=remote.aliases_in(place))
            )

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
        check_artifact_type(self.type, self._remote.address.name)
        check_artifact_type(new_type, self._name)
        self._take(self._session.collections.change_type(self._remote, new_type))

    def save(self) -> None:
        """Have the server know what was changed here."""
        old, new = set(self._remote.tags), set(self._tags)
        if new != old:
            self._session.collections.change_tags(self._remote, added=new - old, deleted=old - new)
        tags = list(self._tags)
        remote = self._session.collections.update(self._remote, name=self._name, description=self._description)
        self._take(remote)
        self._tags = tags if new != old else self._tags

    def delete(self) -> None:
        """Delete it with all its versions."""
        self._session.collections.delete(self._remote)
