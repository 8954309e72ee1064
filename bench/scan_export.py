"""Reading a whole history back: page by page through the newest client, and as a file. Prints one table.

    .venv/bin/python -m bench.scan_export [--rows 1000000] [--metrics 10] [--servers kymograph mlflow]

One run is logged over the file stream and compacted. While it goes on, ``scan_history`` of the unmodified client reads
it page by page: a run that goes on is never offered as Parquet files. Then the run ends, and the same client scans and
downloads it from files; ``kymograph export`` writes it in each format. Every reader is a process of its own, timed from
its first request to its last row or byte; beside it stands the processor time of the server's processes. The peer is
MLflow's server, asked over REST for the history of one metric with as many points.
"""

from __future__ import annotations

import argparse
import json
import os
import sqlite3
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import orjson
from rich.console import Console
from rich.table import Table
from sqlalchemy import make_url

from bench.ingest.servers import KEY, KYMOGRAPH, MLFLOW, ROOT, KymographServer, MlflowServer, Server, fresh_database

BATCH_ROWS = 5_000
SETTLE_TIMEOUT_S = 300.0
MLFLOW_PAGE = 25_000
"""The most that its REST interface gives at once."""
GOAL = 20
"""How many times the rate of the paged scan the export must have."""

CLIENT = """
import json, sys, time
import wandb
run = wandb.Api(timeout=120).run("admin/bench/run00000")
list(run.scan_history(min_step=0, max_step=1, use_cache=False))  # its process is there
began = time.perf_counter()
if sys.argv[1] == "download":
    done = run.download_history_exports(sys.argv[2])
    assert done.paths and not done.errors, done
    count = None
else:
    keys = json.loads(sys.argv[2])
    count = sum(1 for _ in run.scan_history(keys=keys, use_cache=False))
print(json.dumps([count, time.perf_counter() - began]), file=sys.stderr)
"""


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table."""

    what: str
    rows: int
    taken_s: float
    server_cpu_s: float
    size_bytes: int | None = None

    @property
    def rate(self) -> float:
        """Rows per second."""
        return self.rows / self.taken_s


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--metrics", type=int, default=10)
    parser.add_argument("--servers", nargs="+", choices=["kymograph", "mlflow"], default=["kymograph"])
    arguments = parser.parse_args()
    console = Console(stderr=True)
    figures: list[Figure] = []
    if "kymograph" in arguments.servers:
        for figure in measure(arguments.rows, arguments.metrics, console):
            console.print(f"{figure.what}: {figure.taken_s:.2f} s")
            figures.append(figure)
    if "mlflow" in arguments.servers:
        figures += measure_mlflow(arguments.rows)
    report(figures, arguments.rows, arguments.metrics)


def measure(rows: int, metrics: int, console: Console) -> Iterator[Figure]:
    """Ours, in order."""
    with kymograph() as (server, folder), client(folder, server.url) as read:
        (run,) = server.create_runs(1)
        console.print(f"logging {rows:,} rows")
        log(server.url, run, rows, metrics)
        settle(server)

        def timed(what: str, work: Callable[[], tuple[float, int | None]]) -> Figure:
            before = cpu_s(server)
            taken_s, size_bytes = work()
            return Figure(what, rows, taken_s, cpu_s(server) - before, size_bytes)

        chosen = json.dumps(["metric_0", "metric_1"])
        heartbeat(server.url, run)
        yield timed("scan_history, page by page", lambda: read("scan", "null", rows))
        heartbeat(server.url, run)
        yield timed("the same, 2 metrics", lambda: read("scan", chosen, rows))
        end(server.url, run)
        yield timed("download_history_exports, the first time", lambda: read("download", str(folder / "first"), None))
        yield timed("download_history_exports, again", lambda: read("download", str(folder / "again"), None))
        yield timed("scan_history, from files", lambda: read("scan", "null", rows))
        yield timed("the same, 2 metrics", lambda: read("scan", chosen, rows))
        for form in ("parquet", "csv", "jsonl"):
            yield timed(f"kymograph export --format {form}", lambda form=form: export(server.url, run, form, folder))  # type: ignore[misc]


@contextmanager
def kymograph() -> Iterator[tuple[KymographServer, Path]]:
    with (
        tempfile.TemporaryDirectory(prefix="kymograph-bench-") as name,
        fresh_database(Path(name), on_postgres=False) as database,
    ):
        server = KymographServer(Path(name), database)
        try:
            yield server, Path(name)
        finally:
            server.stop()


def log(url: str, run: str, rows: int, metrics: int) -> None:
    """Send rows as clients do: noise, a step, and the two clocks."""
    random = np.random.default_rng(0)
    names = [f"metric_{index}" for index in range(metrics)]
    with httpx.Client(base_url=url, auth=("api", KEY), timeout=120) as http:
        for first in range(0, rows, BATCH_ROWS):
            values = random.random((min(BATCH_ROWS, rows - first), metrics)).tolist()
            lines = [
                orjson.dumps(
                    {
                        **dict(zip(names, row, strict=True)),
                        "_runtime": step * 0.1,
                        "_timestamp": 1_790_000_000 + step * 0.1,
                        "_step": step,
                    }
                ).decode()
                for step, row in enumerate(values, start=first)
            ]
            post(http, run, {"files": {"wandb-history.jsonl": {"offset": first, "content": lines}}})


def post(http: httpx.Client, run: str, body: dict[str, Any]) -> None:
    http.post(f"/files/admin/bench/{run}/file_stream", content=orjson.dumps(body)).raise_for_status()


def heartbeat(url: str, run: str) -> None:
    """A sign of life, so that the run goes on."""
    with httpx.Client(base_url=url, auth=("api", KEY), timeout=120) as http:
        post(http, run, {})


def end(url: str, run: str) -> None:
    with httpx.Client(base_url=url, auth=("api", KEY), timeout=120) as http:
        post(http, run, {"complete": True, "exitcode": 0})


def settle(server: Server) -> None:
    """Wait until the compactor has nothing to do."""
    until = time.monotonic() + SETTLE_TIMEOUT_S
    quiet_since = time.monotonic()
    last = server.tail()
    while time.monotonic() < until and time.monotonic() - quiet_since < 10:
        time.sleep(0.5)
        now = server.tail()
        if now != last:
            last, quiet_since = now, time.monotonic()


def cpu_s(server: Server) -> float:
    """Processor time of all processes of a server, and of those that have ended."""
    times = [process.cpu_times() for group in server.processes().values() for process in group]
    return float(sum(each.user + each.system + each.children_user + each.children_system for each in times))


@contextmanager
def client(folder: Path, url: str) -> Iterator[Callable[[str, str, int | None], tuple[float, int | None]]]:
    """Runs the newest client: what to do, its argument, and how many rows must come; gives time and size."""
    python = newest_client()
    home = folder / "client"
    home.mkdir()
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "WANDB_BASE_URL": url,
        "WANDB_API_KEY": KEY,
        "WANDB_CACHE_DIR": str(home / "cache"),
        "WANDB_DIR": str(home),
        "WANDB_ERROR_REPORTING": "false",
        "HTTPS_PROXY": "http://127.0.0.1:9",
    }

    def read(what: str, argument: str, rows: int | None) -> tuple[float, int | None]:
        command = [str(python), "-c", CLIENT, what, argument]
        done = subprocess.run(command, env=environment, cwd=home, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(done.stderr[-3000:])
        count, taken_s = json.loads(done.stderr.splitlines()[-1])
        assert count == rows, f"{count} rows came"
        size = sum(path.stat().st_size for path in Path(argument).glob("*")) if what == "download" else None
        return taken_s, size

    yield read


def newest_client() -> Path:
    folders = (ROOT / ".cache" / "clients").glob("*")
    versions = sorted((tuple(int(part) for part in folder.name.split(".")), folder) for folder in folders)
    if not versions:
        raise SystemExit("make clients first")
    return versions[-1][1] / "bin" / "python"


def export(url: str, run: str, form: str, folder: Path) -> tuple[float, int]:
    """What a user waits for, the start of the command included."""
    path = folder / f"out.{form}"
    began = time.perf_counter()
    subprocess.run(
        [str(KYMOGRAPH), "export", f"admin/bench/{run}", "--format", form, "-o", str(path)],
        env={"PATH": os.environ["PATH"], "HOME": str(folder), "WANDB_BASE_URL": url, "WANDB_API_KEY": KEY},
        check=True,
        capture_output=True,
    )
    return time.perf_counter() - began, path.stat().st_size


# --- the peer --------------------------------------------------------------------------------------------------------


def measure_mlflow(points: int) -> Iterator[Figure]:
    """Its REST interface, asked for one metric, page after page."""
    if not MLFLOW.exists():
        raise SystemExit("make .cache/bench-mlflow/.made first")
    with (
        tempfile.TemporaryDirectory(prefix="kymograph-bench-") as name,
        fresh_database(Path(name), on_postgres=False) as database,
    ):
        server = MlflowServer(Path(name), database)
        try:
            (run,) = server.create_runs(1)
            fill(str(make_url(database.url).database), run, points)
            before, began = cpu_s(server), time.perf_counter()
            count = sum(read_metric(server.url, run))
            taken_s = time.perf_counter() - began
            assert count == points, f"{count} points came"
            yield Figure("MLflow: history of one metric", points, taken_s, cpu_s(server) - before)
        finally:
            server.stop()


def fill(path: str, run: str, points: int) -> None:
    """Put a metric into the store, as it would itself."""
    random = np.random.default_rng(0)
    connection = sqlite3.connect(path, timeout=60)
    statement = "INSERT INTO metrics (key, value, timestamp, run_uuid, step, is_nan) VALUES ('loss', ?, ?, ?, ?, 0)"
    for first in range(0, points, 50_000):
        values = random.random(min(50_000, points - first)).tolist()
        connection.executemany(statement, [(value, step, run, step) for step, value in enumerate(values, start=first)])
        connection.commit()
    connection.close()


def read_metric(url: str, run: str) -> Iterator[int]:
    token: str | None = None
    with httpx.Client(base_url=f"{url}/api/2.0/mlflow", timeout=300) as http:
        while True:
            asked = {"run_id": run, "metric_key": "loss", "max_results": MLFLOW_PAGE}
            page = http.get("/metrics/get-history", params=asked | ({"page_token": token} if token else {})).json()
            yield len(page["metrics"])
            token = page.get("next_page_token")
            if not token:
                return


def report(figures: Sequence[Figure], rows: int, metrics: int) -> None:
    """Print the table."""
    paged = figures[0].rate
    table = Table(title=f"{rows:,} rows × {metrics} metrics, load {os.getloadavg()[0]:.1f}")
    for name in ("what", "rows/s", "× paged", "time", "server's processor", "size"):
        table.add_column(name, justify="left" if name == "what" else "right")
    for figure in figures:
        table.add_row(
            figure.what,
            f"{figure.rate:,.0f}",
            f"{figure.rate / paged:.1f}",
            f"{figure.taken_s:.2f} s",
            f"{figure.server_cpu_s:.2f} s",
            "" if figure.size_bytes is None else f"{figure.size_bytes / 1e6:,.1f} MB",
        )
    Console(width=120).print(table)
    exports = [figure for figure in figures if "first time" in figure.what or "parquet" in figure.what]
    for figure in exports:
        verdict = "holds" if figure.rate >= GOAL * paged else "BROKEN"
        print(f"{figure.what}: {figure.rate / paged:.0f} × the paged scan; at least {GOAL}: {verdict}")


if __name__ == "__main__":
    main()
