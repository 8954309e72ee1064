from __future__ import annotations

import json
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from kymograph.cli.connecting import split_project, split_run
from kymograph.cli.main import SECTIONS, cli
from kymograph.cli.run import parse_filters


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("a1", (None, None, "a1", None)),
        ("vision/a1", (None, "vision", "a1", None)),
        ("vision:a1", (None, "vision", "a1", None)),
        ("ada/vision/a1", ("ada", "vision", "a1", None)),
        ("ada/vision:a1", ("ada", "vision", "a1", None)),
        ("ada/vision/runs/a1", ("ada", "vision", "a1", None)),
        ("http://localhost:8080/ada/vi%20sion/runs/a1/logs", ("ada", "vi sion", "a1", "http://localhost:8080")),
    ],
)
def test_runs_have_names_of_several_forms(text: str, names: tuple[str | None, ...]) -> None:
    assert split_run(text) == names


@pytest.mark.parametrize("text", ["", "a/b/c/d/e", "a//b", "http://localhost:8080/ada/vision"])
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(click.UsageError, match="names no run"):
        split_run(text)


def test_a_project_may_bring_its_entity_along() -> None:
    assert split_project("ada/vision", None) == ("ada", "vision")
    assert split_project("vision", "bob") == ("bob", "vision")


def test_conditions_are_put_together() -> None:
    assert parse_filters(()) == {}
    assert parse_filters(("state=running",)) == {"state": "running"}
    assert parse_filters(("config.lr=0.1", '{"tags": "best"}')) == {"$and": [{"config.lr": 0.1}, {"tags": "best"}]}


@pytest.mark.parametrize("text", ["running", "=x", "{state: running}"])
def test_a_condition_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(click.UsageError, match="filter"):
        parse_filters((text,))


def test_every_command_is_listed_once_under_what_it_is_for() -> None:
    names = [command.name for commands in SECTIONS.values() for command in commands]

    assert sorted(map(str, names)) == sorted(cli.commands)
    shown = CliRunner().invoke(cli, ["--help"]).output
    assert all(f"{title}:" in shown for title in SECTIONS)
    assert "More:" not in shown


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_prints_what_the_shell_takes(shell: str) -> None:
    printed = CliRunner().invoke(cli, ["completion", shell]).output

    assert "_KYMOGRAPH_COMPLETE" in printed


def test_completion_is_installed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".bashrc").write_text("alias ll='ls -l'")

    for _ in range(2):
        assert CliRunner().invoke(cli, ["completion", "bash", "--install"]).exit_code == 0

    assert (tmp_path / ".bashrc").read_text() == "alias ll='ls -l'\neval \"$(kymograph completion bash)\"\n"


def test_a_key_goes_to_its_own_server_only() -> None:
    environment = {"WANDB_BASE_URL": "http://localhost:1", "WANDB_API_KEY": "0" * 40, "NETRC": "/nowhere"}

    result = CliRunner().invoke(cli, ["run", "show", "http://localhost:2/a/b/runs/c", "--json"], env=environment)

    assert json.dumps(str(result.exception)).startswith('"there is no API key for http://localhost:2')
