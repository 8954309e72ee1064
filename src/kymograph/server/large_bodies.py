"""Large bodies past the HTTP server: from the socket into blocks, and from a file into the socket.

uvicorn copies what it receives five times before an application sees it, on the one thread that serves everybody. Of a
body of gigabytes only the beginning passes through it; the rest moves on threads, and is copied once, or by the system
alone. Connections that are encrypted here, and systems other than Linux, are served the usual way.
"""

from __future__ import annotations

import asyncio
import os
import select
import socket
import sys
import time
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from typing import TypeVar

from starlette.types import Scope
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

FROM_BYTES = 8 << 20
"""Smaller bodies go the usual way."""
BLOCK_BYTES = 1 << 20
"""Of what is received: larger ones fall out of the processor's cache before they are hashed and written."""
TURN_BYTES = 16 << 20
"""What is sent before others have their turn."""
LINGER_S = 30.0
"""How long an upload that was refused half-way may go on: many clients read no answer before they have sent all."""
_TURNS_AT_ONCE = 8
_TURN_S = 0.1
"""How long a turn lasts at most when the other side is slow: it comes back to the queue then…"""
_MOMENT_MS = 20
"""…or after this without a byte: from then on it waits for its socket, and no thread with it."""
_EXTENSION = "kymograph.large_bodies"

_turns = ThreadPoolExecutor(_TURNS_AT_ONCE, thread_name_prefix="large-body")
_Result = TypeVar("_Result")


class Protocol(HttpToolsProtocol):
    """uvicorn's, which lets an application at the socket of its request."""

    def on_headers_complete(self) -> None:
        """Offer it in the extensions of the scope."""
        before = self.cycle
        super().on_headers_complete()
        # The request has not run yet: its task begins with the next turn of the event loop.
        if self.cycle is not before and self.scheme == "http" and sys.platform == "linux":
            self.cycle.scope["extensions"] = {_EXTENSION: LargeBodies(self.cycle)}  # type: ignore[dict-item]


class LargeBodies:
    """What the application may do with the socket of one request."""

    def __init__(self, cycle: RequestResponseCycle) -> None:
        self._cycle = cycle

    @staticmethod
    def of(scope: Scope) -> LargeBodies | None:
        """That of a request; None where the server has none."""
        found = scope.get("extensions", {}).get(_EXTENSION)
        return found if isinstance(found, LargeBodies) else None

    async def receive(self, size_bytes: int) -> AsyncGenerator[bytes, None]:
        """The rest of the request's body; it ends early if the client breaks off.

        Nothing else can read the body any more, and the connection serves no other request.

        Args:
            size_bytes: What has not been read yet.
        """
        cycle = self._cycle
        if cycle.transport.is_closing():
            return
        cycle.flow.pause_reading()
        cycle.keep_alive = False  # the parser does not see the end of this request
        early, cycle.body = bytes(cycle.body), bytearray()
        with closing(_twin(cycle)) as twin:
            source = _Source(twin, size_bytes - len(early))
            turn = _turn(source.take)
            try:
                if early:
                    yield early
                while True:
                    pieces = await _outcome(turn)
                    is_last = not source.left
                    if not is_last:
                        if not pieces:
                            await _until(twin, writable=False)
                        turn = _turn(source.take)  # while these are worked on
                    for piece in pieces:
                        yield piece
                    if is_last:
                        return
            finally:
                await asyncio.wait([turn])
                await _discard(source, twin)

    async def send(self, file: int, start: int, size_bytes: int) -> bool:
        """Send part of a file as the answer's body, or as some of it; False if the client is gone.

        Args:
            file: Its descriptor.
            start: Where the part begins.
            size_bytes: How long it is.

        Raises:
            EOFError: The file has become shorter.
        """
        cycle = self._cycle
        if not await _has_sent(cycle):
            return False
        with closing(_twin(cycle)) as twin:
            target = _Target(twin, file, start, start + size_bytes)
            try:
                while target.left:
                    if not await _outcome(_turn(target.give)):
                        await _until(twin, writable=True)
            except OSError:
                cycle.disconnected = True
                cycle.transport.abort()
                return False
        cycle.expected_content_length -= size_bytes
        return True


class _Source:
    """What is still to come from a client. Used by one thread at a time."""

    def __init__(self, client: socket.socket, left: int) -> None:
        self._client = client
        self.left = left
        """0 also if the client has ended."""

    def take(self) -> list[bytes]:
        """A block, or less if that is all that comes for a moment or in one turn."""
        pieces: list[bytes] = []
        end_s = time.monotonic() + _TURN_S
        room = min(self.left, BLOCK_BYTES)
        while room:
            try:
                piece = self._client.recv(room)
            except BlockingIOError:
                if time.monotonic() > end_s or not _waited(self._client, select.POLLIN):
                    break
                continue
            except OSError:
                piece = b""
            if not piece:
                self.left = 0
                break
            pieces.append(piece)
            room -= len(piece)
            self.left -= len(piece)
        return pieces


class _Target:
    """What is still to go to a client. Used by one thread at a time."""

    def __init__(self, client: socket.socket, file: int, at: int, end: int) -> None:
        self._client, self._file, self._at, self._end = client, file, at, end

    @property
    def left(self) -> int:
        """How many bytes."""
        return self._end - self._at

    def give(self) -> bool:
        """Send what can be sent in one turn; False if the client has no room."""
        end_s = time.monotonic() + _TURN_S
        room = min(self.left, TURN_BYTES)
        os.posix_fadvise(self._file, self._at, 2 * room, os.POSIX_FADV_WILLNEED)
        stop = self._at + room
        while self._at < stop:
            try:
                sent = os.sendfile(self._client.fileno(), self._file, self._at, stop - self._at)
            except BlockingIOError:
                if time.monotonic() > end_s or not _waited(self._client, select.POLLOUT):
                    return False
                continue
            if not sent:
                raise EOFError("a file has become shorter while it was sent")
            self._at += sent
        return True


def _twin(cycle: RequestResponseCycle) -> socket.socket:
    """A second handle of the connection, which stays open when the first one is closed."""
    return socket.socket(fileno=os.dup(cycle.transport.get_extra_info("socket").fileno()))


def _turn(work: Callable[[], _Result]) -> asyncio.Future[_Result]:
    return asyncio.get_running_loop().run_in_executor(_turns, work)


async def _outcome(turn: asyncio.Future[_Result]) -> _Result:
    """Of a turn, which has always ended when this does: it uses the socket."""
    try:
        return await asyncio.shield(turn)
    finally:
        await asyncio.wait([turn])


def _waited(client: socket.socket, event: int) -> bool:
    """Whether it came within a moment."""
    poll = select.poll()
    poll.register(client, event)
    return bool(poll.poll(_MOMENT_MS))


async def _until(client: socket.socket, *, writable: bool) -> None:
    """Wait, with no thread, until a socket has something to read, or room to write."""
    loop, is_there = asyncio.get_running_loop(), asyncio.Event()
    add, remove = (loop.add_writer, loop.remove_writer) if writable else (loop.add_reader, loop.remove_reader)
    add(client, is_there.set)
    try:
        await is_there.wait()
    finally:
        remove(client)


async def _has_sent(cycle: RequestResponseCycle) -> bool:
    """Wait until what was written before is on its way; False if the client is gone."""
    cycle.transport.set_write_buffer_limits(high=0)
    try:
        await cycle.flow.drain()
    finally:
        cycle.transport.set_write_buffer_limits()
    return not cycle.disconnected and not cycle.transport.is_closing()


async def _discard(source: _Source, client: socket.socket) -> None:
    """Take what a client still sends, so that it comes to read its answer."""
    with suppress(TimeoutError):
        async with asyncio.timeout(LINGER_S):
            while source.left:
                if not await _outcome(_turn(source.take)):
                    await _until(client, writable=False)
