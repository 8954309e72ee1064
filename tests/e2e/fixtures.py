"""Fixtures around real servers and clients, for every folder of tests that needs them."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.e2e.client import VERSIONS, Client
from tests.e2e.rest import Rest
from tests.e2e.server import ADMIN_KEY, ServerProcess

ClientFactory = Callable[..., Client]

_project_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """One server for all tests of a worker; they keep apart by project. Do not stop it."""
    process = ServerProcess(tmp_path_factory.mktemp("server") / "data")
    process.start()
    try:
        yield process
    finally:
        process.stop()


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[ServerProcess]:
    """A running server that the test may kill and restart."""
    process = ServerProcess(tmp_path / "data")
    process.start()
    try:
        yield process
    finally:
        process.kill()


@pytest.fixture(scope="session")
def rest(server: ServerProcess) -> Iterator[Rest]:
    """The shared server's REST API as its administrator."""
    with server.rest() as api:
        yield api


@pytest.fixture
def project() -> str:
    """A fresh project of the administrator, ``entity/project``."""
    return f"admin/project-{next(_project_numbers)}"


@pytest.fixture(params=VERSIONS)
def client(request: pytest.FixtureRequest, server: ServerProcess, tmp_path: Path) -> Client:
    """Each client generation in turn, set up for the shared server."""
    return Client(request.param, tmp_path / "client", url=server.url, key=ADMIN_KEY)


@pytest.fixture
def make_client(server: ServerProcess, tmp_path: Path) -> ClientFactory:
    """Makes clients of a given version; each has a home of its own."""
    numbers = itertools.count(1)

    def make(version: str, *, url: str = server.url, key: str = ADMIN_KEY) -> Client:
        return Client(version, tmp_path / f"client-{next(numbers)}", url=url, key=key)

    return make
