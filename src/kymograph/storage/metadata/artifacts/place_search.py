"""Filters on the versions in collections: which places match."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, select

from kymograph.core.filters import Field, Filter, Scope
from kymograph.storage.metadata.artifacts.matching import (
    ValuesOf,
    looks_at,
    looks_at_metadata,
    metadata_values,
    select_matching,
    text_of,
)
from kymograph.storage.metadata.artifacts.rows import is_committed
from kymograph.storage.metadata.tables import aliases, collections, memberships, versions
from kymograph.types import ArtifactId, CollectionId, JsonScalar

_COLUMNS = {
    "id": versions.c.id,
    "state": versions.c.state,
    "tag": versions.c.tags,
    "version_index": memberships.c.version_index,
    "digest": versions.c.digest,
    "description": versions.c.description,
    "type": collections.c.type_name,
    "size": versions.c.size_bytes,
    "created_at": versions.c.created_at,
    "updated_at": versions.c.updated_at,
    "linked_at": memberships.c.created_at,
}
_TIMES = ("created_at", "updated_at", "linked_at")


def search_places(
    connection: Connection, is_searched: Any, filter_: Filter, order: Sequence[Any]
) -> list[tuple[CollectionId, ArtifactId]]:
    """Places of committed versions that match, in order.

    Reads only the columns that the filter asks for: metadata can be large.

    Args:
        connection: Where.
        is_searched: Condition on `memberships`.
        filter_: Of `core.artifact_filters.parse_version_filter`.
        order: What to sort by.

    Raises:
        InvalidFilter: A value that its field cannot be compared with, or a pattern that takes too long.
    """
    columns: list[Any] = [column.label(name) for name, column in _COLUMNS.items() if looks_at(filter_, name)]
    if looks_at_metadata(filter_):
        columns.append(versions.c.metadata_json)
    held = _aliases(connection, is_searched) if looks_at(filter_, "alias") else {}
    statement = (
        select(memberships.c.collection_id, memberships.c.artifact_id, *columns)
        .select_from(
            memberships.join(versions, versions.c.id == memberships.c.artifact_id).join(
                collections, collections.c.id == memberships.c.collection_id
            )
        )
        .where(is_searched, is_committed(), collections.c.deleted_at.is_(None))
        .order_by(*order)
    )
    matching = select_matching(connection.execute(statement), filter_, lambda row: _values_of(row, held))
    return [(CollectionId(row.collection_id), ArtifactId(row.artifact_id)) for row in matching]


def _aliases(connection: Connection, is_searched: Any) -> dict[tuple[int, int], list[str]]:
    held: dict[tuple[int, int], list[str]] = {}
    places = select(memberships.c.collection_id).where(is_searched).distinct()
    statement = select(aliases.c.collection_id, aliases.c.artifact_id, aliases.c.alias)
    for row in connection.execute(statement.where(aliases.c.collection_id.in_(places))):
        held.setdefault((row.collection_id, row.artifact_id), []).append(row.alias)
    return held


def _values_of(row: Row[Any], held: dict[tuple[int, int], list[str]]) -> ValuesOf:
    def values(field: Field) -> Sequence[JsonScalar]:
        if field.scope is Scope.METADATA:
            return metadata_values(row.metadata_json, field.name)
        if field.name == "alias":
            return held.get((row.collection_id, row.artifact_id), ())
        found = row._mapping[field.name]
        if field.name == "tag":
            tags: Sequence[JsonScalar] = found
            return tags
        if field.name in _TIMES:
            return (text_of(found),)
        if field.name == "version_index":
            return (found, f"v{found}")
        return () if found is None else (found,)

    return values
