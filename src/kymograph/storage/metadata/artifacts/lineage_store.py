"""Which runs used and logged which versions, in SQL."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, func, select

from kymograph.core.artifact import ArtifactVersion
from kymograph.storage.metadata.artifacts.rows import is_committed, read_versions, select_versions
from kymograph.storage.metadata.sql import insert_into
from kymograph.storage.metadata.tables import outputs, uses, versions
from kymograph.types import ArtifactId, RunKey


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


def put_output(connection: Connection, run: RunKey, artifact: ArtifactId, now: datetime) -> None:
    """Record that a run logged a version; idempotent."""
    statement = insert_into(connection, outputs).values(run_key=run, artifact_id=artifact, logged_at=now)
    connection.execute(statement.on_conflict_do_nothing())
