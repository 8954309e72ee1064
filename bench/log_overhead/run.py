"""What logging costs the training: a call of `log`, an import, a whole offline run. Prints one table.

    make .cache/bench-trackers/.made
    .venv/bin/python -m bench.log_overhead.run [--trackers kymograph wandb …] [--repeats 3]

Every tracker runs the same workloads, offline or on local files, each in a process of its own: 10 scalars, 1,000
scalars, a 256×256 image, a table of 10,000 rows. "CPU, whole" is the processor time of all processes, those that a
tracker leaves behind included, from the start of the interpreter to the end of 10,000 steps of 10 scalars. Medians over
the repeats.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from bench.log_overhead.trackers import TRACKERS

ROOT = Path(__file__).resolve().parents[2]
PEERS = ROOT / ".cache" / "bench-trackers" / "bin" / "python"
SCRIPT = Path(__file__).with_name("trackers.py")
MODULES = {"tensorboardx": "tensorboardX"}
PR_SET_CHILD_SUBREAPER = 36
LEFT_BEHIND_S = 20.0
"""How long processes may go on that a tracker leaves behind."""


def main() -> None:
    """Measure what the command line names."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trackers", nargs="+", choices=[*TRACKERS], default=[*TRACKERS])
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    # Processes that lose their parent become ours, so that what they use is counted.
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    console = Console(width=150)
    table = Table(
        "tracker", "import", "10 scalars p50 / p99", "1,000 scalars", "image", "table", "CPU, whole", "1M steps"
    )
    console.print(f"load {os.getloadavg()[0]:.1f}, {os.cpu_count()} cores, medians of {options.repeats}")
    for name in options.trackers:
        cells = row_of(name, options.repeats)
        table.add_row(name, *cells)
        console.print(" | ".join([name, *cells]))
    console.print(table)


def row_of(name: str, repeats: int) -> list[str]:
    """The cells of one tracker."""
    imports = [import_s(name) for _ in range(repeats + 2)]
    ten = [run(name, "scalars10") for _ in range(repeats)]
    whole = [run(name, "whole") for _ in range(repeats)]
    cells = [f"{statistics.median(imports):.3f} s"]
    cells.append(f"{_percentile(ten, 50):.1f} / {_percentile(ten, 99):.0f} µs" if ten[0] else "–")
    for workload in ("scalars1000", "image", "table"):
        runs = [run(name, workload) for _ in range(repeats)]
        cells.append(f"{_percentile(runs, 50):,.0f} µs" if runs[0].get("times_ns") else "–")
    cells.append(f"{statistics.median(found.get('cpu_s', 0.0) for found in whole):.2f} s")
    if name in ("kymograph", "wandb"):
        found = run(name, "memory")
        cells.append(f"{found['early_kb'] / 1024:.0f} → {found['late_kb'] / 1024:.0f} MB" if found else "–")
    else:
        cells.append("")
    return cells


def _percentile(runs: list[dict[str, Any]], percent: int) -> float:
    """Median over the repeats, in µs."""
    found = [sorted(run["times_ns"])[len(run["times_ns"]) * percent // 100] for run in runs if run.get("times_ns")]
    return statistics.median(found) / 1_000


def import_s(name: str) -> float:
    module = MODULES.get(name, name)
    script = f"import time; began = time.perf_counter(); import {module}; print(time.perf_counter() - began)"
    return float(subprocess.run([python_of(name), "-c", script], capture_output=True, text=True, check=True).stdout)


def python_of(name: str) -> str:
    return sys.executable if name == "kymograph" else str(PEERS)


def run(name: str, workload: str) -> dict[str, Any]:
    """What one process finds, and the processor time of all that came of it."""
    with tempfile.TemporaryDirectory() as folder:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        process = subprocess.Popen(
            [python_of(name), str(SCRIPT), name, workload, folder],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            stdin=subprocess.DEVNULL,
            text=True,
            cwd=folder,
        )
        printed, _ = process.communicate(timeout=1_200)
        reap()
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
    # Some trackers have the last word.
    answer = next((line for line in reversed(printed.splitlines()) if line.startswith("{")), "{}")
    found: dict[str, Any] = json.loads(answer) if process.returncode == 0 else {}
    if found:
        found["cpu_s"] = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return found


def reap() -> None:
    """Wait for the processes that were left behind, whose time counts only then."""
    deadline = time.monotonic() + LEFT_BEHIND_S
    while time.monotonic() < deadline:
        try:
            pid, _ = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if not pid:
            time.sleep(0.05)


if __name__ == "__main__":
    main()
