"""Runs in a notebook, by a stand-in for the shell of IPython."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import kymograph
from kymograph.errors import ConfigError
from kymograph.sdk import notebooks
from kymograph.testing.recorded_run import RecordedRun
from tests.unit.sdk.notebook_shell import Shell, use_shell

Begin = Callable[..., RecordedRun]


@pytest.fixture
def shell(kymograph_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shell]:
    monkeypatch.chdir(tmp_path)
    yield use_shell(monkeypatch)
    if notebooks._session is not None:
        notebooks._session.stop()


def run_cells(shell: Shell, *cells: Callable[[], object]) -> None:
    for number, cell in enumerate(cells, 1):
        shell.on_cell = lambda cell=cell: cell()  # type: ignore[misc]
        shell.run_cell(f"cell {number}")


def notes(run: RecordedRun) -> dict[str, Any]:
    items = [item for record in run.records() for item in record.config.update if item.nested_key[:1] == ["_wandb"]]
    return {item.nested_key[1]: json.loads(item.value_json) for item in items}


def test_a_cell_that_begins_a_run_and_runs_again_begins_anew(shell: Shell, kymograph_begin: Begin) -> None:
    runs: list[RecordedRun] = []
    run_cells(shell, *[lambda: runs.append(kymograph_begin())] * 2)

    first, second = runs
    assert (first.exit_code, second.exit_code) == (0, None)
    assert kymograph.run is second.run


def test_what_a_cell_raises_does_not_end_the_run(shell: Shell, kymograph_begin: Begin) -> None:
    run = kymograph_begin()
    with pytest.raises(ZeroDivisionError):
        run_cells(shell, lambda: 1 / 0)
    run_cells(shell, lambda: kymograph.log({"loss": 1}))

    assert run.exit_code is None
    assert run.values == [{"loss": 1}]


def test_values_of_the_config_may_change_as_cells_are_run_again(shell: Shell, kymograph_begin: Begin) -> None:
    run = kymograph_begin(config={"lr": 1}).run
    run.config.lr = 2
    assert run.config.lr == 2

    run = kymograph_begin(config={"lr": 1}, allow_val_change=False).run
    with pytest.raises(ConfigError):
        run.config.lr = 2


def test_cells_and_their_output_are_kept_where_code_is(shell: Shell, kymograph_begin: Begin) -> None:
    run = kymograph_begin(settings={"save_code": True, "console": "wrap"})
    run_cells(shell, lambda: print("said"), lambda: shell.display_pub.publish({"text/plain": "shown"}, metadata=None))
    run.run.finish()

    history = json.loads(Path(run.run.dir, "code/_session_history.ipynb").read_text())
    first, second = history["cells"]
    assert first["outputs"] == [{"output_type": "stream", "name": "stdout", "text": "said\n"}]
    assert second["outputs"][0]["data"] == {"text/plain": "shown"}
    assert run.files == ["code/_session_history.ipynb"]
    assert notes(run) == {"is_jupyter_run": True, "session_history": "code/_session_history.ipynb"}


@pytest.mark.parametrize("settings", [{"save_code": False}, {"save_code": True, "disable_code": True}], ids=str)
def test_nothing_is_kept_where_code_is_not(settings: dict[str, bool], shell: Shell, kymograph_begin: Begin) -> None:
    run = kymograph_begin(settings=settings)
    run_cells(shell, lambda: None, lambda: None)
    run.run.finish()

    assert run.files == []


def test_the_notebook_is_kept_as_it_was_saved_last(
    shell: Shell, kymograph_begin: Begin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    notebook = tmp_path / "mine.ipynb"
    notebook.write_text("first")
    monkeypatch.setenv("WANDB_NOTEBOOK_NAME", "mine.ipynb")
    run = kymograph_begin(settings={"save_code": True})
    run_cells(shell, lambda: None)
    notebook.write_text("saved again")
    run_cells(shell, lambda: None)
    run.run.finish()

    assert Path(run.run.dir, "code/mine.ipynb").read_text() == "saved again"
    assert run.files == ["code/mine.ipynb", "code/mine.ipynb", "code/_session_history.ipynb"]
    settings = run.run.settings
    assert (settings.x_jupyter_name, settings.x_jupyter_root, settings.program) == (
        "mine.ipynb",
        str(tmp_path),
        str(notebook),
    )


def test_a_notebook_that_cannot_be_read_is_told_of(
    shell: Shell, kymograph_begin: Begin, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("WANDB_NOTEBOOK_NAME", "gone.ipynb")
    run = kymograph_begin(settings={"save_code": True})
    run_cells(shell, lambda: None, lambda: None)
    run.run.finish()

    said = capsys.readouterr().err
    assert said.count("cannot be kept with run") == 1
    assert run.files == ["code/_session_history.ipynb"]


def test_a_hint_tells_once_how_to_have_the_notebook_kept(shell: Shell, kymograph_begin: Begin) -> None:
    for _ in range(2):
        kymograph_begin(settings={"save_code": True, "quiet": False}).run.finish()

    said = [data["text/plain"] for data in shell.published]
    assert sum("WANDB_NOTEBOOK_NAME" in text for text in said) == 1


def test_time_between_cells_is_not_the_run_s(
    shell: Shell, kymograph_begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [0.0]
    run = kymograph_begin()
    now[0] = run.run.start_time + 1
    monkeypatch.setattr(run.run._rows, "_clock", lambda: now[0])
    monkeypatch.setattr(notebooks, "time", type("Clock", (), {"time": staticmethod(lambda: now[0])}))

    def log(after_s: float) -> None:
        now[0] += after_s
        kymograph.log({"loss": 1})

    run_cells(shell, lambda: log(1))
    now[0] += 3600
    run_cells(shell, lambda: log(2))
    log(10)  # by a thread, between cells
    now[0] += 3600
    run_cells(shell, lambda: log(1))
    run.run.finish()

    assert [round(row["_runtime"]) for row in run.rows] == [2, 4, 14, 15]
    (exit_record,) = (record.exit for record in run.records() if record.HasField("exit"))
    assert exit_record.runtime == 15


def test_the_magics_are_there_after_init_and_login_and_as_an_extension(
    shell: Shell, kymograph_begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert kymograph.login(key="a" * 40)
    assert set(shell.magics) == {"wandb", "kymograph"}
    shell.magics.clear()
    kymograph_begin()
    assert set(shell.magics) == {"wandb", "kymograph"}

    other = Shell()
    kymograph.load_ipython_extension(other)
    assert set(other.magics) == {"wandb", "kymograph"}


def test_a_setting_says_that_this_is_no_notebook(shell: Shell, kymograph_begin: Begin) -> None:
    run = kymograph_begin(settings={"jupyter": False, "save_code": True})
    run.run.finish()

    assert shell.magics == {}
    assert notes(run) == {}


def test_in_a_terminal_cells_are_kept_as_well(
    kymograph_home: Path, kymograph_begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    shell = use_shell(monkeypatch, Shell(kernel=None))
    run = kymograph_begin(settings={"save_code": True})
    run_cells(shell, lambda: None, lambda: None)
    run.run.finish()
    assert notebooks._session is not None
    notebooks._session.stop()

    assert run.files == ["code/_session_history.ipynb"]
