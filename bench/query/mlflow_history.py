"""The peer of `bench.query.history`: MLflow's own store on SQLite, asked for one metric of one run without HTTP.

Runs itself in MLflow's environment (``make .cache/bench-mlflow/.made``).
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

PYTHON = Path(__file__).parents[2] / ".cache" / "bench-mlflow" / "bin" / "python"


def measure_mlflow(points: int) -> Iterator[tuple[str, float]]:
    """Times in milliseconds by what was asked, for a metric of that many points."""
    if not PYTHON.exists():
        raise SystemExit("make .cache/bench-mlflow/.made first")
    done = subprocess.run([PYTHON, __file__, str(points)], capture_output=True, text=True, check=True)
    yield from json.loads(done.stdout.splitlines()[-1]).items()


def main(points: int) -> None:
    """Fill a store and ask it."""
    import sqlalchemy
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    with tempfile.TemporaryDirectory() as folder:
        uri = f"sqlite:///{folder}/mlflow.db"
        store = SqlAlchemyStore(uri, f"{folder}/artifacts")
        run = store.create_run("0", "bench", 0, [], "bench").info.run_id
        engine = sqlalchemy.create_engine(uri)
        statement = sqlalchemy.text(
            "INSERT INTO metrics (key, value, timestamp, run_uuid, step, is_nan) VALUES ('loss', :v, :t, :r, :s, 0)"
        )
        with engine.begin() as connection:
            for first in range(0, points, 50_000):
                rows = [{"v": s * 0.5, "t": s, "r": run, "s": s} for s in range(first, min(first + 50_000, points))]
                connection.execute(statement, rows)
        found = {
            f"history of one metric of {points:,} points": _take(lambda: store.get_metric_history(run, "loss"), 3),
            "the same, sampled to 1,500 as its page does": _take(lambda: _sample(store, run), 3),
        }
    print(json.dumps(found))


def _sample(store: object, run: str) -> object:
    """What its page asks for: the steps, some of them chosen, and their values."""
    steps = store.get_max_step_for_metric(run, "loss")  # type: ignore[attr-defined]
    chosen = [round(index * steps / 1499) for index in range(1500)]
    return store.get_metric_history_bulk_interval_from_steps(run, "loss", chosen, 1500)  # type: ignore[attr-defined]


def _take(ask: object, times: int) -> float:
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        ask()  # type: ignore[operator]
        taken.append(time.perf_counter() - began)
    return statistics.median(taken) * 1e3


if __name__ == "__main__":
    main(int(sys.argv[1]))
