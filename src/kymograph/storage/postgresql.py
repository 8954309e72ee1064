"""PostgreSQL: pooled connections, each job in a transaction of its own on the calling thread."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import TypeVar

from sqlalchemy import URL, Engine, create_engine
from sqlalchemy.exc import SQLAlchemyError

from kymograph.errors import ServerBusy
from kymograph.storage.metadata.run_table import RunTables
from kymograph.storage.sql_errors import Failure, classify, translated_errors
from kymograph.storage.transaction import SqlTransaction

T = TypeVar("T")

WHERE = "the database"
_ATTEMPTS = 8
_FIRST_PAUSE_S = 0.01
_POOL_SIZE = 16
_POOL_TIMEOUT_S = 30.0


class PostgresDatabase:
    """Safe to share between threads; any number of processes may work on one database."""

    dialect = "postgresql"

    def __init__(self, url: URL) -> None:
        self._engine = create_engine(
            url,
            pool_size=_POOL_SIZE,
            max_overflow=0,
            pool_timeout=_POOL_TIMEOUT_S,
            pool_pre_ping=True,
            isolation_level="READ COMMITTED",
        )
        self._tables = RunTables()
        self._snapshots = self._engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)

    @property
    def engine(self) -> Engine:
        """For migrations, before the first job."""
        return self._engine

    def read(self, job: Callable[[SqlTransaction], T]) -> T:
        """Docstring inherited."""
        with translated_errors(WHERE), self._snapshots.connect() as connection, connection.begin():
            return job(SqlTransaction(connection, self._tables))

    def write(self, job: Callable[[SqlTransaction], T]) -> T:
        """Docstring inherited."""
        with translated_errors(WHERE):
            for attempt in range(_ATTEMPTS):
                try:
                    with self._engine.begin() as connection:
                        return job(SqlTransaction(connection))
                except SQLAlchemyError as exc:
                    if classify(exc) is not Failure.RETRY:
                        raise
                # Losers of one deadlock must not meet again in step.
                time.sleep(random.uniform(0, _FIRST_PAUSE_S * 2**attempt))
        raise ServerBusy(f"a write lost against concurrent ones {_ATTEMPTS} times")

    def close(self) -> None:
        """Docstring inherited."""
        self._engine.dispose()
