"""Bodies are bounded while they come, and complete or refused."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable

import pytest
from fastapi import Request

from kymograph.errors import MalformedRequest, RequestTooLarge
from kymograph.server.limits import body_stream, read_body


class Sender:
    """A client that sends pieces and counts how many were taken."""

    def __init__(self, pieces: Iterable[bytes], *, announced: int | str | None = None) -> None:
        self._pieces = iter(pieces)
        self.taken = 0
        headers = [] if announced is None else [(b"content-length", str(announced).encode())]
        self.request = Request({"type": "http", "method": "POST", "headers": headers}, self._receive)

    async def _receive(self) -> dict[str, object]:
        piece = next(self._pieces, None)
        self.taken += piece is not None
        return {"type": "http.request", "body": piece or b"", "more_body": piece is not None}


async def joined(pieces: AsyncIterator[bytes]) -> bytes:
    return b"".join([piece async for piece in pieces])


async def test_whole_body_is_read() -> None:
    assert await read_body(Sender([b"ab", b"", b"cd"], announced=4).request, 4) == b"abcd"
    assert await read_body(Sender([]).request, 4) == b""


async def test_announced_body_over_the_limit_is_refused_unread() -> None:
    sender = Sender([b"x" * 10], announced=10)

    with pytest.raises(RequestTooLarge):
        await read_body(sender.request, 9)

    assert sender.taken == 0


async def test_endless_body_is_refused_at_the_limit() -> None:
    def endless() -> Iterable[bytes]:
        while True:
            yield b"x" * 1000

    sender = Sender(endless())

    with pytest.raises(RequestTooLarge):
        await read_body(sender.request, 10_000)

    assert sender.taken == 11


async def test_body_that_breaks_off_is_refused() -> None:
    with pytest.raises(MalformedRequest, match="10 bytes were announced and 4 came"):
        await joined(body_stream(Sender([b"abcd"], announced=10).request))


async def test_body_of_unknown_length_is_taken_as_it_comes() -> None:
    assert await joined(body_stream(Sender([b"ab", b"cd"]).request)) == b"abcd"
    assert await joined(body_stream(Sender([b"ab"], announced="nonsense").request)) == b"ab"
