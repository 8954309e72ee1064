"""The newest client reads histories from our Parquet files, and finds the rows that it finds page by page."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import duckdb
import httpx
import pytest

from tests.e2e.client import NEWEST, Client
from tests.e2e.fixtures import ClientFactory
from tests.e2e.rest import Rest
from tests.e2e.server import ServerProcess

SCAN = """
import json, sys
import wandb
path, options = sys.argv[1], json.loads(sys.argv[2])
run = wandb.Api().run(path)
scan = run.beta_scan_history if options.pop("beta", False) else run.scan_history
report([json.dumps(row, sort_keys=True) for row in scan(**options)])
"""
DOWNLOAD = """
import sys
import wandb
run = wandb.Api().run(sys.argv[1])
options = {} if len(sys.argv) < 3 else {"require_complete_history": False}
try:
    done = run.download_history_exports("exports", **options)
except wandb.apis.public.IncompleteRunHistoryError:
    report("incomplete")
else:
    report([[str(path) for path in done.paths], done.contains_live_data, len(done.errors or {})])
"""

PLAIN = [
    {
        "_step": step * 2,
        "_runtime": step * 0.1,
        "_timestamp": 1_790_000_000.25 + step,
        "loss": [1 / (step + 1), math.nan, math.inf, -math.inf, 1e-7, 12345678.5, 1e300][step % 7],
        "count": step - 5,
        "big": 2**60 + step,
        "sometimes whole": step if step % 2 else step + 0.5,
        "ok": step % 3 == 0,
        "note": f'ünï \u2028 "{step}"',
        "nothing": None,
        "or nothing": step if step % 2 else None,
        "dotted.name/with spaces": -step,
    }
    for step in range(50)
]
"""A row has every metric: told by Parquet types exactly."""
UNEVEN: list[dict[str, Any]] = [
    {"_step": 0, "loss": 0.5, "val": {"acc": 0.1, "deep": {"er": 1}}},
    {"_step": 1, "loss": 0.25},
    {"_step": 2, "loss": math.nan, "image": {"_type": "image-file", "path": "a.png", "width": 3}},
    {"_step": 3, "loss": 2, "list": [1, 2.5, None], "note": "x"},
]


def log(rest: Rest, project: str, run: str, rows: list[Any], *, first: int = 0, ends: bool = True) -> str:
    """Rows of a run, which ends with them or goes on; gives its path."""
    if not first:
        rest.create_run(project, run)
    lines = [json.dumps(row) for row in rows]
    body: dict[str, Any] = {"files": {"wandb-history.jsonl": {"offset": first, "content": lines}}}
    assert rest.stream(project, run, body | ({"complete": True, "exitcode": 0} if ends else {})).is_success
    return f"{project}/{run}"


def scan(client: Client, path: str, **options: Any) -> list[str]:
    found: list[str] = client.ask(SCAN, path, json.dumps(options))
    return found


def urls_of(rest: Rest, path: str) -> list[str]:
    entity, project, run = path.split("/")
    query = """query ($e: String, $p: String!, $r: String!) {
      project(name: $p, entityName: $e) {
        run(name: $r) { parquetHistory(liveKeys: ["_step"]) { parquetUrls liveData } }
      }
    }"""
    history = rest.graphql(query, e=entity, p=project, r=run)["project"]["run"]["parquetHistory"]
    assert bool(history["parquetUrls"]) != bool(history["liveData"])
    urls: list[str] = history["parquetUrls"]
    return urls


def texts(rows: list[Any]) -> list[str]:
    """Rows as the client gives them, which makes no difference between 1.0 and 1."""
    return [json.dumps(as_read(row), sort_keys=True) for row in rows]


def as_read(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: as_read(item) for name, item in value.items()}
    if isinstance(value, list):
        return [as_read(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) < 1e6 else value


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"beta": True},
        {"keys": ["count", "ok", "note", "or nothing"]},
        {"keys": ["dotted.name/with spaces"], "page_size": 7},
        {"min_step": 11, "max_step": 60, "page_size": 9},
    ],
    ids=lambda options: ",".join(options) or "all",
)
def test_rows_of_files_are_those_of_pages(
    make_client: ClientFactory, rest: Rest, project: str, options: dict[str, Any]
) -> None:
    from_files = log(rest, project, "ended", PLAIN)
    from_pages = log(rest, project, "going-on", PLAIN, ends=False)
    assert len(urls_of(rest, from_files)) == 1
    assert urls_of(rest, from_pages) == []
    client = make_client(NEWEST)

    rows = scan(client, from_files, **options)
    assert rows == scan(client, from_pages, **options)
    if not options:
        assert rows == texts(PLAIN)


def test_chosen_metrics_are_exact_which_they_are_not_page_by_page(
    make_client: ClientFactory, rest: Rest, project: str
) -> None:
    """The client reads pages of chosen metrics as JSON: large integers as doubles, what is not finite as texts."""
    path = log(rest, project, "run", PLAIN)

    rows = scan(make_client(NEWEST), path, keys=["big", "loss"])
    assert rows == texts([{name: row[name] for name in ("_step", "big", "loss")} for row in PLAIN])


def test_files_are_downloaded_whole(make_client: ClientFactory, rest: Rest, project: str) -> None:
    path = log(rest, project, "run", PLAIN)
    client = make_client(NEWEST)

    paths, has_live_data, errors = client.ask(DOWNLOAD, path)
    assert (len(paths), has_live_data, errors) == (1, False, 0)
    with duckdb.connect() as connection:
        cursor = connection.execute(f"SELECT * FROM '{client.home / paths[0]}'")
        names = [column[0] for column in cursor.description or ()]
        rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    assert texts(rows) == texts(PLAIN)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"keys": ["loss"]},
        {"keys": ["val.acc"]},
        {"keys": ["image"]},
        {"keys": ["list", "note"]},
        {"keys": ["none"]},
    ],
    ids=lambda options: ",".join(options.get("keys", ["all"])),
)
def test_rows_that_differ_in_what_they_hold_are_read_page_by_page(
    make_client: ClientFactory, rest: Rest, project: str, options: dict[str, Any]
) -> None:
    path = log(rest, project, "run", UNEVEN)
    assert urls_of(rest, path) == []
    client = make_client(NEWEST)

    rows = [json.loads(row) for row in scan(client, path, **options)]
    if not options:
        assert texts(rows) == texts(UNEVEN)
        assert client.ask(DOWNLOAD, path) == "incomplete"
    keys = options.get("keys", [])
    expected = {"loss": [0, 1, 2, 3], "val.acc": [0], "image": [2], "list,note": [3], "none": [], "": [0, 1, 2, 3]}
    assert [row["_step"] for row in rows] == expected[",".join(keys)]
    assert all(set(row) == {*keys, "_step"} for row in rows) or not keys


def test_a_client_that_keeps_files_sees_what_a_resumed_run_adds(
    make_client: ClientFactory, rest: Rest, project: str
) -> None:
    path = log(rest, project, "run", PLAIN[:20])
    client = make_client(NEWEST)
    assert scan(client, path) == texts(PLAIN[:20])
    log(rest, project, "run", PLAIN[20:], first=20)

    assert len(urls_of(rest, path)) == 2
    assert scan(client, path) == texts(PLAIN)
    assert len(client.ask(DOWNLOAD, path)[0]) == 2


def test_a_client_that_keeps_files_sees_what_has_changed(make_client: ClientFactory, rest: Rest, project: str) -> None:
    path = log(rest, project, "run", PLAIN[:20])
    client = make_client(NEWEST)
    assert scan(client, path) == texts(PLAIN[:20])
    log(rest, project, "run", [{**PLAIN[3], "loss": -1.5}], first=20)

    assert scan(client, path) == texts([*PLAIN[:3], {**PLAIN[3], "loss": -1.5}, *PLAIN[4:20]])
    assert client.ask(DOWNLOAD, path, "anyway") == [[], True, 0]


def test_an_address_carries_no_other_right(rest: Rest, server: ServerProcess, project: str) -> None:
    path = log(rest, project, "run", PLAIN)
    (url,) = urls_of(rest, path)

    head = httpx.head(url)
    assert head.status_code == 200
    assert int(head.headers["content-length"]) > 1000
    part = httpx.get(url, headers={"Range": "bytes=0-3"})
    assert (part.status_code, part.content) == (206, b"PAR1")
    assert httpx.get(url.replace("/storage/exports/", "/storage/runs/")).status_code == 403
    assert httpx.put(url, content=b"x").status_code in (403, 405)
    token = url.split("/")[-2]
    assert httpx.get(f"{server.url}/storage/exports/{token[:-2]}xx/0.parquet").status_code == 403
    with server.http() as http:
        assert http.delete(f"/api/v1/projects/{project}/runs/run").status_code == 204
    assert httpx.get(url).status_code == 404


def test_a_large_run_is_exported_while_it_is_compacted(
    make_client: ClientFactory, rest: Rest, project: str, tmp_path: Path
) -> None:
    count = 120_000
    rest.create_run(project, "run")
    for first in range(0, count, 10_000):
        lines = [f'{{"_step":{step},"a":{step}.5,"b":{step * 2}}}' for step in range(first, first + 10_000)]
        body: dict[str, Any] = {"files": {"wandb-history.jsonl": {"offset": first, "content": lines}}}
        assert rest.stream(project, "run", body).is_success
    assert rest.stream(project, "run", {"complete": True, "exitcode": 0}).is_success
    client = make_client(NEWEST)

    paths, _, errors = client.ask(DOWNLOAD, f"{project}/run")
    assert errors == 0
    with duckdb.connect() as connection:
        facts = connection.execute(
            f"SELECT count(*), sum(a), sum(b), max(_step) FROM '{client.home / paths[0]}'"
        ).fetchone()
    assert facts == (count, count * (count - 1) / 2 + count * 0.5, count * (count - 1), count - 1)
