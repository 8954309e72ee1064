"""Statements in SQL over the runs of a project, in one process. Prints a table; asserts nothing.

.venv/bin/python bench/sql.py [--runs 40] [--steps 50000]
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

import numpy as np
import orjson
from rich.console import Console
from rich.table import Table

from kymograph.core.history import LineBatch, Stream
from kymograph.core.run import Run, RunChange
from kymograph.core.sql import SqlQuery
from kymograph.storage.history.column_cache import ColumnCache
from kymograph.storage.history.segments.build import Limits, SegmentBuilder
from kymograph.storage.history.segments.files import SegmentFiles
from kymograph.storage.objects.store import open_folder
from kymograph.storage.sql.execute import SqlLimits, execute
from kymograph.storage.transaction import SqlTransaction
from kymograph.testing.deployments import DeploymentUnderTest, open_test_deployment

METRICS = 5
LINES_AT_ONCE = 5_000
REPEATS = 5
STATEMENTS = {
    "nothing: what a statement costs at least": "SELECT 1",
    "a value of every config": "SELECT run, value FROM config WHERE key = 'lr'",
    "100 steps of one series": "SELECT step, value FROM history WHERE run = 'r3' AND metric = 'm2' AND step < 100",
    "one series, mean": "SELECT avg(value) FROM history WHERE run = 'r3' AND metric = 'm2'",
    "one metric of all runs, best": "SELECT run, max(value) FROM history WHERE metric = 'm2' GROUP BY run",
    "everything, by metric": "SELECT metric, count(*), avg(value) FROM history GROUP BY metric",
    "everything, rare values": "SELECT count(*) FROM history WHERE value > 0.999999",
    "metric by config": "SELECT c.value, avg(h.value) FROM history h JOIN config c ON c.run = h.run AND c.key = 'lr' "
    "WHERE h.metric = 'm1' GROUP BY ALL",
}


def fill(opened: DeploymentUnderTest, builder: SegmentBuilder, n_runs: int, n_steps: int) -> Run:
    values = np.random.default_rng(0).random((n_steps, METRICS)).round(6).tolist()
    lines = [
        orjson.dumps({"_step": step, **{f"m{index}": value for index, value in enumerate(row)}}).decode()
        for step, row in enumerate(values)
    ]
    for number in range(n_runs):
        config = orjson.dumps({"lr": {"value": number / 100}}).decode()
        run = opened.run(f"admin/p/r{number}", RunChange(config_json=config))
        for at in range(0, n_steps, LINES_AT_ONCE):
            batch = LineBatch(Stream.HISTORY, at, lines[at : at + LINES_AT_ONCE])
            opened.database.write(lambda tx, run=run, batch=batch: tx.tail.append(run.key, [batch]))
        while (built := builder.compact(run.key, Stream.HISTORY, take_open=True)) is not None:
            opened.database.write(lambda tx, built=built: tx.segments.replace(built, datetime.now(UTC)))
    return run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=40)
    parser.add_argument("--steps", type=int, default=50_000)
    arguments = parser.parse_args()
    console = Console()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with open_test_deployment(folder / "data", objects=(folder / "objects").as_uri()) as opened:
            objects = open_folder(folder / "objects")
            files = SegmentFiles(objects)
            builder = SegmentBuilder(opened.database, objects, files, scratch=folder, limits=Limits())
            run = fill(opened, builder, arguments.runs, arguments.steps)
            points = arguments.runs * arguments.steps * (METRICS + 1)
            table = Table(title=f"{arguments.runs} runs, {points:,} points, one thread")
            for column in ("statement", "cold, wall", "cold, processor", "warm, wall", "warm, processor"):
                table.add_column(column, justify="left" if column == "statement" else "right")
            for what, text in STATEMENTS.items():
                cold, *warm = measure(opened, run, objects_files=SegmentFiles(objects), text=text)
                medians = [statistics.median(times) for times in zip(*warm, strict=True)]
                table.add_row(what, *(f"{seconds * 1000:,.0f} ms" for seconds in (*cold, *medians)))
            console.print(table)


def measure(
    opened: DeploymentUnderTest, run: Run, *, objects_files: SegmentFiles, text: str
) -> list[tuple[float, float]]:
    """Wall and processor seconds, the first time and then again."""
    cache = ColumnCache(budget_bytes=100_000_000)
    times = []
    for _ in range(1 + REPEATS):
        query = SqlQuery(text, datetime.now(UTC))
        wall, processor = time.perf_counter(), time.process_time()
        opened.database.read(
            lambda tx, query=query: execute(
                cast("SqlTransaction", tx), run.project_id, query, cache=cache, files=objects_files, limits=SqlLimits()
            )
        )
        times.append((time.perf_counter() - wall, time.process_time() - processor))
    return times


if __name__ == "__main__":
    main()
