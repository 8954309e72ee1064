"""Statements in SQL over a project: who may ask, and how much comes back."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from kymograph.core.sql import SqlAnswer, SqlFormat, SqlQuery
from kymograph.services.access import Access, Caller, require_project
from kymograph.storage.base import Database
from kymograph.storage.sql.base import SqlEngine
from kymograph.types import ObjectKey


class SqlService:
    """Runs statements over what a caller may read."""

    def __init__(self, database: Database, engine: SqlEngine, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._engine = engine
        self._clock = clock

    def query(
        self, caller: Caller, entity: str, project: str, text: str, *, limit: int, format: SqlFormat
    ) -> SqlAnswer:
        """Run a statement over the runs of a project.

        Raises:
            ProjectNotFound: Absent or not readable.
            InvalidQuery: Not a statement that may run.
            QueryOverLimit: It takes too long, or too much memory.
            ServerBusy: Enough of them are running.
        """
        found = self._database.read(lambda tx: require_project(tx, caller, entity, project, Access.READ))
        return self._engine.query(found.id, SqlQuery(text, self._clock(), limit, format))

    def read_parquet(self, key: ObjectKey, *, limit: int) -> SqlAnswer:
        """The first rows of a Parquet file that the caller may read (checked already). Errors as for `query`."""
        return self._engine.read_parquet(key, SqlQuery("", self._clock(), limit, SqlFormat.JSON))

    def close(self) -> None:
        """Stop what is running."""
        self._engine.close()
