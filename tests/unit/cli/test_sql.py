"""What `kymograph sql` shows."""

from __future__ import annotations

from typing import Any

import httpx
import orjson
import pytest
from click.testing import CliRunner, Result

from kymograph.cli.main import cli
from kymograph.cli.sql import printable, shown
from kymograph.client import transport as module
from kymograph.errors import InvalidQuery

ANSWER = {
    "columns": [
        {"name": "run", "type": "VARCHAR", "values": ["a", None]},
        {"name": "x", "type": "DOUBLE", "values": [{"$number": "NaN"}, 0.5]},
    ],
    "row_count": 2,
    "truncated": False,
    "damaged": [],
    "elapsed_s": 0.01,
}


@pytest.fixture
def requests(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Any]]:
    """What was asked; `/session` and `/sql` answer."""
    seen: list[tuple[str, Any]] = []

    def handle(request: httpx.Request) -> httpx.Response:
        body: Any = orjson.loads(request.content) if request.content else None
        seen.append((request.url.raw_path.decode(), body))
        if request.url.path.endswith("/session"):
            return httpx.Response(200, json={"user": {"default_entity": "ada"}})
        if body["format"] == "csv":
            headers = {"x-kymograph-truncated": "true", "x-kymograph-damaged": "2"}
            return httpx.Response(200, content=b"run,x\r\na,NaN\r\n", headers=headers)
        return httpx.Response(200, json=ANSWER)

    made = module.Transport
    monkeypatch.setattr(module, "Transport", lambda to: made(to, inner=httpx.MockTransport(handle)))
    return seen


def run(*arguments: str, text: str | None = None) -> Result:
    environment = {"WANDB_BASE_URL": "http://host", "WANDB_API_KEY": "a" * 40}
    return CliRunner().invoke(cli, ["sql", *arguments], input=text, env=environment)


def test_csv_is_the_form_for_pipes(requests: list[tuple[str, Any]]) -> None:
    result = run("SELECT 1", "--project", "me/my project")

    assert result.stdout_bytes == b"run,x\r\na,NaN\r\n"
    assert requests == [
        ("/api/v1/projects/me/my%20project/sql", {"query": "SELECT 1", "limit": 100_000, "format": "csv"})
    ]
    assert "more rows" in result.stderr
    assert "2 objects of the history could not be read" in result.stderr


def test_a_table_shows_numbers_as_they_are(requests: list[tuple[str, Any]]) -> None:
    result = run("SELECT 1", "--project", "p", "--format", "table")

    assert [line.split() for line in result.stdout.splitlines() if line.strip()][2:] == [
        ["a", "NaN"], ["null", "0.5"], ["2", "rows", "in", "0.01", "s"],
    ]  # fmt: skip
    assert requests[1] == ("/api/v1/projects/ada/p/sql", {"query": "SELECT 1", "limit": 100, "format": "json"})


def test_json_and_lines(requests: list[tuple[str, Any]]) -> None:
    assert orjson.loads(run("SELECT 1", "--project", "me/p", "--format", "json").stdout) == ANSWER
    lines = run("-", "--project", "me/p", "--format", "jsonl", "--limit", "7", text="SELECT 2").stdout.splitlines()

    assert list(map(orjson.loads, lines)) == [{"run": "a", "x": {"$number": "NaN"}}, {"run": None, "x": 0.5}]
    assert requests[-1][1] == {"query": "SELECT 2", "limit": 7, "format": "json"}


def test_a_project_must_be_named(requests: list[tuple[str, Any]]) -> None:
    result = run("SELECT 1")

    assert result.exit_code == 2
    assert "--project ENTITY/PROJECT" in result.stderr
    assert requests == []


def test_errors_of_the_server_pass_through(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: module.Transport, method: str, path: str, **_: Any) -> None:
        raise InvalidQuery("no")

    monkeypatch.setattr(module.Transport, "request", fail)
    monkeypatch.setenv("WANDB_API_KEY", "k" * 40)

    assert isinstance(run("SELECT 1", "--project", "me/p").exception, InvalidQuery)


def test_values_do_nothing_to_a_terminal() -> None:
    assert printable("a\x1b[31m\r\nb\u202e") == "a\ufffd[31m\ufffd\nb\ufffd"
    assert shown({"$number": "18446744073709551616"}) == "18446744073709551616"
    assert shown([1, "\x1b"]) == '[1,"\\u001b"]'
    assert (shown(True), shown(1e300), shown({"a": 1})) == ("true", "1e+300", '{"a":1}')
