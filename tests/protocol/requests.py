"""Requests that no client library would send, and what every refusal has to look like."""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from tests.e2e.server import ServerProcess

CLIENT_ERRORS = frozenset(range(400, 500))


@dataclass(frozen=True, slots=True)
class RawReply:
    """Status and body, not interpreted."""

    status_code: int
    content: bytes

    def json(self) -> Any:
        return json.loads(self.content)

    @property
    def text(self) -> str:
        return self.content.decode(errors="replace")


def raw_request(
    server: ServerProcess, method: str, target: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
) -> RawReply:
    """Send a request target as it stands: dots, escapes and all."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    try:
        connection.request(method, target, body, dict(headers or {}))
        response = connection.getresponse()
        return RawReply(response.status, response.read())
    finally:
        connection.close()


def assert_refused(response: httpx.Response | RawReply, *statuses: int) -> str:
    """Check that an answer is a client error in the one shape (with one of `statuses`, if given); gives its message."""
    assert response.status_code in (statuses or CLIENT_ERRORS), f"{response.status_code}: {response.text[:2000]}"
    body = response.json()
    assert set(body) <= {"error", "errors"}, body
    error = body["error"]
    if "errors" in body:  # what GraphQL clients look at
        assert [each["message"] for each in body["errors"]] == [error["message"]]
    assert {"kind", "message", "request_id"} <= set(error) <= {"kind", "message", "request_id", "details"}, error
    message: str = error["message"]
    assert message
    assert "Traceback" not in message
    assert error["kind"] != "InternalError", error
    return message


def graphql_errors(response: httpx.Response) -> list[str]:
    """The messages of a GraphQL refusal, which may be an HTTP error in the one shape or a list of errors."""
    assert response.status_code == 200 or response.status_code in CLIENT_ERRORS, response.text[:2000]
    body = response.json()
    if "error" in body:
        return [assert_refused(response)]
    errors = body.get("errors") or []
    assert all((error.get("extensions") or {}).get("kind") != "InternalError" for error in errors), errors
    return [error["message"] for error in errors]
