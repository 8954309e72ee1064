"""How many points a second a server takes in for good, what that costs it, and how soon it answers.

    .venv/bin/python -m bench.ingest.run [--seconds 20] [--only "SQLite 10x100"] [--peer mlflow] [--json FILE]

Server, database and load generator share this machine. Each line of the table is a fresh server on a fresh database,
under one load (see `bench.ingest.generator`). Processor time is that of all processes of the server, those of
PostgreSQL included, until what came in is compacted; the generator's is told apart. What waits in the tail is given as
it was at most and when the load ended.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench.ingest.generator import REQUEST_BYTES, Load, Result
from bench.ingest.servers import KEY, MLFLOW, ROOT, Server, running_server
from bench.ingest.watch import Watch, watching


@dataclass(frozen=True, slots=True)
class Case:
    """One line of the table."""

    runs: int
    metrics: int
    rate: float | None = None
    on_postgres: bool = False
    server: str = "kymograph"
    bound: float | None = None
    """Points a second that it must take."""

    @property
    def name(self) -> str:
        database = "PostgreSQL" if self.on_postgres else "SQLite"
        asked = f"at {self.rate:,.0f}/s" if self.rate is not None else "at most"
        return f"{self.server} {database} {self.runs}x{self.metrics} {asked}"


@dataclass(frozen=True, slots=True)
class Measured:
    """What a case came to."""

    case: Case
    result: Result
    cpu_s: dict[str, float]
    """By kind of process."""
    peak_bytes: int
    peak_files: int
    tail_chunks: tuple[int, int]
    """At most, and when the load ended."""
    tail_bytes: tuple[int, int]
    load_average: float

    @property
    def points_per_s(self) -> float:
        return self.result.points / self.result.seconds

    @property
    def cpu_us_per_point(self) -> float:
        return sum(self.cpu_s.values()) / self.result.points * 1e6


def cases(peer: str | None) -> Iterator[Case]:
    """The matrix."""
    for on_postgres in (False, True):
        yield Case(10, 100, 1_000_000, on_postgres, bound=1_000_000)
        yield Case(10, 100, None, on_postgres)
        yield Case(10, 3, 300_000, on_postgres, bound=300_000)
        yield Case(10, 3, None, on_postgres)
        yield Case(10, 1000, None, on_postgres)
        yield Case(1, 100, None, on_postgres)
        yield Case(50, 100, None, on_postgres)
        if peer is not None:
            yield Case(10, 100, None, on_postgres, server=peer)
            yield Case(10, 3, None, on_postgres, server=peer)


def measure(case: Case, seconds: float, request_bytes: int) -> Measured:
    """One server under one load."""
    load_average = os.getloadavg()[0]
    with running_server(case.server, on_postgres=case.on_postgres) as server:
        runs = server.create_runs(case.runs)
        with watching(server) as watch:
            result = generate(server, Load(case.runs, case.metrics, seconds, case.rate, request_bytes), runs)
            watch.mark()
            watch.wait_until_settled()
    return measured(case, result, watch, load_average)


def measured(case: Case, result: Result, watch: Watch, load_average: float) -> Measured:
    """Put what was seen together."""
    tails = [sample.tail for sample in watch.samples]
    left = watch.marked.tail
    return Measured(
        case,
        result,
        watch.cpu_s(),
        watch.peak_bytes(),
        watch.peak_files(),
        (max(tail.chunks for tail in tails), left.chunks),
        (max(tail.compressed_bytes for tail in tails), left.compressed_bytes),
        load_average,
    )


def generate(server: Server, load: Load, runs: list[str]) -> Result:
    """Send a load from a process of its own."""
    command = [sys.executable, "-m", "bench.ingest.generator", server.url, *runs, "--key", KEY, "--kind", server.kind]
    command += ["--metrics", str(load.metrics), "--seconds", str(load.seconds)]
    command += ["--request-bytes", str(load.request_bytes)]
    command += ["--rate", str(load.rate)] if load.rate is not None else []
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, timeout=load.seconds + 300, check=False)
    if done.returncode != 0:
        raise SystemExit("the generator failed; what it said is above")
    return Result(**json.loads(done.stdout))


def table_of(found: list[Measured], seconds: float, request_bytes: int) -> Table:
    """The figures."""
    title = f"{seconds:g} s each, requests of {request_bytes / 1e6:g} MB, {os.cpu_count()} cores"
    table = Table(title=title)
    for column in ("server, runs x metrics", "points/s", "points per CPU-s", "CPU µs/point", "ack ms p50 / p99 / max"):
        table.add_column(column, justify="left" if column.startswith("server") else "right")
    for column in ("generator CPU", "memory MB", "files", "tail chunks", "tail MB", "429s", "load"):
        table.add_column(column, justify="right")
    for each in found:
        result = each.result
        parts = [f"{kind} {used / result.points * 1e6:.2f}" for kind, used in each.cpu_s.items() if used > 0]
        table.add_row(
            each.case.name,
            f"{each.points_per_s:,.0f}",
            f"{1e6 / each.cpu_us_per_point:,.0f}",
            f"{each.cpu_us_per_point:.2f} ({', '.join(parts)})",
            f"{result.ack_p50_ms:,.0f} / {result.ack_p99_ms:,.0f} / {result.ack_max_ms:,.0f}",
            f"{result.cpu_seconds / result.seconds:.0%}",
            f"{each.peak_bytes / 2**20:,.0f}",
            f"{each.peak_files:,}",
            " → ".join(f"{number:,}" for number in each.tail_chunks),
            " → ".join(f"{number / 1e6:,.0f}" for number in each.tail_bytes),
            f"{result.refused:,}",
            f"{each.load_average:.1f}",
        )
    return table


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=20.0, help="length of each case")
    parser.add_argument("--only", action="append", default=[], help="cases whose name holds this text; may be repeated")
    parser.add_argument("--peer", choices=["mlflow"], help="measure this server too")
    parser.add_argument("--request-bytes", type=int, default=REQUEST_BYTES)
    parser.add_argument("--json", type=Path, help="write the figures to this file too")
    options = parser.parse_args()
    if options.peer and not MLFLOW.exists():
        raise SystemExit("run `make .cache/bench-mlflow/.made` first")
    found: list[Measured] = []
    for case in cases(options.peer):
        if options.only and not any(text in case.name for text in options.only):
            continue
        found.append(measure(case, options.seconds, options.request_bytes))
        if options.json is not None:
            options.json.write_text(json.dumps([asdict(each) for each in found], indent=1))
    # Wide enough for all columns wherever it is printed.
    Console(width=230).print(table_of(found, options.seconds, options.request_bytes))
    return 0


if __name__ == "__main__":
    sys.exit(main())
