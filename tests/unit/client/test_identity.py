"""Access tokens in exchange for identity tokens."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qs

import httpx
import pytest

from kymograph.client.identity import EXCHANGE_PATH, AccessTokens
from kymograph.errors import ServerBusy, Unauthenticated

NOW = datetime(2026, 1, 1, tzinfo=UTC)


class Platform:
    """A server, a clock and a file."""

    def __init__(self, folder: Path) -> None:
        self.now = NOW
        self.answer: httpx.Response | Exception = httpx.Response(200, json={"access_token": "t1", "expires_in": 3600})
        self.requests: list[httpx.Request] = []
        self.file, self.cache = folder / "token", folder / "config" / "credentials.json"
        self.file.write_text("a.b.c\n")

    def tokens(self, url: str = "http://host") -> AccessTokens:
        def handle(request: httpx.Request) -> httpx.Response:
            self.requests.append(request)
            if isinstance(self.answer, Exception):
                raise self.answer
            return self.answer

        client = httpx.Client(base_url=url, transport=httpx.MockTransport(handle))

        def exchange(form: dict[str, str]) -> httpx.Response:
            return client.post(EXCHANGE_PATH, data=form)

        return AccessTokens(url, self.file, self.cache, exchange=exchange, now=lambda: self.now)


@pytest.fixture
def platform(tmp_path: Path) -> Platform:
    return Platform(tmp_path)


def test_a_token_is_exchanged_once_until_shortly_before_its_end(platform: Platform) -> None:
    assert [platform.tokens().token() for _ in range(2)] == ["t1", "t1"]
    assert len(platform.requests) == 1
    assert platform.requests[0].url == "http://host/oidc/token"
    assert parse_qs(platform.requests[0].content.decode()) == {
        "grant_type": ["urn:ietf:params:oauth:grant-type:jwt-bearer"],
        "assertion": ["a.b.c"],
    }

    platform.now += timedelta(minutes=56)
    platform.answer = httpx.Response(200, json={"access_token": "t2", "expires_in": 60})

    assert platform.tokens().token() == "t2"


def test_tokens_of_several_servers_are_kept_side_by_side_in_the_clients_form(platform: Platform) -> None:
    platform.tokens().token()
    platform.tokens("http://second").token()

    assert json.loads(platform.cache.read_text()) == {
        "credentials": {
            url: {"access_token": "t1", "expires_at": "2026-01-01 01:00:00"} for url in ("http://host", "http://second")
        }
    }


@pytest.mark.parametrize(
    "text", ["", "[]", '{"credentials": 1}', '{"credentials": {"http://host": {"expires_at": 1}}}']
)
def test_a_broken_cache_is_as_good_as_none(platform: Platform, text: str) -> None:
    platform.cache.parent.mkdir()
    platform.cache.write_text(text)

    assert platform.tokens().token() == "t1"


def test_what_goes_wrong_is_said(platform: Platform) -> None:
    platform.answer = httpx.Response(400, json={"error": "invalid_grant"})
    with pytest.raises(Unauthenticated, match=r"does not take the identity token .*400: .*invalid_grant"):
        platform.tokens().token()
    platform.answer = httpx.Response(429)
    with pytest.raises(ServerBusy):
        platform.tokens().token()
    platform.file.unlink()
    with pytest.raises(Unauthenticated, match="WANDB_IDENTITY_TOKEN_FILE"):
        platform.tokens().token()
