"""Files announced for versions in SQL: the index of stored bytes by digest."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, Select, select, update

from kymograph.core.artifact import ArtifactFile
from kymograph.core.digest import DigestAlgorithm
from kymograph.errors import ArtifactNotFound
from kymograph.storage.metadata.sql import chunks, insert_into
from kymograph.storage.metadata.tables import artifact_files, collections, versions
from kymograph.types import ArtifactId, Digest, FilePath, ObjectKey, ProjectId

_REPLACED = ("digest", "digest_algorithm", "size_bytes", "object_key", "mimetype")
"""What another announcement for the same path changes."""


class SqlArtifactFileStore:
    """Docstrings of the methods: `storage.metadata.artifacts.base.ArtifactFileStore`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def put(self, file: ArtifactFile) -> ArtifactFile:
        """Docstring inherited."""
        project = self._connection.execute(
            select(collections.c.project_id).join(versions).where(versions.c.id == file.artifact_id)
        ).scalar_one_or_none()
        if project is None:
            raise ArtifactNotFound(str(file.artifact_id))
        statement = insert_into(self._connection, artifact_files).values(
            artifact_id=file.artifact_id,
            path=file.path,
            project_id=project,
            digest=file.digest,
            size_bytes=file.size_bytes,
            object_key=file.object_key,
            mimetype=file.mimetype,
            digest_algorithm=file.algorithm.value,
        )
        self._connection.execute(
            statement.on_conflict_do_update(
                index_elements=[artifact_files.c.artifact_id, artifact_files.c.path],
                set_={name: statement.excluded[name] for name in _REPLACED},
            )
        )
        return file

    def find(self, artifact: ArtifactId, path: str) -> ArtifactFile | None:
        """Docstring inherited."""
        return self._one(
            select(artifact_files).where(artifact_files.c.artifact_id == artifact, artifact_files.c.path == path)
        )

    def find_blob(self, project: ProjectId, digest: Digest) -> ArtifactFile | None:
        """Docstring inherited."""
        for algorithm in DigestAlgorithm:
            blob = self.find_blobs(project, [digest], algorithm=algorithm).get(digest)
            if blob is not None:
                return blob
        return None

    def find_blobs(
        self, project: ProjectId, digests: Sequence[Digest], *, algorithm: DigestAlgorithm = DigestAlgorithm.MD5
    ) -> dict[Digest, ArtifactFile]:
        """Docstring inherited."""
        found: dict[Digest, ArtifactFile] = {}
        for some in chunks(list(dict.fromkeys(digests))):
            statement = select(artifact_files).where(
                artifact_files.c.project_id == project,
                artifact_files.c.digest.in_(some),
                artifact_files.c.digest_algorithm == algorithm.value,
                artifact_files.c.size_bytes.is_not(None),
            )
            # The oldest version comes last and stays.
            for row in self._connection.execute(statement.order_by(artifact_files.c.artifact_id.desc())):
                found[Digest(row.digest)] = _file(row)
        return found

    def mark_stored(self, object_key: ObjectKey, size_bytes: int) -> None:
        """Docstring inherited."""
        self._connection.execute(
            update(artifact_files).where(artifact_files.c.object_key == object_key).values(size_bytes=size_bytes)
        )

    def _one(self, statement: Select[Any]) -> ArtifactFile | None:
        row = self._connection.execute(statement).one_or_none()
        return None if row is None else _file(row)


def _file(row: Row[Any]) -> ArtifactFile:
    return ArtifactFile(
        artifact_id=ArtifactId(row.artifact_id),
        path=FilePath(row.path),
        digest=Digest(row.digest),
        size_bytes=row.size_bytes,
        object_key=ObjectKey(row.object_key),
        mimetype=row.mimetype,
        algorithm=DigestAlgorithm(row.digest_algorithm),
    )
