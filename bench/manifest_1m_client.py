"""An artifact version of a million entries, logged and read by our own SDK: its time, and the memory of its processes.

    .venv/bin/python bench/manifest_1m_client.py [--entries 1000000] [--files 100000]

So many of the entries are files of a folder, the others references to a bucket. A process logs the version to a server
of its own and waits for the commit; another one looks it up, reads its manifest and asks for an entry. The most that a
process had resident is its own, the sender's and the companion's each for itself, as the kernel noted it.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
from contextlib import suppress
from pathlib import Path

import psutil
from init_sequence import KEY, Server, machine

MEMORY_BOUND_MB = 1536.0
STEP_TIMEOUT_S = 1800
LOG = """
import json, sys, time
import kymograph
entries, files, folder = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
run = kymograph.init(project="manifests", dir=folder + "/home")
began = time.perf_counter()
artifact = kymograph.Artifact("images", type="dataset")
artifact.add_dir(folder + "/files", name="files", policy="immutable")
for number in range(entries - files):
    path = f"part-{number // 10_000:04d}/image-{number:08d}.png"
    artifact.add_reference(f"s3://bucket/{path}", name=path, checksum=False)
built_s = time.perf_counter() - began
run.log_artifact(artifact)
artifact.wait()
committed_s = time.perf_counter() - began
run.finish()
print("\\n" + json.dumps({"built_s": built_s, "committed_s": committed_s}))
"""
READ = """
import json, sys, time
from kymograph.sdk.artifacts.session import session_of
began = time.perf_counter()
artifact = session_of().artifact_by_name("admin", "manifests", "images:latest")
entries = artifact.manifest.entries
assert len(entries) == int(sys.argv[1]), len(entries)
assert artifact.get_entry("part-0000/image-00000007.png").ref == "s3://bucket/part-0000/image-00000007.png"
print("\\n" + json.dumps({"read_s": time.perf_counter() - began}))
"""


def main() -> int:
    """Measure and print one table; exit status 1 if the bound is broken."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--entries", type=int, default=1_000_000)
    parser.add_argument("--files", type=int, default=100_000, help="of the entries")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_files(folder / "files", options.files)
        server = Server(folder / "data")
        try:
            said, peaks = measure(LOG, server, folder, str(options.entries), str(options.files), str(folder))
            read, read_peaks = measure(READ, server, folder, str(options.entries))
        finally:
            server.stop()
    print(f"{options.entries:,} entries, {options.files:,} of them files; {machine()}\n")
    print("| built | committed | peak: training | its sender | read | peak |")
    print("| --- | --- | --- | --- | --- | --- |")
    print(
        f"| {said['built_s']:.1f} s | {said['committed_s']:.1f} s | {peaks['training']:.0f} MB "
        f"| {peaks['sender']:.0f} MB | {read['read_s']:.1f} s | {read_peaks['training']:.0f} MB |"
    )
    return 0 if max(*peaks.values(), *read_peaks.values()) <= MEMORY_BOUND_MB else 1


def write_files(folder: Path, count: int) -> None:
    """Small files that differ."""
    for number in range(count):
        place = folder / f"{number // 1_000:04d}"
        if number % 1_000 == 0:
            place.mkdir(parents=True)
        (place / f"{number:07d}.txt").write_text(f"content {number}")


def measure(script: str, server: Server, folder: Path, *arguments: str) -> tuple[dict[str, float], dict[str, float]]:
    """What a script says at its end, and the most megabytes that it and its sender had resident."""
    (folder / "home").mkdir(exist_ok=True)
    environment = {
        **os.environ,
        "HOME": str(folder / "home"),
        "WANDB_BASE_URL": server.url,
        "WANDB_API_KEY": KEY,
        "WANDB_CACHE_DIR": str(folder / "home" / "cache"),
        "WANDB_DATA_DIR": str(folder / "home" / "data"),
        "WANDB_SILENT": "true",
    }
    process = subprocess.Popen(
        [sys.executable, "-c", script, *arguments], env=environment, stdout=subprocess.PIPE, text=True
    )
    peaks = {"training": 0.0, "sender": 0.0}
    ended = threading.Event()

    def watch() -> None:
        training = psutil.Process(process.pid)
        while not ended.wait(0.1):
            with suppress(psutil.Error, OSError):
                peaks["training"] = max(peaks["training"], peak_mb(training.pid))
                for child in training.children():
                    peaks["sender"] = max(peaks["sender"], peak_mb(child.pid))

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    printed, _ = process.communicate(timeout=STEP_TIMEOUT_S)
    ended.set()
    thread.join()
    if process.returncode:
        raise SystemExit(f"the script failed:\n{printed[-2000:]}")
    return json.loads(printed.strip().splitlines()[-1]), peaks


def peak_mb(process: int) -> float:
    """The most that a process had resident so far."""
    for line in Path(f"/proc/{process}/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) / 1024
    return 0.0


if __name__ == "__main__":
    sys.exit(main())
