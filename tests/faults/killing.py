"""Deployments whose processes are killed under load, and what must be true of them afterwards."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import httpx
import psutil
from sqlalchemy import func, select

from kymograph.storage.database import open_database
from kymograph.storage.history.tables import compaction_claims, segments
from kymograph.storage.objects.store import open_objects
from kymograph.storage.transaction import SqlTransaction
from kymograph.testing.buckets import moto_server
from kymograph.testing.databases import postgres_server
from tests.e2e.rest import Rest
from tests.e2e.server import KYMOGRAPH, ServerProcess, as_users_have_it, wait_until
from tests.faults.load import Load, settings_of

T = TypeVar("T")
GRACE_S = 20.0
WORKER = "kymograph.storage.history.segments.worker"


@dataclass
class Victims:
    """One deployment: its servers, and where they keep things."""

    servers: list[ServerProcess]
    database: str
    objects: str
    environment: Mapping[str, str]
    chance: random.Random
    kills: dict[str, int] = field(default_factory=dict)

    def load(self, *, runs: int, writers: int, seed: int, pause_s: float = 0.01) -> Load:
        """Writers on all servers."""
        by_url = {server.url: server for server in self.servers}

        def connect(url: str) -> httpx.Client:
            return by_url[url].http()

        return Load(list(by_url), connect, runs=runs, writers=writers, seed=seed, pause_s=pause_s)

    def rest(self) -> Rest:
        return self.servers[0].rest()

    def segments_made(self) -> int:
        """How many segments were put in place up to now."""
        return self._look(lambda tx: tx.connection.execute(select(func.max(segments.c.id))).scalar_one() or 0)

    def merges_made(self) -> int:
        """How many of those that are still known were merged from others."""
        count = select(func.count()).select_from(segments).where(segments.c.tier > 0)
        return self._look(lambda tx: int(tx.connection.execute(count).scalar_one()))

    def _look(self, job: Callable[[SqlTransaction], T]) -> T:
        database = open_database(self.database, prepare=False)
        try:
            return database.read(job)
        finally:
            database.close()

    def wait_for_segments(self, *, up_to: int, timeout_s: float = 10.0) -> None:
        """Let some segments be put in place, any number from 0, so that kills are spread over all stages."""
        wanted = self.segments_made() + self.chance.randint(0, up_to)
        deadline = time.monotonic() + timeout_s
        while self.segments_made() < wanted and time.monotonic() < deadline:
            time.sleep(0.02)

    # --- killing -----------------------------------------------------------------------------------------------------

    def kill_server(self) -> ServerProcess:
        """``kill -9`` of a server: alone, so that its compactor is left to itself, or with it. It stays down."""
        server = self.chance.choice(self.servers)
        if self.chance.random() < 0.5:
            server.kill()
            self._count("server with its compactor")
        else:
            os.kill(server.pid, signal.SIGKILL)
            server.wait()
            self._count("server alone")
        return server

    def kill_compactor(self, timeout_s: float = 30.0) -> None:
        """``kill -9`` of a process that builds segments: at any moment, or while it is writing one."""
        server = self.chance.choice(self.servers)
        is_while_writing = self.chance.random() < 0.5
        scratch = server.data / "cache" / "scratch"
        delay_s = self.chance.uniform(0, 0.01 if is_while_writing else 0.5)
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            worker = compactor_of(server)
            if worker is not None and (not is_while_writing or is_writing(scratch)):
                time.sleep(delay_s)
                with suppress(psutil.NoSuchProcess):
                    worker.kill()
                    worker.wait(10)
                    self._count("compactor while writing" if is_while_writing else "compactor")
                    return
            time.sleep(0.0005 if is_while_writing else 0.02)
        raise AssertionError("no compactor was at work")

    def _count(self, what: str) -> None:
        self.kills[what] = self.kills.get(what, 0) + 1

    # --- collecting --------------------------------------------------------------------------------------------------

    def collect(self, *options: str, grace_s: float) -> str:
        """``kymograph admin gc``; returns what it says."""
        completed = subprocess.run(
            [str(KYMOGRAPH), "admin", "gc", "--data", str(self.servers[0].data), *options],
            env={**as_users_have_it(os.environ), **self.environment, "KYMOGRAPH_GC_GRACE_S": str(grace_s)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert completed.returncode == 0, completed.stderr
        return completed.stdout.strip()

    def assert_tidy(self) -> str:
        """Collect at once, with all servers stopped: afterwards there is what a row names, and nothing else."""
        for server in self.servers:
            server.stop()
        wait_until(lambda: not any_compactor(self.servers), what="compactors of killed servers to end")
        foreseen = self.collect("--dry-run", grace_s=0)
        collected = self.collect(grace_s=0)
        assert collected.removesuffix("collected") == foreseen.removesuffix("would go")
        objects = open_objects(self.objects)
        named, retired, claims = self._look(_stock)
        stored = {info.key for info in objects.list_keys("segments/")}
        assert stored == named, f"{len(stored - named)} orphans, {len(named - stored)} missing"
        assert (retired, claims) == (0, 0), f"{retired} replaced segments, {claims} claims"
        folder = objects.local_path("x")  # type: ignore[arg-type]
        if folder is not None:
            assert [path for path in folder.parent.rglob("*#*") if path.is_file()] == []
        for server in self.servers:
            server.start()
        return collected


def _stock(tx: SqlTransaction) -> tuple[set[str], int, int]:
    """Objects that live segments name, replaced segments, claims."""
    rows = tx.connection.execute(segments.select()).all()
    named = {f"{row.object}{ending}" for row in rows for ending in (".parquet", ".jsonl.zst") if row.retired_at is None}
    claims = tx.connection.execute(compaction_claims.select()).all()
    return named, sum(row.retired_at is not None for row in rows), len(claims)


def compactor_of(server: ServerProcess) -> psutil.Process | None:
    """The process that builds segments for a server, if there is one."""
    with suppress(psutil.NoSuchProcess):
        for child in psutil.Process(server.pid).children(recursive=True):
            with suppress(psutil.NoSuchProcess):
                if WORKER in child.cmdline():
                    return child
    return None


def any_compactor(servers: list[ServerProcess]) -> bool:
    """Whether any process still builds segments for one of the servers: it holds their scratch folders."""
    folders = [str(server.data / "cache" / "scratch") for server in servers]
    for process in psutil.process_iter(["cmdline"]):
        if WORKER in (process.info["cmdline"] or ()):
            with suppress(psutil.NoSuchProcess, psutil.AccessDenied, FileNotFoundError):
                held = [os.readlink(f"/proc/{process.pid}/fd/{fd}") for fd in os.listdir(f"/proc/{process.pid}/fd")]
                if any(path.startswith(folder) for path in held for folder in folders):
                    return True
    return False


def is_writing(scratch: Path) -> bool:
    """Whether a file of a segment is under way."""
    with suppress(FileNotFoundError):
        return any(True for owner in scratch.iterdir() for _ in owner.iterdir())
    return False


@contextmanager
def embedded(folder: Path, *, seed: int) -> Iterator[Victims]:
    """One server on SQLite and a folder."""
    environment = settings_of()
    data = folder / "data"
    server = ServerProcess(data, environment=environment)
    server.start()
    try:
        yield Victims(
            [server],
            f"sqlite:///{data / 'kymograph.db'}",
            (data / "objects").as_uri(),
            environment,
            random.Random(seed),
        )
    finally:
        server.kill()


@contextmanager
def replicated(folder: Path, *, seed: int, servers: int = 2) -> Iterator[Victims]:
    """Servers on one PostgreSQL database and one bucket."""
    with postgres_server() as postgres, moto_server() as s3:
        database, objects = postgres.create_empty(), s3.create_bucket("kymograph")
        environment = {
            **settings_of(database=database, objects=objects),
            **s3.environment,
        }
        processes = [ServerProcess(folder / f"replica{number}", environment=environment) for number in range(servers)]
        for name, value in s3.environment.items():
            os.environ.setdefault(name, value)  # this process looks into the bucket, too
        try:
            for server in processes:
                server.start()
            yield Victims(processes, database, objects, environment, random.Random(seed))
        finally:
            for server in processes:
                server.kill()


COLLECT_EVERY, TIDY_EVERY = 20, 50


def kill_servers(victims: Victims, load: Load, kills: int) -> int:
    """Kill servers under load; after each restart all that was acknowledged is there. Returns rows compared."""
    compared = 0
    for number in range(1, kills + 1):
        victims.wait_for_segments(up_to=6)
        time.sleep(victims.chance.uniform(0, 0.5))
        server = victims.kill_server()
        load.pause()
        server.start()
        with victims.rest() as rest:
            compared += load.check(rest, all_runs=number % 10 == 0 or number == kills)
        load.go_on()
        tidy_up(victims, load, number)
    return compared


def kill_compactors(victims: Victims, load: Load, kills: int) -> int:
    """Kill processes that build segments under load; all that was acknowledged stays there. Returns rows compared."""
    compared = 0
    for number in range(1, kills + 1):
        victims.wait_for_segments(up_to=6)
        victims.kill_compactor()
        if number % 10 == 0 or number == kills:
            load.pause()
            with victims.rest() as rest:
                compared += load.check(rest)
            load.go_on()
        tidy_up(victims, load, number)
    return compared


def tidy_up(victims: Victims, load: Load, number: int) -> None:
    """Collect, now and then: beside the load with a grace period, or everything while nobody works."""
    if number % TIDY_EVERY == 0:
        load.pause()
        victims.assert_tidy()
        load.go_on()
    elif number % COLLECT_EVERY == 0:
        victims.collect(grace_s=GRACE_S)
