"""Sessions of browsers: cookies that scripts cannot read, writes that other sites cannot make."""

from __future__ import annotations

from collections.abc import Iterator
from http.cookies import SimpleCookie

import httpx
import pytest

from tests.security.world import KEYS, PROJECT, TEAM, World, open_client

COOKIE = "kymograph_session"
CSRF = "X-Kymograph-CSRF"


@pytest.fixture
def browser(world: World) -> Iterator[httpx.Client]:
    """A browser without any session."""
    with_cookies = open_client(world.app)
    yield with_cookies
    with_cookies.close()


def sign_in(browser: httpx.Client, person: str = "member") -> str:
    """Begin a session; gives its CSRF token."""
    response = browser.post("/api/v1/session", json={"api_key": KEYS[person]})
    assert response.status_code == 200, response.text
    token: str = response.json()["csrf_token"]
    return token


def test_cookie_is_out_of_reach_of_scripts_and_other_sites(browser: httpx.Client) -> None:
    response = browser.post("/api/v1/session", json={"api_key": KEYS["member"]})

    cookie = SimpleCookie(response.headers["Set-Cookie"])[COOKIE]
    assert cookie["httponly"]
    assert cookie["samesite"].lower() == "lax"
    assert cookie["secure"], "the public address is https"
    assert cookie["path"] == "/"


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/api/v1/keys", {"description": "stolen"}),
        ("DELETE", "/api/v1/session", None),
        ("PATCH", f"/api/v1/projects/{TEAM}/{PROJECT}/runs/RUN", {"notes": "changed"}),
        ("DELETE", f"/api/v1/projects/{TEAM}/{PROJECT}/runs/RUN", None),
        ("POST", f"/api/v1/projects/{TEAM}/{PROJECT}/runs/RUN/stop", None),
        ("POST", "/graphql", {"query": "{ viewer { id } }"}),
        ("POST", f"/files/{TEAM}/{PROJECT}/RUN/file_stream", {}),
        ("POST", "/api/v1/admin/teams", {"name": "planted"}),
    ],
)
def test_write_by_cookie_needs_the_token_of_the_session(
    world: World, browser: httpx.Client, method: str, path: str, body: object
) -> None:
    run = world.fresh_run()
    path = path.replace("RUN", run.id)
    token = sign_in(browser)
    before = world.fingerprint()

    for headers in ({}, {CSRF: ""}, {CSRF: "guess"}, {CSRF: token[:-1]}, {"Origin": "https://evil.test"}):
        response = browser.request(method, path, json=body, headers=headers)
        assert response.status_code == 403, response.text
        assert response.json()["error"]["kind"] == "Forbidden"
    assert world.fingerprint() == before

    assert browser.request(method, path, json=body, headers={CSRF: token}).is_success


def test_token_of_another_session_is_worthless(world: World, browser: httpx.Client) -> None:
    token_of_another = sign_in(browser, "stranger")
    browser.cookies.clear()
    sign_in(browser)

    assert browser.post("/api/v1/keys", json={}, headers={CSRF: token_of_another}).status_code == 403


def test_reads_by_cookie_need_no_token(browser: httpx.Client) -> None:
    sign_in(browser)

    assert browser.get("/api/v1/projects").status_code == 200


def test_session_is_new_at_every_sign_in_and_the_old_one_ends(browser: httpx.Client) -> None:
    sign_in(browser)
    first = browser.cookies[COOKIE]
    sign_in(browser)
    second = browser.cookies[COOKIE]

    assert first != second
    browser.cookies.clear()
    assert browser.get("/api/v1/session", headers={"Cookie": f"{COOKIE}={first}"}).status_code == 401
    assert browser.get("/api/v1/session", headers={"Cookie": f"{COOKIE}={second}"}).status_code == 200


def test_signing_out_ends_the_session_on_the_server(browser: httpx.Client) -> None:
    token = sign_in(browser)
    cookie = browser.cookies[COOKIE]

    assert browser.delete("/api/v1/session", headers={CSRF: token}).status_code == 204

    assert browser.get("/api/v1/session", headers={"Cookie": f"{COOKIE}={cookie}"}).status_code == 401


def test_login_link_works_once(world: World, browser: httpx.Client) -> None:
    token = world.under_test.services.accounts.create_login_link("mel")

    assert browser.post("/api/v1/session", json={"token": token}).json()["user"]["username"] == "mel"
    browser.cookies.clear()
    again = browser.post("/api/v1/session", json={"token": token})

    assert again.status_code == 401
    assert "used already" in again.json()["error"]["message"]


@pytest.mark.parametrize("token", ["", "guess", "a" * 900, "\x00"])
def test_guessed_login_links_are_refused(browser: httpx.Client, token: str) -> None:
    assert browser.post("/api/v1/session", json={"token": token}).status_code == 401


def test_other_origins_may_not_read_answers(browser: httpx.Client) -> None:
    sign_in(browser)

    response = browser.get("/api/v1/session", headers={"Origin": "https://evil.test"})

    assert "Access-Control-Allow-Origin" not in response.headers


@pytest.mark.parametrize("path", ["/", "/login", "/api/v1/session", "/api/docs", "/lab/project", "/healthz"])
def test_every_answer_carries_the_headers_that_protect_a_browser(browser: httpx.Client, path: str) -> None:
    headers = browser.get(path).headers

    assert headers["X-Content-Type-Options"] == "nosniff"
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    scripts = next(part for part in headers["Content-Security-Policy"].split("; ") if part.startswith("script-src"))
    assert "unsafe-inline" not in scripts
    assert "unsafe-eval" not in scripts


def test_host_header_does_not_reach_addresses_that_are_handed_out(world: World) -> None:
    run = world.fresh_run()
    query = """
    mutation ($e: String!, $p: String!, $r: String!) {
      createRunFiles(input: {entityName: $e, projectName: $p, runName: $r, files: ["a"]}) { files { uploadUrl } }
    }
    """
    response = world.clients["member"].post(
        "/graphql",
        json={"query": query, "variables": {"e": TEAM, "p": PROJECT, "r": run.id}},
        headers={"Host": "evil.test", "X-Forwarded-Host": "evil.test"},
    )

    assert "evil.test" not in response.text
    assert world.under_test.deployment.settings.public_url in response.text
