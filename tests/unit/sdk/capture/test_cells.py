"""What cells of a notebook did, by a stand-in for the shell of IPython."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from kymograph.sdk.capture import cells
from kymograph.sdk.capture.cells import CellRecorder
from tests.unit.sdk.notebook_shell import Shell


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
    assert notebook["cells"][1]["outputs"] == [
        {"output_type": "execute_result", "execution_count": 2, "data": {"text/plain": "2"}, "metadata": {}}
    ]


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
    shell.run_cell("y")
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


def test_what_cells_print_is_kept_with_them() -> None:
    shell = Shell()
    recorder = CellRecorder(shell)

    def show() -> None:
        recorder.take_text("stdout", "a")
        recorder.take_text("stdout", "b\n")
        recorder.take_text("stderr", "c\n")
        recorder.take_text("stdout", "d\n")

    shell.on_cell = show
    shell.run_cell("one")
    shell.on_cell = lambda: recorder.take_text("stdout", "e\n")
    shell.run_cell("two")

    history = recorder.history()
    assert history is not None
    texts = [[(output["name"], output["text"]) for output in cell["outputs"]] for cell in history["cells"]]
    assert texts == [[("stdout", "ab\n"), ("stderr", "c\n"), ("stdout", "d\n")], [("stdout", "e\n")]]


def test_memory_is_bounded_however_much_cells_put_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cells, "MAX_OUTPUT_CHARACTERS", 10)
    shell = Shell()
    recorder = CellRecorder(shell)
    recorder.start()
    shell.on_cell = lambda: shell.display_pub.publish({"text/plain": "123456"}, metadata=None)
    for source in ("one", "two"):
        shell.run_cell(source)
    recorder.stop()

    history = recorder.history()
    assert history is not None
    assert [len(cell["outputs"]) for cell in history["cells"]] == [1, 0]
    assert len(shell.published) == 2
