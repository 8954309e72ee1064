"""A full disk: a clear refusal, reads as before, nothing half-written, and no restart once there is space again."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.rest import UPSERT_RUN, Rest
from tests.e2e.server import KYMOGRAPH, as_users_have_it, wait_until
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


# --- full while history is compacted ----------------------------------------------------------------------------------

COMPACTING = {
    "KYMOGRAPH_COMPACT_BYTES": "200000",
    "KYMOGRAPH_COMPACT_QUIET_BYTES": "1000",
    "KYMOGRAPH_COMPACT_QUIET_S": "1",
    "KYMOGRAPH_COMPACT_BATCH_BYTES": "500000",
}
"""Few merges: what was replaced stays for an hour, and the disk is small."""


@pytest.mark.parametrize("part", ["", "objects", "cache"], ids=["all", "objects only", "scratch only"])
def test_full_disk_while_history_is_compacted_loses_nothing_and_recovers(tmp_path: Path, part: str) -> None:
    disk = open_small_disk(tmp_path, part=part, environment=COMPACTING)
    disk.server.start()
    try:
        with disk.server.rest() as rest:
            fill_while_compacting(disk, rest, is_logging_refused=not part)
    finally:
        disk.server.kill()


def fill_while_compacting(disk: SmallDisk, rest: Rest, *, is_logging_refused: bool) -> None:
    rest.create_run(PROJECT, "run")
    acknowledged = 0
    for _ in range(4):
        assert rest.stream(PROJECT, "run", body(acknowledged, lines(acknowledged))).status_code == 200
        acknowledged += LINES_PER_REQUEST
    wait_until(lambda: segments_made(disk) > 0, what="a segment")

    disk.fill()
    refused = 0
    for _ in range(100 if is_logging_refused else 5):
        response = rest.stream(PROJECT, "run", body(acknowledged, lines(acknowledged)))
        if response.status_code == 200:
            acknowledged += LINES_PER_REQUEST
        else:
            assert "space" in assert_refused(response, 507)
            refused += 1
            if refused == 3:
                break
    assert (refused > 0) == is_logging_refused
    made = segments_made(disk)
    time.sleep(2)
    assert segments_made(disk) == made  # and not because nothing was due:
    assert tail_bytes(disk) > int(COMPACTING["KYMOGRAPH_COMPACT_BYTES"])
    assert steps(rest) == list(range(acknowledged))
    assert rest.series(PROJECT, ["run"], ["loss"])["series"][0]["points"] == acknowledged

    disk.free()
    assert rest.stream(PROJECT, "run", body(acknowledged, lines(acknowledged))).status_code == 200
    acknowledged += LINES_PER_REQUEST
    wait_until(lambda: segments_made(disk) > made, timeout_s=60, what="compactions to go on by themselves")
    assert steps(rest) == list(range(acknowledged))
    assert rest.series(PROJECT, ["run"], ["loss"])["series"][0]["points"] == acknowledged

    wait_until(lambda: tail_bytes(disk) == 0, timeout_s=60, what="all to be compacted")
    collect(disk)
    assert stored_segments(disk) == named_segments(disk)
    assert steps(rest) == list(range(acknowledged))


ASK = """
import json, sqlite3, sys
print(json.dumps(sqlite3.connect(sys.argv[1], timeout=30).execute(sys.argv[2]).fetchall()))
"""


def look(disk: SmallDisk, query: str) -> list[Any]:
    """What the database of the server says: asked by a process that sees what the server sees."""
    path = disk.server.data / "kymograph.db"
    found = subprocess.run(
        [*disk.beside, sys.executable, "-c", ASK, str(path), query], check=True, capture_output=True, text=True
    )
    rows: list[Any] = json.loads(found.stdout)
    return rows


def segments_made(disk: SmallDisk) -> int:
    ((number,),) = look(disk, "SELECT coalesce(max(id), 0) FROM segments")
    return int(number)


def tail_bytes(disk: SmallDisk) -> int:
    ((number,),) = look(disk, "SELECT sum(tail_bytes) FROM tail_streams WHERE stream = 'history'")
    return int(number)


def named_segments(disk: SmallDisk) -> set[str]:
    stems = look(disk, "SELECT object FROM segments")
    return {f"{stem}{ending}" for (stem,) in stems for ending in (".parquet", ".jsonl.zst")}


def stored_segments(disk: SmallDisk) -> set[str]:
    """Files of segments, half ones included."""
    # Here the server's view by /proc will do; SQLite would follow it back into ours.
    folder = disk.data / "objects"
    return {str(path.relative_to(folder)) for path in (folder / "segments").rglob("*") if path.is_file()}


def collect(disk: SmallDisk) -> None:
    command = [*disk.beside, str(KYMOGRAPH), "admin", "gc", "--data", str(disk.server.data)]
    environment = {**as_users_have_it(os.environ), "KYMOGRAPH_GC_GRACE_S": "0"}
    subprocess.run(command, env=environment, check=True, capture_output=True)
