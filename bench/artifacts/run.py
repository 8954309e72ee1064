"""What artifacts cost: many small files and one large one, with both clients against the same server. Prints one table.

    .venv/bin/python -m bench.artifacts.run [--files 10000] [--large-gb 5] [--clients kymograph wandb] [--repeats 3]

Small files: logged, logged again unchanged, logged with one in a hundred changed, downloaded to an empty place with an
empty cache, downloaded again there. Each step is a process of its own, timed inside it from the artifact's creation to
the committed version, or from the look-up to the last file. "Moved" is what went over the loopback interface, "asked"
are the requests that the server answered: GraphQL, and bytes of files. "Extra" is the most that a client's folders and
caches took of the disk beyond the files themselves. The large file goes with either digest, each to a fresh server. It
is compared with a plain copy, made a moment before: a thread sends it through a loopback socket to another one, which
writes it and waits for the disk; and with what hashing alone takes, since no file can be logged or checked faster.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil
from rich.console import Console
from rich.table import Table

from bench.ingest.servers import KEY, ROOT, KymographServer, fresh_database
from bench.warm_memory import warm_memory

CLIENTS = {
    "kymograph": Path(sys.executable),
    "wandb": ROOT / ".cache" / "clients" / "0.31.0" / "bin" / "python",
}
FILE_BYTES = 10_000
CHANGED = 100
"""One file in this many is changed."""
PIECE_BYTES = 1 << 20
DIGESTS = {"MD5": "put-linked", "XXH128": "put-xxh128"}
"""How each is logged."""
STEP_TIMEOUT_S = 1800


@dataclass(frozen=True, slots=True)
class Figure:
    """What one step took."""

    taken_s: float
    moved_bytes: int
    graphql: int
    bytes_requests: int
    extra_bytes: int


class Bench:
    """One client's folders, on a server that both use."""

    def __init__(self, client: str, server: KymographServer, folder: Path) -> None:
        self.client = client
        self._server = server
        self._folder = folder
        self._home = folder / f"home-{client}"
        self._home.mkdir()

    def step(self, step: str, what: Path, *, cold: bool = False) -> Figure:
        """Carry out a step in a process of its own."""
        if cold:
            for name in ("cache", "downloaded"):
                shutil.rmtree(self._home / name, ignore_errors=True)
        environment = {
            **os.environ,
            "HOME": str(self._home),
            "WANDB_BASE_URL": self._server.url,
            "WANDB_API_KEY": KEY,
            "WANDB_CACHE_DIR": str(self._home / "cache"),
            "WANDB_DATA_DIR": str(self._home / "data"),
            "WANDB_ENTITY": "admin",
            "WANDB_SILENT": "true",
            "WANDB_ERROR_REPORTING": "false",
            "PYTHONDONTWRITEBYTECODE": "",
        }
        script = Path(__file__).with_name("scenario.py")
        before = self._counts()
        ended = subprocess.run(
            [str(CLIENTS[self.client]), str(script), self.client, step, str(what), str(self._home)],
            env=environment,
            cwd=self._home,
            capture_output=True,
            text=True,
            timeout=STEP_TIMEOUT_S,
            check=False,
        )
        if ended.returncode:
            raise SystemExit(f"{self.client} {step} failed:\n{ended.stdout[-2000:]}\n{ended.stderr[-3000:]}")
        after = self._counts()
        said = json.loads(ended.stdout.strip().splitlines()[-1])
        moved, graphql, bytes_requests = (new - old for new, old in zip(after, before, strict=True))
        return Figure(said["s"], moved, graphql, bytes_requests, said["extra_bytes"])

    def _counts(self) -> tuple[int, int, int]:
        said = httpx.get(f"{self._server.url}/metrics", timeout=30).text

        def answers(face: str) -> int:
            return sum(int(n) for n in re.findall(rf'requests_total{{face="{face}",[^}}]*}} (\d+)', said))

        return psutil.net_io_counters(pernic=True)["lo"].bytes_sent, answers("graphql"), answers("bytes")


def main() -> None:
    """Measure what the command line names."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--large-gb", type=float, default=5.0)
    parser.add_argument("--clients", nargs="+", choices=[*CLIENTS], default=[*CLIENTS])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--large-repeats", type=int, default=3)
    parser.add_argument("--digests", nargs="+", choices=[*DIGESTS], default=[*DIGESTS], help="of the large file")
    parser.add_argument("--database", choices=["sqlite", "postgresql"], default="sqlite")
    options = parser.parse_args()
    console = Console(width=150)
    console.print(f"load {os.getloadavg()[0]:.1f}, {os.cpu_count()} cores, medians of {options.repeats}")
    figures: dict[tuple[str, str], list[Figure]] = {}
    copies: dict[tuple[str, str], list[float]] = {}
    """What a plain copy took a moment before each step with the large file, seconds."""
    for _ in range(options.repeats):
        # One client after the other, every time anew, so that what the machine does meanwhile meets both.
        for client in options.clients:
            for step, figure in small_files(client, options.files, on_postgres=options.database == "postgresql"):
                figures.setdefault((step, client), []).append(figure)
                console.print(f"{client}: {step}: {figure.taken_s:.2f} s")
    size = int(options.large_gb * 1e9)
    for _ in range(options.large_repeats if size else 0):
        for client in options.clients:
            for digest in options.digests:
                for step, copy_s, figure in large_file(client, digest, size):
                    figures.setdefault((step, client), []).append(figure)
                    copies.setdefault((step, client), []).append(copy_s)
                    console.print(f"{client}: {step}: {figure.taken_s:.2f} s; a plain copy: {copy_s:.2f} s")
    report(console, figures, options.clients)
    report_large(console, figures, copies, size)


def small_files(client: str, count: int, *, on_postgres: bool) -> Iterator[tuple[str, Figure]]:
    """The steps with many files, in order."""
    with bench(client, on_postgres=on_postgres) as (it, folder):
        files = folder / "small"
        write_small_files(files, count)
        yield "log", it.step("put", files)
        yield "log again", it.step("put", files)
        change_some(files)
        yield "log, 1 % changed", it.step("put", files)
        yield "download, cold", it.step("get", files, cold=True)
        yield "download, warm", it.step("get", files)
        change_all(files)
        yield "log, promised immutable", it.step("put-linked", files)


def large_file(client: str, digest: str, size: int) -> Iterator[tuple[str, float, Figure]]:
    """The steps with one file, each with what a plain copy of it takes, seconds."""
    with bench(client, on_postgres=False) as (it, folder):
        file = folder / "large"
        write_large_file(file, size)
        with quiet_disk():
            copy_s = plain_copy_s(file, folder / "copy")
        with quiet_disk():
            up = it.step(DIGESTS[digest], file)
        yield f"large file up, {digest}", copy_s, up
        with quiet_disk():
            copy_s = plain_copy_s(file, folder / "copy")
        with quiet_disk():
            down = it.step("get", file, cold=True)
        yield f"large file down, {digest}", copy_s, down


@contextmanager
def quiet_disk() -> Iterator[None]:
    """Nothing of what came before is still to be written, and memory is quick to get."""
    os.sync()
    with warm_memory():
        yield


@contextmanager
def bench(client: str, *, on_postgres: bool) -> Iterator[tuple[Bench, Path]]:
    """A client and a fresh server."""
    with (
        tempfile.TemporaryDirectory(prefix="kymograph-bench-") as name,
        fresh_database(Path(name), on_postgres=on_postgres) as database,
    ):
        server = KymographServer(Path(name), database)
        try:
            yield Bench(client, server, Path(name)), Path(name)
        finally:
            server.stop()


def write_small_files(folder: Path, count: int) -> None:
    """Files of noise in a hundred folders."""
    noise = random.Random(0)
    for index in range(count):
        place = folder / f"{index % 100:02d}"
        place.mkdir(parents=True, exist_ok=True)
        (place / f"{index:06d}.bin").write_bytes(noise.randbytes(FILE_BYTES))


def change_some(folder: Path) -> None:
    """Write one file in a hundred anew."""
    for path in sorted(folder.rglob("*.bin"))[::CHANGED]:
        path.write_bytes(os.urandom(FILE_BYTES))


def change_all(folder: Path) -> None:
    """Write every file anew."""
    for path in folder.rglob("*.bin"):
        path.write_bytes(os.urandom(FILE_BYTES))


def write_large_file(path: Path, size: int) -> None:
    """One file of noise."""
    piece = os.urandom(64 * PIECE_BYTES)
    with path.open("wb") as file:
        for at in range(0, size, len(piece)):
            file.write(at.to_bytes(8, "big"))
            file.write(piece[8 : min(len(piece), size - at)])
        file.flush()
        os.fsync(file.fileno())


def plain_copy_s(source: Path, target: Path) -> float:
    """What a copy of a file through a loopback socket takes until the disk has it; `target` is removed."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def receive() -> None:
            connection, _ = listener.accept()
            with connection, target.open("wb") as file:
                held = bytearray(PIECE_BYTES)
                while size := connection.recv_into(held):
                    file.write(memoryview(held)[:size])
                file.flush()
                os.fsync(file.fileno())

        thread = threading.Thread(target=receive)
        began = time.perf_counter()
        thread.start()
        with socket.create_connection(listener.getsockname()) as sender, source.open("rb") as file:
            sender.sendfile(file)
        thread.join()
        taken_s = time.perf_counter() - began
    target.unlink()
    return taken_s


def md5_rate() -> float:
    """How many bytes per second a core hashes."""
    piece, count, hasher = bytes(PIECE_BYTES), 1_000, hashlib.md5(usedforsecurity=False)
    began = time.perf_counter()
    for _ in range(count):
        hasher.update(piece)
    return count * PIECE_BYTES / (time.perf_counter() - began)


def report(console: Console, figures: dict[tuple[str, str], list[Figure]], clients: list[str]) -> None:
    """Print the table."""
    table = Table("step", "client", "time", "moved", "asked: GraphQL", "bytes", "extra disk", "times as fast")
    for step in dict.fromkeys(step for step, _ in figures):
        times = {name: statistics.median(f.taken_s for f in figures[step, name]) for name in clients}
        for client in clients:
            one = sorted(figures[step, client], key=lambda figure: figure.taken_s)[len(figures[step, client]) // 2]
            faster = times["wandb"] / times[client] if "wandb" in times and client != "wandb" else None
            table.add_row(
                step,
                client,
                f"{times[client]:.2f} s",
                f"{one.moved_bytes / 1e6:,.2f} MB",
                f"{one.graphql:,}",
                f"{one.bytes_requests:,}",
                f"{one.extra_bytes / 1e6:,.1f} MB",
                "" if faster is None else f"{faster:.1f}",
            )
    console.print(table)


def report_large(
    console: Console,
    figures: dict[tuple[str, str], list[Figure]],
    copies: dict[tuple[str, str], list[float]],
    size: int,
) -> None:
    """Print how the large file compares with plain copies of it: of each pair, and their median."""
    if not copies:
        return
    rates = sorted(size / 1e6 / taken for each in copies.values() for taken in each)
    console.print(
        f"plain copies of the large file: {rates[0]:,.0f} to {rates[-1]:,.0f} MB/s, median "
        f"{statistics.median(rates):,.0f}; MD5 alone: {md5_rate() / 1e6:,.0f} MB/s"
    )
    table = Table("step", "client", "MB/s", "median", "of the plain copy", "median")
    for (step, client), taken in copies.items():
        reached = [size / 1e6 / figure.taken_s for figure in figures[step, client]]
        shares = [copy_s / figure.taken_s for copy_s, figure in zip(taken, figures[step, client], strict=True)]
        table.add_row(
            step,
            client,
            ", ".join(f"{rate:,.0f}" for rate in reached),
            f"{statistics.median(reached):,.0f}",
            ", ".join(f"{share:.0%}" for share in shares),
            f"{statistics.median(shares):.0%}",
        )
    console.print(table)


if __name__ == "__main__":
    main()
