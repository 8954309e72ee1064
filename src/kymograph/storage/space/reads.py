"""What artifacts take, in SQL: the counters as they are, and sums over what few rows are in question."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import Connection, Select, and_, func, select, update

from kymograph.core.artifact import ArtifactState, CollectionKind
from kymograph.core.space import CollectionSpace, Freed, ProjectSpace, Use, VersionSpace
from kymograph.storage.metadata.artifacts.rows import own, read_versions, select_versions
from kymograph.storage.metadata.tables import collections, entities, manifests, projects, versions
from kymograph.storage.space.bulk import among
from kymograph.storage.space.tables import blobs, entries, project_space
from kymograph.types import ArtifactId, CollectionId, EntityId, ProjectId

_ORDERS = {
    "own": (own.table.c.own_bytes.desc(), own.table.c.name),
    "content": (own.table.c.content_bytes.desc(), own.table.c.name),
    "name": (own.table.c.name,),
}
COLLECTION_ORDERS = tuple(_ORDERS)


class SqlSpaceStore:
    """Docstrings of the methods: `storage.space.base.SpaceStore`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def of_project(self, project: ProjectId) -> ProjectSpace:
        """Docstring inherited."""
        counted = self._connection.execute(
            select(project_space).where(project_space.c.project_id == project)
        ).one_or_none()
        # A partial index holds these few: content whose counters are zero.
        is_unnamed = and_(blobs.c.project_id == project, blobs.c.refs == 0, blobs.c.trashed == 0)
        unnamed, unnamed_bytes = self._connection.execute(
            select(func.count(blobs.c.size_bytes), func.coalesce(func.sum(blobs.c.size_bytes), 0)).where(is_unnamed)
        ).one()
        states = self._states(collections.c.project_id == project).get(project, {})
        return ProjectSpace(
            live_bytes=counted.live_bytes if counted else 0,
            live_objects=counted.live_blobs if counted else 0,
            trashed_bytes=counted.trashed_bytes if counted else 0,
            trashed_objects=counted.trashed_blobs if counted else 0,
            draft_bytes=int(unnamed_bytes),
            draft_objects=unnamed,
            versions=states.get(ArtifactState.COMMITTED.value, 0),
            trashed_versions=states.get(ArtifactState.DELETED.value, 0),
            drafts=states.get(ArtifactState.PENDING.value, 0),
        )

    def _states(self, condition: Any, key: Any = collections.c.project_id) -> dict[int, dict[str, int]]:
        """How many versions are in each state, by project or collection."""
        statement = (
            select(key, versions.c.state, func.count())
            .select_from(versions.join(collections, collections.c.id == versions.c.collection_id))
            .where(condition)
            .group_by(key, versions.c.state)
        )
        found: dict[int, dict[str, int]] = {}
        for place, state, count in self._connection.execute(statement):
            found.setdefault(place, {})[state] = count
        return found

    def live_bytes(self, projects: Sequence[ProjectId]) -> dict[ProjectId, int]:
        """Docstring inherited."""
        statement = select(project_space.c.project_id, project_space.c.live_bytes).where(
            among(self._connection, project_space.c.project_id, projects)
        )
        return {ProjectId(project): size for project, size in self._connection.execute(statement)}

    def list_collections(
        self, project: ProjectId, *, order: str = "own", limit: int = 100, offset: int = 0
    ) -> tuple[list[CollectionSpace], int]:
        """Docstring inherited."""
        is_meant = _sequences().where(own.table.c.project_id == project, own.table.c.deleted_at.is_(None))
        total = self._connection.execute(select(func.count()).select_from(is_meant.subquery())).scalar_one()
        return self._read_collections(is_meant.order_by(*_ORDERS[order]).limit(limit).offset(offset)), total

    def find_collection(self, collection: CollectionId) -> CollectionSpace | None:
        """Docstring inherited."""
        found = self._read_collections(_sequences().where(own.table.c.id == collection))
        return found[0] if found else None

    def _read_collections(self, statement: Select[Any]) -> list[CollectionSpace]:
        rows = self._connection.execute(statement).all()
        condition = among(self._connection, versions.c.collection_id, [row.own_id for row in rows])
        states = self._states(condition, versions.c.collection_id)
        return [
            CollectionSpace(
                collection=own.value(row),
                use=Use(own_bytes=row.own_own_bytes, content_bytes=row.own_content_bytes),
                versions=states.get(row.own_id, {}).get(ArtifactState.COMMITTED.value, 0),
                trashed_versions=states.get(row.own_id, {}).get(ArtifactState.DELETED.value, 0),
            )
            for row in rows
        ]

    def list_versions(
        self, collection: CollectionId, *, is_deleted: bool = False, limit: int = 100, offset: int = 0
    ) -> tuple[list[VersionSpace], int]:
        """Docstring inherited."""
        state = ArtifactState.DELETED if is_deleted else ArtifactState.COMMITTED
        is_meant = and_(versions.c.collection_id == collection, versions.c.state == state.value)
        total = self._connection.execute(select(func.count()).select_from(versions).where(is_meant)).scalar_one()
        statement = select_versions(versions, versions.c.own_bytes, versions.c.content_bytes, versions.c.deleted_at)
        page = statement.where(is_meant).order_by(versions.c.id.desc()).limit(limit).offset(offset)
        rows = list(self._connection.execute(page))
        return [
            VersionSpace(version, Use(row.own_bytes, row.content_bytes), row.deleted_at)
            for version, row in zip(read_versions(self._connection, rows), rows, strict=True)
        ], total

    def measure_delete(self, artifacts: Collection[ArtifactId]) -> Freed:
        """Docstring inherited."""
        return self._measure(artifacts, lambda named: blobs.c.refs == named)

    def measure_purge(self, artifacts: Collection[ArtifactId]) -> Freed:
        """Docstring inherited."""
        return self._measure(artifacts, lambda named: and_(blobs.c.refs == 0, blobs.c.trashed == named))

    def measure_manifests(self, artifacts: Collection[ArtifactId]) -> Freed:
        """Docstring inherited."""
        objects, size_bytes = self._connection.execute(
            select(func.count(manifests.c.size_bytes), func.coalesce(func.sum(manifests.c.size_bytes), 0)).where(
                among(self._connection, manifests.c.artifact_id, artifacts)
            )
        ).one()
        return Freed(objects=objects, size_bytes=int(size_bytes))

    def _measure(self, artifacts: Collection[ArtifactId], is_freed: Any) -> Freed:
        named = (
            select(entries.c.blob_id, func.count(entries.c.artifact_id.distinct()).label("versions"))
            .where(among(self._connection, entries.c.artifact_id, artifacts), entries.c.blob_id.is_not(None))
            .group_by(entries.c.blob_id)
            .subquery()
        )
        statement = (
            select(func.count(), func.coalesce(func.sum(blobs.c.size_bytes), 0))
            .select_from(blobs.join(named, named.c.blob_id == blobs.c.id))
            .where(is_freed(named.c.versions))
        )
        objects, size_bytes = self._connection.execute(statement).one()
        return Freed(len(artifacts), objects, int(size_bytes))

    # --- time to live ------------------------------------------------------------------------------------------------

    def set_ttl(self, project: ProjectId, ttl_s: int | None) -> None:
        """Docstring inherited."""
        self._connection.execute(update(projects).where(projects.c.id == project).values(artifact_ttl_s=ttl_s))

    def set_entity_ttl(self, entity: EntityId, ttl_s: int | None) -> None:
        """Docstring inherited."""
        self._connection.execute(update(entities).where(entities.c.id == entity).values(artifact_ttl_s=ttl_s))

    def ttl_of(self, project: ProjectId) -> tuple[int | None, int | None]:
        """Docstring inherited."""
        row = self._connection.execute(
            select(projects.c.artifact_ttl_s, entities.c.artifact_ttl_s.label("of_entity"))
            .join(entities, entities.c.id == projects.c.entity_id)
            .where(projects.c.id == project)
        ).one()
        said = row.artifact_ttl_s
        holds = said if said is not None else row.of_entity
        return said, holds if holds and holds > 0 else None


def _sequences() -> Select[Any]:
    return (
        select(*own.columns)
        .select_from(own.joined())
        .where(own.is_there, own.table.c.kind == CollectionKind.SEQUENCE.value)
    )
