"""Tail and queries in one process: how fast lines are kept and charts answered. Prints a table; asserts nothing.

.venv/bin/python bench/history.py [--database URL] [--scale 0.1]
"""

from __future__ import annotations

import argparse
import os
import random
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import orjson
from rich.console import Console
from rich.table import Table

from kymograph.core.history import BucketQuery, HistoryPart, LineBatch, RowQuery, SeriesSource, Stream, XAxis
from kymograph.storage.database import SqlDatabase, open_database
from kymograph.storage.history.query import StoredHistory
from kymograph.storage.history.segments.files import SegmentFiles
from kymograph.storage.objects.store import open_objects
from kymograph.types import MetricName, RunKey

CACHE_BYTES = 1_000_000_000
STARTED = datetime(2026, 11, 22, tzinfo=UTC)
METRICS = tuple(MetricName(f"train/metric_{index}") for index in range(12))


@dataclass(frozen=True, slots=True)
class Taken:
    """Time for one piece of work."""

    wall_s: float
    cpu_s: float
    """Of all threads of this process; on a busy machine the figure to look at."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table."""

    what: str
    taken: Taken
    goal: str = ""
    points: int | None = None
    """Given where a rate says more than a time."""


def make_lines(count: int) -> list[str]:
    """History lines of 12 metrics and the three columns that every client adds."""
    return [
        orjson.dumps(
            {
                **{name: random.random() for name in METRICS},
                "_step": step,
                "_runtime": step * 0.1,
                "_timestamp": 1_790_000_000 + step * 0.1,
            }
        ).decode()
        for step in range(count)
    ]


def append(database: SqlDatabase, run: RunKey, lines: list[str], *, batch: int) -> None:
    """Send lines in batches, one transaction each."""
    for first in range(0, len(lines), batch):
        sent = [LineBatch(Stream.HISTORY, first, lines[first : first + batch])]
        database.write(lambda tx, sent=sent: tx.tail.append(run, sent))  # type: ignore[misc]


def chart(*runs: RunKey, width: int = 1000, x: XAxis = XAxis.STEP, metric: MetricName = METRICS[0]) -> BucketQuery:
    """A query of one metric."""
    sources = tuple(SeriesSource((HistoryPart(run),), STARTED) for run in runs)
    return BucketQuery(sources, (metric,), width=width, x=x)


def take(work: Callable[[], object], *, times: int = 1) -> Taken:
    """The repetition that took least."""
    found = []
    for _ in range(times):
        wall, cpu = time.perf_counter(), time.process_time()
        work()
        found.append(Taken(time.perf_counter() - wall, time.process_time() - cpu))
    return min(found, key=lambda taken: taken.wall_s)


def measure(database: SqlDatabase, scale: float) -> Iterator[Figure]:
    """All figures, in order."""
    reader = StoredHistory(database, SegmentFiles(open_objects("memory://")), cache_bytes=CACHE_BYTES)
    points_per_line = len(METRICS) + 3

    lines = make_lines(int(100_000 * scale))
    points = len(lines) * points_per_line
    taken = take(lambda: append(database, RunKey(1), lines, batch=1000))
    yield Figure("append, 1,000 lines a request", taken, "≥ 4 M points/s a core", points)
    taken = take(lambda: append(database, RunKey(2), lines[:1000], batch=1))
    yield Figure("append 1,000 times one line, one client", taken)
    taken = take(lambda: reader.last_step([HistoryPart(RunKey(1))]))
    yield Figure("decode", taken, "≥ 1.5 M points/s", points)

    runs = [RunKey(10 + number) for number in range(30)]
    for run in runs:
        append(database, run, make_lines(2000), batch=500)
    yield Figure("30 runs × 2,000 steps, 1 of 12 metrics, cold", take(lambda: reader.buckets(chart(*runs))), "≤ 600 ms")
    for x in (XAxis.STEP, XAxis.RELATIVE):
        query = chart(*runs, x=x)
        taken = take(lambda query=query: reader.buckets(query), times=9)  # type: ignore[misc]
        yield Figure(f"the same over {x.value}, warm", taken, "≤ 10 ms")

    large, steps = RunKey(50), int(1_000_000 * scale)
    append(database, large, [f'{{"_step":{step},"loss":{random.random()}}}' for step in range(steps)], batch=10_000)
    query = chart(large, width=1500, metric=MetricName("loss"))
    yield Figure(f"{steps:,} points → 1,500 buckets, cold", take(lambda: reader.buckets(query)))
    yield Figure("the same, warm", take(lambda: reader.buckets(query), times=9), "≤ 20 ms")
    page, samples = RowQuery(min_step=1000, limit=1000), RowQuery(samples=500)
    yield Figure(f"1,000 rows of {steps:,}", take(lambda: reader.rows([HistoryPart(large)], page)))
    yield Figure(f"500 even rows of {steps:,}", take(lambda: reader.rows([HistoryPart(large)], samples)))

    wide = RunKey(60)
    append(database, wide, [orjson.dumps({f"key {key}": key * 0.5 for key in range(100_000)}).decode()], batch=1)
    yield Figure(
        "catalogue of a row of 100,000 keys, cold", take(lambda: reader.catalogue([HistoryPart(wide)])), "< 2 s"
    )


@contextmanager
def opened(url: str | None) -> Iterator[SqlDatabase]:
    """The database of a URL, or one in a temporary file."""
    with tempfile.TemporaryDirectory() as folder:
        database = open_database(url or f"sqlite:///{Path(folder) / 'bench.db'}")
        try:
            yield database
        finally:
            database.close()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="How fast are the tail and its queries?")
    parser.add_argument("--database", help="an empty database; default: SQLite in a temporary file")
    parser.add_argument("--scale", type=float, default=1.0, help="share of the usual amount of data")
    options = parser.parse_args()
    table = Table("what", "by the clock", "CPU", "goal", title=f"History in one process, {os.cpu_count()} cores")
    with opened(options.database) as database:
        for figure in measure(database, options.scale):
            table.add_row(figure.what, show(figure, figure.taken.wall_s), show(figure, figure.taken.cpu_s), figure.goal)
    Console(width=120).print(table)


def show(figure: Figure, seconds: float) -> str:
    """A time or a rate."""
    return f"{seconds * 1e3:.1f} ms" if figure.points is None else f"{figure.points / seconds / 1e6:.1f} M/s"


if __name__ == "__main__":
    main()
