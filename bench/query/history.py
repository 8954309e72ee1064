"""How fast history is read: charts, searches and pages over segments, cold and warm, beside MLflow. Prints a table.

    .venv/bin/python -m bench.query.history [--only TEXT] [--database URL] [--folder DIR] [--peer mlflow]

The history is taken in and compacted as a server does it; then each query runs in this process, so the times are those
of the server without HTTP. *Cold* is the first time in a fresh reader with the files not mapped yet; the pages may be
in the system's cache. With `--folder` the data are kept there and found again.
"""

from __future__ import annotations

import argparse
import math
import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import orjson
from rich.console import Console
from rich.table import Table

from bench.query.mlflow_history import measure_mlflow
from kymograph.core.history import (
    BucketQuery,
    HistoryPart,
    LineBatch,
    MetricQuery,
    NameMatch,
    RowQuery,
    SeriesSource,
    Stream,
    XAxis,
)
from kymograph.storage.database import SqlDatabase, open_database
from kymograph.storage.history.query import StoredHistory
from kymograph.storage.history.segments.build import Limits, SegmentBuilder
from kymograph.storage.history.segments.files import SegmentFiles
from kymograph.storage.objects.store import open_folder
from kymograph.types import MetricName, RunKey

STARTED = datetime(2026, 11, 22, tzinfo=UTC)
CACHE_BYTES = 256 * 1024 * 1024
LINES_AT_ONCE = 20_000
REPEATS = 9

LONG, MANY, WIDE, HUGE = RunKey(1), [RunKey(1000 + number) for number in range(100)], RunKey(2), RunKey(3)
HUGE_METRICS = [MetricName(f"metric {number}") for number in range(10)]


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table."""

    what: str
    bound_ms: float | None
    cold_ms: float
    warm_ms: float
    warm_cpu_ms: float


class Store:
    """A database and a folder of objects, filled as a server fills them."""

    def __init__(self, database: SqlDatabase, folder: Path) -> None:
        objects = open_folder(folder / "objects")
        scratch = folder / "scratch"
        scratch.mkdir(parents=True, exist_ok=True)
        self.database = database
        self.files = SegmentFiles(objects)
        self._builder = SegmentBuilder(database, objects, self.files, scratch=scratch, limits=Limits())

    def reader(self) -> StoredHistory:
        """A reader that has seen nothing yet, as in a server that has just started."""
        return StoredHistory(self.database, self.files, cache_bytes=CACHE_BYTES)

    def holds(self, run: RunKey) -> bool:
        """Whether a run is there from an earlier call."""
        return bool(self.database.read(lambda tx: tx.segments.list_live([run], Stream.HISTORY)))

    def append(self, run: RunKey, first: int, lines: Sequence[str]) -> None:
        """Take lines in."""
        batch = LineBatch(Stream.HISTORY, first, lines)
        self.database.write(lambda tx: tx.tail.append(run, [batch]))

    def settle(self, run: RunKey) -> None:
        """Compact all there is."""
        while True:
            built = self._builder.compact(run, Stream.HISTORY, take_open=True)
            built = built or self._builder.merge(run, Stream.HISTORY)
            if built is None:
                return
            self.database.write(lambda tx, built=built: tx.segments.replace(built, STARTED))  # type: ignore[misc]

    def fill(self, run: RunKey, steps: int, metrics: Sequence[str]) -> None:
        """Rows with all of the metrics, each a random walk."""
        if self.holds(run):
            return
        walks = [np.cumsum(np.random.default_rng(number).normal(size=steps)) for number in range(len(metrics))]
        for first in range(0, steps, LINES_AT_ONCE):
            end = min(first + LINES_AT_ONCE, steps)
            columns = [walk[first:end].tolist() for walk in walks]
            lines = [
                orjson.dumps(
                    {
                        **dict(zip(metrics, values, strict=True)),
                        "_step": step,
                        "_runtime": step * 0.1,
                        "_timestamp": 1_790_000_000 + step * 0.1,
                    }
                ).decode()
                for step, values in enumerate(zip(*columns, strict=True), start=first)
            ]
            self.append(run, first, lines)
            if first // LINES_AT_ONCE % 4 == 3:
                self.settle(run)
        self.settle(run)


def chart(
    runs: Sequence[RunKey],
    metrics: Sequence[str],
    *,
    x: XAxis = XAxis.STEP,
    x_min: float | None = None,
    x_max: float | None = None,
) -> BucketQuery:
    """What a panel of 1,500 pixels asks."""
    sources = tuple(SeriesSource((HistoryPart(run),), STARTED) for run in runs)
    return BucketQuery(sources, tuple(map(MetricName, metrics)), width=1500, x=x, x_min=x_min, x_max=x_max)


def measure(store: Store, scale: float) -> Iterator[Figure]:
    """All figures, in order."""
    steps = int(1_000_000 * scale)
    store.fill(LONG, steps, ["loss", "accuracy"])
    for x in (XAxis.STEP, XAxis.RELATIVE):
        query = chart([LONG], ["loss"], x=x)
        yield take(store, f"{steps:,} points → 1,500 buckets over {x.value}", lambda r, q=query: r.buckets(q), 20)  # type: ignore[misc]
    zoomed = chart([LONG], ["loss"], x_min=steps * 0.3, x_max=steps * 0.31)
    yield take(store, "the same, zoomed to 1 %", lambda reader: reader.buckets(zoomed), None)
    parts = [HistoryPart(LONG)]
    page = RowQuery(min_step=steps // 2, limit=1000, with_total=False)
    yield take(store, f"1,000 whole rows of {steps:,}", lambda reader: reader.rows(parts, page), None)

    for run in MANY:
        store.fill(run, int(100_000 * scale), ["loss"])
    over_all = chart(MANY, ["loss"])
    yield take(store, f"100 runs × {int(100_000 * scale):,} points", lambda reader: reader.buckets(over_all), 150)

    n_names = int(100_000 * scale)
    if not store.holds(WIDE):
        names = [f"layer{number // 100}/weight {number}" for number in range(n_names)]
        for step in range(3):
            row = {name: random.random() for name in names} | {"_step": step}
            store.append(WIDE, step, [orjson.dumps(row).decode()])
        store.settle(WIDE)
    three = chart([WIDE], [f"layer{n // 100}/weight {n}" for n in (7, n_names // 2, n_names - 1)])
    yield take(store, f"3 of {n_names:,} metrics", lambda reader: reader.buckets(three), 15)
    wide = [HistoryPart(WIDE)]
    for text, match in (("77", NameMatch.CONTAINS), ("layer7", NameMatch.PREFIX), (r"^layer\d+/.*9$", NameMatch.REGEX)):
        search = MetricQuery(text, match, limit=50)

        def find(reader: StoredHistory, search: MetricQuery = search) -> object:
            return reader.catalogue(wide, names=reader.metric_names([wide], Stream.HISTORY, search).names)

        yield take(store, f"search by {match.value} in {n_names:,} names, 50 with values", find, 50)

    steps = int(10_000_000 * scale)
    store.fill(HUGE, steps, HUGE_METRICS)
    whole = chart([HUGE], HUGE_METRICS)
    yield take(store, f"10 metrics × {steps:,} steps, whole", lambda reader: reader.buckets(whole), 200)
    part = chart([HUGE], HUGE_METRICS, x_min=steps * 0.03, x_max=steps * 0.045)
    yield take(store, "the same, zoomed to 1.5 %", lambda reader: reader.buckets(part), 50)


def take(store: Store, what: str, ask: Callable[[StoredHistory], object], bound_ms: float | None) -> Figure:
    """Ask a fresh reader once, then again and again."""
    reader = StoredHistory(store.database, store.files.reopened(), cache_bytes=CACHE_BYTES)
    began = time.perf_counter()
    ask(reader)
    cold = time.perf_counter() - began
    walls, cpus = [], []
    for _ in range(REPEATS):
        began, cpu = time.perf_counter(), time.process_time()
        ask(reader)
        walls.append(time.perf_counter() - began)
        cpus.append(time.process_time() - cpu)
    return Figure(what, bound_ms, cold * 1e3, statistics.median(walls) * 1e3, statistics.median(cpus) * 1e3)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="How fast is history read?")
    parser.add_argument("--database", help="an empty database; default: SQLite in the folder")
    parser.add_argument("--folder", type=Path, help="where to keep the data (about 4 GB); default: a temporary one")
    parser.add_argument("--scale", type=float, default=1.0, help="share of the usual amount of data")
    parser.add_argument("--peer", choices=["mlflow"], help="measure this one too")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        database = open_database(options.database or f"sqlite:///{folder / 'bench.db'}")
        try:
            figures = list(measure(Store(database, folder), options.scale))
        finally:
            database.close()
    table = Table(
        *("what", "bound", "cold", "warm", "warm CPU"),
        title=f"History, {database.dialect}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}",
    )
    for figure in figures:
        bound = "" if figure.bound_ms is None else f"≤ {figure.bound_ms:g} ms"
        table.add_row(figure.what, bound, *map(show, (figure.cold_ms, figure.warm_ms, figure.warm_cpu_ms)))
    if options.peer == "mlflow":
        for what, milliseconds in measure_mlflow(math.ceil(1_000_000 * options.scale)):
            table.add_row(f"MLflow: {what}", "", "", show(milliseconds), "")
    Console(width=130, file=sys.stdout).print(table)


def show(milliseconds: float) -> str:
    """A time."""
    return f"{milliseconds:,.1f} ms"


if __name__ == "__main__":
    main()
