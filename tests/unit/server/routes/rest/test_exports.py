"""Histories and run tables as files over REST."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import duckdb
import pytest

from kymograph.core.history import Damage, LineBatch, Stream
from kymograph.core.run import RunChange
from kymograph.services.history import StreamUpdate
from kymograph.testing.deployments import DeploymentUnderTest
from tests.unit.server.http import Http


@pytest.fixture(scope="module")
def project(deployment: DeploymentUnderTest) -> str:
    """Two runs, one with a history."""
    change = RunChange(
        display_name="first, of two",
        config_json='{"lr": {"value": 0.1}, "deep": {"value": {"er": 1}}, "_wandb": {"value": {}}}',
        summary_json='{"loss": NaN, "best": 123456789012345678901234567890, "_wandb": {"runtime": 1}}',
    )
    run = deployment.run("admin/out/one", change)
    lines = ['{"_step": 0, "loss": NaN, "n": 9007199254740993}', '{"_step": 1, "loss": 0.5, "n": 1, "note": "x"}']
    batch = LineBatch(Stream.HISTORY, 0, lines)
    deployment.services.history.record(deployment.admin, "admin", "out", run.id, StreamUpdate([batch]))
    deployment.clock.advance(seconds=1)
    deployment.run("admin/out/two", RunChange(config_json='{"lr": {"value": 1}, "name": {"value": "b"}}'))
    return "/api/v1/projects/admin/out"


def rows_of(data: bytes, folder: Path) -> list[dict[str, Any]]:
    path = folder / "out.parquet"
    path.write_bytes(data)
    with duckdb.connect() as connection:
        cursor = connection.execute(f"SELECT * FROM '{path}'")
        names = [column[0] for column in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def test_a_history_as_parquet(http: Http, project: str, tmp_path: Path) -> None:
    answer = http.get(f"{project}/runs/one/export")

    assert answer.headers["content-type"] == "application/vnd.apache.parquet"
    assert answer.headers["content-disposition"] == "attachment; filename*=UTF-8''one.parquet"
    assert "content-encoding" not in answer.headers
    assert "x-kymograph-damaged" not in answer.headers
    rows = rows_of(answer.content, tmp_path)
    assert [(row["_step"], row["n"], row["note"]) for row in rows] == [(0, 9007199254740993, None), (1, 1, "x")]


def test_a_history_as_text(http: Http, project: str) -> None:
    lines = http.get(f"{project}/runs/one/export", params={"format": "jsonl"})
    table = http.get(f"{project}/runs/one/export", params={"format": "csv", "key": "loss", "min_step": 1})

    assert lines.text.splitlines()[0] == '{"_step": 0, "loss": NaN, "n": 9007199254740993}'
    assert lines.headers["content-disposition"].endswith("one.jsonl")
    assert table.text == "_step,loss\n1,0.5\n"


def test_a_table_of_runs(http: Http, project: str, tmp_path: Path) -> None:
    rows = rows_of(http.get(f"{project}/export").content, tmp_path)

    assert [row["id"] for row in rows] == ["one", "two"]
    assert rows[0]["name"] == "first, of two"
    assert [(row["config.lr"], row["config.deep.er"], row["config.name"]) for row in rows] == [
        (0.1, 1, None),
        (1.0, None, "b"),
    ]
    assert rows[0]["summary.best"] == "123456789012345678901234567890"
    assert not [name for name in rows[0] if "_wandb" in name]
    names = list(rows[0])
    assert names.index("config.name") < names.index("summary.loss"), "columns of one kind stand together"


def test_a_table_of_runs_as_text(http: Http, project: str) -> None:
    table = list(csv.DictReader(io.StringIO(http.get(f"{project}/export", params={"format": "csv"}).text)))
    lines = http.get(f"{project}/export", params={"format": "jsonl"}).text.splitlines()

    assert [row["summary.loss"] for row in table] == ["NaN", ""]
    assert table[0]["name"] == "first, of two"
    documents = [json.loads(line) for line in lines]
    assert documents[0]["config"] == {"lr": 0.1, "deep": {"er": 1}}
    assert documents[0]["summary"]["best"] == 123456789012345678901234567890


@pytest.mark.parametrize(
    ("path", "status"),
    [("runs/none/export", 404), ("runs/one/export?format=xml", 422), ("runs/one/export?min_step=x", 422)],
)
def test_what_cannot_be_exported_is_refused(http: Http, project: str, path: str, status: int) -> None:
    answer = http.get(f"{project}/{path}")

    assert answer.status_code == status
    assert answer.json()["error"]["message"]


def test_damage_is_told_before_the_first_byte(
    deployment: DeploymentUnderTest, http: Http, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployment.run("admin/harmed/run")
    opened = deployment.services.exports.open

    def damaged(*arguments: Any) -> Any:
        export: Any = opened(*arguments)
        export.damaged = (Damage("segments/1/ab.parquet", 0, 9, "cut off"), Damage("segments/1/cd.parquet", 20, 29, ""))
        return export

    monkeypatch.setattr(deployment.services.exports, "open", damaged)
    answer = http.get("/api/v1/projects/admin/harmed/runs/run/export")

    assert answer.headers["x-kymograph-damaged"] == "segments/1/ab.parquet 0..9, segments/1/cd.parquet 20..29"
