"""Who asks, on requests to the server: a key, or an access token that is renewed."""

from __future__ import annotations

import json
from io import BytesIO
from pathlib import Path

import httpx
import pytest

from kymograph.client.connection import Connection
from kymograph.client.credentials import Credential
from kymograph.client.graphql import GraphqlTransport
from kymograph.client.identity import EXCHANGE_PATH
from kymograph.errors import Unauthenticated, Unreachable


class Platform:
    """A server that gives access tokens, one after the other, and takes the last."""

    def __init__(self, folder: Path) -> None:
        self.given = 0
        self.seen: list[tuple[str, str | None]] = []
        self.accepted = "Bearer t1"
        self.trouble: Exception | None = None
        (folder / "token").write_text("a.b.c")
        credential = Credential("a file", identity_token_file=folder / "token")
        self.connection = Connection("http://host", credential, folder / "kept.json")

    def handle(self, request: httpx.Request) -> httpx.Response:
        if request.url.path == EXCHANGE_PATH:
            if self.trouble is not None:
                raise self.trouble
            self.given += 1
            return httpx.Response(200, json={"access_token": f"t{self.given}", "expires_in": 3600})
        said = request.headers.get("authorization")
        self.seen.append((request.url.path, said))
        if said != self.accepted:
            return httpx.Response(401, json={"error": "who are you?"})
        return httpx.Response(200, json={"data": {"x": 1}})

    def transport(self) -> GraphqlTransport:
        return GraphqlTransport(self.connection, inner=httpx.MockTransport(self.handle))


@pytest.fixture
def platform(tmp_path: Path) -> Platform:
    return Platform(tmp_path)


def test_an_access_token_goes_out_and_is_exchanged_once(platform: Platform) -> None:
    with platform.transport() as transport:
        transport.graphql("{ x }")
        transport.graphql("{ x }")
    with platform.transport() as transport:
        transport.graphql("{ x }")

    assert platform.seen == [("/graphql", "Bearer t1")] * 3
    assert platform.given == 1


def test_one_that_the_server_takes_no_more_is_renewed(platform: Platform, tmp_path: Path) -> None:
    with platform.transport() as transport:
        transport.graphql("{ x }")
        platform.accepted = "Bearer t2"

        assert transport.graphql("{ x }") == {"x": 1}

    assert json.loads((tmp_path / "kept.json").read_text())["credentials"]["http://host"]["access_token"] == "t2"


def test_one_that_is_never_taken_is_an_error(platform: Platform) -> None:
    platform.accepted = "nobody"
    with platform.transport() as transport, pytest.raises(Unauthenticated, match="who are you"):
        transport.graphql("{ x }")

    assert platform.given == 2


def test_no_answer_to_an_exchange_may_pass(platform: Platform) -> None:
    platform.trouble = httpx.ConnectError("refused")
    with platform.transport() as transport, pytest.raises(Unreachable, match="http://host: refused"):
        transport.graphql("{ x }")


def test_a_redirect_to_another_host_takes_no_key_along() -> None:
    seen: list[tuple[str, bool]] = []

    def handle(request: httpx.Request) -> httpx.Response:
        seen.append((request.url.host, "authorization" in request.headers))
        if request.url.host == "host":
            return httpx.Response(307, headers={"Location": "http://bucket/file"})
        return httpx.Response(200, content=b"bytes")

    sink = BytesIO()
    with GraphqlTransport(Connection.of("http://host", "key"), inner=httpx.MockTransport(handle)) as transport:
        transport.fetch("/files/x", sink)

    assert seen == [("host", True), ("bucket", False)]
    assert sink.getvalue() == b"bytes"
