"""What bucket artifacts cost: many small files, against a loop that moves one after the other. Prints one table.

    .venv/bin/python -m bench.bucket.run [--files 10000] [--delays-ms 0 5] [--moto] [--repeats 1]

The store is an S3 server on loopback: one that is made for this, in memory and quick, as it is and with each answer
delayed; with ``--moto`` moto's, which spends some milliseconds of its own on each request, one after the other, so that
it is the server that is measured. The loop is what
one would write with boto3, ``upload_file`` and ``download_file``, and does nothing else. Ours is a whole
``upload_artifact`` (checksums, claim, transfer, the listing that checks it, a run, the committed version on our server)
and a whole ``download_artifact``. Each step is a process of its own, timed from its first import to its end.
"""

from __future__ import annotations

import argparse
import filecmp
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench.artifacts.run import FILE_BYTES, write_small_files
from bench.ingest.servers import KEY, ROOT, KymographServer, fresh_database
from kymograph.testing.buckets import S3Server, moto_server

STEP_TIMEOUT_S = 3600
PAIRS = (("up", "loop up"), ("down", "loop down"))


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--delays-ms", type=float, nargs="+", default=[0.0, 5.0])
    parser.add_argument("--moto", action="store_true", help="moto's server, which knows no delay")
    parser.add_argument("--repeats", type=int, default=1)
    options = parser.parse_args()
    delays = [0.0] if options.moto else options.delays_ms
    console = Console()
    took: dict[tuple[float, str], list[float]] = {}
    for _ in range(options.repeats):
        for delay_ms in delays:
            for step, seconds in steps(options.files, None if options.moto else delay_ms):
                took.setdefault((delay_ms, step), []).append(seconds)
                console.print(f"{delay_ms:g} ms: {step}: {seconds:.1f} s")
    table = Table("delay of each answer", "way", "loop", "kymograph.bucket", "files/s", "times as fast")
    for delay_ms in delays:
        for ours, loop in PAIRS:
            mine, theirs = (statistics.median(took[delay_ms, step]) for step in (ours, loop))
            rate = f"{options.files / mine:,.0f}"
            table.add_row(f"{delay_ms:g} ms", ours, f"{theirs:.1f} s", f"{mine:.1f} s", rate, f"{theirs / mine:.1f}")
    console.print(f"{options.files:,} files of {FILE_BYTES:,} bytes; median of {options.repeats}")
    console.print(table)


def steps(count: int, delay_ms: float | None) -> Iterator[tuple[str, float]]:
    """What each step takes, in s, on fresh servers; without a delay moto's."""
    with (
        tempfile.TemporaryDirectory(prefix="kymograph-bench-") as name,
        fresh_database(Path(name), on_postgres=False) as database,
        moto_server() if delay_ms is None else quick_server(delay_ms) as s3,
    ):
        folder = Path(name)
        write_small_files(folder / "small", count)
        bucket = f"bench-{uuid.uuid4().hex[:8]}"
        if delay_ms is None:
            s3.create_bucket(bucket)
        server = KymographServer(folder, database)
        environment = {
            **os.environ,
            **s3.environment,
            "AWS_S3_ENDPOINT_URL": s3.endpoint,
            "AWS_REGION": "us-east-1",
            "AWS_DEFAULT_REGION": "us-east-1",
            "HOME": str(folder),
            "WANDB_BASE_URL": server.url,
            "WANDB_API_KEY": KEY,
            "WANDB_PROJECT": "bench",
            "WANDB_SILENT": "true",
        }
        try:
            for step in ("loop up", "up", "loop down", "down"):
                target = folder / step.replace(" ", "-")
                arguments = [step, f"s3://{bucket}", str(folder / "small"), str(target)]
                yield step, run_step(arguments, environment, folder)
                if step.endswith("down"):
                    check(folder / "small", target)
        finally:
            server.stop()


def run_step(arguments: list[str], environment: dict[str, str], folder: Path) -> float:
    """Carry out a step in a process of its own."""
    ended = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("scenario.py")), *arguments],
        env=environment,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=STEP_TIMEOUT_S,
        check=False,
    )
    if ended.returncode:
        raise SystemExit(f"{arguments[0]} failed:\n{ended.stdout[-2000:]}\n{ended.stderr[-3000:]}")
    return float(ended.stdout.strip().splitlines()[-1])


def check(source: Path, target: Path) -> None:
    """See that every file has come."""
    names = [path.relative_to(source).as_posix() for path in source.rglob("*.bin")]
    equal, _, _ = filecmp.cmpfiles(source, target, names, shallow=False)
    if len(equal) != len(names):
        raise SystemExit(f"{len(names) - len(equal)} files are not what they were in {target}")


@contextmanager
def quick_server(delay_ms: float) -> Iterator[S3Server]:
    """The server that is made for this."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    command = [sys.executable, "-m", "bench.bucket.s3_server", str(port), str(delay_ms)]
    process = subprocess.Popen(command, cwd=ROOT)
    try:
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                time.sleep(0.05)
        yield S3Server(f"http://127.0.0.1:{port}")
    finally:
        process.terminate()
        process.wait(20)


if __name__ == "__main__":
    main()
