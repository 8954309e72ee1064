"""Gives back what artifacts no longer need: versions whose time is over, abandoned drafts, content that nobody names.

A pass goes down one chain: versions whose time to live is over are deleted; deleted versions are purged once they can
no longer be restored, if nothing elsewhere needs them; content that no version and no draft names is doomed; doomed
objects are removed. Each step is exact in its own transaction, may be repeated, broken off, and done by several
replicas at once; objects go last, so that what is broken off leaves rows that lead to them.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from kymograph.core.space import Blob, Freed
from kymograph.storage.base import Database, Transaction
from kymograph.storage.objects.base import ObjectInfo, ObjectStore
from kymograph.storage.space.base import Doomed, Sized
from kymograph.types import BlobId, ObjectKey, ProjectId

BLOB_OBJECTS = "blobs/"
MANIFEST_OBJECTS = "manifests/"
VERSIONS_AT_ONCE = 5_000
FILES_AT_ONCE = 15_000
"""Versions that are moved in one transaction have so many files at most, or are a single one."""
_OBJECTS_AT_ONCE = 1_000
_EVERYTHING = 2**31 - 1


@dataclass(frozen=True, slots=True)
class ArtifactsCollected:
    """What a pass did, or would do."""

    expired: int = 0
    """Versions that were deleted because their time to live is over."""
    drafts: int = 0
    """Abandoned drafts that are gone."""
    purged: int = 0
    """Deleted versions that cannot come back any more."""
    objects: int = 0
    """Removed from the object store."""
    size_bytes: int = 0
    """Of these."""

    def __add__(self, other: ArtifactsCollected) -> ArtifactsCollected:
        return ArtifactsCollected(
            self.expired + other.expired,
            self.drafts + other.drafts,
            self.purged + other.purged,
            self.objects + other.objects,
            self.size_bytes + other.size_bytes,
        )


@dataclass(slots=True)
class Orphans:
    """Where the database and the object store do not agree."""

    unnamed: list[ObjectInfo] = field(default_factory=list)
    """Objects that no row names; `ArtifactCollector.collect_strays` removes them."""
    missing: list[Blob] = field(default_factory=list)
    """Content that versions need and that is not there: put it back from a backup."""


class ArtifactCollector:
    """Collects. Safe to run beside everything else, and more than once at a time."""

    def __init__(
        self,
        database: Database,
        objects: ObjectStore,
        clock: Callable[[], datetime],
        *,
        grace: timedelta,
        undelete: timedelta,
        abandon: timedelta,
    ) -> None:
        """Collect.

        Args:
            database: What is named.
            objects: What there is.
            clock: The present moment.
            grace: What was stored or asked for less than this ago stays.
            undelete: How long deleted versions can come back.
            abandon: How long a draft may be untouched.
        """
        self._database = database
        self._objects = objects
        self._clock = clock
        self._grace = grace
        self._undelete = undelete
        self._abandon = abandon
        self._stopping = threading.Event()

    def stop(self) -> None:
        """Let passes that are under way end soon; later ones do nothing."""
        self._stopping.set()

    def collect(self, *, dry_run: bool = False) -> ArtifactsCollected:
        """One pass down the whole chain.

        Args:
            dry_run: Change nothing, only say what a pass would do now.
        """
        if dry_run:
            return self._foresee()
        expired = self._expire()
        self._delete_orphans()
        drafts = self._drop_drafts()
        purged = self._purge(None)
        self._drop_collections()
        freed = self._free()
        return ArtifactsCollected(expired, drafts, purged, freed.objects, freed.size_bytes)

    def purge(self, project: ProjectId, *, dry_run: bool = False) -> ArtifactsCollected:
        """Purge all deleted versions of a project now, whether or not they could still come back, and free the space.

        What something elsewhere needs stays. Content that was asked for within the grace period goes with a later pass.
        """
        now = self._clock()
        if dry_run:
            wanted = self._database.read(
                lambda tx: tx.choices.list_purgeable(
                    deleted_before=_after(now), gone_before=_after(now), project=project, limit=_EVERYTHING
                )
            )
            return self._measured(wanted, [], include_unnamed=False)
        purged = self._purge(project)
        freed = self._free()
        return ArtifactsCollected(purged=purged, objects=freed.objects, size_bytes=freed.size_bytes)

    # --- the chain ---------------------------------------------------------------------------------------------------

    def _expire(self) -> int:
        return self._repeat(
            lambda tx: tx.choices.list_expired(self._clock(), limit=VERSIONS_AT_ONCE),
            lambda tx, some: tx.moves.delete([one.artifact for one in some], self._clock()).versions,
        )

    def _delete_orphans(self) -> int:
        """Delete the versions of projects that went with their entity."""
        return self._repeat(
            lambda tx: tx.choices.list_orphans(limit=VERSIONS_AT_ONCE),
            lambda tx, some: (
                tx.moves.delete([one.artifact for one in some], self._clock(), unless_linked=True).versions
            ),
        )

    def _drop_drafts(self) -> int:
        before = self._clock() - self._abandon
        return self._repeat(
            lambda tx: tx.choices.list_abandoned(before, limit=VERSIONS_AT_ONCE),
            lambda tx, some: tx.moves.drop_drafts([one.artifact for one in some], before=before, now=self._clock()),
        )

    def _purge(self, project: ProjectId | None) -> int:
        now = self._clock()
        deleted_before = now - self._undelete if project is None else _after(now)
        gone_before = now - self._grace

        def find(tx: Transaction) -> list[Sized]:
            return tx.choices.list_purgeable(
                deleted_before=deleted_before, gone_before=gone_before, project=project, limit=VERSIONS_AT_ONCE
            )

        return self._repeat(find, lambda tx, some: tx.moves.purge([one.artifact for one in some], now).versions)

    def _repeat(
        self, find: Callable[[Transaction], list[Sized]], move: Callable[[Transaction, Sequence[Sized]], int]
    ) -> int:
        """Move what is found until nothing is found, in transactions of a limited size, each of one project."""
        total = 0
        while not self._stopping.is_set() and (found := self._database.read(find)):
            moved = 0
            for project, some in portions(found):

                def job(tx: Transaction, project: ProjectId = project, some: Sequence[Sized] = some) -> int:
                    tx.moves.lock([project])
                    return move(tx, some)

                moved += self._database.write(job)
                if self._stopping.is_set():
                    return total + moved
            total += moved
            if not moved:
                break  # others were quicker, or what was found is needed since
        return total

    def _drop_collections(self) -> None:
        now = self._clock()
        self._database.write(
            lambda tx: tx.moves.drop_collections(deleted_before=now - self._undelete, gone_before=now - self._grace)
        )

    def _free(self) -> Freed:
        """Doom what nobody names, and remove what is doomed."""
        before = self._clock() - self._grace
        for project in self._database.read(lambda tx: tx.blobs.projects_with_unnamed(before=before)):

            def doom(tx: Transaction, project: ProjectId = project) -> int:
                tx.moves.lock([project])
                return tx.blobs.doom(project, before=before, limit=VERSIONS_AT_ONCE)

            while not self._stopping.is_set() and self._database.write(doom):
                pass
        return self._remove_doomed()

    def _remove_doomed(self) -> Freed:
        freed = Freed()
        while not self._stopping.is_set() and (
            doomed := self._database.read(lambda tx: tx.blobs.list_doomed(limit=_OBJECTS_AT_ONCE))
        ):
            keys = [one.object_key for one in doomed]
            self._objects.delete_keys(keys)

            def forget(tx: Transaction, keys: list[ObjectKey] = keys) -> None:
                tx.blobs.forget_doomed(keys)

            self._database.write(forget)
            freed += _sum_of(doomed)
        return freed

    # --- dry run -----------------------------------------------------------------------------------------------------

    def _foresee(self) -> ArtifactsCollected:
        now = self._clock()

        def look(tx: Transaction) -> tuple[int, list[Sized], list[Sized]]:
            return (
                len(tx.choices.list_expired(now, limit=_EVERYTHING)),
                tx.choices.list_purgeable(
                    deleted_before=now - self._undelete, gone_before=now - self._grace, limit=_EVERYTHING
                ),
                tx.choices.list_abandoned(now - self._abandon, limit=_EVERYTHING),
            )

        expired, purgeable, abandoned = self._database.read(look)
        return ArtifactsCollected(expired=expired) + self._measured(purgeable, abandoned, include_unnamed=True)

    def _measured(
        self, purgeable: Sequence[Sized], abandoned: Sequence[Sized], *, include_unnamed: bool
    ) -> ArtifactsCollected:
        before = self._clock() - self._grace
        versions = [one.artifact for one in purgeable]
        drafts = [one.artifact for one in abandoned]

        def measure(tx: Transaction) -> Freed:
            freed = tx.space.measure_purge(versions) + tx.space.measure_manifests([*versions, *drafts])
            if include_unnamed:
                freed += tx.blobs.measure_unnamed(before=before, besides=drafts)
                freed += _sum_of(tx.blobs.list_doomed(limit=_EVERYTHING))
            return freed

        freed = self._database.read(measure)
        return ArtifactsCollected(
            drafts=len(drafts), purged=len(versions), objects=freed.objects, size_bytes=freed.size_bytes
        )

    # --- objects that the database does not know, and the other way round -------------------------------------------

    def collect_strays(self, *, dry_run: bool = False) -> Freed:
        """Remove old objects that no row names: of uploads that came after their draft was gone, for example.

        This walks over all objects of artifacts: seldom is often enough.
        """
        freed = Freed()
        for some in self._iter_unnamed():
            if self._stopping.is_set():
                break
            if not dry_run:
                self._objects.delete_keys([info.key for info in some])
            freed += Freed(objects=len(some), size_bytes=sum(info.size_bytes for info in some))
        return freed

    def find_orphans(self) -> Orphans:
        """Compare the database and the object store, both ways. Walks over everything."""
        orphans = Orphans(unnamed=[info for some in self._iter_unnamed() for info in some])
        for project in self._database.read(lambda tx: tx.blobs.list_projects()):
            there = {info.key for batch in self._objects.iter_keys(f"{BLOB_OBJECTS}{project}/") for info in batch}
            for blob in self._stored(project):
                # What came after the listing is looked up by itself.
                if blob.object_key not in there and not self._objects.list_keys(blob.object_key):
                    orphans.missing.append(blob)
        return orphans

    def _iter_unnamed(self) -> Iterator[list[ObjectInfo]]:
        before = self._clock() - self._grace
        for prefix in (BLOB_OBJECTS, MANIFEST_OBJECTS):
            for batch in self._objects.iter_keys(prefix):
                old = {info.key: info for info in batch if info.modified_at < before and _is_ours(info.key)}
                known = self._database.read(lambda tx, keys=list(old): tx.blobs.known_objects(keys))  # type: ignore[misc]
                unnamed = [info for key, info in old.items() if key not in known]
                if unnamed:
                    yield unnamed

    def _stored(self, project: ProjectId) -> Iterator[Blob]:
        last: BlobId | None = None
        while some := self._database.read(
            lambda tx, last=last: tx.blobs.list_stored(project, after=last, limit=_OBJECTS_AT_ONCE)  # type: ignore[misc]
        ):
            yield from some
            last = some[-1].id


def portions(versions: Iterable[Sized]) -> Iterator[tuple[ProjectId, list[Sized]]]:
    """Versions in portions of one project and of a limited size."""
    by_project: dict[ProjectId, list[Sized]] = {}
    for one in versions:
        by_project.setdefault(one.project, []).append(one)
    for project, theirs in by_project.items():
        some: list[Sized] = []
        files = 0
        for one in theirs:
            if some and (len(some) == VERSIONS_AT_ONCE or files + one.file_count > FILES_AT_ONCE):
                yield project, some
                some, files = [], 0
            some.append(one)
            files += one.file_count
        if some:
            yield project, some


def _sum_of(doomed: Iterable[Doomed]) -> Freed:
    sizes = [one.size_bytes for one in doomed if one.size_bytes is not None]
    return Freed(objects=len(sizes), size_bytes=sum(sizes))


def _is_ours(key: ObjectKey) -> bool:
    """Whether a key is of our making: ``blobs/<number>/…``, ``manifests/<number>/…``."""
    number = key.split("/")[1]
    return number.isascii() and number.isdigit()


def _after(moment: datetime) -> datetime:
    """A moment that what happens now is before."""
    return moment + timedelta(microseconds=1)
