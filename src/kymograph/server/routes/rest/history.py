"""Series, rows and console lines of runs."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Header, Query, Response

from kymograph.core import exact_json
from kymograph.core.history import KeyMode, NumberedLine, RowQuery, Stream, XAxis
from kymograph.errors import MalformedRequest
from kymograph.server.auth import CallerDep, ServicesDep
from kymograph.server.json import JsonResponse
from kymograph.server.routes.rest import series
from kymograph.server.routes.rest.common import (
    ERRORS,
    After,
    EntityPath,
    ProjectPath,
    RunPath,
    next_cursor,
    offset_of,
)
from kymograph.server.routes.rest.models import (
    ConsoleAnswer,
    RowPageModel,
    SeriesAnswer,
    SeriesRequest,
)
from kymograph.types import JsonObject, MetricName
from kymograph.wire.console import parse_console_line

router = APIRouter(tags=["history"], responses=ERRORS)

MAX_SERIES = 20_000
"""Runs times metrics of one request."""


@router.post(
    "/projects/{entity}/{project}/series",
    response_model=SeriesAnswer,
    responses={200: {"content": {series.MEDIA_TYPE: {"schema": {"type": "string", "format": "binary"}}}}},
)
def get_series(
    entity: EntityPath,
    project: ProjectPath,
    body: SeriesRequest,
    caller: CallerDep,
    services: ServicesDep,
    accept: Annotated[str | None, Header(description=f"{series.MEDIA_TYPE} for an answer in bytes")] = None,
) -> Response:
    """Metrics of runs as columns, downsampled exactly: every bucket tells minimum, maximum, mean and count."""
    if len(body.runs) * len(body.metrics) > MAX_SERIES:
        raise MalformedRequest(f"at most {MAX_SERIES} series at once", where="body")
    if body.min is not None and body.max is not None and body.min > body.max:
        raise MalformedRequest("min must not be above max", where="body.min")
    runs = services.runs.find_many(caller, entity, project, list(dict.fromkeys(body.runs)))
    x, _, x_metric = body.x.partition(":")
    answer = services.history.series(
        runs,
        [MetricName(name) for name in dict.fromkeys(body.metrics)],
        stream=Stream(body.stream),
        x=XAxis(x),
        x_metric=MetricName(x_metric) if x_metric else None,
        x_min=body.min,
        x_max=body.max,
        width=body.width,
    )
    run_ids = {run.key: run.id for run in runs}
    document = series.encode_document(answer, run_ids, body.x, body.precision)
    vary = {"Vary": "Accept"}
    if series.is_wanted(accept):
        return Response(series.encode_bytes(document), media_type=series.MEDIA_TYPE, headers=vary)
    return JsonResponse(document, headers=vary)


@router.get("/projects/{entity}/{project}/runs/{run}/rows", response_model=RowPageModel)
def list_rows(
    entity: EntityPath,
    project: ProjectPath,
    run: RunPath,
    caller: CallerDep,
    services: ServicesDep,
    min_step: Annotated[int | None, Query(ge=-(2**63), lt=2**63)] = None,
    max_step: Annotated[int | None, Query(ge=-(2**63), lt=2**63, description="exclusive")] = None,
    key: Annotated[list[str] | None, Query(description="only these metrics")] = None,
    mode: Annotated[Literal["all", "any"], Query(description="rows with all keys, or with any")] = "all",
    limit: Annotated[int, Query(ge=1, le=10_000)] = 1000,
    after: After = None,
) -> Response:
    """History rows in ascending step order, exact."""
    found = services.runs.get(caller, entity, project, run)
    start = min_step
    if after is not None:
        resumed = offset_of(after)
        # Cursors hold no negative numbers, so steps travel shifted.
        start = resumed - _STEP_SHIFT
    query = RowQuery(start, max_step, tuple(MetricName(name) for name in key or ()), KeyMode(mode), limit)
    page = services.history.rows(found, query)
    next_page = None if page.next_step is None else next_cursor(page.next_step + _STEP_SHIFT - 1, 1, 2**64)
    items = [exact_json.to_strict(row.values) for row in page.rows]
    return JsonResponse({"items": items, "next": next_page, "total": page.total})


_STEP_SHIFT = 2**53


@router.get("/projects/{entity}/{project}/runs/{run}/console", response_model=ConsoleAnswer)
def get_console(
    entity: EntityPath,
    project: ProjectPath,
    run: RunPath,
    caller: CallerDep,
    services: ServicesDep,
    start: Annotated[int, Query(ge=0, lt=2**53)] = 0,
    limit: Annotated[int, Query(ge=1, le=10_000)] = 1000,
    tail: Annotated[int | None, Query(ge=1, le=10_000, description="the last lines instead")] = None,
) -> Response:
    """Console lines, from a number on or the last ones."""
    found = services.runs.get(caller, entity, project, run)
    if tail is not None:
        lines = services.history.console_tail(found, tail)
    else:
        lines = services.history.console(found, first=start, limit=limit)
    items = [_encode_line(line) for line in lines]
    return JsonResponse({"total": found.console_lines, "first": lines[0].number if lines else None, "items": items})


def _encode_line(line: NumberedLine) -> JsonObject:
    parsed = parse_console_line(line.text)
    return {
        "number": line.number,
        "timestamp": parsed.timestamp,
        "level": parsed.level,
        "label": parsed.label,
        "text": parsed.text,
    }
