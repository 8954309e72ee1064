from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from kymograph.errors import InvalidMedia, InvalidValue
from kymograph.sdk.media import Table, plot
from kymograph.sdk.media.values import loggable, loggable_row
from tests.unit.sdk.media.recorded import Recorded

TABLE = [["a", 1.0], ["b", 2.0]]


def table() -> Table:
    return Table(columns=["x", "y"], data=TABLE)


def drawn(run: Recorded, key: str) -> Any:
    description: Any = run.configured["_wandb", "visualize", key]
    return description["panel_config"]


def test_a_chart_becomes_its_table_and_a_description(run: Recorded) -> None:
    row = loggable_row({"chart": plot.bar(table(), "x", "y", title="t"), "loss": 1}, 0, run.place)

    assert list(row) == ["loss", "chart_table"]
    config = drawn(run, "chart")
    assert config["panelDefId"] == "wandb/bar/v0"
    assert config["fieldSettings"] == {"label": "x", "value": "y"}
    assert config["stringSettings"] == {"title": "t"}
    [fields] = config["userQuery"]["queryFields"]
    assert fields["fields"][-1]["args"] == [{"name": "tableKey", "value": "chart_table"}]


def test_a_chart_within_a_mapping_stands_at_the_top(run: Recorded) -> None:
    row = loggable_row(
        {"a": {"b": plot.scatter(table(), "x", "y"), "c": 1}, "d": {"e": plot.line(table(), "x", "y")}}, 0, run.place
    )

    assert list(row) == ["a", "a.b_table", "d.e_table"]
    assert row["a"] == {"c": 1}
    assert ("_wandb", "visualize", "a.b") in run.configured


def test_tables_can_stand_in_a_section_of_their_own(run: Recorded) -> None:
    row = loggable_row({"h": plot.histogram(table(), "y", split_table=True)}, 0, run.place)

    assert list(row) == ["Custom Chart Tables/h_table"]


def test_a_visualized_table_keeps_its_key(run: Recorded) -> None:
    row = loggable_row({"v": plot.visualize("wandb/x/v1", table())}, 0, run.place)

    assert list(row) == ["v"]
    assert run.configured["_wandb", "viz", "v"] == {
        "id": "wandb/x/v1",
        "historyFieldSettings": {"x-axis": "_step", "key": "v"},
    }


def test_what_was_given_is_not_changed(run: Recorded) -> None:
    chart = plot.bar(table(), "x", "y")
    row = {"a": {"chart": chart}}

    loggable_row(row, 0, run.place)

    assert row == {"a": {"chart": chart}}


def test_a_chart_is_no_value(run: Recorded) -> None:
    with pytest.raises(InvalidValue, match="a key of its own"):
        loggable("k", plot.bar(table(), "x", "y"), 0, run.place)


@pytest.mark.parametrize("make", [lambda: plot.plot_table("s", TABLE, {}), lambda: plot.visualize("s", TABLE)])  # type: ignore[arg-type] # what is to be refused
def test_charts_are_of_tables(make: Any) -> None:
    with pytest.raises(InvalidMedia, match="must be a Table"):
        make()


def test_lines_share_their_x_or_have_their_own() -> None:
    shared = plot.line_series([0, 1], [[1, 2], [3, 4]], keys=["p", "q"])
    own = plot.line_series([[0], [5, 6]], [[1], [2, 3]])

    assert shared.table.data == [[0, "p", 1], [1, "p", 2], [0, "q", 3], [1, "q", 4]]
    assert own.table.data == [[0, "line_0", 1], [5, "line_1", 2], [6, "line_1", 3]]
    with pytest.raises(InvalidMedia, match="2 lines"):
        plot.line_series([[0]], [[1], [2]])
    with pytest.raises(InvalidMedia, match="2 lines"):
        plot.line_series([0, 1], [[1], [2]], keys=["a"])


def test_a_confusion_matrix_counts_pairs() -> None:
    by_class = plot.confusion_matrix(y_true=[0, 1, 1], preds=np.array([0, 1, 0]), class_names=["x", "y"])
    by_probability = plot.confusion_matrix(y_true=np.array([0, 1, 1]), probs=[[0.9, 0.1], [0.2, 0.8], [0.6, 0.4]])

    assert by_class.table.data == [["x", "x", 1.0], ["x", "y", 0.0], ["y", "x", 1.0], ["y", "y", 1.0]]
    assert by_probability.table.data == [
        ["Class_1", "Class_1", 1.0],
        ["Class_1", "Class_2", 0.0],
        ["Class_2", "Class_1", 1.0],
        ["Class_2", "Class_2", 1.0],
    ]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"y_true": [1]}, "one of probs and preds"),
        ({"preds": [1]}, "give y_true"),
        ({"y_true": [1], "preds": [1], "probs": [[1]]}, "one of probs and preds"),
        ({"y_true": [1, 2], "preds": [1]}, "1 predictions and 2"),
        ({"y_true": [0, 5], "preds": [0, 0], "class_names": ["a"]}, r"classes \[5\]"),
    ],
)
def test_a_matrix_that_cannot_be_is_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidMedia, match=message):
        plot.confusion_matrix(**arguments)


def test_a_perfect_classifier_has_perfect_curves() -> None:
    truth, scores = [0, 0, 1, 1], [[0.9, 0.1], [0.8, 0.2], [0.3, 0.7], [0.1, 0.9]]

    roc = plot.roc_curve(truth, scores, labels=["no", "yes"])
    pr = plot.pr_curve(truth, scores, interp_size=3)

    assert [row for row in roc.table.data if row[0] == "yes"] == [
        ["yes", 0.0, 0.0],
        ["yes", 0.0, 0.5],
        ["yes", 0.0, 1.0],
        ["yes", 1.0, 1.0],
    ]
    assert pr.table.data == [[label, 1.0, recall] for label in (0, 1) for recall in (1.0, 0.5, 0.0)]


def test_curves_of_a_middling_classifier() -> None:
    truth = [0, 1, 0, 1]
    scores = np.array([[0.9, 0.1], [0.6, 0.4], [0.65, 0.35], [0.2, 0.8]])
    scores[2], scores[1] = [0.55, 0.45], [0.6, 0.4]  # a false one above a true one

    roc = plot.roc_curve(truth, scores, classes_to_plot=[1])
    pr = plot.pr_curve(truth, scores, classes_to_plot=[1], interp_size=3)

    # From the highest score: a true one, a false one, a true one, a false one.
    assert roc.table.data == [[1, 0.0, 0.0], [1, 0.0, 0.5], [1, 0.5, 0.5], [1, 0.5, 1.0], [1, 1.0, 1.0]]
    assert pr.table.data == [[1, 0.667, 1.0], [1, 1.0, 0.5], [1, 1.0, 0.0]]


def test_curves_need_as_many_scores_as_samples() -> None:
    with pytest.raises(InvalidMedia, match="samples, classes"):
        plot.roc_curve([0, 1], [[0.5, 0.5]])
    with pytest.raises(InvalidMedia, match="2 columns for the 3 classes"):
        plot.pr_curve([0, 1, 2], [[0.5, 0.5]] * 3)


def test_long_curves_fit_into_a_table() -> None:
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 2, 60_000)

    chart = plot.roc_curve(truth, rng.random((60_000, 2)))

    assert len(chart.table.data) == Table.MAX_ROWS
    assert chart.table.data[-1] == [1, 1.0, 1.0]
