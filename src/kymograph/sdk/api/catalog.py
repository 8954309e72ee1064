"""Where an `Api` finds artifacts: at a server, or on this machine; both give the same objects.

These are the SDK's own `Artifact` and `ArtifactCollection`. Finding them is an operation; what is done with one that
was found (`download`, `save`, …) waits until it is done, also in code that awaits: give it to ``asyncio.to_thread``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, Protocol

from kymograph.client import artifact_lookups
from kymograph.client.artifact_values import (
    CollectionAddress,
    Page,
    RemoteCollection,
    RemoteMembership,
    RemoteType,
)
from kymograph.client.operations import Operation
from kymograph.client.runs import RunAddress
from kymograph.sdk.artifacts.collection import ArtifactCollection

if TYPE_CHECKING:
    from kymograph.sdk.api.session import ApiSession
    from kymograph.sdk.artifacts.artifact import Artifact

Filters = Mapping[str, Any]


class Catalog(Protocol):
    """Artifacts, as operations; see `client.artifact_lookups` for what each gives and raises."""

    # docstrings there
    # ruff: noqa: D102

    def types(self, entity: str, project: str, *, cursor: str | None, per_page: int) -> Operation[Page[RemoteType]]: ...
    def find_type(self, entity: str, project: str, name: str) -> Operation[RemoteType | None]: ...
    def collections(
        self,
        entity: str,
        project: str,
        type_name: str | None,
        *,
        order: str | None,
        filters: Filters | None,
        cursor: str | None,
        per_page: int,
    ) -> Operation[Page[ArtifactCollection]]: ...
    def collection(self, at: CollectionAddress, type_name: str) -> Operation[ArtifactCollection]: ...
    def versions(
        self,
        at: CollectionAddress,
        type_name: str,
        *,
        order: str | None,
        filters: Filters | None,
        cursor: str | None,
        per_page: int,
    ) -> Operation[Page[Artifact]]: ...
    def artifact(self, at: CollectionAddress) -> Operation[Artifact]: ...
    def of_run(
        self, at: RunAddress, which: Literal["input", "output"], *, cursor: str | None, per_page: int
    ) -> Operation[Page[Artifact]]: ...


class ServerCatalog:
    """Artifacts at a server."""

    def __init__(self, session: ApiSession[Any]) -> None:
        """Ask by way of a session."""
        self._session = session

    def types(self, entity: str, project: str, *, cursor: str | None, per_page: int) -> Operation[Page[RemoteType]]:
        return artifact_lookups.types(entity, project, cursor=cursor, per_page=per_page)

    def find_type(self, entity: str, project: str, name: str) -> Operation[RemoteType | None]:
        return artifact_lookups.find_type(entity, project, name)

    def collections(
        self,
        entity: str,
        project: str,
        type_name: str | None,
        *,
        order: str | None,
        filters: Filters | None,
        cursor: str | None,
        per_page: int,
    ) -> Operation[Page[ArtifactCollection]]:
        page = yield from artifact_lookups.collections(
            entity,
            project,
            type_name,
            can_filter=(yield from self._session.offers(artifact_lookups.FILTERS_FEATURE)),
            order=order,
            filters=filters,
            cursor=cursor,
            per_page=per_page,
        )
        return Page([self.made_collection(remote) for remote in page.items], page.cursor, page.total)

    def collection(self, at: CollectionAddress, type_name: str) -> Operation[ArtifactCollection]:
        return self.made_collection((yield from artifact_lookups.collection(at, type_name)))

    def versions(
        self,
        at: CollectionAddress,
        type_name: str,
        *,
        order: str | None,
        filters: Filters | None,
        cursor: str | None,
        per_page: int,
    ) -> Operation[Page[Artifact]]:
        from kymograph.sdk.artifacts.version import ServerVersion, artifact_of

        page = yield from artifact_lookups.versions(
            at, type_name, order=order, filters=filters, cursor=cursor, per_page=per_page
        )
        items = [
            artifact_of(ServerVersion.of_collection(self._session.artifacts, at, version, remote))
            for version, remote in page.items
        ]
        return Page(items, page.cursor, page.total)

    def artifact(self, at: CollectionAddress) -> Operation[Artifact]:
        knows_places = yield from self._session.offers(artifact_lookups.MEMBERSHIP_FEATURE)
        place = yield from artifact_lookups.membership(at.entity, at.project, at.name, knows_places=knows_places)
        return self.made_artifact(place, asked=at.name)

    def of_run(
        self, at: RunAddress, which: Literal["input", "output"], *, cursor: str | None, per_page: int
    ) -> Operation[Page[Artifact]]:
        from kymograph.sdk.artifacts.version import ServerVersion, artifact_of

        page = yield from artifact_lookups.of_run(at, which, cursor=cursor, per_page=per_page)
        items = [artifact_of(ServerVersion.of_source(self._session.artifacts, remote)) for remote in page.items]
        return Page(items, page.cursor, page.total)

    def made_collection(self, remote: RemoteCollection, *, organization: str | None = None) -> ArtifactCollection:
        """The collection that a server has told of."""
        return ArtifactCollection(self._session.artifacts, remote, organization=organization)

    def made_artifact(self, place: RemoteMembership, *, asked: str = "") -> Artifact:
        """The version in a place that a server has told of."""
        from kymograph.sdk.artifacts.version import ServerVersion, artifact_of

        return artifact_of(ServerVersion.of_membership(self._session.artifacts, place, asked=asked))
