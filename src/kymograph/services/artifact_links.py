"""Places of artifact versions in collections, and the aliases that name them there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from kymograph.core.artifact import (
    LATEST,
    ArtifactState,
    ArtifactVersion,
    Collection,
    CollectionKind,
    Maker,
    Membership,
)
from kymograph.core.names import parse_collection_name, parse_new_alias
from kymograph.core.project import REGISTRY_PREFIX, Project
from kymograph.errors import ArtifactNotFound, CollectionNotFound, LinkRefused
from kymograph.services.access import Access, Caller, require_project
from kymograph.services.artifact_access import readable_projects, require_artifact, require_collection
from kymograph.services.projects import find_or_create_project
from kymograph.services.registry_rules import check_aliases, check_link
from kymograph.storage.base import Database, Transaction
from kymograph.types import ArtifactId, CollectionId


@dataclass(frozen=True, slots=True)
class LinkTarget:
    """Where to link: a portfolio by its id, or by name and place."""

    portfolio: CollectionId | None = None
    entity: str | None = None
    project: str = ""
    name: str = ""


@dataclass(frozen=True, slots=True)
class AliasOf:
    """An alias in a collection."""

    entity: str
    project: str
    collection: str
    alias: str


class ArtifactLinks:
    """Links versions to collections and labels them there. Safe to share between threads."""

    def __init__(self, database: Database, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._clock = clock

    def places(self, caller: Caller, version: ArtifactVersion) -> list[Membership]:
        """Places of a version (got already) in readable collections: its own first, then up to 500 links."""

        def job(tx: Transaction) -> list[Membership]:
            places, _ = tx.memberships.list_of(version.id)
            readable = readable_projects(tx, caller, {place.collection.project_id for place in places})
            return [place for place in places if place.collection.project_id in readable]

        return self._database.read(job)

    def find_version(self, caller: Caller, artifact: ArtifactId | None, client_id: str | None) -> ArtifactId:
        """The version that one of the ids means.

        Raises:
            ArtifactNotFound: Neither of them means anything that the caller may read.
        """

        def job(tx: Transaction) -> ArtifactId:
            if artifact is not None:
                return require_artifact(tx, caller, artifact, Access.READ).id
            known = tx.artifacts.find_by_client_id(client_id) if client_id else None
            if known is None:
                raise ArtifactNotFound("(by client id)")
            return require_artifact(tx, caller, known.id, Access.READ).id

        return self._database.read(job)

    def link(
        self, caller: Caller, artifact: ArtifactId, target: LinkTarget, *, aliases: Sequence[str] = ()
    ) -> Membership:
        """Put a version into a portfolio, which is made when missing, as is its project.

        Doing it twice changes nothing but the aliases. A version that is new there becomes its ``latest``.

        Raises:
            ArtifactNotFound: No such committed version, or not readable.
            ProjectNotFound: A registry that is absent or not readable.
            Forbidden: The caller may only read there, may not hand the version on, or an alias is protected.
            LinkRefused: The collection, or its registry, takes no links of that type.
            InvalidName: A name breaks the rules.
        """
        names = [parse_new_alias(alias) for alias in aliases]

        def job(tx: Transaction) -> Membership:
            now = self._clock()
            # To link is to hand on: it takes the right to the content, not only to the name.
            version = require_artifact(tx, caller, artifact, Access.USE)
            portfolio = self._find_portfolio(tx, caller, version, target, now)
            check_aliases(tx, caller, tx.projects.find_by_id(portfolio.project_id), names)
            # Whether the caller may comes before whether it can be done; what was made for it meanwhile is undone.
            if version.state is not ArtifactState.COMMITTED:
                raise ArtifactNotFound(version.path)
            known = tx.memberships.find(portfolio.id, version.id)
            if known is None:
                tx.memberships.add(portfolio.id, version.id, Maker(user=caller.user.id), now)
            new = names if known is not None else [*names, LATEST]
            tx.memberships.put_aliases(portfolio.id, version.id, new, now)
            return _refreshed(tx, portfolio, version)

        return self._database.write(job)

    def _find_portfolio(
        self, tx: Transaction, caller: Caller, version: ArtifactVersion, target: LinkTarget, now: datetime
    ) -> Collection:
        if target.portfolio is not None:
            portfolio = require_collection(tx, caller, target.portfolio, Access.WRITE)
            project = tx.projects.find_by_id(portfolio.project_id)
            if portfolio.is_deleted or project is None:
                raise CollectionNotFound("(by id)")
            check_link(tx, project, portfolio.name, version.collection.type_name)
        else:
            project = _find_project(tx, caller, target, now)
            check_link(tx, project, target.name, version.collection.type_name)
            portfolio = tx.collections.put(
                project.id,
                parse_collection_name(target.name),
                kind=CollectionKind.PORTFOLIO,
                type_name=version.collection.type_name,
                now=now,
            )
        if portfolio.kind is not CollectionKind.PORTFOLIO:
            raise LinkRefused(portfolio.path, reason="versions are made in it; link to a collection of another name")
        if portfolio.type_name != version.collection.type_name:
            reason = f"it takes versions of type {portfolio.type_name!r}, not {version.collection.type_name!r}"
            raise LinkRefused(portfolio.path, reason=reason)
        return portfolio

    def unlink(self, caller: Caller, artifact: ArtifactId, portfolio: CollectionId) -> None:
        """Take a version out of a portfolio; it stays where it was made. Doing it twice changes nothing.

        Raises:
            CollectionNotFound: No such collection, or not readable.
            Forbidden: The caller may only read there, or the version holds a protected alias.
            LinkRefused: The version was made there.
        """

        def job(tx: Transaction) -> None:
            place = require_collection(tx, caller, portfolio, Access.WRITE)
            if place.kind is not CollectionKind.PORTFOLIO:
                raise LinkRefused(place.path, reason="the version was made there; delete it instead")
            held = tx.memberships.find(place.id, artifact)
            check_aliases(tx, caller, tx.projects.find_by_id(place.project_id), held.aliases if held else ())
            tx.memberships.remove(place.id, artifact)

        self._database.write(job)

    def add_aliases(self, caller: Caller, artifact: ArtifactId, aliases: Sequence[AliasOf]) -> None:
        """Move aliases to a version, in whatever collections it has a place.

        Raises:
            ArtifactNotFound: No such version, not readable, or without a place in the collection.
            ProjectNotFound: The collection's project is absent or not readable.
            CollectionNotFound: The project has no such collection.
            Forbidden: The caller may only read there, or an alias is protected.
            InvalidName: Not an alias, or a version's number.
        """
        for given in aliases:
            parse_new_alias(given.alias)

        def job(tx: Transaction) -> None:
            version, places = self._committed_places(tx, caller, artifact, aliases)
            now = self._clock()
            for place, names in places:
                tx.memberships.put_aliases(place, version.id, names, now)

        self._database.write(job)

    def delete_aliases(self, caller: Caller, artifact: ArtifactId, aliases: Sequence[AliasOf]) -> None:
        """Take aliases from a version; those it does not have are ignored. Errors as in `add_aliases`."""

        def job(tx: Transaction) -> None:
            version, places = self._committed_places(tx, caller, artifact, aliases)
            for place, names in places:
                tx.memberships.remove_aliases(place, version.id, names)

        self._database.write(job)

    def _committed_places(
        self, tx: Transaction, caller: Caller, artifact: ArtifactId, aliases: Sequence[AliasOf]
    ) -> tuple[ArtifactVersion, list[tuple[CollectionId, list[str]]]]:
        version = require_artifact(tx, caller, artifact, Access.READ)
        # Whether the caller may comes before whether it can be done.
        places = self._by_place(tx, caller, version, aliases)
        if version.state is not ArtifactState.COMMITTED:
            raise ArtifactNotFound(version.path)
        return version, places

    def _by_place(
        self, tx: Transaction, caller: Caller, version: ArtifactVersion, aliases: Sequence[AliasOf]
    ) -> list[tuple[CollectionId, list[str]]]:
        places: dict[tuple[str, str, str], list[str]] = {}
        for given in aliases:
            places.setdefault((given.entity, given.project, given.collection), []).append(given.alias)
        found = []
        # Sorted, so that two writers take the rows in one order and cannot lock each other out.
        for (entity, project, name), names in sorted(places.items()):
            owner = require_project(tx, caller, entity, project, Access.WRITE)
            collection = tx.collections.find(owner.id, name)
            if collection is None:
                raise CollectionNotFound(name, within=f"{owner.entity}/{owner.name}")
            if tx.memberships.find(collection.id, version.id) is None:
                raise ArtifactNotFound(version.path, within=collection.path)
            check_aliases(tx, caller, owner, names)
            found.append((collection.id, names))
        return found


def _find_project(tx: Transaction, caller: Caller, target: LinkTarget, now: datetime) -> Project:
    if target.project.startswith(REGISTRY_PREFIX):
        return require_project(tx, caller, target.entity, target.project, Access.WRITE)
    return find_or_create_project(tx, caller, target.entity, target.project, now)


def _refreshed(tx: Transaction, collection: Collection, version: ArtifactVersion) -> Membership:
    place = tx.memberships.find(collection.id, version.id)
    assert place is not None
    return place
