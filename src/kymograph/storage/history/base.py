"""The history port: a tail that takes lines, and queries that answer in rows and columns."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from kymograph.core.history import (
    BucketAnswer,
    BucketQuery,
    Catalogue,
    Damage,
    ExportFormat,
    ExportQuery,
    HistoryFrame,
    HistoryPart,
    LineBatch,
    MediaPoints,
    MetricQuery,
    NamePage,
    NumberedLine,
    NumberPoints,
    RowPage,
    RowQuery,
    RowTexts,
    Stream,
    StreamExtent,
    ValuePlace,
)
from kymograph.types import JsonValue, MetricName, ObjectKey, RunKey, WriterId

if TYPE_CHECKING:
    from kymograph.storage.base import Transaction


COMPACTED_STREAMS = (Stream.HISTORY, Stream.SYSTEM)
"""Console lines stay in the tail: they have no steps or columns."""
SEGMENT_OBJECTS = "segments/"
"""Where objects of segments lie: ``segments/<key of the run>/<random>``, and an ending."""
_POINTS, _LINES = ".parquet", ".jsonl.zst"


@dataclass(frozen=True, slots=True)
class StreamVersion:
    """What a reader compares to know whether its copy of a stream of one writer is current."""

    generation: int
    """Changes when lines went away (compaction, rewind, delete): begin anew."""
    version: int
    """Rises with every change."""
    tail_first_line: int | None = None
    """The lowest line number in the tail, None if it is empty: segments that reach beyond it are hidden in part."""


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


@dataclass(frozen=True, slots=True)
class SegmentExtent:
    """Consecutive lines of a writer that a segment holds; gaps between them are possible."""

    writer: WriterId
    first_line: int
    end_line: int
    """Number after the last one."""
    seq: int
    """Of the newest chunk that went into them; chunks with a higher one hide them."""


@dataclass(frozen=True, slots=True)
class Segment:
    """An immutable, sorted piece of a stream, in two objects: its points and its lines."""

    id: int
    run: RunKey
    stream: Stream
    object: ObjectKey
    """What both keys begin with, see `points_key` and `lines_key`."""
    extents: tuple[SegmentExtent, ...]
    first_step: int
    last_step: int
    row_count: int
    point_count: int
    size_bytes: int
    """Of both objects."""
    tier: int = 0
    """How often its points were merged."""
    last_kept_step: int | None = None
    """A rewind hides all rows beyond this step; None is no bound."""
    is_partial: bool = False
    """Lines were taken out that its points still hold: only those of its lines count that are in `extents`."""

    @property
    def points_key(self) -> ObjectKey:
        """The Parquet file of its points."""
        return ObjectKey(f"{self.object}{_POINTS}")

    @property
    def lines_key(self) -> ObjectKey:
        """Its lines as received."""
        return ObjectKey(f"{self.object}{_LINES}")


def segment_of_object(key: ObjectKey) -> ObjectKey:
    """`Segment.object` of the segment that an object would be of."""
    return ObjectKey(key.removesuffix(_POINTS).removesuffix(_LINES))


@dataclass(frozen=True, slots=True)
class Replacement:
    """What a compaction puts in the place of chunks and older segments of one stream."""

    run: RunKey
    stream: Stream
    segment: Segment
    """Its `id` is not assigned yet."""
    chunks: tuple[int, ...]
    """`seq` of the chunks that went into it."""
    segments: tuple[Segment, ...]
    """Segments that went into it, as they were."""


@dataclass(frozen=True, slots=True)
class TailSize:
    """How much waits."""

    chunks: int
    raw_bytes: int
    """Of their lines, unpacked."""


class SegmentStore(Protocol):
    """Which segments there are, part of a transaction."""

    def list_live(self, runs: Collection[RunKey], stream: Stream) -> Mapping[RunKey, Sequence[Segment]]:
        """Segments by run, in order of first step; runs without any are left out."""

    def list_chunks(self, run: RunKey, stream: Stream, *, max_raw_bytes: int, take_open: bool) -> list[Chunk]:
        """The oldest chunks of a stream that together unpack to about this many bytes, at least one.

        Args:
            run: Whose stream.
            stream: Which one; not console.
            max_raw_bytes: Bound of the unpacked size.
            take_open: Also those that may still grow.
        """

    def replace(self, replacement: Replacement, now: datetime) -> bool:
        """Put a segment in the place of what went into it; False, and no change, if any of that has changed since."""

    def lock(self, run: RunKey, stream: Stream) -> None:
        """Keep everybody else from changing chunks and segments of a stream until the transaction ends."""

    def change(self, segment: Segment, changed: Segment) -> bool:
        """Hide rows or lines of a segment; False, and no change, if it has been changed by somebody else."""

    def claim(self, run: RunKey, stream: Stream, *, worker: str, now: datetime, expires_at: datetime) -> bool:
        """Reserve a stream for one compactor, or keep it for longer; False while another one holds it."""

    def release(self, run: RunKey, stream: Stream, *, worker: str) -> None:
        """Give a claim back."""

    def drop_claims(self, *, before: datetime | None = None) -> int:
        """Drop claims that expired before a moment, by default all there are; returns how many."""

    def tail_bytes(self, run: RunKey, stream: Stream) -> int:
        """How much of a stream is in the tail, unpacked."""

    def list_due(self, *, min_bytes: int, limit: int) -> list[tuple[RunKey, Stream, int]]:
        """Streams with at least this many bytes in the tail, the fullest first, with these bytes."""

    def list_retired(self, before: datetime, *, after: int = 0, limit: int) -> list[Segment]:
        """Segments that were replaced before a moment, by id, those with a higher id than `after`."""

    def forget(self, ids: Collection[int]) -> None:
        """Drop rows of segments, once their objects are gone."""

    def list_of_run(self, run: RunKey) -> list[Segment]:
        """All segments of a run, retired ones included."""

    def known_objects(self, objects: Collection[ObjectKey]) -> set[ObjectKey]:
        """Those of the objects (`Segment.object`) that a segment names."""


class SegmentFactory(Protocol):
    """Builds segments, reading the database and writing objects; `SegmentStore.replace` puts them in place."""

    def compact(self, run: RunKey, stream: Stream, *, take_open: bool) -> Replacement | None:
        """Build a segment out of the oldest chunks of a stream; None if there is nothing to do.

        Args:
            run: Whose stream.
            stream: Which one.
            take_open: Also take chunks that may still grow; putting the segment in place then fails if they do.

        Raises:
            ServerBusy: Not now; the message says why.
        """

    def merge(self, run: RunKey, stream: Stream) -> Replacement | None:
        """Build one segment out of several of one tier; None if there are not enough of them.

        Raises:
            ServerBusy: Not now; the message says why.
            StoreCorrupt: One of them is missing or damaged.
        """

    def close(self) -> None:
        """Stop what is under way."""


class Tail(Protocol):
    """Lines as received and not compacted yet, part of a transaction.

    Law: appending a batch twice has the effect of appending it once; of two batches that cover one line, the later
    wins, also when the first was already read, rewound over or (later) compacted.
    """

    def append(self, run: RunKey, batches: Sequence[LineBatch]) -> Mapping[Stream, int]:
        """Keep lines; a batch equal to what is there already changes nothing.

        Returns:
            By how much `line_count` of each stream has grown, as the method of that name counts.
        """

    def join(self, run: RunKey, writer: WriterId) -> bool:
        """Note that a writer takes part in the run, before it has any line; returns whether that is news."""

    def has_writer(self, run: RunKey, writer: WriterId) -> bool:
        """Whether a writer takes part in the run."""

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

    def truncate(self, run: RunKey, *, after_step: int, kept_ends: Mapping[WriterId, int] | None = None) -> int:
        """Drop history rows with a greater step (rewind); the lines stay in an archive. Returns the new line count.

        The lines that stay keep their numbers.

        Args:
            run: Whose history.
            after_step: The last step that stays.
            kept_ends: Number after the last line of each writer that segments keep.
        """

    def delete(self, run: RunKey) -> None:
        """Drop everything of a run."""

    def size(self) -> TailSize:
        """How much is in the tail, of all runs."""

    def versions(self, runs: Collection[RunKey], stream: Stream) -> Mapping[RunKey, Mapping[WriterId, StreamVersion]]:
        """Where each writer's stream stands; runs without lines are left out. Not for console."""

    def chunks(self, run: RunKey, stream: Stream, *, after: Mapping[WriterId, int] | None = None) -> list[Chunk]:
        """Chunks in order of `seq`; of the writers in `after`, those with a higher `seq` only. Not for console."""


class HistoryExport(Protocol):
    """A history as it was at one moment, on its way out. Belongs to one thread at a time; no transaction is open."""

    @property
    def damaged(self) -> tuple[Damage, ...]:
        """What could not be read and is left out."""

    @property
    def row_count(self) -> int:
        """How many rows it has."""

    @property
    def last_step(self) -> int | None:
        """The highest step, None without rows."""

    @property
    def is_plain(self) -> bool:
        """Whether the protocol's client reads the same rows from a Parquet file of it as it gets page by page.

        That is so if every row holds the same metrics, with numbers, booleans and texts that Parquet types hold.
        """

    def pieces(self, *, with_digest: bool = False) -> Iterator[bytes]:
        """The whole of it, in pieces of bounded size.

        Args:
            with_digest: Work out `digest` on the way; for Parquet only.
        """

    def frames(self) -> Iterator[HistoryFrame]:
        """The whole of it as columns, whatever the format."""

    @property
    def digest(self) -> str:
        """After the last piece: equal for equal rows, from whatever segments they were read and however encoded."""


class TableWriter(Protocol):
    """Writes rows as one table with a column for every name. Safe to share between threads."""

    def write(self, kind: ExportFormat, rows: Iterable[Mapping[str, JsonValue]]) -> Iterator[bytes]:
        """The table in pieces of bounded size; but for JSON lines, the first one comes after the last row is known.

        Args:
            kind: What it is written as.
            rows: Values by column; of JSON lines, as they are.
        """


class HistoryReader(Protocol):
    """Queries over all of a run's history, wherever it lies. Safe to share between threads.

    Answers are exact: what a query says about minima, maxima, counts and non-finite values is computed from every row
    that was acknowledged before the query began. A line that is not a JSON object is skipped and counted.
    """

    def rows(self, parts: Sequence[HistoryPart], query: RowQuery) -> RowPage:
        """Merged rows in ascending step order."""

    def row_texts(self, parts: Sequence[HistoryPart], query: RowQuery) -> RowTexts:
        """The same as JSON documents. Rows of one line are passed on as received, without being parsed."""

    def export(self, parts: Sequence[HistoryPart], query: ExportQuery) -> HistoryExport:
        """Merged rows in ascending step order, all of them."""

    def identity(self, parts: Sequence[HistoryPart]) -> str:
        """Equal as long as nothing was added to a history, taken away or compacted."""

    def lines(self, run: RunKey, stream: Stream, *, writer: WriterId | None = None) -> list[NumberedLine]:
        """Lines in order of (number, writer), wherever they lie; those that are no JSON objects may be left out."""

    def first_line(self, run: RunKey, stream: Stream) -> NumberedLine | None:
        """The first of `lines`, None without any."""

    def last_lines(self, run: RunKey, stream: Stream, count: int) -> list[NumberedLine]:
        """The last of `lines`, ascending."""

    def rewind(self, run: RunKey, *, after_step: int) -> Callable[[Transaction], bool]:
        """Prepare dropping the history after a step.

        Returns:
            The job to do it with; it says False, and changes nothing, if it has to be prepared anew.
        """

    def buckets(self, query: BucketQuery) -> BucketAnswer:
        """Series for charts; sources without the metric are left out."""

    def catalogue(
        self,
        parts: Sequence[HistoryPart],
        stream: Stream = Stream.HISTORY,
        *,
        with_last: bool = True,
        names: Collection[MetricName] | None = None,
    ) -> Catalogue:
        """Metrics with kind, counts and last value, in order of first appearance.

        Args:
            parts: Of one history, oldest ancestor first.
            stream: Which stream.
            with_last: Without it the last values are left None, which spares reading the lines that hold them.
            names: Only these; None for all.
        """

    def metric_names(self, histories: Sequence[Sequence[HistoryPart]], stream: Stream, query: MetricQuery) -> NamePage:
        """Names of metrics of several histories, in order of first appearance; what ancestors logged later included.

        Raises:
            InvalidFilter: A pattern that does not compile, or takes too long.
        """

    def media(self, histories: Sequence[Sequence[HistoryPart]], metrics: Sequence[MetricName]) -> list[MediaPoints]:
        """Steps at which metrics hold media, lists of media included, by history and then by metric.

        Metrics that hold none are left out.
        """

    def numbers(self, histories: Sequence[Sequence[HistoryPart]], metric: MetricName) -> list[NumberPoints]:
        """The numbers of a metric, for each history; empty where it has none."""

    def values(self, histories: Sequence[Sequence[HistoryPart]], places: Sequence[ValuePlace]) -> list[JsonValue]:
        """Exact values at some places, in their order; None where there is nothing."""

    def last_step(self, parts: Sequence[HistoryPart]) -> int | None:
        """The highest step, None without rows."""

    def unreadable_lines(self, parts: Sequence[HistoryPart]) -> int:
        """Lines that are kept as received but are not JSON objects."""
