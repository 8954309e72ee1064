"""The header that says who asks, on requests to the server itself."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Generator
from typing import TypeAlias

import httpx

from kymograph.client.connection import Connection
from kymograph.client.identity import AccessTokens

UNAUTHORIZED = 401
_Flow: TypeAlias = Generator[httpx.Request, httpx.Response, None]


class ServerAuthorization(httpx.Auth):
    """Adds the header; an access token is renewed before it ends, and once more if the server does not take it.

    Safe to share between threads.
    """

    def __init__(self, connection: Connection, exchange: Callable[[dict[str, str]], httpx.Response]) -> None:
        """Prepare; nothing is read or sent yet.

        Args:
            connection: To the server.
            exchange: Posts a form to where the server gives access tokens.
        """
        self._header = connection.credential.authorization()
        file = connection.credential.identity_token_file
        self._tokens: AccessTokens | None = None
        if self._header is None and file is not None:
            self._tokens = AccessTokens(connection.base_url, file, connection.token_cache, exchange=exchange)

    def auth_flow(self, request: httpx.Request) -> _Flow:
        """As httpx calls it."""
        if self._tokens is None:
            if self._header is not None:
                request.headers["Authorization"] = self._header
            yield request
            return
        token = self._tokens.token()
        request.headers["Authorization"] = f"Bearer {token}"
        response = yield request
        if response.status_code == UNAUTHORIZED:
            self._tokens.forget(token)
            request.headers["Authorization"] = f"Bearer {self._tokens.token()}"
            yield request

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        """The same for code that awaits: what may read files and ask the server happens in a thread."""
        if self._tokens is None:
            for asked in self.auth_flow(request):
                yield asked
            return
        import asyncio  # takes a while, and most programs do not await

        flow = self.auth_flow(request)
        response: httpx.Response | None = None
        while (following := await asyncio.to_thread(_next_request, flow, response)) is not None:
            response = yield following


def _next_request(flow: _Flow, response: httpx.Response | None) -> httpx.Request | None:
    try:
        return next(flow) if response is None else flow.send(response)
    except StopIteration:
        return None
