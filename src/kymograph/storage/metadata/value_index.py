"""Makes blocks of the config and summary values of runs that have come to rest.

A run that changes all the time stays out: search reads its documents. Small blocks are merged as they accumulate, so a
column is in few of them. A block is written in portions, and counts once the row of the block says of which runs it is;
one that was broken off is removed later. Several processes may work at once: at worst both make the same block, and the
one to which no run points is removed.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import accumulate, islice, takewhile

from sqlalchemy import Connection, and_, delete, exists, func, insert, not_, select, update

from kymograph.core.run import CRASHED_AFTER, LIVE_STATES
from kymograph.storage.database import SqlDatabase
from kymograph.storage.metadata.blocks import BLOCK_RUNS, BlockColumn, RunDocuments, make_block
from kymograph.storage.metadata.sql import chunks, insert_into
from kymograph.storage.metadata.tables import block_columns, run_documents, runs, value_blocks, value_columns
from kymograph.storage.metadata.values import column_id
from kymograph.types import ProjectId, RunKey

MIN_RUNS = 256
"""Reading the documents of fewer takes search a few milliseconds."""
MAX_SMALL_BLOCKS = 8
"""Of less than half the full size; then they are merged."""
MAX_DOCUMENT_LENGTH = 32_000_000
"""Of all documents of a block together: what is in memory while it is made is several times that."""
_DOCUMENTS_AT_ONCE = 1_000
_COLUMNS_AT_ONCE = 200
"""Per writing job, which keeps others waiting."""
_ABANDONED_AFTER = timedelta(hours=1)
"""No block takes that long."""


@dataclass(frozen=True, slots=True)
class Limits:
    """When blocks are made; smaller in tests."""

    min_runs: int = MIN_RUNS
    block_runs: int = BLOCK_RUNS
    max_small_blocks: int = MAX_SMALL_BLOCKS


class ValueIndexer:
    """Docstrings of the methods: `storage.metadata.base.ValueIndex`."""

    def __init__(self, database: SqlDatabase, limits: Limits | None = None) -> None:
        self._database = database
        self._limits = limits or Limits()
        self._stopping = threading.Event()

    def stop(self) -> None:
        """Docstring inherited."""
        self._stopping.set()

    def index(self, now: datetime) -> int:
        """Docstring inherited."""
        self._database.write(lambda tx: _delete_abandoned(tx.connection, now - _ABANDONED_AFTER))
        projects = self._database.read(lambda tx: _projects_to_index(tx.connection, self._limits.min_runs))
        return sum(self._index_project(project, now) for project in projects)

    def _index_project(self, project: ProjectId, now: datetime) -> int:
        total = 0
        while not self._stopping.is_set() and (keys := self._runs_at_rest(project, now)):
            total += self._make(project, keys, (), now)
        while total and not self._stopping.is_set() and (blocks := self._blocks_to_merge(project)):
            keys = self._database.read(lambda tx, blocks=blocks: _runs_of(tx.connection, project, blocks))  # type: ignore[misc]
            self._make(project, keys, blocks, now)
        return total

    def _runs_at_rest(self, project: ProjectId, now: datetime) -> list[RunKey]:
        found = self._database.read(lambda tx: _runs_at_rest(tx.connection, project, now, self._limits.block_runs))
        if len(found) < self._limits.min_runs:
            return []
        lengths = accumulate(length for _, length in found)
        fitting = sum(1 for _ in takewhile(lambda total: total <= MAX_DOCUMENT_LENGTH, lengths))
        return [key for key, _ in found[: max(fitting, 1)]]

    def _blocks_to_merge(self, project: ProjectId) -> list[int]:
        """The smallest blocks, if there are too many small ones and their runs fit into one."""
        limits = self._limits
        counts = self._database.read(lambda tx: _run_counts(tx.connection, project))
        small = sorted((count, block) for block, count in counts.items() if count < limits.block_runs // 2)
        if len(small) <= limits.max_small_blocks:
            return []
        sums = accumulate(count for count, _ in small)
        few = [block for (_, block), total in zip(small, sums, strict=True) if total <= limits.block_runs]
        lengths = self._database.read(lambda tx: _document_lengths(tx.connection, project, few))
        sums = accumulate(lengths.get(block, 0) for block in few)
        fitting = [block for block, total in zip(few, sums, strict=True) if total <= MAX_DOCUMENT_LENGTH]
        # Merging two or three again and again would copy the same runs many times.
        return fitting if len(fitting) > limits.max_small_blocks // 2 else []

    def _make(self, project: ProjectId, keys: Sequence[RunKey], replaced: Sequence[int], now: datetime) -> int:
        """Write the block of some runs; returns how many there are."""
        documents = [
            found
            for some in chunks(keys, _DOCUMENTS_AT_ONCE)
            for found in self._database.read(lambda tx, some=some: _documents(tx.connection, some))  # type: ignore[misc]
        ]
        documents.sort(key=lambda item: item.key)
        block_runs, columns = make_block(documents)
        block = self._database.write(lambda tx: _begin(tx.connection, project, now))
        columns = iter(columns)
        while some_columns := list(islice(columns, _COLUMNS_AT_ONCE)):
            self._database.write(
                lambda tx, some=some_columns: _put_columns(tx.connection, project, block, some)  # type: ignore[misc]
            )
        revisions = {item.key: item.revision for item in documents}
        self._database.write(lambda tx: _finish(tx.connection, block, block_runs.pack(), revisions))
        if replaced:
            self._database.write(lambda tx: _delete_blocks(tx.connection, replaced))
        return len(documents)


# --- reading ----------------------------------------------------------------------------------------------------------


def _projects_to_index(connection: Connection, least: int) -> list[ProjectId]:
    statement = (
        select(runs.c.project_id)
        .where(runs.c.value_block.is_(None))
        .group_by(runs.c.project_id)
        .having(func.count() >= least)
    )
    return [ProjectId(project) for project in connection.execute(statement).scalars()]


def _runs_at_rest(connection: Connection, project: ProjectId, now: datetime, limit: int) -> list[tuple[RunKey, int]]:
    """The oldest runs that are in no block and not live, with the lengths of their documents."""
    is_live = and_(runs.c.state.in_(sorted(LIVE_STATES)), runs.c.heartbeat_at >= now - CRASHED_AFTER)
    statement = (
        select(runs.c.key, func.length(run_documents.c.config_json) + func.length(run_documents.c.summary_json))
        .join(run_documents, run_documents.c.run_key == runs.c.key)
        .where(runs.c.project_id == project, runs.c.value_block.is_(None), runs.c.deleted_at.is_(None), not_(is_live))
        .order_by(runs.c.key)
        .limit(limit)
    )
    return [(RunKey(key), length) for key, length in connection.execute(statement)]


def _run_counts(connection: Connection, project: ProjectId) -> dict[int, int]:
    """How many runs each block of a project counts for."""
    statement = (
        select(runs.c.value_block, func.count())
        .where(runs.c.project_id == project, runs.c.value_block.is_not(None), runs.c.deleted_at.is_(None))
        .group_by(runs.c.value_block)
    )
    return {block: count for block, count in connection.execute(statement) if block is not None}


def _document_lengths(connection: Connection, project: ProjectId, blocks: Sequence[int]) -> dict[int, int]:
    length = func.length(run_documents.c.config_json) + func.length(run_documents.c.summary_json)
    statement = (
        select(runs.c.value_block, func.sum(length))
        .join(run_documents, run_documents.c.run_key == runs.c.key)
        .where(runs.c.project_id == project, runs.c.value_block.in_(blocks))
        .group_by(runs.c.value_block)
    )
    return {block: int(total) for block, total in connection.execute(statement) if block is not None}


def _runs_of(connection: Connection, project: ProjectId, blocks: Sequence[int]) -> list[RunKey]:
    statement = select(runs.c.key).where(
        runs.c.project_id == project, runs.c.value_block.in_(blocks), runs.c.deleted_at.is_(None)
    )
    return [RunKey(key) for key in connection.execute(statement).scalars()]


def _documents(connection: Connection, keys: Sequence[RunKey]) -> list[RunDocuments]:
    statement = (
        select(runs.c.key, runs.c.revision, run_documents.c.config_json, run_documents.c.summary_json)
        .join(run_documents, run_documents.c.run_key == runs.c.key)
        .where(runs.c.key.in_(keys))
    )
    return [
        RunDocuments(RunKey(row.key), row.revision, row.config_json, row.summary_json)
        for row in connection.execute(statement)
    ]


# --- writing ----------------------------------------------------------------------------------------------------------


def _begin(connection: Connection, project: ProjectId, now: datetime) -> int:
    statement = insert(value_blocks).values(project_id=project, made_at=now).returning(value_blocks.c.id)
    block: int = connection.execute(statement).scalar_one()
    return block


def _put_columns(connection: Connection, project: ProjectId, block: int, columns: Sequence[BlockColumn]) -> None:
    names = insert_into(connection, value_columns)
    names = names.on_conflict_do_update(
        index_elements=[value_columns.c.project_id, value_columns.c.column_id],
        set_={"kinds": value_columns.c.kinds.op("|")(names.excluded.kinds)},
    )
    ids = [column_id(column.scope, column.name) for column in columns]
    connection.execute(
        names,
        [
            {
                "project_id": project,
                "column_id": address,
                "scope": column.scope.value,
                "name": column.name,
                "kinds": column.kinds,
            }
            for address, column in zip(ids, columns, strict=True)
        ],
    )
    connection.execute(
        insert(block_columns),
        [
            {"project_id": project, "column_id": address, "block_id": block, "data": column.data}
            for address, column in zip(ids, columns, strict=True)
        ],
    )


def _finish(connection: Connection, block: int, packed_runs: bytes, revisions: Mapping[RunKey, int]) -> None:
    """Let a block count, for those of its runs that have not changed meanwhile."""
    connection.execute(update(value_blocks).where(value_blocks.c.id == block).values(runs=packed_runs))
    for some in chunks(list(revisions)):
        present = connection.execute(select(runs.c.key, runs.c.revision).where(runs.c.key.in_(some)).with_for_update())
        unchanged = [key for key, revision in present if revisions[RunKey(key)] == revision]
        connection.execute(update(runs).where(runs.c.key.in_(unchanged)).values(value_block=block))


def _delete_blocks(connection: Connection, blocks: Sequence[int]) -> None:
    connection.execute(delete(value_blocks).where(value_blocks.c.id.in_(blocks)))


def _delete_abandoned(connection: Connection, before: datetime) -> None:
    """Remove blocks that count for no run: broken off, made twice, or left by all of their runs."""
    is_used = exists().where(runs.c.project_id == value_blocks.c.project_id, runs.c.value_block == value_blocks.c.id)
    connection.execute(delete(value_blocks).where(value_blocks.c.made_at < before, not_(is_used)))
    has_blocks = exists().where(value_blocks.c.project_id == value_columns.c.project_id)
    connection.execute(delete(value_columns).where(not_(has_blocks)))
