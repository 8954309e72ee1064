"""Places of versions in collections, and aliases, in SQL."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, delete, func, insert, select, update

from kymograph.core.artifact import AliasRecord, Maker, Membership
from kymograph.core.artifact_filters import VersionQuery
from kymograph.core.filters import EVERYTHING, Order
from kymograph.core.names import parse_version
from kymograph.errors import ArtifactNotFound
from kymograph.storage.metadata.artifacts.place_search import search_places
from kymograph.storage.metadata.artifacts.rows import CollectionRows, is_committed, read_versions, select_versions
from kymograph.storage.metadata.sql import chunks, insert_into
from kymograph.storage.metadata.tables import aliases, collections, memberships, versions
from kymograph.types import ArtifactId, CollectionId, RunKey, UserId

_place = CollectionRows("place")
"""The collection that a version is in."""


class SqlMembershipStore:
    """Docstrings of the methods: `storage.metadata.artifacts.base.MembershipStore`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def find(self, collection: CollectionId, artifact: ArtifactId) -> Membership | None:
        """Docstring inherited."""
        return self._one(
            _places().where(memberships.c.collection_id == collection, memberships.c.artifact_id == artifact)
        )

    def find_by_alias(self, collection: CollectionId, alias: str) -> Membership | None:
        """Docstring inherited."""
        statement = _places().where(memberships.c.collection_id == collection)
        index = parse_version(alias)
        if index is None:
            holder = select(aliases.c.artifact_id).where(
                aliases.c.collection_id == collection, aliases.c.alias == alias
            )
            return self._one(statement.where(memberships.c.artifact_id == holder.scalar_subquery()))
        # Larger numbers do not fit the column, and no collection gets there.
        return None if index >= 2**31 else self._one(statement.where(memberships.c.version_index == index))

    def search(self, collections: Sequence[CollectionId], query: VersionQuery) -> tuple[list[Membership], int]:
        """Docstring inherited."""
        is_searched = memberships.c.collection_id.in_(list(collections))
        if query.filter == EVERYTHING:
            total = self._connection.execute(
                select(func.count())
                .select_from(memberships.join(versions, versions.c.id == memberships.c.artifact_id))
                .where(is_searched, is_committed())
            ).scalar_one()
            page = _places().where(is_searched).order_by(*_order(query.order))
            return self._read(page.limit(query.limit).offset(query.offset)), total
        matching = search_places(self._connection, is_searched, query.filter, _order(query.order))
        keys = matching[query.offset : query.offset + query.limit]
        some = _places().where(is_searched, memberships.c.artifact_id.in_([artifact for _, artifact in keys]))
        found = {(place.collection.id, place.version.id): place for place in self._read(some)}
        return [found[key] for key in keys if key in found], len(matching)

    def list_of(self, artifact: ArtifactId, *, limit: int = 500, offset: int = 0) -> tuple[list[Membership], int]:
        """Docstring inherited."""
        statement = _places().where(memberships.c.artifact_id == artifact)
        total = self._connection.execute(
            select(func.count()).select_from(statement.with_only_columns(memberships.c.collection_id).subquery())
        ).scalar_one()
        page = statement.order_by(
            memberships.c.collection_id != versions.c.collection_id,
            memberships.c.created_at,
            memberships.c.collection_id,
        )
        return self._read(page.limit(limit).offset(offset)), total

    def add(self, collection: CollectionId, artifact: ArtifactId, maker: Maker, now: datetime) -> Membership:
        """Docstring inherited."""
        # Counting up first locks the collection, so that of two callers the second sees the place.
        next_index = self._connection.execute(
            update(collections)
            .where(collections.c.id == collection)
            .values(next_version_index=collections.c.next_version_index + 1)
            .returning(collections.c.next_version_index)
        ).scalar_one()
        known = self.find(collection, artifact)
        if known is not None:
            self._connection.execute(
                update(collections).where(collections.c.id == collection).values(next_version_index=next_index - 1)
            )
            return known
        self._connection.execute(
            insert(memberships).values(
                collection_id=collection,
                artifact_id=artifact,
                version_index=next_index - 1,
                created_at=now,
                created_by_run=maker.run,
                created_by_user=maker.user,
            )
        )
        added = self.find(collection, artifact)
        if added is None:
            raise ArtifactNotFound(str(artifact))
        return added

    def remove(self, collection: CollectionId, artifact: ArtifactId) -> None:
        """Docstring inherited."""
        for table in (aliases, memberships):
            self._connection.execute(
                delete(table).where(table.c.collection_id == collection, table.c.artifact_id == artifact)
            )

    def put_aliases(self, collection: CollectionId, artifact: ArtifactId, names: Iterable[str], now: datetime) -> None:
        """Docstring inherited."""
        place = select(memberships.c.version_index).where(
            memberships.c.collection_id == collection, memberships.c.artifact_id == artifact
        )
        if self._connection.execute(place).one_or_none() is None:
            raise ArtifactNotFound(str(artifact))
        # Sorted, so that two writers take the rows in one order and cannot lock each other out.
        for alias in sorted(set(names)):
            self._connection.execute(self._set_alias(collection, alias, artifact, now))

    def _set_alias(self, collection: CollectionId, alias: str, artifact: ArtifactId, now: datetime) -> Any:
        statement = insert_into(self._connection, aliases).values(
            collection_id=collection, alias=alias, artifact_id=artifact, set_at=now
        )
        return statement.on_conflict_do_update(
            index_elements=[aliases.c.collection_id, aliases.c.alias],
            set_={"artifact_id": artifact, "set_at": now},
        )

    def remove_aliases(self, collection: CollectionId, artifact: ArtifactId, names: Iterable[str]) -> None:
        """Docstring inherited."""
        self._connection.execute(
            delete(aliases).where(
                aliases.c.collection_id == collection,
                aliases.c.artifact_id == artifact,
                aliases.c.alias.in_(list(names)),
            )
        )

    def list_aliases(self, collection: CollectionId) -> list[str]:
        """Docstring inherited."""
        statement = select(aliases.c.alias).where(aliases.c.collection_id == collection).order_by(aliases.c.alias)
        return list(self._connection.execute(statement).scalars())

    def list_aliases_of(self, artifacts: Sequence[ArtifactId]) -> dict[ArtifactId, list[AliasRecord]]:
        """Docstring inherited."""
        found: dict[ArtifactId, list[AliasRecord]] = {artifact: [] for artifact in artifacts}
        source = _place.joined(aliases.join(versions, versions.c.id == aliases.c.artifact_id), aliases.c.collection_id)
        for some in chunks(artifacts):
            statement = (
                select(aliases.c.artifact_id, aliases.c.alias, *_place.columns)
                .select_from(source)
                .where(aliases.c.artifact_id.in_(some), _place.is_there)
                .order_by(aliases.c.collection_id != versions.c.collection_id, aliases.c.collection_id, aliases.c.alias)
            )
            for row in self._connection.execute(statement):
                found[ArtifactId(row.artifact_id)].append(AliasRecord(_place.value(row), row.alias))
        return found

    def _one(self, statement: Select[Any]) -> Membership | None:
        found = self._read(statement)
        return found[0] if found else None

    def _read(self, statement: Select[Any]) -> list[Membership]:
        rows = list(self._connection.execute(statement).all())
        found = read_versions(self._connection, rows)
        held = self._aliases_at([(row.place_id, row.id) for row in rows])
        return [
            Membership(
                collection=_place.value(row),
                version=version,
                version_index=row.place_version_index,
                created_at=row.place_since,
                maker=Maker(
                    run=None if row.place_by_run is None else RunKey(row.place_by_run),
                    user=None if row.place_by_user is None else UserId(row.place_by_user),
                ),
                aliases=version.aliases if row.place_id == row.own_id else held.get((row.place_id, row.id), ()),
            )
            for row, version in zip(rows, found, strict=True)
        ]

    def _aliases_at(self, places: Sequence[tuple[int, int]]) -> dict[tuple[int, int], tuple[str, ...]]:
        """Aliases by collection and version."""
        held: dict[tuple[int, int], tuple[str, ...]] = {}
        for some in chunks([artifact for _, artifact in places]):
            holders = (
                select(aliases.c.collection_id, aliases.c.artifact_id, aliases.c.alias)
                .where(aliases.c.artifact_id.in_(some))
                .order_by(aliases.c.alias)
            )
            for collection, artifact, alias in self._connection.execute(holders):
                held[collection, artifact] = (*held.get((collection, artifact), ()), alias)
        return held


def _order(order: Order) -> tuple[Any, ...]:
    columns = {
        "version_index": memberships.c.version_index,
        "created_at": versions.c.created_at,
        "updated_at": versions.c.updated_at,
        "size": versions.c.size_bytes,
        "linked_at": memberships.c.created_at,
    }
    keys = (columns[order.field.name], memberships.c.version_index, memberships.c.collection_id)
    return tuple(key.desc() if order.descending else key.asc() for key in keys)


def _places() -> Select[Any]:
    """Places of committed versions in collections that are there."""
    source = _place.joined(
        memberships.join(versions, versions.c.id == memberships.c.artifact_id), memberships.c.collection_id
    )
    return select_versions(
        source,
        *_place.columns,
        memberships.c.version_index.label("place_version_index"),
        memberships.c.created_at.label("place_since"),
        memberships.c.created_by_run.label("place_by_run"),
        memberships.c.created_by_user.label("place_by_user"),
    ).where(_place.is_there, _place.table.c.deleted_at.is_(None), is_committed())
