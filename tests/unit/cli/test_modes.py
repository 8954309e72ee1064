"""How runs of a folder behave, and where that comes from."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from kymograph.cli.main import cli
from kymograph.client.settings_files import read_settings_file
from kymograph.errors import InvalidName, UnknownSetting

KEY = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of its own, in which the command runs."""
    for name in os.environ:
        if name.startswith("WANDB_"):
            monkeypatch.delenv(name)
    monkeypatch.delenv("NETRC", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("USERPROFILE", str(tmp_path / "home"))
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path / "home"


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, list(arguments))


def settled() -> dict[str, str]:
    return dict(read_settings_file(Path("kymograph/settings")).values)


@pytest.mark.parametrize(
    ("command", "mode"),
    [("offline", "offline"), ("disabled", "disabled"), ("online", "online"), ("enabled", "online")],
)
def test_modes_are_settled_for_the_folder(command: str, mode: str) -> None:
    run("init", "--project", "p")

    assert run(command).exit_code == 0
    assert settled() == {"project": "p", "mode": mode}


def test_a_variable_that_wins_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_MODE", "online")

    assert "WANDB_MODE=online is set in this terminal" in run("offline").stderr


def test_a_folder_is_settled_and_reset() -> None:
    run("offline")
    result = run("init", "-p", "p", "-e", "team", "--host", "http://host:1/")
    assert "project = p, entity = team, base_url = http://host:1" in result.output
    assert settled() == {"mode": "offline", "project": "p", "entity": "team", "base_url": "http://host:1"}

    run("init", "--reset", "-p", "q")

    assert settled() == {"project": "q"}


def test_a_folder_is_not_settled_by_nonsense() -> None:
    assert isinstance(run("init", "-p", "a/b").exception, InvalidName)
    assert run("init").exit_code == 2
    assert settled() == {}


def test_status_says_which_server_key_and_settings(home: Path) -> None:
    run("offline")
    run("init", "-p", "p")
    (home / ".netrc").parent.mkdir()
    (home / ".netrc").write_text(f"machine localhost:8080 login user password {KEY}\n")

    shown = run("status").stdout
    assert "http://localhost:8080" in shown
    assert f"from {home / '.netrc'}" in shown
    assert "(your own)/p" in shown
    assert "settings of this folder" in shown
    assert KEY not in shown
    assert "settings of this folder" not in run("status", "--no-settings").stdout
    assert "x_stats_sampling_interval" in run("status", "--all").stdout


def test_status_without_a_key_says_how_to_get_one(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "kymograph login" in run("status").stdout
    monkeypatch.setenv("WANDB_API_KEY", "short")
    assert "has 5" in run("status").stdout


def test_one_setting_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    run("offline")
    monkeypatch.setenv("WANDB_MODE", "disabled")

    shown = run("status", "--explain", "mode").stdout
    assert "environment (WANDB_MODE)" in shown
    assert "'offline' of settings of this folder" in shown
    assert isinstance(run("status", "--explain", "nonsense").exception, UnknownSetting)


def test_status_for_programs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_API_KEY", KEY)
    monkeypatch.setenv("WANDB_PROJECT", "p")
    shown = run("status", "--json").stdout
    document = json.loads(shown)

    assert KEY not in shown
    assert document["signed_in"] is True
    assert document["project"] == "p"
    assert document["settings"]["project"] == {
        "value": "p",
        "from": "environment",
        "detail": "WANDB_PROJECT",
        "replaced": [{"value": None, "from": "default", "detail": ""}],
    }
