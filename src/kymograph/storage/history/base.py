"""The history port: a tail that takes lines, and queries that answer in rows and columns."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from kymograph.core.history import (
    BucketAnswer,
    BucketQuery,
    HistoryPart,
    LineBatch,
    MetricInfo,
    NumberedLine,
    RowPage,
    RowQuery,
    Stream,
    StreamExtent,
)
from kymograph.types import RunKey, WriterId


@dataclass(frozen=True, slots=True)
class StreamVersion:
    """What a reader compares to know whether its copy of a stream of one writer is current."""

    generation: int
    """Changes when lines went away (rewind, delete): begin anew."""
    version: int
    """Rises with every change."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """Consecutive lines as they are stored.

    Of two chunks that cover one line, the one with the higher `seq` holds it.
    """

    seq: int
    origin_seq: int
    """`seq` of the oldest chunk that was merged into this one by appending at the end; else its own."""
    writer: WriterId
    first_line: int
    line_count: int
    payload: bytes
    """Compressed; `kymograph.storage.history.payload` reads it."""


class Tail(Protocol):
    """Lines as received, part of a transaction.

    Law: appending a batch twice has the effect of appending it once; of two batches that cover one line, the later
    wins, also when the first was already read, rewound over or (later) compacted.
    """

    def append(self, run: RunKey, batches: Sequence[LineBatch]) -> None:
        """Keep lines; a batch equal to what is there already changes nothing."""

    def extents(self, run: RunKey) -> list[StreamExtent]:
        """How far each stream of the run goes, by stream, writer and part."""

    def line_count(self, run: RunKey, stream: Stream) -> int:
        """Number of lines of a stream over all its writers and parts."""

    def lines(
        self,
        run: RunKey,
        stream: Stream,
        *,
        first: int = 0,
        limit: int | None = None,
        writer: WriterId | None = None,
    ) -> list[NumberedLine]:
        """Lines in order of (part, number, writer), numbered as the caller sees them.

        Multi-part console files follow one another, so their lines are numbered on: `first` and the numbers that are
        returned count over all parts. Gaps are left out.
        """

    def pick_lines(
        self, run: RunKey, stream: Stream, numbers: Mapping[WriterId, Collection[int]]
    ) -> Mapping[WriterId, Mapping[int, str]]:
        """Single lines by writer and number; those that are not there are left out. Not for console."""

    def last_lines(self, run: RunKey, stream: Stream, count: int) -> list[NumberedLine]:
        """The last `count` lines, ascending."""

    def truncate(self, run: RunKey, *, after_step: int) -> int:
        """Drop history rows with a greater step (rewind); the lines stay in an archive. Returns the new line count.

        The lines that stay keep their numbers.
        """

    def delete(self, run: RunKey) -> None:
        """Drop everything of a run."""

    def versions(self, runs: Collection[RunKey], stream: Stream) -> Mapping[RunKey, Mapping[WriterId, StreamVersion]]:
        """Where each writer's stream stands; runs without lines are left out. Not for console."""

    def chunks(self, run: RunKey, stream: Stream, *, after: Mapping[WriterId, int] | None = None) -> list[Chunk]:
        """Chunks in order of `seq`; of the writers in `after`, those with a higher `seq` only. Not for console."""


class HistoryReader(Protocol):
    """Queries over all of a run's history, wherever it lies. Safe to share between threads.

    Answers are exact: what a query says about minima, maxima, counts and non-finite values is computed from every row
    that was acknowledged before the query began. A line that is not a JSON object is skipped and counted.
    """

    def rows(self, parts: Sequence[HistoryPart], query: RowQuery) -> RowPage:
        """Merged rows in ascending step order."""

    def buckets(self, query: BucketQuery) -> BucketAnswer:
        """Series for charts; sources without the metric are left out."""

    def catalogue(
        self, parts: Sequence[HistoryPart], stream: Stream = Stream.HISTORY, *, with_last: bool = True
    ) -> list[MetricInfo]:
        """Every metric with kind, counts and last value, in order of first appearance.

        Without `with_last` the last values are left None, which spares reading the lines that hold them.
        """

    def last_step(self, parts: Sequence[HistoryPart]) -> int | None:
        """The highest step, None without rows."""

    def unreadable_lines(self, parts: Sequence[HistoryPart]) -> int:
        """Lines that are kept as received but are not JSON objects."""
