"""What bucket artifacts cost: many small files, against a loop that moves one after the other. Prints one table.

    .venv/bin/python -m bench.bucket.run [--files 10000] [--delays-ms 0 5] [--repeats 1]

The store is moto's S3 server on loopback, as it is and with a relay before it that delays each answer. The loop is what
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
    parser.add_argument("--repeats", type=int, default=1)
    options = parser.parse_args()
    console = Console()
    took: dict[tuple[float, str], list[float]] = {}
    for _ in range(options.repeats):
        for delay_ms in options.delays_ms:
            for step, seconds in steps(options.files, delay_ms):
                took.setdefault((delay_ms, step), []).append(seconds)
                console.print(f"{delay_ms:g} ms: {step}: {seconds:.1f} s")
    table = Table("delay of each answer", "way", "loop", "kymograph.bucket", "files/s", "times as fast")
    for delay_ms in options.delays_ms:
        for ours, loop in PAIRS:
            mine, theirs = (statistics.median(took[delay_ms, step]) for step in (ours, loop))
            rate = f"{options.files / mine:,.0f}"
            table.add_row(f"{delay_ms:g} ms", ours, f"{theirs:.1f} s", f"{mine:.1f} s", rate, f"{theirs / mine:.1f}")
    console.print(f"{options.files:,} files of {FILE_BYTES:,} bytes; median of {options.repeats}")
    console.print(table)


def steps(count: int, delay_ms: float) -> Iterator[tuple[str, float]]:
    """What each step takes, in s, on fresh servers."""
    with (
        tempfile.TemporaryDirectory(prefix="kymograph-bench-") as name,
        fresh_database(Path(name), on_postgres=False) as database,
        moto_server() as s3,
        delayed(s3, delay_ms) as endpoint,
    ):
        folder = Path(name)
        write_small_files(folder / "small", count)
        bucket = f"bench-{uuid.uuid4().hex[:8]}"
        s3.create_bucket(bucket)
        server = KymographServer(folder, database)
        environment = {
            **os.environ,
            **s3.environment,
            "AWS_S3_ENDPOINT_URL": endpoint,
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
def delayed(s3: S3Server, delay_ms: float) -> Iterator[str]:
    """Address of the server, or of a relay before it."""
    if not delay_ms:
        yield s3.endpoint
        return
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    command = [sys.executable, "-m", "bench.bucket.relay", str(port), s3.endpoint.rpartition(":")[2], str(delay_ms)]
    process = subprocess.Popen(command, cwd=ROOT)
    try:
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                time.sleep(0.05)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(20)


if __name__ == "__main__":
    main()
