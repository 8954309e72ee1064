"""Committing, deleting, restoring and purging versions in SQL: a few statements, however many they are."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, and_, bindparam, delete, exists, or_, select, update

from kymograph.core.artifact import ArtifactState
from kymograph.core.ledger import Ledger, Move, Naming
from kymograph.core.space import Freed
from kymograph.storage.metadata.sql import insert_into
from kymograph.storage.metadata.tables import aliases, collections, manifests, memberships, versions
from kymograph.storage.space.blobs import put_doomed
from kymograph.storage.space.bulk import among
from kymograph.storage.space.choices import is_gone, is_link, is_link_outside, is_needed_elsewhere
from kymograph.storage.space.ledger import SqlLedger
from kymograph.storage.space.tables import draft_files, entries, version_references
from kymograph.types import ArtifactId, BlobId, CollectionId, ManifestId, ProjectId

COMMITTED = ArtifactState.COMMITTED.value
DELETED = ArtifactState.DELETED.value
PENDING = ArtifactState.PENDING.value


class SqlMoveStore:
    """Docstrings of the methods: `storage.space.base.MoveStore`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._ledger = SqlLedger(connection)

    def lock(self, projects: Collection[ProjectId]) -> None:
        """Docstring inherited."""
        self._ledger.lock(projects)

    # --- committing --------------------------------------------------------------------------------------------------

    def count_committed(self, artifact: ArtifactId, collection: CollectionId, content: Collection[BlobId]) -> None:
        """Docstring inherited."""
        namings = [Naming(blob, collection, 1, artifact) for blob in sorted(content)]
        ledger = self._ledger.apply(namings, Move.COMMIT)
        self._connection.execute(
            update(versions).where(versions.c.id == artifact).values(content_bytes=ledger.named_bytes)
        )
        self._connection.execute(delete(draft_files).where(draft_files.c.artifact_id == artifact))

    def put_references(self, artifact: ArtifactId, targets: Collection[ArtifactId]) -> None:
        """Docstring inherited."""
        if not targets:
            return
        statement = select(versions.c.id).where(
            among(self._connection, versions.c.id, targets), versions.c.state != PENDING, versions.c.id != artifact
        )
        if self._connection.dialect.name == "postgresql":
            # A purge of one of them comes first, or waits and sees that it is needed.
            statement = statement.with_for_update(read=True, key_share=True)
        rows = [
            {"artifact_id": artifact, "target_id": target} for target in self._connection.execute(statement).scalars()
        ]
        if rows:
            self._connection.execute(insert_into(self._connection, version_references).on_conflict_do_nothing(), rows)

    def claim_commit(self, artifact: ArtifactId, worker: str, *, now: datetime, until: datetime) -> bool:
        """Docstring inherited."""
        is_free = or_(
            versions.c.commit_worker.is_(None), versions.c.commit_worker == worker, versions.c.commit_until < now
        )
        statement = update(versions).where(versions.c.id == artifact, versions.c.state == PENDING, is_free)
        claimed = self._connection.execute(
            statement.values(commit_worker=worker, commit_until=until, updated_at=now)
        ).rowcount
        return bool(claimed)

    # --- deleting and restoring --------------------------------------------------------------------------------------

    def delete(
        self,
        artifacts: Collection[ArtifactId],
        now: datetime,
        *,
        unless_named: bool = False,
        unless_linked: bool = False,
    ) -> Freed:
        """Docstring inherited."""
        is_meant = and_(among(self._connection, versions.c.id, artifacts), versions.c.state == COMMITTED)
        if unless_named:
            has_alias = exists().where(aliases.c.artifact_id == versions.c.id)
            is_meant = and_(is_meant, ~has_alias, ~is_link())
        elif unless_linked:
            is_meant = and_(is_meant, ~is_link_outside())
        moved = self._mark(is_meant, state=DELETED, deleted_at=now, updated_at=now, wished_aliases=(), own_bytes=0)
        self._keep_aliases(moved)
        made_in = select(versions.c.collection_id).where(versions.c.id == memberships.c.artifact_id)
        self._connection.execute(
            delete(memberships).where(
                among(self._connection, memberships.c.artifact_id, moved),
                memberships.c.collection_id != made_in.scalar_subquery(),
            )
        )
        return _freed(moved, self._count(moved, Move.DELETE), live=-1)

    def _keep_aliases(self, moved: Collection[ArtifactId]) -> None:
        """Remember the aliases of versions in their own collections, and take them away."""
        held = among(self._connection, aliases.c.artifact_id, moved)
        own = aliases.join(
            versions,
            and_(versions.c.id == aliases.c.artifact_id, versions.c.collection_id == aliases.c.collection_id),
        )
        found = select(aliases.c.artifact_id, aliases.c.alias).select_from(own).where(held)
        kept: dict[int, list[str]] = {}
        for artifact, alias in self._connection.execute(found.order_by(aliases.c.alias)):
            kept.setdefault(artifact, []).append(alias)
        if kept:
            statement = update(versions).where(versions.c.id == bindparam("artifact"))
            self._connection.execute(
                statement.values(wished_aliases=bindparam("names")),
                [{"artifact": artifact, "names": tuple(names)} for artifact, names in kept.items()],
            )
        self._connection.execute(delete(aliases).where(held))

    def undelete(self, artifacts: Collection[ArtifactId], now: datetime) -> Freed:
        """Docstring inherited."""
        is_meant = and_(among(self._connection, versions.c.id, artifacts), versions.c.state == DELETED)
        moved = self._mark(is_meant, state=COMMITTED, deleted_at=None, updated_at=now)
        statement = select(versions.c.id, versions.c.collection_id, versions.c.wished_aliases)
        rows = [
            {"collection_id": collection, "alias": alias, "artifact_id": artifact, "set_at": now}
            # Newest first: of several that had an alias one after another, that one gets it.
            for artifact, collection, wished in self._connection.execute(
                statement.where(self._is(moved)).order_by(versions.c.id.desc())
            )
            for alias in wished
        ]
        if rows:
            self._connection.execute(insert_into(self._connection, aliases).on_conflict_do_nothing(), rows)
        return _freed(moved, self._count(moved, Move.UNDELETE), live=1)

    def _is(self, artifacts: Collection[ArtifactId]) -> Any:
        return among(self._connection, versions.c.id, artifacts)

    def _mark(self, condition: Any, **values: Any) -> list[ArtifactId]:
        statement = update(versions).where(condition).values(**values).returning(versions.c.id)
        return [ArtifactId(artifact) for artifact in self._connection.execute(statement).scalars()]

    def _count(self, moved: Collection[ArtifactId], move: Move) -> Ledger:
        namings = self._ledger.namings_of(moved)
        # Those of the versions are locked already; content that was shared from others lies in theirs.
        self._ledger.lock(self._ledger.projects_of(namings))
        # A deleted version has nothing of its own: that was written when it was marked.
        return self._ledger.apply(namings, move, settled=moved if move is Move.DELETE else ())

    # --- purging -----------------------------------------------------------------------------------------------------

    def purge(self, artifacts: Collection[ArtifactId], now: datetime) -> Freed:
        """Docstring inherited."""
        is_meant = and_(among(self._connection, versions.c.id, artifacts), versions.c.state == DELETED)
        statement = select(versions.c.id).where(is_meant)
        if self._connection.dialect.name == "postgresql":
            # Whoever begins to need one of them now waits, and will not find it; whoever has begun is seen below.
            self._connection.execute(statement.order_by(versions.c.id).with_for_update())
        statement = statement.where(~is_needed_elsewhere())
        moved = [ArtifactId(artifact) for artifact in self._connection.execute(statement).scalars()]
        ledger = self._count(moved, Move.PURGE)
        self._drop(moved, now)
        objects, size_bytes = _sum_of(ledger, "trashed")
        return Freed(len(moved), -objects, -size_bytes)

    def drop_drafts(self, artifacts: Collection[ArtifactId], *, before: datetime | None, now: datetime) -> int:
        """Docstring inherited."""
        statement = select(versions.c.id).where(self._is(artifacts), versions.c.state == PENDING)
        statement = statement.order_by(versions.c.id)
        if before is not None:
            statement = statement.where(versions.c.updated_at < before)
        if self._connection.dialect.name == "postgresql":
            statement = statement.with_for_update()  # whoever touches or commits one of them comes before or after us
        dropped = [ArtifactId(artifact) for artifact in self._connection.execute(statement).scalars()]
        self._drop(dropped, now)
        return len(dropped)

    def drop_collections(self, *, deleted_before: datetime, gone_before: datetime) -> int:
        """Docstring inherited."""
        is_over = or_(
            collections.c.deleted_at < deleted_before,
            and_(is_gone(), or_(collections.c.deleted_at < gone_before, collections.c.deleted_at.is_(None))),
        )
        is_empty = ~exists().where(versions.c.collection_id == collections.c.id)
        return self._connection.execute(delete(collections).where(is_over, is_empty)).rowcount

    def drop_parts(self, artifact: ArtifactId, kept: ManifestId, now: datetime) -> None:
        """Docstring inherited."""
        self._drop_manifests(and_(manifests.c.artifact_id == artifact, manifests.c.id != kept), now)

    def _drop_manifests(self, condition: Any, now: datetime) -> None:
        gone = self._connection.execute(
            delete(manifests).where(condition).returning(manifests.c.object_key, manifests.c.size_bytes)
        )
        put_doomed(self._connection, [(key, size) for key, size in gone], now)

    def _drop(self, artifacts: Collection[ArtifactId], now: datetime) -> None:
        """Rows of versions and all that belongs to them; their manifests are doomed."""
        self._drop_manifests(among(self._connection, manifests.c.artifact_id, artifacts), now)
        self._connection.execute(delete(entries).where(among(self._connection, entries.c.artifact_id, artifacts)))
        self._connection.execute(delete(versions).where(self._is(artifacts)))


def _freed(moved: Collection[ArtifactId], ledger: Ledger, *, live: int) -> Freed:
    objects, size_bytes = _sum_of(ledger, "live")
    return Freed(len(moved), live * objects, live * size_bytes)


def _sum_of(ledger: Ledger, kind: str) -> tuple[int, int]:
    changes = ledger.projects.values()
    return (
        sum(getattr(change, f"{kind}_blobs") for change in changes),
        sum(getattr(change, f"{kind}_bytes") for change in changes),
    )
