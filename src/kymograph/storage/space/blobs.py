"""Stored content in SQL.

How content that is asked for again does not meet its own deletion: a draft that announces content whose counters are
zero *updates* its row; `doom` *deletes* rows by conditions on the row itself. On PostgreSQL whoever comes second waits
for the first and then looks again: a deletion finds `wanted_at` to be new and leaves the row; an announcement finds no
row and makes a new one, with an object key of its own. The object behind a doomed row can go at any later time.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, and_, bindparam, delete, exists, func, select, update

from kymograph.core.digest import DigestAlgorithm
from kymograph.core.space import Blob, ContentName, Freed
from kymograph.errors import ServerBusy
from kymograph.storage.metadata.sql import chunks, insert_into
from kymograph.storage.metadata.tables import manifests, versions
from kymograph.storage.space.base import Doomed
from kymograph.storage.space.bulk import among
from kymograph.storage.space.tables import blobs, doomed_objects, draft_files, entries
from kymograph.types import ArtifactId, BlobId, Digest, ObjectKey, ProjectId

_ATTEMPTS = 3


class SqlBlobStore:
    """Docstrings of the methods: `storage.space.base.BlobStore`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def find(self, project: ProjectId, digest: Digest) -> Blob | None:
        """Docstring inherited."""
        statement = _blobs().where(
            blobs.c.project_id == project, blobs.c.digest == digest, blobs.c.size_bytes.is_not(None)
        )
        row = self._connection.execute(statement.limit(1)).one_or_none()
        return None if row is None else _blob(row)

    def find_many(
        self, project: ProjectId, digests: Sequence[Digest], *, algorithm: DigestAlgorithm = DigestAlgorithm.MD5
    ) -> dict[Digest, Blob]:
        """Docstring inherited."""
        rows = self._rows(project, digests, algorithm)
        return {Digest(row.digest): _blob(row) for row in rows if row.size_bytes is not None}

    def find_in_version(
        self, artifact: ArtifactId, digests: Sequence[Digest], *, algorithm: DigestAlgorithm = DigestAlgorithm.MD5
    ) -> dict[Digest, Blob]:
        """Docstring inherited."""
        found: dict[Digest, Blob] = {}
        for some in chunks(list(dict.fromkeys(digests))):
            held = select(entries.c.blob_id).where(entries.c.artifact_id == artifact, entries.c.digest.in_(some))
            statement = _blobs().where(
                blobs.c.id.in_(held), blobs.c.algorithm == algorithm.value, blobs.c.size_bytes.is_not(None)
            )
            found.update((Digest(row.digest), _blob(row)) for row in self._connection.execute(statement))
        return found

    def announce(
        self,
        project: ProjectId,
        names: Sequence[ContentName],
        *,
        algorithm: DigestAlgorithm,
        new_key: Callable[[ProjectId, Digest], ObjectKey],
        now: datetime,
    ) -> dict[Digest, Blob]:
        """Docstring inherited."""
        first_named: dict[Digest, ArtifactId] = {}
        for name in names:
            first_named.setdefault(name.digest, name.artifact)
        found: dict[Digest, Blob] = {}
        for _ in range(_ATTEMPTS):
            wanted = [digest for digest in first_named if digest not in found]
            if not wanted:
                break
            found.update(self._take(project, wanted, algorithm, now))
            missing = sorted(digest for digest in first_named if digest not in found)
            self._insert(
                {
                    "project_id": project,
                    "algorithm": algorithm.value,
                    "digest": digest,
                    "object_key": new_key(project, digest),
                    "wanted_at": now,
                    "birth_artifact_id": first_named[digest],
                }
                for digest in missing
            )
        else:
            found.update(self._take(project, [digest for digest in first_named if digest not in found], algorithm, now))
            if len(found) < len(first_named):
                raise ServerBusy("content is announced and collected at the same time")
        self._put_names({(name.artifact, name.path): found[name.digest].id for name in names})
        return self._with_births(found, first_named)

    def _take(
        self, project: ProjectId, digests: Sequence[Digest], algorithm: DigestAlgorithm, now: datetime
    ) -> dict[Digest, Blob]:
        """Content that is there, and stays for a while from now on."""
        rows = self._rows(project, digests, algorithm)
        # What a version names is safe until that version is purged, and then the draft's own name has long been seen.
        unnamed = sorted(row.id for row in rows if not row.refs and not row.trashed)
        kept: set[int] = set()
        for some in chunks(unnamed):
            statement = update(blobs).where(among(self._connection, blobs.c.id, some)).values(wanted_at=now)
            kept.update(self._connection.execute(statement.returning(blobs.c.id)).scalars())
        return {Digest(row.digest): _blob(row) for row in rows if row.refs or row.trashed or row.id in kept}

    def _insert(self, rows: Iterable[dict[str, Any]]) -> None:
        values = list(rows)
        if values:
            self._connection.execute(insert_into(self._connection, blobs).on_conflict_do_nothing(), values)

    def _put_names(self, named: dict[tuple[ArtifactId, str], BlobId]) -> None:
        rows = [
            {"artifact_id": artifact, "path": path, "blob_id": blob} for (artifact, path), blob in sorted(named.items())
        ]
        if rows:
            statement = insert_into(self._connection, draft_files)
            statement = statement.on_conflict_do_update(
                index_elements=[draft_files.c.artifact_id, draft_files.c.path],
                set_={"blob_id": statement.excluded.blob_id},
            )
            self._connection.execute(statement, rows)

    def _with_births(self, found: dict[Digest, Blob], drafts: dict[Digest, ArtifactId]) -> dict[Digest, Blob]:
        births = {blob.birth for blob in found.values() if blob.birth is not None}
        condition = among(self._connection, versions.c.id, births)
        alive = set(self._connection.execute(select(versions.c.id).where(condition)).scalars())
        for digest, blob in found.items():
            if blob.birth not in alive:
                born = drafts[digest]
                self._connection.execute(update(blobs).where(blobs.c.id == blob.id).values(birth_artifact_id=born))
                found[digest] = Blob(
                    blob.id, blob.project_id, blob.algorithm, digest, blob.object_key, blob.size_bytes, born
                )
        return found

    def mark_stored(
        self, object_key: ObjectKey, size_bytes: int, now: datetime, *, xxh128: Digest | None = None
    ) -> None:
        """Docstring inherited."""
        self._connection.execute(
            update(blobs)
            .where(blobs.c.object_key == object_key, blobs.c.size_bytes.is_(None))
            .values(size_bytes=size_bytes, stored_at=now, xxh128=xxh128)
        )

    def find_awaited(
        self, project: ProjectId, digests: Sequence[Digest], *, algorithm: DigestAlgorithm
    ) -> dict[Digest, ObjectKey]:
        """Docstring inherited."""
        rows = self._rows(project, digests, algorithm)
        return {Digest(row.digest): ObjectKey(row.object_key) for row in rows if row.size_bytes is None}

    def mark_many_stored(self, sizes: Mapping[ObjectKey, int], now: datetime) -> None:
        """Docstring inherited."""
        if sizes:
            statement = (
                update(blobs)
                .where(blobs.c.object_key == bindparam("key"), blobs.c.size_bytes.is_(None))
                .values(size_bytes=bindparam("size"), stored_at=now)
            )
            # In one order, so that two of these never wait for each other.
            self._connection.execute(statement, [{"key": key, "size": size} for key, size in sorted(sizes.items())])

    def adopt(
        self,
        project: ProjectId,
        digest: Digest,
        *,
        algorithm: DigestAlgorithm,
        key: ObjectKey,
        size_bytes: int,
        now: datetime,
        xxh128: Digest | None = None,
    ) -> bool:
        """Docstring inherited."""
        awaited = and_(
            blobs.c.project_id == project,
            blobs.c.digest == digest,
            blobs.c.algorithm == algorithm.value,
            blobs.c.size_bytes.is_(None),
        )
        arrived = {"object_key": key, "size_bytes": size_bytes, "xxh128": xxh128, "stored_at": now}
        if self._connection.execute(update(blobs).where(awaited).values(**arrived)).rowcount:
            return True
        self._insert(
            [
                {
                    "project_id": project,
                    "algorithm": algorithm.value,
                    "digest": digest,
                    **arrived,
                    "wanted_at": now,
                }
            ]
        )
        return any(row.object_key == key for row in self._rows(project, [digest], algorithm))

    # --- collecting --------------------------------------------------------------------------------------------------

    def doom(self, project: ProjectId, *, before: datetime, limit: int) -> int:
        """Docstring inherited."""
        is_stale = _is_stale(before)
        some = select(blobs.c.id).where(blobs.c.project_id == project, is_stale, ~_has_draft()).limit(limit)
        statement = delete(blobs).where(blobs.c.id.in_(some), is_stale)
        gone = self._connection.execute(statement.returning(blobs.c.object_key, blobs.c.size_bytes)).all()
        put_doomed(self._connection, [(key, size) for key, size in gone], before)
        return len(gone)

    def projects_with_unnamed(self, *, before: datetime) -> list[ProjectId]:
        """Docstring inherited."""
        statement = select(blobs.c.project_id).where(_is_stale(before), ~_has_draft()).distinct()
        return [ProjectId(project) for project in self._connection.execute(statement).scalars()]

    def measure_unnamed(self, *, before: datetime, besides: Collection[ArtifactId] = ()) -> Freed:
        """Docstring inherited."""
        is_held = exists().where(
            draft_files.c.blob_id == blobs.c.id, ~among(self._connection, draft_files.c.artifact_id, besides)
        )
        statement = select(func.count(), func.coalesce(func.sum(blobs.c.size_bytes), 0)).where(
            _is_stale(before), ~is_held, blobs.c.size_bytes.is_not(None)
        )
        count, size = self._connection.execute(statement).one()
        return Freed(objects=count, size_bytes=int(size))

    def list_doomed(self, *, limit: int) -> list[Doomed]:
        """Docstring inherited."""
        statement = select(doomed_objects).order_by(doomed_objects.c.object_key).limit(limit)
        return [Doomed(ObjectKey(row.object_key), row.size_bytes) for row in self._connection.execute(statement)]

    def forget_doomed(self, keys: Sequence[ObjectKey]) -> None:
        """Docstring inherited."""
        for some in chunks(keys):
            self._connection.execute(delete(doomed_objects).where(doomed_objects.c.object_key.in_(some)))

    def known_objects(self, keys: Sequence[ObjectKey]) -> set[ObjectKey]:
        """Docstring inherited."""
        found: set[ObjectKey] = set()
        for some in chunks(keys):
            for column in (blobs.c.object_key, manifests.c.object_key, doomed_objects.c.object_key):
                rows = self._connection.execute(select(column).where(column.in_(some)))
                found.update(ObjectKey(key) for key in rows.scalars())
        return found

    def list_projects(self) -> list[ProjectId]:
        """Docstring inherited."""
        statement = select(blobs.c.project_id).distinct().order_by(blobs.c.project_id)
        return [ProjectId(project) for project in self._connection.execute(statement).scalars()]

    def list_stored(self, project: ProjectId, *, after: BlobId | None = None, limit: int) -> list[Blob]:
        """Docstring inherited."""
        statement = _blobs().where(
            blobs.c.project_id == project,
            blobs.c.id > (after or 0),
            blobs.c.size_bytes.is_not(None),
            blobs.c.refs + blobs.c.trashed > 0,
        )
        return [_blob(row) for row in self._connection.execute(statement.order_by(blobs.c.id).limit(limit))]

    def _rows(self, project: ProjectId, digests: Sequence[Digest], algorithm: DigestAlgorithm) -> list[Row[Any]]:
        rows: list[Row[Any]] = []
        for some in chunks(list(dict.fromkeys(digests))):
            statement = _blobs().where(
                blobs.c.project_id == project, blobs.c.digest.in_(some), blobs.c.algorithm == algorithm.value
            )
            rows += self._connection.execute(statement)
        return rows


def put_doomed(connection: Connection, objects: Sequence[tuple[str, int | None]], now: datetime) -> None:
    """Let objects go that nothing names any more."""
    if objects:
        rows = [{"object_key": key, "size_bytes": size, "doomed_at": now} for key, size in objects]
        connection.execute(insert_into(connection, doomed_objects).on_conflict_do_nothing(), rows)


def _is_stale(before: datetime) -> Any:
    return and_(blobs.c.refs == 0, blobs.c.trashed == 0, blobs.c.wanted_at < before)


def _has_draft() -> Any:
    return exists().where(draft_files.c.blob_id == blobs.c.id)


def _blobs() -> Select[Any]:
    return select(
        blobs.c.id,
        blobs.c.project_id,
        blobs.c.algorithm,
        blobs.c.digest,
        blobs.c.object_key,
        blobs.c.size_bytes,
        blobs.c.birth_artifact_id,
        blobs.c.refs,
        blobs.c.trashed,
    )


def _blob(row: Row[Any]) -> Blob:
    return Blob(
        id=BlobId(row.id),
        project_id=ProjectId(row.project_id),
        algorithm=DigestAlgorithm(row.algorithm),
        digest=Digest(row.digest),
        object_key=ObjectKey(row.object_key),
        size_bytes=row.size_bytes,
        birth=None if row.birth_artifact_id is None else ArtifactId(row.birth_artifact_id),
    )
