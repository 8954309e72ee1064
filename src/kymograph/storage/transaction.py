"""One open transaction as the stores of every noun."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from kymograph.storage.history.segments.store import SqlSegmentStore
from kymograph.storage.history.tail import SqlTail
from kymograph.storage.metadata.account_store import SqlAccountStore
from kymograph.storage.metadata.artifacts.catalog_store import SqlCatalogStore
from kymograph.storage.metadata.artifacts.collection_store import SqlCollectionStore
from kymograph.storage.metadata.artifacts.lineage_store import SqlLineageStore
from kymograph.storage.metadata.artifacts.manifest_store import SqlManifestStore
from kymograph.storage.metadata.artifacts.membership_store import SqlMembershipStore
from kymograph.storage.metadata.artifacts.version_store import SqlVersionStore
from kymograph.storage.metadata.file_store import SqlFileStore
from kymograph.storage.metadata.project_store import SqlProjectStore
from kymograph.storage.metadata.registry_store import SqlRegistryStore
from kymograph.storage.metadata.run_store import SqlRunStore
from kymograph.storage.metadata.run_table import RunTables
from kymograph.storage.metadata.share_store import SqlShareStore
from kymograph.storage.space.blobs import SqlBlobStore
from kymograph.storage.space.choices import SqlChoiceStore
from kymograph.storage.space.entries import SqlEntryStore
from kymograph.storage.space.listings import SqlListingStore
from kymograph.storage.space.moves import SqlMoveStore
from kymograph.storage.space.reads import SqlSpaceStore

if TYPE_CHECKING:
    from kymograph.storage.garbage.store import SqlGarbageStore


class SqlTransaction:
    """Stores on one SQLAlchemy connection, each built when first asked for. Valid until its job returns."""

    def __init__(self, connection: Connection, tables: RunTables | None = None) -> None:
        """Read or write on a connection.

        Args:
            connection: With an open transaction.
            tables: The process's run tables; only of a transaction that does not write.
        """
        self.connection = connection
        self._tables = tables

    @cached_property
    def accounts(self) -> SqlAccountStore:
        """People, teams, keys and sessions."""
        return SqlAccountStore(self.connection)

    @cached_property
    def projects(self) -> SqlProjectStore:
        """Projects."""
        return SqlProjectStore(self.connection)

    @cached_property
    def registries(self) -> SqlRegistryStore:
        """Types and members of registries."""
        return SqlRegistryStore(self.connection)

    @cached_property
    def shares(self) -> SqlShareStore:
        """Links to comparisons."""
        return SqlShareStore(self.connection)

    @cached_property
    def runs(self) -> SqlRunStore:
        """Runs."""
        return SqlRunStore(self.connection, self._tables)

    @cached_property
    def files(self) -> SqlFileStore:
        """Files of runs."""
        return SqlFileStore(self.connection)

    @cached_property
    def collections(self) -> SqlCollectionStore:
        """Artifact collections: sequences and portfolios."""
        return SqlCollectionStore(self.connection)

    @cached_property
    def artifacts(self) -> SqlVersionStore:
        """Artifact versions."""
        return SqlVersionStore(self.connection)

    @cached_property
    def memberships(self) -> SqlMembershipStore:
        """Places of artifact versions in collections, and their aliases."""
        return SqlMembershipStore(self.connection)

    @cached_property
    def manifests(self) -> SqlManifestStore:
        """Manifests of artifact versions and their entries."""
        return SqlManifestStore(self.connection)

    @cached_property
    def entries(self) -> SqlEntryStore:
        """Entries of artifact versions."""
        return SqlEntryStore(self.connection)

    @cached_property
    def listings(self) -> SqlListingStore:
        """Folders and differences of artifact versions."""
        return SqlListingStore(self.connection)

    @cached_property
    def catalog(self) -> SqlCatalogStore:
        """Overviews of artifact types, collections and versions."""
        return SqlCatalogStore(self.connection)

    @cached_property
    def blobs(self) -> SqlBlobStore:
        """Stored content of artifacts."""
        return SqlBlobStore(self.connection)

    @cached_property
    def moves(self) -> SqlMoveStore:
        """Committing, deleting, restoring and purging artifact versions."""
        return SqlMoveStore(self.connection)

    @cached_property
    def choices(self) -> SqlChoiceStore:
        """Artifact versions that a clean-up means."""
        return SqlChoiceStore(self.connection)

    @cached_property
    def space(self) -> SqlSpaceStore:
        """What artifacts take."""
        return SqlSpaceStore(self.connection)

    @cached_property
    def lineage(self) -> SqlLineageStore:
        """Which runs used and logged which artifact versions."""
        return SqlLineageStore(self.connection)

    @cached_property
    def tail(self) -> SqlTail:
        """History, system metrics and console lines as received."""
        return SqlTail(self.connection)

    @cached_property
    def segments(self) -> SqlSegmentStore:
        """History that was compacted."""
        return SqlSegmentStore(self.connection)

    @cached_property
    def garbage(self) -> SqlGarbageStore:
        """What deletion left behind."""
        from kymograph.storage.garbage.store import SqlGarbageStore

        return SqlGarbageStore(self.connection)
