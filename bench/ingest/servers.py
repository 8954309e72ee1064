"""Servers to send a load to, each started as its users start it, on folders and databases of their own."""

from __future__ import annotations

import os
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import httpx
import psutil
import psycopg
from sqlalchemy import make_url

from kymograph.testing.databases import postgres_server

ROOT = Path(__file__).parents[2]
KYMOGRAPH = Path(sys.executable).with_name("kymograph")
MLFLOW = ROOT / ".cache" / "bench-mlflow" / "bin" / "mlflow"
KEY = "0123456789abcdef0123456789abcdef01234567"
_TAIL = "SELECT count(*), coalesce(sum(length(payload)), 0) FROM tail_chunks"
_CREATE_RUN = (
    'mutation ($run: String) { upsertBucket(input: {entityName: "admin", modelName: "bench", name: $run}) '
    "{ inserted } }"
)


@dataclass(frozen=True, slots=True)
class TailSize:
    """What waits for compaction."""

    chunks: int = 0
    compressed_bytes: int = 0


class Server(Protocol):
    """A running server."""

    url: str
    kind: str
    """Of requests, as the generator calls it."""

    def create_runs(self, count: int) -> list[str]:
        """Runs to send to."""

    def processes(self) -> dict[str, list[psutil.Process]]:
        """All processes that serve, by what they are."""

    def tail(self) -> TailSize:
        """What waits for compaction now."""


class Database:
    """A database for one server, beside which one can look into it."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.is_postgres = url.startswith("postgresql")
        self._postmaster = self._find_postmaster() if self.is_postgres else None

    @property
    def name(self) -> str:
        return "PostgreSQL" if self.is_postgres else "SQLite"

    def one(self, query: str) -> tuple[int, ...]:
        """The first row of a query."""
        if self.is_postgres:
            with self._connect() as connection:
                row = connection.execute(query.encode()).fetchone()
        else:
            raw = sqlite3.connect(f"file:{make_url(self.url).database}?mode=ro", uri=True)
            try:
                row = raw.execute(query).fetchone()
            finally:
                raw.close()
        assert row is not None
        return tuple(row)

    def _connect(self) -> psycopg.Connection:
        plain = make_url(self.url).set(drivername="postgresql").render_as_string(hide_password=False)
        return psycopg.connect(plain, autocommit=True)

    def _find_postmaster(self) -> psutil.Process:
        with self._connect() as connection:
            parent = psutil.Process(connection.info.backend_pid).parent()
        assert parent is not None
        return parent

    def processes(self) -> list[psutil.Process]:
        """Those of the database itself."""
        return tree(self._postmaster) if self._postmaster is not None else []


class KymographServer:
    """``kymograph server`` with its default settings."""

    kind = "file_stream"

    def __init__(self, folder: Path, database: Database) -> None:
        self.url = f"http://127.0.0.1:{free_port()}"
        self._database = database
        command = [str(KYMOGRAPH), "server", "--port", self.url.rpartition(":")[2], "--data", str(folder / "data")]
        self._process = start([*command, "--database", database.url], folder, KYMOGRAPH_ADMIN_API_KEY=KEY)
        wait_until_ready(self._process, f"{self.url}/readyz", folder)

    def create_runs(self, count: int) -> list[str]:
        runs = [f"run{number:05d}" for number in range(count)]
        with httpx.Client(base_url=self.url, auth=("api", KEY), timeout=60) as http:
            for run in runs:
                answer = http.post("/graphql", json={"query": _CREATE_RUN, "variables": {"run": run}}).json()
                if answer.get("errors"):
                    raise SystemExit(answer["errors"][0]["message"])
        return runs

    def processes(self) -> dict[str, list[psutil.Process]]:
        server, *children = tree(psutil.Process(self._process.pid))
        return {"server": [server], "children": children, "database": self._database.processes()}

    def tail(self) -> TailSize:
        return TailSize(*map(int, self._database.one(_TAIL)))

    def stop(self) -> None:
        stop(self._process)


class MlflowServer:
    """``mlflow server`` as its documentation starts it."""

    kind = "mlflow"

    def __init__(self, folder: Path, database: Database) -> None:
        self.url = f"http://127.0.0.1:{free_port()}"
        self._database = database
        url = database.url.replace("postgresql+psycopg:", "postgresql:")
        command = [str(MLFLOW), "server", "--host", "127.0.0.1", "--port", self.url.rpartition(":")[2]]
        command += ["--backend-store-uri", url, "--artifacts-destination", str(folder / "artifacts")]
        self._process = start(command, folder, MLFLOW_DISABLE_TELEMETRY="true", DO_NOT_TRACK="true")
        wait_until_ready(self._process, f"{self.url}/health", folder)

    def create_runs(self, count: int) -> list[str]:
        with httpx.Client(base_url=f"{self.url}/api/2.0/mlflow", timeout=60) as http:
            experiment = http.post("/experiments/create", json={"name": "bench"}).json()["experiment_id"]
            created = [http.post("/runs/create", json={"experiment_id": experiment}).json() for _ in range(count)]
        return [answer["run"]["info"]["run_id"] for answer in created]

    def processes(self) -> dict[str, list[psutil.Process]]:
        return {"server": tree(psutil.Process(self._process.pid)), "database": self._database.processes()}

    def tail(self) -> TailSize:
        return TailSize()

    def stop(self) -> None:
        stop(self._process)


@contextmanager
def running_server(name: str, *, on_postgres: bool) -> Iterator[KymographServer | MlflowServer]:
    """A fresh server, ``kymograph`` or ``mlflow``, on a fresh database."""
    kind = MlflowServer if name == "mlflow" else KymographServer
    with (
        tempfile.TemporaryDirectory(prefix="kymograph-bench-") as folder,
        fresh_database(Path(folder), on_postgres=on_postgres) as database,
    ):
        server: KymographServer | MlflowServer = kind(Path(folder), database)
        try:
            yield server
        finally:
            server.stop()


@contextmanager
def fresh_database(folder: Path, *, on_postgres: bool) -> Iterator[Database]:
    """An empty database with the settings that its users have; PostgreSQL syncs each commit."""
    if not on_postgres:
        yield Database(f"sqlite:///{folder / 'bench.db'}")
        return
    with postgres_server(is_durable=True) as server:
        yield Database(server.create_empty())


def tree(process: psutil.Process) -> list[psutil.Process]:
    """A process and all below it."""
    return [process, *process.children(recursive=True)]


def start(command: Sequence[str], folder: Path, **environment: str) -> subprocess.Popen[bytes]:
    """Start a server; what it says goes to a file."""
    with (folder / "server.log").open("ab") as log:
        # Compiled modules are kept, as users have it; some build machines are told not to.
        env = {**os.environ, "PYTHONDONTWRITEBYTECODE": "", **environment}
        return subprocess.Popen(command, stdout=log, stderr=log, env=env, cwd=folder)


def wait_until_ready(process: subprocess.Popen[bytes], url: str, folder: Path) -> None:
    """Wait until a server answers."""
    until = time.monotonic() + 180
    while process.poll() is None and time.monotonic() < until:
        try:
            httpx.get(url, timeout=5).raise_for_status()
        except httpx.HTTPError:
            time.sleep(0.05)
        else:
            return
    stop(process)
    raise SystemExit(f"the server did not start: {(folder / 'server.log').read_text()[-3000:]}")


def stop(process: subprocess.Popen[bytes]) -> None:
    """End a server in order."""
    process.terminate()
    try:
        process.wait(60)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def free_port() -> int:
    """A port that nobody listens on at the moment."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port
