"""Proxies on the way to a server: which one, and what is said of it without its password."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import httpx

from kymograph.errors import InvalidSetting, MissingPackage

PROXY_AUTHORIZATION = "proxy-authorization"
"""A header that is for proxies alone."""
_SCHEMES = ("http", "https", "all")


def proxy_credentials(headers: Mapping[str, str]) -> dict[str, str]:
    """Those of some headers that are for proxies."""
    return {name: value for name, value in headers.items() if name.lower() == PROXY_AUTHORIZATION}


def routes(given: Mapping[str, str], headers: Mapping[str, str]) -> dict[str, str]:
    """Proxies that the HTTP library does not find by itself, or to which it would not say enough.

    Args:
        given: By the beginning of addresses; they win over those of the environment.
        headers: For proxies; then those of the environment are among the routes.
    """
    found = {f"{scheme}://": url for scheme, url in getproxies().items() if scheme in _SCHEMES} if headers else {}
    return {**found, **given}


def make_proxy(url: str, headers: Mapping[str, str], trust: ssl.SSLContext) -> httpx.Proxy:
    """A proxy for the HTTP library.

    Raises:
        InvalidSetting: The address is none.
    """
    try:
        address = url if "://" in url else f"http://{url}"
        return httpx.Proxy(address, headers=dict(headers), ssl_context=trust if address[:6] == "https:" else None)
    except (ValueError, httpx.InvalidURL) as exc:
        raise InvalidSetting(
            "http_proxy/https_proxy", shown(url), rule="an address like http://name:password@proxy:3128"
        ) from exc


def missing_socks() -> MissingPackage:
    """What is missing where the HTTP library says that it cannot speak to such a proxy."""
    return MissingPackage("socksio", purpose="a SOCKS proxy", install="pip install 'httpx[socks]'")


def proxy_of(url: str, given: Mapping[str, str]) -> str | None:
    """The proxy that requests to an address go through, as it may be shown; None if there is none."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if proxy_bypass(host):
        return None
    found = {**{f"{scheme}://": proxy for scheme, proxy in getproxies().items()}, **given}
    starts = (f"{scheme}://{name}" for name in (host, "") for scheme in (parts.scheme, "all"))
    proxy = next((found[start] for start in starts if start in found), None)
    return None if proxy is None else shown(proxy)


def shown(url: str) -> str:
    """An address without name and password."""
    scheme, separator, rest = url.rpartition("://")
    return f"{scheme}{separator}{rest.rpartition('@')[2]}"
