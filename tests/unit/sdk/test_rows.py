from __future__ import annotations

import math
import threading
from pathlib import Path
from typing import Any

import pytest

from kymograph.core.metric_definitions import define_metric
from kymograph.errors import InvalidValue
from kymograph.sdk.journal import Journal
from kymograph.sdk.logged_values import LoggedValues
from kymograph.sdk.rows import MAX_FRESH_ROWS, RowWriter
from tests.unit.sdk.reading import rows_of


class Writing:
    def __init__(self, folder: Path, **arguments: Any) -> None:
        self.journal = Journal(folder / "run.wandb")
        self.warnings: list[str] = []
        values = LoggedValues(folder, keep=lambda _name: None, configure=lambda _path, _value: None)
        self.rows = RowWriter(
            self.journal,
            convert=values.convert,
            started_at=100.0,
            warn=self.warnings.append,
            clock=lambda: 160.0,
            **arguments,
        )

    def written(self) -> list[dict[str, Any]]:
        return rows_of(self.journal.path)


@pytest.fixture
def writing(tmp_path: Path) -> Writing:
    return Writing(tmp_path)


def test_every_call_is_a_row_of_the_next_step(writing: Writing) -> None:
    writing.rows.log({"loss": 1.5})
    writing.rows.log({"loss": 2})

    assert writing.written() == [
        {"loss": 1.5, "_step": 0, "_runtime": 60.0, "_timestamp": 160.0},
        {"loss": 2, "_step": 1, "_runtime": 60.0, "_timestamp": 160.0},
    ]


def test_a_call_that_does_not_commit_is_written_and_stays_at_its_step(writing: Writing) -> None:
    """It is in the journal all the same: nothing waits in memory."""
    writing.rows.log({"a": 1}, commit=False)
    assert len(writing.written()) == 1
    writing.rows.log({"b": 2})
    writing.rows.log({"c": 3})

    assert [row["_step"] for row in writing.written()] == [0, 0, 1]


@pytest.mark.parametrize(
    ("calls", "steps"),
    [
        ([{"step": 3}, {"step": 3}, {}, {}], [3, 3, 3, 4]),
        ([{"step": 3, "commit": True}, {}], [3, 4]),
        ([{"step": 3}, {"step": 5}, {"step": 4}, {}], [3, 5, 4, 5]),
        ([{}, {"step": 0}, {}], [0, 0, 1]),
    ],
)
def test_steps_follow_the_calls(writing: Writing, calls: list[dict[str, Any]], steps: list[int]) -> None:
    for call in calls:
        writing.rows.log({"a": 1}, **call)

    assert [row["_step"] for row in writing.written()] == steps


def test_a_strict_writer_refuses_rows_of_earlier_steps_with_one_warning(tmp_path: Path) -> None:
    writing = Writing(tmp_path, is_strict=True)
    writing.rows.log({"a": 1}, step=5)

    writing.rows.log({"a": 2}, step=3)
    writing.rows.log({"a": 3}, step=4)

    assert [row["a"] for row in writing.written()] == [1]
    assert writing.rows.refused_rows == 2
    assert len(writing.warnings) == 1
    assert "step_order='any'" in writing.warnings[0]


@pytest.mark.parametrize(
    ("data", "named"),
    [
        ({"good": 1, "bad": object()}, "bad is of type object"),
        ({"outer": {"inner": object()}}, "outer.inner is of type object"),
        ({3: 1}, "3"),
        ([1, 2], "list"),
        ("text", "str"),
        (None, "NoneType"),
    ],
)
def test_what_cannot_be_logged_raises_and_nothing_of_the_call_is(writing: Writing, data: Any, named: str) -> None:
    with pytest.raises(InvalidValue, match=named):
        writing.rows.log(data)

    assert writing.written() == []
    assert writing.rows.step == 0


@pytest.mark.parametrize("step", ["three", None.__class__, -1])
def test_a_step_that_is_none_raises(writing: Writing, step: Any) -> None:
    with pytest.raises(InvalidValue, match="step"):
        writing.rows.log({"a": 1}, step=step)


def test_values_of_every_kind_are_kept_exactly(writing: Writing) -> None:
    row = {"nan": math.nan, "inf": -math.inf, "huge": 2**70, "zero": -0.0, "text": "é", "yes": True, "none": None}

    writing.rows.log(row)

    written = writing.written()[0]
    assert repr({key: written[key] for key in row}) == repr(row)


def test_a_row_without_its_x_axis_gets_the_last_value_of_it(writing: Writing) -> None:
    writing.rows.define(define_metric("epoch"))
    writing.rows.define(define_metric("accuracy", step_metric="epoch"))
    writing.rows.log({"epoch": 3})

    writing.rows.log({"accuracy": 0.5})

    assert writing.written()[1]["epoch"] == 3


def test_threads_log_without_losing_or_repeating_a_step(writing: Writing) -> None:
    def log() -> None:
        for _ in range(300):
            writing.rows.log({"a": 1})

    threads = [threading.Thread(target=log) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [row["_step"] for row in writing.written()] == list(range(1200))


def test_what_the_summary_needs_is_given_out_once(writing: Writing) -> None:
    writing.rows.log({"a": 1, "b": 1})
    writing.rows.log({"a": 2})

    (latest,) = writing.rows.pull()
    assert (latest["a"], latest["b"]) == (2, 1)
    assert writing.rows.pull() == []


def test_with_definitions_every_row_is_given_out_and_not_too_many_are_kept(writing: Writing) -> None:
    folded: list[Any] = []
    writing.rows.fold_into(folded.extend)
    writing.rows.define(define_metric("a", summary="max"))

    for value in range(3 * MAX_FRESH_ROWS):
        writing.rows.log({"a": value})

    assert [row["a"] for row in [*folded, *writing.rows.pull()]] == list(range(3 * MAX_FRESH_ROWS))
    assert len(folded) > MAX_FRESH_ROWS


def test_a_row_of_the_past_has_its_own_moment_and_step(writing: Writing) -> None:
    assert writing.rows.log_past({"loss": 1}, at_s=130.0) == 0
    writing.rows.log({"own": 1})
    assert writing.rows.log_past({"rate": 2}, at_s=131.0, step=0) == 0
    writing.rows.log({"own": 2})

    assert [(row["_step"], row["_timestamp"], row["_runtime"]) for row in writing.written()] == [
        (0, 130.0, 30.0),
        (1, 160.0, 60.0),
        (0, 131.0, 31.0),
        (2, 160.0, 60.0),
    ]


def test_a_row_of_the_past_joins_its_step_also_where_steps_are_strict(tmp_path: Path) -> None:
    writing = Writing(tmp_path, is_strict=True)
    for _ in range(2):
        writing.rows.log({"own": 1})
    writing.rows.log_past({"rate": 2}, at_s=131.0, step=0)

    assert [row["_step"] for row in writing.written()] == [0, 1, 0]


def test_a_moment_that_is_logged_is_that_of_the_row(writing: Writing) -> None:
    writing.rows.log({"loss": 1, "_timestamp": 110})
    writing.rows.log({"loss": 1, "_timestamp": 10})

    assert [(row["_timestamp"], row["_runtime"]) for row in writing.written()] == [(110.0, 10.0), (10.0, 0.0)]


def test_a_moment_that_is_no_number_is_refused(writing: Writing) -> None:
    with pytest.raises(InvalidValue, match="_timestamp"):
        writing.rows.log({"loss": 1, "_timestamp": "noon"})

    assert writing.written() == []


def test_given_steps_are_left_out_while_rows_of_another_source_count(writing: Writing) -> None:
    writing.rows.counts_alone = True
    for _ in range(2):
        writing.rows.log({"loss": 1}, step=7)
    writing.rows.log({"loss": 1}, step=7, commit=False)
    writing.rows.log({"loss": 1})

    assert [row["_step"] for row in writing.written()] == [0, 1, 2, 2]
    assert all("log(step=…) is left out" in warning for warning in writing.warnings)
