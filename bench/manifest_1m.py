"""An artifact version of a million entries: how long the server takes to commit it, to list a page, and its memory.

    .venv/bin/python bench/manifest_1m.py [--entries 1000000] [--contents 1000] [--database sqlite|postgresql|both]

Talks to a server process over HTTP as a client would: announces and uploads the distinct contents, sends the manifest
document, commits. Nine of ten entries are files that share the contents, the tenth is a reference to a bucket.
Afterwards pages of 1,000 entries are asked for at random places, and the version is deleted and restored.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import random
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from init_sequence import KEY, Server, machine, quantile

from kymograph.testing.databases import postgres_server
from kymograph.wire.ids import encode_text_id

COMMIT_BOUND_S, PAGE_BOUND_MS, MEMORY_BOUND_MB = 60.0, 100.0, 1536.0
PAGE = 1_000
PAGES = 60
FILES_AT_ONCE = 1_000

CREATE = """mutation ($input: CreateArtifactInput!) { createArtifact(input: $input) { artifact { id } } }"""
FILES = """mutation ($input: CreateArtifactFilesInput!) {
  createArtifactFiles(input: $input) { files { edges { node { name uploadUrl } } } } }"""
MANIFEST = """mutation ($input: CreateArtifactManifestInput!) {
  createArtifactManifest(input: $input) { artifactManifest { file { uploadUrl } } } }"""
COMMIT = """mutation ($input: CommitArtifactInput!) {
  commitArtifact(input: $input) { artifact { state versionIndex fileCount size } } }"""
LIST = """query ($id: ID!, $first: Int, $after: String) { artifact(id: $id) {
  files(first: $first, after: $after) { totalCount edges { node { name digest sizeBytes directUrl } } } } }"""
PROJECT = """mutation { upsertModel(input: {entityName: "admin", name: "manifests"}) { inserted } }"""


@dataclass(frozen=True, slots=True)
class Measured:
    """One row of the table."""

    database: str
    document_mb: float
    upload_s: float
    commit_s: float
    commit_cpu_s: float
    idle_mb: float
    peak_mb: float
    page_p50_ms: float
    page_p95_ms: float
    page_cpu_ms: float
    delete_s: float
    undelete_s: float


class Client:
    """Asks one server."""

    def __init__(self, url: str) -> None:
        self.http = httpx.Client(base_url=url, auth=("api", KEY), timeout=300)

    def ask(self, query: str, **variables: Any) -> Any:
        """One GraphQL request; ends the bench if it fails."""
        answer = self.http.post("/graphql", json={"query": query, "variables": variables}).json()
        if answer.get("errors"):
            raise SystemExit(f"the server refused: {answer['errors']}")
        return answer["data"]

    def put(self, url: str, body: bytes) -> None:
        """An upload to an address that the server gave."""
        httpx.put(url, content=body, timeout=300).raise_for_status()


def content(number: int) -> bytes:
    """A small file."""
    return b"content %d" % number


def digest_of(body: bytes) -> str:
    """As manifests have it."""
    return base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode()


def make_entries(count: int, contents: int) -> dict[str, dict[str, Any]]:
    """Paths in order, as a client sends them."""
    digests = [digest_of(content(number)) for number in range(contents)]
    sizes = [len(content(number)) for number in range(contents)]
    entries: dict[str, dict[str, Any]] = {}
    for number in range(count):
        path = f"part-{number // 10_000:04d}/image-{number:08d}.png"
        if number % 10 == 9:
            ref = f"s3://bucket/{path}"
            entries[path] = {"digest": f"etag{number:x}", "ref": ref, "size": 100, "extra": {"etag": f"etag{number:x}"}}
        else:
            which = (number // 10 * 9 + number % 10) % contents
            entries[path] = {"digest": digests[which], "size": sizes[which]}
    return entries


def manifest_digest(entries: dict[str, dict[str, Any]]) -> str:
    """What the client promises."""
    digest = hashlib.md5(b"wandb-artifact-manifest-v1\n", usedforsecurity=False)
    for path, entry in entries.items():
        digest.update(f"{path}:{entry['digest']}\n".encode())
    return digest.hexdigest()


@contextmanager
def watched(server: Server) -> Iterator[list[float]]:
    """Resident megabytes of all processes of a server while the block runs."""
    seen = [server.resident_mb()]
    done = threading.Event()

    def look() -> None:
        while not done.wait(0.05):
            with_children = server.resident_mb()
            seen.append(with_children)

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield seen
    finally:
        done.set()
        thread.join()


def measure(database: str, server: Server, entry_count: int, contents: int) -> Measured:
    """The whole way of one version."""
    client = Client(server.url)
    client.ask(PROJECT)
    entries = make_entries(entry_count, contents)
    created = client.ask(
        CREATE,
        input={
            "entityName": "admin",
            "projectName": "manifests",
            "artifactTypeName": "dataset",
            "artifactCollectionName": "images",
            "digest": manifest_digest(entries),
            "digestAlgorithm": "MANIFEST_MD5",
        },
    )
    artifact = created["createArtifact"]["artifact"]["id"]
    for first in range(0, contents, FILES_AT_ONCE):
        numbers = range(first, min(first + FILES_AT_ONCE, contents))
        specs = [{"artifactID": artifact, "name": f"c{n}", "md5": digest_of(content(n))} for n in numbers]
        answer = client.ask(FILES, input={"artifactFiles": specs})
        for number, edge in zip(numbers, answer["createArtifactFiles"]["files"]["edges"], strict=True):
            client.put(edge["node"]["uploadUrl"], content(number))
    document = json.dumps(
        {
            "version": 1,
            "storagePolicy": "wandb-storage-policy-v1",
            "storagePolicyConfig": {"storageLayout": "V2"},
            "contents": entries,
        }
    ).encode()
    paths = list(entries)
    del entries
    announced = client.ask(
        MANIFEST,
        input={
            "artifactID": artifact,
            "name": "wandb_manifest.json",
            "digest": digest_of(document),
            "entityName": "admin",
            "projectName": "manifests",
        },
    )
    with watched(server) as resident:
        started = time.perf_counter()
        client.put(announced["createArtifactManifest"]["artifactManifest"]["file"]["uploadUrl"], document)
        upload_s = time.perf_counter() - started
        cpu_ms, started = server.cpu_ms(), time.perf_counter()
        committed = client.ask(COMMIT, input={"artifactID": artifact})["commitArtifact"]["artifact"]
        commit_s, commit_cpu_s = time.perf_counter() - started, (server.cpu_ms() - cpu_ms) / 1000
        if (committed["state"], int(committed["fileCount"])) != ("COMMITTED", entry_count):
            raise SystemExit(f"not what was sent: {committed}")
        cpu_ms = server.cpu_ms()
        pages = list(measure_pages(client, artifact, paths))
        page_cpu_ms = (server.cpu_ms() - cpu_ms) / len(pages)
    deleted, delete_s = timed(client, "delete", {"versions": [artifact], "with_aliases": True})
    restored, undelete_s = timed(client, "undelete", {"versions": [artifact]})
    if not deleted == restored == {"versions": 1, "objects": contents, "size_bytes": deleted["size_bytes"]}:
        raise SystemExit(f"not what was there: {deleted}, {restored}")
    return Measured(
        database=database,
        document_mb=len(document) / 1e6,
        upload_s=upload_s,
        commit_s=commit_s,
        commit_cpu_s=commit_cpu_s,
        idle_mb=resident[0],
        peak_mb=max(resident),
        page_p50_ms=statistics.median(pages),
        page_p95_ms=quantile(pages, 95),
        page_cpu_ms=page_cpu_ms,
        delete_s=delete_s,
        undelete_s=undelete_s,
    )


def measure_pages(client: Client, artifact: str, paths: list[str]) -> Iterator[float]:
    """Milliseconds for pages at random places."""
    chance = random.Random(0)
    for _ in range(PAGES):
        place = chance.randrange(len(paths) - PAGE - 1)
        after = encode_text_id("Path", paths[place])
        started = time.perf_counter()
        files = client.ask(LIST, id=artifact, first=PAGE, after=after)["artifact"]["files"]
        yield (time.perf_counter() - started) * 1000
        names = [edge["node"]["name"] for edge in files["edges"]]
        if names != paths[place + 1 : place + 1 + PAGE] or files["totalCount"] != len(paths):
            raise SystemExit(f"not the page after {paths[place]!r}")


def timed(client: Client, what: str, body: dict[str, Any]) -> tuple[Any, float]:
    """What a clean-up says, and seconds."""
    started = time.perf_counter()
    answer = client.http.post(f"/api/v1/projects/admin/manifests/artifacts/{what}", json=body)
    answer.raise_for_status()
    return answer.json(), time.perf_counter() - started


def main() -> int:
    """Measure and print one table; exit status 1 if a bound is broken."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--entries", type=int, default=1_000_000)
    parser.add_argument("--contents", type=int, default=1_000, help="distinct ones")
    parser.add_argument("--database", choices=["sqlite", "postgresql", "both"], default="both")
    arguments = parser.parse_args()
    wanted = ["sqlite", "postgresql"] if arguments.database == "both" else [arguments.database]
    rows: list[Measured] = []
    for database in wanted:
        with ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            environment = {}
            if database == "postgresql":
                environment["KYMOGRAPH_DATABASE"] = stack.enter_context(postgres_server(is_durable=True)).create_empty()
            server = Server(folder / "data", **environment)
            stack.callback(server.stop)
            rows.append(measure(database, server, arguments.entries, arguments.contents))
    print(f"{arguments.entries:,} entries, {arguments.contents:,} distinct contents; {machine()}\n")
    print(
        "| database | document | upload | commit | its CPU | before | peak | page p50 | p95 | CPU | delete | restore |"
    )
    print("| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |")
    for row in rows:
        print(
            f"| {row.database} | {row.document_mb:.0f} MB | {row.upload_s:.1f} s | {row.commit_s:.1f} s "
            f"| {row.commit_cpu_s:.1f} s | {row.idle_mb:.0f} MB | {row.peak_mb:.0f} MB | {row.page_p50_ms:.0f} ms "
            f"| {row.page_p95_ms:.0f} ms | {row.page_cpu_ms:.0f} ms | {row.delete_s:.1f} s | {row.undelete_s:.1f} s |"
        )
    is_kept = all(
        row.commit_s <= COMMIT_BOUND_S and row.page_p95_ms <= PAGE_BOUND_MS and row.peak_mb <= MEMORY_BOUND_MB
        for row in rows
    )
    return 0 if is_kept else 1


if __name__ == "__main__":
    sys.exit(main())
