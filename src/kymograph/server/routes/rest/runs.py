"""Runs: lists with filters, sort and columns; one run; edits."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Annotated

from fastapi import APIRouter, Query, Response

from kymograph.core import exact_json
from kymograph.core.config import INTERNAL_KEY, unwrap_config
from kymograph.core.filter_parser import parse_order
from kymograph.core.filters import Field, Order, RunQuery, Scope
from kymograph.core.leaves import pick_leaves
from kymograph.core.run import Run, RunChange
from kymograph.errors import MalformedRequest
from kymograph.server.auth import CallerDep, ServicesDep
from kymograph.server.json import JsonResponse
from kymograph.server.routes.rest.common import (
    ERRORS,
    After,
    EntityPath,
    Limit,
    ProjectPath,
    RunPath,
    decode_document,
    encode_run,
    next_cursor,
    offset_of,
    parse_query,
)
from kymograph.server.routes.rest.models import RunChangeRequest, RunDetail, RunPageModel
from kymograph.services.container import Services
from kymograph.types import JsonObject

router = APIRouter(tags=["runs"], responses=ERRORS)

NEWEST_FIRST = (Order(Field(Scope.RUN, "created_at"), descending=True),)
MAX_COLUMNS = 500


@router.get("/projects/{entity}/{project}/runs", response_model=RunPageModel)
def list_runs(
    entity: EntityPath,
    project: ProjectPath,
    caller: CallerDep,
    services: ServicesDep,
    q: Annotated[str, Query(description="filter as JSON, or free words", max_length=100_000)] = "",
    sort: Annotated[str, Query(description="comma separated keys, `-` for descending", max_length=10_000)] = "",
    columns: Annotated[list[str] | None, Query(description="`config.<key>` or `summary.<key>`")] = None,
    limit: Limit = 100,
    after: After = None,
) -> Response:
    """One page of a project's runs."""
    offset = offset_of(after)
    wanted = _parse_columns(columns or ())
    if sum(map(len, wanted.values())) > MAX_COLUMNS:
        raise MalformedRequest(f"at most {MAX_COLUMNS} columns", where="query.columns")
    query = RunQuery(parse_query(q), parse_order(sort) if sort else NEWEST_FIRST, limit, offset)
    page = services.runs.search(caller, entity, project, query)
    items = [{**encode_run(run, page.now), "values": _values_of(run, wanted)} for run in page.runs]
    return JsonResponse({"items": items, "next": next_cursor(offset, len(items), page.total), "total": page.total})


@router.get("/projects/{entity}/{project}/runs/{run}", response_model=RunDetail)
def get_run(
    entity: EntityPath, project: ProjectPath, run: RunPath, caller: CallerDep, services: ServicesDep
) -> Response:
    """One run."""
    return JsonResponse(_encode_detail(services, services.runs.get(caller, entity, project, run)))


@router.patch("/projects/{entity}/{project}/runs/{run}", response_model=RunDetail)
def change_run(
    entity: EntityPath,
    project: ProjectPath,
    run: RunPath,
    body: RunChangeRequest,
    caller: CallerDep,
    services: ServicesDep,
) -> Response:
    """Change name, notes, tags, colour or group."""
    found = services.runs.get(caller, entity, project, run)
    change = RunChange(
        display_name=body.name,
        notes=body.notes,
        tags=tuple(dict.fromkeys(body.tags)) if body.tags is not None else None,
        color=body.color,
        group=body.group,
    )
    return JsonResponse(_encode_detail(services, services.runs.update(caller, found, change)))


@router.post("/projects/{entity}/{project}/runs/{run}/stop", status_code=204)
def stop_run(
    entity: EntityPath, project: ProjectPath, run: RunPath, caller: CallerDep, services: ServicesDep
) -> Response:
    """Ask the run's process to stop."""
    services.runs.request_stop(caller, services.runs.get(caller, entity, project, run).key)
    return Response(status_code=204)


@router.delete("/projects/{entity}/{project}/runs/{run}", status_code=204)
def delete_run(
    entity: EntityPath, project: ProjectPath, run: RunPath, caller: CallerDep, services: ServicesDep
) -> Response:
    """Delete a run; its id cannot be used again."""
    services.runs.delete(caller, services.runs.get(caller, entity, project, run).key)
    return Response(status_code=204)


def _encode_detail(services: Services, run: Run) -> JsonObject:
    summary = decode_document(run.summary_json)
    metadata = decode_document(run.metadata_json) if run.metadata_json else None
    detail: JsonObject = {
        **encode_run(run, services.runs.now),
        "config": unwrap_config(decode_document(run.config_json)),
        "summary": {key: value for key, value in summary.items() if key != INTERNAL_KEY},
        "metadata": metadata,
        "history_lines": run.history_lines,
        "console_lines": run.console_lines,
        "file_count": services.files.list_files(run, limit=0).total,
        "storage_bytes": run.storage_bytes,
    }
    strict = exact_json.to_strict(detail)
    assert isinstance(strict, dict)
    return strict


def _parse_columns(columns: Iterable[str]) -> dict[Scope, set[str]]:
    wanted: dict[Scope, set[str]] = {Scope.CONFIG: set(), Scope.SUMMARY: set()}
    for column in columns:
        scope, _, name = column.partition(".")
        if scope not in wanted or not name:
            raise MalformedRequest(f"{column[:80]!r} is neither config.<key> nor summary.<key>", where="query.columns")
        wanted[Scope(scope)].add(name)
    return wanted


def _values_of(run: Run, columns: Mapping[Scope, Collection[str]]) -> JsonObject:
    """The leaves asked for, from the documents themselves: exact, whatever search knows of them."""
    documents = {Scope.CONFIG: run.config_json, Scope.SUMMARY: run.summary_json}
    return {
        f"{scope}.{name}": exact_json.to_strict(leaf)
        for scope, names in columns.items()
        if names
        for name, leaf in pick_leaves(scope, documents[scope], names).items()
    }
