"""What artifact versions take in space, kept exact by adding up changes; no I/O.

Content is stored once per project and digest: a *blob*. How many versions name it, and which one if it is a single one,
says whose bytes would be freed by a deletion. A blob keeps the *sum* of the ids of its versions beside their number:
once the number is 1 the sum is the id, and no list of versions has to be read or written. Collections likewise.

*Own* bytes of a version or a collection would be free if it went; the rest of its content is shared. Law: after any
sequence of moves all counters are what a recount from scratch gives (pinned by tests/unit/core/test_ledger.py).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple

from kymograph.types import ArtifactId, BlobId, CollectionId, ProjectId


class Move(Enum):
    """What happens to versions. The value is by how much `BlobCounts.refs` and `BlobCounts.trashed` change."""

    COMMIT = (1, 0)
    DELETE = (-1, 1)
    UNDELETE = (1, -1)
    PURGE = (0, -1)


class BlobCounts(NamedTuple):
    """Who names one blob."""

    id: BlobId
    project: ProjectId
    size_bytes: int
    refs: int
    """Committed versions that name it."""
    ref_sum: int
    """The sum of their ids."""
    trashed: int
    """Deleted versions that name it and can come back."""
    collections: int
    """Collections with committed versions that name it."""
    collection_sum: int
    """The sum of their ids."""


class Naming(NamedTuple):
    """Versions of one collection that name one blob, and are moved together."""

    blob: BlobId
    collection: CollectionId
    versions: int
    version_sum: int


@dataclass(slots=True)
class SpaceChange:
    """By how much the counters of a project change."""

    live_bytes: int = 0
    """Content that committed versions name."""
    live_blobs: int = 0
    trashed_bytes: int = 0
    """Content that only deleted versions name, which can come back."""
    trashed_blobs: int = 0

    @property
    def is_empty(self) -> bool:
        """Whether nothing changes."""
        return not (self.live_bytes or self.live_blobs or self.trashed_bytes or self.trashed_blobs)


@dataclass(slots=True)
class Ledger:
    """Adds up what the moves of versions change."""

    own_of_versions: Counter[ArtifactId] = field(default_factory=Counter)
    own_of_collections: Counter[CollectionId] = field(default_factory=Counter)
    content_of_collections: Counter[CollectionId] = field(default_factory=Counter)
    projects: dict[ProjectId, SpaceChange] = field(default_factory=dict)
    named_bytes: int = 0
    """Of all blobs that were moved, each once."""

    def move(
        self, blob: BlobCounts, namings: Iterable[Naming], held: dict[CollectionId, int], move: Move
    ) -> BlobCounts:
        """Move versions that name one blob.

        Args:
            blob: Its counts before.
            namings: Of this blob, one per collection.
            held: How many committed versions of each collection name the blob; changed in place.
            move: What happens to them.

        Returns:
            The counts afterwards.
        """
        live, trashed = move.value
        size = blob.size_bytes
        self.named_bytes += size
        refs, ref_sum, in_trash, collections, collection_sum = blob[3:]
        for _, collection, versions, version_sum in namings:
            in_trash += trashed * versions
            if not live:
                continue
            refs += live * versions
            ref_sum += live * version_sum
            before = held.get(collection, 0)
            after = held[collection] = before + live * versions
            if not before and after:
                collections, collection_sum = collections + 1, collection_sum + collection
                self.content_of_collections[collection] += size
            elif before and not after:
                collections, collection_sum = collections - 1, collection_sum - collection
                self.content_of_collections[collection] -= size
        if live:
            if blob.refs == 1:
                self.own_of_versions[ArtifactId(blob.ref_sum)] -= size
            if refs == 1:
                self.own_of_versions[ArtifactId(ref_sum)] += size
            if blob.collections == 1:
                self.own_of_collections[CollectionId(blob.collection_sum)] -= size
            if collections == 1:
                self.own_of_collections[CollectionId(collection_sum)] += size
        after_counts = BlobCounts(blob.id, blob.project, size, refs, ref_sum, in_trash, collections, collection_sum)
        self._change_project(blob, after_counts)
        return after_counts

    def _change_project(self, before: BlobCounts, after: BlobCounts) -> None:
        change = self.projects.setdefault(before.project, SpaceChange())
        size = before.size_bytes
        live = bool(after.refs) - bool(before.refs)
        change.live_blobs += live
        change.live_bytes += live * size
        trashed = _is_trash(after) - _is_trash(before)
        change.trashed_blobs += trashed
        change.trashed_bytes += trashed * size


def _is_trash(blob: BlobCounts) -> bool:
    return not blob.refs and blob.trashed > 0
