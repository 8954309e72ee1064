"""Which notebook this is, by a stand-in for the shell of IPython."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from kymograph.sdk.capture.notebook import (
    NotebookFile,
    display_html,
    find_notebook,
    find_notebook_shell,
    find_shell,
    is_colab,
    is_kaggle,
    python_kind,
)
from tests.unit.sdk.notebook_shell import Shell, use_shell


def test_kinds_of_python(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "IPython", raising=False)
    assert find_shell() is None
    assert python_kind() == "python"

    shell = use_shell(monkeypatch)
    assert python_kind() == "jupyter"
    assert find_notebook_shell() is shell
    assert python_kind(Shell(kernel=None)) == "ipython"

    monkeypatch.setitem(sys.modules, "spyder", ModuleType("spyder"))
    assert python_kind() == "ipython"
    assert find_notebook_shell() is None


def test_hosted_notebooks(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not is_colab()
    monkeypatch.setitem(sys.modules, "google.colab", ModuleType("google.colab"))
    assert is_colab()
    assert not is_kaggle({})
    assert is_kaggle({"KAGGLE_KERNEL_RUN_TYPE": "Interactive"})


def test_a_notebook_is_found_by_its_server() -> None:
    sessions: list[tuple[str, Mapping[str, Any]]] = [
        ("/srv", {"kernel": {"id": "other"}, "notebook": {"name": "x.ipynb", "path": "x.ipynb"}}),
        ("/srv", {"kernel": None}),
        ("/srv", {"kernel": {"id": "abc-1"}, "notebook": {"name": "a.ipynb", "path": "sub/a.ipynb"}}),
    ]

    found = find_notebook(Shell(), environment={}, sessions=lambda folder: sessions)

    assert found == NotebookFile("a.ipynb", "sub/a.ipynb", "/srv")
    assert found is not None
    assert found.file == Path("/srv/sub/a.ipynb")
    assert find_notebook(Shell(), environment={}, sessions=lambda folder: []) is None
    assert find_notebook(Shell(kernel=None), environment={}) is None


def test_servers_that_do_not_answer_are_passed_over(tmp_path: Path) -> None:
    shell = Shell()
    shell.config["IPKernelApp"]["connection_file"] = str(tmp_path / "kernel-abc-1.json")
    for name, text in {
        "jpserver-1.json": json.dumps({"url": "http://127.0.0.1:9/", "token": "t"}),
        "jpserver-2.json": "[]",
        "nbserver-3.json": "{",
    }.items():
        (tmp_path / name).write_text(text)

    assert find_notebook(shell, environment={}) is None


def test_a_notebook_is_found_by_its_editor_its_server_or_its_user(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shell = Shell()
    by_server = find_notebook(shell, environment={"JPY_SESSION_NAME": "/srv/nb/b.ipynb"})
    shell.user_ns["__vsc_ipynb_file__"] = "/home/me/a.ipynb"

    assert by_server == NotebookFile("b.ipynb", "/srv/nb/b.ipynb", "/srv/nb")
    assert find_notebook(shell, environment={}) == NotebookFile("a.ipynb", "/home/me/a.ipynb", "/home/me")

    (tmp_path / "mine.ipynb").touch()
    monkeypatch.chdir(tmp_path)
    assert find_notebook(shell, name="mine.ipynb") == NotebookFile(
        "mine.ipynb", str(tmp_path / "mine.ipynb"), str(tmp_path)
    )
    assert find_notebook(shell, name="elsewhere.ipynb") == NotebookFile(
        "elsewhere.ipynb", "elsewhere.ipynb", str(tmp_path)
    )


def test_a_front_end_that_fails_does_not_reach_the_cell() -> None:
    shell = Shell()
    assert display_html(shell, "<b>x</b>")
    assert shell.published == [{"text/html": "<b>x</b>", "text/plain": "x"}]

    shell.display_pub.publish = lambda **options: (_ for _ in ()).throw(RuntimeError("the kernel ends"))
    assert not display_html(shell, "<b>x</b>")
