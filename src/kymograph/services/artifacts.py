"""Artifact versions: look-ups, files, edits, deletion."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from kymograph.core.artifact import (
    AliasRecord,
    ArtifactState,
    ArtifactVersion,
    Collection,
    EntryRecord,
    ManifestRecord,
    Membership,
    check_ttl,
    split_artifact_name,
)
from kymograph.core.artifact_metadata import checked_metadata
from kymograph.core.names import parse_tag
from kymograph.core.project import Project
from kymograph.errors import AliasesPresent, ArtifactNotFound, CollectionNotFound
from kymograph.services.access import Access, Caller
from kymograph.services.artifact_access import (
    is_readable,
    is_usable,
    readable_projects,
    require_artifact,
    require_collection,
)
from kymograph.services.artifact_uploads import check_own_alias
from kymograph.services.registry_rules import check_aliases
from kymograph.storage.base import Database, Transaction
from kymograph.types import ArtifactId


@dataclass(frozen=True, slots=True)
class ArtifactChange:
    """What to change of a version; None leaves a field as it is."""

    description: str | None = None
    metadata_json: str | None = None
    ttl_duration_s: int | None = None
    aliases: tuple[tuple[str, str], ...] | None = None
    """Pairs of collection and alias: all that the version shall have in its own sequence afterwards."""
    tags_to_add: tuple[str, ...] = ()
    tags_to_delete: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class EntryPage:
    """Some entries of a version."""

    entries: list[EntryRecord]
    total: int


class ArtifactService:
    """Everything about versions but their bytes and places. Safe to share between threads."""

    def __init__(self, database: Database, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._clock = clock

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

    def aliases(self, caller: Caller, version: ArtifactVersion) -> list[AliasRecord]:
        """Aliases of a version (got already) in all readable collections, those of its own sequence first."""
        return self.aliases_of(caller, [version.id])[version.id]

    def aliases_of(self, caller: Caller, versions: Sequence[ArtifactId]) -> dict[ArtifactId, list[AliasRecord]]:
        """The same for many versions at once."""

        def job(tx: Transaction) -> dict[ArtifactId, list[AliasRecord]]:
            held = tx.memberships.list_aliases_of(versions)
            projects = {record.collection.project_id for records in held.values() for record in records}
            readable = readable_projects(tx, caller, projects)
            return {
                version: [record for record in records if record.collection.project_id in readable]
                for version, records in held.items()
            }

        return self._database.read(job)

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

    def is_usable(self, caller: Caller, version: ArtifactVersion) -> bool:
        """Whether the caller may get the content of a version (got already), or only see it."""
        return self._database.read(lambda tx: is_usable(tx, caller, version))

    def current_manifest(self, version: ArtifactVersion) -> ManifestRecord | None:
        """The manifest of a version (got already); a draft has none to show.

        Deleted versions have theirs as long as their content is kept: entries of others may lead to it.
        """
        if version.state is ArtifactState.PENDING:
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

    def update(self, caller: Caller, artifact: ArtifactId, change: ArtifactChange) -> ArtifactVersion:
        """Change what is said of a version; its content never changes.

        Raises:
            ArtifactNotFound: No such version, or not readable.
            Forbidden: The caller may only read there.
            MalformedRequest: The metadata is not a JSON object.
            UsageError: A tag, an alias, the time to live or the metadata breaks the rules.
        """
        metadata_json = checked_metadata(change.metadata_json) if change.metadata_json is not None else None
        for tag in change.tags_to_add:
            parse_tag(tag)

        def job(tx: Transaction) -> ArtifactVersion:
            version = require_artifact(tx, caller, artifact, Access.WRITE)
            if version.state is ArtifactState.DELETED:
                raise ArtifactNotFound(version.path)
            now = self._clock()
            tx.artifacts.update(
                version.id,
                description=change.description,
                metadata_json=metadata_json,
                ttl_duration_s=check_ttl(change.ttl_duration_s, version.collection.type_name),
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
        """Delete a version, and with it the links to it. Doing it twice changes nothing.

        Raises:
            ArtifactNotFound: No such version, or not readable.
            Forbidden: The caller may only read there, or it holds a protected alias in a registry.
            AliasesPresent: It has aliases and they were not to go, too.
        """

        def job(tx: Transaction) -> ArtifactVersion:
            version = require_artifact(tx, caller, artifact, Access.WRITE)
            aliases = tx.memberships.list_aliases_of([version.id])[version.id]
            if aliases and not with_aliases:
                raise AliasesPresent(version.path, aliases=tuple(record.alias for record in aliases))
            for record in aliases:
                place = tx.projects.find_by_id(record.collection.project_id)
                check_aliases(tx, caller, place, [record.alias])
            now = self._clock()
            tx.moves.lock([version.collection.project_id])
            if version.state is ArtifactState.PENDING and tx.moves.drop_drafts([version.id], before=None, now=now):
                return replace(version, state=ArtifactState.DELETED)
            tx.moves.delete([version.id], now)
            return require_artifact(tx, caller, version.id, Access.READ)

        return self._database.write(job)


def _changed_tags(tags: tuple[str, ...], change: ArtifactChange) -> tuple[str, ...] | None:
    if not change.tags_to_add and not change.tags_to_delete:
        return None
    kept = [tag for tag in tags if tag not in change.tags_to_delete]
    return tuple(dict.fromkeys([*kept, *change.tags_to_add]))
