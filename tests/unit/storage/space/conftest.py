"""A user with a project, on every database."""

from __future__ import annotations

import pytest

from kymograph.storage.database import SqlDatabase
from tests.unit.storage.metadata.builders import World, make_world


@pytest.fixture
def world(database: SqlDatabase) -> World:
    return make_world(database)
