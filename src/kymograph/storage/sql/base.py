"""The SQL port: statements of users over the runs of one project."""

from __future__ import annotations

from typing import Protocol

from kymograph.core.sql import SqlAnswer, SqlQuery
from kymograph.types import ObjectKey, ProjectId


class SqlEngine(Protocol):
    """Runs statements that only read, bounded in time and memory. Safe to share between threads.

    A statement sees the tables ``runs``, ``config``, ``summary`` and ``history`` of one project, all as of one moment,
    and nothing else of the server. Whatever else it names is refused before anything runs.
    """

    def query(self, project: ProjectId, query: SqlQuery) -> SqlAnswer:
        """Run a statement.

        Raises:
            InvalidQuery: It does not parse, does not fit the tables, or asks for something that is not allowed.
            QueryOverLimit: It takes more time or memory than one query may.
            ServerBusy: Enough of them are running.
            StoreCorrupt: Something other than a segment cannot be read.
        """

    def read_parquet(self, key: ObjectKey, query: SqlQuery) -> SqlAnswer:
        """The first rows of a Parquet file in the object store; only limit and format of the query count.

        Raises:
            InvalidQuery: It is no Parquet file, or damaged.
            QueryOverLimit: It takes more time or memory than one query may.
            ServerBusy: Enough queries are running.
        """

    def close(self) -> None:
        """Stop what is running."""
