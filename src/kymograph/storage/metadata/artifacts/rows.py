"""Rows of versions and collections as values, for all artifact stores."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, FromClause, Row, Select, and_, select

from kymograph.core.artifact import ArtifactState, ArtifactVersion, Collection, CollectionKind
from kymograph.core.digest import DigestAlgorithm
from kymograph.storage.metadata.sql import chunks
from kymograph.storage.metadata.tables import aliases, collections, entities, memberships, projects, versions
from kymograph.types import (
    ArtifactId,
    CollectionId,
    EntityName,
    ManifestDigest,
    ProjectId,
    ProjectName,
    RunKey,
    UserId,
)


class CollectionRows:
    """Collections with the names of project and entity, in one role in a statement.

    A statement about places meets two collections: the one that a version is in, and the one where it was made.
    """

    def __init__(self, role: str) -> None:
        """Build the tables of a role.

        Args:
            role: Prefix of the names in the statement.
        """
        self._role = role
        self.table = collections.alias(f"{role}_collections")
        self._projects = projects.alias(f"{role}_projects")
        self._entities = entities.alias(f"{role}_entities")
        self.columns = (
            *(column.label(f"{role}_{column.name}") for column in self.table.c),
            self._projects.c.name.label(f"{role}_project"),
            self._entities.c.name.label(f"{role}_entity"),
        )
        self.is_there = self._projects.c.deleted_at.is_(None)
        """Whether the project is there; deleted collections are still found."""

    def joined(self, source: FromClause | None = None, key: Any = None) -> FromClause:
        """The tables alone, or joined to others by a column that holds a collection's id."""
        first = self.table if source is None else source.join(self.table, self.table.c.id == key)
        return first.join(self._projects, self._projects.c.id == self.table.c.project_id).join(
            self._entities, self._entities.c.id == self._projects.c.entity_id
        )

    def value(self, row: Row[Any]) -> Collection:
        """The collection in a row."""
        fields = row._mapping
        get = {name: fields[f"{self._role}_{name}"] for name in _COLLECTION_FIELDS}
        return Collection(
            id=CollectionId(get["id"]),
            project_id=ProjectId(get["project_id"]),
            entity=EntityName(get["entity"]),
            project=ProjectName(get["project"]),
            kind=CollectionKind(get["kind"]),
            type_name=get["type_name"],
            name=get["name"],
            description=get["description"],
            created_at=get["created_at"],
            updated_at=get["updated_at"],
            client_id=get["client_id"],
            tags=get["tags"],
            digest_algorithm=DigestAlgorithm(get["digest_algorithm"]),
            is_deleted=get["deleted_at"] is not None,
        )


_COLLECTION_FIELDS = (*(column.name for column in collections.c), "project", "entity")

own = CollectionRows("own")
"""The sequence that a version was made in."""
_own_places = memberships.alias("own_places")

_VERSION_COLUMNS = (
    *(
        versions.c[name]
        for name in (
            "id",
            "state",
            "digest",
            "digest_algorithm",
            "description",
            "metadata_json",
            "created_at",
            "updated_at",
            "created_by_run",
            "client_id",
            "size_bytes",
            "file_count",
            "history_step",
            "ttl_duration_s",
            "tags",
        )
    ),
    _own_places.c.version_index.label("own_version_index"),
    _own_places.c.created_by_user.label("own_created_by_user"),
)


def select_versions(source: FromClause = versions, *more: Any) -> Select[Any]:
    """Versions in whatever state, of deleted projects too: links keep a version readable.

    Args:
        source: What the statement is about; holds `versions`.
        more: Columns beside those that `read_versions` needs.
    """
    tables = own.joined(source, versions.c.collection_id).outerjoin(
        _own_places,
        and_(_own_places.c.artifact_id == versions.c.id, _own_places.c.collection_id == versions.c.collection_id),
    )
    return select(*_VERSION_COLUMNS, *own.columns, *more).select_from(tables)


def by_version_index(*, descending: bool) -> Any:
    """The order of versions in their own sequence."""
    column = _own_places.c.version_index
    return column.desc() if descending else column.asc()


def is_committed() -> Any:
    """The condition on versions that others may see."""
    return versions.c.state == ArtifactState.COMMITTED.value


def read_versions(connection: Connection, rows: list[Row[Any]]) -> list[ArtifactVersion]:
    """Rows of `select_versions` as values, with the aliases in their own sequences."""
    held: dict[tuple[int, int], list[str]] = {}
    for some in chunks([row.id for row in rows]):
        holders = (
            select(aliases.c.artifact_id, aliases.c.collection_id, aliases.c.alias)
            .where(aliases.c.artifact_id.in_(some))
            .order_by(aliases.c.alias)
        )
        for artifact, collection, alias in connection.execute(holders):
            held.setdefault((artifact, collection), []).append(alias)
    return [_version(row, tuple(held.get((row.id, row.own_id), ()))) for row in rows]


def _version(row: Row[Any], held: tuple[str, ...]) -> ArtifactVersion:
    return ArtifactVersion(
        id=ArtifactId(row.id),
        collection=own.value(row),
        state=ArtifactState(row.state),
        version_index=row.own_version_index,
        digest=ManifestDigest(row.digest),
        description=row.description,
        metadata_json=row.metadata_json,
        created_at=row.created_at,
        updated_at=row.updated_at,
        created_by_run=None if row.created_by_run is None else RunKey(row.created_by_run),
        client_id=row.client_id,
        size_bytes=row.size_bytes,
        file_count=row.file_count,
        history_step=row.history_step,
        ttl_duration_s=row.ttl_duration_s,
        aliases=held,
        tags=row.tags,
        digest_algorithm=DigestAlgorithm(row.digest_algorithm),
        created_by_user=None if row.own_created_by_user is None else UserId(row.own_created_by_user),
    )
