"""Collects what is left behind: data of deleted runs and projects, replaced segments, and objects that no row names.

Deleting is quick because it only marks: a run becomes a tombstone, a project hides its runs. The collector follows
later. Every step of it may be repeated, by several replicas at once too, and it removes objects before the rows that
lead to them: broken off anywhere, the next pass goes on where it stopped.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from kymograph.core import exact_json
from kymograph.core.export import EXPORT_OBJECTS, FILE_LIFETIME, PASSING_EXPORTS
from kymograph.core.history import Stream
from kymograph.services.artifact_garbage import ArtifactCollector
from kymograph.services.history import BranchPointOf
from kymograph.storage.base import Database, Transaction
from kymograph.storage.garbage.base import ForkedRun, Tombstone
from kymograph.storage.history.base import SEGMENT_OBJECTS, Segment, segment_of_object
from kymograph.storage.objects.base import ObjectInfo, ObjectStore
from kymograph.types import ObjectKey, ProjectId, RunId, RunKey

GRACE = timedelta(hours=1)
"""What was deleted, or stored without a row, this long ago is not in use any more: no request lasts so long."""
RUN_OBJECTS = "runs/"
"""Where objects of run files lie: ``runs/<key of the run>/<random>``."""
_SEGMENTS_AT_ONCE = 200
_COLLECTOR = "collector"


@dataclass(frozen=True, slots=True)
class Collected:
    """What a pass removed, or would remove."""

    runs: int = 0
    objects: int = 0
    size_bytes: int = 0
    """Of the objects; rows of the database are not counted."""

    def __add__(self, other: Collected) -> Collected:
        return Collected(self.runs + other.runs, self.objects + other.objects, self.size_bytes + other.size_bytes)


class Collector:
    """Removes garbage. Safe to run beside everything else, and more than once at a time."""

    def __init__(
        self,
        database: Database,
        objects: ObjectStore,
        clock: Callable[[], datetime],
        branch_point_of: BranchPointOf,
        artifacts: ArtifactCollector,
        *,
        grace: timedelta = GRACE,
        let_go: Callable[[Sequence[Segment]], None] = lambda _: None,
    ) -> None:
        """Collect.

        Args:
            database: What is named.
            objects: What there is.
            clock: The present moment.
            branch_point_of: Where forks begin.
            artifacts: Collects what is left of artifacts.
            grace: What is younger stays.
            let_go: Told of segments whose objects are gone, by whoever may have them open.
        """
        self._database = database
        self._objects = objects
        self._clock = clock
        self._branch_point_of = branch_point_of
        self._artifacts = artifacts
        self._grace = grace
        self._let_go = let_go
        self._stopping = threading.Event()

    def stop(self) -> None:
        """Let passes that are under way end soon; later ones do nothing."""
        self._stopping.set()
        self._artifacts.stop()

    def collect(self, *, dry_run: bool = False) -> Collected:
        """Everything that the other methods remove, one after another.

        Args:
            dry_run: Change nothing, only count, and nothing twice.
        """
        counted: set[ObjectKey] = set()
        runs = self.collect_runs(dry_run=dry_run, counted=counted)
        artifacts = self.collect_artifacts(dry_run=dry_run)
        segments = self.collect_segments(dry_run=dry_run, counted=counted)
        return runs + artifacts + segments + self.collect_strays(dry_run=dry_run, counted=counted)

    def collect_runs(self, *, dry_run: bool = False, counted: set[ObjectKey] | None = None) -> Collected:
        """Remove streams, segments, files and documents of runs that were deleted long enough ago.

        A deleted run keeps its history as long as a run that was forked from it lives. Runs of deleted projects become
        deleted runs now, and are collected by a later pass.

        Args:
            dry_run: Change nothing, only count.
            counted: Objects that a dry run has counted before; those that this one counts are added.
        """
        now = self._clock()
        if not dry_run:
            self._database.write(lambda tx: tx.garbage.delete_orphans(now))
        total = Collected()
        needed_by_project: dict[ProjectId, set[RunId]] = {}
        last: RunKey | None = None
        while tombstones := self._tombstones(now - self._grace, last):
            for tombstone in tombstones:
                if self._stopping.is_set():
                    return total
                project = tombstone.project_id
                if project not in needed_by_project:
                    needed_by_project[project] = self._ancestors_of_live_runs(project)
                if tombstone.id not in needed_by_project[project]:
                    total += self._collect_run(tombstone.key, dry_run=dry_run, counted=counted)
            last = tombstones[-1].key
        return total

    def collect_artifacts(self, *, dry_run: bool = False) -> Collected:
        """Purge artifact versions and content that nobody needs any more, see `services.artifact_garbage`.

        Args:
            dry_run: Change nothing, only count.
        """
        done = self._artifacts.collect(dry_run=dry_run)
        return Collected(objects=done.objects, size_bytes=done.size_bytes)

    def collect_segments(self, *, dry_run: bool = False, counted: set[ObjectKey] | None = None) -> Collected:
        """Remove segments that were replaced long enough ago: whoever began to read them before has finished.

        Args:
            dry_run: Change nothing, only count.
            counted: As in `collect_runs`.
        """
        before = self._clock() - self._grace
        if not dry_run:
            self._database.write(lambda tx: tx.segments.drop_claims(before=before))
        total, last = Collected(), 0
        while retired := self._retired(before, last):
            if self._stopping.is_set():
                return total
            last = retired[-1].id
            new = [segment for segment in retired if counted is None or segment.points_key not in counted]
            total += Collected(objects=2 * len(new), size_bytes=sum(segment.size_bytes for segment in new))
            if not dry_run:
                self._objects.delete_keys([key for one in retired for key in (one.points_key, one.lines_key)])
                self._let_go(retired)
                self._database.write(partial(_forget, [segment.id for segment in retired]))
            if counted is not None:
                counted.update(key for one in new for key in (one.points_key, one.lines_key))
        return total

    def collect_strays(self, *, dry_run: bool = False, counted: set[ObjectKey] | None = None) -> Collected:
        """Remove objects that no file and no segment names and that are old enough.

        Uploads and compactions that broke off before their record, and replacements at the same moment, leave such
        objects. This walks over all objects of runs: seldom is often enough.

        Args:
            dry_run: Change nothing, only count.
            counted: As in `collect_runs`.
        """
        before = self._clock() - self._grace
        if not dry_run:
            self._settle()
        total = Collected()
        for prefix, unneeded in ((RUN_OBJECTS, self._unneeded), (SEGMENT_OBJECTS, self._unnamed)):
            for batch in self._objects.iter_keys(prefix):
                if self._stopping.is_set():
                    return total
                runs = {info: _run_of(info, prefix) for info in batch if info.modified_at < before}
                ours = {info: run for info, run in runs.items() if run is not None}
                total += self._remove(unneeded(ours, set(ours.values())), dry_run=dry_run, counted=counted)
        artifacts = self._artifacts.collect_strays(dry_run=dry_run)
        left_behind, size_bytes = self._objects.sweep(before, dry_run=dry_run)
        return (
            total
            + Collected(objects=artifacts.objects, size_bytes=artifacts.size_bytes)
            + Collected(objects=left_behind, size_bytes=size_bytes)
            + self._collect_exports(dry_run=dry_run, counted=counted)
        )

    def _collect_exports(self, *, dry_run: bool, counted: set[ObjectKey] | None) -> Collected:
        """Remove exported files that are so old that no address leads to them; they can be made again."""
        before = self._clock() - FILE_LIFETIME
        total = Collected()
        for batch in self._objects.iter_keys(EXPORT_OBJECTS):
            if self._stopping.is_set():
                break
            stale = [info for info in batch if info.modified_at < before and info.key.endswith(PASSING_EXPORTS)]
            total += self._remove(stale, dry_run=dry_run, counted=counted)
        return total

    def _settle(self) -> None:
        """Have the database write something, durably, before objects go that no row names.

        A commit whose flush failed is rolled back, but its bytes may lie in SQLite's log behind the end: after a crash
        it would come back, with rows that name such objects. The next commit is written over them.
        """
        now = self._clock()
        owner = (RunKey(0), Stream.HISTORY)
        self._database.write(
            lambda tx: tx.segments.claim(*owner, worker=_COLLECTOR, now=now, expires_at=now + self._grace)
        )
        self._database.write(lambda tx: tx.segments.release(*owner, worker=_COLLECTOR))

    def _retired(self, before: datetime, after: int) -> list[Segment]:
        return self._database.read(lambda tx: tx.segments.list_retired(before, after=after, limit=_SEGMENTS_AT_ONCE))

    def _tombstones(self, before: datetime, after: RunKey | None) -> list[Tombstone]:
        return self._database.read(lambda tx: tx.garbage.list_tombstones(before, after=after))

    def _ancestors_of_live_runs(self, project: ProjectId) -> set[RunId]:
        """Runs whose history, in whole or part, is also that of a run that lives."""
        forks = self._database.read(lambda tx: tx.garbage.list_forks(project))
        parents = {fork.id: parent for fork in forks if (parent := self._parent_of(fork)) is not None}
        needed: set[RunId] = set()
        for fork in forks:
            ancestor = parents.get(fork.id) if not fork.is_deleted else None
            while ancestor is not None and ancestor not in needed:
                needed.add(ancestor)
                ancestor = parents.get(ancestor)
        return needed

    def _parent_of(self, fork: ForkedRun) -> RunId | None:
        point = self._branch_point_of(exact_json.loads(fork.config_json))
        return RunId(point[0]) if point is not None else None

    def _collect_run(self, run: RunKey, *, dry_run: bool, counted: set[ObjectKey] | None) -> Collected:
        files = self._unneeded(self._objects_of(RUN_OBJECTS, run), ())
        exports = self._objects_of(EXPORT_OBJECTS, run)
        removed = self._remove([*files, *exports], dry_run=dry_run, counted=counted)
        if not dry_run:
            # In portions: the embedded database has one writer, and trainings wait for it.
            while self._database.write(lambda tx: tx.garbage.purge_lines(run)):
                if self._stopping.is_set():
                    return removed
        # Lines before segments: as long as there are lines, a compactor may make a segment of them.
        removed += self._remove(self._objects_of(SEGMENT_OBJECTS, run), dry_run=dry_run, counted=counted)
        if not dry_run:
            self._let_go(self._database.read(lambda tx: tx.segments.list_of_run(run)))
            self._database.write(lambda tx: tx.garbage.purge_segments(run))
            self._database.write(lambda tx: tx.garbage.purge_run(run))
        return removed + Collected(runs=1)

    def _objects_of(self, prefix: str, run: RunKey) -> list[ObjectInfo]:
        return [info for batch in self._objects.iter_keys(f"{prefix}{run}/") for info in batch]

    def _unneeded(self, objects: Iterable[ObjectInfo], runs: Iterable[RunKey]) -> list[ObjectInfo]:
        """Those of the objects that neither a file of `runs` nor an artifact names."""
        found = list(objects)
        keys = [info.key for info in found]
        needed = self._database.read(lambda tx: tx.garbage.file_objects(sorted(runs)) | tx.blobs.known_objects(keys))
        return [info for info in found if info.key not in needed]

    def _unnamed(self, objects: Iterable[ObjectInfo], _runs: Iterable[RunKey]) -> list[ObjectInfo]:
        """Those of the objects that no segment names."""
        segments = {info: segment_of_object(info.key) for info in objects}
        named = self._database.read(lambda tx: tx.segments.known_objects(set(segments.values())))
        return [info for info, segment in segments.items() if segment not in named]

    def _remove(self, objects: list[ObjectInfo], *, dry_run: bool, counted: set[ObjectKey] | None = None) -> Collected:
        if objects and not dry_run:
            self._objects.delete_keys([info.key for info in objects])
        new = [info for info in objects if counted is None or info.key not in counted]
        if counted is not None:
            counted.update(info.key for info in new)
        return Collected(objects=len(new), size_bytes=sum(info.size_bytes for info in new))


def _forget(ids: Sequence[int], tx: Transaction) -> None:
    tx.segments.forget(ids)


def _run_of(info: ObjectInfo, prefix: str) -> RunKey | None:
    """The run that an object belongs to; None for a key that is not of our making, which stays."""
    digits = info.key.removeprefix(prefix).partition("/")[0]
    return RunKey(int(digits)) if digits.isascii() and digits.isdigit() else None
