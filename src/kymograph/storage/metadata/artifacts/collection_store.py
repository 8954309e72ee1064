"""Sequences and portfolios in SQL."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, delete, func, select, update

from kymograph.core.artifact import (
    ArtifactState,
    ArtifactType,
    Collection,
    CollectionChange,
    CollectionKind,
)
from kymograph.core.artifact_filters import CollectionQuery
from kymograph.core.digest import DigestAlgorithm
from kymograph.core.filters import EVERYTHING, Order
from kymograph.core.space import Freed
from kymograph.errors import CollectionNotFound, NameTaken
from kymograph.storage.metadata.artifacts.matching import ValuesOf, select_matching, text_of
from kymograph.storage.metadata.artifacts.rows import own
from kymograph.storage.metadata.sql import insert_into
from kymograph.storage.metadata.tables import aliases, client_ids, collections, memberships, versions
from kymograph.storage.schema import UtcDateTime
from kymograph.storage.space.moves import SqlMoveStore
from kymograph.types import ArtifactId, CollectionId, JsonScalar, ProjectId


class SqlCollectionStore:
    """Docstrings of the methods: `storage.metadata.artifacts.base.CollectionStore`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def find(self, project: ProjectId, name: str, *, type_name: str | None = None) -> Collection | None:
        """Docstring inherited."""
        statement = _collections().where(*_of_project(project, type_name), own.table.c.name == name)
        return self._one(statement)

    def find_deleted(self, project: ProjectId, name: str) -> Collection | None:
        """Docstring inherited."""
        is_deleted = own.table.c.deleted_at.is_not(None)
        statement = _collections().where(own.table.c.project_id == project, own.table.c.name == name, is_deleted)
        return self._one(statement.order_by(own.table.c.deleted_at.desc()).limit(1))

    def find_by_id(self, collection: CollectionId) -> Collection | None:
        """Docstring inherited."""
        return self._one(_collections().where(own.table.c.id == collection))

    def find_by_client_id(self, client_id: str) -> Collection | None:
        """Docstring inherited."""
        meant = select(client_ids.c.collection_id).where(client_ids.c.client_id == client_id)
        return self._one(_collections().where(own.table.c.id == meant.scalar_subquery()))

    def search(self, projects: Sequence[ProjectId], query: CollectionQuery) -> tuple[list[Collection], int]:
        """Docstring inherited."""
        statement = _collections().where(
            own.table.c.project_id.in_(list(projects)),
            own.table.c.deleted_at.is_(None),
            own.table.c.kind.in_([kind.value for kind in query.kinds]),
        )
        if query.type_name is not None:
            statement = statement.where(own.table.c.type_name == query.type_name)
        ordered = statement.order_by(*_order(query.order))
        if query.filter == EVERYTHING:
            total = self._connection.execute(select(func.count()).select_from(statement.subquery())).scalar_one()
            page = ordered.limit(query.limit).offset(query.offset)
            return [own.value(row) for row in self._connection.execute(page)], total
        found = [own.value(row) for row in self._connection.execute(ordered)]
        matching = list(select_matching(found, query.filter, _values_of))
        return matching[query.offset : query.offset + query.limit], len(matching)

    def list_types(self, project: ProjectId) -> list[ArtifactType]:
        """Docstring inherited."""
        statement = (
            select(collections.c.type_name, func.min(collections.c.created_at, type_=UtcDateTime()).label("created_at"))
            .where(collections.c.project_id == project, collections.c.deleted_at.is_(None))
            .group_by(collections.c.type_name)
            .order_by(collections.c.type_name)
        )
        return [ArtifactType(project, row.type_name, row.created_at) for row in self._connection.execute(statement)]

    def put(
        self,
        project: ProjectId,
        name: str,
        *,
        kind: CollectionKind,
        type_name: str,
        now: datetime,
        client_id: str | None = None,
        digest_algorithm: DigestAlgorithm = DigestAlgorithm.MD5,
    ) -> Collection:
        """Docstring inherited."""
        self._connection.execute(
            insert_into(self._connection, collections)
            .values(
                project_id=project,
                kind=kind.value,
                type_name=type_name,
                name=name,
                client_id=client_id,
                created_at=now,
                tags=(),
                digest_algorithm=digest_algorithm.value,
                next_version_index=0,
            )
            .on_conflict_do_nothing()
        )
        collection = self.find(project, name)
        if collection is None:
            raise CollectionNotFound(name)
        if client_id is not None:
            self.put_client_id(client_id, collection.id)
        return collection

    def put_client_id(self, client_id: str, target: CollectionId) -> None:
        """Docstring inherited."""
        statement = insert_into(self._connection, client_ids).values(client_id=client_id, collection_id=target)
        self._connection.execute(statement.on_conflict_do_nothing())

    def update(self, collection: CollectionId, change: CollectionChange, now: datetime) -> Collection:
        """Docstring inherited."""
        wanted = {
            "name": change.name,
            "description": change.description,
            "type_name": change.type_name,
            "tags": change.tags,
        }
        values: dict[str, Any] = {column: value for column, value in wanted.items() if value is not None}
        if change.name is not None:
            self._refuse_taken(collection, change.name)
        self._connection.execute(
            update(collections).where(collections.c.id == collection).values(**values, updated_at=now)
        )
        found = self.find_by_id(collection)
        if found is None:
            raise CollectionNotFound("(by id)")
        return found

    def delete(self, collection: CollectionId, now: datetime) -> None:
        """Docstring inherited."""
        moves = SqlMoveStore(self._connection)
        made_here = select(versions.c.id, versions.c.state).where(versions.c.collection_id == collection)
        project = select(collections.c.project_id).where(collections.c.id == collection)
        moves.lock([ProjectId(self._connection.execute(project).scalar_one())])
        states: dict[str, list[ArtifactId]] = {state.value: [] for state in ArtifactState}
        for artifact, state in self._connection.execute(made_here):
            states[state].append(ArtifactId(artifact))
        moves.delete(states[ArtifactState.COMMITTED.value], now)
        moves.drop_drafts(states[ArtifactState.PENDING.value], before=None, now=now)
        # Its aliases now are those of links in it, and so are the places of versions that were made elsewhere.
        is_link = memberships.c.artifact_id.not_in(select(made_here.subquery().c.id))
        self._connection.execute(delete(aliases).where(aliases.c.collection_id == collection))
        self._connection.execute(delete(memberships).where(memberships.c.collection_id == collection, is_link))
        self._connection.execute(
            update(collections)
            .where(collections.c.id == collection, collections.c.deleted_at.is_(None))
            .values(deleted_at=now)
        )

    def undelete(self, collection: CollectionId, now: datetime) -> Freed:
        """Docstring inherited."""
        moves = SqlMoveStore(self._connection)
        row = self._connection.execute(
            select(collections.c.project_id, collections.c.name, collections.c.deleted_at).where(
                collections.c.id == collection
            )
        ).one()
        if row.deleted_at is None:
            return Freed()
        moves.lock([ProjectId(row.project_id)])
        self._refuse_taken(collection, row.name)
        self._connection.execute(
            update(collections).where(collections.c.id == collection).values(deleted_at=None, updated_at=now)
        )
        went_with_it = select(versions.c.id).where(
            versions.c.collection_id == collection, versions.c.deleted_at == row.deleted_at
        )
        return moves.undelete([ArtifactId(key) for key in self._connection.execute(went_with_it).scalars()], now)

    def _refuse_taken(self, collection: CollectionId, name: str) -> None:
        project = select(collections.c.project_id).where(collections.c.id == collection).scalar_subquery()
        other = select(collections.c.id).where(
            collections.c.project_id == project,
            collections.c.name == name,
            collections.c.deleted_at.is_(None),
            collections.c.id != collection,
        )
        if self._connection.execute(other).first() is not None:
            raise NameTaken("artifact collection", name)

    def _one(self, statement: Select[Any]) -> Collection | None:
        row = self._connection.execute(statement).one_or_none()
        return None if row is None else own.value(row)


def _collections() -> Select[Any]:
    return select(*own.columns).select_from(own.joined()).where(own.is_there)


def _order(order: Order) -> tuple[Any, Any]:
    table = own.table.c
    columns = {
        "id": table.id,
        "name": table.name,
        "type": table.type_name,
        "created_at": table.created_at,
        "updated_at": func.coalesce(table.updated_at, table.created_at),
    }
    column = columns[order.field.name]
    return (column.desc(), table.id.desc()) if order.descending else (column.asc(), table.id.asc())


def _values_of(collection: Collection) -> ValuesOf:
    values: dict[str, Sequence[JsonScalar]] = {
        "id": (collection.id,),
        "name": (collection.name,),
        "description": (collection.description,) if collection.description is not None else (),
        "type": (collection.type_name,),
        "tag": collection.tags,
        "created_at": (text_of(collection.created_at),),
        "updated_at": (text_of(collection.updated_at or collection.created_at),),
    }
    return lambda field: values[field.name]


def _of_project(project: ProjectId, type_name: str | None) -> list[Any]:
    conditions = [own.table.c.project_id == project, own.table.c.deleted_at.is_(None)]
    return conditions if type_name is None else [*conditions, own.table.c.type_name == type_name]
