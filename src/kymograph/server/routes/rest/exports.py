"""Whole histories and run tables as files, streamed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Query
from starlette.responses import StreamingResponse

from kymograph.core.config import INTERNAL_KEY, unwrap_config
from kymograph.core.filters import Field, Order, RunQuery, Scope
from kymograph.core.flatten import iter_leaves
from kymograph.core.history import Damage, ExportFormat, ExportQuery
from kymograph.core.run import Run
from kymograph.server.auth import CallerDep, ServicesDep
from kymograph.server.routes.rest.common import (
    ERRORS,
    EntityPath,
    ProjectPath,
    RunPath,
    decode_document,
    encode_run,
)
from kymograph.services.access import Caller
from kymograph.services.container import Services
from kymograph.types import JsonObject, JsonValue, MetricName

router = APIRouter(tags=["exports"], responses=ERRORS)

MEDIA_TYPES = {
    ExportFormat.PARQUET: "application/vnd.apache.parquet",
    ExportFormat.CSV: "text/csv; charset=utf-8",
    ExportFormat.JSON_LINES: "application/jsonl",
}
DAMAGE_HEADER = "X-Kymograph-Damaged"
OLDEST_FIRST = (Order(Field(Scope.RUN, "created_at")),)
_RUNS_AT_ONCE = 500
_FILE: dict[int | str, dict[str, Any]] = {200: {"content": {media_type: {} for media_type in MEDIA_TYPES.values()}}}


@router.get(
    "/projects/{entity}/{project}/runs/{run}/export",
    response_class=StreamingResponse,
    responses=_FILE,
)
def export_history(
    entity: EntityPath,
    project: ProjectPath,
    run: RunPath,
    caller: CallerDep,
    services: ServicesDep,
    format: Annotated[ExportFormat, Query(description="what the file is")] = ExportFormat.PARQUET,
    key: Annotated[
        list[str] | None, Query(description="only these metrics, and rows that hold one of them at least")
    ] = None,
    min_step: Annotated[int | None, Query(ge=-(2**63), lt=2**63)] = None,
    max_step: Annotated[int | None, Query(ge=-(2**63), lt=2**63, description="exclusive")] = None,
) -> StreamingResponse:
    """The whole history of a run as a file: a row per step, a column per metric."""
    found = services.runs.get(caller, entity, project, run)
    keys = tuple(MetricName(name) for name in dict.fromkeys(key or ()))
    export = services.exports.open(found, ExportQuery(format, keys, min_step, max_step))
    headers = {DAMAGE_HEADER: describe_damage(export.damaged)} if export.damaged else {}
    return _file_response(export.pieces(), format, found.id, headers)


@router.get("/projects/{entity}/{project}/export", response_class=StreamingResponse, responses=_FILE)
def export_runs(
    entity: EntityPath,
    project: ProjectPath,
    caller: CallerDep,
    services: ServicesDep,
    format: Annotated[ExportFormat, Query(description="what the file is")] = ExportFormat.PARQUET,
) -> StreamingResponse:
    """All runs of a project as a file, with config and summary: oldest first."""
    services.runs.search(caller, entity, project, RunQuery(limit=0))  # so that refusals come before the first byte
    rows = _run_rows(services, caller, entity, project, is_flat=format is not ExportFormat.JSON_LINES)
    return _file_response(services.exports.table(format, rows), format, f"{project}-runs", {})


def _file_response(
    pieces: Iterator[bytes], format: ExportFormat, name: str, headers: Mapping[str, str]
) -> StreamingResponse:
    disposition = f"attachment; filename*=UTF-8''{quote(name, safe='')}.{format.value}"
    return StreamingResponse(
        pieces, media_type=MEDIA_TYPES[format], headers={**headers, "Content-Disposition": disposition}
    )


def describe_damage(damaged: Sequence[Damage]) -> str:
    """What could not be read, in one line; empty if nothing."""
    return ", ".join(f"{damage.object} {damage.first_step}..{damage.last_step}" for damage in damaged)


def _run_rows(
    services: Services, caller: Caller, entity: str, project: str, *, is_flat: bool
) -> Iterator[Mapping[str, JsonValue]]:
    offset = 0
    while True:
        query = RunQuery(order=OLDEST_FIRST, limit=_RUNS_AT_ONCE, offset=offset)
        page = services.runs.search(caller, entity, project, query)
        for run in page.runs:
            yield _run_row(run, encode_run(run, page.now), is_flat=is_flat)
        offset += len(page.runs)
        if len(page.runs) < _RUNS_AT_ONCE:
            return


def _run_row(run: Run, fields: JsonObject, *, is_flat: bool) -> JsonObject:
    config = unwrap_config(decode_document(run.config_json))
    summary = {key: value for key, value in decode_document(run.summary_json).items() if key != INTERNAL_KEY}
    if not is_flat:
        return {**fields, "config": config, "summary": summary}
    leaves = {**dict(iter_leaves(config, prefix="config.")), **dict(iter_leaves(summary, prefix="summary."))}
    return {**fields, **leaves}
