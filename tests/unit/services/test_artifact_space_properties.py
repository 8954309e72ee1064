"""The short form of `artifact_machine`; the long one is a part of tests/faults/long.py."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from kymograph.testing.clock import ManualClock
from kymograph.testing.databases import PostgresServer
from kymograph.testing.deployments import DeploymentUnderTest
from tests.unit.services.artifact_machine import ArtifactMachine, deployment_in


@pytest.mark.parametrize(("database", "examples"), [("sqlite", 12), ("postgresql", 4)])
def test_nothing_that_is_needed_goes_and_all_is_counted(
    request: pytest.FixtureRequest, tmp_path: Path, database: str, examples: int
) -> None:
    class Machine(ArtifactMachine):
        def open(self, clock: ManualClock) -> AbstractContextManager[DeploymentUnderTest]:  # type: ignore[override]
            if database == "sqlite":
                return deployment_in(tmp_path, clock)
            server: PostgresServer = request.getfixturevalue("postgres")
            return deployment_in(tmp_path, clock, database=server.create_empty())

    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        Machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            # Every step asks a database; making a failing order shorter would take longer than the test may.
            phases=[Phase.explicit, Phase.reuse, Phase.generate],
            database=None,
        ),
    )
