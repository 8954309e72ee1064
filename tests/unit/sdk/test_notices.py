"""What the SDK says, and to whom."""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path

import pytest

from kymograph.sdk import notices
from kymograph.sdk.capture.console import ConsoleCapture
from kymograph.sdk.notices import Voice, shown_path
from kymograph.sdk.settings import Settings
from tests.unit.sdk.notebook_shell import use_shell

ALL = "kymograph: news\nkymograph: need\nkymograph: WARNING care\nkymograph: ERROR broken\n"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def say_everything(voice: Voice) -> None:
    voice.chat("news")
    voice.tell("need")
    voice.warn("care")
    voice.complain("broken")


def test_warnings_are_said_once_and_each_line_is_marked(capsys: pytest.CaptureFixture[str]) -> None:
    voice = Voice()
    assert voice.warn("a\nb")
    assert not voice.warn("a\nb")
    assert voice.warn("a\nb", repeat=True)
    assert voice.tell("c")
    assert voice.tell("c")

    twice = "kymograph: WARNING a\nkymograph: WARNING b\n" * 2
    assert capsys.readouterr().err == f"{twice}kymograph: c\nkymograph: c\n"


@pytest.mark.parametrize(
    ("settings", "left_out"),
    [
        ({}, []),
        ({"silent": True}, ["news", "need", "care", "broken"]),
        ({"quiet": True}, ["news"]),
        ({"show_info": False}, ["news", "need"]),
        ({"show_warnings": False}, ["care"]),
        ({"show_errors": False}, ["broken"]),
    ],
    ids=str,
)
def test_settings_say_what_is_said(
    settings: dict[str, bool], left_out: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    say_everything(Voice.of(Settings(**settings)))

    lines = ALL.splitlines(keepends=True)
    assert capsys.readouterr().err == "".join(line for line in lines if line.split()[-1] not in left_out)


def test_a_warning_that_was_not_allowed_is_still_new(capsys: pytest.CaptureFixture[str]) -> None:
    Voice(has_warnings=False).warn("care")
    assert Voice().warn("care")


def test_a_closed_terminal_stops_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    closed = io.StringIO()
    closed.close()
    monkeypatch.setattr(sys, "stderr", closed)
    assert not Voice().tell("x")
    monkeypatch.setattr(sys, "stderr", None)
    assert not Voice().tell("y")


@pytest.mark.parametrize(
    ("colors", "environment", "is_colored"),
    [
        (None, {}, True),
        (None, {"NO_COLOR": "1"}, False),
        (None, {"TERM": "dumb"}, False),
        (False, {}, False),
        (True, {"NO_COLOR": "1"}, True),
    ],
)
def test_marks_have_colors_on_terminals_only(
    colors: bool | None, environment: dict[str, str], is_colored: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("NO_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    terminal, pipe = Terminal(), io.StringIO()
    voice = Voice.of(Settings(show_colors=colors))
    for stream in (terminal, pipe):
        monkeypatch.setattr(sys, "stderr", stream)
        voice.warn("care", repeat=True)

    assert ("\x1b[" in terminal.getvalue()) is is_colored
    assert ("\x1b[" in pipe.getvalue()) is bool(colors)
    assert terminal.getvalue().endswith(" care\n")


def test_what_we_say_is_no_output_of_the_run_but_warnings_are() -> None:
    captured: list[str] = []
    with ConsoleCapture(lambda stream, text: captured.append(text)):
        Voice().tell("a greeting")
        Voice().warn("a warning")

    assert "".join(captured) == "kymograph: WARNING a warning\n"


def test_in_a_notebook_it_stands_below_the_cell(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shell = use_shell(monkeypatch)

    Voice().tell("run <a>: http://h/a/b?c=1&d\nkept")
    Voice().warn("care")

    assert capsys.readouterr().err == "kymograph: WARNING care\n"
    (shown,) = shell.published
    assert shown["text/plain"] == "kymograph: run <a>: http://h/a/b?c=1&d\nkymograph: kept"
    assert 'run &lt;a&gt;: <a href="http://h/a/b?c=1&amp;d"' in shown["text/html"]


@pytest.mark.skipif(os.name == "nt", reason="quotes are those of a POSIX shell")
def test_paths_are_as_short_as_they_can_be_typed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    assert shown_path(tmp_path / "kymograph" / "run-1") == "./kymograph/run-1"
    assert shown_path(tmp_path / "my runs") == "'./my runs'"
    assert shown_path("/elsewhere/run-1") == "/elsewhere/run-1"


def test_what_is_said_once_is_said_anew_after_forgetting() -> None:
    assert Voice().warn("care")
    notices.forget()
    assert Voice().warn("care")
