"""What keeps pages and clients from the files of a server, told with what to do."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from kymograph.client.connection import Connection
from kymograph.client.runs import RunAddress, RunClient
from kymograph.errors import IntegrityError, ProtocolError
from kymograph.sdk.storage_check import LARGE_FILE, StorageCheck

AT = RunAddress("ada", "verify", "run1")


class Bucket(httpx.BaseTransport):
    """A server whose files are in a bucket on another host."""

    def __init__(self) -> None:
        self.content = b""
        self.address = "http://bucket"
        self.allowed: dict[str, str] = {"GET": "*", "PUT": "http://host"}
        self.change: Callable[[bytes], bytes] = bytes
        self.knows_ranges = True

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        body = request.read()
        if request.url.host == "host":
            return httpx.Response(
                200, json={"data": self._answer(json.loads(body))} if request.url.path == "/graphql" else {}
            )
        if request.method == "OPTIONS":
            allowed = self.allowed.get(request.headers["Access-Control-Request-Method"])
            return httpx.Response(
                200 if allowed else 403, headers={"Access-Control-Allow-Origin": allowed} if allowed else {}
            )
        if request.method == "PUT":
            self.content = body
            return httpx.Response(200)
        span = request.headers.get("Range")
        if span and self.knows_ranges:
            first, _, last = span.removeprefix("bytes=").partition("-")
            return httpx.Response(206, content=self.content[int(first) : int(last) + 1])
        return httpx.Response(200, content=self.change(self.content))

    def _answer(self, request: dict[str, Any]) -> dict[str, Any]:
        url = f"{self.address}/{LARGE_FILE}"
        if "createRunFiles" in request["query"]:
            return {
                "createRunFiles": {"runID": "1", "uploadHeaders": [], "files": [{"name": LARGE_FILE, "uploadUrl": url}]}
            }
        edges = [{"node": {"name": LARGE_FILE, "directUrl": url, "sizeBytes": 1, "md5": "x"}, "cursor": "1"}]
        files = {"edges": edges, "pageInfo": {"hasNextPage": False}}
        return {"project": {"run": {"files": files}}}


@pytest.fixture
def bucket() -> Bucket:
    return Bucket()


def check(bucket: Bucket, base_url: str = "http://host") -> StorageCheck:
    return StorageCheck(RunClient(Connection.of(base_url, "key"), inner=bucket), AT)


def test_a_bucket_that_does_all_is_told_with_its_speed(bucket: Bucket) -> None:
    assert "34 MB, sent with" in check(bucket).large_file()
    assert check(bucket).cross_origin(LARGE_FILE) == []


def test_bytes_that_change_on_the_way_are_found(bucket: Bucket) -> None:
    bucket.change = lambda content: content[:-1] + b"?"
    with pytest.raises(IntegrityError, match="a proxy or cache"):
        check(bucket).large_file()


def test_parts_that_are_not_given_are_found(bucket: Bucket) -> None:
    bucket.knows_ranges = False
    with pytest.raises(ProtocolError, match="Range header"):
        check(bucket).large_file()


def test_pages_that_are_kept_away_are_told_of(bucket: Bucket) -> None:
    bucket.allowed = {"GET": "http://other"}

    problems = check(bucket).cross_origin(LARGE_FILE)

    assert [problem.partition(" files")[0] for problem in problems] == [
        f"the storage at bucket does not let pages of http://host {method}" for method in ("GET", "PUT")
    ]


def test_addresses_that_browsers_block_are_told_of(bucket: Bucket) -> None:
    bucket.allowed = {"GET": "*", "PUT": "*"}

    problems = check(bucket, "https://host").cross_origin(LARGE_FILE)

    assert all("set its public URL" in problem for problem in problems)
    assert len(problems) == 2
