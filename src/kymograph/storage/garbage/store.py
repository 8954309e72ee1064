"""Garbage in SQL. A tombstone without a row in `run_documents` has been purged."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, Select, and_, delete, or_, select, update

from kymograph.storage.garbage.base import ForkedRun, Tombstone
from kymograph.storage.history.tables import compaction_claims, segments, tail_archive, tail_chunks, tail_streams
from kymograph.storage.metadata.sql import chunks
from kymograph.storage.metadata.tables import (
    entities,
    files,
    projects,
    run_documents,
    runs,
)
from kymograph.types import ObjectKey, ProjectId, RunId, RunKey


class SqlGarbageStore:
    """Docstrings of the methods: `storage.garbage.base.GarbageStore`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def delete_orphans(self, now: datetime) -> int:
        """Docstring inherited."""
        statement = update(runs).where(runs.c.project_id.in_(_gone_projects()), runs.c.deleted_at.is_(None))
        return self._connection.execute(statement.values(deleted_at=now, updated_at=now)).rowcount

    def list_tombstones(self, before: datetime, *, after: RunKey | None = None, limit: int = 100) -> list[Tombstone]:
        """Docstring inherited."""
        statement = (
            select(runs.c.key, runs.c.project_id, runs.c.id)
            .select_from(runs.join(run_documents, run_documents.c.run_key == runs.c.key))
            .where(runs.c.deleted_at < before)
            .order_by(runs.c.key)
            .limit(limit)
        )
        if after is not None:
            statement = statement.where(runs.c.key > after)
        return [
            Tombstone(RunKey(row.key), ProjectId(row.project_id), RunId(row.id))
            for row in self._connection.execute(statement)
        ]

    def list_forks(self, project: ProjectId) -> list[ForkedRun]:
        """Docstring inherited."""
        statement = (
            select(runs.c.id, runs.c.deleted_at, run_documents.c.config_json)
            .select_from(runs.join(run_documents, run_documents.c.run_key == runs.c.key))
            .where(runs.c.project_id == project, run_documents.c.config_json.like('%"branch_point"%'))
        )
        return [
            ForkedRun(RunId(row.id), row.deleted_at is not None, row.config_json)
            for row in self._connection.execute(statement)
        ]

    def file_objects(self, runs: Sequence[RunKey]) -> set[ObjectKey]:
        """Docstring inherited."""
        found: set[ObjectKey] = set()
        for some in chunks(runs):
            rows = self._connection.execute(select(files.c.object_key).where(files.c.run_key.in_(some)))
            found.update(ObjectKey(key) for key in rows.scalars())
        return found

    def purge_lines(self, run: RunKey, *, limit: int = 200) -> bool:
        """Docstring inherited."""
        for table in (tail_chunks, tail_archive):
            some = select(table.c.seq).where(table.c.run_id == run).limit(limit)
            seqs = self._connection.execute(some).scalars().all()
            if seqs:
                self._connection.execute(delete(table).where(table.c.seq.in_(seqs)))
                return True
        self._connection.execute(delete(tail_streams).where(tail_streams.c.run_id == run))
        return False

    def purge_segments(self, run: RunKey) -> None:
        """Docstring inherited."""
        for table in (segments, compaction_claims):
            self._connection.execute(delete(table).where(table.c.run_id == run))

    def purge_run(self, run: RunKey) -> None:
        """Docstring inherited."""
        self._break_block_of(run)
        for table in (files, run_documents):
            self._connection.execute(delete(table).where(table.c.run_key == run))
        self._connection.execute(
            update(runs).where(runs.c.key == run).values(storage_bytes=0, display_name="", notes="", tags=())
        )

    def _break_block_of(self, run: RunKey) -> None:
        """Let the block of values that holds the run's go: the indexer removes it and takes the others in again."""
        place = self._connection.execute(
            select(runs.c.project_id, runs.c.value_block).where(runs.c.key == run)
        ).one_or_none()
        if place is not None and place.value_block is not None:
            of_block = and_(runs.c.project_id == place.project_id, runs.c.value_block == place.value_block)
            self._connection.execute(update(runs).where(of_block).values(value_block=None))


def _gone_projects() -> Select[tuple[int]]:
    return (
        select(projects.c.id)
        .select_from(projects.join(entities, entities.c.id == projects.c.entity_id))
        .where(or_(projects.c.deleted_at.is_not(None), entities.c.deleted_at.is_not(None)))
    )
