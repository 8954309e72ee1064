"""One read of the bench, by the client that the interpreter has; `run` starts it. Prints what it took as JSON.

The scripts are the same for both clients, but where ours has a call for all of them at once.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from typing import Any

LONG, MANY, SHORT = "admin/bench/run00000", "admin/many", "admin/bench"


def main(client: str, read: str, home: str) -> None:
    """Carry out a read; its first call is one that does not count, so that everything is there."""
    if client == "kymograph":
        import kymograph as wandb
    else:
        import wandb  # type: ignore[no-redef,import-not-found,unused-ignore]
    if read == "frame":
        import pandas  # noqa: F401
    api = wandb.Api(timeout=600)
    assert api.viewer
    began = time.perf_counter()
    count = READS[read](api, client, home)
    print("\n" + json.dumps({"count": count, "s": time.perf_counter() - began}), flush=True)


def runs(api: Any, _client: str, _home: str, **options: Any) -> int:
    """All runs, and a value of each config."""
    return sum(1 for run in api.runs(MANY, lazy=False, **options) if run.config["key_3"] is not None)


def runs_in_large_pages(api: Any, client: str, home: str) -> int:
    """The same, with the pages that suit the unmodified client best."""
    return runs(api, client, home, per_page=1_000)


def scan(api: Any, _client: str, _home: str) -> int:
    """Every row."""
    return sum(1 for row in api.run(LONG).scan_history() if "metric_3" in row)


def scan_keys(api: Any, _client: str, _home: str) -> int:
    """Every row, of two metrics."""
    return sum(1 for row in api.run(LONG).scan_history(keys=["metric_0", "metric_1"]) if "metric_1" in row)


def files(api: Any, client: str, home: str) -> int:
    """Every file, to an empty folder."""
    found = api.run("admin/bench/files").files(per_page=1_000)
    if client == "kymograph":
        return len(found.download(home))
    count = 0
    for file in found:
        file.download(root=home).close()
        count += 1
    return count


def frame(api: Any, _client: str, _home: str) -> int:
    """The histories of many runs, whole."""
    short = api.runs(SHORT, filters={"name": {"$regex": "^short"}}, per_page=1_000)
    return len(short.histories(samples=10_000, format="pandas"))


READS: dict[str, Callable[[Any, str, str], int]] = {
    "runs": runs,
    "runs-large-pages": runs_in_large_pages,
    "scan": scan,
    "scan-keys": scan_keys,
    "files": files,
    "frame": frame,
}

if __name__ == "__main__":
    main(*sys.argv[1:])
