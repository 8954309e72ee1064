"""Artifacts, their manifests and lineage in SQL."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, delete, func, insert, select, update

from kymograph.core.artifact import (
    ArtifactFile,
    ArtifactState,
    ArtifactType,
    ArtifactVersion,
    Collection,
    CollectionKind,
    EntryRecord,
    ManifestKind,
    ManifestRecord,
    NewArtifact,
)
from kymograph.core.names import parse_version
from kymograph.errors import ArtifactNotFound, UsageError
from kymograph.storage.metadata.sql import chunks, insert_into
from kymograph.storage.metadata.tables import (
    aliases,
    artifact_files,
    client_ids,
    collections,
    entities,
    manifests,
    projects,
    uses,
    versions,
)
from kymograph.storage.metadata.tables import entries as entries_table
from kymograph.storage.schema import UtcDateTime
from kymograph.types import (
    ArtifactId,
    CollectionId,
    Digest,
    EntityName,
    FilePath,
    ManifestDigest,
    ManifestId,
    ObjectKey,
    ProjectId,
    ProjectName,
    RunKey,
)

LATEST = "latest"


class SqlArtifactStore:
    """Docstrings of the methods: `storage.metadata.base.ArtifactStore`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    # --- collections -------------------------------------------------------------------------------------------------

    def find_collection(self, project: ProjectId, name: str, *, type_name: str | None = None) -> Collection | None:
        """Docstring inherited."""
        statement = _collections().where(collections.c.project_id == project, collections.c.name == name)
        if type_name is not None:
            statement = statement.where(collections.c.type_name == type_name)
        return self._one_collection(statement)

    def find_collection_by_id(self, collection: CollectionId) -> Collection | None:
        """Docstring inherited."""
        return self._one_collection(_collections().where(collections.c.id == collection))

    def find_collection_by_client_id(self, client_id: str) -> Collection | None:
        """Docstring inherited."""
        meant = select(client_ids.c.collection_id).where(client_ids.c.client_id == client_id)
        return self._one_collection(_collections().where(collections.c.id == meant.scalar_subquery()))

    def list_collections(
        self, project: ProjectId, *, type_name: str | None = None, limit: int = 100, offset: int = 0
    ) -> tuple[list[Collection], int]:
        """Docstring inherited."""
        conditions = [collections.c.project_id == project]
        if type_name is not None:
            conditions.append(collections.c.type_name == type_name)
        total = self._connection.execute(select(func.count()).select_from(collections).where(*conditions)).scalar_one()
        page = _collections().where(*conditions).order_by(collections.c.name).limit(limit).offset(offset)
        return [_collection(row) for row in self._connection.execute(page)], total

    def list_types(self, project: ProjectId) -> list[ArtifactType]:
        """Docstring inherited."""
        statement = (
            select(collections.c.type_name, func.min(collections.c.created_at, type_=UtcDateTime()).label("created_at"))
            .where(collections.c.project_id == project)
            .group_by(collections.c.type_name)
            .order_by(collections.c.type_name)
        )
        return [ArtifactType(project, row.type_name, row.created_at) for row in self._connection.execute(statement)]

    def put_sequence_client_id(self, client_id: str, target: CollectionId) -> None:
        """Docstring inherited."""
        statement = insert_into(self._connection, client_ids).values(client_id=client_id, collection_id=target)
        self._connection.execute(statement.on_conflict_do_nothing())

    def _one_collection(self, statement: Select[Any]) -> Collection | None:
        row = self._connection.execute(statement).one_or_none()
        return None if row is None else _collection(row)

    def _put_sequence(self, new: NewArtifact, now: datetime) -> CollectionId:
        self._connection.execute(
            insert_into(self._connection, collections)
            .values(
                project_id=new.project_id,
                kind=CollectionKind.SEQUENCE.value,
                type_name=new.type_name,
                name=new.collection_name,
                client_id=new.sequence_client_id,
                created_at=now,
                next_version_index=0,
            )
            .on_conflict_do_nothing()
        )
        row = self._connection.execute(
            select(collections.c.id, collections.c.type_name).where(
                collections.c.project_id == new.project_id, collections.c.name == new.collection_name
            )
        ).one()
        if row.type_name != new.type_name:
            raise UsageError(
                f"artifact {new.collection_name!r} has type {row.type_name!r}, not {new.type_name!r}; "
                "use another name or that type"
            )
        if new.sequence_client_id is not None:
            self.put_sequence_client_id(new.sequence_client_id, CollectionId(row.id))
        return CollectionId(row.id)

    # --- versions ----------------------------------------------------------------------------------------------------

    def create(self, new: NewArtifact, now: datetime) -> ArtifactVersion:
        """Docstring inherited."""
        collection = self._put_sequence(new, now)
        created = self._connection.execute(
            insert(versions)
            .values(
                collection_id=collection,
                state=ArtifactState.PENDING.value,
                digest=new.digest,
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
        if new.client_id is not None:
            self.put_client_id(new.client_id, ArtifactId(created))
        return self._get(ArtifactId(created))

    def find(self, artifact: ArtifactId) -> ArtifactVersion | None:
        """Docstring inherited."""
        return self._one(_versions().where(versions.c.id == artifact))

    def put_client_id(self, client_id: str, target: ArtifactId) -> None:
        """Docstring inherited."""
        statement = insert_into(self._connection, client_ids).values(client_id=client_id, artifact_id=target)
        self._connection.execute(statement.on_conflict_do_nothing())

    def find_by_client_id(self, client_id: str) -> ArtifactVersion | None:
        """Docstring inherited."""
        meant = select(client_ids.c.artifact_id).where(client_ids.c.client_id == client_id)
        return self._one(_versions().where(versions.c.id == meant.scalar_subquery()))

    def find_draft(self, collection: CollectionId, distributed_id: str) -> ArtifactVersion | None:
        """Docstring inherited."""
        return self._one(
            _versions()
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
        return self._one(
            _committed(collection).where(versions.c.digest == digest).order_by(versions.c.version_index.desc()).limit(1)
        )

    def find_by_alias(self, collection: CollectionId, alias: str) -> ArtifactVersion | None:
        """Docstring inherited."""
        index = parse_version(alias)
        if index is not None:
            # Larger numbers do not fit the column, and no collection gets there.
            return (
                None if index >= 2**31 else self._one(_committed(collection).where(versions.c.version_index == index))
            )
        holder = select(aliases.c.artifact_id).where(aliases.c.collection_id == collection, aliases.c.alias == alias)
        return self._one(_committed(collection).where(versions.c.id == holder.scalar_subquery()))

    def list_versions(
        self, collection: CollectionId, *, limit: int = 100, offset: int = 0
    ) -> tuple[list[ArtifactVersion], int]:
        """Docstring inherited."""
        total = self._connection.execute(
            select(func.count())
            .select_from(versions)
            .where(versions.c.collection_id == collection, versions.c.state == ArtifactState.COMMITTED.value)
        ).scalar_one()
        page = _committed(collection).order_by(versions.c.version_index.desc()).limit(limit).offset(offset)
        return self._list(page), total

    def latest(self, collection: CollectionId) -> ArtifactVersion | None:
        """Docstring inherited."""
        return self._one(_committed(collection).order_by(versions.c.version_index.desc()).limit(1))

    def list_aliases(self, collection: CollectionId) -> list[str]:
        """Docstring inherited."""
        statement = select(aliases.c.alias).where(aliases.c.collection_id == collection).order_by(aliases.c.alias)
        return list(self._connection.execute(statement).scalars())

    def commit(
        self, artifact: ArtifactId, *, digest: ManifestDigest, size_bytes: int, file_count: int, now: datetime
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
        next_index = self._connection.execute(
            update(collections)
            .where(collections.c.id == row.collection_id)
            .values(next_version_index=collections.c.next_version_index + 1)
            .returning(collections.c.next_version_index)
        ).scalar_one()
        self._connection.execute(
            update(versions)
            .where(versions.c.id == artifact)
            .values(
                state=ArtifactState.COMMITTED.value,
                version_index=next_index - 1,
                digest=digest,
                size_bytes=size_bytes,
                file_count=file_count,
                updated_at=now,
            )
        )
        self.put_aliases(artifact, [*row.wished_aliases, LATEST], now)
        return self._get(artifact)

    def put_aliases(self, artifact: ArtifactId, aliases: Iterable[str], now: datetime) -> None:
        """Docstring inherited."""
        collection = self._connection.execute(
            select(versions.c.collection_id).where(versions.c.id == artifact)
        ).scalar_one_or_none()
        if collection is None:
            raise ArtifactNotFound(str(artifact))
        # Sorted, so that two writers take the rows in one order and cannot lock each other out.
        for alias in sorted(set(aliases)):
            self._connection.execute(self._set_alias(collection, alias, artifact, now))

    def _set_alias(self, collection: int, alias: str, artifact: ArtifactId, now: datetime) -> Any:
        statement = insert_into(self._connection, aliases).values(
            collection_id=collection, alias=alias, artifact_id=artifact, set_at=now
        )
        return statement.on_conflict_do_update(
            index_elements=[aliases.c.collection_id, aliases.c.alias],
            set_={"artifact_id": artifact, "set_at": now},
        )

    def remove_aliases(self, artifact: ArtifactId, aliases: Iterable[str]) -> None:
        """Docstring inherited."""
        self._connection.execute(_delete_aliases(artifact, list(aliases)))

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

    def delete(self, artifact: ArtifactId, now: datetime) -> None:
        """Docstring inherited."""
        self._connection.execute(delete(aliases).where(aliases.c.artifact_id == artifact))
        self._connection.execute(
            update(versions).where(versions.c.id == artifact).values(state=ArtifactState.DELETED.value, updated_at=now)
        )

    def _get(self, artifact: ArtifactId) -> ArtifactVersion:
        found = self.find(artifact)
        if found is None:
            raise ArtifactNotFound(str(artifact))
        return found

    def _one(self, statement: Select[Any]) -> ArtifactVersion | None:
        found = self._list(statement)
        return found[0] if found else None

    def _list(self, statement: Select[Any]) -> list[ArtifactVersion]:
        rows = self._connection.execute(statement).all()
        held: dict[int, list[str]] = {row.id: [] for row in rows}
        for some in chunks(list(held)):
            holders = select(aliases.c.artifact_id, aliases.c.alias).where(aliases.c.artifact_id.in_(some))
            for artifact, alias in self._connection.execute(holders.order_by(aliases.c.alias)):
                held[artifact].append(alias)
        return [_version(row, tuple(held[row.id])) for row in rows]

    # --- manifests ---------------------------------------------------------------------------------------------------

    def create_manifest(
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

    def update_manifest(
        self, manifest: ManifestId, *, digest: Digest, base: ArtifactId | None = None
    ) -> ManifestRecord:
        """Docstring inherited."""
        changes: dict[str, Any] = {"digest": digest} if base is None else {"digest": digest, "base_artifact_id": base}
        statement = update(manifests).where(manifests.c.id == manifest).values(**changes).returning(*manifests.c)
        row = self._connection.execute(statement).one_or_none()
        if row is None:
            raise ArtifactNotFound(str(manifest))
        return _manifest(row)

    def find_manifest(self, manifest: ManifestId) -> ManifestRecord | None:
        """Docstring inherited."""
        return self._one_manifest(select(manifests).where(manifests.c.id == manifest))

    def current_manifest(self, artifact: ArtifactId) -> ManifestRecord | None:
        """Docstring inherited."""
        return self._one_manifest(
            select(manifests)
            .where(manifests.c.artifact_id == artifact, manifests.c.digest.is_not(None))
            .order_by(manifests.c.id.desc())
            .limit(1)
        )

    def list_manifests(self, artifact: ArtifactId) -> list[ManifestRecord]:
        """Docstring inherited."""
        statement = select(manifests).where(manifests.c.artifact_id == artifact).order_by(manifests.c.id)
        return [_manifest(row) for row in self._connection.execute(statement)]

    def _one_manifest(self, statement: Select[Any]) -> ManifestRecord | None:
        row = self._connection.execute(statement).one_or_none()
        return None if row is None else _manifest(row)

    # --- files -------------------------------------------------------------------------------------------------------

    def put_file(self, file: ArtifactFile) -> ArtifactFile:
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
        )
        self._connection.execute(
            statement.on_conflict_do_update(
                index_elements=[artifact_files.c.artifact_id, artifact_files.c.path],
                set_={name: statement.excluded[name] for name in ("digest", "size_bytes", "object_key", "mimetype")},
            )
        )
        return file

    def find_file(self, artifact: ArtifactId, path: str) -> ArtifactFile | None:
        """Docstring inherited."""
        return self._one_file(
            select(artifact_files).where(artifact_files.c.artifact_id == artifact, artifact_files.c.path == path)
        )

    def find_blob(self, project: ProjectId, digest: Digest) -> ArtifactFile | None:
        """Docstring inherited."""
        return self.find_blobs(project, [digest]).get(digest)

    def find_blobs(self, project: ProjectId, digests: Sequence[Digest]) -> dict[Digest, ArtifactFile]:
        """Docstring inherited."""
        found: dict[Digest, ArtifactFile] = {}
        for some in chunks(list(dict.fromkeys(digests))):
            statement = select(artifact_files).where(
                artifact_files.c.project_id == project,
                artifact_files.c.digest.in_(some),
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

    def _one_file(self, statement: Select[Any]) -> ArtifactFile | None:
        row = self._connection.execute(statement).one_or_none()
        return None if row is None else _file(row)

    # --- entries -----------------------------------------------------------------------------------------------------

    def put_manifest_entries(self, artifact: ArtifactId, entries: Iterable[EntryRecord]) -> None:
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

    # --- lineage -----------------------------------------------------------------------------------------------------

    def use(self, run: RunKey, artifact: ArtifactId, *, used_as: str | None, now: datetime) -> None:
        """Docstring inherited."""
        statement = insert_into(self._connection, uses).values(
            run_key=run, artifact_id=artifact, used_as=used_as, used_at=now
        )
        self._connection.execute(
            statement.on_conflict_do_update(
                index_elements=[uses.c.run_key, uses.c.artifact_id],
                set_={"used_as": func.coalesce(statement.excluded.used_as, uses.c.used_as)},
            )
        )

    def list_used_by(self, artifact: ArtifactId) -> list[RunKey]:
        """Docstring inherited."""
        statement = (
            select(uses.c.run_key).where(uses.c.artifact_id == artifact).order_by(uses.c.used_at, uses.c.run_key)
        )
        return [RunKey(run) for run in self._connection.execute(statement).scalars()]

    def list_inputs(self, run: RunKey) -> list[tuple[ArtifactVersion, str | None]]:
        """Docstring inherited."""
        names = {
            row.artifact_id: row.used_as
            for row in self._connection.execute(select(uses.c.artifact_id, uses.c.used_as).where(uses.c.run_key == run))
        }
        used = uses.join(versions, versions.c.id == uses.c.artifact_id)
        found = self._list(_versions(used).where(uses.c.run_key == run).order_by(uses.c.used_at, versions.c.id))
        return [(version, names.get(version.id)) for version in found]

    def list_outputs(self, run: RunKey) -> list[ArtifactVersion]:
        """Docstring inherited."""
        return self._list(
            _versions()
            .where(versions.c.created_by_run == run, versions.c.state == ArtifactState.COMMITTED.value)
            .order_by(versions.c.id)
        )


_COLLECTION_COLUMNS = (
    collections.c.id.label("collection_id"),
    collections.c.project_id,
    collections.c.kind,
    collections.c.type_name,
    collections.c.name,
    collections.c.description.label("collection_description"),
    collections.c.created_at.label("collection_created_at"),
    collections.c.client_id.label("collection_client_id"),
    projects.c.name.label("project"),
    entities.c.name.label("entity"),
)


def _collections() -> Select[Any]:
    return (
        select(*_COLLECTION_COLUMNS)
        .select_from(
            collections.join(projects, projects.c.id == collections.c.project_id).join(
                entities, entities.c.id == projects.c.entity_id
            )
        )
        .where(projects.c.deleted_at.is_(None))
    )


def _versions(source: Any = versions) -> Select[Any]:
    return (
        select(
            versions.c.id,
            versions.c.state,
            versions.c.version_index,
            versions.c.digest,
            versions.c.description,
            versions.c.metadata_json,
            versions.c.created_at,
            versions.c.updated_at,
            versions.c.created_by_run,
            versions.c.client_id,
            versions.c.size_bytes,
            versions.c.file_count,
            versions.c.history_step,
            versions.c.ttl_duration_s,
            versions.c.tags,
            *_COLLECTION_COLUMNS,
        )
        .select_from(
            source.join(collections, collections.c.id == versions.c.collection_id)
            .join(projects, projects.c.id == collections.c.project_id)
            .join(entities, entities.c.id == projects.c.entity_id)
        )
        .where(projects.c.deleted_at.is_(None))
    )


def _committed(collection: CollectionId) -> Select[Any]:
    return _versions().where(versions.c.collection_id == collection, versions.c.state == ArtifactState.COMMITTED.value)


def _delete_aliases(artifact: ArtifactId, names: Sequence[str]) -> Any:
    return delete(aliases).where(aliases.c.artifact_id == artifact, aliases.c.alias.in_(names))


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


def _file(row: Row[Any]) -> ArtifactFile:
    return ArtifactFile(
        artifact_id=ArtifactId(row.artifact_id),
        path=FilePath(row.path),
        digest=Digest(row.digest),
        size_bytes=row.size_bytes,
        object_key=ObjectKey(row.object_key),
        mimetype=row.mimetype,
    )


def _collection(row: Row[Any]) -> Collection:
    return Collection(
        id=CollectionId(row.collection_id),
        project_id=ProjectId(row.project_id),
        entity=EntityName(row.entity),
        project=ProjectName(row.project),
        kind=CollectionKind(row.kind),
        type_name=row.type_name,
        name=row.name,
        description=row.collection_description,
        created_at=row.collection_created_at,
        client_id=row.collection_client_id,
    )


def _version(row: Row[Any], held: tuple[str, ...]) -> ArtifactVersion:
    return ArtifactVersion(
        id=ArtifactId(row.id),
        collection=_collection(row),
        state=ArtifactState(row.state),
        version_index=row.version_index,
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
    )
