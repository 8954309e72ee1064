"""Proxies on the way: those of settings, those of the environment, and what of them is said."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path

import pytest

from kymograph.client.certificates import BUNDLE_VARIABLES, FOLDER_VARIABLE
from kymograph.client.connection import Connection
from kymograph.client.graphql import GraphqlTransport
from kymograph.client.proxies import proxy_of, shown
from kymograph.errors import InvalidSetting, MissingPackage, ProxyRefused, Unreachable
from tests.loopback import Heard, make_certificate, proxying, serving

AWAY = "http://127.0.0.1:9"


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    names = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")
    for name in (*names, *map(str.upper, names), *BUNDLE_VARIABLES, FOLDER_VARIABLE):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def server() -> Iterator[Heard]:
    with serving() as heard:
        yield heard


@pytest.fixture
def proxy() -> Iterator[Heard]:
    with proxying() as heard:
        yield heard


def ask(url: str, proxies: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None) -> str:
    connection = replace(Connection.of(url, "key"), proxies=proxies or {}, headers=headers or {})
    with GraphqlTransport(connection) as transport:
        return transport.viewer().username


def with_password(proxy: Heard) -> str:
    return proxy.url.replace("http://", "http://me:secret@")


def test_a_proxy_of_the_settings_carries_plain_requests(server: Heard, proxy: Heard) -> None:
    assert ask(server.url, {"http://": with_password(proxy)}) == "ada"

    assert [(method, target) for method, target, _ in proxy.requests] == [("POST", f"{server.url}/graphql")]
    assert proxy.headers["proxy-authorization"] == "Basic bWU6c2VjcmV0"
    assert len(server.requests) == 1


def test_a_proxy_of_the_settings_is_a_tunnel_for_tls(
    proxy: Heard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate = make_certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate.path))
    with serving(certificate) as server:
        assert ask(server.url, {"https://": with_password(proxy)}) == "ada"

    assert [(method, target) for method, target, _ in proxy.requests] == [("CONNECT", server.url[len("https://") :])]
    assert proxy.headers["proxy-authorization"] == "Basic bWU6c2VjcmV0"
    assert "authorization" not in proxy.headers, "the key is for the server alone"


def test_the_environment_counts_where_settings_say_nothing(
    server: Heard, proxy: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", proxy.url)
    assert ask(server.url) == "ada"
    assert len(proxy.requests) == 1

    monkeypatch.setenv("no_proxy", "127.0.0.1")
    assert ask(server.url) == "ada"
    assert ask(server.url, {"http://": AWAY}) == "ada", "also what settings name"
    assert len(proxy.requests) == 1


def test_a_proxy_may_be_for_one_host_alone(server: Heard, proxy: Heard) -> None:
    assert ask(server.url, {"http://127.0.0.1": proxy.url, "http://": AWAY}) == "ada"
    assert len(proxy.requests) == 1


def test_files_go_the_same_way_as_everything_else(server: Heard, proxy: Heard) -> None:
    connection = replace(Connection.of(server.url, "key"), proxies={"all://": proxy.url}, headers={"X-Gate": "open"})
    with GraphqlTransport(connection) as transport:
        transport.put(f"{server.url}/upload", b"bytes", headers={"Content-Type": "text/plain"})
        transport.fetch(f"{server.url}/file", BytesIO())
        transport.fetch("/own", BytesIO())

    assert [target for _, target, _ in proxy.requests] == [f"{server.url}/{name}" for name in ("upload", "file", "own")]
    assert [headers.get("x-gate") for _, _, headers in server.requests] == ["open"] * 3
    assert ["authorization" in headers for _, _, headers in server.requests] == [False, False, True]
    assert all(headers["user-agent"].startswith("kymograph/") for _, _, headers in server.requests)


@pytest.mark.parametrize("is_named", [True, False])
def test_a_header_for_proxies_goes_to_no_server(
    server: Heard, proxy: Heard, monkeypatch: pytest.MonkeyPatch, *, is_named: bool
) -> None:
    if not is_named:
        monkeypatch.setenv("http_proxy", proxy.url)
    named = {"http://": proxy.url} if is_named else {}

    headers = {"Proxy-Authorization": "Bearer x"}
    assert ask(server.url, named, headers) == "ada"
    assert proxy.headers["proxy-authorization"] == "Bearer x"

    monkeypatch.delenv("http_proxy", raising=False)
    ask(server.url, headers=headers)
    assert "proxy-authorization" not in server.headers


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_proxy_that_lets_nothing_through_is_named_without_its_password(scheme: str) -> None:
    with proxying(status=407) as proxy, pytest.raises(ProxyRefused) as caught:
        ask(f"{scheme}://127.0.0.1:9", {"all://": with_password(proxy)})

    said = str(caught.value)
    assert said.startswith(f"the proxy {proxy.url} lets nothing through to {scheme}://127.0.0.1:9: 407")
    assert "secret" not in said


def test_a_proxy_that_is_away_is_named(server: Heard) -> None:
    with pytest.raises(Unreachable, match=rf"no answer from {server.url} \(through the proxy {AWAY}\)"):
        ask(server.url, {"http://": AWAY})


def test_an_address_that_is_none_is_refused_without_its_password() -> None:
    with pytest.raises(InvalidSetting, match="http_proxy") as caught:
        ask("http://127.0.0.1:9", {"http://": "gopher://me:secret@host"})

    assert "secret" not in str(caught.value)


@pytest.mark.skipif(find_spec("socksio") is not None, reason="SOCKS proxies can be spoken to here")
def test_a_proxy_that_needs_another_package_names_it() -> None:
    with pytest.raises(MissingPackage, match=r"httpx\[socks\]"):
        ask(AWAY, {"all://": "socks5://127.0.0.1:9"})


def test_which_proxy_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "http://env:1")
    given = {"http://": "a:1", "http://host": "b:1", "all://other": "c:1"}

    assert proxy_of("https://host/x", given) == "http://env:1"
    assert proxy_of("http://host/x", given) == "b:1"
    assert proxy_of("http://third", given) == "a:1"
    assert proxy_of("https://other", given) == "c:1"
    assert proxy_of("https://host", {"https://": "http://me:secret@d:1"}) == "http://d:1"
    monkeypatch.setenv("no_proxy", "host")
    assert proxy_of("http://host", given) is None


def test_addresses_are_shown_without_passwords() -> None:
    assert shown("http://me:p%40ss@host:1") == "http://host:1"
    assert shown("me:pass@host:1") == "host:1"
