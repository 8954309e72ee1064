"""A source that shows some metrics of some runs of one project, whatever the one behind it may read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from kymograph.compare.source import (
    ComparedRun,
    ComparisonSource,
    MediaMetric,
    ProjectSource,
    RunListing,
    StoredFile,
)
from kymograph.core.history import KeyMode, MediaPoints, NumberPoints, RowPage, RowQuery, ValuePlace
from kymograph.core.media_values import MediaItem
from kymograph.core.shares import SharedComparison
from kymograph.errors import InvalidFilter, ProjectNotFound
from kymograph.types import JsonValue, MetricName


class RestrictedSource:
    """One project of another source, and of that only what a link shows. docstrings inherited.

    What is not shown is answered as if it had never been logged.
    """

    def __init__(self, inner: ComparisonSource, entity: str, project: str, shown: SharedComparison) -> None:
        """Show a part of a project.

        Args:
            inner: Reads it.
            entity: Who owns the project.
            project: Its name; the one that is meant when a request names none.
            shown: The part.
        """
        self._inner, self._entity, self._shown = inner, entity, shown
        self.default_project = project

    def open(self, entity: str | None, project: str) -> ProjectSource:
        """Docstring inherited."""
        if (entity or self._entity, project) != (self._entity, self.default_project):
            raise ProjectNotFound(f"{entity or self._entity}/{project}")
        return _Project(self._inner.open(self._entity, self.default_project), self._shown)


class _Project:
    """Some runs. docstrings inherited."""

    def __init__(self, inner: ProjectSource, shown: SharedComparison) -> None:
        self._inner, self._shown = inner, shown
        self._run_ids, self._metrics = frozenset(shown.run_ids), frozenset(shown.metrics)
        self._numbers = self._metrics | {shown.axis}

    def list_runs(self, search: str, *, offset: int, limit: int) -> RunListing:
        """Docstring inherited; searched by words alone, since filters ask about what is not shown."""
        if search.lstrip().startswith("{"):
            raise InvalidFilter("a shared comparison is searched by words of names", where="q")
        words = search.casefold().split()
        runs = [
            run
            for run in self._inner.find_runs(self._shown.run_ids)
            if all(word in run.name.casefold() or word in run.id.casefold() for word in words)
        ]
        runs.sort(key=lambda run: run.created_at or "", reverse=True)
        return RunListing(runs[offset : offset + limit], len(runs))

    def find_runs(self, run_ids: Sequence[str]) -> list[ComparedRun]:
        """Docstring inherited."""
        return self._inner.find_runs([run_id for run_id in run_ids if run_id in self._run_ids])

    def metrics(self, runs: Sequence[ComparedRun]) -> list[MediaMetric]:
        """Docstring inherited."""
        return [metric for metric in self._inner.metrics(runs) if metric.name in self._metrics]

    def names(self, runs: Sequence[ComparedRun]) -> list[MetricName]:
        """Docstring inherited."""
        return [name for name in self._inner.names(runs) if name in self._numbers]

    def media(self, runs: Sequence[ComparedRun], metrics: Sequence[MetricName]) -> list[MediaPoints]:
        """Docstring inherited."""
        return self._inner.media(runs, [name for name in metrics if name in self._metrics])

    def numbers(self, runs: Sequence[ComparedRun], metric: MetricName) -> list[NumberPoints]:
        """Docstring inherited."""
        if metric in self._numbers:
            return self._inner.numbers(runs, metric)
        return [NumberPoints(np.empty(0, np.int64), np.empty(0, np.float64)) for _ in runs]

    def values(self, runs: Sequence[ComparedRun], places: Sequence[ValuePlace]) -> list[JsonValue]:
        """Docstring inherited."""
        shown = [place for place in places if place.metric in self._metrics]
        found = iter(self._inner.values(runs, shown))
        return [next(found) if place.metric in self._metrics else None for place in places]

    def urls(self, wanted: Sequence[tuple[ComparedRun, MediaItem]]) -> list[str | None]:
        """Docstring inherited."""
        return self._inner.urls(wanted)

    def rows(self, run: ComparedRun, query: RowQuery) -> RowPage:
        """Docstring inherited."""
        keys = tuple(key for key in query.keys if key in self._numbers)
        # No keys would be all keys.
        if not keys or (query.mode is KeyMode.ALL and len(keys) < len(query.keys)):
            return RowPage((), None, 0)
        return self._inner.rows(run, replace(query, keys=keys))

    def check(self, runs: Sequence[ComparedRun]) -> None:
        """Docstring inherited."""
        self._inner.check(runs)

    async def open_file(self, run: ComparedRun, item: MediaItem) -> StoredFile:
        """Docstring inherited."""
        return await self._inner.open_file(run, item)
