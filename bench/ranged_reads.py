"""One large artifact file read in ranges, beside what the disk gives. Prints one table.

    .venv/bin/python -m bench.ranged_reads [--gb 5] [--block-mb 8] [--repeats 3]

A version with one file is made and read by `wandbas`: by `open` and `read`, block after block, by `cat_file` with
bounds, and by `cat_ranges` in batches of 16. Each is a process of its own with an empty cache of contents. The rate of
the disk is that of reading the same file in the server's store, in the same blocks. The kernel's cache of files is
emptied before each where this may be done (as root); else all of them read from memory, and the table says so.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil
from rich.console import Console
from rich.table import Table

from bench.ingest.servers import KEY, ROOT, KymographServer, fresh_database

COLLECTION = "admin/bench/dataset/large"
BOUND = 0.8
"""Of the disk's rate."""
BATCH = 16

MAKE = """
import os, sys
from kymograph.fs import ArtifactFileSystem
collection, size, block = sys.argv[1], int(sys.argv[2]), 64 << 20
fs = ArtifactFileSystem()
with fs.draft(collection) as draft, fs.open(f"{draft.path}/large.bin", "wb", block_size=block) as file:
    for start in range(0, size, block):
        file.write(os.urandom(min(block, size - start)))
"""
READ = """
import sys, time
from kymograph.fs import ArtifactFileSystem
how, path, size, block, batch = sys.argv[1], sys.argv[2], *map(int, sys.argv[3:])
fs = ArtifactFileSystem()
fs.info(path)
began_s, got = time.perf_counter(), 0
if how == "open":
    with fs.open(path, block_size=block, cache_type="none") as file:
        while piece := file.read(block):
            got += len(piece)
elif how == "cat_file":
    for start in range(0, size, block):
        got += len(fs.cat_file(path, start, start + block))
else:
    starts = list(range(0, size, block))
    for at in range(0, len(starts), batch):
        some = starts[at : at + batch]
        got += sum(map(len, fs.cat_ranges([path] * len(some), some, [start + block for start in some])))
taken_s = time.perf_counter() - began_s
assert got == size, (got, size)
print(taken_s, time.process_time())
"""
WAYS = {"open": "open, read", "cat_file": "cat_file", "cat_ranges": f"cat_ranges, {BATCH} at a time"}


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gb", type=float, default=5.0)
    parser.add_argument("--block-mb", type=int, default=8)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    size, block = int(options.gb * 1e9), options.block_mb << 20
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        with fresh_database(folder, on_postgres=False) as database:
            server = KymographServer(folder, database)
            try:
                measure(folder, server, size, block, options.repeats)
            finally:
                server.stop()


def measure(folder: Path, server: KymographServer, size: int, block: int, repeats: int) -> None:
    """Make the file, read it in every way, and print."""
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT / "src"),
        "WANDB_BASE_URL": server.url,
        "WANDB_API_KEY": KEY,
        "WANDB_CACHE_DIR": str(folder / "cache"),
        "TMPDIR": str(folder),
    }
    server.create_runs(1)  # and their project

    def run(script: str, *arguments: object) -> str:
        command = [sys.executable, "-c", script, *map(str, arguments)]
        return subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout

    run(MAKE, COLLECTION, size)
    stored = max(
        (path for path in (folder / "data").rglob("*") if path.is_file()), key=lambda path: path.stat().st_size
    )
    assert stored.stat().st_size == size
    rows: dict[str, list[tuple[float, float]]] = {"disk": [], **{name: [] for name in WAYS.values()}}
    is_cold = False
    for _ in range(repeats):
        is_cold = forget_files()
        rows["disk"].append(read_disk(stored, block))
        for how, name in WAYS.items():
            forget_files()
            taken_s, cpu_s = run(READ, how, f"{COLLECTION}/v0/large.bin", size, block, BATCH).split()
            rows[name].append((float(taken_s), float(cpu_s)))
    disk_s = statistics.median(taken_s for taken_s, _ in rows["disk"])
    table = Table(title=f"{size / 1e9:g} GB in ranges of {block >> 20} MiB, {'cold' if is_cold else 'from memory'}")
    for column in ("way", "MB/s", "of the disk", "processor of the reader"):
        table.add_column(column, justify="left" if column == "way" else "right")
    for name, taken in rows.items():
        taken_s = statistics.median(one for one, _ in taken)
        cpu_s = statistics.median(one for _, one in taken)
        table.add_row(name, f"{size / taken_s / 1e6:,.0f}", f"{disk_s / taken_s:.0%}", f"{cpu_s:.1f} s")
    console = Console()
    console.print(table)
    console.print(f"bound: {BOUND:.0%} of the disk; load {psutil.getloadavg()[0]:.1f}")


def read_disk(path: Path, block: int) -> tuple[float, float]:
    """Seconds, and those of the processor, for reading a file block by block."""
    began_s, began_cpu_s = time.perf_counter(), time.process_time()
    with path.open("rb", buffering=0) as file:
        while file.read(block):
            pass
    return time.perf_counter() - began_s, time.process_time() - began_cpu_s


def forget_files() -> bool:
    """Have the next reads come from the disk; whether that could be done."""
    os.sync()
    try:
        Path("/proc/sys/vm/drop_caches").write_text("1\n")
    except OSError:
        return False
    return True


if __name__ == "__main__":
    main()
