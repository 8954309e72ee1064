"""What the comparer reads: one project, for one caller, wherever its runs lie."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from kymograph.core.history import MediaPoints, MetricKind, NumberPoints, RowPage, RowQuery, ValuePlace
from kymograph.core.media_values import MediaItem
from kymograph.types import JsonValue, MetricName, RunId


@dataclass(frozen=True, slots=True)
class ComparedRun:
    """A run as the comparer shows it."""

    id: RunId
    name: str
    """The one that people gave it."""
    created_at: str | None
    """ISO 8601."""
    url: str
    """Of its page."""
    last_step: int | None = None


@dataclass(frozen=True, slots=True)
class RunListing:
    """Some runs of a project, the newest first."""

    runs: list[ComparedRun]
    total: int
    """Those that match, on all pages."""


@dataclass(frozen=True, slots=True)
class MediaMetric:
    """A metric of a run that holds media."""

    run: RunId
    name: MetricName
    kind: MetricKind
    """Of the last media."""
    points: int
    """Steps with media."""


@dataclass(frozen=True, slots=True)
class StoredFile:
    """The bytes of a media."""

    size_bytes: int
    pieces: AsyncIterator[bytes]


class ProjectSource(Protocol):
    """One project that the caller may read. Belongs to one request; the methods that are not async may block.

    `history` of points and places is the index of the run among those that the same call was given. Nothing is sampled:
    answers are exact and, as long as nothing is logged, the same each time.
    """

    def list_runs(self, search: str, *, offset: int, limit: int) -> RunListing:
        """Runs, the newest first.

        Args:
            search: A filter as JSON, or free words; empty for all.
            offset: How many to pass over.
            limit: How many at most.

        Raises:
            InvalidFilter: The filter does not parse.
        """

    def find_runs(self, run_ids: Sequence[str]) -> list[ComparedRun]:
        """Those of the runs that exist, in the order asked for."""

    def metrics(self, runs: Sequence[ComparedRun]) -> list[MediaMetric]:
        """Metrics that hold media, by run and then in order of first appearance."""

    def names(self, runs: Sequence[ComparedRun]) -> list[MetricName]:
        """All metrics of some runs, each once."""

    def media(self, runs: Sequence[ComparedRun], metrics: Sequence[MetricName]) -> list[MediaPoints]:
        """Steps at which metrics hold media, by run and then by metric; metrics without any are left out."""

    def numbers(self, runs: Sequence[ComparedRun], metric: MetricName) -> list[NumberPoints]:
        """The numbers of a metric, for each run."""

    def values(self, runs: Sequence[ComparedRun], places: Sequence[ValuePlace]) -> list[JsonValue]:
        """Exact values at some places, in their order; None where there is nothing."""

    def urls(self, wanted: Sequence[tuple[ComparedRun, MediaItem]]) -> list[str | None]:
        """Absolute addresses that a browser can load without signing in, in order; None where there are no bytes."""

    def rows(self, run: ComparedRun, query: RowQuery) -> RowPage:
        """Merged rows of a run in ascending step order; of `RowQuery`, `limit` is not used."""

    def check(self, runs: Sequence[ComparedRun]) -> None:
        """See that runs are still there, after reading them.

        Raises:
            RunNotFound: One was deleted meanwhile: what was read of it may be a part.
        """

    async def open_file(self, run: ComparedRun, item: MediaItem) -> StoredFile:
        """The bytes of a media.

        Raises:
            NotFoundError: They have not arrived, or are gone.
            KymographError: They cannot be read.
        """


class ComparisonSource(Protocol):
    """All projects that a caller may read."""

    def open(self, entity: str | None, project: str) -> ProjectSource:
        """A project.

        Args:
            entity: Who owns it; None for the caller's own.
            project: Its name.

        Raises:
            ProjectNotFound: Absent, or not readable.
        """

    @property
    def default_project(self) -> str | None:
        """The project that is meant when none is named; None if one has to be."""
