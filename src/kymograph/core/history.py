"""History as values: lines as received, rows as read, series as columns.

A run's history is a numbered sequence of JSON lines per writer. Rows are those lines merged by ``_step``: the later
line wins per key. Steps may come in any order; a line without an integer ``_step`` takes its line number as step.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, TypeAlias

from kymograph.types import JsonValue, MetricName, RunKey, WriterId

if TYPE_CHECKING:
    # Only for the types: a training that imports these values need not have the package loaded.
    import numpy as np
    import numpy.typing as npt

Floats: TypeAlias = "npt.NDArray[np.float64]"
Ints: TypeAlias = "npt.NDArray[np.int64]"

STEP = MetricName("_step")
RUNTIME = MetricName("_runtime")
TIMESTAMP = MetricName("_timestamp")
SOLE_WRITER = WriterId("")


class Stream(StrEnum):
    """Which numbered sequence of lines of a run."""

    HISTORY = "history"
    SYSTEM = "system"
    CONSOLE = "console"


@dataclass(frozen=True, slots=True)
class LineBatch:
    """Consecutive lines of one stream; they replace whatever was at those line numbers."""

    stream: Stream
    first_line: int
    lines: Sequence[str]
    """As received, without line ends."""
    writer: WriterId = SOLE_WRITER
    part: str = ""
    """Console only: the multi-part file's name (``logs/output_….log``); empty for ``output.log``."""


@dataclass(frozen=True, slots=True)
class StreamExtent:
    """How far a stream goes."""

    stream: Stream
    writer: WriterId
    part: str
    line_count: int
    """Number of the line after the last one received."""
    byte_count: int
    numbered_from: int = 0
    """Writers of a shared run that join later number on from what was there: lines below are not theirs."""

    @property
    def n_lines(self) -> int:
        """How many lines that makes, gaps within included."""
        return max(self.line_count - self.numbered_from, 0)


@dataclass(frozen=True, slots=True)
class NumberedLine:
    """One line and its place."""

    number: int
    text: str
    writer: WriterId = SOLE_WRITER
    part: str = ""


@dataclass(frozen=True, slots=True)
class HistoryPart:
    """A piece of a run's history: a forked run begins with a part of its parent."""

    run: RunKey
    last_step: int | None = None
    """Inclusive; None is no bound."""


class XAxis(StrEnum):
    """What a series is drawn over."""

    STEP = "step"
    TIME = "time"
    """Seconds since the epoch."""
    RELATIVE = "relative"
    """Seconds since the run's first line (`_runtime` where logged)."""
    METRIC = "metric"


class KeyMode(StrEnum):
    """Which rows qualify when several keys are asked for."""

    ALL = "all"
    ANY = "any"


class MetricKind(StrEnum):
    """What a metric's values are; the kind of the newest value counts."""

    NUMBER = "number"
    BOOLEAN = "boolean"
    TEXT = "text"
    IMAGE = "image"
    TABLE = "table"
    HISTOGRAM = "histogram"
    AUDIO = "audio"
    VIDEO = "video"
    HTML = "html"
    PLOTLY = "plotly"
    MEDIA = "media"
    JSON = "json"
    NULL = "null"


@dataclass(frozen=True, slots=True)
class MetricInfo:
    """One line of the metric catalogue of a run."""

    name: MetricName
    kind: MetricKind
    points: int
    """Rows that hold the metric, after merging by step."""
    non_finite: int
    last: JsonValue
    """Exact value at the highest step."""
    last_step: int
    is_monotonic: bool
    """Numbers only: never falls with rising step."""
    type_counts: tuple[tuple[str, int], ...] = ()
    """Wire type names with counts, e.g. ``(("number", 12),)``."""


class NameMatch(StrEnum):
    """How names of metrics are searched."""

    CONTAINS = "contains"
    """Ignoring case."""
    PREFIX = "prefix"
    REGEX = "regex"
    """Python `re` syntax, searched."""


@dataclass(frozen=True, slots=True)
class MetricQuery:
    """Which names of metrics."""

    search: str = ""
    match: NameMatch = NameMatch.CONTAINS
    with_internal: bool = False
    """Also those that clients add to every row: `INTERNAL_METRICS`, and what lies under them."""
    offset: int = 0
    limit: int | None = None


@dataclass(frozen=True, slots=True)
class NamePage:
    """Names of metrics and how many there are."""

    names: list[MetricName]
    total: int
    """Names that match, without `offset` and `limit`."""


INTERNAL_METRICS = frozenset({STEP, RUNTIME, TIMESTAMP, MetricName("_wandb")})


@dataclass(frozen=True, slots=True)
class Damage:
    """Rows that cannot be read: everything else is answered."""

    object: str
    """The object that is missing or not what was written."""
    first_step: int
    last_step: int
    problem: str


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Metrics of a history."""

    metrics: list[MetricInfo]
    damaged: tuple[Damage, ...] = ()


@dataclass(frozen=True, slots=True)
class RowQuery:
    """Which rows of a run, in ascending step order."""

    min_step: int | None = None
    """Inclusive."""
    max_step: int | None = None
    """Exclusive."""
    keys: tuple[MetricName, ...] = ()
    """Empty: all keys. Dotted names address nested values."""
    mode: KeyMode = KeyMode.ALL
    limit: int | None = None
    samples: int | None = None
    """At most this many rows, chosen evenly and always the same: first and last included."""
    with_total: bool = True
    """Count all matching rows; without it a page costs no more than its own rows."""


@dataclass(frozen=True, slots=True)
class Row:
    """One merged history row."""

    step: int
    values: dict[str, JsonValue]
    """As logged and nested; when keys were asked for, those keys only, plus ``_step``."""


@dataclass(frozen=True, slots=True)
class RowPage:
    """Rows and where to go on."""

    rows: tuple[Row, ...]
    next_step: int | None
    """`min_step` of the next page, or None at the end."""
    total: int | None
    """Rows that match without `limit` and `samples`; None if not asked for."""
    damaged: tuple[Damage, ...] = ()


@dataclass(frozen=True, slots=True)
class RowTexts:
    """Rows as JSON documents; see `RowPage`."""

    texts: tuple[str, ...]
    """Non-finite numbers are bare tokens, and integers have all their digits."""
    damaged: tuple[Damage, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class MediaPoints:
    """Where a metric of a history holds media."""

    history: int
    """Which of the histories asked for."""
    metric: MetricName
    kind: MetricKind
    """Of the last one."""
    steps: Ints
    """Strictly ascending."""


@dataclass(frozen=True, slots=True, eq=False)
class NumberPoints:
    """The numbers of a metric, booleans as 0 and 1. Both arrays have one shape."""

    steps: Ints
    """Strictly ascending."""
    values: Floats


@dataclass(frozen=True, slots=True)
class ValuePlace:
    """Where a value stands."""

    history: int
    """Which of the histories asked for."""
    metric: MetricName
    step: int


class ExportFormat(StrEnum):
    """What a history is written as when it leaves."""

    PARQUET = "parquet"
    CSV = "csv"
    JSON_LINES = "jsonl"


@dataclass(frozen=True, slots=True)
class ExportQuery:
    """What of a history leaves, and how."""

    format: ExportFormat
    keys: tuple[MetricName, ...] = ()
    """Rows that hold one of these at least, and of them these only; a name stands for everything inside it too."""
    min_step: int | None = None
    """Inclusive."""
    max_step: int | None = None
    """Exclusive."""
    mode: KeyMode = KeyMode.ANY
    """With `ALL`, rows that hold all of the keys."""
    samples: int | None = None
    """At most so many rows, evenly apart; the first and the last are among them."""


@dataclass(frozen=True, slots=True)
class FrameCells:
    """A metric in some rows, as a column."""

    name: str
    kind: str
    """``integer``, ``number``, ``boolean``, ``text`` or ``json``."""
    present: npt.NDArray[np.bool_] | None
    """Which rows have a value; None if all do."""
    values: npt.NDArray[Any] | list[bytes]
    """Those of the rows that have one: int64, float64 or bool, else UTF-8."""


@dataclass(frozen=True, slots=True)
class HistoryFrame:
    """Some rows of a history as columns, the step first."""

    rows: int
    columns: tuple[FrameCells, ...]


@dataclass(frozen=True, slots=True)
class SeriesSource:
    """A run to draw."""

    parts: tuple[HistoryPart, ...]
    """Oldest ancestor first; the last part is the run itself."""
    started_at: datetime
    """Zero of the relative axis where ``_runtime`` was not logged."""

    @property
    def run(self) -> RunKey:
        """The run itself."""
        return self.parts[-1].run


@dataclass(frozen=True, slots=True)
class BucketQuery:
    """Series of many runs and metrics, downsampled exactly onto shared buckets."""

    sources: tuple[SeriesSource, ...]
    metrics: tuple[MetricName, ...]
    stream: Stream = Stream.HISTORY
    x: XAxis = XAxis.STEP
    x_metric: MetricName | None = None
    x_min: float | None = None
    x_max: float | None = None
    """Inclusive bounds of the axis; None is the extent of the data."""
    width: int = 1000
    """Number of buckets, 1 to 5,000."""


@dataclass(frozen=True, slots=True)
class Mark:
    """Consecutive non-finite points of one kind."""

    first_x: float
    last_x: float
    count: int


@dataclass(frozen=True, slots=True, eq=False)
class SeriesBuckets:
    """One metric of one run on the buckets of its query.

    The arrays have one shape: ``(n_buckets,)``, only buckets that hold at least one point, ascending.
    """

    run: RunKey
    metric: MetricName
    points: int
    """Points in range, non-finite ones included."""
    is_exact: bool
    """Every bucket is one point: `mean` is its value and `x` its place."""
    x: Floats
    """The point's x, or the middle of the bucket."""
    mean: Floats
    """Of the finite values; NaN where a bucket holds none."""
    min: Floats
    max: Floats
    count: Ints
    """Finite values in the bucket."""
    nan: tuple[Mark, ...]
    pos_inf: tuple[Mark, ...]
    neg_inf: tuple[Mark, ...]
    last: JsonValue
    """Exact value at the highest x in range."""
    damaged: tuple[Damage, ...] = ()
    """Parts of the run's history that are missing here."""


@dataclass(frozen=True, slots=True)
class BucketAnswer:
    """All series of a query and the axis they share."""

    x_min: float | None
    x_max: float | None
    width: int
    series: list[SeriesBuckets] = field(default_factory=list)
