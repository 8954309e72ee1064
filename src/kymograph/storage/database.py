"""Opening the database that a URL names."""

from __future__ import annotations

from pathlib import Path
from typing import TypeAlias

from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from kymograph.errors import InvalidSetting
from kymograph.storage import migrations
from kymograph.storage.postgresql import PostgresDatabase
from kymograph.storage.sql_errors import translated_errors
from kymograph.storage.sqlite import SqliteDatabase
from kymograph.storage.transaction import SqlTransaction

SqlDatabase: TypeAlias = SqliteDatabase | PostgresDatabase
"""Either adapter; both are a `storage.base.Database`."""

_RULE = "use sqlite:///path/to/file.db or postgresql://user:password@host/name"


def open_database(url: str, *, prepare: bool = True) -> SqlDatabase:
    """Connect, and create or upgrade the tables.

    Args:
        url: ``sqlite:///`` with a path to a file (made if missing, as is its folder), or ``postgresql://``.
        prepare: Without it the tables are taken as they are: beside a server that has prepared them.

    Raises:
        InvalidSetting: The URL is neither.
        StorageFull: No space to create the tables.
        ServerBusy: The database does not answer.
        StoreCorrupt: It is no database, or one of a newer release.
    """
    try:
        parsed = make_url(url)
    except ArgumentError as exc:
        raise InvalidSetting("database", "…", rule=_RULE) from exc  # the URL may hold a password: never repeat it
    backend = parsed.get_backend_name()
    database: SqlDatabase
    if backend == "sqlite":
        if not parsed.database or parsed.database == ":memory:":
            raise InvalidSetting("database", url, rule=f"an embedded database needs a file: {_RULE}")
        path = Path(parsed.database)
        path.parent.mkdir(parents=True, exist_ok=True)
        database = SqliteDatabase(path)
    elif backend in ("postgresql", "postgres"):
        database = PostgresDatabase(parsed.set(drivername="postgresql+psycopg"))
    else:
        raise InvalidSetting("database", backend, rule=_RULE)
    if not prepare:
        return database
    try:
        with translated_errors("the database"):
            database.write(_prepare)
    except BaseException:
        database.close()
        raise
    return database


def _prepare(transaction: SqlTransaction) -> None:
    migrations.prepare(transaction.connection)
