"""What an `Api` offers of artifacts."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from kymograph.client.operations import Operation, once
from kymograph.errors import InvalidArtifact, NotFoundError
from kymograph.sdk.api.artifacts import (
    PER_PAGE,
    ArtifactCollections,
    Artifacts,
    ArtifactType,
    ArtifactTypes,
    read_type,
)
from kymograph.sdk.api.either import M, either
from kymograph.sdk.api.naming import Naming
from kymograph.sdk.artifacts.collection import ArtifactCollection
from kymograph.sdk.artifacts.voice import current_voice

if TYPE_CHECKING:
    from kymograph.sdk.artifacts.artifact import Artifact


class ArtifactSearch(Naming[M]):
    """Types, collections and versions by their names.

    Whatever a name leaves out is that of the settings. A project ``wandb-registry-<name>`` is a registry: its owner is
    an organization, by default the one that the settings name, or that of the caller's own entity.
    """

    def artifact_types(self, project: str | None = None, start: str | None = None) -> ArtifactTypes[M]:
        """Types of artifacts in a project.

        Args:
            project: ``entity/project`` or ``project``; by default that of the settings.
            start: The `cursor` of an earlier list, to go on after it.
        """
        return ArtifactTypes(self._session, once(lambda: self._artifact_project(project)), start=start)

    @either
    def artifact_type(self, type_name: str, project: str | None = None) -> Operation[ArtifactType[M]]:
        """A type of artifacts in a project.

        Raises:
            ArtifactTypeNotFound: It has none of that name.
        """
        entity, name = yield from self._artifact_project(project)
        return (yield from read_type(self._session, entity, name, type_name))

    def artifact_collections(
        self,
        project_name: str,
        type_name: str,
        order: str | None = None,
        per_page: int = PER_PAGE,
        start: str | None = None,
    ) -> ArtifactCollections[M]:
        """Collections of a type in a project; `ArtifactType.collections` also takes a filter.

        Args:
            project_name: ``entity/project`` or ``project``.
            type_name: The type.
            order: ``name``, ``created_at`` or ``updated_at`` with ``+`` or ``-`` before it; default: the newest first.
            per_page: Of one request.
            start: The `cursor` of an earlier list, to go on after it.
        """
        return ArtifactCollections(
            self._session,
            once(lambda: self._artifact_project(project_name)),
            type_name,
            order=order,
            per_page=per_page,
            start=start,
        )

    @either
    def artifact_collection(self, type_name: str, name: str) -> Operation[ArtifactCollection]:
        """A collection.

        Args:
            type_name: Its type.
            name: ``entity/project/collection``, or the end of that.

        Raises:
            CollectionNotFound: There is none of that name and type.
        """
        return (yield from self._collection(type_name, name))

    def _collection(self, type_name: str, name: str) -> Operation[ArtifactCollection]:
        return (yield from self._session.catalog.collection((yield from self._artifact_place(name)), type_name))

    def artifacts(
        self,
        type_name: str,
        name: str,
        order: str | None = None,
        per_page: int = PER_PAGE,
        tags: Iterable[str] | str | None = None,
        start: str | None = None,
    ) -> Artifacts[M]:
        """Versions of a collection.

        Args:
            type_name: The type of the collection.
            name: ``entity/project/collection``, or the end of that.
            order: ``created_at`` or ``updated_at`` with ``+`` or ``-`` before it; default: the newest first.
            per_page: Of one request.
            tags: Only versions that have all of these.
            start: The `cursor` of an earlier list, to go on after it.
        """
        return Artifacts(
            self._session,
            once(lambda: self._artifact_place(name)),
            type_name,
            order=order,
            per_page=per_page,
            tags=tags,
            start=start,
        )

    def artifact_versions(self, type_name: str, name: str, per_page: int = PER_PAGE) -> Artifacts[M]:
        """Deprecated: `artifacts`."""
        current_voice().warn("Api.artifact_versions(type_name, name) is deprecated; use Api.artifacts(type_name, name)")
        return self.artifacts(type_name, name, per_page=per_page)

    @either
    def artifact(self, name: str, type: str | None = None) -> Operation[Artifact]:
        """A version.

        Args:
            name: ``entity/project/collection:alias``, or the end of that, or the address of its page. The alias may be
                a version, ``v3``; without one, ``latest`` is meant.
            type: That it has to have.

        Raises:
            MembershipNotFound: There is none.
            InvalidArtifact: It has another type.
        """
        return (yield from self._artifact(name, type))

    def _artifact(self, name: str, type_name: str | None) -> Operation[Artifact]:
        found = yield from self._session.catalog.artifact((yield from self._artifact_place(name)))
        if type_name is not None and found.type != type_name:
            raise InvalidArtifact(f"type {type_name!r} specified but this artifact is of type {found.type!r}")
        return found

    @either
    def artifact_exists(self, name: str, type: str | None = None) -> Operation[bool]:
        """Whether there is such a version, of that type; arguments are those of `artifact`."""
        try:
            found = yield from self._artifact(name, None)
        except NotFoundError:
            return False
        return type is None or found.type == type

    @either
    def artifact_collection_exists(self, name: str, type: str) -> Operation[bool]:
        """Whether there is a collection of that name and type."""
        try:
            yield from self._collection(type, name)
        except NotFoundError:
            return False
        return True
