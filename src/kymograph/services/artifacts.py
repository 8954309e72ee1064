"""Artifact versions and their collections: look-ups, labels, lineage, deletion."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from kymograph.core.artifact import (
    ArtifactState,
    ArtifactType,
    ArtifactVersion,
    Collection,
    EntryRecord,
    ManifestRecord,
    Membership,
    split_artifact_name,
)
from kymograph.core.project import Project
from kymograph.core.run import Run
from kymograph.errors import AliasesPresent, ArtifactNotFound, CollectionNotFound
from kymograph.services.access import Access, Caller, require_project, require_run
from kymograph.services.artifact_access import is_readable, require_artifact, require_collection
from kymograph.services.artifact_uploads import check_own_alias, parse_type_name
from kymograph.services.runs import checked_document
from kymograph.storage.base import Database, Transaction
from kymograph.types import ArtifactId, CollectionId, RunKey


@dataclass(frozen=True, slots=True)
class RunAddressOfUse:
    """The run that uses a version."""

    entity: str | None
    project: str
    run: str


@dataclass(frozen=True, slots=True)
class ArtifactChange:
    """What to change of a version; None leaves a field as it is."""

    description: str | None = None
    metadata_json: str | None = None
    ttl_duration_s: int | None = None
    aliases: tuple[tuple[str, str], ...] | None = None
    """Pairs of collection and alias: all that the version shall have afterwards."""
    tags_to_add: tuple[str, ...] = ()
    tags_to_delete: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class EntryPage:
    """Some entries of a version."""

    entries: list[EntryRecord]
    total: int


class ArtifactService:
    """Everything about committed versions but their bytes. Safe to share between threads."""

    def __init__(self, database: Database, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._clock = clock

    # Versions

    def find(self, caller: Caller, artifact: ArtifactId) -> ArtifactVersion | None:
        """A version in whatever state, None when absent or not readable."""

        def job(tx: Transaction) -> ArtifactVersion | None:
            try:
                return require_artifact(tx, caller, artifact, Access.READ)
            except ArtifactNotFound:
                return None

        return self._database.read(job)

    def find_by_name(self, project: Project, name: str, *, type_name: str | None = None) -> ArtifactVersion | None:
        """A committed version of a project (got already) by ``coll:alias``, ``coll:v3`` or ``coll``."""
        place = self.find_place(project, name, type_name=type_name)
        return place.version if place is not None else None

    def find_place(self, project: Project, name: str, *, type_name: str | None = None) -> Membership | None:
        """The place that such a name stands for."""
        collection_name, alias = split_artifact_name(name)

        def job(tx: Transaction) -> Membership | None:
            collection = tx.collections.find(project.id, collection_name, type_name=type_name)
            return tx.memberships.find_by_alias(collection.id, alias) if collection is not None else None

        return self._database.read(job)

    def places(self, version: ArtifactVersion) -> list[Membership]:
        """Places of a version (got already) in collections."""
        return self._database.read(lambda tx: tx.memberships.list_of(version.id))[0]

    def find_meaning(self, caller: Caller, client_id: str) -> ArtifactVersion | Collection | None:
        """What an id that a client made up stands for, None when unknown or not readable."""

        def job(tx: Transaction) -> ArtifactVersion | Collection | None:
            version = tx.artifacts.find_by_client_id(client_id)
            if version is not None:
                return version if is_readable(tx, caller, version) else None
            collection = tx.collections.find_by_client_id(client_id)
            if collection is None:
                return None
            try:
                return require_collection(tx, caller, collection.id, Access.READ)
            except CollectionNotFound:
                return None

        return self._database.read(job)

    def current_manifest(self, version: ArtifactVersion) -> ManifestRecord | None:
        """The manifest of a committed version (got already); a draft has none to show."""
        if version.state is not ArtifactState.COMMITTED:
            return None
        return self._database.read(lambda tx: tx.manifests.current(version.id))

    def entries(
        self,
        version: ArtifactVersion,
        *,
        names: Sequence[str] | None = None,
        after: str | None = None,
        limit: int = 1000,
    ) -> EntryPage:
        """Entries of a version (got already) by path; `names` picks some, None means all."""

        def job(tx: Transaction) -> EntryPage:
            entries = tx.entries.list_page(version.id, names=names, after=after, limit=limit)
            total = tx.entries.count(version.id) if names is None else len(entries)
            return EntryPage(entries, total)

        return self._database.read(job)

    # Collections

    def find_collection(self, project: Project, name: str, *, type_name: str | None = None) -> Collection | None:
        """A collection of a project (got already)."""
        return self._database.read(lambda tx: tx.collections.find(project.id, name, type_name=type_name))

    def find_collection_by_id(self, caller: Caller, collection: CollectionId) -> Collection | None:
        """A collection, None when absent or not readable."""

        def job(tx: Transaction) -> Collection | None:
            try:
                return require_collection(tx, caller, collection, Access.READ)
            except CollectionNotFound:
                return None

        return self._database.read(job)

    def list_collections(
        self, project: Project, *, type_name: str | None = None, limit: int = 100, offset: int = 0
    ) -> tuple[list[Collection], int]:
        """Collections of a project (got already) by name, plus the total."""
        return self._database.read(
            lambda tx: tx.collections.list_of_project(project.id, type_name=type_name, limit=limit, offset=offset)
        )

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

    def list_versions(
        self, collection: Collection, *, limit: int = 100, offset: int = 0
    ) -> tuple[list[Membership], int]:
        """Places of a collection (got already), newest first, plus the total."""
        return self._database.read(lambda tx: tx.memberships.list_in(collection.id, limit=limit, offset=offset))

    def latest(self, collection: Collection) -> ArtifactVersion | None:
        """The newest committed version of a collection (got already)."""
        return self._database.read(lambda tx: tx.artifacts.latest(collection.id))

    def list_aliases(self, collection: Collection) -> list[str]:
        """Aliases of a collection (got already), sorted."""
        return self._database.read(lambda tx: tx.memberships.list_aliases(collection.id))

    def find_membership(self, collection: Collection, alias: str) -> Membership | None:
        """The place that an alias or a version name stands for, in a collection (got already)."""
        return self._database.read(lambda tx: tx.memberships.find_by_alias(collection.id, alias))

    # Changes

    def add_aliases(self, caller: Caller, artifact: ArtifactId, aliases: Sequence[tuple[str, str]]) -> None:
        """Move aliases, given as pairs of collection and alias, to a version.

        Raises:
            ArtifactNotFound: No such committed version, or not readable.
            Forbidden: The caller may only read there.
            InvalidName: See `check_own_alias`.
        """

        def job(tx: Transaction) -> None:
            version = _require_committed(tx, caller, artifact)
            names = [check_own_alias(version.collection.name, collection, alias) for collection, alias in aliases]
            tx.memberships.put_aliases(version.collection.id, version.id, names, self._clock())

        self._database.write(job)

    def delete_aliases(self, caller: Caller, artifact: ArtifactId, aliases: Sequence[tuple[str, str]]) -> None:
        """Take aliases from a version; those it does not have are ignored. Errors as in `add_aliases`."""

        def job(tx: Transaction) -> None:
            version = _require_committed(tx, caller, artifact)
            tx.memberships.remove_aliases(
                version.collection.id,
                version.id,
                [alias for collection, alias in aliases if collection in ("", version.collection.name)],
            )

        self._database.write(job)

    def update(self, caller: Caller, artifact: ArtifactId, change: ArtifactChange) -> ArtifactVersion:
        """Change what is said of a version; its content never changes.

        Raises:
            ArtifactNotFound: No such version, or not readable.
            Forbidden: The caller may only read there.
            MalformedRequest: The metadata is not a JSON object.
        """
        if change.metadata_json is not None:
            checked_document(change.metadata_json, where="metadata")

        def job(tx: Transaction) -> ArtifactVersion:
            version = require_artifact(tx, caller, artifact, Access.WRITE)
            if version.state is ArtifactState.DELETED:
                raise ArtifactNotFound(version.path)
            now = self._clock()
            tx.artifacts.update(
                version.id,
                description=change.description,
                metadata_json=change.metadata_json,
                ttl_duration_s=change.ttl_duration_s,
                tags=_changed_tags(version.tags, change),
                now=now,
            )
            if change.aliases is not None:
                wanted = [check_own_alias(version.collection.name, place, alias) for place, alias in change.aliases]
                place = version.collection.id
                gone = [alias for alias in version.aliases if alias not in wanted]
                tx.memberships.remove_aliases(place, version.id, gone)
                new = [alias for alias in wanted if alias not in version.aliases]
                tx.memberships.put_aliases(place, version.id, new, now)
            return require_artifact(tx, caller, version.id, Access.READ)

        return self._database.write(job)

    def delete(self, caller: Caller, artifact: ArtifactId, *, with_aliases: bool = False) -> ArtifactVersion:
        """Delete a version. Doing it twice changes nothing.

        Raises:
            ArtifactNotFound: No such version, or not readable.
            Forbidden: The caller may only read there.
            AliasesPresent: It has aliases and they were not to go, too.
        """

        def job(tx: Transaction) -> ArtifactVersion:
            version = require_artifact(tx, caller, artifact, Access.WRITE)
            if version.aliases and not with_aliases:
                raise AliasesPresent(version.path, aliases=version.aliases)
            now = self._clock()
            tx.moves.lock([version.collection.project_id])
            if version.state is ArtifactState.PENDING and tx.moves.drop_drafts([version.id], before=None, now=now):
                return replace(version, state=ArtifactState.DELETED)
            tx.moves.delete([version.id], now)
            return require_artifact(tx, caller, version.id, Access.READ)

        return self._database.write(job)

    # Lineage

    def use(
        self, caller: Caller, artifact: ArtifactId, user: RunAddressOfUse, *, used_as: str | None = None
    ) -> ArtifactVersion:
        """Record that a run uses a version. Doing it twice changes nothing.

        Raises:
            ArtifactNotFound: No such version, or not readable.
            RunNotFound: No such run, or not readable.
            Forbidden: The caller may only read the run.
        """

        def job(tx: Transaction) -> ArtifactVersion:
            version = require_artifact(tx, caller, artifact, Access.READ)
            if version.state is ArtifactState.DELETED:
                raise ArtifactNotFound(version.path)
            _, run = require_run(tx, caller, user.entity, user.project, user.run, Access.WRITE)
            tx.lineage.use(run.key, version.id, used_as=used_as, now=self._clock())
            return version

        return self._database.write(job)

    def used_by(self, version: ArtifactVersion) -> list[RunKey]:
        """Runs that used a version (got already); not all of them need be readable."""
        return self._database.read(lambda tx: tx.lineage.list_used_by(version.id))

    def inputs(self, caller: Caller, run: Run) -> list[tuple[ArtifactVersion, str | None]]:
        """Readable versions that a run (got already) used, in order, each with the name of the use."""

        def job(tx: Transaction) -> list[tuple[ArtifactVersion, str | None]]:
            return [
                (version, used_as)
                for version, used_as in tx.lineage.list_inputs(run.key)
                if version.state is not ArtifactState.DELETED and is_readable(tx, caller, version)
            ]

        return self._database.read(job)

    def outputs(self, run: Run) -> list[ArtifactVersion]:
        """Versions that a run (got already) made, oldest first."""
        return self._database.read(lambda tx: tx.lineage.list_outputs(run.key))


def _require_committed(tx: Transaction, caller: Caller, artifact: ArtifactId) -> ArtifactVersion:
    version = require_artifact(tx, caller, artifact, Access.WRITE)
    if version.state is not ArtifactState.COMMITTED:
        raise ArtifactNotFound(version.path)
    return version


def _changed_tags(tags: tuple[str, ...], change: ArtifactChange) -> tuple[str, ...] | None:
    if not change.tags_to_add and not change.tags_to_delete:
        return None
    kept = [tag for tag in tags if tag not in change.tags_to_delete]
    return tuple(dict.fromkeys([*kept, *change.tags_to_add]))
