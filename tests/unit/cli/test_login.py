"""What `kymograph login` does."""

from __future__ import annotations

import os
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner, Result

from kymograph.cli.main import cli
from kymograph.client.netrc_file import read_key
from kymograph.errors import Unauthenticated, UsageError
from kymograph.sdk import notices
from kymograph.sdk.login import forget_session

KEY = "0123456789abcdef0123456789abcdef01234567"
URL = "http://server.test:8080"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of its own, in which the command runs."""
    for name in os.environ:
        if name.startswith("WANDB_"):
            monkeypatch.delenv(name)
    monkeypatch.delenv("NETRC", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    notices.forget()
    forget_session()
    return tmp_path


@pytest.fixture
def keys_seen(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The headers that a server was asked with; it knows one key."""
    seen: list[str] = []

    def handle(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers["authorization"])
        viewer = {"username": "ada", "entity": "ada", "teams": {"edges": []}}
        return httpx.Response(200, json={"data": {"viewer": viewer if len(seen) == 1 else None}})

    made = httpx.Client

    def client(**arguments: object) -> httpx.Client:
        return made(**{**arguments, "transport": httpx.MockTransport(handle)})  # type: ignore[arg-type]

    monkeypatch.setattr("kymograph.client.transport.httpx.Client", client)
    return seen


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["login", *arguments])


@pytest.mark.usefixtures("keys_seen")
def test_a_key_is_checked_and_kept_for_its_server(home: Path) -> None:
    result = run(KEY, "--host", URL)

    assert result.exit_code == 0
    assert f"Currently logged in as: ada to {URL}" in result.stderr
    assert read_key(home / ".netrc", URL) == KEY
    assert f"base_url = {URL}" in (home / ".config" / "wandb" / "settings").read_text()


def test_a_key_that_the_server_does_not_know_is_not_kept(home: Path, keys_seen: list[str]) -> None:
    keys_seen.append("somebody before")

    assert isinstance(run(KEY, "--host", URL).exception, Unauthenticated)
    assert not (home / ".netrc").exists()


def test_unchecked(home: Path, keys_seen: list[str]) -> None:
    assert run(KEY, "--no-verify").exit_code == 0
    assert keys_seen == []
    assert read_key(home / ".netrc", "http://localhost:8080") == KEY


@pytest.mark.usefixtures("home")
def test_without_a_key_and_a_terminal_is_said_what_to_do() -> None:
    result = run()

    assert isinstance(result.exception, Unauthenticated)
    assert "/authorize" in str(result.exception)


@pytest.mark.usefixtures("home")
def test_there_is_no_hosted_service() -> None:
    assert isinstance(run("--cloud").exception, UsageError)


@pytest.mark.usefixtures("home")
def test_offline_nobody_signs_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_MODE", "offline")

    assert "Not signed in" in run(KEY).stderr
