"""Requests of code that awaits: the same rules as of code that does not."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from kymograph.client.async_transport import AsyncTransport
from kymograph.client.connection import Attempts, Connection
from kymograph.client.credentials import Credential, basic_authorization
from kymograph.errors import RunNotFound, ServerBusy, Unauthenticated, Unreachable

CONNECTION = Connection.of("http://host", "key")


class Waits(list[float]):
    """Waits no time, and notes how long it was to be."""

    async def __call__(self, wait_s: float) -> None:
        self.append(wait_s)


def answering(*answers: httpx.Response | Exception, waits: Waits | None = None) -> AsyncTransport:
    """A transport whose server gives these answers, the last one again and again."""
    left = list(answers)

    def handle(request: httpx.Request) -> httpx.Response:
        assert request.headers.get("authorization") in (basic_authorization("key"), None)
        answer = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    return AsyncTransport(CONNECTION, inner=httpx.MockTransport(handle), wait=waits)


async def test_an_error_comes_back_as_it_was_raised() -> None:
    told = httpx.Response(404, json={"error": {"kind": "RunNotFound", "message": "no run abc"}})

    async with answering(told) as transport:
        with pytest.raises(RunNotFound, match="no run abc"):
            await transport.get("/x")


async def test_no_answer_is_told_with_the_address() -> None:
    async with answering(httpx.ConnectError("refused")) as transport:
        with pytest.raises(Unreachable, match="http://host: refused"):
            await transport.get("/x")


async def test_a_server_that_is_busy_is_waited_for() -> None:
    waits = Waits()
    busy = httpx.Response(429, headers={"Retry-After": "7"})

    async with answering(httpx.Response(503), busy, httpx.Response(200, json=1), waits=waits) as transport:
        assert await transport.get("/x") == 1
    assert 1 <= waits[0] <= 1.25
    assert waits[1] == 7

    async with answering(httpx.Response(503), waits=waits) as transport:
        with pytest.raises(ServerBusy):
            await transport.get("/x")
    assert len(waits) == 2 + 3


async def test_settings_say_how_often_a_server_that_is_away_is_asked() -> None:
    waits = Waits()

    def away(_request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    patient = replace(CONNECTION, graphql=Attempts(30, retries=2))
    async with AsyncTransport(patient, inner=httpx.MockTransport(away), wait=waits) as transport:
        with pytest.raises(Unreachable):
            await transport.get("/x")

    assert len(waits) == 2


async def test_documents_are_asked_for() -> None:
    async with answering(httpx.Response(200, json={"data": {"x": 1}})) as transport:
        assert await transport.graphql("{ x }") == {"x": 1}
    async with answering(httpx.Response(200, json={"data": {"viewer": None}})) as transport:
        with pytest.raises(Unauthenticated):
            await transport.viewer()


async def test_the_key_stays_with_the_server() -> None:
    seen: list[str | None] = []

    def handle(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers.get("authorization"))
        if request.url.host == "host":
            return httpx.Response(302, headers={"Location": "http://files/x"})
        return httpx.Response(200, content=b"abc")

    sink = io.BytesIO()
    async with AsyncTransport(CONNECTION, inner=httpx.MockTransport(handle)) as transport:
        await transport.fetch("/files/x", sink)
        await transport.put("http://files/z", b"", headers={})

    assert sink.getvalue() == b"abc"
    assert seen == [basic_authorization("key"), None, None]


async def test_an_access_token_that_is_not_taken_is_exchanged_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokens = iter(("first", "second"))
    file = tmp_path / "identity"
    file.write_text("proof")
    connection = replace(CONNECTION, credential=Credential("a test", identity_token_file=file))

    def exchange(_self: AsyncTransport, _form: dict[str, str]) -> httpx.Response:
        return httpx.Response(200, json={"access_token": next(tokens), "expires_in": 3600})

    def handle(request: httpx.Request) -> httpx.Response:
        is_known = request.headers["authorization"] == "Bearer second"
        return httpx.Response(200, json=1) if is_known else httpx.Response(401)

    monkeypatch.setattr(AsyncTransport, "_exchange", exchange)
    async with AsyncTransport(connection, inner=httpx.MockTransport(handle)) as transport:
        assert await transport.get("/x") == 1
