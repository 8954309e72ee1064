"""Artifact collections: look-ups, lists of their versions, edits, deletion."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from kymograph.core.artifact import (
    ArtifactType,
    ArtifactVersion,
    Collection,
    CollectionChange,
    CollectionKind,
    Membership,
    is_reserved_type,
)
from kymograph.core.artifact_filters import CollectionQuery, VersionQuery
from kymograph.core.names import parse_collection_name, parse_tag, parse_type_name
from kymograph.core.project import Project
from kymograph.errors import CollectionNotFound, NameTaken, ReservedType, UsageError
from kymograph.services.access import Access, Caller, require_project
from kymograph.services.artifact_access import require_collection
from kymograph.services.registry_rules import check_aliases, check_link
from kymograph.storage.base import Database, Transaction
from kymograph.types import CollectionId

MAX_TAGS_AT_ONCE = 20


class CollectionService:
    """Everything about collections but what is put into them. Safe to share between threads."""

    def __init__(self, database: Database, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._clock = clock

    # Looking up

    def find(self, project: Project, name: str, *, type_name: str | None = None) -> Collection | None:
        """A collection of a project (got already)."""
        return self._database.read(lambda tx: tx.collections.find(project.id, name, type_name=type_name))

    def find_by_id(self, caller: Caller, collection: CollectionId) -> Collection | None:
        """A collection, None when absent, deleted or not readable."""

        def job(tx: Transaction) -> Collection | None:
            try:
                found = require_collection(tx, caller, collection, Access.READ)
            except CollectionNotFound:
                return None
            return None if found.is_deleted else found

        return self._database.read(job)

    def search(self, project: Project, query: CollectionQuery) -> tuple[list[Collection], int]:
        """One page of the collections of a project (got already), plus the total.

        Raises:
            InvalidFilter: A value that its field cannot be compared with, or a pattern that takes too long.
        """
        return self._database.read(lambda tx: tx.collections.search([project.id], query))

    def list_types(self, project: Project) -> list[ArtifactType]:
        """Artifact types of a project (got already), by name."""
        return self._database.read(lambda tx: tx.collections.list_types(project.id))

    def find_type(self, project: Project, name: str) -> ArtifactType | None:
        """One artifact type of a project (got already)."""
        return next((found for found in self.list_types(project) if found.name == name), None)

    def name_type(self, caller: Caller, entity: str | None, project: str, name: str) -> tuple[Project, str]:
        """Check that the caller could make a collection of a type; types live by their collections alone.

        Raises:
            ProjectNotFound: Absent or not readable.
            Forbidden: The caller may only read there.
            InvalidName: Not a name for a type.
        """
        parsed = parse_type_name(name)
        return self._database.read(lambda tx: require_project(tx, caller, entity, project, Access.WRITE)), parsed

    # What is in a collection

    def search_places(self, collection: Collection, query: VersionQuery) -> tuple[list[Membership], int]:
        """One page of the places in a collection (got already), plus the total.

        Raises:
            InvalidFilter: A value that its field cannot be compared with, or a pattern that takes too long.
        """
        return self._database.read(lambda tx: tx.memberships.search([collection.id], query))

    def find_place(self, collection: Collection, alias: str) -> Membership | None:
        """The place that an alias or a version name stands for, in a collection (got already)."""
        return self._database.read(lambda tx: tx.memberships.find_by_alias(collection.id, alias))

    def latest(self, collection: Collection) -> ArtifactVersion | None:
        """The newest committed version of a sequence (got already)."""
        return self._database.read(lambda tx: tx.artifacts.latest(collection.id))

    def list_aliases(self, collection: Collection) -> list[str]:
        """Aliases of a collection (got already), sorted."""
        return self._database.read(lambda tx: tx.memberships.list_aliases(collection.id))

    # Changes

    def create_portfolio(
        self,
        caller: Caller,
        entity: str | None,
        project: str,
        name: str,
        *,
        type_name: str,
        description: str | None = None,
    ) -> Collection:
        """Make an empty portfolio.

        Raises:
            ProjectNotFound: Absent or not readable.
            Forbidden: The caller may only read there.
            NameTaken: The project has a collection of that name.
            LinkRefused: The registry takes no versions of that type.
            UsageError: A name breaks the rules.
        """
        parsed, parsed_type = parse_collection_name(name), parse_type_name(type_name)

        def job(tx: Transaction) -> Collection:
            place = require_project(tx, caller, entity, project, Access.WRITE)
            check_link(tx, place, parsed, parsed_type)
            if tx.collections.find(place.id, parsed) is not None:
                raise NameTaken("artifact collection", parsed)
            now = self._clock()
            made = tx.collections.put(place.id, parsed, kind=CollectionKind.PORTFOLIO, type_name=parsed_type, now=now)
            return (
                made
                if description is None
                else tx.collections.update(made.id, CollectionChange(description=description), now)
            )

        return self._database.write(job)

    def update(
        self,
        caller: Caller,
        collection: CollectionId,
        *,
        kind: CollectionKind,
        name: str | None = None,
        description: str | None = None,
    ) -> Collection:
        """Rename or describe a collection; None leaves a field as it is.

        Raises:
            CollectionNotFound: Absent, deleted, of another kind, or not readable.
            Forbidden: The caller may only read there.
            NameTaken: Another collection of the project has the name.
            InvalidName: Not a name for a collection.
        """
        new_name = parse_collection_name(name) if name is not None else None

        def job(tx: Transaction) -> Collection:
            known = _require_there(tx, caller, collection, kind)
            change = CollectionChange(name=new_name if new_name != known.name else None, description=description)
            return tx.collections.update(known.id, change, self._clock())

        return self._database.write(job)

    def change_type(self, caller: Caller, collection: CollectionId, type_name: str) -> Collection:
        """Give a sequence, and with it its versions, another type.

        Raises:
            CollectionNotFound: Absent, deleted, a portfolio, or not readable.
            Forbidden: The caller may only read there.
            ReservedType: The type is, or the present one was, of those that clients keep for themselves.
        """
        wanted = parse_type_name(type_name)

        def job(tx: Transaction) -> Collection:
            known = _require_there(tx, caller, collection, CollectionKind.SEQUENCE)
            for type_ in (wanted, known.type_name):
                if is_reserved_type(type_, known.name):
                    raise ReservedType(type_)
            return tx.collections.update(known.id, CollectionChange(type_name=wanted), self._clock())

        return self._database.write(job)

    def delete(self, caller: Caller, collection: CollectionId, *, kind: CollectionKind) -> Collection:
        """Delete a collection: a sequence with its versions, a portfolio with its links. Doing it twice is fine.

        Raises:
            CollectionNotFound: Absent, of another kind, or not readable.
            Forbidden: The caller may only read there, or a version holds a protected alias in a registry.
        """

        def job(tx: Transaction) -> Collection:
            known = require_collection(tx, caller, collection, Access.WRITE)
            if known.kind is not kind:
                raise CollectionNotFound("(by id)")
            if not known.is_deleted:
                _check_aliases_within(tx, caller, known)
                tx.collections.delete(known.id, self._clock())
            return require_collection(tx, caller, known.id, Access.READ)

        return self._database.write(job)

    def add_tags(self, caller: Caller, entity: str | None, project: str, name: str, tags: Sequence[str]) -> Collection:
        """Give a collection tags; those that it has stay where they are.

        Raises:
            ProjectNotFound: Absent or not readable.
            CollectionNotFound: The project has no such collection.
            Forbidden: The caller may only read there.
            UsageError: Something is no tag, or too many at once.
        """
        _check_count(tags)
        new = [parse_tag(tag) for tag in tags]
        return self._change_tags(caller, entity, project, name, lambda known: (*known, *new))

    def delete_tags(
        self, caller: Caller, entity: str | None, project: str, name: str, tags: Sequence[str]
    ) -> Collection:
        """Take tags from a collection; those that it does not have are ignored. Errors as in `add_tags`."""
        _check_count(tags)
        return self._change_tags(
            caller, entity, project, name, lambda known: tuple(tag for tag in known if tag not in tags)
        )

    def _change_tags(
        self,
        caller: Caller,
        entity: str | None,
        project: str,
        name: str,
        change: Callable[[tuple[str, ...]], tuple[str, ...]],
    ) -> Collection:
        def job(tx: Transaction) -> Collection:
            place = require_project(tx, caller, entity, project, Access.WRITE)
            known = tx.collections.find(place.id, name)
            if known is None:
                raise CollectionNotFound(name, within=f"{place.entity}/{place.name}")
            tags = tuple(dict.fromkeys(change(known.tags)))
            return tx.collections.update(known.id, CollectionChange(tags=tags), self._clock())

        return self._database.write(job)


def _require_there(tx: Transaction, caller: Caller, collection: CollectionId, kind: CollectionKind) -> Collection:
    found = require_collection(tx, caller, collection, Access.WRITE)
    if found.is_deleted or found.kind is not kind:
        raise CollectionNotFound("(by id)")
    return found


def _check_aliases_within(tx: Transaction, caller: Caller, known: Collection) -> None:
    """Check the aliases that go with a collection: those in it, and those that its versions hold elsewhere."""
    check_aliases(tx, caller, tx.projects.find_by_id(known.project_id), tx.memberships.list_aliases(known.id))
    if known.kind is CollectionKind.SEQUENCE:
        places, _ = tx.memberships.search([known.id], VersionQuery(limit=2**31 - 1))
        for held in tx.memberships.list_aliases_of([place.version.id for place in places]).values():
            for record in held:
                if record.collection.id != known.id:
                    elsewhere = tx.projects.find_by_id(record.collection.project_id)
                    check_aliases(tx, caller, elsewhere, [record.alias])


def _check_count(tags: Sequence[str]) -> None:
    if len(tags) > MAX_TAGS_AT_ONCE:
        raise UsageError(f"{len(tags)} tags at once, at most {MAX_TAGS_AT_ONCE} are allowed; send them in portions")
