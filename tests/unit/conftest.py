"""Fixtures for every folder of unit tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from kymograph.testing.databases import PostgresServer, postgres_server


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """One PostgreSQL server for the whole session; started when a test first needs it."""
    with postgres_server() as server:
        yield server
