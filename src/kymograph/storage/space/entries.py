"""Entries of versions in SQL: many at once in, pages by path out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Select, delete, select

from kymograph.core.artifact import EntryRecord
from kymograph.storage.metadata.columns import escape_text
from kymograph.storage.metadata.sql import chunks
from kymograph.storage.metadata.tables import versions
from kymograph.storage.space.base import NewEntry
from kymograph.storage.space.tables import blobs, entries
from kymograph.types import ArtifactId, Digest, FilePath, ObjectKey

_COLUMNS = "artifact_id, path, digest, size_bytes, blob_id"


class SqlEntryStore:
    """Docstrings of the methods: `storage.space.base.EntryStore`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def drop(self, artifact: ArtifactId) -> None:
        """Docstring inherited."""
        self._connection.execute(delete(entries).where(entries.c.artifact_id == artifact))

    def add(self, artifact: ArtifactId, new: Sequence[NewEntry]) -> None:
        """Docstring inherited."""
        rows = (
            (artifact, escape_text(entry.path), escape_text(entry.digest), entry.size_bytes, entry.blob)
            for entry in new
        )
        if self._connection.dialect.name == "sqlite":
            statement = f"INSERT INTO {entries.name} ({_COLUMNS}) VALUES (?, ?, ?, ?, ?)"
            if new:
                self._connection.exec_driver_sql(statement, list(rows))
            return
        raw: Any = self._connection.connection.driver_connection
        with raw.cursor() as cursor, cursor.copy(f"COPY {entries.name} ({_COLUMNS}) FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)

    def list_page(
        self, artifact: ArtifactId, *, names: Sequence[str] | None = None, after: str | None = None, limit: int = 1000
    ) -> list[EntryRecord]:
        """Docstring inherited."""
        if names is None:
            return self._read(_entries(artifact, after).limit(limit))
        found: list[EntryRecord] = []
        for some in chunks(sorted(set(names))):
            if len(found) >= limit:
                break
            found += self._read(_entries(artifact, after).where(entries.c.path.in_(some)).limit(limit - len(found)))
        return found

    def count(self, artifact: ArtifactId) -> int:
        """Docstring inherited."""
        counted = select(versions.c.file_count).where(versions.c.id == artifact)
        return self._connection.execute(counted).scalar_one_or_none() or 0

    def find(self, artifact: ArtifactId, digest: Digest) -> EntryRecord | None:
        """Docstring inherited."""
        found = self._read(_entries(artifact, None).where(entries.c.digest == digest).limit(1))
        return found[0] if found else None

    def _read(self, statement: Select[Any]) -> list[EntryRecord]:
        return [
            EntryRecord(FilePath(path), Digest(digest), size, None if key is None else ObjectKey(key), xxh128)
            for path, digest, size, key, xxh128 in self._connection.execute(statement)
        ]


def _entries(artifact: ArtifactId, after: str | None) -> Select[Any]:
    statement = (
        select(entries.c.path, entries.c.digest, entries.c.size_bytes, blobs.c.object_key, blobs.c.xxh128)
        .select_from(entries.outerjoin(blobs, blobs.c.id == entries.c.blob_id))
        .where(entries.c.artifact_id == artifact)
        .order_by(entries.c.path)
    )
    return statement if after is None else statement.where(entries.c.path > after)
