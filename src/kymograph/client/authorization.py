"""The header that says who asks, on requests to the server itself."""

from __future__ import annotations

from collections.abc import Callable, Generator

import httpx

from kymograph.client.connection import Connection
from kymograph.client.identity import AccessTokens

UNAUTHORIZED = 401


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

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
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
