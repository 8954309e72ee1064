"""The space ports: stored content, and what deleting versions does with it.

Whoever commits, deletes, restores or purges versions changes counters in the same transaction. Such a transaction
begins with `MoveStore.lock`: two of them in one project wait for each other.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, Protocol

from kymograph.core.artifact import EntryRecord
from kymograph.core.artifact_browse import ChangeKind, ChangeOrder, DiffPage, FolderItem
from kymograph.core.digest import DigestAlgorithm
from kymograph.core.space import (
    Blob,
    CollectionSpace,
    ContentName,
    Freed,
    ProjectSpace,
    VersionFilter,
    VersionSpace,
)
from kymograph.types import ArtifactId, BlobId, CollectionId, Digest, EntityId, ManifestId, ObjectKey, ProjectId, RunKey


class Sized(NamedTuple):
    """A version that was chosen, and what moving it costs."""

    artifact: ArtifactId
    project: ProjectId
    """Of the collection that it was made in."""
    file_count: int


class NewEntry(NamedTuple):
    """One entry of a version that is being committed."""

    path: str
    digest: str
    size_bytes: int
    blob: BlobId | None
    """None for a reference."""


@dataclass(frozen=True, slots=True)
class Doomed:
    """An object that nothing names any more."""

    object_key: ObjectKey
    size_bytes: int | None
    """None if it may never have arrived."""


class BlobStore(Protocol):
    """Content by project and digest."""

    def find(self, project: ProjectId, digest: Digest) -> Blob | None:
        """Content of that digest, of whatever algorithm, that has arrived."""

    def find_many(
        self, project: ProjectId, digests: Sequence[Digest], *, algorithm: DigestAlgorithm = DigestAlgorithm.MD5
    ) -> dict[Digest, Blob]:
        """The same for many digests of one algorithm."""

    def find_in_version(
        self, artifact: ArtifactId, digests: Sequence[Digest], *, algorithm: DigestAlgorithm = DigestAlgorithm.MD5
    ) -> dict[Digest, Blob]:
        """Those that a version itself holds; looks through all its entries."""

    def announce(
        self,
        project: ProjectId,
        names: Sequence[ContentName],
        *,
        algorithm: DigestAlgorithm,
        new_key: Callable[[ProjectId, Digest], ObjectKey],
        now: datetime,
    ) -> dict[Digest, Blob]:
        """Let drafts of a project name content, which stays as long as they do; what is not there yet gets a place.

        A name that a draft has given before gets the new content. Content whose first version is gone counts as
        brought by the draft.
        """

    def mark_stored(
        self, object_key: ObjectKey, size_bytes: int, now: datetime, *, xxh128: Digest | None = None
    ) -> None:
        """Announced content has arrived; the collector may have dropped it meanwhile."""

    def find_awaited(
        self, project: ProjectId, digests: Sequence[Digest], *, algorithm: DigestAlgorithm
    ) -> dict[Digest, ObjectKey]:
        """Where announced content that has not arrived yet is to lie."""

    def mark_many_stored(self, sizes: Mapping[ObjectKey, int], now: datetime) -> None:
        """As `mark_stored`; sizes in bytes."""

    def adopt(
        self,
        project: ProjectId,
        digest: Digest,
        *,
        algorithm: DigestAlgorithm,
        key: ObjectKey,
        size_bytes: int,
        now: datetime,
        xxh128: Digest | None = None,
    ) -> bool:
        """Content has arrived in a place of its own, whether or not it was announced.

        What nobody names stays for a while, as if a draft had asked for it.

        Returns:
            Whether its object is needed: not if such content was there already.
        """

    def doom(self, project: ProjectId, *, before: datetime, limit: int) -> int:
        """Forget content that nobody names and nobody has asked for since a moment; returns how much.

        Its objects are listed by `list_doomed` from then on. Content of the same digest gets another object.
        """

    def projects_with_unnamed(self, *, before: datetime) -> list[ProjectId]:
        """Projects for which `doom` finds something."""

    def measure_unnamed(self, *, before: datetime, besides: Collection[ArtifactId] = ()) -> Freed:
        """What `doom` would find in all projects if some drafts were not there."""

    def list_doomed(self, *, limit: int) -> list[Doomed]:
        """Objects that nothing names, in order of their keys."""

    def forget_doomed(self, keys: Sequence[ObjectKey]) -> None:
        """These objects are gone from the object store."""

    def known_objects(self, keys: Sequence[ObjectKey]) -> set[ObjectKey]:
        """Those of the objects that belong to content or to a manifest, or are doomed."""

    def list_stored(self, project: ProjectId, *, after: BlobId | None = None, limit: int) -> list[Blob]:
        """Content of a project that has arrived and that a version names, by id."""

    def list_projects(self) -> list[ProjectId]:
        """Projects that have content, gone ones included."""


class EntryStore(Protocol):
    """What committed and deleted versions hold."""

    def drop(self, artifact: ArtifactId) -> None:
        """Remove all entries of a version."""

    def add(self, artifact: ArtifactId, new: Sequence[NewEntry]) -> None:
        """Add entries to a version that has none of these paths; in ascending order of paths it is fastest."""

    def list_page(
        self, artifact: ArtifactId, *, names: Sequence[str] | None = None, after: str | None = None, limit: int = 1000
    ) -> list[EntryRecord]:
        """Entries by path.

        Args:
            artifact: Whose.
            names: Only these paths, if given.
            after: Only paths greater than this one (paging).
            limit: Page size.
        """

    def count(self, artifact: ArtifactId) -> int:
        """How many entries a committed version has."""

    def find(self, artifact: ArtifactId, digest: Digest) -> EntryRecord | None:
        """Any entry with that digest; looks at all of them if need be."""


class ListingStore(Protocol):
    """Entries of committed and deleted versions as people look at them."""

    def list_folder(
        self, artifact: ArtifactId, folder: str = "", *, after: str | None = None, limit: int = 1000
    ) -> list[FolderItem]:
        """Files and folders right inside a folder, by path.

        Args:
            artifact: Whose.
            folder: Its path with a slash at the end; nothing is the root.
            after: Only what comes after the item of this path (paging).
            limit: Page size.
        """

    def compare(
        self,
        old: ArtifactId,
        new: ArtifactId,
        *,
        kind: ChangeKind | None = None,
        order: ChangeOrder = ChangeOrder.SIZE,
        limit: int = 100,
        offset: int = 0,
    ) -> DiffPage:
        """One page of the entries that two versions do not have in common."""


class MoveStore(Protocol):
    """Versions begin and cease to name content. Every method counts what it changes."""

    def lock(self, projects: Collection[ProjectId]) -> None:
        """Exclude others who change who names what in these projects, until the end of the transaction."""

    def count_committed(self, artifact: ArtifactId, collection: CollectionId, content: Collection[BlobId]) -> None:
        """A version names content from now on; its draft's files are forgotten.

        Raises:
            ContentCollected: Some of it is gone.
        """

    def put_references(self, artifact: ArtifactId, targets: Collection[ArtifactId]) -> None:
        """Entries of a version lead to other versions, which stay as long as it does if they are there."""

    def claim_commit(self, artifact: ArtifactId, worker: str, *, now: datetime, until: datetime) -> bool:
        """Be the one who commits a draft, for a while; False if another one is at it, or it is no draft any more.

        Doing it again prolongs the claim.
        """

    def delete(
        self,
        artifacts: Collection[ArtifactId],
        now: datetime,
        *,
        unless_named: bool = False,
        unless_linked: bool = False,
    ) -> Freed:
        """Mark committed versions deleted; their aliases and the links to them go.

        Versions that are no longer committed are left out.

        Args:
            artifacts: Which ones.
            now: The present moment.
            unless_named: Leave out those that have an alias or a link.
            unless_linked: Leave out those that have a link from another project.

        Returns:
            How many versions, and the content that no committed version has any more.
        """

    def undelete(self, artifacts: Collection[ArtifactId], now: datetime) -> Freed:
        """Make deleted versions committed again, with those of their aliases that no other version has got meanwhile.

        Returns:
            How many versions, and the content that committed versions have again.
        """

    def purge(self, artifacts: Collection[ArtifactId], now: datetime) -> Freed:
        """Drop deleted versions for good, apart from those that something elsewhere needs (`ChoiceStore`).

        Returns:
            How many versions, and the content that no version has any more.
        """

    def drop_drafts(self, artifacts: Collection[ArtifactId], *, before: datetime | None, now: datetime) -> int:
        """Drop drafts, if they are still untouched since a moment if that matters; returns how many."""

    def drop_collections(self, *, deleted_before: datetime, gone_before: datetime) -> int:
        """Drop deleted collections that have no versions any more; the moments are as for `ChoiceStore`."""

    def drop_parts(self, artifact: ArtifactId, kept: ManifestId, now: datetime) -> None:
        """Forget the manifests that were merged into the one that is kept."""


class ChoiceStore(Protocol):
    """Finds the versions that a clean-up means.

    Something elsewhere needs a version if an entry of another version leads to it, if a run of another project has used
    it, or if it is linked to another collection.
    """

    def choose(self, project: ProjectId, wanted: VersionFilter, now: datetime) -> list[Sized]:
        """Committed versions of a project that a filter means."""

    def choose_all(self, project: ProjectId) -> list[Sized]:
        """Committed versions of a project, apart from those that other projects have links to."""

    def choose_of_run(self, run: RunKey) -> list[Sized]:
        """Committed versions that a run made."""

    def choose_deleted(self, project: ProjectId, wanted: VersionFilter) -> list[Sized]:
        """Deleted versions of a project, in collections that are there; only what the filter says of names counts."""

    def list_expired(self, now: datetime, *, limit: int) -> list[Sized]:
        """Committed versions whose time to live is over, of all projects; links protect them."""

    def list_orphans(self, *, limit: int) -> list[Sized]:
        """Versions of projects that are gone, committed still, that no link leads to."""

    def list_purgeable(
        self,
        *,
        deleted_before: datetime,
        gone_before: datetime,
        project: ProjectId | None = None,
        after: ArtifactId | None = None,
        limit: int,
    ) -> list[Sized]:
        """Versions that were deleted before a moment and that nothing elsewhere needs, by id.

        Args:
            deleted_before: The moment, for projects that are there.
            gone_before: The moment, for projects that are not.
            project: Only of this one.
            after: Only with greater ids.
            limit: How many at most.
        """

    def list_abandoned(self, before: datetime, *, limit: int) -> list[Sized]:
        """Drafts that nobody has touched since a moment."""


class SpaceStore(Protocol):
    """What artifacts take, and how long they live."""

    def of_project(self, project: ProjectId) -> ProjectSpace:
        """What a project takes."""

    def live_bytes(self, projects: Sequence[ProjectId]) -> dict[ProjectId, int]:
        """Bytes of content of committed versions, for projects that have any."""

    def list_collections(
        self, project: ProjectId, *, order: str = "own", limit: int = 100, offset: int = 0
    ) -> tuple[list[CollectionSpace], int]:
        """Sequences with what they take plus the total; by ``own`` or ``content`` bytes, most first, or ``name``."""

    def find_collection(self, collection: CollectionId) -> CollectionSpace | None:
        """What one sequence takes."""

    def list_versions(
        self, collection: CollectionId, *, is_deleted: bool = False, limit: int = 100, offset: int = 0
    ) -> tuple[list[VersionSpace], int]:
        """Versions with what they take, newest first, plus the total."""

    def measure_delete(self, artifacts: Collection[ArtifactId]) -> Freed:
        """What `MoveStore.delete` would return for committed versions."""

    def measure_purge(self, artifacts: Collection[ArtifactId]) -> Freed:
        """What `MoveStore.purge` would return for deleted versions that nothing elsewhere needs."""

    def measure_manifests(self, artifacts: Collection[ArtifactId]) -> Freed:
        """Manifest documents of versions and drafts."""

    def set_ttl(self, project: ProjectId, ttl_s: int | None) -> None:
        """Set the time to live of a project's versions that have none of their own; None is that of its entity."""

    def set_entity_ttl(self, entity: EntityId, ttl_s: int | None) -> None:
        """The same for the projects of an entity that have none; None is for ever."""

    def ttl_of(self, project: ProjectId) -> tuple[int | None, int | None]:
        """In seconds: what the project says, and what holds; None is "nothing", and "for ever"."""
