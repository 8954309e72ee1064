"""Requests to a server and to the hosts of its files, with everything that goes wrong as our errors.

Every client stands on this: credentials, certificates, proxies, headers and timeouts are applied here and nowhere else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

import httpx

from kymograph.client.authorization import ServerAuthorization
from kymograph.client.connection import Connection
from kymograph.client.identity import EXCHANGE_PATH, TIMEOUT_S
from kymograph.client.proxies import missing_socks
from kymograph.client.rules import PIECE_BYTES, READ_TIMEOUT_S, Rules, silence
from kymograph.errors import TransportError


class Pieces:
    """The body of an answer while it comes."""

    def __init__(self, response: httpx.Response) -> None:
        self._response = response

    @property
    def headers(self) -> httpx.Headers:
        """Of the answer."""
        return self._response.headers

    def __iter__(self) -> Iterator[bytes]:
        return self._response.iter_bytes(PIECE_BYTES)


class Transport:
    """Sends requests to one server; close it when done, or use it as a context. Safe to share between threads."""

    def __init__(
        self,
        connection: Connection,
        *,
        inner: httpx.BaseTransport | None = None,
        wait: Callable[[float], object] | None = None,
    ) -> None:
        """Prepare; nothing is sent yet.

        Args:
            connection: Which server, how, and as whom.
            inner: Carries the requests instead of the network.
            wait: Waits so many s. Given, a request is repeated after what may pass: for commands, which ask once. A
                sender has its own time.

        Raises:
            InvalidSetting: The address of a proxy, or a file of certificates, cannot be used.
        """
        self.connection = connection
        self._rules = Rules(connection)
        self._client = make_client(self._rules, inner)
        self._authorization = ServerAuthorization(connection, self._exchange)
        self._wait = wait

    @property
    def base_url(self) -> str:
        """Address of the server."""
        return self.connection.base_url

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Release connections."""
        self._client.close()

    def request(self, method: str, path: str, *, timeout_s: float = READ_TIMEOUT_S, **arguments: Any) -> httpx.Response:
        """Send a request to the server and wait for its answer.

        Args:
            method: Of HTTP.
            path: Below the server's address.
            timeout_s: How long it may be silent.
            arguments: As `httpx.Client.request` takes them.

        Raises:
            KymographError: What the server says is wrong, as the error that it raised.
            TransportError: There is no server, or the connection broke.
        """
        backoff = self.connection.graphql.backoff()
        while True:
            try:
                return self._request(method, path, timeout=silence(timeout_s), **arguments)
            except TransportError as exc:
                wait_s = backoff.wait_after(exc)
                if self._wait is None or backoff.failures > self._rules.retries_after(exc):
                    raise
                self._wait(wait_s)

    def _request(self, method: str, path: str, **arguments: Any) -> httpx.Response:
        with self._rules.translated(self.base_url):
            response = self._client.request(method, path, auth=self._authorization, **arguments)
        return self._rules.checked(response)

    def get(self, path: str, **arguments: Any) -> Any:
        """The JSON document at a path."""
        return self.request("GET", path, **arguments).json()

    def put(self, url: str, content: bytes | Iterator[bytes], *, headers: Mapping[str, str]) -> httpx.Response:
        """Send bytes to an address that carries its own credential; it may be on any host, so no key goes there.

        Raises:
            KymographError: What its host says is wrong.
            TransportError: To be tried again.
        """
        timeout = silence(self.connection.transfer.timeout_s)
        with self._rules.translated(url):
            response = self._client.put(url, content=content, headers=dict(headers), timeout=timeout)
        return self._rules.checked(response)

    def send_file(self, url: str, path: Path, *, headers: Mapping[str, str]) -> int:
        """Send a file to an address that carries its own credential; returns its size in bytes.

        Raises:
            OSError: It cannot be read.
            KymographError: The host of the address says no.
            TransportError: To be tried again.
        """
        size = path.stat().st_size
        with path.open("rb") as source:
            # As long as it was when it was measured: whoever appends meanwhile has it sent again later.
            body = first_bytes(source, size) if size else b""
            self.put(url, body, headers={**headers, "Content-Length": str(size)})
        return size

    def ask_permission(self, url: str, *, origin: str, method: str) -> str:
        """What a page of an origin may do with an address, as its browser asks: who is allowed, and with which methods.

        Returns:
            The header ``Access-Control-Allow-Origin`` of the answer; empty if there is none.

        Raises:
            TransportError: There is no answer.
        """
        asked = {"Origin": origin, "Access-Control-Request-Method": method}
        with self._rules.translated(url):
            answer = self._client.request("OPTIONS", url, headers=asked, timeout=silence(READ_TIMEOUT_S))
        return str(answer.headers.get("Access-Control-Allow-Origin", "")) if answer.is_success else ""

    def fetch(
        self,
        url: str,
        sink: BinaryIO,
        *,
        method: str = "GET",
        note: Callable[[int], object] = lambda _size: None,
        **arguments: Any,
    ) -> httpx.Headers:
        """Write what an address holds, piece by piece, and return the headers of the answer.

        Args:
            url: Below the server's address, where the key is sent along; or a whole one, where it is not.
            sink: Where it goes; what was written is not whole after an error.
            method: Of HTTP.
            note: Told the size of each piece.
            arguments: As `httpx.Client.stream` takes them.

        Raises:
            KymographError: What the server says is wrong, as the error that it raised.
            TransportError: There is no server, or the connection broke.
        """
        with self.streaming(method, url, **arguments) as pieces:
            for piece in pieces:
                sink.write(piece)
                note(len(piece))
            return pieces.headers

    @contextmanager
    def streaming(self, method: str, url: str, **arguments: Any) -> Iterator[Pieces]:
        """What an address answers, piece by piece while it comes; errors as those of `fetch`.

        Args:
            method: Of HTTP.
            url: Below the server's address, where the key is sent along; or a whole one, where it is not.
            arguments: As `httpx.Client.stream` takes them.
        """
        authorization = self._authorization if url.startswith("/") else None
        timeout = silence(self.connection.transfer.timeout_s)
        with (
            self._rules.translated(self.base_url if authorization else url),
            # To another host, the library takes the key off the request.
            self._client.stream(
                method, url, auth=authorization, timeout=timeout, follow_redirects=True, **arguments
            ) as response,
        ):
            if response.status_code >= 400:
                response.read()
                self._rules.checked(response)
            yield Pieces(response)

    def _exchange(self, form: dict[str, str]) -> httpx.Response:
        with self._rules.translated(self.base_url):
            return self._client.post(EXCHANGE_PATH, data=form, timeout=TIMEOUT_S)


def make_client(rules: Rules, inner: httpx.BaseTransport | None) -> httpx.Client:
    """A client of the HTTP library by the rules.

    Args:
        rules: Of its requests.
        inner: Carries the requests instead of the network.

    Raises:
        InvalidSetting: The address of a proxy, or a file of certificates, cannot be used.
        MissingPackage: A proxy is of a kind that the HTTP library cannot speak to.
    """
    arguments = rules.client_arguments(inner, httpx.HTTPTransport)
    try:
        return httpx.Client(**arguments)
    except ImportError as exc:
        raise missing_socks() from exc


def first_bytes(source: BinaryIO, size: int) -> Iterator[bytes]:
    """The first bytes of a file in pieces, fewer if it shrinks."""
    while size > 0 and (piece := source.read(min(size, PIECE_BYTES))):
        size -= len(piece)
        yield piece
