"""The comparer over one project, by way of each of its sources."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from kymograph.client.connection import Connection
from kymograph.client.runs import RunClient
from kymograph.compare.alone import Alone, create_app
from kymograph.server.app import create_app as create_server
from kymograph.testing.deployments import ADMIN_KEY, PUBLIC_URL, DeploymentUnderTest, open_test_deployment
from tests.security.world import AppTransport, open_client
from tests.unit.compare.project import ENTITY, PROJECT, TrueRun, make_project, true_runs

HOST = "kymograph.test"


@dataclass(frozen=True, slots=True)
class Comparer:
    """A comparer to ask, and the truth about what it shows."""

    http: httpx.Client
    prefix: str
    runs: list[TrueRun]
    deployment: DeploymentUnderTest
    bytes_of: httpx.Client
    """Nobody: loads addresses as a browser does that is not signed in."""

    def get(self, path: str, **params: Any) -> httpx.Response:
        named = {"entity": ENTITY, "project": PROJECT, **params}
        return self.http.get(self.prefix + path, params={k: v for k, v in named.items() if v is not None})

    def post(self, path: str, body: dict[str, Any], **params: Any) -> httpx.Response:
        return self.http.post(self.prefix + path, json=body, params=params or None)

    def select(self, path: str, *run_ids: str, **fields: Any) -> Any:
        """The answer to a selection."""
        body = {"entity": ENTITY, "project": PROJECT, "run_ids": list(run_ids), **fields}
        response = self.post(path, body)
        assert response.status_code == 200, response.text
        return response.json()

    def run(self, run_id: str) -> TrueRun:
        return next(run for run in self.runs if run.id == run_id)


@pytest.fixture(scope="session")
def _pictures(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[DeploymentUnderTest, list[TrueRun]]]:
    with open_test_deployment(tmp_path_factory.mktemp("compare")) as deployment:
        runs = true_runs()
        make_project(deployment, runs)
        yield deployment, runs


@pytest.fixture(scope="session", params=["server", "alone"])
def comparer(
    request: pytest.FixtureRequest, _pictures: tuple[DeploymentUnderTest, list[TrueRun]]
) -> Iterator[Comparer]:
    """Inside of the server, and as a program of its own over that server."""
    deployment, runs = _pictures
    server = create_server(deployment.deployment)
    with ExitStack() as stack:
        nobody = stack.enter_context(open_client(server))
        if request.param == "server":
            http, prefix = open_client(server, ADMIN_KEY), "/api/v1/compare"
        else:
            client = RunClient(Connection.of(PUBLIC_URL, ADMIN_KEY), inner=AppTransport(server))
            stack.enter_context(client)

            def make_client(api_key: str) -> RunClient:
                return RunClient(Connection.of(PUBLIC_URL, api_key), inner=AppTransport(server))

            http, prefix = open_client(create_app(Alone(make_client, client, hosts=(HOST,)))), ""
        stack.enter_context(http)
        yield Comparer(http, prefix, runs, deployment, nobody)
