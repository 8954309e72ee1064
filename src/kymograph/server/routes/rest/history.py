"""Metrics, series, rows and console lines of runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

from fastapi import APIRouter, Header, Query, Response

from kymograph.core import exact_json
from kymograph.core.filters import RunQuery
from kymograph.core.history import KeyMode, MetricInfo, MetricKind, NumberedLine, RowQuery, Stream, XAxis
from kymograph.core.run import Run
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
    decode_document,
    next_cursor,
    offset_of,
)
from kymograph.server.routes.rest.models import (
    ConsoleAnswer,
    MetricList,
    RowPageModel,
    SeriesAnswer,
    SeriesRequest,
)
from kymograph.services.container import Services
from kymograph.types import JsonObject, JsonValue, MetricName
from kymograph.wire.config import MetricDefinition, metric_definitions
from kymograph.wire.console import parse_console_line

router = APIRouter(tags=["history"], responses=ERRORS)

MAX_CATALOGUE_RUNS = 1000
MAX_SERIES = 20_000
"""Runs times metrics of one request."""
INTERNAL_METRICS = ("_step", "_runtime", "_timestamp", "_wandb")


@dataclass
class _Merged:
    """One metric over several runs."""

    kind: MetricKind
    runs: int = 0
    points: int = 0
    non_finite: int = 0
    x: str | None = None
    is_hidden: bool = False
    last: JsonValue = None


@router.get("/projects/{entity}/{project}/metrics", response_model=MetricList)
def list_project_metrics(
    entity: EntityPath,
    project: ProjectPath,
    caller: CallerDep,
    services: ServicesDep,
    run: Annotated[list[str] | None, Query(description="run ids; all of the newest 1000 when left out")] = None,
) -> Response:
    """Metrics of several runs."""
    if run is None:
        runs = services.runs.search(caller, entity, project, RunQuery(limit=MAX_CATALOGUE_RUNS)).runs
    else:
        runs = services.runs.find_many(caller, entity, project, run[:MAX_CATALOGUE_RUNS])
    return JsonResponse(_encode_metrics(services, runs, with_last=False))


@router.get("/projects/{entity}/{project}/runs/{run}/metrics", response_model=MetricList)
def list_run_metrics(
    entity: EntityPath, project: ProjectPath, run: RunPath, caller: CallerDep, services: ServicesDep
) -> Response:
    """Metrics of one run with their last values."""
    found = services.runs.get(caller, entity, project, run)
    return JsonResponse(_encode_metrics(services, [found], with_last=True))


@router.get("/projects/{entity}/{project}/runs/{run}/system", response_model=MetricList)
def list_system_metrics(
    entity: EntityPath, project: ProjectPath, run: RunPath, caller: CallerDep, services: ServicesDep
) -> Response:
    """System metrics of one run with their last values."""
    found = services.runs.get(caller, entity, project, run)
    return JsonResponse(_encode_metrics(services, [found], with_last=True, stream=Stream.SYSTEM))


def _encode_metrics(
    services: Services, runs: Sequence[Run], *, with_last: bool, stream: Stream = Stream.HISTORY
) -> JsonObject:
    merged: dict[MetricName, _Merged] = {}
    for run in runs:
        definitions = metric_definitions(decode_document(run.config_json)) if stream is Stream.HISTORY else []
        for metric in services.history.catalogue(run, stream, with_last=with_last):
            if metric.name.startswith(INTERNAL_METRICS) and metric.name.split(".")[0] in INTERNAL_METRICS:
                continue
            entry = merged.setdefault(metric.name, _Merged(metric.kind))
            _merge(entry, metric, _definition_of(definitions, metric.name), with_last=with_last)
    items: list[JsonValue] = [
        {
            "name": name,
            "kind": entry.kind.value,
            "runs": entry.runs,
            "points": entry.points,
            "non_finite": entry.non_finite,
            "last": exact_json.to_strict(entry.last),
            "x": entry.x,
            "hidden": entry.is_hidden,
        }
        for name, entry in merged.items()
    ]
    return {"items": items, "total": len(items)}


def _merge(entry: _Merged, metric: MetricInfo, definition: MetricDefinition | None, *, with_last: bool) -> None:
    if metric.kind in (MetricKind.NUMBER, MetricKind.BOOLEAN):
        entry.kind = metric.kind  # one run with numbers is enough for a chart
    entry.runs += 1
    entry.points += metric.points
    entry.non_finite += metric.non_finite
    if with_last:
        entry.last = metric.last
    if definition is not None:
        entry.x = entry.x or definition.step_metric
        entry.is_hidden = entry.is_hidden or definition.is_hidden


def _definition_of(definitions: Sequence[MetricDefinition], name: str) -> MetricDefinition | None:
    exact = next((item for item in definitions if not item.is_glob and item.name == name), None)
    if exact is not None:
        return exact
    return next((item for item in definitions if item.is_glob and name.startswith(item.name.removesuffix("*"))), None)


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
