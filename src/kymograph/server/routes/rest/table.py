"""What the run table offers beside its rows: groups of runs, and the columns to choose from."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Response

from kymograph.core import exact_json
from kymograph.core.column_search import ColumnQuery, NameMatch
from kymograph.core.filters import Scope
from kymograph.core.groups import (
    LARGEST_FIRST,
    MAX_FIELDS,
    MAX_METRICS,
    GroupQuery,
    RunGroup,
    Spread,
    filter_of,
    parse_group_field,
    parse_group_order,
    parse_metric,
)
from kymograph.errors import MalformedRequest
from kymograph.server.auth import CallerDep, ServicesDep
from kymograph.server.json import JsonResponse
from kymograph.server.routes.rest.common import (
    ERRORS,
    After,
    EntityPath,
    Limit,
    ProjectPath,
    next_cursor,
    offset_of,
    parse_query,
)
from kymograph.server.routes.rest.models import ColumnPageModel, GroupPageModel
from kymograph.types import JsonObject

router = APIRouter(tags=["runs"], responses=ERRORS)


@router.get("/projects/{entity}/{project}/groups", response_model=GroupPageModel)
def list_groups(
    entity: EntityPath,
    project: ProjectPath,
    caller: CallerDep,
    services: ServicesDep,
    by: Annotated[list[str], Query(description="fields of runs, `config.<key>` or `summary.<key>`", min_length=1)],
    metric: Annotated[list[str] | None, Query(description="whose spread to tell: `summary.<key>`")] = None,
    q: Annotated[str, Query(description="filter as JSON, or free words", max_length=100_000)] = "",
    sort: Annotated[
        str,
        Query(description="`count`, a name of `by`, `mean(summary.loss)`; `-`: descending", max_length=10_000),
    ] = "",
    limit: Limit = 100,
    after: After = None,
) -> Response:
    """Runs with equal values, counted, with the spread of metrics in each group."""
    offset = offset_of(after)
    fields = {parse_group_field(name): name for name in by}
    metrics = {parse_metric(name): name for name in metric or ()}
    if len(fields) > MAX_FIELDS or len(metrics) > MAX_METRICS:
        raise MalformedRequest(f"at most {MAX_FIELDS} fields and {MAX_METRICS} metrics", where="query.by")
    query = GroupQuery(
        by=tuple(fields),
        metrics=tuple(metrics),
        filter=parse_query(q),
        order=parse_group_order(sort, tuple(fields), tuple(metrics)) if sort else LARGEST_FIRST,
        limit=limit,
        offset=offset,
    )
    page = services.runs.group(caller, entity, project, query)
    items = [_encode_group(group, query, list(fields.values()), list(metrics.values())) for group in page.groups]
    cursor = next_cursor(offset, len(items), page.total)
    return JsonResponse({"items": items, "next": cursor, "total": page.total, "runs": page.run_count})


def _encode_group(group: RunGroup, query: GroupQuery, fields: list[str], metrics: list[str]) -> JsonObject:
    return {
        "key": [
            {"field": name, "kind": key.kind.value, "value": exact_json.to_strict(key.value)}
            for name, key in zip(fields, group.keys, strict=True)
        ],
        "filter": filter_of(query.by, group.keys),
        "count": group.count,
        "metrics": {name: _encode_spread(spread) for name, spread in zip(metrics, group.spreads, strict=True)},
    }


def _encode_spread(spread: Spread) -> JsonObject:
    return {
        "count": spread.count,
        "non_finite": spread.non_finite,
        "min": spread.min,
        "max": spread.max,
        "mean": spread.mean,
    }


@router.get("/projects/{entity}/{project}/columns", response_model=ColumnPageModel)
def list_columns(
    entity: EntityPath,
    project: ProjectPath,
    caller: CallerDep,
    services: ServicesDep,
    q: Annotated[str, Query(description="part of the name", max_length=10_000)] = "",
    match: Annotated[NameMatch, Query(description="how `q` is compared")] = NameMatch.CONTAINS,
    scope: Annotated[Literal["config", "summary"] | None, Query(description="both when left out")] = None,
    limit: Limit = 100,
    after: After = None,
) -> Response:
    """Config and summary columns of a project, by name."""
    offset = offset_of(after)
    query = ColumnQuery(q, match, Scope(scope) if scope else None, limit, offset)
    page = services.runs.list_columns(caller, entity, project, query)
    items: list[JsonObject] = [
        {"name": f"{column.scope}.{column.name}", "scope": column.scope.value, "kinds": [*sorted(column.kinds)]}
        for column in page.columns
    ]
    return JsonResponse({"items": items, "next": next_cursor(offset, len(items), page.total), "total": page.total})
