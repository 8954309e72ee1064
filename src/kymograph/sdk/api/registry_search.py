"""What an `Api` offers of organizations and registries."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from kymograph.client import registries as questions
from kymograph.client.artifact_values import Page
from kymograph.client.operations import Operation, once
from kymograph.client.registries import Organization
from kymograph.client.registry_filters import Filters
from kymograph.errors import UnsupportedOperation
from kymograph.sdk.api.either import M, either
from kymograph.sdk.api.listing import Listing
from kymograph.sdk.api.naming import Naming
from kymograph.sdk.api.registries import Registry, create_registry, read_registry
from kymograph.sdk.api.registry_lists import (
    PER_PAGE,
    Collections,
    FindOrganization,
    InOrder,
    OrderedCollections,
    Versions,
    check_no_start,
)
from kymograph.sdk.api.session import ApiSession

if TYPE_CHECKING:
    from kymograph.sdk.artifacts.artifact import Artifact


class Registries(Listing[M, Registry[M]]):
    """Registries of an organization that match a filter."""

    def __init__(
        self,
        session: ApiSession[M],
        find: FindOrganization,
        *,
        filter: Filters | None = None,
        order: str | None = None,
        per_page: int = PER_PAGE,
        start: str | None = None,
    ) -> None:
        """Begin before the first one; see `Api.registries`."""
        self._find = find
        self.filter, self.order, self.per_page = filter, order, per_page
        super().__init__(session, self._read_page, start=start)

    def _read_page(self, cursor: str | None) -> Operation[Page[Registry[M]]]:
        name = yield from self._find()
        page = yield from questions.registries(
            name, filters=self.filter, order=self.order, cursor=cursor, per_page=self.per_page
        )
        return Page([Registry(self._session, remote) for remote in page.items], page.cursor)

    def collections(
        self,
        filter: Filters | None = None,
        order: str | None = None,
        per_page: int = PER_PAGE,
        start: str | None = None,
    ) -> Collections[M] | OrderedCollections[M]:
        """Collections of these registries; registry by registry, if these have an order.

        Args:
            filter: On ``id``, ``name``, ``tag``, ``description``, ``created_at``, ``updated_at``.
            order: ``name``, ``created_at`` or ``updated_at`` with ``+`` or ``-`` before it.
            per_page: Of one request.
            start: The `cursor` of an earlier list, to go on after it.

        Raises:
            UsageError: There is a `start`, and the registries have an order.
        """
        if self.order is not None:
            check_no_start(start)

            def made(registry: Registry[M]) -> Collections[M]:
                return registry.collections(filter=filter, order=order, per_page=per_page)

            return OrderedCollections(self._session, self._find, self, made)
        return Collections(
            self._session,
            self._find,
            registries=self.filter,
            filter=filter,
            order=order,
            per_page=per_page,
            start=start,
        )

    def versions(
        self,
        filter: Filters | None = None,
        order: str | None = None,
        per_page: int = PER_PAGE,
        start: str | None = None,
    ) -> Listing[M, Artifact]:
        """Versions in these registries; arguments are those of `Collections.versions`."""
        if self.order is not None:
            check_no_start(start)

            def made(registry: Registry[M]) -> Versions[M]:
                return registry.versions(filter=filter, order=order, per_page=per_page)

            return InOrder(self._session, self, made)
        return Versions(
            self._session,
            self._find,
            registries=self.filter,
            filter=filter,
            order=order,
            per_page=per_page,
            start=start,
        )


class RegistrySearch(Naming[M]):
    """Organizations and registries by their names.

    Where no organization is named it is that of the settings, or that of the caller's own entity.
    """

    @either
    def organization(self, name: str | None = None) -> Operation[Organization]:
        """An organization.

        Raises:
            OrganizationNotFound: There is none, or it may not be seen.
            UnknownOrganization: None is named, and it cannot be told which one is meant.
        """
        return (yield from questions.organization((yield from self._organization_name(name))))

    def registries(
        self,
        organization: str | None = None,
        filter: Filters | None = None,
        order: str | None = None,
        per_page: int = PER_PAGE,
        start: str | None = None,
    ) -> Registries[M]:
        """Registries of an organization.

        Args:
            organization: Its name.
            filter: On ``id``, ``name``, ``description``, ``created_at``, ``updated_at``; in the protocol's form.
            order: ``name``, ``created_at`` or ``updated_at`` with ``+`` or ``-`` before it.
            per_page: Of one request.
            start: The `cursor` of an earlier list, to go on after it.
        """
        return Registries(
            self._session,
            once(lambda: self._searched_organization(organization)),
            filter=filter,
            order=order,
            per_page=per_page,
            start=start,
        )

    @either
    def registry(self, name: str, organization: str | None = None) -> Operation[Registry[M]]:
        """A registry.

        Args:
            name: Without ``wandb-registry-`` before it.
            organization: Name of the organization.

        Raises:
            RegistryNotFound: There is none, or it may not be seen.
            OrganizationNotFound: The same of the organization.
        """
        return (yield from read_registry(self._session, (yield from self._searched_organization(organization)), name))

    @either
    def create_registry(
        self,
        name: str,
        visibility: str,
        organization: str | None = None,
        description: str | None = None,
        artifact_types: Iterable[str] | None = None,
    ) -> Operation[Registry[M]]:
        """Make a registry.

        Args:
            name: Without ``wandb-registry-`` before it.
            visibility: ``organization``: all of its people see it; ``restricted``: members do.
            organization: Name of the organization.
            description: Shown as Markdown.
            artifact_types: Types of which versions may be linked; None for all. They cannot be taken away later.

        Raises:
            UsageError: There is one of that name already, or the visibility is none.
            Forbidden: It takes an administrator of the organization.
        """
        return (
            yield from create_registry(
                self._session,
                (yield from self._organization_name(organization)),
                name,
                visibility=visibility,
                description=description,
                types=artifact_types or (),
            )
        )

    def _organization_name(self, name: str | None) -> Operation[str]:
        return name or self._session.settings.organization or (yield from self._organization(None))[1]

    def _searched_organization(self, name: str | None) -> Operation[str]:
        if not (yield from self._session.offers(questions.SEARCH_FEATURE)):
            raise UnsupportedOperation("reading registries", hint="use the server's page")
        return (yield from self._organization_name(name))
