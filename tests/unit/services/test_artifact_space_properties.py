"""The short form of `artifact_machine`; the long one is a part of tests/faults/long.py."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from kymograph.testing.clock import ManualClock
from kymograph.testing.databases import PostgresServer
from kymograph.testing.deployments import DeploymentUnderTest
from tests.unit.services.artifact_machine import ArtifactMachine, check_machine, deployment_in


@pytest.mark.parametrize(("database", "examples"), [("sqlite", 12), ("postgresql", 4)])
def test_nothing_that_is_needed_goes_and_all_is_counted(
    request: pytest.FixtureRequest, tmp_path: Path, database: str, examples: int
) -> None:
    class Machine(ArtifactMachine):
        def open(self, clock: ManualClock) -> AbstractContextManager[DeploymentUnderTest]:
            if database == "sqlite":
                return deployment_in(tmp_path, clock)
            server: PostgresServer = request.getfixturevalue("postgres")
            return deployment_in(tmp_path, clock, database=server.create_empty())

    check_machine(Machine, examples=examples, steps=25)
