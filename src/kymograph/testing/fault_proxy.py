"""A proxy in front of a real server: requests pass, except for those that are to go wrong."""

from __future__ import annotations

import httpx

from kymograph.testing.faults import Faults
from kymograph.testing.live_server import Answer, LiveServer, Request

_OF_ONE_HOP = frozenset(
    {"connection", "content-length", "content-encoding", "transfer-encoding", "keep-alive", "host", "date", "server"}
)


class FaultProxy(LiveServer):
    """Listens, and passes on to a server; the server should be told the proxy's address as its public one."""

    def __init__(self, target: str, *, faults: Faults | None = None) -> None:
        """Begin to listen.

        Args:
            target: Address of the server.
            faults: What goes wrong.
        """
        self._client = httpx.Client(base_url=target, timeout=60, follow_redirects=False)
        self.requests: list[tuple[str, str]] = []
        """Method and path of those that were passed on."""
        super().__init__(self._pass_on, faults=faults)

    def stop(self) -> None:  # noqa: D102 — docstring inherited
        super().stop()
        self._client.close()

    def _pass_on(self, request: Request) -> Answer:
        self.requests.append((request.method, request.path.partition("?")[0]))
        packed = {name: value for name, value in request.headers.items() if name.lower() == "content-encoding"}
        headers = {name: value for name, value in request.headers.items() if name.lower() not in _OF_ONE_HOP} | packed
        response = self._client.request(request.method, request.path, content=request.body, headers=headers)
        kept = {name: value for name, value in response.headers.items() if name.lower() not in _OF_ONE_HOP}
        return Answer(response.status_code, response.content, kept)
