"""The world that the census walks."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.security.world import World, open_world


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """One for all tests of a module: what is refused changes nothing, what is allowed works on fresh things."""
    with open_world(tmp_path_factory.mktemp("world")) as opened:
        yield opened
