from __future__ import annotations

import math
from pathlib import Path

from kymograph.sdk.journal_view import iter_documents, view_journal
from tests.unit.sdk.folders import write_run


def test_everything_of_a_run_is_there_to_see(tmp_path: Path) -> None:
    view = view_journal(write_run(tmp_path), console_lines=1)

    assert (view.state, view.exit_code, view.rows, view.last_step) == ("finished", 0, 5, 4)
    assert view.config == {"lr": 0.5}
    assert view.summary == {"loss": 0.4, "_step": 4}
    assert view.console == ["world"]
    assert (view.metrics["loss"].count, view.metrics["loss"].last) == (5, 0.4)
    assert view.system["system.cpu"].last == 3.5
    assert view.files == {"kept.txt": 4}
    assert view.tags == ("old",)
    assert view.damages == []


def test_a_journal_that_was_cut_off_shows_what_is_left_and_says_so(tmp_path: Path) -> None:
    folder = write_run(tmp_path)
    folder.journal.write_bytes(folder.journal.read_bytes()[:-3])

    view = view_journal(folder)

    assert view.exit_code is None
    assert view.rows == 5
    assert [damage.problem for damage in view.damages] == ["the end is cut off"]


def test_rows_of_one_step_are_one_value_of_a_trace(tmp_path: Path) -> None:
    folder = write_run(tmp_path, rows=20_000)

    trace = view_journal(folder).metrics["loss"]

    assert trace.count == 20_000
    assert math.isclose(trace.high, 1999.9)
    assert len(trace.parts) <= 512


def test_every_record_can_be_had_as_json(tmp_path: Path) -> None:
    documents = list(iter_documents(write_run(tmp_path, rows=2)))

    kinds = [next(kind for kind in document if kind not in ("num", "control", "uuid")) for document in documents]
    assert kinds == ["header", "run", "config", "history", "history", "output_raw", "stats", "files", "exit"]
    assert documents[1]["run"]["display_name"] == "far away"  # type: ignore[index,call-overload]
