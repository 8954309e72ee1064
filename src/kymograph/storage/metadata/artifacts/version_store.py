"""Artifact versions in SQL."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, and_, delete, insert, select, update

from kymograph.core.artifact import LATEST, ArtifactState, ArtifactVersion, CollectionKind, Maker, NewArtifact
from kymograph.errors import ArtifactNotFound, UsageError
from kymograph.storage.metadata.artifacts.collection_store import SqlCollectionStore
from kymograph.storage.metadata.artifacts.lineage_store import put_output
from kymograph.storage.metadata.artifacts.membership_store import SqlMembershipStore
from kymograph.storage.metadata.artifacts.rows import by_version_index, is_committed, read_versions, select_versions
from kymograph.storage.metadata.sql import chunks, insert_into
from kymograph.storage.metadata.tables import artifact_ids, client_ids, versions
from kymograph.types import ArtifactId, CollectionId, ManifestDigest


class SqlVersionStore:
    """Docstrings of the methods: `storage.metadata.artifacts.base.VersionStore`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def create(self, new: NewArtifact, now: datetime) -> ArtifactVersion:
        """Docstring inherited."""
        collection = SqlCollectionStore(self._connection).put(
            new.project_id,
            new.collection_name,
            kind=CollectionKind.SEQUENCE,
            type_name=new.type_name,
            now=now,
            client_id=new.sequence_client_id,
            digest_algorithm=new.digest_algorithm,
        )
        if collection.type_name != new.type_name:
            raise UsageError(
                f"Artifact {new.collection_name} already exists with type {collection.type_name!r}; "
                f"cannot create another with type {new.type_name!r}"
            )
        if collection.kind is not CollectionKind.SEQUENCE:
            raise UsageError(
                f"{new.collection_name!r} is a portfolio, which takes links only; log under another name and link there"
            )
        created = ArtifactId(
            self._connection.execute(
                insert(versions)
                .values(
                    id=self._next_id(),
                    collection_id=collection.id,
                    state=ArtifactState.PENDING.value,
                    digest=new.digest,
                    digest_algorithm=new.digest_algorithm.value,
                    description=new.description,
                    metadata_json=new.metadata_json,
                    created_at=now,
                    updated_at=now,
                    created_by_run=new.created_by_run,
                    client_id=new.client_id,
                    distributed_id=new.distributed_id,
                    history_step=new.history_step,
                    ttl_duration_s=new.ttl_duration_s,
                    wished_aliases=tuple(new.aliases),
                    tags=tuple(new.tags),
                )
                .returning(versions.c.id)
            ).scalar_one()
        )
        if new.client_id is not None:
            self.put_client_id(new.client_id, created)
        if new.created_by_run is not None:
            put_output(self._connection, new.created_by_run, created, now)
        return self._get(created)

    def _next_id(self) -> int:
        """An id that no version had, purged ones included."""
        number: int = self._connection.execute(insert(artifact_ids).values().returning(artifact_ids.c.id)).scalar_one()
        self._connection.execute(delete(artifact_ids).where(artifact_ids.c.id == number))
        return number

    def find(self, artifact: ArtifactId) -> ArtifactVersion | None:
        """Docstring inherited."""
        return self._one(select_versions().where(versions.c.id == artifact))

    def list_by_ids(self, artifacts: Sequence[ArtifactId]) -> list[ArtifactVersion]:
        """Docstring inherited."""
        found: dict[ArtifactId, ArtifactVersion] = {}
        for some in chunks(artifacts):
            rows = list(self._connection.execute(select_versions().where(versions.c.id.in_(some))).all())
            found.update({version.id: version for version in read_versions(self._connection, rows)})
        return [found[artifact] for artifact in artifacts if artifact in found]

    def touch_draft(self, artifact: ArtifactId, now: datetime) -> bool:
        """Docstring inherited."""
        is_draft = and_(versions.c.id == artifact, versions.c.state == ArtifactState.PENDING.value)
        return bool(self._connection.execute(update(versions).where(is_draft).values(updated_at=now)).rowcount)

    def put_client_id(self, client_id: str, target: ArtifactId) -> None:
        """Docstring inherited."""
        statement = insert_into(self._connection, client_ids).values(client_id=client_id, artifact_id=target)
        self._connection.execute(statement.on_conflict_do_nothing())

    def find_by_client_id(self, client_id: str) -> ArtifactVersion | None:
        """Docstring inherited."""
        meant = select(client_ids.c.artifact_id).where(client_ids.c.client_id == client_id)
        return self._one(select_versions().where(versions.c.id == meant.scalar_subquery()))

    def find_draft(self, collection: CollectionId, distributed_id: str) -> ArtifactVersion | None:
        """Docstring inherited."""
        return self._one(
            select_versions()
            .where(
                versions.c.collection_id == collection,
                versions.c.distributed_id == distributed_id,
                versions.c.state == ArtifactState.PENDING.value,
            )
            .order_by(versions.c.id)
            .limit(1)
        )

    def find_by_digest(self, collection: CollectionId, digest: str) -> ArtifactVersion | None:
        """Docstring inherited."""
        return self._newest(collection, versions.c.digest == digest)

    def latest(self, collection: CollectionId) -> ArtifactVersion | None:
        """Docstring inherited."""
        return self._newest(collection)

    def commit(
        self,
        artifact: ArtifactId,
        *,
        digest: ManifestDigest,
        size_bytes: int,
        file_count: int,
        maker: Maker,
        now: datetime,
    ) -> ArtifactVersion:
        """Docstring inherited."""
        statement = select(versions.c.state, versions.c.collection_id, versions.c.wished_aliases)
        statement = statement.where(versions.c.id == artifact)
        if self._connection.dialect.name == "postgresql":
            statement = statement.with_for_update()
        row = self._connection.execute(statement).one_or_none()
        if row is None or row.state == ArtifactState.DELETED.value:
            raise ArtifactNotFound(str(artifact))
        if row.state == ArtifactState.COMMITTED.value:
            return self._get(artifact)
        self._connection.execute(
            update(versions)
            .where(versions.c.id == artifact)
            .values(
                state=ArtifactState.COMMITTED.value,
                digest=digest,
                size_bytes=size_bytes,
                file_count=file_count,
                updated_at=now,
            )
        )
        collection = CollectionId(row.collection_id)
        places = SqlMembershipStore(self._connection)
        places.add(collection, artifact, maker, now)
        places.put_aliases(collection, artifact, [*row.wished_aliases, LATEST], now)
        return self._get(artifact)

    def update(
        self,
        artifact: ArtifactId,
        *,
        description: str | None,
        metadata_json: str | None,
        ttl_duration_s: int | None,
        tags: tuple[str, ...] | None = None,
        now: datetime,
    ) -> None:
        """Docstring inherited."""
        changes: dict[str, Any] = {
            "description": description,
            "metadata_json": metadata_json,
            "ttl_duration_s": ttl_duration_s,
            "tags": tags,
        }
        changes = {column: value for column, value in changes.items() if value is not None}
        self._connection.execute(update(versions).where(versions.c.id == artifact).values(**changes, updated_at=now))

    def _newest(self, collection: CollectionId, *conditions: Any) -> ArtifactVersion | None:
        statement = select_versions().where(versions.c.collection_id == collection, is_committed(), *conditions)
        return self._one(statement.order_by(by_version_index(descending=True)).limit(1))

    def _get(self, artifact: ArtifactId) -> ArtifactVersion:
        found = self.find(artifact)
        if found is None:
            raise ArtifactNotFound(str(artifact))
        return found

    def _one(self, statement: Select[Any]) -> ArtifactVersion | None:
        rows = list(self._connection.execute(statement).all())
        found = read_versions(self._connection, rows)
        return found[0] if found else None
