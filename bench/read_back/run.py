"""What reading back costs: both clients on the same server, one after the other. Prints one table.

    .venv/bin/python -m bench.read_back.run [--runs 10000] [--rows 1000000] [--files 1000] [--histories 100]

Four reads: all runs of a project with their configs; every row of a long history; every file of a run; the histories
of many runs as one data frame. Each is a process of its own, timed inside it from the first call to the last value, so
that imports and the start of a client's service process do not count. The unmodified client has no pandas in its
environment: it is given that of ours.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
import orjson
from rich.console import Console
from rich.table import Table

from bench.ingest.servers import KEY, KymographServer, Server, fresh_database
from bench.scan_export import cpu_s, end, log, newest_client, post, settle

BOUND = 5
"""How many times the rate of the unmodified client ours must have."""
CONFIG_KEYS = 20
METRICS = 10
HISTORY_ROWS = 1_000
FILE_BYTES = 10_000
STEP_TIMEOUT_S = 3_600
_PANDAS = ("pandas", "dateutil", "six.py", "pytz", "tzdata")
"""What the data frame of the unmodified client needs."""
_UPSERT = (
    "mutation ($name: String, $config: JSONString, $summary: JSONString, $project: String) { upsertBucket(input: {"
    'entityName: "admin", modelName: $project, name: $name, config: $config, summaryMetrics: $summary}) { inserted } }'
)


@dataclass(frozen=True, slots=True)
class Size:
    """How much there is to read."""

    runs: int
    rows: int
    files: int
    histories: int


@dataclass(frozen=True, slots=True)
class Figure:
    """What one read took."""

    count: int
    """Things that came."""
    taken_s: float
    server_cpu_s: float

    @property
    def rate(self) -> float:
        """Things per second."""
        return self.count / self.taken_s


READS = {
    "runs": "runs with configs",
    "runs-large-pages": "the same, pages of 1,000",
    "scan": "rows of one history",
    "scan-keys": "the same, 2 metrics",
    "files": "files of a run",
    "frame": "rows of many histories as a data frame",
}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=10_000)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--files", type=int, default=1_000)
    parser.add_argument("--histories", type=int, default=100)
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--reads", nargs="+", choices=[*READS], default=[*READS])
    options = parser.parse_args()
    console = Console(width=150)
    size = Size(options.runs, options.rows, options.files, options.histories)
    figures: dict[tuple[str, str], list[Figure]] = {}
    for read, client, figure in measure(size, options.reads, options.repeats, console):
        figures.setdefault((read, client), []).append(figure)
        console.print(f"{client}: {READS[read]}: {figure.count:,} in {figure.taken_s:.2f} s")
    report(console, figures, options.reads)


def measure(size: Size, reads: list[str], repeats: int, console: Console) -> Iterator[tuple[str, str, Figure]]:
    """Every read by both clients, on one server."""
    with (
        TemporaryDirectory(prefix="kymograph-bench-") as name,
        fresh_database(Path(name), on_postgres=False) as database,
    ):
        folder = Path(name)
        server = KymographServer(folder, database)
        try:
            console.print("filling the server")
            fill(server, size)
            for _ in range(repeats):
                # One client after the other, every time anew, so that what the machine does meanwhile meets both.
                for read in reads:
                    for client in ("wandb", "kymograph"):
                        yield read, client, carry_out(server, folder, client, read)
        finally:
            server.stop()


def fill(server: KymographServer, size: Size) -> None:
    """Runs with configs, a long history, many short ones, many files."""
    with httpx.Client(base_url=server.url, auth=("api", KEY), timeout=120) as http:
        for number in range(size.runs):
            make_run(http, "many", f"run{number:05d}", number)
        server.create_runs(1)
        log(server.url, "run00000", size.rows, METRICS)
        end(server.url, "run00000")
        for number in range(size.histories):
            make_run(http, "bench", f"short{number:03d}", number)
            log(server.url, f"short{number:03d}", HISTORY_ROWS, METRICS)
            end(server.url, f"short{number:03d}")
        make_run(http, "bench", "files", 0)
        post(http, "files", {"complete": True, "exitcode": 0})
        send_files(http, size.files)
    settle(server)


def make_run(http: httpx.Client, project: str, name: str, number: int) -> None:
    """A run with a config and a summary of some size."""
    noise = random.Random(number)
    config = {f"key_{index}": {"value": noise.random()} for index in range(CONFIG_KEYS)}
    summary = {f"metric_{index}": noise.random() for index in range(METRICS)}
    variables = {
        "project": project,
        "name": name,
        "config": orjson.dumps(config).decode(),
        "summary": orjson.dumps(summary).decode(),
    }
    http.post("/graphql", json={"query": _UPSERT, "variables": variables}).raise_for_status()


def send_files(http: httpx.Client, count: int) -> None:
    """Small files of noise."""
    names = [f"folder/{number:05d}.bin" for number in range(count)]
    question = (
        "mutation ($files: [String!]!) { createRunFiles(input: {"
        'entityName: "admin", projectName: "bench", runName: "files", files: $files}) { files { uploadUrl } } }'
    )
    answer = http.post("/graphql", json={"query": question, "variables": {"files": names}}).json()
    noise = random.Random(0)
    for file in answer["data"]["createRunFiles"]["files"]:
        httpx.put(file["uploadUrl"], content=noise.randbytes(FILE_BYTES)).raise_for_status()


def carry_out(server: Server, folder: Path, client: str, read: str) -> Figure:
    """One read, in a process with a home of its own."""
    with TemporaryDirectory(dir=folder) as home:
        environment = {
            **os.environ,
            "HOME": home,
            "WANDB_BASE_URL": server.url,
            "WANDB_API_KEY": KEY,
            "WANDB_CACHE_DIR": f"{home}/cache",
            "WANDB_DIR": home,
            "WANDB_SILENT": "true",
            "WANDB_ERROR_REPORTING": "false",
            "PYTHONDONTWRITEBYTECODE": "",
        }
        python = Path(sys.executable)
        if client == "wandb":
            python = newest_client()
            environment["PYTHONPATH"] = str(pandas_alone(folder))
        script = Path(__file__).with_name("scenario.py")
        before = cpu_s(server)
        ended = subprocess.run(
            [str(python), str(script), client, read, home],
            env=environment,
            cwd=home,
            capture_output=True,
            text=True,
            timeout=STEP_TIMEOUT_S,
            check=False,
        )
        if ended.returncode:
            raise SystemExit(f"{client} {read} failed:\n{ended.stdout[-2000:]}\n{ended.stderr[-3000:]}")
        told = json.loads(ended.stdout.strip().splitlines()[-1])
        return Figure(told["count"], told["s"], cpu_s(server) - before)


def pandas_alone(folder: Path) -> Path:
    """A folder with pandas and nothing else that the unmodified client's environment has in another version."""
    import pandas

    place = folder / "pandas-alone"
    if not place.exists():
        place.mkdir()
        packages = Path(pandas.__file__).parents[1]
        for name in _PANDAS:
            if (packages / name).exists():
                (place / name).symlink_to(packages / name)
    return place


def report(console: Console, figures: dict[tuple[str, str], list[Figure]], reads: list[str]) -> None:
    """The table."""
    table = Table(title=f"Reading back (load {os.getloadavg()[0]:.1f}, {os.cpu_count()} cores)")
    for title in ("what", "count", "wandb", "per s", "server", "kymograph", "per s", "server", f"× (bound {BOUND})"):
        table.add_column(title, justify="left" if title == "what" else "right")
    for read in reads:
        theirs, ours = (median(figures[read, client]) for client in ("wandb", "kymograph"))
        table.add_row(
            READS[read],
            f"{ours.count:,}",
            *(
                text
                for figure in (theirs, ours)
                for text in (f"{figure.taken_s:.2f} s", f"{figure.rate:,.0f}", f"{figure.server_cpu_s:.2f} s")
            ),
            f"{ours.rate / theirs.rate:.1f}",
        )
    console.print(table)


def median(figures: list[Figure]) -> Figure:
    """The one in the middle."""
    middle = statistics.median_low(figure.taken_s for figure in figures)
    return next(figure for figure in figures if figure.taken_s == middle)


if __name__ == "__main__":
    main()
