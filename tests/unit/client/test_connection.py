"""One value for every client, in every process."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import orjson

from kymograph.client.connection import Connection
from kymograph.client.credentials import Credential
from kymograph.sdk.settings import Settings

KEY = Credential("the call", "k" * 40)


def connection(**settings: object) -> Connection:
    return Connection.from_settings(Settings(base_url="http://host", **settings), "http://host", KEY)


def test_without_settings_it_is_what_the_server_needs() -> None:
    assert replace(connection(), token_cache=None) == Connection("http://host", KEY)


def test_settings_say_how() -> None:
    found = connection(
        insecure_disable_ssl=True,
        http_proxy="http://one:1",
        x_proxies={"http": "http://old:1", "https": "http://two:1", "https://files": "http://three:1"},
        x_extra_http_headers={"X-Gate": "open"},
        username="ada",
        email="ada@example.com",
        credentials_file="/kept.json",
        x_graphql_timeout_seconds=5,
        x_graphql_retry_max=3,
        x_graphql_retry_wait_min_seconds=0.5,
        x_graphql_retry_wait_max_seconds=4,
        x_file_stream_timeout_seconds=6,
        x_file_stream_max_bytes=1000,
        x_file_stream_transmit_interval=15,
        x_file_transfer_retry_max=7,
    )

    assert not found.checks_certificates
    assert found.proxies == {
        "http://": "http://one:1",
        "https://": "http://two:1",
        "https://files": "http://three:1",
    }
    assert found.headers == {"X-Gate": "open"}
    assert found.author == {"X-WANDB-USERNAME": "ada", "X-WANDB-USER-EMAIL": "ada@example.com"}
    assert found.token_cache == Path("/kept.json")
    graphql = found.graphql
    assert (graphql.timeout_s, graphql.retries, graphql.shortest_wait_s, graphql.longest_wait_s) == (5, 3, 0.5, 4)
    assert (found.stream.timeout_s, found.stream_bytes, found.stream_every_s) == (6, 1000, 15)
    assert (found.transfer.timeout_s, found.transfer.retries) == (connection().transfer.timeout_s, 7)


def test_headers_are_for_the_server_that_is_set() -> None:
    settings = Settings(base_url="http://host", x_extra_http_headers={"X-Gate": "open"}, http_proxy="http://one:1")
    other = Connection.from_settings(settings, "http://other", KEY)

    assert other.headers == {}
    assert other.proxies == {"http://": "http://one:1"}


def test_it_crosses_to_another_process_whole() -> None:
    for credential in (KEY, Credential("a file", identity_token_file=Path("/token"))):
        sent = replace(
            connection(http_proxy="http://one:1", x_graphql_retry_max=2, credentials_file="/kept.json"),
            credential=credential,
        )
        assert Connection.from_document(orjson.loads(orjson.dumps(sent.document()))) == sent


def test_what_is_shown_of_it_is_no_secret() -> None:
    shown = repr(connection(http_proxy="http://me:secret@one:1", x_extra_http_headers={"X-Gate": "open"}))

    assert not {"secret", "open", "kkkk"} & {word for word in ("secret", "open", "kkkk") if word in shown}
