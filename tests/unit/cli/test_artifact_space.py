"""What `kymograph artifact du`, `gc` and `purge` ask and show."""

from __future__ import annotations

from typing import Any

import httpx
import orjson
import pytest
from click.testing import CliRunner, Result

from kymograph.cli.main import cli
from kymograph.client import transport as module

COLLECTED = {"expired": 1, "drafts": 2, "purged": 3, "objects": 4, "size_bytes": 5_000}
SPACE = {
    "live_bytes": 2_000_000,
    "trashed_bytes": 3_000,
    "draft_bytes": 4,
    "run_bytes": 5,
    "versions": 6,
    "trashed_versions": 7,
    "drafts": 8,
}
COLLECTION = {"name": "digits", "own_bytes": 1_000, "shared_bytes": 2_000, "versions": 2, "trashed_versions": 0}
VERSION = {"version": "v1", "aliases": ["best"], "own_bytes": 1, "shared_bytes": 2}


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str, Any]]:
    """Method, address and body of every request."""
    seen: list[tuple[str, str, Any]] = []

    def handle(request: httpx.Request) -> httpx.Response:
        path = request.url.raw_path.decode()
        seen.append((request.method, path, orjson.loads(request.content) if request.content else None))
        if path.endswith("/orphans"):
            return httpx.Response(200, json={"missing": [{"key": "blobs/1/a", "size_bytes": 3}], "unnamed": []})
        if request.method == "POST":
            return httpx.Response(200, json=COLLECTED)
        if "/collections/" in path:
            return httpx.Response(200, json={"collection": COLLECTION, "items": [VERSION], "next": None, "total": 1})
        if "/collections?" in path and "after=" not in path:
            return httpx.Response(200, json={"items": [COLLECTION], "next": "there", "total": 2})
        if "/collections?" in path:
            return httpx.Response(200, json={"items": [{**COLLECTION, "name": "letters"}], "next": None, "total": 2})
        return httpx.Response(200, json=SPACE)

    made = module.Transport
    monkeypatch.setattr(module, "Transport", lambda connection: made(connection, inner=httpx.MockTransport(handle)))
    monkeypatch.setenv("WANDB_BASE_URL", "http://host")
    monkeypatch.setenv("WANDB_API_KEY", "0" * 40)
    return seen


def run(*arguments: str, text: str | None = None) -> Result:
    environment = {"WANDB_BASE_URL": "http://host", "WANDB_API_KEY": "a" * 40}
    return CliRunner().invoke(cli, ["artifact", *arguments], input=text, env=environment)


def test_du_of_a_project_lists_its_largest_collections(asked: list[tuple[str, str, Any]]) -> None:
    result = run("du", "me/my project")

    assert asked[-1][1] == "/api/v1/projects/me/my%20project/storage"
    assert "2.0 MB" in result.stdout
    assert "7 versions, can be restored" in result.stdout
    assert "digits" in result.stdout
    assert "1 more; --all lists them" in result.stderr


def test_du_with_all_reads_every_page(asked: list[tuple[str, str, Any]]) -> None:
    result = run("du", "me/p", "--json")

    assert [item["name"] for item in orjson.loads(result.stdout)["items"]] == ["digits", "letters"]


def test_du_of_a_collection_lists_its_versions(asked: list[tuple[str, str, Any]]) -> None:
    result = run("du", "me/p/digits")

    assert asked[0][1].startswith("/api/v1/projects/me/p/storage/collections/digits?")
    assert "1.0 kB own" in result.stdout
    assert "v1, best" in result.stdout


@pytest.mark.parametrize("path", ["a/b/c/d", "a//b"])
def test_path_that_is_no_place_is_refused(asked: list[tuple[str, str, Any]], path: str) -> None:
    assert run("du", path).exit_code == 2
    assert asked == []


def test_gc_says_what_went(asked: list[tuple[str, str, Any]]) -> None:
    result = run("gc", "--dry-run")

    assert asked == [("POST", "/api/v1/admin/artifacts/collect", {"dry_run": True})]
    assert "3 deleted versions and 2 drafts would be removed, 5.0 kB in 4 objects would be freed" in result.stdout


def test_orphans_that_are_missing_are_a_failure(asked: list[tuple[str, str, Any]]) -> None:
    result = run("gc", "--orphans")

    assert result.exit_code == 1
    assert "missing" in result.stdout


def test_purge_asks_first_and_says_what_would_go(asked: list[tuple[str, str, Any]]) -> None:
    assert run("purge", "me/p", text="n\n").exit_code == 1
    assert [body for _, _, body in asked] == [{"dry_run": True}]

    assert run("purge", "me/p", "--yes").exit_code == 0
    assert asked[-1] == ("POST", "/api/v1/projects/me/p/artifacts/purge", {"dry_run": False})
    assert run("purge", "me/p/digits").exit_code == 2
