"""Collections and versions in registries, as they are found all over an organization."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from kymograph.client import registries
from kymograph.client.artifact_values import Page
from kymograph.client.operations import Operation
from kymograph.client.registry_filters import Filters
from kymograph.errors import UsageError
from kymograph.sdk.api.catalog import ServerCatalog
from kymograph.sdk.api.either import M
from kymograph.sdk.api.listing import Listing
from kymograph.sdk.api.session import ApiSession
from kymograph.sdk.artifacts.collection import ArtifactCollection

if TYPE_CHECKING:
    from kymograph.sdk.artifacts.artifact import Artifact

PER_PAGE = 100
T = TypeVar("T")
_MORE = "more"
"""In place of a cursor, where it says nothing but that there is more."""
FindOrganization = Callable[[], Operation[str]]
"""Gives the operation that says which organization is meant."""


class Versions(Listing[M, "Artifact"]):
    """Versions in collections of registries."""

    def __init__(
        self,
        session: ApiSession[M],
        find: FindOrganization,
        *,
        registries: Filters | None = None,
        collections: Filters | None = None,
        filter: Filters | None = None,
        order: str | None = None,
        per_page: int = PER_PAGE,
        start: str | None = None,
    ) -> None:
        """Begin before the first one.

        Args:
            session: To read in.
            find: Says which organization.
            registries: A filter of registries.
            collections: A filter of collections.
            filter: A filter of versions.
            order: Of versions.
            per_page: Of one request.
            start: A cursor to begin after.
        """
        self._find, self._asked = find, {"registries": registries, "collections": collections, "filters": filter}
        self.filter, self.order, self.per_page = filter, order, per_page
        super().__init__(session, self._read_page, start=start)

    def _read_page(self, cursor: str | None) -> Operation[Page[Artifact]]:
        name = yield from self._find()
        page = yield from registries.versions(
            name,
            is_advanced=(yield from self._session.searches_in_index(name)),
            **self._asked,
            order=self.order,
            cursor=cursor,
            per_page=self.per_page,
        )
        catalog = ServerCatalog(self._session)
        return Page([catalog.made_artifact(place) for place in page.items], page.cursor)


class InOrder(Listing[M, T]):
    """Lists one after the other: one for each item of another list, in its order."""

    def __init__(self, session: ApiSession[M], parents: Listing[M, Any], made: Callable[[Any], Listing[M, T]]) -> None:
        """Begin before the first list.

        Args:
            session: To read in.
            parents: For whose items there are lists.
            made: The list of an item.
        """
        super().__init__(session, self._read_page)
        self._parents, self._made = parents, made
        self._number = 0
        self._current: Listing[M, T] | None = None

    def _read_page(self, _cursor: str | None) -> Operation[Page[T]]:
        while True:
            if self._current is None:
                yield from self._parents._reach(self._number + 1)
                if self._number >= len(self._parents.objects):
                    return Page([], None)
                self._current = self._made(self._parents.objects[self._number])
            known = len(self._current.objects)
            if (yield from self._current._load()):
                return Page(self._current.objects[known:], _MORE)
            self._number, self._current = self._number + 1, None

    @property
    def cursor(self) -> str | None:
        """There is none that another list could begin after.

        Raises:
            UsageError: Always.
        """
        raise UsageError("lists that follow the order of others have no cursor; leave out the order of the others")


class Collections(Listing[M, ArtifactCollection]):
    """Collections of registries."""

    def __init__(
        self,
        session: ApiSession[M],
        find: FindOrganization,
        *,
        registries: Filters | None = None,
        filter: Filters | None = None,
        order: str | None = None,
        per_page: int = PER_PAGE,
        start: str | None = None,
    ) -> None:
        """Begin before the first one; arguments are those of `Versions`, but for collections."""
        self._find, self._registries = find, registries
        self.filter, self.order, self.per_page = filter, order, per_page
        super().__init__(session, self._read_page, start=start)

    def _read_page(self, cursor: str | None) -> Operation[Page[ArtifactCollection]]:
        name = yield from self._find()
        page = yield from registries.collections(
            name,
            registries=self._registries,
            filters=self.filter,
            order=self.order,
            cursor=cursor,
            per_page=self.per_page,
        )
        catalog = ServerCatalog(self._session)
        items = [catalog.made_collection(remote, organization=name) for remote in page.items]
        return Page(items, page.cursor, page.total)

    def versions(
        self,
        filter: Filters | None = None,
        order: str | None = None,
        per_page: int = PER_PAGE,
        start: str | None = None,
    ) -> Listing[M, Artifact]:
        """Versions in these collections; in their order, if they have one.

        Args:
            filter: On ``id``, ``version``, ``tag``, ``alias``, ``created_at``, ``artifact_size``, ``linked_at`` and
                ``metadata.<key>``.
            order: ``created_at``, ``artifact_size`` or ``linked_at`` with ``+`` or ``-`` before it: of all versions,
                or of those of each collection, if the collections have an order.
            per_page: Of one request.
            start: The `cursor` of an earlier list, to go on after it.

        Raises:
            UsageError: There is a `start`, and the collections have an order.
        """
        if self.order is not None:
            return versions_of_each(self, self._find, filter=filter, order=order, per_page=per_page, start=start)
        return Versions(
            self._session,
            self._find,
            registries=self._registries,
            collections=self.filter,
            filter=filter,
            order=order,
            per_page=per_page,
            start=start,
        )


class OrderedCollections(InOrder[M, ArtifactCollection]):
    """Collections of registries, in the order of the registries."""

    def __init__(
        self,
        session: ApiSession[M],
        find: FindOrganization,
        parents: Listing[M, Any],
        made: Callable[[Any], Listing[M, ArtifactCollection]],
    ) -> None:
        """Begin before the first one."""
        super().__init__(session, parents, made)
        self._find = find

    def versions(
        self,
        filter: Filters | None = None,
        order: str | None = None,
        per_page: int = PER_PAGE,
        start: str | None = None,
    ) -> Listing[M, Artifact]:
        """Versions in these collections, collection by collection; arguments are those of `Collections.versions`."""
        return versions_of_each(self, self._find, filter=filter, order=order, per_page=per_page, start=start)


def versions_of_each(
    collections: Listing[M, ArtifactCollection],
    find: FindOrganization,
    *,
    filter: Filters | None,
    order: str | None,
    per_page: int,
    start: str | None,
) -> Listing[M, Artifact]:
    """Versions, collection by collection."""
    check_no_start(start)
    session = collections._session

    def made(collection: ArtifactCollection) -> Versions[M]:
        return Versions(
            session,
            find,
            registries={"name": collection.project},
            collections={"name": collection.name},
            filter=filter,
            order=order,
            per_page=per_page,
        )

    return InOrder(session, collections, made)


def check_no_start(start: str | None) -> None:
    """See that no list is to begin in the middle that follows the order of others.

    Raises:
        UsageError: It is.
    """
    if start is not None:
        raise UsageError(f"{start=} is not supported while the registries or collections have an order; leave out one")
