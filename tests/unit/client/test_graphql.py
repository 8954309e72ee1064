"""Documents over the transport, and the errors of their answers."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

import httpx
import orjson
import pytest

from kymograph.client.connection import Connection
from kymograph.client.graphql import GraphqlTransport, Viewer
from kymograph.errors import (
    Forbidden,
    KymographError,
    MalformedRequest,
    ProtocolError,
    RunNotFound,
    ServerBusy,
    TransportError,
    Unauthenticated,
)

CONNECTION = Connection.of("http://host", "key")


def answering(response: httpx.Response, seen: list[httpx.Request] | None = None) -> GraphqlTransport:
    def handle(request: httpx.Request) -> httpx.Response:
        if seen is not None:
            seen.append(request)
        return response

    return GraphqlTransport(CONNECTION, inner=httpx.MockTransport(handle))


def test_a_document_goes_out_with_the_key_as_every_server_takes_it() -> None:
    seen: list[httpx.Request] = []
    with answering(httpx.Response(200, json={"data": {"x": 1}}), seen) as transport:
        assert transport.graphql("query A($a: Int) { x }", {"a": 2}, operation="A") == {"x": 1}
        transport.graphql("{ x }")

    assert (seen[0].method, seen[0].url.path) == ("POST", "/graphql")
    assert seen[0].headers["authorization"] == f"Basic {b64encode(b'api:key').decode()}"
    assert orjson.loads(seen[0].content) == {
        "query": "query A($a: Int) { x }",
        "operationName": "A",
        "variables": {"a": 2},
    }
    assert "variables" not in orjson.loads(seen[1].content)


@pytest.mark.parametrize(
    ("status", "body", "kind", "said"),
    [
        (200, {"errors": [{"message": "no", "extensions": {"kind": "RunNotFound"}}]}, RunNotFound, "no"),
        (200, {"errors": [{"message": "a"}, "b"], "data": {}}, KymographError, "a; b"),
        (200, {"errors": [{"message": "no", "extensions": {"status": 403}}]}, KymographError, "no"),
        (200, {"errors": [{"extensions": 5}]}, MalformedRequest, "<no message>"),
        (200, {"data": None}, ProtocolError, "without data"),
        (200, [], ProtocolError, "without data"),
        (200, "<html>", ProtocolError, "no JSON"),
        (401, {"error": "text"}, Unauthenticated, "text"),
        (403, {"errors": ["text"]}, KymographError, "text"),
        (403, {"error": {"kind": "Forbidden", "message": "you may not"}}, Forbidden, "you may not"),
        (429, {"errors": [{"message": "slow"}]}, ServerBusy, "slow"),
        (502, "<html>", TransportError, "502"),
    ],
)
def test_answers_that_are_errors(status: int, body: Any, kind: type[KymographError], said: str) -> None:
    content = body.encode() if isinstance(body, str) else orjson.dumps(body)
    with answering(httpx.Response(status, content=content)) as transport, pytest.raises(kind, match=said):
        transport.graphql("{ x }")


def test_whom_a_key_belongs_to() -> None:
    viewer = {
        "username": "ada",
        "entity": "team",
        "email": "a@b",
        "teams": {"edges": [{"node": {"name": "team"}}, None]},
    }
    with answering(httpx.Response(200, json={"data": {"viewer": viewer}})) as transport:
        assert transport.viewer() == Viewer("ada", "team", "a@b", ("team",))
    with (
        answering(httpx.Response(200, json={"data": {"viewer": None}})) as transport,
        pytest.raises(Unauthenticated, match="http://host/authorize"),
    ):
        transport.viewer()
