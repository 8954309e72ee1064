"""Registries of organizations: making, changing, listing, and searching what is linked into them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from kymograph.core.accounts import Entity, EntityKind, Role
from kymograph.core.artifact import LATEST, Collection, CollectionKind, Membership
from kymograph.core.artifact_filters import CollectionQuery, RegistryQuery, VersionQuery
from kymograph.core.filters import EVERYTHING, Filter
from kymograph.core.names import parse_new_alias, parse_project_name, parse_type_name
from kymograph.core.project import REGISTRY_PREFIX, Project, RegistryRules, RegistryStats, Visibility
from kymograph.errors import EntityNotFound, InvalidName, NameTaken
from kymograph.services.access import (
    Access,
    Caller,
    check_project,
    find_visible_entity,
    registry_roles,
    require_entity,
    require_project,
)
from kymograph.storage.base import Database, Transaction
from kymograph.types import EntityId, ProjectId

_ALL = 2**31 - 1


@dataclass(frozen=True, slots=True)
class RegistryChange:
    """What to change of a registry; None leaves a field as it is."""

    description: str | None = None
    visibility: Visibility | None = None
    allows_all_types: bool | None = None
    types: tuple[str, ...] = ()
    """To be listed beside those that are."""
    protected_aliases: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class RegistryView:
    """A registry as somebody sees it."""

    project: Project
    role: Role
    stats: RegistryStats


@dataclass(frozen=True, slots=True)
class LinkedCollection:
    """A collection of a registry, and the version that its `LATEST` names."""

    collection: Collection
    latest: Membership | None


class RegistryService:
    """Everything about registries but their members. Safe to share between threads."""

    def __init__(self, database: Database, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._clock = clock

    # Making and changing

    def put(self, caller: Caller, owner: str | None, name: str, change: RegistryChange) -> tuple[Project, bool]:
        """Make a registry, of which the caller becomes administrator, or change one; also tells whether it was made.

        A new one takes every type unless it is told types.

        Raises:
            InvalidName: The name does not begin as those of registries do, or no organization is to own it; or a type
                or alias breaks the rules.
            EntityNotFound: No such organization, or not the caller's.
            ProjectNotFound: There is one, and the caller must not know.
            Forbidden: The caller does not administer the organization (to make one) or the registry (to change it).
            NameTaken: A project that is no registry has the name.
        """
        parsed = parse_project_name(name)
        if not parsed.startswith(REGISTRY_PREFIX) or parsed == REGISTRY_PREFIX:
            raise InvalidName("registry name", name, rule=f"it begins with {REGISTRY_PREFIX}, and goes on")
        types = [parse_type_name(type_name) for type_name in change.types]
        for alias in change.protected_aliases or ():
            if parse_new_alias(alias) == LATEST:
                raise InvalidName("protected alias", alias, rule="it moves by itself with every link")

        def job(tx: Transaction) -> tuple[Project, bool]:
            known = tx.projects.find(owner or caller.default_entity, parsed)
            if known is not None and known.registry is None:
                raise NameTaken("project", known.path)
            if known is None:
                organization = require_entity(tx, caller, owner, Access.READ)
                if organization.kind is not EntityKind.ORGANIZATION:
                    raise InvalidName("project name", name, rule="only organizations have registries; name one of them")
                require_entity(tx, caller, owner, Access.ADMINISTER)
                made = tx.projects.create(
                    organization,
                    parsed,
                    now=self._clock(),
                    description=change.description,
                    visibility=change.visibility or Visibility.PRIVATE,
                    registry=_changed(RegistryRules(allows_all_types=not types), change),
                )
                tx.registries.put_types(made.id, types)
                tx.registries.put_member(made.id, caller.user.id, Role.ADMIN)
                return made, True
            check_project(tx, caller, known, Access.READ, named=known.path)
            return self._update(tx, caller, known, change, types), False

        return self._database.write(job)

    def _update(
        self, tx: Transaction, caller: Caller, known: Project, change: RegistryChange, types: Sequence[str]
    ) -> Project:
        assert known.registry is not None
        rules = _changed(known.registry, change)
        description = change.description if change.description != known.description else None
        visibility = change.visibility if change.visibility is not known.visibility else None
        new_types = set(types).difference(tx.registries.list_types(known.id))
        # Clients save all fields at once: what is as it was asks for no right.
        if description is None and visibility is None and rules == known.registry and not new_types:
            return known
        check_project(tx, caller, known, Access.ADMINISTER, named=known.path)
        tx.projects.update(known.id, description=description, visibility=visibility, registry=rules)
        tx.registries.put_types(known.id, new_types)
        tx.projects.touch(known.id, self._clock())
        return check_project(tx, caller, tx.projects.find_by_id(known.id), Access.READ, named=known.path)

    # Looking up

    def get(self, caller: Caller, organization: str, name: str) -> RegistryView:
        """One registry by its name, with or without the prefix.

        Raises:
            ProjectNotFound: Absent, no registry, or not the caller's to know.
        """
        full_name = name if name.startswith(REGISTRY_PREFIX) else f"{REGISTRY_PREFIX}{name}"

        def job(tx: Transaction) -> RegistryView:
            found = require_project(tx, caller, organization, full_name, Access.READ)
            if found.registry is None:
                check_project(tx, caller, None, Access.READ, named=found.path)
            return _views(tx, caller, [found])[0]

        return self._database.read(job)

    def list(self, caller: Caller, *, organization: str | None = None) -> list[RegistryView]:
        """Registries that the caller sees, of one organization or of all, by organization and name.

        Raises:
            EntityNotFound: No such organization, or not the caller's to know.
        """

        def job(tx: Transaction) -> list[RegistryView]:
            if organization is None:
                organizations = tx.registries.list_organizations_of(caller.user.id)
            else:
                found = find_visible_entity(tx, caller, organization)
                if found is None:
                    raise EntityNotFound(organization)
                organizations = [found.id]
            return [view for owner in organizations for view in _views(tx, caller, _readable(tx, caller, owner))]

        return self._database.read(job)

    def list_types(self, registry: Project) -> Sequence[str]:
        """Types of a registry (got already): those that are listed, and those in use."""
        return self._database.read(lambda tx: tx.registries.list_types(registry.id))

    def list_collections(self, registry: Project, query: CollectionQuery) -> tuple[Sequence[LinkedCollection], int]:
        """One page of the collections of a registry (got already), each with its newest version, plus the total.

        Raises:
            InvalidFilter: A value that its field cannot be compared with, or a pattern that takes too long.
        """

        def job(tx: Transaction) -> tuple[Sequence[LinkedCollection], int]:
            found, total = tx.collections.search([registry.id], query)
            return [LinkedCollection(one, tx.memberships.find_by_alias(one.id, LATEST)) for one in found], total

        return self._database.read(job)

    # Searching an organization (got already)

    def search(self, caller: Caller, organization: Entity, query: RegistryQuery) -> tuple[Sequence[Project], int]:
        """One page of the registries that the caller sees, plus the total.

        Raises:
            InvalidFilter: A value that its field cannot be compared with, or a pattern that takes too long.
        """
        return self._database.read(lambda tx: tx.registries.search(_readable(tx, caller, organization.id), query))

    def search_collections(
        self, caller: Caller, organization: Entity, registries: Filter, query: CollectionQuery
    ) -> tuple[Sequence[Collection], int]:
        """One page of the collections in matching registries, plus the total. Errors as in `search`."""
        return self._database.read(
            lambda tx: tx.collections.search(_matching(tx, caller, organization, registries), query)
        )

    def search_places(
        self, caller: Caller, organization: Entity, registries: Filter, collections: Filter, query: VersionQuery
    ) -> tuple[Sequence[Membership], int]:
        """One page of the versions in matching collections of matching registries, plus the total. Errors as before."""
        portfolios = CollectionQuery(kinds=(CollectionKind.PORTFOLIO,), filter=collections, limit=_ALL)

        def job(tx: Transaction) -> tuple[Sequence[Membership], int]:
            places, _ = tx.collections.search(_matching(tx, caller, organization, registries), portfolios)
            return tx.memberships.search([place.id for place in places], query)

        return self._database.read(job)


def _changed(rules: RegistryRules, change: RegistryChange) -> RegistryRules:
    aliases = change.protected_aliases
    return RegistryRules(
        allows_all_types=rules.allows_all_types if change.allows_all_types is None else change.allows_all_types,
        protected_aliases=rules.protected_aliases if aliases is None else tuple(sorted(set(aliases))),
    )


def _views(tx: Transaction, caller: Caller, registries: Sequence[Project]) -> list[RegistryView]:
    roles = registry_roles(tx, caller, registries)
    stats = tx.registries.stats([registry.id for registry in registries])
    return [RegistryView(registry, roles[registry.id], stats[registry.id]) for registry in registries]


def _readable(tx: Transaction, caller: Caller, organization: EntityId) -> list[Project]:
    registries = tx.registries.list_of([organization])
    roles = registry_roles(tx, caller, registries)
    return [registry for registry in registries if registry.id in roles]


def _matching(tx: Transaction, caller: Caller, organization: Entity, filter_: Filter) -> list[ProjectId]:
    registries = _readable(tx, caller, organization.id)
    if filter_ != EVERYTHING:
        registries = list(tx.registries.search(registries, RegistryQuery(filter_, limit=_ALL))[0])
    return [registry.id for registry in registries]
