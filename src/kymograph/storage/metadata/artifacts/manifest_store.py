"""Manifest documents and entries of versions in SQL."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, Row, Select, delete, func, insert, select, update

from kymograph.core.artifact import EntryRecord, ManifestKind, ManifestRecord
from kymograph.errors import ArtifactNotFound
from kymograph.storage.metadata.tables import entries as entries_table
from kymograph.storage.metadata.tables import manifests
from kymograph.types import ArtifactId, Digest, FilePath, ManifestId, ObjectKey


class SqlManifestStore:
    """Docstrings of the methods: `storage.metadata.artifacts.base.ManifestStore`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def create(
        self,
        artifact: ArtifactId,
        *,
        name: str,
        kind: ManifestKind,
        digest: Digest | None,
        object_key: ObjectKey,
        base: ArtifactId | None = None,
    ) -> ManifestRecord:
        """Docstring inherited."""
        row = self._connection.execute(
            insert(manifests)
            .values(
                artifact_id=artifact,
                kind=kind.value,
                name=name,
                digest=digest,
                object_key=object_key,
                base_artifact_id=base,
            )
            .returning(*manifests.c)
        ).one()
        return _manifest(row)

    def update(self, manifest: ManifestId, *, digest: Digest, base: ArtifactId | None = None) -> ManifestRecord:
        """Docstring inherited."""
        changes: dict[str, Any] = {"digest": digest} if base is None else {"digest": digest, "base_artifact_id": base}
        statement = update(manifests).where(manifests.c.id == manifest).values(**changes).returning(*manifests.c)
        row = self._connection.execute(statement).one_or_none()
        if row is None:
            raise ArtifactNotFound(str(manifest))
        return _manifest(row)

    def find(self, manifest: ManifestId) -> ManifestRecord | None:
        """Docstring inherited."""
        return self._one(select(manifests).where(manifests.c.id == manifest))

    def current(self, artifact: ArtifactId) -> ManifestRecord | None:
        """Docstring inherited."""
        return self._one(
            select(manifests)
            .where(manifests.c.artifact_id == artifact, manifests.c.digest.is_not(None))
            .order_by(manifests.c.id.desc())
            .limit(1)
        )

    def list_of(self, artifact: ArtifactId) -> list[ManifestRecord]:
        """Docstring inherited."""
        statement = select(manifests).where(manifests.c.artifact_id == artifact).order_by(manifests.c.id)
        return [_manifest(row) for row in self._connection.execute(statement)]

    def _one(self, statement: Select[Any]) -> ManifestRecord | None:
        row = self._connection.execute(statement).one_or_none()
        return None if row is None else _manifest(row)

    def put_entries(self, artifact: ArtifactId, entries: Iterable[EntryRecord]) -> None:
        """Docstring inherited."""
        self._connection.execute(delete(entries_table).where(entries_table.c.artifact_id == artifact))
        rows = [
            {
                "artifact_id": artifact,
                "path": entry.path,
                "digest": entry.digest,
                "size_bytes": entry.size_bytes,
                "object_key": entry.object_key,
            }
            for entry in entries
        ]
        if rows:
            self._connection.execute(insert(entries_table), rows)

    def list_entries(
        self, artifact: ArtifactId, *, names: Sequence[str] = (), after: str | None = None, limit: int = 1000
    ) -> tuple[list[EntryRecord], int]:
        """Docstring inherited."""
        conditions = [entries_table.c.artifact_id == artifact]
        if names:
            conditions.append(entries_table.c.path.in_(names))
        total = self._connection.execute(
            select(func.count()).select_from(entries_table).where(*conditions)
        ).scalar_one()
        if after is not None:
            conditions.append(entries_table.c.path > after)
        page = (
            select(entries_table.c.path, entries_table.c.digest, entries_table.c.size_bytes, entries_table.c.object_key)
            .where(*conditions)
            .order_by(entries_table.c.path)
            .limit(limit)
        )
        found = [
            EntryRecord(FilePath(path), Digest(digest), size, None if key is None else ObjectKey(key))
            for path, digest, size, key in self._connection.execute(page)
        ]
        return found, total

    def find_entry(self, artifact: ArtifactId, digest: Digest) -> EntryRecord | None:
        """Docstring inherited."""
        statement = select(entries_table.c.path, entries_table.c.size_bytes, entries_table.c.object_key).where(
            entries_table.c.artifact_id == artifact, entries_table.c.digest == digest
        )
        row = self._connection.execute(statement.limit(1)).one_or_none()
        if row is None:
            return None
        key = None if row.object_key is None else ObjectKey(row.object_key)
        return EntryRecord(FilePath(row.path), digest, row.size_bytes, key)


def _manifest(row: Row[Any]) -> ManifestRecord:
    return ManifestRecord(
        id=ManifestId(row.id),
        artifact_id=ArtifactId(row.artifact_id),
        kind=ManifestKind(row.kind),
        name=row.name,
        digest=None if row.digest is None else Digest(row.digest),
        object_key=ObjectKey(row.object_key),
        base=None if row.base_artifact_id is None else ArtifactId(row.base_artifact_id),
    )
