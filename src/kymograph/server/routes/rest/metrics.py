"""Catalogues of metrics: searched and paged, of one run or of several."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated

import regex  # type: ignore[import-untyped]  # its stubs are a package of their own
from fastapi import APIRouter, Depends, Query, Response

from kymograph.core import exact_json
from kymograph.core.filters import RunQuery
from kymograph.core.history import MetricInfo, MetricKind, Stream
from kymograph.core.run import Run
from kymograph.errors import InvalidFilter, MalformedRequest
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
from kymograph.wire.config import MetricDefinition, metric_definitions

router = APIRouter(tags=["history"], responses=ERRORS)

MAX_CATALOGUE_RUNS = 1000
DEFAULT_PAGE = 1000
INTERNAL_METRICS = frozenset({"_step", "_runtime", "_timestamp", "_wandb"})
_BUDGET_S = 2.0
"""What a pattern may take for all names; usual ones take a tenth of a second for 100,000."""

SearchText = Annotated[str, Query(max_length=500)]


@dataclass(frozen=True, slots=True)
class Page:
    """Which metrics are asked for."""

    matches: Callable[[str], bool]
    offset: int
    limit: int


def parse_page(
    search: Annotated[str, Query(max_length=500, description="names that contain this, in any case")] = "",
    prefix: Annotated[str, Query(max_length=500, description="names that begin with this")] = "",
    regex: Annotated[str, Query(max_length=500, description="names in which this pattern is found")] = "",
    limit: Limit = DEFAULT_PAGE,
    after: After = None,
) -> Page:
    """Read the parameters that all catalogues take.

    Raises:
        MalformedRequest: More than one way to search.
        InvalidFilter: The pattern is none.
        InvalidCursor: The cursor is none of ours.
    """
    if sum(text != "" for text in (search, prefix, regex)) > 1:
        raise MalformedRequest("give one of search, prefix and regex", where="query")
    return Page(_matcher(search, prefix, regex), offset_of(after), limit)


PageDep = Annotated[Page, Depends(parse_page)]


def _matcher(search: str, prefix: str, pattern: str) -> Callable[[str], bool]:
    if search:
        lower = search.lower()
        return lambda name: lower in name.lower()
    if prefix:
        return lambda name: name.startswith(prefix)
    if not pattern:
        return lambda name: True
    try:
        compiled = regex.compile(pattern)
    except (regex.error, RecursionError, OverflowError) as exc:
        raise InvalidFilter(f"{pattern!r} is not a regular expression: {exc}", where="regex") from exc

    ends_at = time.monotonic() + _BUDGET_S

    def matches(name: str) -> bool:
        try:
            return compiled.search(name, timeout=max(0.001, ends_at - time.monotonic())) is not None
        except TimeoutError as exc:
            problem = f"{pattern!r} takes too long; write it without nested repetitions"
            raise InvalidFilter(problem, where="regex") from exc

    return matches


@router.get("/projects/{entity}/{project}/metrics", response_model=MetricList)
def list_project_metrics(
    entity: EntityPath,
    project: ProjectPath,
    caller: CallerDep,
    services: ServicesDep,
    page: PageDep,
    run: Annotated[list[str] | None, Query(description="run ids; all of the newest 1000 when left out")] = None,
) -> Response:
    """Metrics of several runs."""
    if run is None:
        runs = services.runs.search(caller, entity, project, RunQuery(limit=MAX_CATALOGUE_RUNS)).runs
    else:
        runs = services.runs.find_many(caller, entity, project, run[:MAX_CATALOGUE_RUNS])
    return JsonResponse(_list(services, runs, page, with_last=False))


@router.get("/projects/{entity}/{project}/runs/{run}/metrics", response_model=MetricList)
def list_run_metrics(
    entity: EntityPath, project: ProjectPath, run: RunPath, caller: CallerDep, services: ServicesDep, page: PageDep
) -> Response:
    """Metrics of one run with their last values."""
    found = services.runs.get(caller, entity, project, run)
    return JsonResponse(_list(services, [found], page, with_last=True))


@router.get("/projects/{entity}/{project}/runs/{run}/system", response_model=MetricList)
def list_system_metrics(
    entity: EntityPath, project: ProjectPath, run: RunPath, caller: CallerDep, services: ServicesDep, page: PageDep
) -> Response:
    """System metrics of one run with their last values."""
    found = services.runs.get(caller, entity, project, run)
    return JsonResponse(_list(services, [found], page, with_last=True, stream=Stream.SYSTEM))


def _list(
    services: Services, runs: Sequence[Run], page: Page, *, with_last: bool, stream: Stream = Stream.HISTORY
) -> JsonObject:
    catalogues = [services.history.catalogue(run, stream, with_last=with_last) for run in runs]
    # Names first: of 100,000 in each of several runs, only those of the page are merged.
    names = dict.fromkeys(metric.name for catalogue in catalogues for metric in catalogue)
    found = [name for name in names if not _is_internal(name) and page.matches(name)]
    shown = found[page.offset : page.offset + page.limit]
    merged = {name: _Merged(name) for name in shown}
    for run, catalogue in zip(runs, catalogues, strict=True):
        definitions = _Definitions(run if stream is Stream.HISTORY else None)
        for metric in catalogue:
            if (entry := merged.get(metric.name)) is not None:
                entry.add(metric, definitions.of(metric.name))
    items: list[JsonValue] = [merged[name].encode(with_last=with_last) for name in shown]
    return {"items": items, "next": next_cursor(page.offset, len(shown), len(found)), "total": len(found)}


def _is_internal(name: str) -> bool:
    return name.startswith("_") and name.partition(".")[0] in INTERNAL_METRICS


class _Merged:
    """One metric over several runs."""

    def __init__(self, name: MetricName) -> None:
        self._name = name
        self._kind = MetricKind.NULL
        self._runs = self._points = self._non_finite = 0
        self._x: str | None = None
        self._is_hidden = False
        self._last: JsonValue = None

    def add(self, metric: MetricInfo, definition: MetricDefinition | None) -> None:
        """Count one run's share."""
        if self._runs == 0 or metric.kind in (MetricKind.NUMBER, MetricKind.BOOLEAN):
            self._kind = metric.kind  # one run with numbers is enough for a chart
        self._runs += 1
        self._points += metric.points
        self._non_finite += metric.non_finite
        self._last = metric.last
        if definition is not None:
            self._x = self._x or definition.step_metric
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
                exact.setdefault(definition.name, definition)
        return exact, globs

    def of(self, name: str) -> MetricDefinition | None:
        """The definition that counts for a metric: its own, else the first glob that fits."""
        exact, globs = self._all
        if name in exact:
            return exact[name]
        return next((item for item in globs if name.startswith(item.name.removesuffix("*"))), None)
