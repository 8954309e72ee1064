"""The database as the services see it: jobs on a transaction that offers one store per noun.

A job is a plain function. `read` gives it a consistent snapshot; `write` runs it with all others excluded from the
rows it touches, and returns once its effects are durable. The embedded database runs writing jobs one after another on
one connection and commits many of them together (group commit), so a job must be short, must not wait for anything but
the database, and may run more than once if the database asks for a retry: no side effects but those on the transaction.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar

from kymograph.storage.garbage.base import GarbageStore
from kymograph.storage.history.base import SegmentStore, Tail
from kymograph.storage.metadata.artifacts.base import (
    CatalogStore,
    CollectionStore,
    LineageStore,
    ManifestStore,
    MembershipStore,
    VersionStore,
)
from kymograph.storage.metadata.base import AccountStore, FileStore, ProjectStore, RegistryStore, RunStore, ShareStore
from kymograph.storage.space.base import BlobStore, ChoiceStore, EntryStore, ListingStore, MoveStore, SpaceStore

T = TypeVar("T")


class Transaction(Protocol):
    """Stores that see and change one consistent state."""

    @property
    def accounts(self) -> AccountStore:
        """People, teams, keys and sessions."""

    @property
    def projects(self) -> ProjectStore:
        """Projects."""

    @property
    def registries(self) -> RegistryStore:
        """Types and members of registries."""

    @property
    def shares(self) -> ShareStore:
        """Links to comparisons."""

    @property
    def runs(self) -> RunStore:
        """Runs."""

    @property
    def files(self) -> FileStore:
        """Files of runs."""

    @property
    def collections(self) -> CollectionStore:
        """Artifact collections: sequences and portfolios."""

    @property
    def artifacts(self) -> VersionStore:
        """Artifact versions."""

    @property
    def memberships(self) -> MembershipStore:
        """Places of artifact versions in collections, and their aliases."""

    @property
    def manifests(self) -> ManifestStore:
        """Manifests of artifact versions and their entries."""

    @property
    def entries(self) -> EntryStore:
        """Entries of artifact versions."""

    @property
    def listings(self) -> ListingStore:
        """Folders and differences of artifact versions."""

    @property
    def catalog(self) -> CatalogStore:
        """Overviews of artifact types, collections and versions."""

    @property
    def blobs(self) -> BlobStore:
        """Stored content of artifacts."""

    @property
    def moves(self) -> MoveStore:
        """Committing, deleting, restoring and purging artifact versions."""

    @property
    def choices(self) -> ChoiceStore:
        """Artifact versions that a clean-up means."""

    @property
    def space(self) -> SpaceStore:
        """What artifacts take."""

    @property
    def lineage(self) -> LineageStore:
        """Which runs used and logged which artifact versions."""

    @property
    def tail(self) -> Tail:
        """History, system metrics and console lines as received."""

    @property
    def segments(self) -> SegmentStore:
        """History that was compacted."""

    @property
    def garbage(self) -> GarbageStore:
        """What deletion left behind."""


class Database(Protocol):
    """Safe to share between threads."""

    def read(self, job: Callable[[Transaction], T]) -> T:
        """Run `job` on a snapshot; it must not write."""

    def write(self, job: Callable[[Transaction], T]) -> T:
        """Run `job`, commit, and return its result once it is durable.

        Raises:
            StorageFull: The disk is full; nothing of the job was kept.
            ServerBusy: The database could not take the job in time.
        """

    def close(self) -> None:
        """Finish running jobs and release files and connections."""
