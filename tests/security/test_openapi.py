"""The REST API keeps its own promises: generated requests never crash it, and answers have the documented shape."""

from __future__ import annotations

from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.schemas import BaseSchema
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from kymograph.testing.deployments import PUBLIC_URL
from tests.security.test_rest_census import CENSUS, ELSEWHERE
from tests.security.world import PROJECT, TEAM, World

EXAMPLES = 30
REAL = {"entity": TEAM, "project": PROJECT}
CONFORMANCE = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
NOT_OURS = {"GET /api/v1/openapi.json", "GET /api/v1/projects/{entity}/{project}/live"}
"""The document itself, and an answer that never ends."""
OPERATIONS = sorted(route for route in {*CENSUS, *ELSEWHERE} if " /api/v1/" in route and route not in NOT_OURS)


@pytest.fixture(scope="module")
def rest_schema(world: World) -> BaseSchema:
    """The OpenAPI document of the running application."""
    world.fresh_run()
    schema: BaseSchema = schemathesis.openapi.from_dict(world.app.openapi())
    return schema


@pytest.mark.parametrize("route", OPERATIONS)
def test_generated_requests_get_documented_answers(world: World, rest_schema: BaseSchema, route: str) -> None:
    method, path = route.split(" ")
    operation = rest_schema[path][method]

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,
        database=None,
        phases=(Phase.explicit, Phase.generate),
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy())
    def check(case: Any) -> None:
        # Without names that lead somewhere, nearly every request would end at "no such project".
        parameters = case.path_parameters or {}
        parameters.update({name: real for name, real in REAL.items() if name in parameters})
        request = case.as_transport_kwargs(base_url=PUBLIC_URL)
        arguments = {key: request[key] for key in ("headers", "params", "json", "data", "cookies") if request.get(key)}
        if isinstance(arguments.get("data"), bytes | str):
            arguments["content"] = arguments.pop("data")
        client = world.clients["server admin"]
        client.cookies.clear()
        response = client.request(request["method"], request["url"], **arguments)
        case.validate_response(response, checks=CONFORMANCE)

    check()
