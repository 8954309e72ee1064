"""An application in this process."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from kymograph.testing.deployments import DeploymentUnderTest, open_test_deployment
from tests.unit.server.http import Http


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DeploymentUnderTest]:
    """One for all tests of a module; they keep apart by project."""
    with open_test_deployment(tmp_path_factory.mktemp("server")) as opened:
        yield opened


@pytest.fixture(scope="module")
def http(deployment: DeploymentUnderTest) -> Http:
    """The application's HTTP face, for the administrator unless told otherwise."""
    return Http(deployment.deployment)
