"""Bytes between files and addresses that carry their own credential: uploads, downloads, pieces of either.

Artifacts are thousands of small files, and few large ones. A general client spends half a millisecond of processor time
on each request (measured: httpx 0.47 ms, this 0.10 ms), so plain connections are spoken to directly; everything else
(TLS, proxies, what tests put in place of the network) goes through the general client.
"""

from __future__ import annotations

import http.client
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING, Any, BinaryIO, cast
from urllib.parse import urlsplit

import httpx

from kymograph import __version__
from kymograph.client.answers import error_of
from kymograph.client.proxies import PROXY_AUTHORIZATION, proxy_of
from kymograph.errors import ProtocolError, Unreachable

if TYPE_CHECKING:
    from kymograph.client.transport import Transport

PIECE_BYTES = 1 << 20
KEPT_IDLE_S = 15.0
"""Servers close connections that are idle; one that is older than this is not used again."""
MAX_REDIRECTS = 5

Note = Callable[[int], object]
"""Told the size of each piece."""


@dataclass(frozen=True, slots=True)
class Span:
    """Part of a file."""

    start: int
    size_bytes: int

    @property
    def header(self) -> str:
        """As HTTP asks for it."""
        return f"bytes={self.start}-{self.start + self.size_bytes - 1}"


@dataclass(slots=True)
class _Idle:
    """A connection that waits for its next request."""

    connection: http.client.HTTPConnection
    since_s: float


@dataclass(slots=True)
class _Pool:
    """Connections by host; each is used by one thread at a time."""

    timeout_s: float
    """How long nothing may come on a connection under way."""
    idle: dict[str, list[_Idle]] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, host: str) -> tuple[http.client.HTTPConnection, bool]:
        """A connection, and whether it was used before."""
        with self.lock:
            kept = self.idle.get(host, [])
            while kept:
                found = kept.pop()
                if time.monotonic() - found.since_s < KEPT_IDLE_S:
                    return found.connection, True
                found.connection.close()
        return http.client.HTTPConnection(host, timeout=self.timeout_s, blocksize=PIECE_BYTES), False

    def give(self, host: str, connection: http.client.HTTPConnection) -> None:
        """It may be used again."""
        with self.lock:
            self.idle.setdefault(host, []).append(_Idle(connection, time.monotonic()))

    def close(self) -> None:
        """Release those that wait."""
        with self.lock:
            for kept in self.idle.values():
                for found in kept:
                    found.connection.close()
            self.idle.clear()


class Transfers:
    """Moves bytes. Safe to share between threads; close it when done."""

    def __init__(self, general: Transport, *, is_direct: bool) -> None:
        """Prepare.

        Args:
            general: Carries what is not plain HTTP; is not closed here.
            is_direct: Whether plain HTTP may go around it.
        """
        self._general, self._is_direct = general, is_direct
        connection = general.connection
        self._headers = {
            "User-Agent": f"kymograph/{__version__}",
            **{name: value for name, value in connection.headers.items() if name.lower() != PROXY_AUTHORIZATION},
        }
        self._pool = _Pool(connection.transfer.timeout_s)
        self._is_proxied: dict[str, bool] = {}

    def close(self) -> None:
        """Release connections."""
        self._pool.close()

    # --- up ----------------------------------------------------------------------------------------------------------

    def put(
        self, url: str, source: IO[bytes], span: Span, *, headers: Mapping[str, str] | None = None, note: Note = int
    ) -> Mapping[str, str]:
        """Send part of a file; returns the headers of the answer, names in lower case.

        Raises:
            OSError: The file cannot be read.
            TransportError: To be tried again.
            KymographError: The server refuses it.
        """
        told = {**(headers or {}), "Content-Length": str(span.size_bytes)}
        if self._goes_directly(url):
            return self._put_directly(url, source, span, told, note)
        source.seek(span.start)
        content = _pieces(source, span.size_bytes, note) if span.size_bytes else b""
        return self._general.put(url, content, headers=told).headers

    def _put_directly(
        self, url: str, source: IO[bytes], span: Span, headers: Mapping[str, str], note: Note
    ) -> Mapping[str, str]:
        def send(connection: http.client.HTTPConnection, target: str) -> None:
            connection.putrequest("PUT", target)
            for name, value in {**self._headers, **headers}.items():
                connection.putheader(name, value)
            if span.size_bytes <= PIECE_BYTES:
                body = os.pread(source.fileno(), span.size_bytes, span.start) if hasattr(os, "pread") else None
                if body is None:
                    source.seek(span.start)
                    body = source.read(span.size_bytes)
                if len(body) != span.size_bytes:
                    raise _Shrunk(url)
                connection.endheaders(body)
            else:
                connection.endheaders()
                # The kernel copies: no byte of a large file passes through here.
                if connection.sock.sendfile(source, span.start, span.size_bytes) != span.size_bytes:
                    raise _Shrunk(url)

        status, answered, body = self._exchange(url, send, lambda response: response.read())
        if status >= 300:
            raise error_of(httpx.Response(status, headers=list(answered.items()), content=body))
        note(span.size_bytes)
        return answered

    def put_body(self, url: str, body: bytes, *, headers: Mapping[str, str] | None = None, note: Note = int) -> bytes:
        """Send what is in memory; returns the body of the answer. Raises as `put` does."""
        told = {**(headers or {}), "Content-Length": str(len(body))}
        if not self._goes_directly(url):
            answer = self._general.put(url, body, headers=told)
            note(len(body))
            return answer.content

        def send(connection: http.client.HTTPConnection, target: str) -> None:
            connection.request("PUT", target, body, headers={**self._headers, **told})

        status, answered, content = self._exchange(url, send, lambda response: response.read())
        if status >= 300:
            raise error_of(httpx.Response(status, headers=list(answered.items()), content=content))
        note(len(body))
        return content

    # --- down --------------------------------------------------------------------------------------------------------

    def get(
        self,
        url: str,
        write: Callable[[memoryview], object],
        *,
        span: Span | None = None,
        headers: Mapping[str, str] | None = None,
        question: bytes | None = None,
        note: Note = int,
    ) -> Mapping[str, str]:
        """Give what an address holds, piece by piece; returns the headers of the answer, names in lower case.

        Args:
            url: The address.
            write: Given each piece, valid during the call only.
            span: A part only; the server must know parts.
            headers: To send along.
            question: Is posted, and what is given is the answer.
            note: Told the size of each piece.

        Raises:
            TransportError: To be tried again; what was given is not whole then.
            KymographError: The server says no.
        """
        told = {"Accept-Encoding": "identity", **(headers or {})}
        if span is not None:
            told["Range"] = span.header
        if self._goes_directly(url):
            return self._get_directly(url, write, told, note, span, question)
        return self._get_generally(url, write, told, note, span, question)

    def read(self, url: str, span: Span | None = None) -> bytes:
        """What an address holds, or a part of it, in one piece. Raises as `get` does."""
        pieces: list[bytes] = []
        told = {"Accept-Encoding": "identity", **({} if span is None else {"Range": span.header})}
        if self._goes_directly(url):
            self._get_directly(url, pieces.append, told, int, span, None, is_whole=True)
        else:
            self._get_generally(url, lambda piece: pieces.append(bytes(piece)), told, int, span, None)
        content = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        if span is not None and len(content) != span.size_bytes:
            raise Unreachable(urlsplit(url).netloc, problem=f"{len(content)} bytes came instead of {span.size_bytes}")
        return content

    def _get_generally(
        self,
        url: str,
        write: Callable[[memoryview], object],
        headers: Mapping[str, str],
        note: Note,
        span: Span | None,
        question: bytes | None,
    ) -> Mapping[str, str]:
        sink = cast("BinaryIO", _Sink(write, url, None if span is None else span.size_bytes))
        method = "GET" if question is None else "POST"
        return self._general.fetch(url, sink, method=method, note=note, headers=dict(headers), content=question)

    def _get_directly(
        self,
        url: str,
        write: Callable[[Any], object],
        headers: Mapping[str, str],
        note: Note,
        span: Span | None,
        question: bytes | None,
        redirects: int = 0,
        *,
        is_whole: bool = False,
    ) -> Mapping[str, str]:
        def send(connection: http.client.HTTPConnection, target: str) -> None:
            method = "GET" if question is None else "POST"
            connection.request(method, target, question, headers={**self._headers, **headers})

        def receive(response: http.client.HTTPResponse) -> bytes:
            if response.status >= 300:
                return response.read()
            if span is not None and response.status != http.client.PARTIAL_CONTENT:
                raise _no_parts(url)
            if is_whole:
                write(response.read())
                return b""
            expected = response.length
            received = 0
            buffer = memoryview(bytearray(min(PIECE_BYTES, expected or PIECE_BYTES) or 1))
            while n := response.readinto(buffer):
                write(buffer[:n])
                received += n
                note(n)
            if expected is not None and received != expected:
                raise http.client.IncompleteRead(b"", expected - received)
            return b""

        status, answered, body = self._exchange(url, send, receive)
        if status in (301, 302, 303, 307, 308) and "location" in answered:
            if redirects >= MAX_REDIRECTS:
                raise ProtocolError(f"{urlsplit(url).netloc} sends from address to address without end")
            target = str(httpx.URL(url).join(answered["location"]))
            if not self._goes_directly(target):
                return self._get_generally(target, write, headers, note, span, question)
            return self._get_directly(target, write, headers, note, span, question, redirects + 1, is_whole=is_whole)
        if status >= 300:
            raise error_of(httpx.Response(status, headers=list(answered.items()), content=body))
        return answered

    # --- plain connections -------------------------------------------------------------------------------------------

    def _goes_directly(self, url: str) -> bool:
        if not self._is_direct or not url.startswith("http://"):
            return False
        host = urlsplit(url).netloc
        if host not in self._is_proxied:
            self._is_proxied[host] = proxy_of(url, self._general.connection.proxies) is not None
        return not self._is_proxied[host]

    def _exchange(
        self,
        url: str,
        send: Callable[[http.client.HTTPConnection, str], None],
        receive: Callable[[http.client.HTTPResponse], bytes],
    ) -> tuple[int, dict[str, str], bytes]:
        """One request and its answer: status, headers (names in lower case), and what `receive` gives."""
        parts = urlsplit(url)
        target = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
        while True:
            connection, is_used = self._pool.take(parts.netloc)
            try:
                try:
                    # A server that refuses a body answers before it has read it, and hangs up.
                    with suppress(BrokenPipeError):
                        send(connection, target)
                    response = connection.getresponse()
                except (BrokenPipeError, ConnectionResetError, http.client.RemoteDisconnected):
                    if not is_used:
                        raise
                    connection.close()
                    continue  # it was closed while it waited: nothing of the request has been read
                body = receive(response)
            except _Shrunk:
                connection.close()
                raise
            except (OSError, http.client.HTTPException) as exc:
                connection.close()
                if isinstance(exc, FileNotFoundError | PermissionError | ProtocolError) or _is_of_disk(exc):
                    raise
                raise _unreachable(url, exc) from exc
            except BaseException:
                connection.close()
                raise
            if response.will_close:
                connection.close()
            else:
                self._pool.give(parts.netloc, connection)
            return response.status, {name.lower(): value for name, value in response.getheaders()}, body


class _Shrunk(OSError):
    """The file has become shorter while it was sent."""

    def __init__(self, url: str) -> None:
        super().__init__(f"a file became shorter while it was sent to {urlsplit(url).netloc}")


def _is_of_disk(error: BaseException) -> bool:
    """Whether an error tells of a file here, and not of a connection."""
    import errno

    return isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS)


class _Sink:
    """What a general client writes to; a part is not longer than was asked for."""

    def __init__(self, write: Callable[[memoryview], object], url: str, size_bytes: int | None) -> None:
        self._write, self._url, self._left = write, url, size_bytes

    def write(self, piece: bytes) -> int:
        """Take a piece.

        Raises:
            ProtocolError: It is more than was asked for: the server does not know parts.
        """
        if self._left is not None:
            self._left -= len(piece)
            if self._left < 0:
                raise _no_parts(self._url)
        self._write(memoryview(piece))
        return len(piece)


def _no_parts(url: str) -> ProtocolError:
    return ProtocolError(f"{urlsplit(url).netloc} gives whole files only, where parts were asked for")


def _pieces(source: IO[bytes], size: int, note: Note) -> Iterator[bytes]:
    """The next bytes of a file in pieces, fewer if it shrinks."""
    while size > 0 and (piece := source.read(min(size, PIECE_BYTES))):
        size -= len(piece)
        note(len(piece))
        yield piece


def _unreachable(url: str, error: BaseException) -> Unreachable:
    return Unreachable(urlsplit(url).netloc, problem=str(error) or type(error).__name__)
