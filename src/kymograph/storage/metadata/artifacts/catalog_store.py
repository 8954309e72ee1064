"""Overviews of artifact types, collections and versions, in SQL: counted in sets, never one by one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Select, and_, func, select

from kymograph.core.artifact_browse import CollectionOrder, CollectionOverview, TypeCount, VersionFigures
from kymograph.core.space import Use
from kymograph.storage.metadata.artifacts.rows import is_committed, own
from kymograph.storage.metadata.sql import chunks, contains_text
from kymograph.storage.metadata.tables import collections, memberships, uses, versions
from kymograph.storage.schema import UtcDateTime
from kymograph.types import ArtifactId, CollectionId, ProjectId


class SqlCatalogStore:
    """Docstrings of the methods: `storage.metadata.artifacts.base.CatalogStore`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def list_types(self, project: ProjectId) -> list[TypeCount]:
        """Docstring inherited."""
        is_there = and_(collections.c.project_id == project, collections.c.deleted_at.is_(None))
        filled = _filled(is_there)
        statement = (
            select(
                collections.c.type_name,
                func.count().label("collections"),
                func.coalesce(func.sum(filled.c.versions), 0).label("versions"),
            )
            .select_from(collections.outerjoin(filled, filled.c.collection_id == collections.c.id))
            .where(is_there)
            .group_by(collections.c.type_name)
            .order_by(collections.c.type_name)
        )
        return [
            TypeCount(row.type_name, row.collections, int(row.versions)) for row in self._connection.execute(statement)
        ]

    def list_collections(
        self,
        project: ProjectId,
        *,
        type_name: str | None = None,
        search: str = "",
        order: CollectionOrder = CollectionOrder.NAME,
        limit: int = 100,
        offset: int = 0,
    ) -> tuple[list[CollectionOverview], int]:
        """Docstring inherited."""
        filled = _filled(collections.c.project_id == project)
        wanted = [own.table.c.project_id == project, own.table.c.deleted_at.is_(None), own.is_there]
        if type_name is not None:
            wanted.append(own.table.c.type_name == type_name)
        if search:
            wanted.append(contains_text(search, own.table.c.name))
        total = self._connection.execute(
            select(func.count()).select_from(own.joined()).where(and_(*wanted))
        ).scalar_one()
        first: dict[CollectionOrder, list[Any]] = {
            CollectionOrder.NAME: [],
            # Empty ones have no newest version; neither engine sorts null first when the key is replaced.
            CollectionOrder.NEWEST: [
                func.coalesce(filled.c.newest_at, own.table.c.created_at, type_=UtcDateTime()).desc()
            ],
            CollectionOrder.OWN: [own.table.c.own_bytes.desc()],
        }
        page = _overviews(filled).where(and_(*wanted)).order_by(*first[order], own.table.c.name)
        return self._read(page.limit(limit).offset(offset)), total

    def find_collection(self, collection: CollectionId) -> CollectionOverview | None:
        """Docstring inherited."""
        filled = _filled(collections.c.id == collection)
        found = self._read(
            _overviews(filled).where(own.table.c.id == collection, own.table.c.deleted_at.is_(None), own.is_there)
        )
        return found[0] if found else None

    def figures(self, artifacts: Sequence[ArtifactId]) -> dict[ArtifactId, VersionFigures]:
        """Docstring inherited."""
        found: dict[ArtifactId, VersionFigures] = {}
        used = func.count(uses.c.run_key)
        for some in chunks(artifacts):
            statement = (
                select(versions.c.id, versions.c.own_bytes, versions.c.content_bytes, used.label("used_by"))
                .select_from(versions.outerjoin(uses, uses.c.artifact_id == versions.c.id))
                .where(versions.c.id.in_(some))
                .group_by(versions.c.id, versions.c.own_bytes, versions.c.content_bytes)
            )
            for row in self._connection.execute(statement):
                found[ArtifactId(row.id)] = VersionFigures(Use(row.own_bytes, row.content_bytes), row.used_by)
        return found

    def _read(self, statement: Select[Any]) -> list[CollectionOverview]:
        return [
            CollectionOverview(
                own.value(row),
                Use(row.own_own_bytes, row.own_content_bytes),
                row.filled_versions or 0,
                row.newest_index,
                row.newest_at,
            )
            for row in self._connection.execute(statement)
        ]


def _filled(condition: Any) -> Any:
    """What is in the collections of a condition; empty ones have no row."""
    return (
        select(
            memberships.c.collection_id,
            func.count().label("versions"),
            func.max(memberships.c.version_index).label("newest_index"),
            func.max(memberships.c.created_at, type_=UtcDateTime()).label("newest_at"),
        )
        .select_from(
            memberships.join(versions, versions.c.id == memberships.c.artifact_id).join(
                collections, collections.c.id == memberships.c.collection_id
            )
        )
        .where(condition, is_committed())
        .group_by(memberships.c.collection_id)
        .subquery("filled")
    )


def _overviews(filled: Any) -> Select[Any]:
    return select(
        *own.columns, filled.c.versions.label("filled_versions"), filled.c.newest_index, filled.c.newest_at
    ).select_from(own.joined().outerjoin(filled, filled.c.collection_id == own.table.c.id))
