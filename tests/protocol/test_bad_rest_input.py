"""Filters, cursors, ranges and edits that make no sense: one clear error each, quickly; never a 5xx."""

from __future__ import annotations

import json
import time
from typing import Any
from urllib.parse import quote

import pytest

from tests.e2e.rest import Rest, run_path
from tests.e2e.server import ServerProcess
from tests.protocol.requests import assert_refused, raw_request

LONG = "a" * 40


@pytest.fixture
def run(rest: Rest, project: str) -> str:
    """A run whose names invite slow patterns."""
    rest.create_run(project, "run", displayName=LONG + "!", notes=LONG, tags=[LONG], config='{"lr": {"value": 0.1}}')
    line = json.dumps({"_step": 0, "loss": 1})
    rest.stream(project, "run", {"files": {"wandb-history.jsonl": {"offset": 0, "content": [line]}}})
    return "run"


def get(rest: Rest, path: str, **params: Any) -> Any:
    """The answer, which must come soon."""
    started_at = time.monotonic()
    response = rest.http.get(f"/api/v1{path}", params=params)
    assert time.monotonic() - started_at < 10
    assert response.status_code < 500, response.text
    return response


@pytest.mark.usefixtures("run")
@pytest.mark.parametrize(
    "q",
    [
        "{",
        "{}x",
        '{"$where": "sleep(1000)"}',
        '{"$function": {}}',
        '{"state": {"$nope": 1}}',
        '{"state": {"$in": "running"}}',
        '{"$and": {}}',
        '{"$or": [1, 2]}',
        '{"display_name": {"$regex": "("}}',
        '{"display_name": {"$regex": 5}}',
        '{"$not": []}',
        '{"nonsense": 1}',
        '{"$and": [' * 800 + "]}" * 800,
    ],
    ids=lambda q: q[:50],
)
def test_malformed_filters_are_refused(rest: Rest, project: str, q: str) -> None:
    message = assert_refused(get(rest, f"/projects/{project}/runs", q=q), 400, 414, 422)

    assert len(message) < 1000


@pytest.mark.usefixtures("run")
@pytest.mark.parametrize(
    "q",
    [
        '{"display_name": {"$regex": "(a+)+$"}}',
        '{"display_name": {"$regex": "(a|aa)+$"}}',
        '{"notes": {"$regex": "^(([a-z])+.)+[A-Z]([a-z])+$"}}',
        '{"tags": {"$regex": "(.*a){25}"}}',
        json.dumps({"display_name": {"$regex": "a" * 5_000}}),
        '{"config.lr": 1e999}',
        '{"config.lr": NaN}',
        '{"config.lr": 123456789012345678901234567890}',
        '{"config.__proto__": 1}',
        '{"config.a\'; DROP TABLE runs; --": 1}',
        '{"display_name": "\\u0000"}',
        "'; DROP TABLE runs; --",
        "%_\\",
        "\x00",
        "ключ 🚀" * 100,
    ],
    ids=lambda q: ascii(q[:50]),
)
def test_hostile_filters_are_bounded_and_change_nothing(rest: Rest, project: str, q: str) -> None:
    response = get(rest, f"/projects/{project}/runs", q=q)

    assert response.status_code == 200 or assert_refused(response, 400)
    assert [found["id"] for found in rest.runs(project)] == ["run"]


@pytest.mark.usefixtures("run")
@pytest.mark.parametrize(
    "params",
    [
        {"sort": "nonsense"},
        {"sort": "-"},
        {"sort": "name; DROP TABLE runs"},
        {"sort": ",".join(["name"] * 500)},
        {"columns": "nonsense"},
        {"columns": "config."},
        {"columns": [f"config.{number}" for number in range(600)]},
        {"limit": 0},
        {"limit": -1},
        {"limit": 10**9},
        {"limit": "many"},
        {"after": "forged"},
        {"after": "Q3Vyc29yOi0x"},
        {"after": "=" * 900},
    ],
    ids=lambda params: str(params)[:50],
)
def test_malformed_parameters_of_a_run_list_are_refused(rest: Rest, project: str, params: dict[str, Any]) -> None:
    response = get(rest, f"/projects/{project}/runs", **params)

    assert response.status_code == 200 or assert_refused(response, 400, 422)
    if params != {"sort": ",".join(["name"] * 500)} and "DROP" not in str(params):
        assert response.status_code != 200, "taken as if it made sense"


@pytest.mark.usefixtures("run")
@pytest.mark.parametrize(
    "change",
    [
        {"width": 0},
        {"width": -1},
        {"width": 10**9},
        {"width": "wide"},
        {"x": "nonsense"},
        {"x": "metric:"},
        {"stream": "nonsense"},
        {"min": "left"},
        {"min": 5, "max": 1},
        {"runs": "run"},
        {"runs": [["run"]]},
        {"metrics": [5]},
        {"runs": ["run"] * 100_000},
        {"metrics": [f"m{number}" for number in range(100_000)]},
        {"unknown": 1},
    ],
    ids=lambda change: str(change)[:50],
)
def test_malformed_series_requests_are_refused(rest: Rest, project: str, change: dict[str, Any]) -> None:
    body = {"runs": ["run"], "metrics": ["loss"], "stream": "history", "x": "step", "width": 100} | change

    response = rest.http.post(f"/api/v1/projects/{project}/series", json=body)

    if change.get("runs") == ["run"] * 100_000:
        assert response.status_code < 500  # one run, named often
    else:
        assert_refused(response, 400, 413, 422)


@pytest.mark.usefixtures("run")
@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "9" * 400, "-1e308", "1e308"])
def test_strange_zoom_ranges_are_survived(rest: Rest, project: str, number: str) -> None:
    body = f'{{"runs": ["run"], "metrics": ["loss"], "stream": "history", "x": "step", "width": 100, "min": {number}}}'

    response = rest.http.post(
        f"/api/v1/projects/{project}/series", content=body, headers={"Content-Type": "application/json"}
    )

    assert response.status_code == 200 or assert_refused(response, 400, 422)


@pytest.mark.usefixtures("run")
@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b"[]", b'"x"', b"[" * 50_000, b"\xff\xfe", b'{"name": 5}', b'{"tags": "one"}', b'{"tags": [1]}',
        b'{"tags": [""]}', b'{"color": 99}', b'{"color": -1}', b'{"unknown": 1}', b'{"name": "' + b"x" * 5_000 + b'"}',
    ],
    ids=lambda body: ascii(body[:40]),
)  # fmt: skip
def test_malformed_edits_are_refused_and_change_nothing(rest: Rest, project: str, body: bytes) -> None:
    before = rest.run(project, "run")

    response = rest.http.patch(
        f"/api/v1{run_path(project, 'run')}", content=body, headers={"Content-Type": "application/json"}
    )

    assert_refused(response, 400, 413, 422)
    assert rest.run(project, "run") == before


@pytest.mark.usefixtures("run")
@pytest.mark.parametrize(
    ("part", "params"),
    [
        ("rows", {"min_step": 2**63}),
        ("rows", {"min_step": "first"}),
        ("rows", {"limit": 0}),
        ("rows", {"mode": "some"}),
        ("rows", {"after": "forged"}),
        ("console", {"start": -1}),
        ("console", {"start": 2**70}),
        ("console", {"tail": 0}),
        ("console", {"limit": 10**9}),
        ("files", {"limit": "x"}),
    ],
)
def test_malformed_ranges_of_a_run_are_refused(rest: Rest, project: str, part: str, params: dict[str, Any]) -> None:
    assert_refused(get(rest, f"{run_path(project, 'run')}/{part}", **params), 400, 422)


@pytest.mark.usefixtures("run")
@pytest.mark.parametrize("name", ["../../../etc/passwd", "%2e%2e/x", "..%2f..%2fx", "\x00", "a" * 5_000, "a//b", "/x"])
def test_files_that_cannot_exist_are_not_found(rest: Rest, project: str, name: str) -> None:
    response = rest.http.get(f"/api/v1{run_path(project, 'run')}/files/{quote(name, safe='')}")

    assert_refused(response, 400, 404, 414)


@pytest.mark.parametrize(
    "header",
    ["Bearer", "Basic", "Basic !!!!", "Basic " + "A" * 10_000, "Basic /w==", "Digest x", "Bearer é", "x"],
    ids=lambda header: header[:20],
)
def test_malformed_credentials_are_unauthenticated(server: ServerProcess, header: str) -> None:
    reply = raw_request(server, "GET", "/api/v1/session", headers={"Authorization": header})

    assert_refused(reply, 401)
