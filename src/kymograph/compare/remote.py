"""What the comparer reads from any server of the protocol, by its GraphQL alone."""

from __future__ import annotations

import re
import threading
from collections import OrderedDict
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from tempfile import SpooledTemporaryFile
from typing import Any, BinaryIO, cast
from urllib.parse import quote

import numpy as np
from fastapi.concurrency import run_in_threadpool

from kymograph.client.run_file_urls import artifact_file_url, public_file_url, run_file_urls
from kymograph.client.run_samples import Points, RunSamples, SampledRun
from kymograph.client.runs import RunClient
from kymograph.compare.source import ComparedRun, MediaMetric, ProjectSource, RunListing, StoredFile
from kymograph.core import exact_json
from kymograph.core.buckets import even_indices
from kymograph.core.history import (
    INTERNAL_METRICS,
    STEP,
    KeyMode,
    MediaPoints,
    MetricKind,
    NumberPoints,
    Row,
    RowPage,
    RowQuery,
    ValuePlace,
)
from kymograph.core.media_values import MediaItem, count_media, media_kind_of, media_type_of
from kymograph.errors import InvalidFilter, RunFileNotFound, RunNotFound
from kymograph.types import JsonValue, MetricName, RunId

CACHED_COLUMNS = 20_000
"""Metrics of runs whose steps are remembered, for as long as the run logs nothing more."""
_IN_MEMORY_BYTES = 1 << 20
_PIECE_BYTES = 1 << 18


@dataclass(frozen=True, slots=True, eq=False)
class _MediaSteps:
    """Where a metric of a run holds media."""

    kind: MetricKind
    steps: tuple[int, ...]


class StepCache:
    """Steps with media by run and metric, good until the run logs more. Safe to share between threads."""

    def __init__(self, capacity: int = CACHED_COLUMNS) -> None:
        """Keep so many metrics of runs, those used last."""
        self._capacity = capacity
        self._known: OrderedDict[tuple[str, ...], tuple[tuple[int, int | None], _MediaSteps | None]] = OrderedDict()
        self._lock = threading.Lock()

    def find(self, place: tuple[str, ...], run: SampledRun) -> tuple[bool, _MediaSteps | None]:
        """Whether it is known, and what."""
        with self._lock:
            known = self._known.get(place)
            if known is None or known[0] != (run.lines, run.last_step):
                return False, None
            self._known.move_to_end(place)
            return True, known[1]

    def put(self, place: tuple[str, ...], run: SampledRun, steps: _MediaSteps | None) -> None:
        """Remember it."""
        with self._lock:
            self._known[place] = ((run.lines, run.last_step), steps)
            self._known.move_to_end(place)
            while len(self._known) > self._capacity:
                self._known.popitem(last=False)


class RemoteSource:
    """All projects that a client's user may read. docstrings inherited."""

    def __init__(
        self, client: RunClient, cache: StepCache, *, entity: str | None = None, project: str | None = None
    ) -> None:
        """Read by way of a client.

        Args:
            client: Of the server, with the credential of whoever asks.
            cache: Only for those who use the same credential.
            entity: Meant when none is named; None for the user's own.
            project: Meant when none is named.
        """
        self._client, self._cache, self._entity = client, cache, entity
        self.default_project = project

    def open(self, entity: str | None, project: str) -> ProjectSource:
        """Docstring inherited; whether it exists, the first question tells."""
        if entity is None and self._entity is None:
            self._entity = self._client.viewer().entity
        return _Project(self._client, self._cache, entity or self._entity or "", project)


class _Project:
    """One project. docstrings inherited."""

    def __init__(self, client: RunClient, cache: StepCache, entity: str, project: str) -> None:
        self._client, self._cache = client, cache
        self._entity, self._project = entity, project
        self._samples = RunSamples(client, entity, project)
        self._known: dict[str, SampledRun] = {}

    # --- runs --------------------------------------------------------------------------------------------------------

    def list_runs(self, search: str, *, offset: int, limit: int) -> RunListing:
        """Docstring inherited."""
        page = self._samples.list_runs(_filters_of(search), offset=offset, limit=limit)
        return RunListing([self._shown(run) for run in page.runs], page.total)

    def find_runs(self, run_ids: Sequence[str]) -> list[ComparedRun]:
        """Docstring inherited."""
        found = self._samples.describe(run_ids)
        self._known.update((run.id, run) for run in found)
        return [self._shown(run) for run in found]

    def check(self, runs: Sequence[ComparedRun]) -> None:
        """Nothing: whoever reads a run that is gone is told so by the server."""

    def _shown(self, run: SampledRun) -> ComparedRun:
        url = f"{self._client.base_url}/{quote(self._entity)}/{quote(self._project)}/runs/{quote(run.id)}"
        return ComparedRun(RunId(run.id), run.display_name, run.created_at, url, run.last_step)

    def _described(self, runs: Sequence[ComparedRun]) -> list[SampledRun]:
        """Runs with what they say of their metrics: those that were only listed are asked."""
        unknown = [run.id for run in runs if run.id not in self._known]
        if unknown:
            self.find_runs(unknown)
        gone = next((run.id for run in runs if run.id not in self._known), None)
        if gone is not None:
            raise RunNotFound(gone, within=f"{self._entity}/{self._project}")
        return [self._known[run.id] for run in runs]

    # --- history -----------------------------------------------------------------------------------------------------

    def metrics(self, runs: Sequence[ComparedRun]) -> list[MediaMetric]:
        """Docstring inherited."""
        return [
            MediaMetric(RunId(run.id), MetricName(name), *counted)
            for run in self._described(runs)
            for name, facts in run.keys.items()
            if (counted := count_media(facts.type_counts, facts.last)) is not None
        ]

    def names(self, runs: Sequence[ComparedRun]) -> list[MetricName]:
        """Docstring inherited."""
        names = (name for run in self._described(runs) for name in run.keys if name not in INTERNAL_METRICS)
        return [MetricName(name) for name in dict.fromkeys(names)]

    def media(self, runs: Sequence[ComparedRun], metrics: Sequence[MetricName]) -> list[MediaPoints]:
        """Docstring inherited."""
        described = self._described(runs)
        known: dict[tuple[str, str], _MediaSteps | None] = {}
        for metric in metrics:
            unknown = []
            for run in described:
                is_known, steps = self._cache.find(self._place(run, metric), run)
                if is_known:
                    known[run.id, metric] = steps
                elif _may_hold_media(run, metric):
                    unknown.append(run)
            for (run_id, name), points in self._samples.points(unknown, [metric]).items():
                known[run_id, name] = _media_steps(points)
                self._cache.put(self._place(self._known[run_id], name), self._known[run_id], known[run_id, name])
        return [
            MediaPoints(place, metric, found.kind, np.array(found.steps, np.int64))
            for place, run in enumerate(described)
            for metric in metrics
            if (found := known.get((run.id, metric))) is not None
        ]

    def _place(self, run: SampledRun, metric: str) -> tuple[str, ...]:
        return (self._entity, self._project, run.id, metric)

    def numbers(self, runs: Sequence[ComparedRun], metric: MetricName) -> list[NumberPoints]:
        """Docstring inherited."""
        described = self._described(runs)
        found = self._samples.points(described, [metric])
        return [_numbers(found.get((run.id, metric), {})) for run in described]

    def values(self, runs: Sequence[ComparedRun], places: Sequence[ValuePlace]) -> list[JsonValue]:
        """Docstring inherited."""
        return self._samples.values([(runs[place.history].id, place.metric, place.step) for place in places])

    def rows(self, run: ComparedRun, query: RowQuery) -> RowPage:
        """Docstring inherited."""
        (described,) = self._described([run])
        found = self._samples.points([described], query.keys)
        columns = {key: found.get((run.id, key), {}) for key in query.keys}
        steps = [set(points) for points in columns.values()]
        matching = set.intersection(*steps) if query.mode is KeyMode.ALL else set().union(*steps)
        chosen = sorted(
            step
            for step in matching
            if (query.min_step is None or step >= query.min_step) and (query.max_step is None or step < query.max_step)
        )
        total = len(chosen)
        if query.samples is not None:
            chosen = [chosen[place] for place in even_indices(total, query.samples).tolist()]
        rows = [
            Row(step, {STEP: step, **{key: points[step] for key, points in columns.items() if step in points}})
            for step in chosen
        ]
        return RowPage(tuple(rows), None, total)

    # --- files -------------------------------------------------------------------------------------------------------

    def urls(self, wanted: Sequence[tuple[ComparedRun, MediaItem]]) -> list[str | None]:
        """Docstring inherited."""
        names: dict[str, list[str]] = {}
        for run, item in wanted:
            if item.path is not None:
                names.setdefault(run.id, []).append(item.path)
        found = run_file_urls(self._client, self._entity, self._project, names)
        return [self._url(run, item, found) for run, item in wanted]

    def _url(self, run: ComparedRun, item: MediaItem, found: Mapping[tuple[str, str], str]) -> str | None:
        if item.path is None:
            return artifact_file_url(self._client, item.artifact) if item.artifact is not None else None
        own = public_file_url(self._client.base_url, self._entity, self._project, run.id, item.path)
        return found.get((run.id, item.path), own)

    async def open_file(self, run: ComparedRun, item: MediaItem) -> StoredFile:
        """Docstring inherited."""
        url = await run_in_threadpool(self._find_url, run, item)
        if url is None:
            raise RunFileNotFound(item.path or item.artifact or "(none)", within=run.id)
        # Whole before the first byte is passed on, so that what cannot be had is known by then.
        file = cast("BinaryIO", SpooledTemporaryFile(_IN_MEMORY_BYTES))  # noqa: SIM115 — `_pieces` closes it
        try:
            await run_in_threadpool(self._client.fetch, url, file)
        except BaseException:
            file.close()
            raise
        return StoredFile(file.tell(), _pieces(file))

    def _find_url(self, run: ComparedRun, item: MediaItem) -> str | None:
        if item.path is None:
            return artifact_file_url(self._client, item.artifact) if item.artifact is not None else None
        return run_file_urls(self._client, self._entity, self._project, {run.id: [item.path]}).get((run.id, item.path))


async def _pieces(file: BinaryIO) -> AsyncIterator[bytes]:
    with file:
        file.seek(0)
        while piece := await run_in_threadpool(file.read, _PIECE_BYTES):
            yield piece


def _may_hold_media(run: SampledRun, metric: str) -> bool:
    """Whether it pays to ask: numbers need not be read to know that they are no media."""
    facts = run.keys.get(metric)
    return facts is not None and (
        count_media(facts.type_counts) is not None or any(name == "list" for name, _ in facts.type_counts)
    )


def _media_steps(points: Points) -> _MediaSteps | None:
    held = [(step, value) for step, value in points.items() if media_type_of(value) is not None]
    return _MediaSteps(media_kind_of(held[-1][1]), tuple(step for step, _ in held)) if held else None


def _numbers(points: Points) -> NumberPoints:
    held = [(step, float(value)) for step, value in points.items() if isinstance(value, (int, float))]
    return NumberPoints(
        np.array([step for step, _ in held], np.int64), np.array([value for _, value in held], np.float64)
    )


def _filters_of(search: str) -> dict[str, Any]:
    """A filter of the protocol for what was typed: one as JSON, or words that are in the name or the id.

    Raises:
        InvalidFilter: It is no JSON object.
    """
    text = search.strip()
    if not text.startswith("{"):
        words = [{"$regex": f"(?i){re.escape(word)}"} for word in text.split()]
        return {"$and": [{"$or": [{"display_name": word}, {"name": word}]} for word in words]} if words else {}
    try:
        filters = exact_json.loads(text)
    except ValueError as exc:
        raise InvalidFilter(f"not JSON: {exc}", where="q") from exc
    if not isinstance(filters, dict):
        raise InvalidFilter("expected a JSON object", where="q")
    return filters
