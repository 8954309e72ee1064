"""What pages about artifacts ask for: types, collections, versions as they stand in a project, folders, differences."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from kymograph.core.artifact import ArtifactVersion, EntryRecord, Membership, check_ttl
from kymograph.core.artifact_browse import (
    ChangeKind,
    ChangeOrder,
    CollectionOrder,
    CollectionOverview,
    DiffPage,
    FolderItem,
    TypeCount,
    VersionFigures,
)
from kymograph.core.artifact_filters import VersionQuery
from kymograph.core.artifact_metadata import checked_metadata
from kymograph.core.lineage import UseRecord
from kymograph.core.names import parse_new_alias, parse_tag
from kymograph.core.project import Project
from kymograph.core.run import Run
from kymograph.errors import ArtifactNotFound, CollectionNotFound, Forbidden
from kymograph.services.access import Access, Caller, require_project
from kymograph.services.artifact_access import is_usable, readable_projects, require_artifact
from kymograph.services.registry_rules import check_aliases
from kymograph.storage.base import Database, Transaction
from kymograph.types import RunKey


@dataclass(frozen=True, slots=True)
class PlaceView:
    """A version in a collection, with what is told of it."""

    place: Membership
    figures: VersionFigures
    run: Run | None
    """The run that made it, if it is there and readable."""


@dataclass(frozen=True, slots=True)
class UseView:
    """A use of a version, and the run."""

    use: UseRecord
    run: Run


@dataclass(frozen=True, slots=True)
class PlaceChange:
    """What to change of a version where it stands; None leaves a field as it is."""

    add_aliases: tuple[str, ...] = ()
    """They move here from other versions of the collection."""
    remove_aliases: tuple[str, ...] = ()
    description: str | None = None
    metadata_json: str | None = None
    tags: tuple[str, ...] | None = None
    ttl_duration_s: int | None = None

    @property
    def is_of_version(self) -> bool:
        """Whether it changes the version itself, and not only what it is called in the collection."""
        return any(
            value is not None for value in (self.description, self.metadata_json, self.tags, self.ttl_duration_s)
        )


class ArtifactCatalog:
    """Lists and describes; changes what a version is called. Safe to share between threads."""

    def __init__(self, database: Database, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._clock = clock

    # Types and collections, of projects that were got already

    def list_types(self, project: Project) -> list[TypeCount]:
        """Artifact types of a project, by name."""
        return self._database.read(lambda tx: tx.catalog.list_types(project.id))

    def list_collections(
        self,
        project: Project,
        *,
        type_name: str | None = None,
        search: str = "",
        order: CollectionOrder = CollectionOrder.NAME,
        limit: int = 100,
        offset: int = 0,
    ) -> tuple[list[CollectionOverview], int]:
        """One page of the collections of a project, plus the total."""
        return self._database.read(
            lambda tx: tx.catalog.list_collections(
                project.id, type_name=type_name, search=search, order=order, limit=limit, offset=offset
            )
        )

    def get_collection(self, project: Project, name: str) -> CollectionOverview:
        """One collection of a project.

        Raises:
            CollectionNotFound: There is none of that name.
        """
        return self._database.read(lambda tx: _require_overview(tx, project, name))

    # Versions

    def list_places(
        self, caller: Caller, project: Project, collection: str, query: VersionQuery
    ) -> tuple[list[PlaceView], int]:
        """One page of the versions in a collection, plus the total.

        Raises:
            CollectionNotFound: There is none of that name.
            InvalidFilter: See `MembershipStore.search`.
        """

        def job(tx: Transaction) -> tuple[list[PlaceView], int]:
            found = _require_overview(tx, project, collection).collection
            places, total = tx.memberships.search([found.id], query)
            return _views(tx, caller, places), total

        return self._database.read(job)

    def get_place(self, caller: Caller, project: Project, collection: str, alias: str) -> PlaceView:
        """The version that an alias or ``vN`` means in a collection.

        Raises:
            CollectionNotFound: The project has no such collection.
            ArtifactNotFound: The collection has no such version.
        """
        return self._database.read(lambda tx: _views(tx, caller, [_require_place(tx, project, collection, alias)])[0])

    def links(self, caller: Caller, version: ArtifactVersion) -> list[Membership]:
        """Readable places of a version (got already) that are links, oldest first; at most 500."""

        def job(tx: Transaction) -> list[Membership]:
            places, _ = tx.memberships.list_of(version.id)
            readable = readable_projects(tx, caller, {place.collection.project_id for place in places})
            return [place for place in places if place.is_link and place.collection.project_id in readable]

        return self._database.read(job)

    def list_uses(
        self, caller: Caller, version: ArtifactVersion, *, limit: int = 100, offset: int = 0
    ) -> tuple[list[UseView], int]:
        """Runs that used a version (got already) and that the caller may read, latest first, plus their total."""

        def job(tx: Transaction) -> tuple[list[UseView], int]:
            readable = readable_projects(tx, caller, tx.lineage.projects_around_versions([version.id]))
            page, total = tx.lineage.list_uses(version.id, readable, limit=limit, offset=offset)
            runs = {run.key: run for run in tx.runs.list_by_keys([use.run for use in page])}
            return [UseView(use, runs[use.run]) for use in page if use.run in runs], total

        return self._database.read(job)

    def change(
        self, caller: Caller, entity: str | None, project: str, collection: str, alias: str, change: PlaceChange
    ) -> PlaceView:
        """Change what is said of a version, and what it is called in a collection; its content never changes.

        Raises:
            ProjectNotFound: Absent or not readable.
            CollectionNotFound: The project has no such collection.
            ArtifactNotFound: The collection has no such version.
            Forbidden: The caller may only read there, or where a linked version was made, or an alias is protected.
            MalformedRequest: The metadata is not a JSON object.
            UsageError: An alias, a tag, the time to live or the metadata breaks the rules.
        """
        added = [parse_new_alias(name) for name in change.add_aliases]
        tags = tuple(dict.fromkeys(map(parse_tag, change.tags))) if change.tags is not None else None
        metadata_json = checked_metadata(change.metadata_json) if change.metadata_json is not None else None

        def job(tx: Transaction) -> PlaceView:
            found = require_project(tx, caller, entity, project, Access.WRITE)
            place = _require_place(tx, found, collection, alias)
            check_aliases(tx, caller, found, [*added, *change.remove_aliases])
            now = self._clock()
            tx.memberships.remove_aliases(place.collection.id, place.version.id, change.remove_aliases)
            tx.memberships.put_aliases(place.collection.id, place.version.id, added, now)
            if change.is_of_version:
                version = require_artifact(tx, caller, place.version.id, Access.WRITE)
                tx.artifacts.update(
                    version.id,
                    description=change.description,
                    metadata_json=metadata_json,
                    ttl_duration_s=check_ttl(change.ttl_duration_s, version.collection.type_name),
                    tags=tags,
                    now=now,
                )
            return _views(tx, caller, [_require_place(tx, found, collection, f"v{place.version_index}")])[0]

        return self._database.write(job)

    # What versions hold

    def list_folder(
        self, version: ArtifactVersion, folder: str = "", *, after: str | None = None, limit: int = 1000
    ) -> list[FolderItem]:
        """Files and folders in a folder of a version (got already), by path; see `ListingStore.list_folder`."""
        return self._database.read(lambda tx: tx.listings.list_folder(version.id, folder, after=after, limit=limit))

    def get_entry(self, version: ArtifactVersion, path: str) -> EntryRecord:
        """One entry of a version (got already).

        Raises:
            ArtifactNotFound: It has none of that path.
        """
        found = self._database.read(lambda tx: tx.entries.list_page(version.id, names=[path], limit=1))
        if not found:
            raise ArtifactNotFound(path, within=version.path)
        return found[0]

    def get_content(self, caller: Caller, version: ArtifactVersion, path: str) -> EntryRecord:
        """The same for somebody who wants its bytes.

        Raises:
            ArtifactNotFound: It has no entry of that path.
            Forbidden: The caller may see the version and no more.
        """
        if not self._database.read(lambda tx: is_usable(tx, caller, version)):
            raise Forbidden("get the content of this artifact", where="the registries that it is linked to")
        return self.get_entry(version, path)

    def compare(
        self,
        old: ArtifactVersion,
        new: ArtifactVersion,
        *,
        kind: ChangeKind | None = None,
        order: ChangeOrder = ChangeOrder.SIZE,
        limit: int = 100,
        offset: int = 0,
    ) -> DiffPage:
        """One page of what two versions (got already) do not have in common."""
        return self._database.read(
            lambda tx: tx.listings.compare(old.id, new.id, kind=kind, order=order, limit=limit, offset=offset)
        )


def _require_overview(tx: Transaction, project: Project, name: str) -> CollectionOverview:
    collection = tx.collections.find(project.id, name)
    overview = tx.catalog.find_collection(collection.id) if collection is not None else None
    if overview is None:
        raise CollectionNotFound(name, within=f"{project.entity}/{project.name}")
    return overview


def _require_place(tx: Transaction, project: Project, collection: str, alias: str) -> Membership:
    found = tx.collections.find(project.id, collection)
    if found is None:
        raise CollectionNotFound(collection, within=f"{project.entity}/{project.name}")
    place = tx.memberships.find_by_alias(found.id, alias)
    if place is None:
        raise ArtifactNotFound(f"{collection}:{alias}", within=f"{project.entity}/{project.name}")
    return place


def _views(tx: Transaction, caller: Caller, places: Sequence[Membership]) -> list[PlaceView]:
    figures = tx.catalog.figures([place.version.id for place in places])
    runs = readable_runs(tx, caller, (place.version.created_by_run for place in places))
    return [
        PlaceView(place, figures[place.version.id], runs.get(place.version.created_by_run or RunKey(0)))
        for place in places
    ]


def readable_runs(tx: Transaction, caller: Caller, keys: Iterable[RunKey | None]) -> dict[RunKey, Run]:
    """Those of the runs that are there and that the caller may read."""
    found = tx.runs.list_by_keys(list({key for key in keys if key is not None}))
    readable = readable_projects(tx, caller, {run.project_id for run in found})
    return {run.key: run for run in found if run.project_id in readable}
