"""The garbage port: finds what deletion left behind, and removes rows in portions that keep writers waiting briefly."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from kymograph.types import ObjectKey, ProjectId, RunId, RunKey


@dataclass(frozen=True, slots=True)
class Tombstone:
    """A deleted run whose data are still there."""

    key: RunKey
    project_id: ProjectId
    id: RunId


@dataclass(frozen=True, slots=True)
class ForkedRun:
    """A run that may have inherited history from another one of its project."""

    id: RunId
    is_deleted: bool
    config_json: str


class GarbageStore(Protocol):
    """Part of a transaction, like the stores of the nouns."""

    def delete_orphans(self, now: datetime) -> int:
        """Make tombstones of the runs of deleted projects; returns how many."""

    def list_tombstones(self, before: datetime, *, after: RunKey | None = None, limit: int = 100) -> list[Tombstone]:
        """Runs that were deleted before a moment and are not yet purged, by key."""

    def list_forks(self, project: ProjectId) -> list[ForkedRun]:
        """All runs of a project whose config holds a branch point, tombstones that are not yet purged included."""

    def file_objects(self, runs: Sequence[RunKey]) -> set[ObjectKey]:
        """Objects of all files of some runs, tombstones included."""

    def purge_lines(self, run: RunKey, *, limit: int = 200) -> bool:
        """Drop up to `limit` stored chunks of a run's streams; False once there is nothing left.

        From then on no segment of the run can be put in place (`SegmentStore.replace`).
        """

    def purge_segments(self, run: RunKey) -> None:
        """Drop what is known of a run's segments, and claims on its streams."""

    def purge_run(self, run: RunKey) -> None:
        """Drop all of a tombstone but its id, which stays refused."""
