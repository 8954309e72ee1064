"""Whatever is sent to the protocol's routes: kept where the protocol allows it, else one clear error; never a 5xx."""

from __future__ import annotations

import gzip
import json
import math
import time
import zlib
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.e2e.rest import UPSERT_RUN, Rest, stream_path
from tests.e2e.server import ADMIN_KEY, ServerProcess
from tests.protocol.requests import assert_refused, graphql_errors, raw_request

HISTORY, SUMMARY = "wandb-history.jsonl", "wandb-summary.json"
BEARER = {"Authorization": f"Bearer {ADMIN_KEY}"}
MARKUP = "<script>alert(1)</script>"


@pytest.fixture
def run(rest: Rest, project: str) -> str:
    """A fresh run in `project`."""
    rest.create_run(project, "run")
    return "run"


def history(*lines: str, offset: object = 0) -> dict[str, Any]:
    return {"files": {HISTORY: {"offset": offset, "content": list(lines)}}}


def assert_readable(rest: Rest, project: str, run: str = "run") -> None:
    """Every view of a run still answers."""
    rest.run(project, run)
    rest.rows(project, run)
    rest.metrics(project, run)
    rest.console(project, run)
    rest.series(project, [run], ["loss"])
    rest.get(f"/projects/{project}/metrics")
    rest.runs(project, columns=["config.lr", "summary.loss"])


# --- file stream ------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("run")
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b'"text"',
        b"null",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"files": []}',
        b'{"files": {"wandb-history.jsonl": []}}',
        b'{"files": {"wandb-history.jsonl": {"offset": -1, "content": ["{}"]}}}',
        b'{"files": {"wandb-history.jsonl": {"offset": 1.5, "content": ["{}"]}}}',
        b'{"files": {"wandb-history.jsonl": {"offset": "0", "content": ["{}"]}}}',
        b'{"files": {"wandb-history.jsonl": {"offset": true, "content": ["{}"]}}}',
        b'{"files": {"wandb-history.jsonl": {"offset": 1e400, "content": ["{}"]}}}',
        b'{"files": {"wandb-history.jsonl": {"offset": 99999999999999999999999, "content": ["{}"]}}}',
        b'{"files": {"wandb-history.jsonl": {"offset": 0, "content": [1]}}}',
        b'{"files": {"wandb-history.jsonl": {"offset": 0, "content": {"0": "{}"}}}}',
        b'{"files": {"wandb-summary.json": {"offset": 0, "content": ["not json"]}}}',
        b'{"files": {"wandb-summary.json": {"offset": 0, "content": ["[1]"]}}}',
        b'{"exitcode": "zero"}',
        b'{"exitcode": 1e300}',
        b'{"uploaded": 5}',
    ],
    ids=lambda body: body[:70].decode(errors="replace") or "empty",
)
def test_malformed_request_is_one_clear_error_or_a_heartbeat(rest: Rest, project: str, body: bytes) -> None:
    response = rest.http.post(stream_path(project, "run"), content=body, headers={"Content-Type": "application/json"})

    if body:
        assert_refused(response, 400)
    else:
        assert response.status_code == 200  # an empty body says no more than "I am alive"
    assert rest.run(project, "run")["history_lines"] == 0
    assert_readable(rest, project)


@pytest.mark.usefixtures("run")
def test_request_with_one_bad_part_keeps_nothing(rest: Rest, project: str) -> None:
    body = history('{"_step": 0, "loss": 1}')
    body["files"][SUMMARY] = {"offset": 0, "content": ["{broken"]}

    assert_refused(rest.stream(project, "run", body), 400)

    assert rest.rows(project, "run") == []
    assert rest.run(project, "run")["summary"] == {}


@pytest.mark.usefixtures("run")
@pytest.mark.parametrize(
    "line",
    [
        "",
        "not json",
        "[1, 2]",
        "7",
        "null",
        '"text"',
        '{"loss": }',
        '{"loss": 1',
        '{"_step": "five", "loss": 1}',
        '{"_step": 1.5, "loss": 1}',
        '{"_step": -3, "loss": 1}',
        '{"_step": 9223372036854775808, "loss": 1}',
        '{"_step": NaN, "loss": 1}',
        '{"_step": null, "loss": 1}',
        '{"loss": 1}',
        '{"": 1, "loss": 2}',
        '{"\\u0000": 1, "a\\u0000b": "c\\u0000d", "loss": 2}',
        '{"\\ud800": 1, "loss": "\\udfff"}',
        '{"loss": 1, "loss": 2}',
        '{"_timestamp": "yesterday", "_runtime": [], "loss": 1}',
        '{"_timestamp": 1e300, "loss": 1}',
        '{"loss": {"_type": "image-file"}}',
        '{"loss": {"_type": 5, "path": "../../etc/passwd"}}',
        '{"loss": ' + "[" * 50_000 + "]" * 50_000 + "}",
        '{"loss": ' + '{"a":' * 2_000 + "1" + "}" * 2_000 + "}",
        '{"loss": ' + "9" * 5_000 + "}",
        '{"__proto__": {"polluted": true}, "constructor": 1, "hasOwnProperty": 2, "loss": 1}',
        '{"loss": 1e999, "other": -1e999}',
        json.dumps({MARKUP: 1, "ключ 🚀": 2, "a/../b": 3, "%2e%2e": 4, "'; drop table runs; --": 5, "loss": 1}),
        "\ufeff" + '{"loss": 1}',
    ],
    ids=lambda line: line[:60] or "empty",
)
def test_strange_history_line_never_breaks_its_run(rest: Rest, project: str, line: str) -> None:
    good = '{"_step": 100, "loss": 0.5}'

    response = rest.stream(project, "run", history(line, good))

    if response.status_code == 200:
        assert rest.rows(project, "run")[-1]["loss"] is not None
    else:
        assert_refused(response, 400, 413)
        assert rest.rows(project, "run") == []
    assert_readable(rest, project)


@pytest.mark.usefixtures("run")
def test_line_of_ten_megabytes_is_kept(rest: Rest, project: str) -> None:
    text = "é" * (5 * 1024 * 1024 - 1024)

    response = rest.stream(project, "run", history(json.dumps({"_step": 0, "text": text}, ensure_ascii=False)))

    assert response.status_code == 200, response.text
    (row,) = rest.rows(project, "run")
    assert row["text"] == text


@pytest.mark.usefixtures("run")
def test_row_of_a_hundred_thousand_keys_is_kept(rest: Rest, project: str) -> None:
    row = {f"layer/{number}": number for number in range(100_000)}

    response = rest.stream(project, "run", history(json.dumps({"_step": 0, **row})))

    assert response.status_code == 200, response.text
    (found,) = rest.rows(project, "run")
    assert {key: found[key] for key in row} == row
    catalogue = rest.get(f"/projects/{project}/runs/run/metrics")
    assert catalogue["total"] >= 100_000
    series = rest.series(project, ["run"], ["layer/99999"])["series"][0]
    assert series["mean"] == [99_999]


@pytest.mark.usefixtures("run")
@pytest.mark.parametrize(
    ("body", "encoding", "status"),
    [
        (gzip.compress(b"{}")[:-4], "gzip", 400),
        (b"this is not gzip", "gzip", 400),
        (b"", "gzip", 400),
        (b"{}", "br", 400),
        (b"{}", "x" * 1000, 400),
        (zlib.compress(b"{}")[:-3], "deflate", 400),
    ],
    ids=["cut off", "no gzip", "empty", "unknown", "long", "deflate cut off"],
)
def test_damaged_compression_is_refused(rest: Rest, project: str, body: bytes, encoding: str, status: int) -> None:
    response = rest.http.post(stream_path(project, "run"), content=body, headers={"Content-Encoding": encoding})

    if body:
        assert_refused(response, status)
    else:
        assert response.status_code in (200, status)


@pytest.mark.usefixtures("run")
@pytest.mark.parametrize("target", ["file stream", "graphql"])
def test_gzip_bomb_is_refused_before_it_fills_memory(
    server: ServerProcess, rest: Rest, project: str, target: str
) -> None:
    bomb = gzip_bomb(640 * 1024**2)
    path = "/graphql" if target == "graphql" else stream_path(project, "run")
    before = resident_bytes(server)

    response = rest.http.post(path, content=bomb, headers={"Content-Encoding": "gzip"})

    assert_refused(response, 413)
    assert resident_bytes(server) - before < 320 * 1024 * 1024


@pytest.mark.usefixtures("run")
def test_oversized_body_is_refused(rest: Rest, project: str) -> None:
    body = b'{"files": {"output.log": {"offset": 0, "content": ["' + b"a" * (65 * 1024 * 1024) + b'"]}}}'

    assert "limit" in assert_refused(rest.http.post(stream_path(project, "run"), content=body), 413)


def test_announced_size_over_the_limit_is_refused_without_reading(server: ServerProcess, project: str) -> None:
    started_at = time.monotonic()

    reply = raw_request(server, "POST", "/graphql", b"{}", {**BEARER, "Content-Length": str(10**12)})

    assert_refused(reply, 413)
    assert time.monotonic() - started_at < 5


@pytest.mark.usefixtures("run")
def test_unknown_virtual_files_touch_nothing(server: ServerProcess, rest: Rest, project: str) -> None:
    names = ["../../escape", "/etc/passwd", "..%2f..%2fescape", "logs/../../escape", "a\x00b", ""]
    before = {path for path in server.data.parent.rglob("*") if path.is_file()}

    for name in names:
        response = rest.stream(project, "run", {"files": {name: {"offset": 0, "content": ["x"]}}})
        assert response.status_code == 200 or assert_refused(response)

    after = {path for path in server.data.parent.rglob("*") if path.is_file()}
    assert not {path for path in after - before if "escape" in path.name or "passwd" in path.name}
    assert_readable(rest, project)


@pytest.mark.parametrize(
    "target",
    [
        "/files/admin/../admin/run/file_stream",
        "/files/admin/%2e%2e/run/file_stream",
        "/files/%2e%2e/%2e%2e/%2e%2e/file_stream",
        "/files/admin/project/%00/file_stream",
        "/files/admin/pro%00ject/run/file_stream",
        "/files/%ff%fe/project/run/file_stream",
        "/files/admin/project/a%2Fb/file_stream",
        "/files/admin/project/" + "a" * 10_000 + "/file_stream",
        "/files/admin/project//file_stream",
        "/files/__proto__/constructor/toString/file_stream",
        "/files/admin/%3Cscript%3E/run/file_stream",
        "/files/admin/..%5c..%5c/run/file_stream",
        "/files/../../../../etc/passwd",
        "/storage/../../../../etc/passwd",
        "/assets/../../../../etc/passwd",
        "/assets/%2e%2e/%2e%2e/%2e%2e/pyproject.toml",
        "/assets/..%2f..%2fapp.py",
    ],
    ids=lambda target: target[:60],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_climbing_or_impossible_addresses_lead_nowhere(server: ServerProcess, method: str, target: str) -> None:
    reply = raw_request(server, method, target, b"{}" if method == "POST" else None, BEARER)

    if method == "GET" and reply.status_code == 200:
        # The page answers for any address, so that it can show its own "not found".
        assert b"<!doctype html>" in reply.content.lower()
        assert b"root:" not in reply.content
    else:
        assert_refused(reply, 400, 404, 405, 414)


# --- GraphQL ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b'[{"query": "{ viewer { id } }"}]',
        b"{}",
        b'{"query": 5}',
        b'{"query": null}',
        b'{"query": ""}',
        b'{"query": "{ viewer { id } }", "variables": []}',
        b'{"query": "{ viewer { id } }", "operationName": 7}',
        b'{"query": "{ viewer { id } }", "operationName": "Other"}',
        b'{"query": "{ viewer { id }"}',
        b'{"query": "{ viewer { noSuchField } }"}',
        b'{"query": "{ viewer(x: 1) { id } }"}',
        b'{"query": "query ($a: NoType) { viewer { id } }"}',
        b'{"query": "subscription { viewer { id } }"}',
        b'{"query": "{ a: viewer { id } ...F } fragment F on Query { ...F }"}',
        b'{"query": "{ viewer { id } }", "variables": ' + b'{"a":' * 5000 + b"1" + b"}" * 5000 + b"}",
        b"\xff" * 100,
    ],
    ids=lambda body: body[:70].decode(errors="replace") or "empty",
)
def test_malformed_graphql_is_one_clear_error(rest: Rest, body: bytes) -> None:
    response = rest.http.post("/graphql", content=body, headers={"Content-Type": "application/json"})

    if b'"a":{' in body and response.status_code == 200:
        return  # undeclared variables are ignored, however deep
    assert graphql_errors(response)


@pytest.mark.parametrize(
    "query",
    [
        "{ viewer " + "{ entity { user " * 200 + "{ id }" + "} }" * 200 + " }",
        "{" + " ".join(f"a{number}: viewer {{ id username email }}" for number in range(20_000)) + "}",
        "{ ...F0 } "
        + " ".join(f"fragment F{n} on Query {{ a{n}: viewer {{ id }} ...F{n + 1} ...F{n + 1} }}" for n in range(60))
        + " fragment F60 on Query { viewer { id } }",
        "{" * 50_000,
        "query ($a: " + "[" * 20_000 + "String" + "]" * 20_000 + ") { viewer { id } }",
        "{ project(name: " + "[" * 20_000 + ") { id } }",
        "{ viewer { id } } #" + "x" * 5_000_000,
        "{ __schema { types " + "{ fields { type " * 100 + "{ name }" + "} }" * 100 + " } }",
    ],
    ids=["deep", "aliases", "fragments", "braces", "type depth", "list depth", "long comment", "deep introspection"],
)
def test_documents_that_grow_are_bounded(rest: Rest, query: str) -> None:
    started_at = time.monotonic()

    response = rest.http.post("/graphql", json={"query": query})

    assert time.monotonic() - started_at < 5
    if not query.startswith("{ viewer { id } } #"):
        assert graphql_errors(response)
    assert response.status_code < 500


def test_graphql_over_get_is_refused(rest: Rest) -> None:
    """A link or an image must not be able to run a document."""
    assert_refused(rest.http.get("/graphql", params={"query": "{ viewer { id } }"}), 404, 405)


def test_unknown_field_names_operation_and_field(server: ServerProcess, rest: Rest) -> None:
    response = rest.http.post(
        "/graphql", json={"query": "query Curious { viewer { shoeSize } }", "operationName": "Curious"}
    )

    (message,) = graphql_errors(response)
    assert message == "Cannot query field 'shoeSize' on type 'User'." or 'Cannot query field "shoeSize"' in message
    log = server.read_log()
    assert "Curious" in log
    assert "shoeSize" in log


@pytest.mark.parametrize(
    "name",
    ["..", ".", "a/b", "a\\b", "a%2eb", "a?b", "a#b", "a:b", "", " ", "a\x00b", "a\nb", "\ud800", "x" * 65, "../../up"],
    ids=ascii,
)
def test_bad_run_ids_are_refused(rest: Rest, project: str, name: str) -> None:
    entity, project_name = project.split("/")
    body = {"query": UPSERT_RUN, "variables": {"entity": entity, "project": project_name, "name": name}}

    response = rest.http.post("/graphql", content=json.dumps(body), headers={"Content-Type": "application/json"})

    if name == "\ud800" and not graphql_errors(response):
        # Read as U+FFFD, which is storable and visible.
        assert response.json()["data"]["upsertBucket"]["bucket"]["name"] == "\ufffd"
    elif name == "" and not graphql_errors(response):
        assert len(response.json()["data"]["upsertBucket"]["bucket"]["name"]) >= 8  # as if none was given
    else:
        assert graphql_errors(response)


@pytest.mark.parametrize("name", ["..", "a/b", "a\x00b", "x" * 200, " ", "a\nb"], ids=ascii)
@pytest.mark.parametrize("field", ["project", "entity"])
def test_bad_project_and_entity_names_are_refused(rest: Rest, field: str, name: str) -> None:
    variables = {"entity": "admin", "project": "bad-names", "name": "run"} | {field: name}

    response = rest.http.post("/graphql", json={"query": UPSERT_RUN, "variables": variables})

    assert graphql_errors(response)


@pytest.mark.parametrize(
    "name", ["__proto__", "constructor", MARKUP, "ключ 🚀", "a b", "-rf", "'; drop table runs; --"]
)
def test_strange_but_allowed_names_are_kept(rest: Rest, project: str, name: str) -> None:
    run_id = name.replace("/", "_")

    rest.create_run(
        project,
        run_id,
        displayName=name,
        tags=[name],
        notes=name,
        groupName=name,
        config=json.dumps({name: {"value": name}}),
    )

    run = rest.run(project, run_id)
    assert (run["id"], run["name"], run["tags"], run["notes"]) == (run_id, name, [name], name)
    assert (run["group"], run["config"]) == (name, {name: name})


@pytest.mark.parametrize(
    "config",
    [
        "",
        "not json",
        "[]",
        "5",
        '{"a": 5}',
        '{"a": {"value": NaN}}',
        '{"a": {"value": 1e999}}',
        '{"": {"value": 1}}',
        '{"a\\u0000": {"value": "\\u0000"}}',
        '{"a": {"value": ' + "[" * 3_000 + "]" * 3_000 + "}}",
        '{"a": {"value": ' + "[" * 100_000 + "]" * 100_000 + "}}",
        '{"_wandb": 5}',
        '{"_wandb": {"value": []}}',
        '{"_wandb": {"value": {"m": 7, "t": [], "e": "x", "branch_point": {"run_id": 5, "step": "x"}}}}',
        '{"_wandb": {"value": {"m": [{"5": 99999}, {"1": 5}, {"2": null}, 7, {"1": "a", "5": -1, "6": 3, "7": "x"}]}}}',
    ],
    ids=lambda config: config[:60] or "empty",
)
def test_strange_config_is_kept_or_refused_and_its_run_stays_readable(rest: Rest, project: str, config: str) -> None:
    entity, name = project.split("/")
    rest.create_run(project, "run")
    variables = {"entity": entity, "project": name, "name": "run", "config": config}

    graphql_errors(rest.http.post("/graphql", json={"query": UPSERT_RUN, "variables": variables}))

    assert_readable(rest, project)
    resume = rest.http.post(
        "/graphql",
        json={
            "query": 'query ($e: String, $p: String) { model(name: $p, entityName: $e) { bucket(name: "run") '
            '{ config summaryMetrics historyTail wandbConfig(keys: ["t"]) historyKeys } } }',
            "variables": {"e": entity, "p": name},
        },
    )
    assert graphql_errors(resume) == []


CREATE_FILES = """
mutation ($entity: String!, $project: String!, $run: String!, $files: [String!]!) {
  createRunFiles(input: {entityName: $entity, projectName: $project, runName: $run, files: $files}) {
    files { name uploadUrl }
  }
}
"""


@pytest.mark.usefixtures("run")
@pytest.mark.parametrize(
    "name",
    [
        "../escape", "a/../../escape", "/etc/passwd", "..", ".", "", "a//b", "a/./b", "a\x00b", "C:\\escape",
        "..\\..\\escape", "\\escape", "a\nb", "x" * 5_000,
    ],
    ids=ascii,
)  # fmt: skip
def test_file_names_that_could_climb_are_refused(rest: Rest, project: str, name: str) -> None:
    entity, project_name = project.split("/")
    variables = {"entity": entity, "project": project_name, "run": "run", "files": ["fine.txt", name]}

    response = rest.http.post("/graphql", json={"query": CREATE_FILES, "variables": variables})

    assert graphql_errors(response)
    assert rest.files(project, "run") == {}


@pytest.mark.usefixtures("run")
@pytest.mark.parametrize(
    "name",
    ["%2e%2e/%2e%2e/escape", "..%2fescape", "a b/ü 🚀.txt", "__proto__", MARKUP, "?#&=+.txt", "...", "a/..b/c..", "~"],
    ids=ascii,
)
def test_file_names_that_only_look_dangerous_are_kept_literally(
    server: ServerProcess, rest: Rest, project: str, name: str
) -> None:
    entity, project_name = project.split("/")
    data = rest.graphql(CREATE_FILES, entity=entity, project=project_name, run="run", files=[name])
    (target,) = data["createRunFiles"]["files"]
    assert target["name"] == name

    assert rest.http.put(target["uploadUrl"], content=b"content").status_code == 200

    assert list(rest.files(project, "run")) == [name]
    assert rest.file(project, "run", name) == b"content"
    assert not list(Path(server.data).parent.rglob("escape"))


# --- helpers ----------------------------------------------------------------------------------------------------------


def gzip_bomb(size: int) -> bytes:
    """`size` bytes of spaces, some thousand times smaller; JSON allows them before a document."""
    compressor = zlib.compressobj(9, wbits=31)
    block = b" " * 1024 * 1024
    parts = [compressor.compress(block) for _ in range(math.ceil(size / len(block)))]
    return b"".join([*parts, compressor.flush()])


def resident_bytes(server: ServerProcess) -> int:
    """Memory of the server and its workers."""
    process = psutil.Process(server.pid)
    return sum(each.memory_info().rss for each in [process, *process.children(recursive=True)])
