"""The one place where errors of SQLAlchemy and its drivers become ours."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum

from sqlalchemy import exc as sql_exc

from kymograph.errors import KymographError, ServerBusy, StorageFull, StoreCorrupt, UsageError

_SQLITE_FULL = frozenset({sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_WRITE, sqlite3.SQLITE_IOERR_FSYNC})
_SQLITE_BUSY = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_INTERRUPT, sqlite3.SQLITE_NOMEM})
_SQLITE_IO = frozenset({sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN})
_PRIMARY_CODE = 0xFF
"""Extended result codes keep the primary one in the low byte."""


class Failure(Enum):
    """What an error of the database means for the caller."""

    FULL = "full"
    """No space, or the disk refuses to write."""
    BUSY = "busy"
    """The same job may succeed later."""
    RETRY = "retry"
    """The same job will succeed when run again now: lost against a concurrent one."""
    USAGE = "usage"
    """A value that no database can hold."""
    CORRUPT = "corrupt"
    """Anything else."""


def classify(error: BaseException) -> Failure | None:
    """Say what an error means, None if it is not the database's."""
    if isinstance(error, sql_exc.DBAPIError):
        driver_error = error.orig
        if isinstance(driver_error, sqlite3.Error):
            return _classify_sqlite(driver_error)
        return _classify_postgresql(error, getattr(driver_error, "sqlstate", None))
    if isinstance(error, sqlite3.Error):
        return _classify_sqlite(error)
    if isinstance(error, sql_exc.TimeoutError):
        return Failure.BUSY  # every pooled connection is in use
    if isinstance(error, sql_exc.SQLAlchemyError):
        return Failure.CORRUPT
    if isinstance(error, OverflowError):
        return Failure.USAGE  # sqlite3 refuses integers beyond 64 bits by this builtin
    return None


def _classify_sqlite(error: sqlite3.Error) -> Failure:
    code: int | None = getattr(error, "sqlite_errorcode", None)
    if code is None:
        return Failure.CORRUPT
    if code in _SQLITE_FULL or code & _PRIMARY_CODE in _SQLITE_FULL:
        return Failure.FULL
    if code & _PRIMARY_CODE in _SQLITE_IO:
        # On a full disk the shared-memory and journal files cannot grow either; these codes say no more than that.
        return Failure.FULL
    if code & _PRIMARY_CODE in _SQLITE_BUSY:
        return Failure.BUSY
    if code & _PRIMARY_CODE in (sqlite3.SQLITE_TOOBIG, sqlite3.SQLITE_MISMATCH):
        return Failure.USAGE
    return Failure.CORRUPT


def _classify_postgresql(error: sql_exc.DBAPIError, sqlstate: str | None) -> Failure:
    if error.connection_invalidated or sqlstate is None:
        return Failure.BUSY  # the connection went away: PostgreSQL restarts, or the network hiccups
    if sqlstate in ("40001", "40P01"):
        return Failure.RETRY
    if sqlstate in ("53100", "58030"):
        return Failure.FULL
    if sqlstate[:2] in ("08", "53", "55", "57"):
        return Failure.BUSY
    if sqlstate[:2] in ("22", "54"):
        return Failure.USAGE
    return Failure.CORRUPT


def to_kymograph_error(error: BaseException, *, where: str) -> KymographError | None:
    """The error of ours that says the same, or None if `error` is not the database's."""
    failure = classify(error)
    if failure is None:
        return None
    if failure is Failure.FULL:
        return StorageFull(where)
    if failure in (Failure.BUSY, Failure.RETRY):
        return ServerBusy(f"{where} cannot answer now")
    if failure is Failure.USAGE:
        return UsageError(f"{where} cannot hold a value that was given: {_first_line(error)}")
    return StoreCorrupt(where, problem=_first_line(error))


@contextmanager
def translated_errors(where: str) -> Iterator[None]:
    """Let only errors of ours, or of the caller's own code, out of the block."""
    try:
        yield
    except (sql_exc.SQLAlchemyError, sqlite3.Error, OverflowError) as exc:
        ours = to_kymograph_error(exc, where=where)
        if ours is None:
            raise
        raise ours from exc


def _first_line(error: BaseException) -> str:
    # SQLAlchemy appends the statement and its parameters, which may hold what users logged.
    origin = getattr(error, "orig", None) or error
    return str(origin).strip().partition("\n")[0]
