"""The same requests as `Transport` makes, for code that awaits: one server, by the same rules, with the same errors."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

import httpx

from kymograph.client.authorization import ServerAuthorization
from kymograph.client.connection import Connection
from kymograph.client.graphql import GRAPHQL_PATH, VIEWER, Question, Viewer, data_of, viewer_of
from kymograph.client.identity import EXCHANGE_PATH, TIMEOUT_S
from kymograph.client.proxies import missing_socks
from kymograph.client.rules import PIECE_BYTES, READ_TIMEOUT_S, Rules, silence
from kymograph.client.transport import first_bytes, make_client
from kymograph.errors import TransportError
from kymograph.types import JsonObject


class AsyncPieces:
    """The body of an answer while it comes."""

    def __init__(self, response: httpx.Response) -> None:
        self._response = response

    @property
    def headers(self) -> httpx.Headers:
        """Of the answer."""
        return self._response.headers

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._response.aiter_bytes(PIECE_BYTES)


class AsyncTransport:
    """Sends requests to one server, from one event loop; `aclose` it when done, or use it as a context."""

    def __init__(
        self,
        connection: Connection,
        *,
        inner: httpx.AsyncBaseTransport | None = None,
        wait: Callable[[float], Awaitable[object]] | None = asyncio.sleep,
    ) -> None:
        """Prepare; nothing is sent yet.

        Args:
            connection: Which server, how, and as whom.
            inner: Carries the requests instead of the network.
            wait: Waits so many s before a request is repeated after what may pass; None: nothing is repeated.

        Raises:
            InvalidSetting: The address of a proxy, or a file of certificates, cannot be used.
        """
        self.connection = connection
        self._rules = Rules(connection)
        arguments = self._rules.client_arguments(inner, httpx.AsyncHTTPTransport)
        try:
            self._client = httpx.AsyncClient(**arguments)
        except ImportError as exc:
            raise missing_socks() from exc
        self._authorization = ServerAuthorization(connection, self._exchange)
        self._wait = wait

    @property
    def base_url(self) -> str:
        """Address of the server."""
        return self.connection.base_url

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Release connections."""
        await self._client.aclose()

    async def request(
        self, method: str, path: str, *, timeout_s: float = READ_TIMEOUT_S, **arguments: Any
    ) -> httpx.Response:
        """Send a request to the server and wait for its answer.

        Args:
            method: Of HTTP.
            path: Below the server's address.
            timeout_s: How long it may be silent.
            arguments: As `httpx.AsyncClient.request` takes them.

        Raises:
            KymographError: What the server says is wrong, as the error that it raised.
            TransportError: There is no server, or the connection broke.
        """
        backoff = self.connection.graphql.backoff()
        while True:
            try:
                return await self._request(method, path, timeout=silence(timeout_s), **arguments)
            except TransportError as exc:
                wait_s = backoff.wait_after(exc)
                if self._wait is None or backoff.failures > self._rules.retries_after(exc):
                    raise
                await self._wait(wait_s)

    async def _request(self, method: str, path: str, **arguments: Any) -> httpx.Response:
        with self._rules.translated(self.base_url):
            response = await self._client.request(method, path, auth=self._authorization, **arguments)
        return self._rules.checked(response)

    async def get(self, path: str, **arguments: Any) -> Any:
        """The JSON document at a path."""
        return (await self.request("GET", path, **arguments)).json()

    async def graphql(
        self,
        document: str,
        variables: Mapping[str, Any] | None = None,
        *,
        operation: str = "",
        headers: Mapping[str, str] | None = None,
    ) -> JsonObject:
        """The data that a document asks for; see `GraphqlTransport.graphql`."""
        return await self.ask(Question(document, variables, operation, headers or {}))

    async def ask(self, question: Question) -> JsonObject:
        """The data that a question asks for.

        Raises:
            KymographError: What the server says is wrong, as the error that it raised.
            TransportError: No answer, or one to try again after.
            ProtocolError: What answers speaks no GraphQL.
        """
        response = await self.request("POST", GRAPHQL_PATH, **question.arguments(self.connection))
        return data_of(response, self.base_url)

    async def viewer(self) -> Viewer:
        """Whom this transport's credential belongs to.

        Raises:
            Unauthenticated: Nobody.
        """
        return viewer_of(await self.graphql(VIEWER, operation="Viewer"), self.base_url)

    async def put(
        self, url: str, content: bytes | AsyncIterator[bytes], *, headers: Mapping[str, str]
    ) -> httpx.Response:
        """Send bytes to an address that carries its own credential; it may be on any host, so no key goes there.

        Raises:
            KymographError: What its host says is wrong.
            TransportError: To be tried again.
        """
        timeout = silence(self.connection.transfer.timeout_s)
        with self._rules.translated(url):
            response = await self._client.put(url, content=content, headers=dict(headers), timeout=timeout)
        return self._rules.checked(response)

    async def fetch(
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
            arguments: As `httpx.AsyncClient.stream` takes them.

        Raises:
            KymographError: What the server says is wrong, as the error that it raised.
            TransportError: There is no server, or the connection broke.
        """
        async with self.streaming(method, url, **arguments) as pieces:
            async for piece in pieces:
                sink.write(piece)
                note(len(piece))
            return pieces.headers

    @asynccontextmanager
    async def streaming(self, method: str, url: str, **arguments: Any) -> AsyncIterator[AsyncPieces]:
        """What an address answers, piece by piece while it comes; errors as those of `fetch`.

        Args:
            method: Of HTTP.
            url: As for `fetch`.
            arguments: As `httpx.AsyncClient.stream` takes them.
        """
        authorization = self._authorization_for(url)
        timeout = silence(self.connection.transfer.timeout_s)
        with self._rules.translated(self._whose(url)):
            # To another host, the library takes the key off the request.
            async with self._client.stream(
                method, url, auth=authorization, timeout=timeout, follow_redirects=True, **arguments
            ) as response:
                if response.status_code >= 400:
                    await response.aread()
                    self._rules.checked(response)
                yield AsyncPieces(response)

    async def send_file(self, url: str, path: Path, *, headers: Mapping[str, str]) -> int:
        """Send a file to an address that carries its own credential; returns its size in bytes.

        Raises:
            OSError: It cannot be read.
            KymographError: The host of the address says no.
            TransportError: To be tried again.
        """
        size = path.stat().st_size
        with path.open("rb") as source:
            body = _pieces_of(source, size) if size else b""
            await self.put(url, body, headers={**headers, "Content-Length": str(size)})
        return size

    def _authorization_for(self, url: str) -> httpx.Auth | None:
        return self._authorization if url.startswith("/") else None

    def _whose(self, url: str) -> str:
        return self.base_url if url.startswith("/") else url

    def _exchange(self, form: dict[str, str]) -> httpx.Response:
        """Runs in a thread; see `ServerAuthorization.async_auth_flow`."""
        with self._rules.translated(self.base_url), make_client(self._rules, None) as client:
            return client.post(EXCHANGE_PATH, data=form, timeout=TIMEOUT_S)


async def _pieces_of(source: BinaryIO, size: int) -> AsyncIterator[bytes]:
    """The first bytes of a file, fewer if it shrinks."""
    for piece in first_bytes(source, size):
        yield piece
