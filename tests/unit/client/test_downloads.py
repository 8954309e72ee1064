"""Answers that are files."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator

import httpx
import pytest

from kymograph.client.connection import Connection
from kymograph.client.credentials import basic_authorization
from kymograph.client.downloads import Downloads
from kymograph.errors import RunNotFound, Unreachable

CONNECTION = Connection.of("http://server.test", "key")


def downloads(answer: Callable[[httpx.Request], httpx.Response]) -> Downloads:
    return Downloads(CONNECTION, inner=httpx.MockTransport(answer))


def test_a_file_comes_piece_by_piece() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        assert request.headers["authorization"] == basic_authorization("key")
        assert dict(request.url.params.multi_items()) == {"format": "csv", "key": "b"}
        return httpx.Response(200, content=b"x" * 3_000_000, headers={"X-Kymograph-Damaged": "segments/1 0..9"})

    sink, sizes = io.BytesIO(), list[int]()
    with downloads(answer) as transport:
        done = transport.download("/file", sink, parameters={"format": "csv", "key": ["a", "b"]}, note=sizes.append)

    assert (done.size_bytes, done.damaged) == (3_000_000, "segments/1 0..9")
    assert len(sink.getvalue()) == sum(sizes) == 3_000_000
    assert len(sizes) > 1


def test_a_refusal_is_the_servers_error() -> None:
    body = {"error": {"kind": "RunNotFound", "message": "run 'x' does not exist"}}
    with (
        downloads(lambda _: httpx.Response(404, json=body)) as transport,
        pytest.raises(RunNotFound, match="run 'x' does not exist"),
    ):
        transport.download("/file", io.BytesIO())


def test_a_connection_that_breaks_is_no_whole_file() -> None:
    class Breaking(httpx.SyncByteStream):
        def __iter__(self) -> Iterator[bytes]:
            yield b"half"
            raise httpx.RemoteProtocolError("peer closed connection")

    with downloads(lambda _: httpx.Response(200, stream=Breaking())) as transport, pytest.raises(Unreachable):
        transport.download("/file", io.BytesIO())
