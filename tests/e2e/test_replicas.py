"""Two servers on one PostgreSQL database and one S3 bucket are one server to whoever uses them."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from queue import SimpleQueue
from typing import Any, Self

import httpx
import orjson
import pytest

from kymograph.client.connection import Connection
from kymograph.client.runs import RunAddress, RunClient
from kymograph.testing.buckets import moto_server
from kymograph.testing.databases import postgres_server
from kymograph.types import JsonObject
from tests.e2e.rest import Rest
from tests.e2e.server import ADMIN_KEY, ServerProcess, wait_until

PROJECT = "admin/shared"
TIMEOUT_S = 20.0


@dataclass(frozen=True, slots=True)
class Replicas:
    """Two servers, and the administrator's view through each."""

    a: ServerProcess
    b: ServerProcess
    through_a: Rest
    through_b: Rest
    bucket: str
    """Address of the bucket that they share."""


@pytest.fixture(scope="module")
def replicas(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Replicas]:
    """Both start at once on an empty database and bucket, as a fresh deployment does."""
    folder = tmp_path_factory.mktemp("replicas")
    with postgres_server() as postgres, moto_server() as s3:
        environment = {
            "KYMOGRAPH_DATABASE": postgres.create_empty(),
            "KYMOGRAPH_OBJECTS": s3.create_bucket("kymograph"),
            **s3.environment,
        }
        servers = [ServerProcess(folder / name / "data", environment=environment) for name in ("a", "b")]
        try:
            for server in servers:
                server.data.parent.mkdir()
            starting = [threading.Thread(target=server.start) for server in servers]
            for thread in starting:
                thread.start()
            for thread in starting:
                thread.join()
            with servers[0].rest() as through_a, servers[1].rest() as through_b:
                yield Replicas(servers[0], servers[1], through_a, through_b, f"{s3.endpoint}/kymograph")
        finally:
            for server in servers:
                server.stop()


@dataclass
class Watcher:
    """Follows the live stream of a project through one server."""

    server: ServerProcess
    events: SimpleQueue[tuple[str, Any]] = field(default_factory=SimpleQueue)
    is_open: threading.Event = field(default_factory=threading.Event)
    is_done: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._follow)
        self._thread.start()
        assert self.is_open.wait(TIMEOUT_S)
        return self

    def __exit__(self, *_error: object) -> None:
        self.is_done.set()
        self._thread.join()

    def _follow(self) -> None:
        with self.server.http() as http:
            request = http.stream("GET", f"/api/v1/projects/{PROJECT}/live", timeout=httpx.Timeout(10, read=1))
            try:
                with request as response:
                    kind = ""
                    for line in response.iter_lines():
                        self.is_open.set()
                        if line.startswith("event: "):
                            kind = line.removeprefix("event: ")
                        elif line.startswith("data: "):
                            self.events.put((kind, orjson.loads(line.removeprefix("data: "))))
                        if self.is_done.is_set():
                            return
            except httpx.ReadTimeout:
                if not self.is_done.is_set():
                    self._follow()

    def wait_for(self, kind: str, run: str) -> Any:
        """The next event of that kind about that run."""
        while True:
            found, content = self.events.get(timeout=TIMEOUT_S)
            if found == kind and (content.get("run") == run or content.get("id") == run):
                return content


def rows_body(count: int) -> dict[str, Any]:
    lines = [f'{{"_step":{step},"_timestamp":{1.8e9 + step},"loss":{1 / (step + 1)}}}' for step in range(count)]
    return {"files": {"wandb-history.jsonl": {"offset": 0, "content": lines}}}


def test_rows_written_through_one_are_read_through_the_other_at_once(replicas: Replicas) -> None:
    replicas.through_a.create_run(PROJECT, "rows", displayName="both see me")

    answer = replicas.through_a.stream(PROJECT, "rows", rows_body(10))

    assert answer.status_code == 200
    assert replicas.through_b.run(PROJECT, "rows")["name"] == "both see me"
    assert [row["_step"] for row in replicas.through_b.rows(PROJECT, "rows")] == list(range(10))

    more = {"files": {"wandb-history.jsonl": {"offset": 10, "content": ['{"_step":10,"loss":0.05}']}}}
    assert replicas.through_b.stream(PROJECT, "rows", more).status_code == 200
    assert replicas.through_a.rows(PROJECT, "rows")[-1]["loss"] == 0.05
    series = replicas.through_a.series(PROJECT, ["rows"], ["loss"])
    assert "0.05" in str(series)


def test_request_sent_to_both_counts_once(replicas: Replicas) -> None:
    """A load balancer that tries again sends one request to two replicas."""
    replicas.through_a.create_run(PROJECT, "twice")

    threads = [
        threading.Thread(target=rest.stream, args=(PROJECT, "twice", rows_body(50)))
        for rest in (replicas.through_a, replicas.through_b)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [row["_step"] for row in replicas.through_b.rows(PROJECT, "twice")] == list(range(50))


def test_live_events_of_one_arrive_at_the_other(replicas: Replicas) -> None:
    replicas.through_a.create_run(PROJECT, "live")
    with Watcher(replicas.b) as watcher:
        replicas.through_a.stream(PROJECT, "live", rows_body(3))

        assert watcher.wait_for("history", "live")["last_step"] == 2

        replicas.through_a.stream(PROJECT, "live", {"complete": True, "exitcode": 0})

        while watcher.wait_for("run", "live")["state"] != "finished":
            pass


def test_stop_asked_of_one_reaches_the_process_that_logs_through_the_other(replicas: Replicas) -> None:
    bucket = replicas.through_a.create_run(PROJECT, "stop")

    replicas.through_b.graphql("mutation ($id: ID!) { stopRun(input: {id: $id}) { success } }", id=bucket["id"])

    assert replicas.through_a.stream(PROJECT, "stop", {}).json() == {"stopped": True}


UPLOAD = """
mutation ($files: [String!]!) {
  createRunFiles(input: {entityName: "admin", projectName: "shared", runName: "files", files: $files}) {
    files { name uploadUrl }
  }
}
"""


def test_signed_addresses_of_one_are_good_at_the_other(replicas: Replicas) -> None:
    """All replicas sign with one key, also when they started together on an empty bucket."""
    replicas.through_a.create_run(PROJECT, "files")
    (upload,) = replicas.through_a.graphql(UPLOAD, files=["notes.txt"])["createRunFiles"]["files"]
    elsewhere = upload["uploadUrl"].replace(replicas.a.url, replicas.b.url)
    assert elsewhere != upload["uploadUrl"]

    answer = httpx.put(elsewhere, content=b"kept once", timeout=30)

    assert answer.status_code == 200, answer.text
    assert replicas.through_a.file(PROJECT, "files", "notes.txt") == b"kept once"
    assert replicas.through_b.file(PROJECT, "files", "notes.txt") == b"kept once"


def test_file_that_is_deleted_through_one_is_gone_from_the_bucket(replicas: Replicas) -> None:
    replicas.through_a.create_run(PROJECT, "files")
    for name in ("gone.txt", "kept.txt"):
        (upload,) = replicas.through_a.graphql(UPLOAD, files=[name])["createRunFiles"]["files"]
        httpx.put(upload["uploadUrl"], content=b"bytes", timeout=30).raise_for_status()
    before = object_count(replicas)
    find = """
    query { project(name: "shared", entityName: "admin") { run(name: "files") {
      files(names: ["gone.txt"]) { edges { node { id } } } } } }
    """
    (edge,) = replicas.through_b.graphql(find)["project"]["run"]["files"]["edges"]
    delete = "mutation ($id: ID!) { deleteFiles(input: {files: [$id]}) { success } }"

    replicas.through_b.graphql(delete, id=edge["node"]["id"])

    assert "gone.txt" not in replicas.through_a.files(PROJECT, "files")
    assert replicas.through_a.file(PROJECT, "files", "kept.txt") == b"bytes"
    assert object_count(replicas) == before - 1


def object_count(replicas: Replicas) -> int:
    """Objects of run files in the bucket."""
    listing = httpx.get(f"{replicas.bucket}?list-type=2&prefix=runs/", timeout=30)
    return listing.raise_for_status().text.count("<Key>")


def test_run_goes_on_through_the_other_when_one_is_killed(replicas: Replicas) -> None:
    replicas.through_a.create_run(PROJECT, "survivor")
    assert replicas.through_a.stream(PROJECT, "survivor", rows_body(5)).status_code == 200

    replicas.a.kill()
    try:
        assert replicas.through_b.stream(PROJECT, "survivor", rows_body(8)).status_code == 200
        assert [row["_step"] for row in replicas.through_b.rows(PROJECT, "survivor")] == list(range(8))
    finally:
        replicas.a.start()

    found = wait_until(lambda: replicas.through_a.rows(PROJECT, "survivor"), what="the first replica")
    assert len(found) == 8


def test_revoked_key_is_refused_by_both(replicas: Replicas) -> None:
    """At once by the replica that revoked it; the other may remember the key for some seconds."""
    key = replicas.through_a.post("/keys", {"description": "short-lived"})
    with replicas.b.rest(key["api_key"]) as by_key:
        assert by_key.session()["user"]["username"] == "admin"

        replicas.through_a.http.delete(f"/api/v1/keys/{key['id']}").raise_for_status()

        with replicas.a.http(key["api_key"]) as http:
            assert http.get("/api/v1/session").status_code == 401
        wait_until(
            lambda: by_key.http.get("/api/v1/session").status_code == 401, timeout_s=8, what="the key to be forgotten"
        )


def test_what_writers_say_of_a_shared_run_at_the_same_moment_is_all_there(replicas: Replicas) -> None:
    replicas.through_a.create_run(PROJECT, "shared")

    def say(number: int) -> None:
        server = (replicas.a, replicas.b)[number % 2]
        entity, project = PROJECT.split("/")
        config = json.dumps({f"from{number}": {"value": number}})
        with RunClient(Connection.of(server.url, ADMIN_KEY)) as client:
            client.upsert_run(writer=f"w{number}", entity=entity, project=project, name="shared", config=config)
            lines: JsonObject = {"offset": 0, "content": [json.dumps({f"best{number}": number})]}
            document: JsonObject = {"files": {"wandb-summary.json": lines}}
            client.stream(RunAddress(entity, project, "shared"), document, writer=f"w{number}")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(say, range(24)))

    run = replicas.through_b.run(PROJECT, "shared")
    assert run["config"] == {f"from{number}": number for number in range(24)}
    assert run["summary"] == {f"best{number}": number for number in range(24)}
