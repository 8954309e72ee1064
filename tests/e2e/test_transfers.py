"""Transfers over plain connections, to a server that behaves as real ones do: it hangs up, refuses, and redirects."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest

from kymograph.client.connection import Connection
from kymograph.client.transfers import Span, Transfers
from kymograph.client.transport import Transport
from kymograph.errors import AuthError, TransportError, Unreachable

CONTENT = bytes(range(256)) * 8_192


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    received: ClassVar[dict[str, bytes]] = {}
    connections: ClassVar[set[int]] = set()

    def do_PUT(self) -> None:
        self.connections.add(self.client_address[1])
        if self.path.startswith("/refused"):
            # Before the body is read, as servers refuse large ones.
            self.send_response(403)
            self.send_header("Content-Length", "0")
            self.send_header("Connection", "close")
            self.end_headers()
            self.close_connection = True
            return
        self.received[self.path] = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("ETag", '"tag"')
        self.send_header("Content-Length", "0")
        self.end_headers()
        if self.path.startswith("/hangs-up"):
            self.close_connection = True  # without a word, as after an idle time

    def do_GET(self) -> None:
        self.connections.add(self.client_address[1])
        if self.path.startswith("/moved"):
            self.send_response(302)
            self.send_header("Location", "/content")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        body, status = CONTENT, 200
        if "Range" in self.headers:
            start, _, end = self.headers["Range"].removeprefix("bytes=").partition("-")
            body, status = CONTENT[int(start) : int(end) + 1], 206
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: len(body) // 2] if self.path.startswith("/breaks") else body)
        self.close_connection = self.path.startswith("/breaks")

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def url() -> Iterator[str]:
    Handler.received.clear()
    Handler.connections.clear()
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture(params=[True, False], ids=["directly", "by the general client"])
def transfers(request: pytest.FixtureRequest) -> Iterator[Transfers]:
    with Transport(Connection.of("http://127.0.0.1:9", "key")) as general:
        made = Transfers(general, is_direct=request.param)
        yield made
        made.close()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "content"
    path.write_bytes(CONTENT)
    return path


@pytest.mark.parametrize("span", [Span(0, 0), Span(0, 10), Span(5, 1 << 20), Span(0, len(CONTENT))])
def test_part_of_a_file_is_sent_and_the_answer_told(transfers: Transfers, url: str, file: Path, span: Span) -> None:
    counted: list[int] = []

    with file.open("rb") as source:
        answered = transfers.put(f"{url}/a%20b?x=1", source, span, headers={"X": "y"}, note=counted.append)

    assert Handler.received == {"/a%20b?x=1": CONTENT[span.start : span.start + span.size_bytes]}
    assert (answered["etag"], sum(counted)) == ('"tag"', span.size_bytes)


def test_connections_are_used_again_and_a_closed_one_is_replaced(transfers: Transfers, url: str, file: Path) -> None:
    with file.open("rb") as source:
        for _ in range(5):
            transfers.put(f"{url}/kept", source, Span(0, 10))
        assert len(Handler.connections) == 1
        for _ in range(3):
            try:
                transfers.put(f"{url}/hangs-up", source, Span(0, 10))
            except Unreachable:  # it was closed between two requests, unseen: who sends tries again
                transfers.put(f"{url}/hangs-up", source, Span(0, 10))


@pytest.mark.parametrize("size", [10, len(CONTENT)])
def test_a_refusal_is_heard_though_the_body_was_not_read(transfers: Transfers, url: str, file: Path, size: int) -> None:
    # A connection that is reset while a large body is on its way may take the answer with it.
    with file.open("rb") as source, pytest.raises((AuthError, TransportError)):
        transfers.put(f"{url}/refused", source, Span(0, size))


def test_what_an_address_holds_is_given_whole_or_in_part(transfers: Transfers, url: str) -> None:
    whole, part = bytearray(), bytearray()

    transfers.get(f"{url}/moved", whole.extend)
    transfers.get(f"{url}/content", part.extend, span=Span(100, 1_000))

    assert (bytes(whole), bytes(part)) == (CONTENT, CONTENT[100:1_100])


def test_an_answer_that_breaks_off_is_an_error(transfers: Transfers, url: str) -> None:
    with pytest.raises(Unreachable):
        transfers.get(f"{url}/breaks", bytearray().extend)


def test_a_server_that_is_away_is_an_error_of_its_own(transfers: Transfers) -> None:
    with pytest.raises(Unreachable):
        transfers.get("http://127.0.0.1:9/x", bytearray().extend)
