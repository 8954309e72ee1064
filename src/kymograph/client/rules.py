"""What holds for every request, whichever way it is carried: how a client is made, what an answer or a failure means.

Nothing here waits or sends: `Transport` and `AsyncTransport` do, and both read the rules from here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from kymograph import __version__
from kymograph.client import proxies
from kymograph.client.answers import error_of
from kymograph.client.certificates import certificate_problem, trust
from kymograph.client.connection import CONNECT_TIMEOUT_S, Connection
from kymograph.errors import KymographError, ProxyRefused, ServerBusy, TransportError, Unreachable

READ_TIMEOUT_S = 120.0
"""Longer than the server lets anything take, so that its own, clearer answer comes first."""
PIECE_BYTES = 1 << 20
RETRIES_IF_BUSY = 3
PROXY_LOGIN_REQUIRED = 407


@dataclass(frozen=True, slots=True)
class Rules:
    """Of requests to one server, and to the hosts of its files."""

    connection: Connection

    def client_arguments(self, inner: object | None, make_carrier: Callable[..., object]) -> dict[str, Any]:
        """What a client of the HTTP library is made with.

        Args:
            inner: Carries the requests instead of the network.
            make_carrier: Makes what carries requests through a proxy.

        Raises:
            InvalidSetting: The address of a proxy, or a file of certificates, cannot be used.
            MissingPackage: A proxy is of a kind that the HTTP library cannot speak to.
        """
        connection = self.connection
        for_proxies = proxies.proxy_credentials(connection.headers)
        headers = {name: value for name, value in connection.headers.items() if name not in for_proxies}
        arguments: dict[str, Any] = {
            "base_url": connection.base_url,
            "headers": {"User-Agent": f"kymograph/{__version__}", **headers},
        }
        if inner is not None:
            return {**arguments, "transport": inner}
        context = trust(checks_certificates=connection.checks_certificates)
        try:
            mounts = {
                start: make_carrier(verify=context, proxy=proxies.make_proxy(url, for_proxies, context))
                for start, url in proxies.routes(connection.proxies, for_proxies).items()
            }
        except ImportError as exc:
            raise proxies.missing_socks() from exc
        return {**arguments, "verify": context, "mounts": mounts}

    def retries_after(self, error: TransportError) -> int:
        """How often to ask again in all, after an error.

        A server that is busy will be there soon; one that is away is told at once, unless settings say otherwise.
        """
        given = self.connection.graphql.retries
        return given if given is not None else RETRIES_IF_BUSY if isinstance(error, ServerBusy) else 0

    def checked(self, response: httpx.Response) -> httpx.Response:
        """An answer that is a success.

        Raises:
            KymographError: What it says is wrong, as the error that was raised there.
            ProxyRefused: It comes from a proxy that wants to know more.
        """
        if response.status_code == PROXY_LOGIN_REQUIRED:
            address = str(response.request.url)
            raise self._proxy_error(address, f"{response.status_code} {response.reason_phrase}")
        if response.status_code >= 400:
            raise error_of(response)
        return response

    @contextmanager
    def translated(self, url: str) -> Iterator[None]:
        """Failures of the HTTP library in this block, as our errors."""
        try:
            yield
        except httpx.ProxyError as exc:
            raise self._proxy_error(url, str(exc)) from exc
        except httpx.HTTPError as exc:
            raise self._error_of(exc, url) from exc

    def _proxy_error(self, url: str, problem: str) -> ProxyRefused:
        proxy = proxies.proxy_of(url, self.connection.proxies)
        return ProxyRefused(proxy or "on the way", address=_host_of(url), problem=problem)

    def _error_of(self, exc: httpx.HTTPError, url: str) -> KymographError:
        address = _host_of(url)
        problem = str(exc) or type(exc).__name__
        if "WRONG_VERSION_NUMBER" in problem:
            problem = f"it does not speak TLS ({problem}); is it http:// instead of https://?"
        proxy = proxies.proxy_of(url, self.connection.proxies)
        return certificate_problem(exc, address) or Unreachable(address, problem=problem, proxy=proxy)


def silence(timeout_s: float) -> httpx.Timeout:
    """How long an answer may say nothing; whether there is a server at all is known sooner."""
    return httpx.Timeout(timeout_s, connect=min(CONNECT_TIMEOUT_S, timeout_s))


def _host_of(url: str) -> str:
    """An address without its path and query, which may be a credential."""
    parts = httpx.URL(url)
    return f"{parts.scheme}://{parts.netloc.decode()}"
