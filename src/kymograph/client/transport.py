"""Requests to a server, with its errors as ours."""

from __future__ import annotations

import os
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from kymograph import __version__
from kymograph.client.answers import error_of
from kymograph.client.settings import ClientSettings, load_client_settings
from kymograph.errors import Unreachable

CONNECT_TIMEOUT_S = 10.0
READ_TIMEOUT_S = 120.0
"""Longer than the server lets anything take, so that its own, clearer answer comes first."""


class Transport:
    """Sends requests to one server; close it when done, or use it as a context. Safe to share between threads."""

    def __init__(self, settings: ClientSettings, *, inner: httpx.BaseTransport | None = None) -> None:
        """Prepare; nothing is sent yet.

        Args:
            settings: Which server, and the key.
            inner: Carries the requests instead of the network.
        """
        self.settings = settings
        self._client = httpx.Client(
            base_url=settings.base_url,
            headers={"Authorization": f"Bearer {settings.api_key}", "User-Agent": f"kymograph/{__version__}"},
            timeout=httpx.Timeout(READ_TIMEOUT_S, connect=CONNECT_TIMEOUT_S),
            transport=inner,
        )

    @classmethod
    def from_environment(cls) -> Self:
        """A transport to the server that this process's environment and files mean."""
        return cls(load_client_settings(os.environ, home=Path.home(), folder=Path.cwd()))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Release connections."""
        self._client.close()

    def request(self, method: str, path: str, **arguments: Any) -> httpx.Response:
        """Send a request and wait for its answer.

        Args:
            method: Of HTTP.
            path: Below the server's address.
            arguments: As `httpx.Client.request` takes them.

        Raises:
            KymographError: What the server says is wrong, as the error that it raised.
            Unreachable: There is no server, or the connection broke.
        """
        try:
            response = self._client.request(method, path, **arguments)
        except httpx.HTTPError as exc:
            raise Unreachable(self.settings.base_url, problem=str(exc) or type(exc).__name__) from exc
        if response.status_code >= 400:
            raise error_of(response)
        return response

    def get(self, path: str, **arguments: Any) -> Any:
        """The JSON document at a path."""
        return self.request("GET", path, **arguments).json()
