"""The magics, and how runs are shown, by a stand-in for the shell of IPython."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import kymograph
from kymograph.sdk.magic import MagicArguments, parse_magic, register_magics
from kymograph.sdk.showing import frame_html, page_html
from kymograph.testing.recorded_run import RecordedRun
from kymograph.testing.recording_server import ENTITY, RecordingServer
from tests.unit.sdk.notebook_shell import Shell, use_shell

Begin = Callable[..., RecordedRun]


@pytest.fixture
def shell(monkeypatch: pytest.MonkeyPatch, kymograph_home: Path) -> Shell:
    shell = use_shell(monkeypatch)
    register_magics(shell)
    return shell


def shown(shell: Shell) -> list[str]:
    return [data["text/html"] for data in shell.published]


def test_frames() -> None:
    assert frame_html("http://h/a/b/runs/c", height=100) == (
        '<iframe src="http://h/a/b/runs/c?jupyter=true" style="border:none;width:100%;height:100px;"></iframe>'
    )
    text = frame_html('http://h/x?y="><script>', hidden=True)
    assert text.startswith("<button")
    assert "<script>" not in text
    assert "display:none" in text


def test_a_front_end_without_frames_gets_a_link(shell: Shell) -> None:
    assert "<iframe" in page_html("http://h/a")
    shell.user_ns["__vsc_ipynb_file__"] = "/home/me/a.ipynb"

    assert page_html("http://h/a") == '<a href="http://h/a" target="_blank">http://h/a</a>'


@pytest.mark.parametrize(
    ("line", "arguments"),
    [
        ("", MagicArguments()),
        ("a/b/runs/c", MagicArguments("a/b/runs/c")),
        ("-h 1024", MagicArguments(None, 1024)),
        ("a/b --height=7", MagicArguments("a/b", 7)),
        ("-h tall", MagicArguments()),
    ],
)
def test_arguments_of_the_magic(line: str, arguments: MagicArguments) -> None:
    assert parse_magic(line) == arguments


@pytest.mark.parametrize(
    ("path", "page"),
    [
        ("a/b", "http://h/a/b?"),
        ("a/b/c", "http://h/a/b/runs/c?"),
        ("a/b/sweeps/s", "http://h/a/b/sweeps/s?"),
        ("a/my project/runs/c", "http://h/a/my%20project/runs/c?"),
    ],
)
def test_the_line_magic_shows_what_a_path_names(
    path: str, page: str, shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WANDB_BASE_URL", "http://h")
    shell.magics["wandb"](f"'{path}'")

    assert f'<iframe src="{page}' in shown(shell)[0]


def test_a_path_that_names_nothing_is_said(shell: Shell) -> None:
    shell.magics["wandb"]("a//<b>")

    assert shown(shell) == ["<p>&#x27;a//&lt;b&gt;&#x27; names no page: write entity/project/run.</p>"]


def test_the_line_magic_shows_the_active_run(shell: Shell, kymograph_begin: Begin) -> None:
    shell.magics["kymograph"]("")
    run = kymograph_begin(settings={"silent": True}).run
    shell.magics["kymograph"]("")

    assert shown(shell) == [
        "<p>There is no run yet; begin one with init().</p>",
        f"<p>Run {run.id} is kept in {run.sync_dir}.</p>",
    ]


def test_the_cell_magic_shows_the_first_run_that_the_cell_begins(
    shell: Shell, kymograph_server: RecordingServer
) -> None:
    def cell() -> None:
        for name in ("one", "two"):
            kymograph.init(project="p", id=name, settings={"x_disable_stats": True}).finish(quiet=True)

    shell.on_cell = cell
    shell.magics["wandb"]("-h 77", "init()")

    first, second = shown(shell)
    assert f'<iframe src="{kymograph_server.url}/{ENTITY}/p/runs/one?jupyter=true"' in first
    assert "height:77px" in first
    assert "<iframe" not in second
    assert shell.rows[0][2][0] == "init()"


def test_a_run_shows_itself_in_notebooks_only(shell: Shell, kymograph_begin: Begin) -> None:
    run = kymograph_begin(settings={"silent": False}).run
    shell.published.clear()

    assert run.display(height=50)
    assert shown(shell) == [run.to_html(50)]
    assert run._repr_mimebundle_() == {"text/html": run.to_html(), "text/plain": repr(run)}
    del shell.kernel
    assert not run.display()


def test_a_silent_run_is_not_displayed(shell: Shell, kymograph_begin: Begin) -> None:
    assert not kymograph_begin(settings={"silent": True}).run.display()
    assert shell.published == []


def test_a_disabled_run_says_that_nothing_is_kept(kymograph_begin: Begin) -> None:
    run = kymograph_begin(mode="disabled").run

    assert run.to_html() == f"<p>Run {run.id} is switched off: nothing of it is kept.</p>"
