"""What a client's start costs the server that has many runs already, how soon the server is up, and what it holds idle.

    .venv/bin/python bench/init_sequence.py [--runs 10000] [--repeats 200]

The newest client in ``.cache/clients`` starts one run through a recording proxy. What it sent, from its first request
to the first of the file stream, is then sent again for many new runs, one request after the other, each timed from the
first byte sent to the last byte received: server time plus the loopback. Nothing of the client's is kept.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import psutil

ROOT = Path(__file__).parents[1]
KYMOGRAPH = Path(sys.executable).with_name("kymograph")
KEY = "0123456789abcdef0123456789abcdef01234567"
RECORDED_RUN = "recorded"
"""Replaced by ids of the same length, so that no header changes."""
BOUNDS = {"sequence": 20.0, "start": 1500.0, "memory": 200.0}
FORWARDED = ("authorization", "content-type", "content-encoding", "user-agent")
CLIENT_SCRIPT = f"""
import time, wandb
run = wandb.init(project="bench", id="{RECORDED_RUN}")
run.log({{"loss": 1.0}})
time.sleep(4)
run.finish()
"""


@dataclass(frozen=True, slots=True)
class Recorded:
    """One request of the client."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def name(self) -> str:
        """The operation, or the end of the path."""
        if self.path.startswith("/graphql"):
            return str(json.loads(self.body).get("operationName") or "(unnamed)")
        return self.path.rpartition("/")[2]

    def for_run(self, run: str) -> Recorded:
        """The same request for another run."""
        path = self.path.replace(RECORDED_RUN, run)
        return Recorded(self.method, path, self.headers, self.body.replace(RECORDED_RUN.encode(), run.encode()))


class Server:
    """One server process on a data folder."""

    def __init__(self, data: Path, **environment: str) -> None:
        self.url = f"http://127.0.0.1:{free_port()}"
        self._data = data
        started_at = time.perf_counter()
        with (data.parent / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                [str(KYMOGRAPH), "server", "--port", self.url.rpartition(":")[2], "--data", str(data)],
                stderr=log,
                stdout=log,
                # As users have it: with compiled modules, which some build machines are told not to keep.
                env={**os.environ, "PYTHONDONTWRITEBYTECODE": "", "KYMOGRAPH_ADMIN_API_KEY": KEY, **environment},
            )
        self._wait_until_ready()
        self.start_ms = (time.perf_counter() - started_at) * 1000
        self.start_cpu_ms = self.cpu_ms()

    def _wait_until_ready(self) -> None:
        port = int(self.url.rpartition(":")[2])
        while self._process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                httpx.get(f"{self.url}/readyz", timeout=5).raise_for_status()
            except (OSError, httpx.HTTPError):
                time.sleep(0.01)
            else:
                return
        raise SystemExit(f"the server ended: {(self._data.parent / 'server.log').read_text()}")

    def resident_mb(self) -> float:
        """Memory of all its processes."""
        process = psutil.Process(self._process.pid)
        everyone = [process, *process.children(recursive=True)]
        return float(sum(each.memory_info().rss for each in everyone)) / 2**20

    def cpu_ms(self) -> float:
        """Processor time it has taken so far, all processes."""
        process = psutil.Process(self._process.pid)
        used = [each.cpu_times() for each in [process, *process.children(recursive=True)]]
        return float(sum(each.user + each.system for each in used)) * 1000

    def stop(self) -> None:
        """End it in order."""
        self._process.terminate()
        self._process.wait(30)


def main() -> int:
    """Measure and print one table; exit status 1 if a bound is broken."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=10_000, help="runs in the database")
    parser.add_argument("--repeats", type=int, default=200, help="how often the sequence is replayed")
    parser.add_argument("--client", default=newest_client(), help="folder of the client's environment")
    arguments = parser.parse_args()

    with tempfile.TemporaryDirectory(prefix="kymograph-bench-") as folder:
        data = Path(folder) / "data"
        empty = Server(data)
        fill(empty.url, arguments.runs)
        recorded = record(empty.url, Path(arguments.client), Path(folder))
        empty.stop()

        starts: list[tuple[float, float]] = []
        for _ in range(5):
            full = Server(data)
            starts.append((full.start_ms, full.start_cpu_ms))
            full.stop()
        full = Server(data)
        try:
            replay(full.url, recorded, repeats=20, first=0)
            cpu_before_ms = full.cpu_ms()
            times = replay(full.url, recorded, repeats=arguments.repeats, first=1000)
            cpu_ms = (full.cpu_ms() - cpu_before_ms) / arguments.repeats
            time.sleep(3)
            memory_mb = full.resident_mb()
        finally:
            full.stop()
    print(f"\n{arguments.runs:,} runs in the database, {arguments.repeats} repeats, {machine()}\n")
    return report(recorded, times, starts, memory_mb, cpu_ms)


def fill(url: str, count: int) -> None:
    """Create runs the way clients do, spread over ten projects."""
    query = (
        "mutation ($p: String, $r: String, $c: JSONString, $s: JSONString) { upsertBucket(input: "
        '{modelName: $p, name: $r, config: $c, summaryMetrics: $s, tags: ["bench"]}) { inserted } }'
    )

    def create(numbers: Sequence[int]) -> None:
        with httpx.Client(base_url=url, auth=("api", KEY), timeout=60) as http:
            for number in numbers:
                variables = {
                    # Most of them where the measured runs go.
                    "p": "bench" if number % 2 else f"project{number % 10}",
                    "r": f"old{number:06d}",
                    "c": json.dumps({f"parameter{i}": {"value": number * i} for i in range(20)}),
                    "s": json.dumps({f"metric{i}": number / (i + 1) for i in range(20)}),
                }
                answer = http.post("/graphql", json={"query": query, "variables": variables}).json()
                if answer.get("errors"):
                    raise SystemExit(answer["errors"][0]["message"])

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(create, [range(first, count, 8) for first in range(8)]))


def record(url: str, client: Path, folder: Path) -> list[Recorded]:
    """What the client sends from its start to the first request of the file stream."""
    requests: list[Recorded] = []
    upstream = httpx.Client(base_url=url, timeout=60)

    class Proxy(BaseHTTPRequestHandler):
        """Passes everything on and writes it down."""

        protocol_version = "HTTP/1.1"

        def handle_any(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {key: value for key, value in self.headers.items() if key.lower() in FORWARDED}
            requests.append(Recorded(self.command, self.path, headers, body))
            answer = upstream.request(self.command, self.path, content=body, headers=headers)
            self.send_response(answer.status_code)
            self.send_header("Content-Type", answer.headers.get("Content-Type", "application/json"))
            self.send_header("Content-Length", str(len(answer.content)))
            self.end_headers()
            self.wfile.write(answer.content)

        do_GET = do_POST = do_PUT = handle_any  # noqa: N815 - the names that the base class looks for

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Proxy) as proxy, upstream:
        threading.Thread(target=proxy.serve_forever, daemon=True).start()
        home = str(folder / "home")
        Path(home).mkdir()
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": home,
            "WANDB_DIR": home,
            "WANDB_BASE_URL": f"http://127.0.0.1:{proxy.server_address[1]}",
            "WANDB_API_KEY": KEY,
            "WANDB_ERROR_REPORTING": "false",
            "HTTPS_PROXY": "http://127.0.0.1:9",
        }
        script = [str(client / "bin" / "python"), "-c", CLIENT_SCRIPT]
        subprocess.run(script, env=environment, cwd=home, check=True, capture_output=True, timeout=120)
        proxy.shutdown()
    sequence = [each for each in requests if "/otel/" not in each.path and each.method == "POST"]
    first_stream = next(index for index, each in enumerate(sequence) if each.path.endswith("/file_stream"))
    return sequence[: first_stream + 1]


def replay(url: str, recorded: Sequence[Recorded], *, repeats: int, first: int) -> list[list[float]]:
    """Milliseconds of each request, per repeat."""
    times: list[list[float]] = []
    with httpx.Client(base_url=url, timeout=60) as http:
        for number in range(first, first + repeats):
            run = f"r{number:07d}"
            row: list[float] = []
            for request in (each.for_run(run) for each in recorded):
                started_at = time.perf_counter()
                answer = http.request(request.method, request.path, content=request.body, headers=request.headers)
                row.append((time.perf_counter() - started_at) * 1000)
                answer.raise_for_status()
            times.append(row)
    return times


def report(
    recorded: Sequence[Recorded],
    times: list[list[float]],
    starts: Sequence[tuple[float, float]],
    memory_mb: float,
    cpu_ms: float,
) -> int:
    """Print the table; gives the exit status."""
    print("| what | p50 | p95 | processor | bound (p50) | |")
    print("| --- | ---: | ---: | ---: | ---: | --- |")
    for index, request in enumerate(recorded):
        column = [row[index] for row in times]
        print(f"| {request.name} | {quantile(column, 50):.1f} ms | {quantile(column, 95):.1f} ms | | | |")
    walls = [wall_ms for wall_ms, _ in starts]
    verdicts = [
        line("whole init sequence", [sum(row) for row in times], cpu_ms, BOUNDS["sequence"], "ms"),
        line("server start to ready", walls, quantile([cpu for _, cpu in starts], 50), BOUNDS["start"], "ms"),
        line("idle memory, all processes", [memory_mb] * 2, None, BOUNDS["memory"], "MB"),
    ]
    return 0 if all(verdicts) else 1


def line(what: str, values: Sequence[float], cpu_ms: float | None, bound: float, unit: str) -> bool:
    """Print one bounded line; gives whether the bound holds."""
    p50, p95 = quantile(values, 50), quantile(values, 95)
    cpu = "" if cpu_ms is None else f"{cpu_ms:.1f} ms"
    verdict = "holds" if p50 <= bound else "BROKEN"
    print(f"| {what} | {p50:.1f} {unit} | {p95:.1f} {unit} | {cpu} | {bound:g} {unit} | {verdict} |")
    return p50 <= bound


def machine() -> str:
    """Cores and how busy others keep them: wall times mean little on a busy machine, processor times still do."""
    load = os.getloadavg()[0]
    return f"{os.cpu_count()} cores, load {load:.1f}"


def quantile(values: Sequence[float], percent: int) -> float:
    """A percentile."""
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]


def newest_client() -> str:
    """The newest installed client."""
    folders = (ROOT / ".cache" / "clients").glob("*")
    versions = sorted((tuple(int(part) for part in folder.name.split(".")), folder) for folder in folders)
    return str(versions[-1][1]) if versions else ""


def free_port() -> int:
    """A port that nobody listens on at the moment."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


if __name__ == "__main__":
    sys.exit(main())
