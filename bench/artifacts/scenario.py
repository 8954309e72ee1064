"""One step of the bench, by the client that the interpreter has; `run` starts it. Prints what it took as JSON.

The script is the same for both clients: only the import differs.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

PROJECT = "bench"


def main(client: str, step: str, folder: str, root: str) -> None:
    """Carry out a step.

    Args:
        client: kymograph or wandb.
        step: One of `STEPS`, with a folder of small files, or one large file.
        folder: What is logged.
        root: Where it is downloaded to.
    """
    if client == "kymograph":
        import kymograph as wandb
    else:
        import wandb  # type: ignore[no-redef,import-not-found,unused-ignore]
    took = STEPS[step](wandb, Path(folder), root)
    # Clients write to the terminal as they like: the last line is ours.
    print("\n" + json.dumps(took), flush=True)


def put(wandb: Any, folder: Path, root: str, *, policy: str = "mutable", **options: Any) -> dict[str, Any]:
    """Log what is at `folder`; timed from the artifact's creation to the committed version."""
    run = wandb.init(project=PROJECT, dir=root)
    with _disk_used(Path(root), folder) as used:
        began = time.perf_counter()
        artifact = wandb.Artifact(folder.name, type="dataset", **options)
        if folder.is_dir():
            artifact.add_dir(str(folder), policy=policy)
        else:
            artifact.add_file(str(folder), policy=policy)
        run.log_artifact(artifact)
        artifact.wait()
        took_s = time.perf_counter() - began
    version = artifact.version
    run.finish()
    return {"s": took_s, "version": version, "digest": artifact.digest, "extra_bytes": used["most"]}


def put_linked(wandb: Any, folder: Path, root: str) -> dict[str, Any]:
    """The same of files that are promised not to change, so that nobody needs a copy."""
    return put(wandb, folder, root, policy="immutable")


def put_xxh128(wandb: Any, folder: Path, root: str) -> dict[str, Any]:
    """The same with the faster digest."""
    return put(wandb, folder, root, policy="immutable", digest_algorithm="XXH128")


def get(wandb: Any, folder: Path, root: str) -> dict[str, Any]:
    """Download the newest version; timed with the look-up of it."""
    api = wandb.Api()
    with _disk_used(Path(root)) as used:
        began = time.perf_counter()
        artifact = api.artifact(f"{PROJECT}/{folder.name}:latest")
        artifact.download(os.path.join(root, "downloaded"))
        took_s = time.perf_counter() - began
    return {"s": took_s, "version": artifact.version, "extra_bytes": used["most"]}


STEPS = {"put": put, "put-linked": put_linked, "put-xxh128": put_xxh128, "get": get}


@contextmanager
def _disk_used(root: Path, known: Path | None = None) -> Iterator[dict[str, int]]:
    """Watches how much of the disk a client takes beyond what it began with, aside what `known` has by any name."""
    aside = set(_blocks(known)) if known is not None else set()
    found = {"most": 0}
    ended = threading.Event()
    begin = _taken(root, aside)

    def watch() -> None:
        while not ended.wait(1.0):
            found["most"] = max(found["most"], _taken(root, aside) - begin)

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield found
    finally:
        ended.set()
        thread.join()
        found["most"] = max(found["most"], _taken(root, aside) - begin)


def _taken(root: Path, aside: set[tuple[int, int]]) -> int:
    return sum(size for file, size in _blocks(root).items() if file not in aside)


def _blocks(root: Path) -> dict[tuple[int, int], int]:
    """Bytes on the disk of every file below a place, or of the file there, each once."""
    found: dict[tuple[int, int], int] = {}
    paths = [root] if root.is_file() else (os.path.join(at, name) for at, _, names in os.walk(root) for name in names)
    for path in paths:
        with suppress(FileNotFoundError):
            status = os.stat(path, follow_symlinks=False)
            found[status.st_dev, status.st_ino] = status.st_blocks * 512
    return found


if __name__ == "__main__":
    main(*sys.argv[1:])
