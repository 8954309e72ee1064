"""What artifacts take, and giving it back: the storage page, ``du``, bulk deletion and restoring.

Many versions are moved in portions, each in a transaction of its own that leaves all counters exact, so that trainings
that log meanwhile need not wait for the end.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from kymograph.core.project import Project
from kymograph.core.space import CollectionSpace, Freed, ProjectSpace, VersionFilter, VersionSpace
from kymograph.errors import CollectionNotFound, Forbidden, InvalidSetting
from kymograph.services.access import Access, Caller, check_run, require_entity, require_project
from kymograph.services.artifact_garbage import ArtifactCollector, ArtifactsCollected, Orphans, portions
from kymograph.storage.base import Database, Transaction
from kymograph.storage.space.base import Sized
from kymograph.types import CollectionId, ProjectId, RunKey

MAX_TTL_S = 100 * 366 * 86_400


@dataclass(frozen=True, slots=True)
class Ttl:
    """Time to live of versions that have none of their own, in seconds."""

    own_s: int | None
    """What the project says: 0 is for ever, None is what its entity says."""
    effective_s: int | None
    """What holds; None is for ever."""


class ArtifactSpace:
    """Measures and clears. Safe to share between threads."""

    def __init__(self, database: Database, collector: ArtifactCollector, clock: Callable[[], datetime]) -> None:
        self._database = database
        self.collector = collector
        """What frees the space; the chores of a server let it."""
        self._clock = clock

    # Measuring

    def of_project(self, project: Project) -> tuple[ProjectSpace, Ttl]:
        """What a project (got already) takes, and how long its versions live."""
        return self._database.read(lambda tx: (tx.space.of_project(project.id), Ttl(*tx.space.ttl_of(project.id))))

    def inherited_ttl(self, project: ProjectId) -> int | None:
        """How long versions live that have no time to live of their own, in seconds; None is for ever."""
        return self._database.read(lambda tx: tx.space.ttl_of(project)[1])

    def list_collections(
        self, project: Project, *, order: str = "own", limit: int = 100, offset: int = 0
    ) -> tuple[list[CollectionSpace], int]:
        """Collections of a project (got already) with what they take, plus the total.

        Args:
            project: Whose.
            order: ``own`` or ``content`` bytes, most first, or ``name``.
            limit: Page size.
            offset: How many to skip.
        """
        return self._database.read(
            lambda tx: tx.space.list_collections(project.id, order=order, limit=limit, offset=offset)
        )

    def list_versions(
        self, project: Project, collection: str, *, is_deleted: bool = False, limit: int = 100, offset: int = 0
    ) -> tuple[CollectionSpace, list[VersionSpace], int]:
        """One collection of a project (got already) and its versions, newest first, plus their total.

        Raises:
            CollectionNotFound: There is none of that name.
        """

        def job(tx: Transaction) -> tuple[CollectionSpace, list[VersionSpace], int]:
            found = tx.collections.find(project.id, collection)
            measured = tx.space.find_collection(found.id) if found is not None else None
            if found is None or measured is None:
                raise CollectionNotFound(collection)
            page, total = tx.space.list_versions(found.id, is_deleted=is_deleted, limit=limit, offset=offset)
            return measured, page, total

        return self._database.read(job)

    # Deleting and restoring

    def delete(
        self, caller: Caller, entity: str | None, project: str, wanted: VersionFilter, *, dry_run: bool = False
    ) -> Freed:
        """Delete all versions that a filter means; they can come back for a while.

        Args:
            caller: Needs write access.
            entity: Owner of the project.
            project: Where the versions are.
            wanted: Which ones.
            dry_run: Change nothing, only say what would go.

        Returns:
            How many versions, and the content that no committed version has any more.

        Raises:
            ProjectNotFound: Absent or not readable.
            Forbidden: The caller may only read there.
        """

        def choose(tx: Transaction) -> tuple[list[Sized], Freed | None]:
            found = require_project(tx, caller, entity, project, Access.WRITE)
            chosen = tx.choices.choose(found.id, wanted, self._clock())
            return chosen, tx.space.measure_delete([one.artifact for one in chosen]) if dry_run else None

        chosen, foreseen = self._database.read(choose)
        if foreseen is not None:
            return foreseen
        return delete_versions(self._database, chosen, self._clock, unless_named=wanted.without_alias)

    def delete_of_run(self, caller: Caller, run: RunKey) -> Freed:
        """Delete the versions that a run made, with their aliases.

        Raises:
            RunNotFound: Absent or not readable.
            Forbidden: The caller may only read it.
        """

        def choose(tx: Transaction) -> list[Sized]:
            found = check_run(tx, caller, tx.runs.find_by_key(run), Access.WRITE, named="(by id)")
            return tx.choices.choose_of_run(found.key)

        return delete_versions(self._database, self._database.read(choose), self._clock)

    def undelete(self, caller: Caller, entity: str | None, project: str, wanted: VersionFilter) -> Freed:
        """Restore deleted versions; only what the filter says of names counts. Errors as for `delete`.

        A collection that was deleted comes back with the versions that went with it, if it is named and there is none
        of that name.

        Returns:
            How many versions, and the content that committed versions have again.

        Raises:
            NameTaken: Another collection has the name of the one to restore.
        """

        def choose(tx: Transaction) -> tuple[list[Sized], CollectionId | None]:
            found = require_project(tx, caller, entity, project, Access.WRITE)
            name = wanted.collection
            if name is None or tx.collections.find(found.id, name) is not None:
                return tx.choices.choose_deleted(found.id, wanted), None
            gone = tx.collections.find_deleted(found.id, name)
            if gone is None:
                raise CollectionNotFound(name)
            return [], gone.id

        chosen, gone = self._database.read(choose)
        if gone is not None:
            return self._database.write(lambda tx: tx.collections.undelete(gone, self._clock()))
        restored = Freed()
        for place, some in portions(chosen):

            def job(tx: Transaction, place: ProjectId = place, some: Sequence[Sized] = some) -> Freed:
                tx.moves.lock([place])
                return tx.moves.undelete([one.artifact for one in some], self._clock())

            restored += self._database.write(job)
        return restored

    def purge(self, caller: Caller, entity: str | None, project: str, *, dry_run: bool = False) -> ArtifactsCollected:
        """Give up the deleted versions of a project now, and free their space.

        Raises:
            ProjectNotFound: Absent or not readable.
            Forbidden: The caller is no administrator there.
        """
        found = self._database.read(lambda tx: require_project(tx, caller, entity, project, Access.ADMINISTER))
        return self.collector.purge(found.id, dry_run=dry_run)

    # The whole server

    def collect(self, caller: Caller, *, dry_run: bool = False) -> ArtifactsCollected:
        """Let the collector do a pass now.

        Raises:
            Forbidden: The caller does not administer the server.
        """
        _require_server_admin(caller)
        return self.collector.collect(dry_run=dry_run)

    def find_orphans(self, caller: Caller) -> Orphans:
        """Compare the database and the object store. Errors as for `collect`."""
        _require_server_admin(caller)
        return self.collector.find_orphans()

    # Time to live

    def set_ttl(self, caller: Caller, entity: str | None, project: str, ttl_s: int | None) -> Ttl:
        """Set how long versions of a project live that have no time to live of their own.

        Args:
            caller: Needs to administer the project.
            entity: Owner of the project.
            project: Which one.
            ttl_s: Seconds; 0 is for ever, None is what the entity says.

        Raises:
            ProjectNotFound: Absent or not readable.
            Forbidden: The caller does not administer it.
            InvalidSetting: Negative, or over 100 years.
        """
        _check_ttl(ttl_s)

        def job(tx: Transaction) -> Ttl:
            found = require_project(tx, caller, entity, project, Access.ADMINISTER)
            tx.space.set_ttl(found.id, ttl_s)
            return Ttl(*tx.space.ttl_of(found.id))

        return self._database.write(job)

    def set_entity_ttl(self, caller: Caller, entity: str, ttl_s: int | None) -> None:
        """The same for the projects of an entity that say nothing; None is for ever. Errors as for `set_ttl`."""
        _check_ttl(ttl_s)
        self._database.write(
            lambda tx: tx.space.set_entity_ttl(require_entity(tx, caller, entity, Access.ADMINISTER).id, ttl_s)
        )


def delete_versions(
    database: Database,
    chosen: Sequence[Sized],
    clock: Callable[[], datetime],
    *,
    unless_named: bool = False,
    unless_linked: bool = False,
) -> Freed:
    """Delete versions (allowed already) in portions.

    Args:
        database: Where they are.
        chosen: Which ones.
        clock: The present moment.
        unless_named: Leave out what has got an alias or a link meanwhile.
        unless_linked: Leave out what other projects have links to.
    """
    total = Freed()
    for project, some in portions(chosen):

        def job(tx: Transaction, project: ProjectId = project, some: Sequence[Sized] = some) -> Freed:
            tx.moves.lock([project])
            keys = [one.artifact for one in some]
            return tx.moves.delete(keys, clock(), unless_named=unless_named, unless_linked=unless_linked)

        total += database.write(job)
    return total


def _check_ttl(ttl_s: int | None) -> None:
    if ttl_s is not None and not 0 <= ttl_s <= MAX_TTL_S:
        raise InvalidSetting("ttl_s", ttl_s, rule=f"seconds from 0, which is for ever, to {MAX_TTL_S:,}")


def _require_server_admin(caller: Caller) -> None:
    if not caller.user.is_admin:
        raise Forbidden("collect garbage", where="this server")
