"""How long the comparer takes over 20 runs × 8 metrics with media, 5,000 steps each, on both databases.

    .venv/bin/python bench/compare.py [--runs 20] [--steps 5000] [--database sqlite|postgresql|both] [--repeats 60]

Fills a project by the server's own services: ten numbers at every step, and lists of three images of each metric at
every fifth, no two metrics at the same steps. Once compacted, a server process is asked over HTTP by the requests that
the page sends: for all steps, and for what there is at one of them. The same is asked of `kymograph compare` on top of
that server, with a second set of figures; a bound holds for the server's own.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from init_sequence import KEY, KYMOGRAPH, Server, free_port, machine, quantile

from kymograph.core.history import LineBatch, Stream
from kymograph.core.run import RunChange
from kymograph.server.deps import Deployment, open_deployment
from kymograph.server.settings import load_settings
from kymograph.services.access import Caller
from kymograph.services.history import StreamUpdate
from kymograph.services.runs import RunAddress
from kymograph.testing.databases import postgres_server

PROJECT = "pictures"
METRICS = [f"val/samples_{place}" for place in range(8)]
NUMBERS = [f"train/metric_{place}" for place in range(10)]
EVERY = 5
"""Steps from one media of a metric to the next."""
IMAGES = 3
LINES_AT_ONCE = 1_000
BOUND_MS = 100.0


def line(run: int, step: int) -> str:
    """A row of a run."""
    row: dict[str, Any] = {"_step": step, "_timestamp": 1.7e9 + step}
    row |= {name: (step + place) / (run + 1) for place, name in enumerate(NUMBERS)}
    for place, name in enumerate(METRICS):
        if (step + place) % EVERY == 0:
            row[name] = {
                "_type": "images/separated",
                "width": 256,
                "height": 256,
                "format": "png",
                "count": IMAGES,
                "filenames": [f"media/images/{name}_{step}_{run:08x}{index:012x}.png" for index in range(IMAGES)],
                "captions": [f"sample {index}" for index in range(IMAGES)],
            }
    return json.dumps(row)


def fill(deployment: Deployment, runs: int, steps: int) -> None:
    """Log the runs and compact them."""
    services = deployment.services
    services.accounts.bootstrap_admin(username="admin", api_key=KEY)
    admin = deployment.database.read(lambda tx: tx.accounts.find_user("admin"))
    assert admin is not None
    caller = Caller(admin)
    for run in range(runs):
        name = f"run{run:05}"
        services.runs.upsert(caller, RunAddress("admin", PROJECT, name), RunChange(display_name=f"run {run}"))
        for first in range(0, steps, LINES_AT_ONCE):
            lines = [line(run, step) for step in range(first, min(first + LINES_AT_ONCE, steps))]
            batch = LineBatch(Stream.HISTORY, first, lines)
            services.history.record(caller, "admin", PROJECT, name, StreamUpdate([batch]))
        services.history.record(caller, "admin", PROJECT, name, StreamUpdate(is_complete=True, exit_code=0))
    while services.compactor.work():
        pass
    left = services.history.tail_size().raw_bytes
    print(f"filled; {left:,} bytes are not compacted", file=sys.stderr)


@dataclass(frozen=True, slots=True)
class Question:
    """A kind of request, with values of its own each time."""

    what: str
    make: Callable[[random.Random], tuple[str, str, dict[str, Any]]]


def questions(runs: int, steps: int) -> list[Question]:
    """What the page asks, the simple requests and the ones for many runs."""
    run_ids = [f"run{run:05}" for run in range(runs)]
    everything = {"entity": "admin", "project": PROJECT, "run_ids": run_ids, "metrics": METRICS}
    in_query = {"entity": "admin", "project": PROJECT, "metrics": METRICS}

    def post(path: str, **fields: Any) -> tuple[str, str, dict[str, Any]]:
        return "POST", path, {"json": {**everything, **fields}}

    def steps_of_all(_draw: random.Random) -> tuple[str, str, dict[str, Any]]:
        return "POST", "/steps", {"params": in_query, "json": {"run_ids": run_ids}}

    def at_step(draw: random.Random) -> tuple[str, str, dict[str, Any]]:
        return post("/media", at=draw.randrange(steps), match="nearest", limit=1000)

    def images(draw: random.Random) -> tuple[str, str, dict[str, Any]]:
        step = draw.randrange(0, steps, EVERY)
        return "GET", f"/runs/{draw.choice(run_ids)}/images", {"params": {**in_query, "step": step}}

    def by_time(draw: random.Random) -> tuple[str, str, dict[str, Any]]:
        return post("/media", at=1.7e9 + draw.randrange(steps), x="_timestamp", match="previous", limit=1000)

    return [
        Question("`POST /steps`: union of steps of each run", steps_of_all),
        Question("`POST /notches`: steps of each run and metric", lambda _draw: post("/notches")),
        Question("`POST /media`: nearest of every run and metric", at_step),
        Question("the same along `_timestamp`", by_time),
        Question("`GET /runs/{run}/images`: one step of one run", images),
        Question("`POST /keys`: which metrics hold media", lambda _draw: post("/keys", metrics=[])),
    ]


@dataclass(frozen=True, slots=True)
class Measured:
    """Milliseconds from the first byte sent to the last one received."""

    first: float
    times: list[float]
    """Of those after the first."""
    cpu: float
    """Processor time of the server for one of those; others may keep the machine busy."""


def ask(url: str, found: list[Question], repeats: int, cpu_ms: Callable[[], float]) -> Iterator[tuple[str, Measured]]:
    """Ask each kind of question so many times."""
    draw = random.Random(0)
    with httpx.Client(base_url=url, auth=("api", KEY), timeout=300) as http:
        for question in found:
            times: list[float] = []
            before = 0.0
            for _ in range(repeats + 1):
                method, path, arguments = question.make(draw)
                started_at = time.perf_counter()
                answer = http.request(method, path, **arguments)
                times.append((time.perf_counter() - started_at) * 1000)
                answer.raise_for_status()
                if not answer.json():
                    raise SystemExit(f"{question.what}: an empty answer")
                if len(times) == 1:
                    before = cpu_ms()
            yield question.what, Measured(times[0], times[1:], (cpu_ms() - before) / repeats)


@contextmanager
def alone(server: str) -> Iterator[str]:
    """`kymograph compare` over a server."""
    port = free_port()
    environment = {**os.environ, "WANDB_API_KEY": KEY, "WANDB_BASE_URL": server}
    command = [str(KYMOGRAPH), "compare", "--port", str(port)]
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL) as process:
        try:
            while process.poll() is None:
                try:
                    socket.create_connection(("127.0.0.1", port), timeout=1).close()
                except OSError:
                    time.sleep(0.05)
                else:
                    break
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(30)


def measure(folder: Path, database: str, runs: int, steps: int, repeats: int) -> dict[str, dict[str, Measured]]:
    """Figures of the server, and of the program alone, on one database."""
    eager = {"KYMOGRAPH_COMPACT_QUIET_S": "0.01"}
    settings = load_settings(eager, data=str(folder / "data"), database=database, public_url="http://127.0.0.1")
    deployment = open_deployment(settings)
    try:
        fill(deployment, runs, steps)
    finally:
        deployment.close()
    found = questions(runs, steps)
    server = Server(folder / "data", KYMOGRAPH_DATABASE=settings.database)
    try:
        results = {"server": dict(ask(f"{server.url}/api/v1/compare", found, repeats, server.cpu_ms))}
        with alone(server.url) as url:
            results["alone"] = dict(ask(url, found, max(repeats // 12, 3), server.cpu_ms))
    finally:
        server.stop()
    return results


def main() -> int:
    """Measure and print; exit status 1 if the bound is broken."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--steps", type=int, default=5_000)
    parser.add_argument("--database", choices=["sqlite", "postgresql", "both"], default="both")
    parser.add_argument("--repeats", type=int, default=60, help="of every kind of request")
    options = parser.parse_args()
    columns: dict[str, dict[str, Measured]] = {}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="kymograph-bench-")))
        for name in ("sqlite", "postgresql") if options.database == "both" else (options.database,):
            (folder / name).mkdir()
            url = (
                f"sqlite:///{folder / name / 'bench.db'}"
                if name == "sqlite"
                else stack.enter_context(postgres_server()).create_empty()
            )
            shown = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}[name]
            results = measure(folder / name, url, options.runs, options.steps, options.repeats)
            columns[shown], columns[f"alone over it, {shown}"] = results["server"], results["alone"]
    print(f"\n{options.runs} runs × {len(METRICS)} metrics × {options.steps:,} steps, {machine()}; milliseconds\n")
    print(f"| request | {' | '.join(f'{name}: first | p50 | p95 | CPU' for name in columns)} |")
    print(f"| --- |{' ---: | ---: | ---: | ---: |' * len(columns)}")
    slowest = 0.0
    for what in next(iter(columns.values())):
        cells = []
        for name, found in columns.items():
            measured = found[what]
            p50, p95 = (quantile(measured.times, percent) for percent in (50, 95))
            cells += [f"{measured.first:.0f}", f"{p50:.1f}", f"{p95:.1f}", f"{measured.cpu:.0f}"]
            if not name.startswith("alone"):
                slowest = max(slowest, p95)
        print(f"| {what} | {' | '.join(cells)} |")
    print(f"\nslowest p95 of the server: {slowest:.1f} ms (bound {BOUND_MS:.0f} ms)")
    return 0 if slowest <= BOUND_MS else 1


if __name__ == "__main__":
    sys.exit(main())
