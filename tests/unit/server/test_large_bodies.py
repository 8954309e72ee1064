"""Large bodies past the HTTP server: real sockets, real uvicorn, on both event loops."""

from __future__ import annotations

import asyncio
import hashlib
import http.client
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from fastapi import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from kymograph.core.files import ByteSpan
from kymograph.errors import MalformedRequest
from kymograph.server import large_bodies
from kymograph.server.large_bodies import FROM_BYTES, LargeBodies, Protocol
from kymograph.server.limits import body_stream
from kymograph.server.ranges import bytes_response

CONTENT = os.urandom(3 * FROM_BYTES + 12_345)
SMALL = CONTENT[: FROM_BYTES // 2]
WAIT_S = 20


@dataclass
class Server:
    """An application that stores nothing: it tells what came, or gives `file`."""

    file: Path
    port: int = 0
    broken: list[int] = field(default_factory=list)
    """Sizes of bodies that broke off."""
    refuse_after: int | None = None
    direct: list[str] = field(default_factory=list)
    """What was moved past the HTTP server."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        request = Request(scope, receive)
        answer = await (self._take(request) if request.method == "PUT" else self._give(request))
        await answer(scope, receive, send)

    async def _take(self, request: Request) -> Response:
        hasher, size = hashlib.sha256(), 0
        try:
            async for piece in body_stream(request):
                hasher.update(piece)
                size += len(piece)
                if self.refuse_after is not None and size > self.refuse_after:
                    return JSONResponse({"refused": size}, status_code=507)
        except MalformedRequest:
            self.broken.append(size)
            raise
        return JSONResponse({"sha256": hasher.hexdigest(), "size": size})

    async def _give(self, request: Request) -> Response:
        async def stream(span: ByteSpan | None) -> Any:
            content = self.file.read_bytes()
            yield content if span is None else content[span.start : span.end]

        return bytes_response(
            stream,
            request,
            size_bytes=len(CONTENT),
            mimetype="application/octet-stream",
            name="large.bin",
            etag=None,
            path=None if "streamed" in request.url.path else self.file,
        )

    def connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=WAIT_S)


@pytest.fixture(params=["asyncio", "uvloop"])
def server(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    file = tmp_path / "large.bin"
    file.write_bytes(CONTENT)
    application = Server(file)
    for way in ("receive", "send"):
        _note(monkeypatch, application, way)
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        application.port = listener.getsockname()[1]
        config = uvicorn.Config(
            application, http=Protocol, loop=request.param, lifespan="off", log_config=None, timeout_graceful_shutdown=1
        )
        running = uvicorn.Server(config)
        thread = threading.Thread(target=lambda: running.run(sockets=[listener]), name="uvicorn")
        thread.start()
        try:
            until(lambda: running.started)
            yield application
        finally:
            running.should_exit = True
            thread.join()


def _note(monkeypatch: pytest.MonkeyPatch, server: Server, way: str) -> None:
    original = getattr(LargeBodies, way)

    def noted(self: LargeBodies, *arguments: int) -> Any:
        server.direct.append(way)
        return original(self, *arguments)

    monkeypatch.setattr(LargeBodies, way, noted)


def until(reached: Any) -> None:
    deadline = time.monotonic() + WAIT_S
    while not reached():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.01)


def told(connection: http.client.HTTPConnection) -> tuple[int, dict[str, str], bytes]:
    response = connection.getresponse()
    return response.status, {name.lower(): value for name, value in response.getheaders()}, response.read()


# --- what comes ------------------------------------------------------------------------------------------------------


def test_large_body_comes_whole_and_ends_the_connection(server: Server) -> None:
    with closing(server.connect()) as connection:
        connection.request("PUT", "/", CONTENT)
        status, headers, body = told(connection)

    assert (status, headers["connection"]) == (200, "close")
    assert hashlib.sha256(CONTENT).hexdigest().encode() in body
    assert server.direct == ["receive"]


def test_small_bodies_keep_the_connection(server: Server) -> None:
    with closing(server.connect()) as connection:
        for _ in range(2):
            connection.request("PUT", "/", SMALL)
            status, headers, body = told(connection)
            assert (status, "connection" in headers) == (200, False)
            assert hashlib.sha256(SMALL).hexdigest().encode() in body

    assert server.direct == []


def test_client_that_is_slow_and_waits_for_leave(server: Server) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=WAIT_S) as client:
        head = f"PUT / HTTP/1.1\r\nHost: here\r\nContent-Length: {len(CONTENT)}\r\nExpect: 100-continue\r\n\r\n"
        client.sendall(head.encode())
        assert client.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        for start in range(0, len(CONTENT), 5 << 20):
            client.sendall(CONTENT[start : start + (5 << 20)])
            time.sleep(0.05)  # longer than a turn waits
        with closing(http.client.HTTPResponse(client)) as response:
            response.begin()
            assert hashlib.sha256(CONTENT).hexdigest().encode() in response.read()

    assert server.direct == ["receive"]


@pytest.mark.parametrize("sent", [FROM_BYTES + 100, len(CONTENT) - 1])
def test_body_that_breaks_off_is_refused(server: Server, sent: int) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=WAIT_S) as client:
        client.sendall(f"PUT / HTTP/1.1\r\nHost: here\r\nContent-Length: {len(CONTENT)}\r\n\r\n".encode())
        client.sendall(CONTENT[:sent])

    until(lambda: server.broken)
    assert server.broken == [sent]


def test_client_that_is_refused_half_way_reads_why(server: Server) -> None:
    server.refuse_after = FROM_BYTES

    with closing(server.connect()) as connection:
        connection.request("PUT", "/", CONTENT)
        status, headers, body = told(connection)

    assert (status, headers["connection"]) == (507, "close")
    assert b"refused" in body


def test_nobody_waits_for_a_refused_client_for_ever(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(large_bodies, "LINGER_S", 0.1)
    server.refuse_after = FROM_BYTES

    with socket.create_connection(("127.0.0.1", server.port), timeout=WAIT_S) as client:
        client.sendall(f"PUT / HTTP/1.1\r\nHost: here\r\nContent-Length: {len(CONTENT)}\r\n\r\n".encode())
        client.sendall(CONTENT[: 2 * FROM_BYTES])
        with suppress(ConnectionError):
            while client.recv(1 << 16):
                pass


def test_many_at_once(server: Server) -> None:
    found: list[bytes] = []

    def upload() -> None:
        with closing(server.connect()) as connection:
            connection.request("PUT", "/", CONTENT)
            found.append(told(connection)[2])

    threads = [threading.Thread(target=upload) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(found) == 12
    assert all(hashlib.sha256(CONTENT).hexdigest().encode() in body for body in found)


# --- what goes -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("span", [None, (0, FROM_BYTES), (123, len(CONTENT) - 45)])
def test_large_file_goes_exactly_and_keeps_the_connection(server: Server, span: tuple[int, int] | None) -> None:
    headers = {} if span is None else {"Range": f"bytes={span[0]}-{span[1] - 1}"}

    with closing(server.connect()) as connection:
        for path in ("/", "/streamed", "/"):
            connection.request("GET", path, headers=headers)
            status, answered, body = told(connection)
            assert status == (200 if span is None else 206)
            assert body == (CONTENT if span is None else CONTENT[slice(*span)])
            assert "connection" not in answered

    assert server.direct == ["send", "send"]


def test_small_part_goes_as_usual(server: Server) -> None:
    with closing(server.connect()) as connection:
        connection.request("GET", "/", headers={"Range": "bytes=5-14"})
        assert told(connection)[2] == CONTENT[5:15]

    assert server.direct == []


def test_questions_that_come_at_once_are_answered_in_turn(server: Server) -> None:
    asked = b"GET / HTTP/1.1\r\nHost: here\r\n\r\n"
    last = b"GET / HTTP/1.1\r\nHost: here\r\nRange: bytes=0-9\r\nConnection: close\r\n\r\n"

    with socket.create_connection(("127.0.0.1", server.port), timeout=WAIT_S) as client:
        client.sendall(asked + asked + last)
        answers = bytearray()
        while piece := client.recv(1 << 20):
            answers += piece

    assert answers.count(CONTENT) == 2
    assert answers.endswith(b"\r\n\r\n" + CONTENT[:10])


def test_reader_that_takes_its_time(server: Server) -> None:
    with closing(server.connect()) as connection:
        connection.request("GET", "/")
        response = connection.getresponse()
        time.sleep(0.2)  # both ends are full meanwhile
        assert response.read() == CONTENT


def test_reader_that_leaves_is_let_go(server: Server) -> None:
    before = len(os.listdir("/proc/self/fd"))
    with socket.create_connection(("127.0.0.1", server.port), timeout=WAIT_S) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: here\r\n\r\n")
        client.recv(1000)

    until(lambda: len(os.listdir("/proc/self/fd")) <= before)
    with closing(server.connect()) as connection:
        connection.request("GET", "/")
        assert told(connection)[2] == CONTENT


def test_file_that_becomes_shorter_ends_the_answer(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    server.file.write_bytes(CONTENT[: 2 * FROM_BYTES])

    with closing(server.connect()) as connection:
        connection.request("GET", "/")
        response = connection.getresponse()
        with pytest.raises(http.client.IncompleteRead):
            response.read()


def test_file_that_is_gone_is_left_to_the_stream(server: Server) -> None:
    async def stream(span: ByteSpan | None) -> Any:
        yield CONTENT

    request = Request({"type": "http", "method": "GET", "headers": []})
    answer = bytes_response(
        stream, request, size_bytes=len(CONTENT), mimetype="x/y", name="x", etag=None, path=Path("gone")
    )
    sent: list[Any] = []

    async def receive() -> Any:
        await asyncio.sleep(WAIT_S)

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(answer({"type": "http", "asgi": {"spec_version": "2.4"}, "headers": []}, receive, send))

    assert b"".join(message.get("body", b"") for message in sent) == CONTENT
