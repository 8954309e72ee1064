"""Catalogues of metrics: searched and paged, of one run or of several."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response

from kymograph.core import exact_json
from kymograph.core.filters import RunQuery
from kymograph.core.history import MetricInfo, MetricKind, MetricQuery, NameMatch, Stream
from kymograph.core.metric_definitions import MetricDefinition
from kymograph.core.run import Run
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
    next_cursor,
    offset_of,
)
from kymograph.server.routes.rest.models import MetricList
from kymograph.services.container import Services
from kymograph.types import JsonObject, JsonValue, MetricName
from kymograph.wire.config import metric_definitions

router = APIRouter(tags=["history"], responses=ERRORS)

MAX_CATALOGUE_RUNS = 1000
DEFAULT_PAGE = 1000


def parse_page(
    search: Annotated[str, Query(max_length=500, description="names that contain this, in any case")] = "",
    prefix: Annotated[str, Query(max_length=500, description="names that begin with this")] = "",
    regex: Annotated[str, Query(max_length=500, description="names in which this pattern is found")] = "",
    limit: Limit = DEFAULT_PAGE,
    after: After = None,
) -> MetricQuery:
    """Read the parameters that all catalogues take.

    Raises:
        MalformedRequest: More than one way to search.
        InvalidCursor: The cursor is none of ours.
    """
    if sum(text != "" for text in (search, prefix, regex)) > 1:
        raise MalformedRequest("give one of search, prefix and regex", where="query")
    if regex:
        text, match = regex, NameMatch.REGEX
    elif prefix:
        text, match = prefix, NameMatch.PREFIX
    else:
        text, match = search, NameMatch.CONTAINS
    return MetricQuery(text, match, offset=offset_of(after), limit=limit)


PageDep = Annotated[MetricQuery, Depends(parse_page)]


@router.get("/projects/{entity}/{project}/metrics", response_model=MetricList)
def list_project_metrics(
    entity: EntityPath,
    project: ProjectPath,
    caller: CallerDep,
    services: ServicesDep,
    query: PageDep,
    run: Annotated[list[str] | None, Query(description="run ids; all of the newest 1000 when left out")] = None,
) -> Response:
    """Metrics of several runs."""
    if run is None:
        runs = services.runs.search(caller, entity, project, RunQuery(limit=MAX_CATALOGUE_RUNS)).runs
    else:
        runs = services.runs.find_many(caller, entity, project, run[:MAX_CATALOGUE_RUNS])
    return JsonResponse(_list(services, runs, query, with_last=False))


@router.get("/projects/{entity}/{project}/runs/{run}/metrics", response_model=MetricList)
def list_run_metrics(
    entity: EntityPath, project: ProjectPath, run: RunPath, caller: CallerDep, services: ServicesDep, query: PageDep
) -> Response:
    """Metrics of one run with their last values."""
    found = services.runs.get(caller, entity, project, run)
    return JsonResponse(_list(services, [found], query, with_last=True))


@router.get("/projects/{entity}/{project}/runs/{run}/system", response_model=MetricList)
def list_system_metrics(
    entity: EntityPath, project: ProjectPath, run: RunPath, caller: CallerDep, services: ServicesDep, query: PageDep
) -> Response:
    """System metrics of one run with their last values."""
    found = services.runs.get(caller, entity, project, run)
    return JsonResponse(_list(services, [found], query, with_last=True, stream=Stream.SYSTEM))


def _list(
    services: Services, runs: Sequence[Run], query: MetricQuery, *, with_last: bool, stream: Stream = Stream.HISTORY
) -> JsonObject:
    # Names first: of 100,000 in each of several runs, only those of the page are looked at.
    page = services.history.search_metrics(runs, query, stream)
    merged = {name: _Merged(name) for name in page.names}
    for run in runs:
        definitions = _Definitions(run if stream is Stream.HISTORY else None)
        for metric in services.history.catalogue(run, stream, with_last=with_last, names=page.names):
            merged[metric.name].add(metric, definitions.of(metric.name))
    items: list[JsonValue] = [entry.encode(with_last=with_last) for entry in merged.values() if entry.is_seen]
    return {"items": items, "next": next_cursor(query.offset, len(page.names), page.total), "total": page.total}


class _Merged:
    """One metric over several runs."""

    def __init__(self, name: MetricName) -> None:
        self._name = name
        self._kind = MetricKind.NULL
        self._runs = self._points = self._non_finite = 0
        self._x: str | None = None
        self._is_hidden = False
        self._last: JsonValue = None

    @property
    def is_seen(self) -> bool:
        """Whether any run has points: of what was inherited, a bound may have left none."""
        return self._runs > 0

    def add(self, metric: MetricInfo, definition: MetricDefinition | None) -> None:
        """Count one run's share."""
        if self._runs == 0 or metric.kind in (MetricKind.NUMBER, MetricKind.BOOLEAN):
            self._kind = metric.kind  # one run with numbers is enough for a chart
        self._runs += 1
        self._points += metric.points
        self._non_finite += metric.non_finite
        self._last = metric.last
        if definition is not None:
            self._x = self._x or definition.dotted_step_metric
            self._is_hidden = self._is_hidden or definition.is_hidden

    def encode(self, *, with_last: bool) -> JsonObject:
        """As `MetricModel` has it."""
        return {
            "name": self._name,
            "kind": self._kind.value,
            "runs": self._runs,
            "points": self._points,
            "non_finite": self._non_finite,
            "last": exact_json.to_strict(self._last) if with_last else None,
            "x": self._x,
            "hidden": self._is_hidden,
        }


class _Definitions:
    """What a run's ``define_metric`` calls say; its config is read when the first is asked for."""

    def __init__(self, run: Run | None) -> None:
        self._run = run

    @cached_property
    def _all(self) -> tuple[dict[str, MetricDefinition], list[MetricDefinition]]:
        found: Iterable[MetricDefinition] = ()
        if self._run is not None:
            found = metric_definitions(decode_document(self._run.config_json))
        exact: dict[str, MetricDefinition] = {}
        globs = []
        for definition in found:
            if definition.is_glob:
                globs.append(definition)
            else:
                exact.setdefault(definition.dotted_name, definition)
        return exact, globs

    def of(self, name: str) -> MetricDefinition | None:
        """The definition that counts for a metric: its own, else the first glob that fits."""
        exact, globs = self._all
        if name in exact:
            return exact[name]
        return next((item for item in globs if name.startswith(item.dotted_name.removesuffix("*"))), None)
