"""Every failure has one shape, an id that leads to the log, and no insides."""

from __future__ import annotations

import logging
from typing import Any

import httpx
import pytest

from kymograph.errors import KymographError, ServerBusy, StorageFull
from kymograph.server.errors import response_of
from kymograph.testing.deployments import ADMIN_KEY, DeploymentUnderTest
from tests.unit.server.http import Http

RUN = {"entity": "admin", "project": "errors", "run": "r"}


def error_of(response: httpx.Response) -> dict[str, Any]:
    """The error, checked to have the one shape; clients of GraphQL look for its message in ``errors`` too."""
    body = response.json()
    if response.url.path == "/graphql":
        assert [found["message"] for found in body.pop("errors")] == [body["error"]["message"]]
    assert set(body) == {"error"}
    error: dict[str, Any] = body["error"]
    assert {"kind", "message", "request_id"} <= set(error) <= {"kind", "message", "request_id", "details"}
    assert error["request_id"] == response.headers["x-request-id"]
    return error


@pytest.mark.parametrize(
    ("method", "url", "arguments", "status", "kind"),
    [
        ("GET", "/api/v1/projects/admin/nowhere", {}, 404, "ProjectNotFound"),
        ("GET", "/api/v1/projects/admin/nowhere/runs", {}, 404, "ProjectNotFound"),
        ("GET", "/api/v1/nothing", {}, 404, "NotFound"),
        ("POST", "/api/v1/keys", {"content": b"{"}, 422, "MalformedRequest"),
        ("POST", "/api/v1/keys", {"json": []}, 422, "MalformedRequest"),
        ("PUT", "/api/v1/keys", {}, 405, "MethodNotAllowed"),
        ("DELETE", "/api/v1/keys/nonsense", {}, 400, "MalformedRequest"),
        ("POST", "/graphql", {"content": b"{"}, 400, "MalformedRequest"),
        ("POST", "/graphql", {"content": b"[]"}, 400, "MalformedRequest"),
        ("POST", "/graphql", {"json": {"query": 5}}, 400, "MalformedRequest"),
        ("POST", "/files/admin/nowhere/r/file_stream", {"content": b"{}"}, 404, "ProjectNotFound"),
        ("PUT", "/storage/runs/forged/a.txt", {"content": b"x"}, 403, "Forbidden"),
    ],
)
def test_failure_has_the_one_shape(
    http: Http, method: str, url: str, arguments: dict[str, Any], status: int, kind: str
) -> None:
    response = http.request(method, url, **arguments)

    assert response.status_code == status, response.text
    assert error_of(response)["kind"] == kind


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Basic !!!"},
        {"Authorization": "Basic YXBp"},
        {"Authorization": "Bearer"},
        {"Authorization": "Digest x"},
        {"Authorization": f"Bearer {ADMIN_KEY[:-1]}"},
        {"Cookie": "kymograph_session=forged"},
    ],
)
def test_request_without_a_valid_credential_is_asked_for_one(http: Http, headers: dict[str, str]) -> None:
    for method, url in (("GET", "/api/v1/session"), ("POST", "/graphql"), ("POST", "/files/a/b/c/file_stream")):
        response = http.request(method, url, key=None, headers=headers)

        assert response.status_code == 401
        # Not "Basic": a browser would ask for a password in a window of its own.
        assert response.headers["www-authenticate"].startswith("Bearer")
        assert error_of(response)["kind"] == "Unauthenticated"


def test_key_is_taken_as_basic_or_bearer(http: Http) -> None:
    assert http.get("/api/v1/session").status_code == 200
    assert http.get("/api/v1/session", key=None, headers={"Authorization": f"bearer {ADMIN_KEY}"}).status_code == 200


@pytest.mark.parametrize(
    ("error", "status", "header", "value"),
    [
        (ServerBusy(retry_after_s=0.2), 429, "retry-after", "1"),
        (ServerBusy(retry_after_s=7.4), 429, "retry-after", "7"),
    ],
)
def test_busy_server_says_when_to_come_back(error: KymographError, status: int, header: str, value: str) -> None:
    response = response_of(error)

    assert (response.status_code, response.headers[header]) == (status, value)


def test_full_disk_is_507_in_clear_words() -> None:
    response = response_of(StorageFull("the database"))

    assert response.status_code == 507
    assert b"no space left" in bytes(response.body)


def test_bug_of_ours_is_a_500_without_insides_and_a_traceback_in_the_log(
    http: Http, deployment: DeploymentUnderTest, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_positional: object, **_named: object) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr(type(deployment.services.projects), "list", broken)
    with caplog.at_level(logging.ERROR):
        response = http.get("/api/v1/projects")

    assert response.status_code == 500
    error = error_of(response)
    assert error["kind"] == "InternalError"
    assert "secret detail" not in response.text
    assert any(record.exc_info and "secret detail" in str(record.exc_info[1]) for record in caplog.records)


def test_every_answer_carries_an_id_and_safe_headers(http: Http) -> None:
    first, second = http.get("/healthz"), http.get("/api/v1/nothing")

    for response in (first, second):
        assert response.headers["x-content-type-options"] == "nosniff"
        assert "default-src 'self'" in response.headers["content-security-policy"]
        assert response.headers["referrer-policy"] == "same-origin"
    assert first.headers["x-request-id"] != second.headers["x-request-id"]
