"""Fill MLflow's SQLite store with the runs of `table_data`; `run_table.py` calls this in MLflow's environment.

    .cache/bench-mlflow/bin/python bench/mlflow_fill.py FOLDER RUNS

The store makes its tables and the experiment; the rows go straight into them, as the store would write them (compared
for the first run). The history of metrics, one more row per metric, is left out: searches do not read it.
"""

from __future__ import annotations

import math
import sqlite3
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from mlflow.entities import Metric, Param, RunTag
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore
from table_data import RunData, make_run

TABLES = ("runs", "params", "latest_metrics", "tags")
STATUS = {"finished": "FINISHED", "failed": "FAILED", "killed": "KILLED"}
BATCH = 2_000
STARTED_AT_MS = 1_790_000_000_000


def flat(values: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted names and leaves."""
    for key, value in values.items():
        if isinstance(value, dict):
            yield from flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def rows_of(data: RunData, number: int, folder: Path, experiment: str) -> dict[str, list[tuple[Any, ...]]]:
    """The rows of one run, per table."""
    key = f"{number:032x}"
    start_ms = STARTED_AT_MS + int(data.created_s * 1000)
    uri = f"{folder}/artifacts/{experiment}/{key}/artifacts"
    run = (key, data.name, "UNKNOWN", "", "", "bench", STATUS[data.state], start_ms, start_ms + 3_600_000, "", "active")
    metrics = [
        (name, 0.0 if math.isnan(value) else float(value), start_ms, 0, int(math.isnan(value)), key)
        for name, value in data.summary.items()
        if not isinstance(value, str)
    ]
    return {
        "runs": [(*run, uri, int(experiment), None)],
        "params": [(name, str(value), key) for name, value in flat(data.config)],
        "latest_metrics": metrics,
        "tags": [("mlflow.runName", data.name, key), *((tag, "1", key) for tag in data.tags)],
    }


def check(store: SqlAlchemyStore, connection: sqlite3.Connection, data: RunData, experiment: str) -> None:
    """Let the store write the same run and compare."""
    start_ms = STARTED_AT_MS + int(data.created_s * 1000)
    run = store.create_run(experiment, "bench", start_ms, [], data.name)
    key = run.info.run_id
    metrics = [
        Metric(name, float(value), start_ms, 0) for name, value in data.summary.items() if not isinstance(value, str)
    ]
    params = [Param(name, str(value)) for name, value in flat(data.config)]
    store.log_batch(key, metrics, params, [RunTag(tag, "1") for tag in data.tags])
    for table in TABLES[1:]:
        rows = [
            sorted(
                row[: row.index(owner)] + row[row.index(owner) + 1 :]
                for row in connection.execute(f"SELECT * FROM {table} WHERE run_uuid = ?", (owner,))
            )
            for owner in (key, f"{0:032x}")
        ]
        if rows[0] != rows[1]:
            raise SystemExit(f"{table} was not filled as the store does")
    store.delete_run(key)


def main(folder: Path, run_count: int) -> None:
    """Fill and print the experiment's id."""
    store = SqlAlchemyStore(f"sqlite:///{folder / 'mlflow.db'}", str(folder / "artifacts"))
    experiment = store.create_experiment("table")
    began = time.perf_counter()
    connection = sqlite3.connect(folder / "mlflow.db")
    connection.execute("PRAGMA synchronous = OFF")
    connection.execute("PRAGMA cache_size = -2000000")
    marks = ", ".join("?" * len(TABLES))
    indexes = connection.execute(
        f"SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL AND tbl_name IN ({marks})",
        TABLES,
    ).fetchall()
    for name, _ in indexes:
        connection.execute(f"DROP INDEX {name}")
    for first in range(0, run_count, BATCH):
        put(connection, range(first, min(first + BATCH, run_count)), run_count, folder, experiment)
    for _, statement in indexes:
        connection.execute(statement)
    connection.execute("ANALYZE")
    connection.commit()
    check(store, connection, make_run(0, run_count), experiment)
    connection.close()
    print(experiment, round(time.perf_counter() - began))


def put(connection: sqlite3.Connection, numbers: Sequence[int], run_count: int, folder: Path, experiment: str) -> None:
    """Write some runs, each table in the order of its primary key."""
    rows: dict[str, list[tuple[Any, ...]]] = {table: [] for table in TABLES}
    for number in numbers:
        for table, found in rows_of(make_run(number, run_count), number, folder, experiment).items():
            rows[table] += found
    for table, found in rows.items():
        found.sort(key=lambda row: row[0])
        connection.executemany(f"INSERT INTO {table} VALUES ({', '.join('?' * len(found[0]))})", found)
    connection.commit()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
