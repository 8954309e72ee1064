"""``kymograph export`` against a real server."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import duckdb

from tests.e2e.rest import Rest
from tests.e2e.server import ADMIN_KEY, KYMOGRAPH, ServerProcess
from tests.e2e.test_parquet_history import UNEVEN, log


def export(
    server: ServerProcess, folder: Path, *arguments: str, key: str = ADMIN_KEY
) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "WANDB_BASE_URL": server.url, "WANDB_API_KEY": key}
    command = [str(KYMOGRAPH), "export", *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=60, check=False)


def rows_of(path: Path) -> list[Any]:
    with duckdb.connect() as connection:
        return connection.execute(f"SELECT * FROM '{path}'").fetchall()


def test_a_run_becomes_a_file(server: ServerProcess, rest: Rest, project: str, tmp_path: Path) -> None:
    path = log(rest, project, "run", UNEVEN)

    done = export(server, tmp_path, path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("run.parquet: ")
    assert [row[0] for row in rows_of(tmp_path / "run.parquet")] == [0, 1, 2, 3]
    again = export(server, tmp_path, path)
    assert again.returncode == 1
    assert "--overwrite" in again.stderr
    assert export(server, tmp_path, path, "--overwrite", "--keys", "val", "--keys", "note").returncode == 0
    assert [row[0] for row in rows_of(tmp_path / "run.parquet")] == [0, 3]
    assert [file.name for file in tmp_path.iterdir()] == ["run.parquet"]


def test_a_run_goes_to_standard_output(server: ServerProcess, rest: Rest, project: str, tmp_path: Path) -> None:
    path = log(rest, project, "run", UNEVEN)
    address = f"{server.url}/{project}/runs/run"

    lines = export(server, tmp_path, path, "--format", "jsonl", "-o", "-", "--min-step", "1", "--max-step", "3")
    assert [json.loads(line)["_step"] for line in lines.stdout.splitlines()] == [1, 2]
    table = export(server, tmp_path, address, "--format", "csv", "-o", "-", "--keys", "loss")
    assert table.stdout.splitlines() == ["_step,loss", "0,0.5", "1,0.25", "2,NaN", "3,2.0"]


def test_a_project_becomes_a_folder(server: ServerProcess, rest: Rest, project: str, tmp_path: Path) -> None:
    for run in ("one", "runs", "with space"):
        log(rest, project, run, UNEVEN)

    done = export(server, tmp_path, project, "-o", "out", "--format", "csv")
    assert done.returncode == 0, done.stderr
    assert sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.csv")) == [
        "out/history/one.csv",
        "out/history/runs.csv",
        "out/history/with space.csv",
        "out/runs.csv",
    ]
    assert len((tmp_path / "out" / "runs.csv").read_text().splitlines()) == 4


def test_what_goes_wrong_is_one_line_and_no_file(
    server: ServerProcess, rest: Rest, project: str, tmp_path: Path
) -> None:
    path = log(rest, project, "run", UNEVEN)

    for arguments, key in (((f"{project}/none",), ADMIN_KEY), ((path,), "f" * 40), ((f"{project}-none",), ADMIN_KEY)):
        done = export(server, tmp_path, *arguments, key=key)
        assert done.returncode == 1
        assert done.stderr.startswith("Error: ")
        assert done.stderr.count("\n") == 1
    assert list(tmp_path.rglob("*.p*")) == []
