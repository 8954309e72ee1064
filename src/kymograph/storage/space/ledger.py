"""Writes down who names what: every change of the counters, in the transaction that causes it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from itertools import groupby
from operator import attrgetter

from sqlalchemy import BigInteger, Connection, cast, func, select

from kymograph.core.ledger import BlobCounts, Ledger, Move, Naming
from kymograph.errors import ContentCollected
from kymograph.storage.metadata.sql import insert_into
from kymograph.storage.metadata.tables import collections, versions
from kymograph.storage.space.bulk import add_numbers, among, delete_numbers, put_numbers, update_numbers
from kymograph.storage.space.tables import blobs, collection_blobs, entries, project_space
from kymograph.types import ArtifactId, BlobId, CollectionId, ProjectId

_BLOBS_AT_ONCE = 20_000
"""How many are held in memory."""


class SqlLedger:
    """Moves versions on one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def lock(self, projects: Collection[ProjectId]) -> None:
        """Exclude all others who change who names what in these projects, until the end of the transaction.

        The first statement of a transaction that calls `apply`, before any other lock. SQLite has one writer anyway.
        """
        wanted = sorted(set(projects))
        statement = insert_into(self._connection, project_space).on_conflict_do_nothing()
        if wanted:
            self._connection.execute(statement, [{"project_id": project} for project in wanted])
        if self._connection.dialect.name == "postgresql":
            self._connection.execute(
                select(project_space.c.project_id)
                .where(project_space.c.project_id.in_(wanted))
                .order_by(project_space.c.project_id)
                .with_for_update()
            )

    def namings_of(self, artifacts: Collection[ArtifactId]) -> list[Naming]:
        """What versions name, in order of blobs."""
        named = (
            select(entries.c.artifact_id, entries.c.blob_id)
            .where(among(self._connection, entries.c.artifact_id, artifacts), entries.c.blob_id.is_not(None))
            .distinct()
            .subquery()
        )
        statement = (
            select(
                named.c.blob_id,
                versions.c.collection_id,
                func.count(),
                cast(func.sum(versions.c.id), BigInteger),
            )
            .select_from(named.join(versions, versions.c.id == named.c.artifact_id))
            .group_by(named.c.blob_id, versions.c.collection_id)
            .order_by(named.c.blob_id)
        )
        return [
            Naming(BlobId(blob), CollectionId(collection), count, total)
            for blob, collection, count, total in self._connection.execute(statement)
        ]

    def projects_of(self, namings: Sequence[Naming]) -> set[ProjectId]:
        """The projects that blobs lie in."""
        found: set[ProjectId] = set()
        for some in _portions(namings):
            condition = among(self._connection, blobs.c.id, {naming.blob for naming in some})
            rows = self._connection.execute(select(blobs.c.project_id).where(condition).distinct())
            found.update(ProjectId(project) for project in rows.scalars())
        return found

    def apply(self, namings: Sequence[Naming], move: Move, *, settled: Collection[ArtifactId] = ()) -> Ledger:
        """Count a move of versions.

        Args:
            namings: What they name, in order of blobs.
            move: What happens to them.
            settled: Versions whose own bytes are written already.

        Raises:
            ContentCollected: A blob is gone.
        """
        ledger = Ledger()
        for some in _portions(namings):
            self._apply(some, move, ledger)
        done = set(settled)
        own = [(key, change) for key, change in sorted(ledger.own_of_versions.items()) if change and key not in done]
        add_numbers(self._connection, versions, "id", "own_bytes", own)
        for counter, name in (
            (ledger.own_of_collections, "own_bytes"),
            (ledger.content_of_collections, "content_bytes"),
        ):
            changes = [(key, change) for key, change in sorted(counter.items()) if change]
            add_numbers(self._connection, collections, "id", name, changes)
        for project, change in sorted(ledger.projects.items()):
            if not change.is_empty:
                self._connection.execute(
                    project_space.update()
                    .where(project_space.c.project_id == project)
                    .values(
                        live_bytes=project_space.c.live_bytes + change.live_bytes,
                        live_blobs=project_space.c.live_blobs + change.live_blobs,
                        trashed_bytes=project_space.c.trashed_bytes + change.trashed_bytes,
                        trashed_blobs=project_space.c.trashed_blobs + change.trashed_blobs,
                    )
                )
        return ledger

    def _apply(self, namings: Sequence[Naming], move: Move, ledger: Ledger) -> None:
        by_blob = {blob: list(some) for blob, some in groupby(namings, key=attrgetter("blob"))}
        before = self._counts_of(by_blob)
        if len(before) != len(by_blob):
            raise ContentCollected(len(by_blob) - len(before))
        held: defaultdict[BlobId, dict[CollectionId, int]] = defaultdict(dict)
        if move.value[0]:
            condition = among(self._connection, collection_blobs.c.blob_id, by_blob)
            for blob, collection, refs in self._connection.execute(select(collection_blobs).where(condition)):
                held[blob][collection] = refs
        after = [ledger.move(counts, by_blob[counts.id], held[counts.id], move) for counts in before]
        names = ["refs", "ref_sum", "trashed", "collections", "collection_sum"]
        update_numbers(self._connection, blobs, "id", names, [(counts.id, *counts[3:]) for counts in after])
        if move.value[0]:
            pairs = [(naming.blob, naming.collection, held[naming.blob][naming.collection]) for naming in namings]
            keys = ["blob_id", "collection_id"]
            put_numbers(self._connection, collection_blobs, keys, "refs", [pair for pair in pairs if pair[2]])
            delete_numbers(self._connection, collection_blobs, keys, [pair[:2] for pair in pairs if not pair[2]])

    def _counts_of(self, wanted: Collection[BlobId]) -> list[BlobCounts]:
        statement = (
            select(
                blobs.c.id,
                blobs.c.project_id,
                func.coalesce(blobs.c.size_bytes, 0),
                blobs.c.refs,
                blobs.c.ref_sum,
                blobs.c.trashed,
                blobs.c.collections,
                blobs.c.collection_sum,
            )
            .where(among(self._connection, blobs.c.id, wanted))
            .order_by(blobs.c.id)
        )
        return [BlobCounts(*row) for row in self._connection.execute(statement)]


def _portions(namings: Sequence[Naming]) -> Iterator[Sequence[Naming]]:
    """Pieces of a limited size, all namings of a blob in the same one."""
    start = 0
    while start < len(namings):
        end = min(start + _BLOBS_AT_ONCE, len(namings))
        while end < len(namings) and namings[end].blob == namings[end - 1].blob:
            end += 1
        yield namings[start:end]
        start = end
