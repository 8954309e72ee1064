"""What the comparer reads in the server itself: services, for the caller of a request."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import quote

from fastapi import Path, Request
from starlette.concurrency import run_in_threadpool

from kymograph.compare.restricted import RestrictedSource
from kymograph.compare.source import (
    ComparedRun,
    ComparisonSource,
    MediaMetric,
    ProjectSource,
    RunListing,
    StoredFile,
)
from kymograph.core.artifact import ArtifactVersion, EntryRecord
from kymograph.core.filters import RunQuery
from kymograph.core.history import MediaPoints, MetricInfo, MetricQuery, NumberPoints, RowPage, RowQuery, ValuePlace
from kymograph.core.media_values import MediaItem, count_media
from kymograph.core.run import Run
from kymograph.errors import AuthError, InvalidName, NotFoundError, RunFileNotFound
from kymograph.server.auth import identify, services_of
from kymograph.server.json import iso
from kymograph.server.routes.rest.common import parse_query
from kymograph.server.routes.rest.runs import NEWEST_FIRST
from kymograph.services.access import Caller
from kymograph.services.container import Services
from kymograph.types import JsonValue, MetricName, ProjectId, RunId
from kymograph.wire.manifest_json import find_target

_LIST_TYPE = "list"
SHARED_PREFIX = "/api/v1/shared/{share_token}"
"""Whoever has the secret of a link asks below it, and needs nothing else."""
ShareToken = Annotated[str, Path(description="secret of the link", max_length=1000)]


async def comparison_source(request: Request) -> ComparisonSource:
    """What the sender of a request may read: below the secret of a link what that shows, else what they may see.

    Raises:
        Unauthenticated: Nobody known.
        ShareNotFound: No such link, or not any more.
    """
    services, public_url = services_of(request), request.app.state.deployment.settings.public_url
    if "share_token" not in request.path_params:
        return ServerSource(services, (await identify(request)).caller, public_url)
    opened = await run_in_threadpool(services.shares.open, request.path_params["share_token"])
    source = ServerSource(services, opened.maker, public_url, artifacts_of=opened.project.id)
    return RestrictedSource(source, opened.project.entity, opened.project.name, opened.share.comparison)


def share_token(share_token: ShareToken) -> str:
    """Documents the parameter that `comparison_source` reads."""
    return share_token


@dataclass(frozen=True, slots=True)
class ServerSource:
    """All projects that a caller may read. docstrings inherited."""

    services: Services
    caller: Caller
    public_url: str
    artifacts_of: ProjectId | None = None
    """Whose artifacts media may lie in; None for all that the caller may read."""

    default_project = None

    def open(self, entity: str | None, project: str) -> ProjectSource:
        """Docstring inherited."""
        found = self.services.projects.get(self.caller, entity or self.caller.default_entity, project)
        return _Project(self, found.entity, found.name)


class _Project:
    """One project. docstrings inherited."""

    def __init__(self, source: ServerSource, entity: str, project: str) -> None:
        self._services, self._caller, self._public_url = source.services, source.caller, source.public_url
        self._entity, self._project = entity, project
        self._artifacts_of = source.artifacts_of
        self._known: dict[RunId, Run] = {}

    # --- runs --------------------------------------------------------------------------------------------------------

    def list_runs(self, search: str, *, offset: int, limit: int) -> RunListing:
        """Docstring inherited."""
        query = RunQuery(parse_query(search), NEWEST_FIRST, limit, offset)
        page = self._services.runs.search(self._caller, self._entity, self._project, query)
        return RunListing(self._shown(page.runs), page.total)

    def find_runs(self, run_ids: Sequence[str]) -> list[ComparedRun]:
        """Docstring inherited."""
        return self._shown(self._services.runs.find_many(self._caller, self._entity, self._project, run_ids))

    def check(self, runs: Sequence[ComparedRun]) -> None:
        """Docstring inherited."""
        self._services.runs.check_there(self._runs(runs))

    def _shown(self, runs: Sequence[Run]) -> list[ComparedRun]:
        self._known.update((run.id, run) for run in runs)
        return [
            ComparedRun(
                run.id,
                run.display_name,
                iso(run.created_at),
                f"{self._public_url}/{quote(run.entity)}/{quote(run.project)}/runs/{quote(run.id)}",
                run.last_step,
            )
            for run in runs
        ]

    def _runs(self, runs: Sequence[ComparedRun]) -> list[Run]:
        return [self._known[run.id] for run in runs]

    # --- history -----------------------------------------------------------------------------------------------------

    def metrics(self, runs: Sequence[ComparedRun]) -> list[MediaMetric]:
        """Docstring inherited."""
        return [metric for run in self._runs(runs) for metric in self._metrics_of(run)]

    def _metrics_of(self, run: Run) -> list[MediaMetric]:
        history = self._services.history
        known = history.catalogue(run, with_last=False)
        with_lists = [metric.name for metric in known if any(name == _LIST_TYPE for name, _ in metric.type_counts)]
        lists: dict[MetricName, MetricInfo] = {}
        if with_lists:
            lists = {metric.name: metric for metric in history.catalogue(run, names=with_lists)}
        found = []
        for metric in known:
            last = lists[metric.name].last if metric.name in lists else None
            counted = count_media(metric.type_counts, last)
            if counted is not None:
                found.append(MediaMetric(run.id, metric.name, *counted))
        return found

    def names(self, runs: Sequence[ComparedRun]) -> list[MetricName]:
        """Docstring inherited."""
        return self._services.history.search_metrics(self._runs(runs), MetricQuery()).names

    def media(self, runs: Sequence[ComparedRun], metrics: Sequence[MetricName]) -> list[MediaPoints]:
        """Docstring inherited."""
        return self._services.history.media(self._runs(runs), metrics)

    def numbers(self, runs: Sequence[ComparedRun], metric: MetricName) -> list[NumberPoints]:
        """Docstring inherited."""
        return self._services.history.numbers(self._runs(runs), metric)

    def values(self, runs: Sequence[ComparedRun], places: Sequence[ValuePlace]) -> list[JsonValue]:
        """Docstring inherited."""
        return self._services.history.values(self._runs(runs), places)

    def rows(self, run: ComparedRun, query: RowQuery) -> RowPage:
        """Docstring inherited."""
        return self._services.history.rows(self._known[run.id], query)

    # --- files -------------------------------------------------------------------------------------------------------

    def urls(self, wanted: Sequence[tuple[ComparedRun, MediaItem]]) -> list[str | None]:
        """Docstring inherited."""
        return [self._url(self._known[run.id], item) for run, item in wanted]

    def _url(self, run: Run, item: MediaItem) -> str | None:
        if item.path is not None:
            try:
                return self._services.files.shown_url(run, item.path)
            except InvalidName:
                return None  # whoever logged it wrote what no file can be called
        entry = self._entry(item)
        return None if entry is None else self._services.artifact_downloads.shown_url(entry)

    def _entry(self, item: MediaItem) -> EntryRecord | None:
        """The bytes of an item that lies in an artifact; None if it does not, or the caller may not get them."""
        if item.artifact is None:
            return None
        place, _, path = item.artifact.partition("://")[2].partition("/")
        artifacts = self._services.artifacts
        target = find_target(item.artifact)
        version = (
            artifacts.find_meaning(self._caller, place) if target is None else artifacts.find(self._caller, target)
        )
        if not isinstance(version, ArtifactVersion):
            return None
        if self._artifacts_of not in (None, version.collection.project_id):
            return None
        try:
            return self._services.artifact_catalog.get_content(self._caller, version, path)
        except (NotFoundError, AuthError):
            return None

    async def open_file(self, run: ComparedRun, item: MediaItem) -> StoredFile:
        """Docstring inherited."""
        found = self._known[run.id]
        if item.path is not None:
            file = await run_in_threadpool(self._services.files.get, found, item.path)
            return StoredFile(file.size_bytes, self._services.files.read(file))
        entry = await run_in_threadpool(self._entry, item)
        if entry is None or entry.object_key is None:
            raise RunFileNotFound(item.artifact or "(none)", within=found.path)
        stored = await self._services.artifact_downloads.open(entry.object_key, entry.path)
        return StoredFile(stored.info.size_bytes, self._services.artifact_downloads.read(stored))
