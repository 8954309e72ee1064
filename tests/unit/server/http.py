"""Requests to an application in this process."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx

from kymograph.server.app import create_app
from kymograph.server.deps import Deployment
from kymograph.testing.deployments import ADMIN_KEY, PUBLIC_URL


class Http:
    """Each request is complete when it returns; nothing is kept between them."""

    def __init__(self, deployment: Deployment) -> None:
        self.app = create_app(deployment)

    def request(self, method: str, url: str, *, key: str | None = ADMIN_KEY, **arguments: Any) -> httpx.Response:
        """Send a request, with an API key unless that is None."""

        async def send() -> httpx.Response:
            # Bugs must come as the 500 that a client sees, not as an exception in the test.
            transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
            auth = ("api", key) if key is not None else None
            async with httpx.AsyncClient(transport=transport, base_url=PUBLIC_URL, auth=auth) as client:
                return await client.request(method, url, **arguments)

        return asyncio.run(send())

    def get(self, url: str, *, key: str | None = ADMIN_KEY, **arguments: Any) -> httpx.Response:
        """Read."""
        return self.request("GET", url, key=key, **arguments)

    def graphql(self, query: str, *, key: str | None = ADMIN_KEY, **body: Any) -> httpx.Response:
        """Execute a document; `body` may hold ``variables`` and ``operationName``."""
        return self.request("POST", "/graphql", key=key, json={"query": query, **body})
