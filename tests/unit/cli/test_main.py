"""The command itself: help, version, and errors as one line."""

from __future__ import annotations

import sys

import pytest
from click.testing import CliRunner

from kymograph import __version__
from kymograph.cli import main as module
from kymograph.cli.main import cli, main


def test_version_and_help() -> None:
    assert CliRunner().invoke(cli, ["--version"]).stdout == f"kymograph, version {__version__}\n"
    listed = CliRunner().invoke(cli, ["-h"]).stdout
    for name in cli.commands:
        assert name in listed


@pytest.mark.parametrize(
    "arguments",
    [
        ["admin", "login-link", "--database", "mysql://host/name"],
        ["server", "--port", "99999"],
        ["server", "--public-url", "nonsense"],
    ],
)
def test_error_of_ours_is_one_line_and_status_1(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: object
) -> None:
    monkeypatch.setattr(sys, "argv", ["kymograph", *arguments, "--data", str(tmp_path)])

    with pytest.raises(SystemExit) as caught:
        main()

    assert caught.value.code == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("Error: ")
    assert said.err.count("\n") == 1


def test_bug_of_ours_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(module, "cli", broken)

    with pytest.raises(RuntimeError, match="a bug"):
        main()
