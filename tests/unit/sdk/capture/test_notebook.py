"""Notebooks, by a stand-in for the shell of IPython."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from kymograph.sdk.capture.notebook import (
    CellRecorder,
    MagicArguments,
    NotebookFile,
    RunMagic,
    find_notebook,
    find_shell,
    frame_html,
    is_colab,
    is_kaggle,
    parse_magic,
    python_kind,
)


class Events:
    def __init__(self) -> None:
        self.hooks: dict[str, list[Callable[..., None]]] = {"pre_run_cell": [], "post_run_cell": []}

    def register(self, name: str, hook: Callable[..., None]) -> None:
        self.hooks[name].append(hook)

    def unregister(self, name: str, hook: Callable[..., None]) -> None:
        self.hooks[name].remove(hook)


class Shell:
    """As much of the shell of a kernel as is used."""

    def __init__(self, file: str = "/run/user/1/jupyter/runtime/kernel-abc-1.json") -> None:
        self.config = {"IPKernelApp": {"connection_file": file}}
        self.events = Events()
        self.published: list[Any] = []
        self.display_pub = SimpleNamespace(publish=self._publish)
        self.execution_count = 1
        self.user_ns: dict[str, Any] = {}
        self.kernel = SimpleNamespace(language_info={"name": "python"})
        self.rows: list[Any] = []
        self.history_manager = SimpleNamespace(get_range=lambda output: self.rows)
        self.magics: dict[str, Callable[..., None]] = {}
        self.on_cell: Callable[[], None] = lambda: None

    def _publish(self, data: Any, metadata: Any = None, **options: Any) -> None:
        self.published.append(data)

    def register_magic_function(self, function: Callable[..., None], *, magic_kind: str, magic_name: str) -> None:
        assert magic_kind == "line_cell"
        self.magics[magic_name] = function

    def run_cell(self, source: str) -> None:
        for hook in self.events.hooks["pre_run_cell"]:
            hook(None)
        self.on_cell()
        self.rows.append((0, self.execution_count, (source, None)))
        self.execution_count += 1
        for hook in self.events.hooks["post_run_cell"]:
            hook(None)


def test_kinds_of_python(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "IPython", raising=False)
    assert find_shell() is None
    assert python_kind() == "python"
    module = ModuleType("IPython")
    module.get_ipython = lambda: Shell()  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "IPython", module)
    assert python_kind() == "jupyter"
    assert python_kind(Shell("")) == "ipython"
    monkeypatch.setitem(sys.modules, "spyder", ModuleType("spyder"))
    assert python_kind() == "ipython"


def test_hosted_notebooks(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not is_colab()
    monkeypatch.setitem(sys.modules, "google.colab", ModuleType("google.colab"))
    assert is_colab()
    assert not is_kaggle({})
    assert is_kaggle({"KAGGLE_KERNEL_RUN_TYPE": "Interactive"})


def test_a_notebook_is_found_by_its_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WANDB_NOTEBOOK_NAME", raising=False)
    sessions: list[tuple[str, Mapping[str, Any]]] = [
        ("/srv", {"kernel": {"id": "other"}, "notebook": {"name": "x.ipynb", "path": "x.ipynb"}}),
        ("/srv", {"kernel": None}),
        ("/srv", {"kernel": {"id": "abc-1"}, "notebook": {"name": "a.ipynb", "path": "sub/a.ipynb"}}),
    ]

    found = find_notebook(Shell(), sessions=lambda: sessions)

    assert found == NotebookFile("a.ipynb", "sub/a.ipynb", "/srv")
    assert found is not None
    assert found.file == Path("/srv/sub/a.ipynb")
    assert find_notebook(Shell(), sessions=list) is None
    assert find_notebook(Shell("")) is None


def test_a_notebook_is_found_by_its_editor_or_its_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WANDB_NOTEBOOK_NAME", raising=False)
    shell = Shell()
    shell.user_ns["__vsc_ipynb_file__"] = "/home/me/a.ipynb"
    assert find_notebook(shell) == NotebookFile("a.ipynb", "/home/me/a.ipynb", "/home/me")

    (tmp_path / "mine.ipynb").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WANDB_NOTEBOOK_NAME", "mine.ipynb")
    assert find_notebook(shell) == NotebookFile("mine.ipynb", "mine.ipynb", str(tmp_path))


def test_cells_are_told_of_and_their_displays_kept(tmp_path: Path) -> None:
    shell, told = Shell(), list[str]()
    recorder = CellRecorder(shell, before_cell=lambda: told.append("before"), after_cell=lambda: told.append("after"))
    original = shell.display_pub.publish
    recorder.start()
    recorder.start()
    shell.on_cell = lambda: shell.display_pub.publish({"image/png": b"\x89", "text/plain": "x"}, metadata={"a": 1})
    shell.run_cell("plot()")
    shell.on_cell = lambda: None
    shell.rows.append((0, 2, ("1 + 1", "2")))

    name = recorder.save_history(tmp_path)
    recorder.stop()
    recorder.stop()

    assert told == ["before", "after"]
    assert shell.display_pub.publish == original
    assert shell.events.hooks == {"pre_run_cell": [], "post_run_cell": []}
    assert shell.published == [{"image/png": b"\x89", "text/plain": "x"}]
    assert name == "code/_session_history.ipynb"
    notebook = json.loads((tmp_path / name).read_text())
    assert (notebook["nbformat"], notebook["metadata"]["language_info"]) == (4, {"name": "python"})
    assert [cell["source"] for cell in notebook["cells"]] == ["plot()", "1 + 1"]
    assert notebook["cells"][0]["outputs"] == [
        {"output_type": "display_data", "data": {"image/png": "iQ==", "text/plain": "x"}, "metadata": {"a": 1}}
    ]
    assert notebook["cells"][1]["outputs"] == [{"output_type": "stream", "name": "stdout", "text": "2"}]


def test_a_session_of_one_cell_has_no_history(tmp_path: Path) -> None:
    shell = Shell()
    shell.rows.append((0, 1, ("init()", None)))

    assert CellRecorder(shell).save_history(tmp_path) is None
    assert CellRecorder(SimpleNamespace()).history() is None


def test_a_hook_that_fails_does_not_reach_the_cell(caplog: pytest.LogCaptureFixture) -> None:
    def fail() -> None:
        raise RuntimeError

    shell = Shell()
    recorder = CellRecorder(shell, before_cell=fail)
    recorder.start()
    shell.run_cell("x")
    recorder.stop()

    assert [record.levelname for record in caplog.records] == ["WARNING"]


def test_a_publisher_on_top_of_ours_stays() -> None:
    shell = Shell()
    recorder = CellRecorder(shell)
    recorder.start()
    below = shell.display_pub.publish
    theirs = lambda data, **options: below(data, **options)  # noqa: E731
    shell.display_pub.publish = theirs
    recorder.stop()
    shell.display_pub.publish({"text/plain": "x"}, metadata=None)

    assert shell.display_pub.publish is theirs
    assert shell.published == [{"text/plain": "x"}]


def test_frames() -> None:
    assert frame_html("http://h/a/b/runs/c", height=100) == (
        '<iframe src="http://h/a/b/runs/c?jupyter=true" style="border:none;width:100%;height:100px;"></iframe>'
    )
    text = frame_html('http://h/x?y="><script>', hidden=True)
    assert text.startswith("<button")
    assert "<script>" not in text
    assert "display:none" in text


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


def test_the_line_magic_shows_a_page() -> None:
    shell = Shell()
    RunMagic(shell, lambda path: None if path == "no" else f"http://h/{path or 'active'}").register()
    shell.magics["wandb"]("a/b")
    shell.magics["kymograph"]("")
    shell.magics["wandb"]("no")

    assert ["http://h/a/b" in shell.published[0]["text/html"], "active" in shell.published[1]["text/html"]] == [
        True
    ] * 2
    assert shell.published[2]["text/plain"] == "There is no no that you may see."


def test_the_cell_magic_shows_the_first_run_that_the_cell_begins() -> None:
    shell = Shell()
    magic = RunMagic(shell, lambda path: None)
    shown = list[bool]()
    shell.on_cell = lambda: shown.extend(magic.show_begun_run(f"http://h/{name}") for name in ("one", "two"))
    magic.run("-h 77", "init()")

    assert shown == [True, False]
    assert not magic.show_begun_run("http://h/three")
    assert len(shell.published) == 1
    assert "http://h/one" in shell.published[0]["text/html"]
    assert "height:77px" in shell.published[0]["text/html"]
    assert shell.rows[0][2][0] == "init()"
