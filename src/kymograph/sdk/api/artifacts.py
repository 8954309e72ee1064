"""Artifacts of a project, as they are found: types, collections, versions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal

from kymograph.client.artifact_lookups import COMMITTED_ONLY
from kymograph.client.artifact_values import CollectionAddress, Page, RemoteType
from kymograph.client.operations import Operation, given
from kymograph.client.runs import RunAddress
from kymograph.errors import ArtifactTypeNotFound
from kymograph.sdk.api.either import Bound, M, either
from kymograph.sdk.api.listing import Listing
from kymograph.sdk.api.session import ApiSession
from kymograph.sdk.artifacts.collection import ArtifactCollection

if TYPE_CHECKING:
    from kymograph.sdk.artifacts.artifact import Artifact

PER_PAGE = 50
Filters = Mapping[str, Any]
FindProject = Callable[[], Operation[tuple[str, str]]]
"""Gives the operation that says whose project is meant, and which."""
FindCollection = Callable[[], Operation[CollectionAddress]]
"""The same of a collection."""


class ArtifactType(Bound[M]):
    """What the versions of some collections of a project are: ``dataset``, ``model`` and so on.

    Attributes:
        entity: Who owns the project.
        project: Its name.
        type: Name of the type.
    """

    def __init__(self, session: ApiSession[M], entity: str, project: str, remote: RemoteType) -> None:
        """Describe what a server has told."""
        super().__init__(session)
        self.entity, self.project, self.type = entity, project, remote.name
        self._remote = remote

    @property
    def id(self) -> str:
        """The server's name for it."""
        return self._remote.id

    @property
    def name(self) -> str:
        """Of the type."""
        return self._remote.name

    @property
    def description(self) -> str | None:
        """If it has one."""
        return self._remote.description

    @property
    def created_at(self) -> str:
        """When its first collection was made: ISO 8601, UTC."""
        return self._remote.created_at

    def collections(
        self,
        filters: Filters | None = None,
        order: str | None = None,
        per_page: int = PER_PAGE,
        start: str | None = None,
    ) -> ArtifactCollections[M]:
        """Its collections.

        Args:
            filters: On ``name``, ``description``, ``tag``, ``created_at``, ``updated_at``.
            order: ``name``, ``created_at`` or ``updated_at`` with ``+`` or ``-`` before it; default: the newest first.
            per_page: Of one request.
            start: The `cursor` of an earlier list, to go on after it.
        """
        return ArtifactCollections(
            self._session,
            lambda: given((self.entity, self.project)),
            self.name,
            filters=filters,
            order=order,
            per_page=per_page,
            start=start,
        )

    @either
    def collection(self, name: str) -> Operation[ArtifactCollection]:
        """One of them.

        Raises:
            CollectionNotFound: There is none of that name.
        """
        at = CollectionAddress(self.entity, self.project, name)
        return (yield from self._session.catalog.collection(at, self.name))

    def __repr__(self) -> str:
        return f"<ArtifactType {self.type}>"


def read_type(session: ApiSession[M], entity: str, project: str, name: str) -> Operation[ArtifactType[M]]:
    """A type of a project.

    Raises:
        ArtifactTypeNotFound: It has none of that name.
    """
    found = yield from session.catalog.find_type(entity, project, name)
    if found is None:
        raise ArtifactTypeNotFound(name, within=f"{entity}/{project}")
    return ArtifactType(session, entity, project, found)


class ArtifactTypes(Listing[M, ArtifactType[M]]):
    """The types of a project."""

    def __init__(
        self, session: ApiSession[M], find: FindProject, *, per_page: int = PER_PAGE, start: str | None = None
    ) -> None:
        """Begin before the first one; see `Api.artifact_types`."""

        def read(cursor: str | None) -> Operation[Page[ArtifactType[M]]]:
            entity, project = yield from find()
            page = yield from session.catalog.types(entity, project, cursor=cursor, per_page=per_page)
            return Page([ArtifactType(session, entity, project, remote) for remote in page.items], page.cursor)

        super().__init__(session, read, start=start)


class ArtifactCollections(Listing[M, ArtifactCollection]):
    """Collections of a project: of a type, or all of them."""

    def __init__(
        self,
        session: ApiSession[M],
        find: FindProject,
        type_name: str | None,
        *,
        filters: Filters | None = None,
        order: str | None = None,
        per_page: int = PER_PAGE,
        start: str | None = None,
    ) -> None:
        """Begin before the first one; see `ArtifactType.collections`."""
        self.type_name, self.filters, self.order = type_name, filters, order

        def read(cursor: str | None) -> Operation[Page[ArtifactCollection]]:
            entity, project = yield from find()
            return (
                yield from session.catalog.collections(
                    entity, project, type_name, order=order, filters=filters, cursor=cursor, per_page=per_page
                )
            )

        super().__init__(session, read, start=start)


class Artifacts(Listing[M, "Artifact"]):
    """Versions of a collection that match a filter, in an order."""

    def __init__(
        self,
        session: ApiSession[M],
        find: FindCollection,
        type_name: str,
        *,
        filters: Filters | None = None,
        order: str | None = None,
        per_page: int = PER_PAGE,
        tags: Iterable[str] | str | None = None,
        start: str | None = None,
    ) -> None:
        """Begin before the first one; see `Api.artifacts`."""
        self.type = type_name
        self.tags = [tags] if isinstance(tags, str) else list(tags or ())
        self.order = order
        self.filters = _with_tags(COMMITTED_ONLY if filters is None else filters, self.tags)

        def read(cursor: str | None) -> Operation[Page[Artifact]]:
            return (
                yield from session.catalog.versions(
                    (yield from find()), type_name, order=order, filters=self.filters, cursor=cursor, per_page=per_page
                )
            )

        super().__init__(session, read, start=start)


def _with_tags(filters: Filters, tags: Iterable[str]) -> Filters:
    """A filter that also asks for all of some tags: at the server, so that lengths and pages are those of the list."""
    wanted = [{"tag": tag} for tag in tags]
    return {"$and": [filters, *wanted]} if wanted else filters


class RunArtifacts(Listing[M, "Artifact"]):
    """Versions that a run made or used."""

    def __init__(
        self,
        session: ApiSession[M],
        at: RunAddress,
        which: Literal["logged", "used"],
        *,
        per_page: int,
        start: str | None,
    ) -> None:
        """Begin before the first one; see `Run.logged_artifacts`."""
        direction: Literal["input", "output"] = "output" if which == "logged" else "input"
        super().__init__(
            session,
            lambda cursor: session.catalog.of_run(at, direction, cursor=cursor, per_page=per_page),
            start=start,
        )
