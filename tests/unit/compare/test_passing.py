"""Before a server that has a comparer, the program of its own passes requests on and answers back as they are."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import httpx
import pytest

from kymograph.client.connection import Connection
from kymograph.client.runs import RunClient
from kymograph.compare.alone import Alone, create_app
from tests.security.world import open_client

HOST, KEY = "kymograph.test", "k" * 40
Answer = Callable[[httpx.Request], httpx.Response]


class Upstream(httpx.BaseTransport):
    """A server that announces a comparer, and what it was asked."""

    def __init__(self, features: list[str]) -> None:
        self.features = features
        self.asked: list[httpx.Request] = []
        self.feature_questions = 0
        self.answer: Answer = lambda _request: httpx.Response(200, json=["told"], headers={"ETag": '"1"'})

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Docstring inherited."""
        if request.url.path == "/graphql":
            self.feature_questions += 1
            features = [{"name": name, "isEnabled": True} for name in self.features]
            return httpx.Response(200, json={"data": {"serverInfo": {"features": features}}})
        request.read()
        self.asked.append(request)
        return self.answer(request)


@pytest.fixture
def upstream() -> Upstream:
    return Upstream(["X_KYMOGRAPH_COMPARE"])


@pytest.fixture
def http(upstream: Upstream) -> Iterator[httpx.Client]:
    """Asks the program, which has a key and a default project."""
    with ExitStack() as stack:

        def make_client(api_key: str) -> RunClient:
            connection = Connection.of("https://upstream.test", api_key)
            return stack.enter_context(RunClient(connection, inner=upstream))

        alone = Alone(make_client, make_client(KEY), entity="ada", project="demo", hosts=(HOST,))
        yield stack.enter_context(open_client(create_app(alone)))


def test_project_that_is_not_named_is_filled_in(http: httpx.Client, upstream: Upstream) -> None:
    http.get("/runs", params={"page": 2})
    http.get("/api/v1/compare/runs", params={"project": "other", "entity": ""})
    http.post("/keys", json={"run_ids": [], "project": None})
    http.post("/steps", json={"run_ids": ["a"]})

    urls = [str(request.url) for request in upstream.asked]
    assert urls == [
        "https://upstream.test/api/v1/compare/runs?page=2&entity=ada&project=demo",
        "https://upstream.test/api/v1/compare/runs?project=other&entity=ada",
        "https://upstream.test/api/v1/compare/keys?",
        "https://upstream.test/api/v1/compare/steps?entity=ada&project=demo",
    ]
    assert upstream.asked[2].content == b'{"run_ids":[],"project":"demo","entity":"ada"}'
    assert upstream.asked[3].content == b'{"run_ids":["a"]}'


def test_features_are_asked_for_once_a_caller(http: httpx.Client, upstream: Upstream) -> None:
    for _ in range(2):
        http.get("/runs")
        http.get("/runs", headers={"Authorization": f"Bearer {'b' * 40}"})

    assert upstream.feature_questions == 2
    keys = {request.headers["Authorization"] for request in upstream.asked}
    assert len(keys) == 2, "each caller asks with its own key"


def test_answer_comes_back_with_its_status_and_headers(http: httpx.Client, upstream: Upstream) -> None:
    upstream.answer = lambda _request: httpx.Response(
        422,
        json={"error": {"kind": "MalformedRequest", "message": "page", "details": [1]}},
        headers={"X-Total-Count": "7", "Server": "hidden", "Set-Cookie": "a=b"},
    )

    answer = http.get("/runs", params={"page": 0})

    assert answer.status_code == 422
    assert answer.json()["error"]["details"] == [1]
    assert answer.headers["X-Total-Count"] == "7"
    assert "Set-Cookie" not in answer.headers


def test_answer_that_is_known_is_not_sent_again(http: httpx.Client, upstream: Upstream) -> None:
    upstream.answer = lambda request: httpx.Response(304, headers={"ETag": request.headers["If-None-Match"]})

    answer = http.get("/metrics", headers={"If-None-Match": 'W/"x"'})

    assert (answer.status_code, answer.headers["ETag"], answer.content) == (304, 'W/"x"', b"")


def test_server_that_is_away_is_said_to_be(http: httpx.Client, upstream: Upstream) -> None:
    def fail(_request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    upstream.answer = fail
    assert http.get("/runs").status_code == 502

    upstream.answer = lambda _request: httpx.Response(503, text="busy")
    assert http.get("/runs").status_code in (429, 502)


@pytest.mark.parametrize(
    "path",
    ["/runs/../../keys", "/runs/%2e%2e/steps", "/runs/./images", "/../keys", "/api/v1/keys", "/api/v1/compare/../keys"],
)
def test_nothing_outside_of_the_comparer_is_passed_on(http: httpx.Client, upstream: Upstream, path: str) -> None:
    """The program asks with its own key: whoever reaches it must not reach the rest of the API."""
    http.request("GET", httpx.URL(f"https://{HOST}/").copy_with(raw_path=path.encode()))

    outside = [request for request in upstream.asked if not request.url.path.startswith("/api/v1/compare/")]
    assert outside == []


def test_id_of_a_run_keeps_its_characters(http: httpx.Client, upstream: Upstream) -> None:
    http.get("/runs/a%3Fb%23%C3%BC/steps")

    assert upstream.asked[0].url.raw_path.startswith(b"/api/v1/compare/runs/a%3Fb%23%C3%BC/steps?")


def test_server_without_a_comparer_is_read_by_the_protocol(http: httpx.Client, upstream: Upstream) -> None:
    upstream.features = []

    http.get("/runs")

    assert upstream.asked == []
    assert upstream.feature_questions > 1


def test_callers_without_a_key_are_refused_before_anything_is_asked(upstream: Upstream) -> None:
    with open_client(create_app(Alone(lambda _key: pytest.fail("asked"), None, hosts=(HOST,)))) as http:
        answer = http.get("/runs")

    assert answer.status_code == 401
    assert "WWW-Authenticate" in answer.headers
