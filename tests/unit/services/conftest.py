"""A whole deployment to call services of."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from kymograph.testing.deployments import DeploymentUnderTest, open_test_deployment


@pytest.fixture
def deployment(tmp_path: Path) -> Iterator[DeploymentUnderTest]:
    """Real services over SQLite and objects in memory, with a clock that the test moves."""
    with open_test_deployment(tmp_path) as opened:
        yield opened
