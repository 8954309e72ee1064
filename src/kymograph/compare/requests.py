"""What requests say: whose project, which metrics."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import Depends, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.exceptions import RequestValidationError

from kymograph.compare.comparison import Comparison
from kymograph.compare.models import Kind, ShortText
from kymograph.compare.selection import MetricChoice, choice_of
from kymograph.compare.source import ComparisonSource, ProjectSource
from kymograph.core.history import MetricKind

SourceOf = Callable[[Request], Awaitable[ComparisonSource]]
"""Tells what the sender of a request may read, or raises one of our errors. Stands in the application's state as
`comparison_source`."""


async def source_of(request: Request) -> ComparisonSource:
    """What the sender of a request may read."""
    find: SourceOf = request.app.state.comparison_source
    return await find(request)


SourceDep = Annotated[ComparisonSource, Depends(source_of)]


def open_project(source: ComparisonSource, entity: str | None, project: str | None, *, where: str) -> ProjectSource:
    """The project that a request names, or the one that is meant without a name.

    Args:
        source: Where it is.
        entity: As named.
        project: As named.
        where: In which part of the request, for the message.

    Raises:
        RequestValidationError: One has to be named.
        ProjectNotFound: Absent, or not readable.
    """
    name = project or source.default_project
    if not name:
        raise RequestValidationError([{"loc": (where, "project"), "msg": "name a project", "type": "missing"}])
    return source.open(entity or None, name)


async def _comparison(
    source: SourceDep,
    entity: Annotated[str | None, Query(max_length=1000, description="the caller's own when left out")] = None,
    project: Annotated[str | None, Query(max_length=1000)] = None,
) -> Comparison:
    return Comparison(await run_in_threadpool(open_project, source, entity, project, where="query"))


ComparisonDep = Annotated[Comparison, Depends(_comparison)]
"""Runs of the project that the address names."""


def _choice(
    metrics: Annotated[list[ShortText] | None, Query(max_length=1000, description="names, in the order wanted")] = None,
    glob: Annotated[list[ShortText] | None, Query(max_length=100, description="patterns; * is any text")] = None,
    kind: Annotated[list[Kind] | None, Query(description="only media of these kinds")] = None,
) -> MetricChoice:
    return choice_of(metrics or (), glob or (), map(MetricKind, kind or ()))


ChoiceDep = Annotated[MetricChoice, Depends(_choice)]
"""The metrics that the address names."""
