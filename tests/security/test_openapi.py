"""The REST API keeps its own promises: generated requests never crash it, and answers have the documented shape."""

from __future__ import annotations

from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis.schemas import BaseSchema

from tests.security.world import KEYS, PROJECT, TEAM, World

EXAMPLES = 25


@pytest.fixture(scope="module")
def rest_schema(world: World) -> BaseSchema:
    """The OpenAPI document, with names that lead somewhere among the generated ones."""
    world.fresh_run()
    schema = schemathesis.openapi.from_asgi("/api/v1/openapi.json", world.app)
    # Its answer never ends.
    return schema.exclude(path_regex=r"/live$")


schema = schemathesis.pytest.from_fixture("rest_schema")


@schema.parametrize()
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=list(HealthCheck),
)
def test_generated_requests_get_documented_answers(world: World, case: schemathesis.Case) -> None:
    parameters: dict[str, Any] = case.path_parameters or {}
    # Without this nearly every request would end at "no such project".
    for name, real in {"entity": TEAM, "project": PROJECT}.items():
        if name in parameters:
            parameters[name] = real

    response = case.call(headers={"Authorization": f"Bearer {KEYS['server admin']}"})

    case.validate_response(response, excluded_checks=[schemathesis.checks.ignored_auth])
    assert response.status_code < 500
