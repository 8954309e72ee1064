"""Deleting 100,000 artifact versions at once: until they are gone from listings, until the counters say so, and freed.

    .venv/bin/python bench/delete_100k.py [--versions 100000] [--database sqlite|postgresql|both]

Each version has three files: one of its own, one that it shares with the version before, one that all have. They are
put into the tables, and counted by the ledger; a server process then gets one REST request that deletes all but the
newest ten. Meanwhile a second client logs rows and notes how long each of its requests took. Afterwards the counters
are compared with what must be left, the deletion is taken back, done again, and purged.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import tempfile
import threading
import time
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
from init_sequence import KEY, Server, machine
from sqlalchemy import insert, text

from kymograph.core.artifact import ArtifactState
from kymograph.core.ledger import Move
from kymograph.server.deps import open_deployment
from kymograph.server.settings import load_settings
from kymograph.services.access import Caller
from kymograph.storage.metadata.tables import aliases, collections, memberships, versions
from kymograph.storage.space.ledger import SqlLedger
from kymograph.storage.space.tables import blobs, entries
from kymograph.testing.databases import postgres_server
from kymograph.types import ArtifactId, ProjectId

BOUND_S = 30.0
KEPT = 10
BATCH = 10_000
SIZE = 1_000
NOW = datetime.now(UTC) - timedelta(days=30)
PLACE = "/api/v1/projects/admin/deletion"


@dataclass(frozen=True, slots=True)
class Measured:
    """One row of the table."""

    database: str
    dry_run_s: float
    delete_s: float
    cpu_s: float
    slowest_other_s: float
    undelete_s: float
    purge_s: float


def fill(data: Path, database: str | None, count: int) -> None:
    """Put committed versions into the tables and count what they name."""
    deployment = open_deployment(load_settings({}, data=str(data), database=database))
    try:
        deployment.services.accounts.bootstrap_admin(username="admin", api_key=KEY)
        admin = deployment.database.read(lambda tx: tx.accounts.find_user("admin"))
        assert admin is not None
        project, _ = deployment.services.projects.put(Caller(admin), None, "deletion")
        deployment.database.write(lambda tx: put_collection(tx, project.id))
        for first in range(0, count, BATCH):
            numbers = range(first, min(first + BATCH, count))
            deployment.database.write(lambda tx, numbers=numbers: put(tx, project.id, numbers))  # type: ignore[misc]
    finally:
        deployment.close()


def put_collection(tx: Any, project: ProjectId) -> None:
    """The collection, and the content that all versions share."""
    row = {"id": 1, "project_id": project, "kind": "SEQUENCE", "type_name": "model", "name": "checkpoints"}
    tx.connection.execute(insert(collections).values(**row, created_at=NOW, next_version_index=10**6, tags=()))
    tx.connection.execute(insert(blobs), [blob_row(project, 1)])


def blob_row(project: ProjectId, number: int) -> dict[str, Any]:
    """Content that has arrived."""
    digest = hashlib.md5(b"%d" % number, usedforsecurity=False).hexdigest()
    return {
        "id": number,
        "project_id": project,
        "algorithm": "MANIFEST_MD5",
        "digest": digest,
        "object_key": f"blobs/{project}/{digest}/0",
        "size_bytes": SIZE,
        "stored_at": NOW,
        "wanted_at": NOW,
    }


def contents_of(number: int) -> tuple[int, int, int]:
    """One of its own, one that it shares with a neighbour, one of all."""
    return 10_000_000 + number, 20_000_000 + number // 2, 1


def put(tx: Any, project: ProjectId, numbers: range) -> None:
    """Versions with everything that the store would write."""
    connection = tx.connection
    new = sorted({key for number in numbers for key in contents_of(number)[:2]})
    connection.execute(insert(blobs), [blob_row(project, key) for key in new])
    rows = [
        {
            "id": number + 1,
            "collection_id": 1,
            "state": ArtifactState.COMMITTED.value,
            "digest": f"{number:032x}",
            "created_at": NOW,
            "updated_at": NOW,
            "size_bytes": 3 * SIZE,
            "content_bytes": 3 * SIZE,
            "file_count": 3,
            "wished_aliases": (),
            "tags": (),
        }
        for number in numbers
    ]
    connection.execute(insert(versions), rows)
    places = [{"collection_id": 1, "artifact_id": n + 1, "version_index": n, "created_at": NOW} for n in numbers]
    connection.execute(insert(memberships), places)
    names = [{"collection_id": 1, "alias": f"step-{n}", "artifact_id": n + 1, "set_at": NOW} for n in numbers[::100]]
    connection.execute(insert(aliases), names)
    connection.execute(
        insert(entries),
        [
            {"artifact_id": n + 1, "path": f"{place}.bin", "digest": str(key), "size_bytes": SIZE, "blob_id": key}
            for n in numbers
            for place, key in enumerate(contents_of(n))
        ],
    )
    ledger = SqlLedger(connection)
    ledger.lock([project])
    ledger.apply(ledger.namings_of([ArtifactId(n + 1) for n in numbers]), Move.COMMIT)
    if connection.dialect.name == "postgresql":  # the store's own inserts draw their keys from these
        for name in ("versions", "blobs", "collections"):
            connection.execute(text(f"SELECT setval('artifact_{name}_id_seq', (SELECT max(id) FROM artifact_{name}))"))


class Other(threading.Thread):
    """A training that logs all the time."""

    def __init__(self, url: str) -> None:
        super().__init__(daemon=True)
        self._http = httpx.Client(base_url=url, auth=("api", KEY), timeout=300)
        self._done = threading.Event()
        self.slowest_s = 0.0
        self._http.post(
            "/graphql",
            json={
                "query": 'mutation { upsertBucket(input: {entityName: "admin", modelName: "deletion", name: "other"})'
                " { inserted } }"
            },
        ).raise_for_status()

    def run(self) -> None:
        """Send a row now and then."""
        number = 0
        while not self._done.wait(0.05):
            row = json.dumps({"_step": number, "loss": 1.0})
            body = {"files": {"wandb-history.jsonl": {"offset": number, "content": [row]}}}
            started = time.perf_counter()
            self._http.post("/files/admin/deletion/other/file_stream", json=body).raise_for_status()
            self.slowest_s = max(self.slowest_s, time.perf_counter() - started)
            number += 1

    def stop(self) -> float:
        """End; returns the longest time that a request took."""
        self._done.set()
        self.join()
        return self.slowest_s


def measure(database: str, server: Server, count: int) -> Measured:
    """Delete, look, restore, purge."""
    http = httpx.Client(base_url=server.url, auth=("api", KEY), timeout=600)

    def post(what: str, **body: Any) -> tuple[dict[str, Any], float]:
        started = time.perf_counter()
        answer = http.post(f"{PLACE}/artifacts/{what}", json=body)
        answer.raise_for_status()
        return answer.json(), time.perf_counter() - started

    wanted = {"collection": "checkpoints", "keep_last": KEPT, "with_aliases": True}
    foreseen, dry_run_s = post("delete", **wanted, dry_run=True)
    other = Other(server.url)
    other.start()
    cpu_ms = server.cpu_ms()
    deleted, delete_s = post("delete", **wanted)
    cpu_s = (server.cpu_ms() - cpu_ms) / 1000
    slowest_s = other.stop()
    check(deleted == foreseen, f"foreseen {foreseen}, done {deleted}")
    check(deleted["versions"] == count - KEPT, f"{deleted} of {count}")
    left = http.get(f"{PLACE}/storage").json()
    live = 1 + len({key for number in range(count - KEPT, count) for key in contents_of(number)[:2]})
    check((left["versions"], left["live_bytes"]) == (KEPT, live * SIZE), f"{left}")
    listed = http.get(f"{PLACE}/storage/collections/checkpoints", params={"limit": 1000}).json()
    check(listed["total"] == len(listed["items"]) == KEPT, f"{listed['total']} listed")
    _, undelete_s = post("undelete", collection="checkpoints")
    again = http.get(f"{PLACE}/storage").json()
    check((again["versions"], again["trashed_bytes"]) == (count, 0), f"{again}")
    post("delete", **wanted)
    purged, purge_s = post("purge")
    check((purged["purged"], purged["size_bytes"]) == (count - KEPT, deleted["size_bytes"]), f"{purged}")
    return Measured(database, dry_run_s, delete_s, cpu_s, slowest_s, undelete_s, purge_s)


def check(is_true: bool, otherwise: str) -> None:
    """End the bench unless something holds."""
    if not is_true:
        raise SystemExit(f"wrong: {otherwise}")


def main() -> int:
    """Measure and print one table; exit status 1 if a bound is broken."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--versions", type=int, default=100_000)
    parser.add_argument("--database", choices=["sqlite", "postgresql", "both"], default="both")
    arguments = parser.parse_args()
    wanted = ["sqlite", "postgresql"] if arguments.database == "both" else [arguments.database]
    rows: list[Measured] = []
    for database in wanted:
        with ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            url = None
            if database == "postgresql":
                url = stack.enter_context(postgres_server(is_durable=True)).create_empty()
            fill(folder / "data", url, arguments.versions)
            server = Server(folder / "data", **({"KYMOGRAPH_DATABASE": url} if url else {}))
            stack.callback(server.stop)
            rows.append(measure(database, server, arguments.versions))
    print(f"{arguments.versions:,} versions of 3 files, all but {KEPT} deleted; {machine()}\n")
    print("| database | dry run | delete, counters exact | of it CPU | slowest other request | restore | purge |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for row in rows:
        print(
            f"| {row.database} | {row.dry_run_s:.1f} s | {row.delete_s:.1f} s | {row.cpu_s:.1f} s "
            f"| {row.slowest_other_s:.2f} s | {row.undelete_s:.1f} s | {row.purge_s:.1f} s |"
        )
    return 0 if all(row.delete_s <= BOUND_S for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
