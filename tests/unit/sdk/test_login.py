"""Signing in."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from kymograph.client.connection import Connection
from kymograph.client.graphql import Viewer
from kymograph.client.netrc_file import read_key, write_key
from kymograph.client.settings_files import read_settings_file
from kymograph.errors import Unauthenticated
from kymograph.sdk.login import Terminal, ensure_configured, login
from kymograph.sdk.settings_sources import load_settings

KEY = "0123456789abcdef0123456789abcdef01234567"
OTHER = "f" * 40
URL = "http://localhost:8080"


class Person:
    """Sits before a machine, or does not."""

    def __init__(self, folder: Path, *answers: str | Exception) -> None:
        self.home = folder
        self.environment: dict[str, str] = {"WANDB_DIR": str(folder)}
        self.answers = list(answers)
        self.asked: list[tuple[str, float | None]] = []
        self.checked: list[Connection] = []

    @property
    def netrc(self) -> Path:
        return self.home / ".netrc"

    def _ask(self, text: str, limit_s: float | None) -> str:
        self.asked.append((text, limit_s))
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def _find_viewer(self, connection: Connection) -> Viewer:
        self.checked.append(connection)
        if connection.credential.api_key == OTHER:
            raise Unauthenticated("unknown key")
        return Viewer("ada", "ada", teams=("team",))

    @property
    def terminal(self) -> Terminal:
        return Terminal(lambda: bool(self.answers or self.asked), self._ask)

    def login(self, key: str | None = None, **arguments: Any) -> bool:
        return login(
            key,
            environment=self.environment,
            home=self.home,
            terminal=self.terminal,
            find_viewer=self._find_viewer,
            **arguments,
        )


def test_a_key_that_is_given_is_kept_and_not_put_into_the_environment(tmp_path: Path) -> None:
    person = Person(tmp_path)

    assert person.login(KEY)
    assert read_key(person.netrc, URL) == KEY
    assert KEY not in str(dict(os.environ))
    assert KEY not in str(person.environment)


def test_a_key_that_is_known_is_not_written_again(tmp_path: Path) -> None:
    person = Person(tmp_path)
    person.environment["WANDB_API_KEY"] = KEY

    assert person.login()
    assert not person.netrc.exists()


def test_without_a_terminal_is_said_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(Unauthenticated, match=r"api_key not configured \(no-tty\)"):
        Person(tmp_path).login()
    assert not Person(tmp_path).login(prompt=False)


def test_somebody_is_asked_until_a_key_has_the_form_of_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    person = Person(tmp_path, "short", KEY)

    assert person.login(timeout=5)
    assert read_key(person.netrc, URL) == KEY
    assert [limit for _, limit in person.asked] == [5, 5]
    said = capsys.readouterr().err
    assert f"{URL}/authorize" in said
    assert "Invalid API key: API key must have 40+ characters, has 5." in said
    assert KEY not in said


def test_somebody_may_go_on_without_a_key_unless_one_is_needed(tmp_path: Path) -> None:
    assert not Person(tmp_path, "").login()
    assert Person(tmp_path, "", KEY).login(force=True)


def test_nobody_answers_in_time(tmp_path: Path) -> None:
    with pytest.raises(Unauthenticated, match="within 3 s"):
        Person(tmp_path, TimeoutError()).login(timeout=3)


def test_relogin_asks_though_there_is_a_key(tmp_path: Path) -> None:
    write_key(tmp_path / ".netrc", URL, OTHER)
    person = Person(tmp_path, KEY)

    assert person.login(relogin=True)
    assert read_key(person.netrc, URL) == KEY


def test_a_key_that_the_server_does_not_take_is_not_kept(tmp_path: Path) -> None:
    person = Person(tmp_path)

    with pytest.raises(Unauthenticated, match="unknown key"):
        person.login(OTHER, verify=True, host="http://new")
    assert not person.netrc.exists()
    assert not (tmp_path / ".config").exists()


def test_who_one_is_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    person = Person(tmp_path)
    person.login(KEY, verify=True)

    assert [(asked.base_url, asked.credential.api_key) for asked in person.checked] == [(URL, KEY)]
    assert f"Currently logged in as: ada (team) to {URL}" in capsys.readouterr().err


def test_a_host_is_the_one_to_use_from_here_on(tmp_path: Path) -> None:
    person = Person(tmp_path)
    (tmp_path / "kymograph").mkdir()
    (tmp_path / "kymograph" / "settings").write_text("[default]\nbase_url = http://old\nproject = p\n")
    person.login(KEY, host="https://new:1/")

    settings = load_settings(environment=person.environment, home=tmp_path)
    assert (settings.base_url, settings.project) == ("https://new:1", "p")
    assert read_key(person.netrc, "https://new:1") == KEY
    assert read_settings_file(tmp_path / ".config" / "wandb" / "settings").values == {"base_url": "https://new:1"}


def test_a_key_that_is_set_for_one_server_is_not_shown_to_another(tmp_path: Path) -> None:
    person = Person(tmp_path)
    person.environment["WANDB_API_KEY"] = KEY

    with pytest.raises(Unauthenticated, match="http://other"):
        person.login(host="http://other", verify=True)
    assert person.checked == []


def test_nobody_signs_in_offline(tmp_path: Path) -> None:
    person = Person(tmp_path)
    for mode in ("offline", "disabled"):
        person.environment["WANDB_MODE"] = mode
        assert not person.login(KEY)
    assert not person.netrc.exists()


def test_a_netrc_file_that_cannot_be_written_is_only_warned_of(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    person = Person(tmp_path)
    (tmp_path / "file").write_text("")
    person.environment["NETRC"] = str(tmp_path / "file" / "netrc")

    assert person.login(KEY)
    assert "could not be kept" in capsys.readouterr().err
    settings = load_settings(environment=person.environment, home=tmp_path)
    assert ensure_configured(settings, environment=person.environment, home=tmp_path).api_key == KEY


def test_a_run_gets_its_credential_asking_if_need_be(tmp_path: Path) -> None:
    person = Person(tmp_path, KEY)
    settings = load_settings(environment=person.environment, home=tmp_path)

    found = ensure_configured(settings, environment=person.environment, home=person.home, terminal=person.terminal)
    assert found.api_key == KEY
    person = Person(tmp_path / "other")
    settings.base_url = "http://second"
    with pytest.raises(Unauthenticated, match="no-tty"):
        ensure_configured(settings, environment={}, home=person.home, terminal=person.terminal)


def test_a_key_of_a_settings_file_counts(tmp_path: Path) -> None:
    person = Person(tmp_path)
    (tmp_path / "wandb").mkdir()
    (tmp_path / "wandb" / "settings").write_text(f"[default]\napi_key = {KEY}\n")
    settings = load_settings(environment=person.environment, home=tmp_path)

    found = ensure_configured(settings, environment=person.environment, home=tmp_path)
    assert found.api_key == KEY
    assert "wandb" in found.source
