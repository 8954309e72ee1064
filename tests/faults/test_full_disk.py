"""A full disk: a clear refusal, reads as before, nothing half-written, and no restart once there is space again."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.rest import UPSERT_RUN, Rest
from tests.faults.disks import SmallDisk, open_small_disk
from tests.protocol.requests import assert_refused
from tests.protocol.test_bad_input import CREATE_FILES

PROJECT, ENTITY = "admin/full", "admin"
LINES_PER_REQUEST = 20


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    small = open_small_disk(tmp_path)
    small.server.start()
    try:
        yield small
    finally:
        small.server.kill()


def lines(first: int) -> list[str]:
    """History lines that do not compress."""
    return [
        json.dumps({"_step": step, "loss": step, "noise": os.urandom(8_000).hex()})
        for step in range(first, first + LINES_PER_REQUEST)
    ]


def body(first: int, content: list[str]) -> dict[str, Any]:
    return {"files": {"wandb-history.jsonl": {"offset": first, "content": content}}}


def upload_url(rest: Rest, name: str) -> str:
    data = rest.graphql(CREATE_FILES, entity=ENTITY, project="full", run="run", files=[name])
    url: str = data["createRunFiles"]["files"][0]["uploadUrl"]
    return url


def steps(rest: Rest) -> list[int]:
    return [row["_step"] for row in rest.rows(PROJECT, "run")]


def test_full_disk_refuses_writes_serves_reads_and_recovers(disk: SmallDisk) -> None:
    with disk.server.rest() as rest:
        rest.create_run(PROJECT, "run", notes="before")
        assert rest.stream(PROJECT, "run", body(0, lines(0))).status_code == 200
        assert rest.http.put(upload_url(rest, "kept.bin"), content=b"kept").status_code == 200
        late_url = upload_url(rest, "late.bin")
        unused_key = rest.post("/keys", {"description": "not used yet"})["api_key"]

        disk.fill()

        # What still fits in space that the database has already is taken; the first refusal ends that.
        acknowledged = LINES_PER_REQUEST
        for _ in range(100):
            refused_lines = lines(acknowledged)
            response = rest.stream(PROJECT, "run", body(acknowledged, refused_lines))
            if response.status_code != 200:
                break
            acknowledged += LINES_PER_REQUEST
        assert "space" in assert_refused(response, 507)
        assert "space" in assert_refused(rest.http.put(late_url, content=os.urandom(1024 * 1024)), 507)
        variables = {"entity": ENTITY, "project": "full", "name": "run", "notes": os.urandom(200_000).hex()}
        refused = rest.http.post("/graphql", json={"query": UPSERT_RUN, "variables": variables})
        assert "space" in assert_refused(refused, 507)

        assert steps(rest) == list(range(acknowledged))
        run = rest.run(PROJECT, "run")
        assert (run["history_lines"], run["notes"]) == (acknowledged, "before")
        assert rest.file(PROJECT, "run", "kept.bin") == b"kept"
        assert list(rest.files(PROJECT, "run")) == ["kept.bin"]
        assert rest.series(PROJECT, ["run"], ["loss"])["series"][0]["points"] == acknowledged
        assert rest.http.get("/readyz").status_code == 200
        with disk.server.rest(unused_key) as newcomer:
            assert newcomer.run(PROJECT, "run")["notes"] == "before"

        disk.free()

        assert rest.stream(PROJECT, "run", body(acknowledged, refused_lines)).status_code == 200
        assert rest.http.put(late_url, content=b"late").status_code == 200
        rest.create_run(PROJECT, "run", notes="after")
        acknowledged += LINES_PER_REQUEST
        assert steps(rest) == list(range(acknowledged))
        assert rest.file(PROJECT, "run", "late.bin") == b"late"
        run = rest.run(PROJECT, "run")
        assert (run["history_lines"], run["notes"]) == (acknowledged, "after")
