"""A server that takes runs in for long: does it hold more memory or open files from hour to hour?

    .venv/bin/python -m bench.soak.run [--seconds 600] [--runs 24] [--rate 50000] [--postgres]

The runs log rows of 100 metrics, 50,000 points a second together, the way clients do: a request of 1 MB each twelve
seconds. Every few seconds memory, open files and the tail are looked at. The first third of the time is for caches and
pools to fill; a straight line through the rest says what changes in an hour. Memory that processes share counts once.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
from collections.abc import Sequence

import numpy as np
from rich.console import Console
from rich.table import Table

from bench.ingest.generator import REQUEST_BYTES, Load
from bench.ingest.run import generate
from bench.ingest.servers import running_server
from bench.ingest.watch import Sample, watching

METRICS = 100


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--runs", type=int, default=24)
    parser.add_argument("--rate", type=float, default=50_000.0, help="points a second of all runs together")
    parser.add_argument("--postgres", action="store_true", help="on PostgreSQL instead of SQLite")
    options = parser.parse_args()

    load = Load(options.runs, METRICS, options.seconds, options.rate, REQUEST_BYTES)
    with running_server("kymograph", on_postgres=options.postgres) as server:
        runs = server.create_runs(options.runs)
        with watching(server, interval_s=min(5.0, options.seconds / 60)) as watch:
            result = generate(server, load, runs)
    database = "PostgreSQL" if options.postgres else "SQLite"
    cpu_us = sum(watch.cpu_s().values()) / result.points * 1e6
    print(
        f"\n{options.runs} runs, {result.points / result.seconds:,.0f} points/s for "
        f"{result.seconds:,.0f} s on {database}; "
        f"{cpu_us:.2f} µs of processor time a point; answers p50 {result.ack_p50_ms:,.0f}, "
        f"p99 {result.ack_p99_ms:,.0f}, longest {result.ack_max_ms:,.0f} ms; load {os.getloadavg()[0]:.1f}\n"
    )
    Console(width=140).print(table_of(watch.samples))
    return 0


def table_of(samples: Sequence[Sample]) -> Table:
    """One line for each thing that must not grow."""
    steady = samples[len(samples) // 3 :]
    table = Table("what", "first of the steady part", "last", "most", "change in an hour")
    for kind in steady[0].resident_bytes:
        add_row(table, f"memory of {kind}, MB", steady, [each.resident_bytes[kind] / 2**20 for each in steady])
    for kind in steady[0].open_files:
        add_row(table, f"open files of {kind}", steady, [float(each.open_files[kind]) for each in steady])
    add_row(table, "chunks in the tail", steady, [float(each.tail.chunks) for each in steady])
    add_row(table, "MB in the tail, compressed", steady, [each.tail.compressed_bytes / 1e6 for each in steady])
    return table


def add_row(table: Table, what: str, samples: Sequence[Sample], values: Sequence[float]) -> None:
    """Ends are medians of a tenth of the time: one look tells little of what comes and goes."""
    if not any(values):
        return
    part = max(1, len(values) // 10)
    hours = np.array([each.at_s for each in samples]) / 3600
    slope = float(np.polyfit(hours, np.array(values), 1)[0]) if len(values) > 1 else 0.0
    first, last = statistics.median(values[:part]), statistics.median(values[-part:])
    table.add_row(what, f"{first:,.1f}", f"{last:,.1f}", f"{max(values):,.1f}", f"{slope:+,.1f}")


if __name__ == "__main__":
    sys.exit(main())
