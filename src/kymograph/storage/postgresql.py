"""PostgreSQL: pooled connections, each job in a transaction of its own on the calling thread."""

from __future__ import annotations

import random
import select
import time
from collections.abc import Callable
from typing import Any, TypeVar

from sqlalchemy import URL, Engine, create_engine, event
from sqlalchemy.exc import InvalidatePoolError, SQLAlchemyError
from sqlalchemy.pool import ConnectionPoolEntry

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
_TRUSTED_S = 5.0
"""A connection that was used this recently, and from which nothing came since, is taken for a live one."""


class PostgresDatabase:
    """Safe to share between threads; any number of processes may work on one database."""

    dialect = "postgresql"

    def __init__(self, url: URL) -> None:
        self._engine = create_engine(
            url,
            pool_size=_POOL_SIZE,
            max_overflow=0,
            pool_timeout=_POOL_TIMEOUT_S,
            pool_use_lifo=True,
            isolation_level="READ COMMITTED",
        )
        _replace_lost_connections(self._engine)
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


def _replace_lost_connections(engine: Engine) -> None:
    """Look at each connection before it is used; if it is lost, all of them are made anew.

    The server says so before it closes a connection, so a glance at the socket finds nearly all lost ones. SQLAlchemy
    would ask the server each time instead, a twelfth of all exchanges that a file-stream request takes.
    """

    @event.listens_for(engine, "checkin")
    def on_checkin(_connection: object, record: ConnectionPoolEntry) -> None:
        record.info["left_at"] = time.monotonic()

    @event.listens_for(engine, "checkout")
    def on_checkout(connection: Any, record: ConnectionPoolEntry, _proxy: object) -> None:
        left_at = record.info.get("left_at")
        if left_at is None:
            return  # it was made just now
        if time.monotonic() - left_at < _TRUSTED_S and not connection.closed and not _has_news(connection.fileno()):
            return
        try:
            engine.dialect.do_ping(connection)
        except engine.dialect.loaded_dbapi.Error as exc:
            raise InvalidatePoolError from exc


def _has_news(descriptor: int) -> bool:
    """Whether something waits to be read: between two jobs nothing but a notice, an error or the end can."""
    looked_at = select.poll()  # unlike select.select, it takes descriptors of any number
    looked_at.register(descriptor, select.POLLIN)
    return bool(looked_at.poll(0))
