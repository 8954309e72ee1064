"""Requests to a server: its errors come back as the ones that it raised."""

from __future__ import annotations

from dataclasses import replace

import httpx
import pytest

from kymograph.client.connection import Attempts, Connection
from kymograph.client.credentials import basic_authorization
from kymograph.client.transport import Transport
from kymograph.errors import (
    Forbidden,
    InvalidQuery,
    KymographError,
    ProtocolError,
    RunNotFound,
    ServerBusy,
    StorageFull,
    Unreachable,
)
from kymograph.server.errors import response_of

CONNECTION = Connection.of("http://host", "key")
BASIC = basic_authorization("key")


def answering(response: httpx.Response | Exception) -> Transport:
    def handle(request: httpx.Request) -> httpx.Response:
        assert request.headers["authorization"] == BASIC
        if isinstance(response, Exception):
            raise response
        return response

    return Transport(CONNECTION, inner=httpx.MockTransport(handle))


@pytest.mark.parametrize(
    "error",
    [
        InvalidQuery("no such table"),
        RunNotFound("abc", within="me/p"),
        Forbidden("write", where="p"),
        ServerBusy("too many", retry_after_s=3.0),
        StorageFull("the disk"),
    ],
)
def test_an_error_comes_back_as_it_was_raised(error: KymographError) -> None:
    sent = response_of(error)
    response = httpx.Response(sent.status_code, content=bytes(sent.body), headers=dict(sent.headers))

    with answering(response) as transport, pytest.raises(type(error)) as caught:
        transport.get("/x")

    assert str(caught.value) == str(error)
    assert getattr(caught.value, "retry_after_s", None) == getattr(error, "retry_after_s", None)


def test_an_answer_of_somebody_else_is_told_by_its_status() -> None:
    with answering(httpx.Response(502, text="<html>")) as transport, pytest.raises(ServerBusy, match="502"):
        transport.get("/x")
    with answering(httpx.Response(418)) as transport, pytest.raises(ProtocolError, match="418"):
        transport.get("/x")
    with answering(httpx.Response(429)) as transport, pytest.raises(ServerBusy):
        transport.get("/x")


def test_no_answer_is_told_with_the_address() -> None:
    with (
        answering(httpx.ConnectError("refused")) as transport,
        pytest.raises(Unreachable, match=r"http://host: refused"),
    ):
        transport.get("/x")


def test_documents_are_read() -> None:
    with answering(httpx.Response(200, json={"a": 1})) as transport:
        assert transport.get("/x") == {"a": 1}


def test_a_command_waits_for_a_server_that_is_busy_and_no_other() -> None:
    answers = [httpx.Response(503), httpx.Response(429, headers={"Retry-After": "7"}), httpx.Response(200, json=1)]
    waits: list[float] = []

    with Transport(CONNECTION, inner=httpx.MockTransport(lambda _: answers.pop(0)), wait=waits.append) as transport:
        assert transport.get("/x") == 1
    assert 1 <= waits[0] <= 1.25
    assert waits[1] == 7

    always = httpx.MockTransport(lambda _: httpx.Response(503))
    with Transport(CONNECTION, inner=always, wait=waits.append) as transport, pytest.raises(ServerBusy):
        transport.get("/x")
    assert len(waits) == 2 + 3

    def away(_request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    transport = Transport(CONNECTION, inner=httpx.MockTransport(away), wait=waits.append)
    with transport, pytest.raises(Unreachable):
        transport.get("/x")
    assert len(waits) == 5
    patient = replace(CONNECTION, graphql=Attempts(30, retries=2))
    transport = Transport(patient, inner=httpx.MockTransport(away), wait=waits.append)
    with transport, pytest.raises(Unreachable):
        transport.get("/x")
    assert len(waits) == 7
