"""Charts that are ready to be logged: ``kymograph.plot``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from kymograph.errors import InvalidMedia
from kymograph.sdk.media import foreign
from kymograph.sdk.media.charts import CustomChart, Visualize, plot_table, visualize
from kymograph.sdk.media.curves import pr_curve, roc_curve
from kymograph.sdk.media.table import Table

if TYPE_CHECKING:
    import numpy as np

__all__ = [
    "CustomChart",
    "Visualize",
    "bar",
    "confusion_matrix",
    "histogram",
    "line",
    "line_series",
    "plot_table",
    "pr_curve",
    "roc_curve",
    "scatter",
    "visualize",
]


def bar(table: Table, label: str, value: str, title: str = "", split_table: bool = False) -> CustomChart:
    """A bar for each row: `label` and `value` are columns."""
    return plot_table("wandb/bar/v0", table, {"label": label, "value": value}, {"title": title}, split_table)


def histogram(table: Table, value: str, title: str = "", split_table: bool = False) -> CustomChart:
    """How often values of the column `value` occur."""
    return plot_table("wandb/histogram/v0", table, {"value": value}, {"title": title}, split_table)


def line(
    table: Table, x: str, y: str, stroke: str | None = None, title: str = "", split_table: bool = False
) -> CustomChart:
    """A line through the columns `x` and `y`, one for each value of the column `stroke` if it is given."""
    fields = {"x": x, "y": y, "stroke": stroke}
    return plot_table("wandb/line/v0", table, fields, {"title": title}, split_table)


def scatter(table: Table, x: str, y: str, title: str = "", split_table: bool = False) -> CustomChart:
    """A point for each row, at the columns `x` and `y`."""
    return plot_table("wandb/scatter/v0", table, {"x": x, "y": y}, {"title": title}, split_table)


def line_series(
    xs: Sequence[Any],
    ys: Sequence[Iterable[Any]],
    keys: Sequence[str] | None = None,
    title: str = "",
    xname: str = "x",
    split_table: bool = False,
) -> CustomChart:
    """Several lines.

    Args:
        xs: For each line its values of x, or one list for all.
        ys: For each line its values of y.
        keys: Names of the lines; by default line_0, line_1, …
        title: Above the chart.
        xname: Below it.
        split_table: Whether the table is shown in a section of its own.

    Raises:
        InvalidMedia: There are not as many of one as of another.
    """
    is_shared = not isinstance(xs[0], Iterable) or isinstance(xs[0], str | bytes)
    each = [xs] * len(ys) if is_shared else xs
    names = [f"line_{index}" for index in range(len(ys))] if keys is None else keys
    if not len(each) == len(ys) == len(names):
        raise InvalidMedia("line_series", f"{len(ys)} lines need as many xs ({len(each)}) and keys ({len(names)})")
    points = [
        [x, name, y]
        for its_xs, its_ys, name in zip(each, ys, names, strict=True)
        for x, y in zip(its_xs, its_ys)  # noqa: B905 — a line ends with the shorter
    ]
    return plot_table(
        "wandb/lineseries/v0",
        Table(columns=["step", "lineKey", "lineVal"], data=points),
        {"step": "step", "lineKey": "lineKey", "lineVal": "lineVal"},
        {"title": title, "xname": xname},
        split_table,
    )


def confusion_matrix(
    probs: Sequence[Sequence[float]] | np.ndarray | None = None,
    y_true: Sequence[Any] | np.ndarray | None = None,
    preds: Sequence[Any] | np.ndarray | None = None,
    class_names: Sequence[str] | None = None,
    title: str = "Confusion Matrix Curve",
    split_table: bool = False,
) -> CustomChart:
    """How often each class was taken for each.

    Args:
        probs: For each sample, the probability of each class; or give `preds`.
        y_true: The class of each sample.
        preds: For each sample, the class it was taken for.
        class_names: Names of the classes 0, 1, …; by default Class_1, Class_2, … of those that occur.
        title: Above the chart.
        split_table: Whether the table is shown in a section of its own.

    Raises:
        InvalidMedia: Both or none of `probs` and `preds` are given, there are not as many as of `y_true`, or a class
            has no name.
    """
    if y_true is None or (probs is None) == (preds is None):
        raise InvalidMedia("confusion_matrix", "give y_true, and one of probs and preds")
    truth = foreign.plain(list(y_true))
    if probs is not None:
        taken = [max(range(len(row)), key=row.__getitem__) for row in foreign.plain(list(probs))]
    else:
        taken = foreign.plain([] if preds is None else list(preds))
    if len(taken) != len(truth):
        raise InvalidMedia("confusion_matrix", f"there are {len(taken)} predictions and {len(truth)} true classes")
    occurring = sorted({*truth, *taken})
    classes = occurring if class_names is None else list(range(len(class_names)))
    unnamed = [number for number in occurring if number not in classes]
    if unnamed:
        raise InvalidMedia("confusion_matrix", f"class_names has no name for the classes {unnamed[:5]}")
    names = [f"Class_{index + 1}" for index in range(len(classes))] if class_names is None else class_names
    place = {number: index for index, number in enumerate(classes)}
    counts = [[0.0] * len(classes) for _ in classes]
    for true, predicted in zip(truth, taken, strict=True):
        counts[place[true]][place[predicted]] += 1
    cells = [
        [actual, predicted, counts[row][column]]
        for row, actual in enumerate(names)
        for column, predicted in enumerate(names)
    ]
    columns = ["Actual", "Predicted", "nPredictions"]
    return plot_table(
        "wandb/confusion_matrix/v1",
        Table(columns=columns, data=cells),
        {column: column for column in columns},
        {"title": title},
        split_table,
    )
