"""Which runs used and logged which versions, in SQL."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from itertools import product
from typing import Any

from sqlalchemy import Connection, FromClause, Table, and_, func, select

from kymograph.core.artifact import ArtifactVersion
from kymograph.core.lineage import Edge, Neighbor, UseRecord
from kymograph.storage.metadata.artifacts.rows import is_committed, read_versions, select_versions
from kymograph.storage.metadata.sql import chunks, insert_into
from kymograph.storage.metadata.tables import collections, outputs, runs, uses, versions
from kymograph.types import ArtifactId, ProjectId, RunKey


class SqlLineageStore:
    """Docstrings of the methods: `storage.metadata.artifacts.base.LineageStore`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

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

    def put_output(self, run: RunKey, artifact: ArtifactId, now: datetime) -> None:
        """Docstring inherited."""
        put_output(self._connection, run, artifact, now)

    def list_used_by(self, artifact: ArtifactId) -> list[RunKey]:
        """Docstring inherited."""
        statement = (
            select(uses.c.run_key).where(uses.c.artifact_id == artifact).order_by(uses.c.used_at, uses.c.run_key)
        )
        return [RunKey(run) for run in self._connection.execute(statement).scalars()]

    def list_inputs(self, run: RunKey) -> list[tuple[ArtifactVersion, str | None]]:
        """Docstring inherited."""
        used = uses.join(versions, versions.c.id == uses.c.artifact_id)
        statement = (
            select_versions(used, uses.c.used_as).where(uses.c.run_key == run).order_by(uses.c.used_at, versions.c.id)
        )
        rows = list(self._connection.execute(statement).all())
        found = read_versions(self._connection, rows)
        return [(version, row.used_as) for row, version in zip(rows, found, strict=True)]

    def list_outputs(self, run: RunKey) -> list[ArtifactVersion]:
        """Docstring inherited."""
        logged = outputs.join(versions, versions.c.id == outputs.c.artifact_id)
        statement = (
            select_versions(logged)
            .where(outputs.c.run_key == run, is_committed())
            .order_by(outputs.c.logged_at, versions.c.id)
        )
        return read_versions(self._connection, list(self._connection.execute(statement).all()))

    def list_uses(
        self, artifact: ArtifactId, projects: Collection[ProjectId], *, limit: int = 100, offset: int = 0
    ) -> tuple[list[UseRecord], int]:
        """Docstring inherited."""
        source = uses.join(runs, runs.c.key == uses.c.run_key)
        is_meant = and_(uses.c.artifact_id == artifact, _is_run_of(projects))
        total = self._connection.execute(select(func.count()).select_from(source).where(is_meant)).scalar_one()
        page = (
            select(uses.c.run_key, uses.c.used_as, uses.c.used_at)
            .select_from(source)
            .where(is_meant)
            .order_by(uses.c.used_at.desc(), uses.c.run_key.desc())
        )
        rows = self._connection.execute(page.limit(limit).offset(offset))
        return [UseRecord(RunKey(row.run_key), row.used_as, row.used_at) for row in rows], total

    # --- the graph ---------------------------------------------------------------------------------------------------

    def projects_around_versions(self, artifacts: Sequence[ArtifactId]) -> set[ProjectId]:
        """Docstring inherited."""
        found: set[ProjectId] = set()
        for table, some in product((uses, outputs), chunks(artifacts)):
            source = table.join(runs, runs.c.key == table.c.run_key)
            statement = select(runs.c.project_id).select_from(source).where(table.c.artifact_id.in_(some)).distinct()
            found.update(ProjectId(project) for project in self._connection.execute(statement).scalars())
        return found

    def projects_around_runs(self, runs: Sequence[RunKey]) -> set[ProjectId]:
        """Docstring inherited."""
        found: set[ProjectId] = set()
        for table, some in product((uses, outputs), chunks(runs)):
            statement = (
                select(collections.c.project_id)
                .select_from(_with_versions(table))
                .where(table.c.run_key.in_(some))
                .distinct()
            )
            found.update(ProjectId(project) for project in self._connection.execute(statement).scalars())
        return found

    def runs_around(
        self,
        artifacts: Sequence[ArtifactId],
        projects: Collection[ProjectId],
        *,
        is_output: bool,
        limit: int,
        offset: int = 0,
    ) -> list[Neighbor]:
        """Docstring inherited."""
        table = outputs if is_output else uses
        source = table.join(runs, runs.c.key == table.c.run_key)
        return self._neighbors(
            table, source, table.c.artifact_id, artifacts, _is_run_of(projects), limit=limit, offset=offset
        )

    def versions_around(
        self,
        runs: Sequence[RunKey],
        projects: Collection[ProjectId],
        *,
        is_output: bool,
        limit: int,
        offset: int = 0,
    ) -> list[Neighbor]:
        """Docstring inherited."""
        table = outputs if is_output else uses
        is_meant = and_(collections.c.project_id.in_(list(projects)), is_committed())
        return self._neighbors(
            table, _with_versions(table), table.c.run_key, runs, is_meant, limit=limit, offset=offset
        )

    def _neighbors(
        self,
        table: Table,
        source: FromClause,
        key: Any,
        nodes: Sequence[int],
        condition: Any,
        *,
        limit: int,
        offset: int,
    ) -> list[Neighbor]:
        other = table.c.run_key if key is table.c.artifact_id else table.c.artifact_id
        since = table.c.logged_at if table is outputs else table.c.used_at
        latest_first = (since.desc(), other.desc())
        found = []
        for some in chunks(nodes):
            ranked = (
                select(
                    table.c.run_key,
                    table.c.artifact_id,
                    func.count().over(partition_by=key).label("total"),
                    func.row_number().over(partition_by=key, order_by=latest_first).label("rank"),
                )
                .select_from(source)
                .where(key.in_(some), condition)
                .subquery()
            )
            page = select(ranked).where(ranked.c.rank > offset, ranked.c.rank <= offset + limit)
            found += [
                Neighbor(Edge(RunKey(row.run_key), ArtifactId(row.artifact_id), table is outputs), row.total)
                for row in self._connection.execute(page.order_by(ranked.c.rank))
            ]
        return found


def _is_run_of(projects: Collection[ProjectId]) -> Any:
    return and_(runs.c.project_id.in_(list(projects)), runs.c.deleted_at.is_(None))


def _with_versions(table: Table) -> FromClause:
    """Uses or outputs with the versions and the collections that those were made in."""
    return table.join(versions, versions.c.id == table.c.artifact_id).join(
        collections, collections.c.id == versions.c.collection_id
    )


def put_output(connection: Connection, run: RunKey, artifact: ArtifactId, now: datetime) -> None:
    """Record that a run logged a version; idempotent."""
    statement = insert_into(connection, outputs).values(run_key=run, artifact_id=artifact, logged_at=now)
    connection.execute(statement.on_conflict_do_nothing())
