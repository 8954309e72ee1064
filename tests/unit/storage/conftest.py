"""The databases that every storage contract runs on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from kymograph.storage.database import SqlDatabase
from kymograph.testing.databases import PostgresServer, sqlite_database


@pytest.fixture(params=["sqlite", "postgresql"])
def opened_database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SqlDatabase]:
    """A fresh database with all tables."""
    if request.param == "sqlite":
        with sqlite_database(tmp_path) as opened:
            yield opened
    else:
        server: PostgresServer = request.getfixturevalue("postgres")
        with server.database() as opened:
            yield opened


@pytest.fixture
def database(opened_database: SqlDatabase) -> SqlDatabase:
    """The same; a class of tests may put something of its own in its place."""
    return opened_database
