"""Manifest documents of versions in SQL."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Row, Select, insert, select, update

from kymograph.core.artifact import ManifestKind, ManifestRecord
from kymograph.errors import ArtifactNotFound
from kymograph.storage.metadata.tables import manifests
from kymograph.types import ArtifactId, Digest, ManifestId, ObjectKey


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

    def mark_stored(self, object_key: ObjectKey, size_bytes: int) -> None:
        """Docstring inherited."""
        statement = update(manifests).where(manifests.c.object_key == object_key)
        self._connection.execute(statement.values(size_bytes=size_bytes))

    def _one(self, statement: Select[Any]) -> ManifestRecord | None:
        row = self._connection.execute(statement).one_or_none()
        return None if row is None else _manifest(row)


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
