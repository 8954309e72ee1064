"""Curves of classifiers: precision over recall, and true over false positives.

Counted here, with NumPy alone: what a training script needs for them is not to depend on more.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from kymograph.errors import InvalidMedia
from kymograph.sdk.media import foreign
from kymograph.sdk.media.charts import CustomChart, plot_table
from kymograph.sdk.media.table import Table

if TYPE_CHECKING:
    import numpy as np

_SPEC = "wandb/area-under-curve/v0"
_DIGITS = 3
"""To which values of curves are rounded. Source: the vendor's charts."""


def roc_curve(
    y_true: Sequence[Any] | np.ndarray,
    y_probas: Any,
    labels: Sequence[str] | None = None,
    classes_to_plot: Sequence[Any] | None = None,
    title: str = "ROC Curve",
    split_table: bool = False,
) -> CustomChart:
    """Share of true positives over that of false ones, one curve for each class.

    Args:
        y_true: The class of each sample.
        y_probas: (samples, classes): the probability or score of each class, in ascending order of the classes.
        labels: Names of the classes, by number.
        classes_to_plot: Only these.
        title: Above the chart.
        split_table: Whether the table is shown in a section of its own.

    Raises:
        InvalidMedia: There are not as many samples, or classes, in one as in the other.
        MissingPackage: NumPy is not installed.
    """
    numpy, truth, scores = _checked("roc_curve", y_true, y_probas)
    rows: list[list[Any]] = []
    for column, label, of_class in _classes(numpy, truth, scores, labels, classes_to_plot):
        true_positives, false_positives = _cumulated(numpy, truth == of_class, scores[:, column])
        kept = _corners(numpy, true_positives, false_positives)
        tpr = numpy.concatenate([[0.0], true_positives[kept] / max(true_positives[-1], 1)])
        fpr = numpy.concatenate([[0.0], false_positives[kept] / max(false_positives[-1], 1)])
        rows.extend(
            [label, round(x, _DIGITS), round(y, _DIGITS)] for x, y in zip(fpr.tolist(), tpr.tolist(), strict=True)
        )
    table = Table(columns=["class", "fpr", "tpr"], data=_thinned(rows))
    texts = {"title": title, "x-axis-title": "False positive rate", "y-axis-title": "True positive rate"}
    return plot_table(_SPEC, table, {"x": "fpr", "y": "tpr", "class": "class"}, texts, split_table)


def pr_curve(
    y_true: Sequence[Any] | np.ndarray,
    y_probas: Any,
    labels: Sequence[str] | None = None,
    classes_to_plot: Sequence[Any] | None = None,
    interp_size: int = 21,
    title: str = "Precision-Recall Curve",
    split_table: bool = False,
) -> CustomChart:
    """Precision over recall, at `interp_size` values of recall from 1 to 0, one curve for each class.

    Precision is the best at that recall or more. For the rest see `roc_curve`.

    Raises:
        InvalidMedia: There are not as many samples, or classes, in one as in the other.
        MissingPackage: NumPy is not installed.
    """
    numpy, truth, scores = _checked("pr_curve", y_true, y_probas)
    wanted = numpy.linspace(0, 1, interp_size)[::-1]
    rows: list[list[Any]] = []
    for column, label, of_class in _classes(numpy, truth, scores, labels, classes_to_plot):
        true_positives, false_positives = _cumulated(numpy, truth == of_class, scores[:, column])
        recall = numpy.concatenate([[0.0], true_positives / max(true_positives[-1], 1)])
        precision = numpy.concatenate([[1.0], true_positives / (true_positives + false_positives)])
        best = numpy.maximum.accumulate(precision[::-1])[::-1]
        at = best[numpy.searchsorted(recall, wanted, side="left").clip(0, len(best) - 1)]
        rows.extend(
            [label, round(y, _DIGITS), round(x, _DIGITS)] for x, y in zip(wanted.tolist(), at.tolist(), strict=True)
        )
    table = Table(columns=["class", "precision", "recall"], data=_thinned(rows))
    texts = {"title": title, "x-axis-title": "Recall", "y-axis-title": "Precision"}
    return plot_table(_SPEC, table, {"x": "recall", "y": "precision", "class": "class"}, texts, split_table)


def _checked(chart: str, y_true: Any, y_probas: Any) -> tuple[Any, np.ndarray, np.ndarray]:
    numpy = foreign.require("numpy", chart)
    if y_true is None or y_probas is None:
        raise InvalidMedia(chart, "give y_true and y_probas")
    truth, scores = numpy.asarray(foreign.plain(y_true)), numpy.asarray(foreign.plain(y_probas))
    if truth.ndim != 1 or scores.ndim != 2 or len(truth) != len(scores) or not len(truth):
        raise InvalidMedia(
            chart, f"y_true is (samples,) and y_probas (samples, classes), not {truth.shape}, {scores.shape}"
        )
    return numpy, truth, scores


def _classes(
    numpy: Any, truth: np.ndarray, scores: np.ndarray, labels: Sequence[str] | None, wanted: Sequence[Any] | None
) -> list[tuple[int, Any, Any]]:
    """Column of scores, label and class of each that is to be drawn."""
    classes = numpy.unique(truth).tolist()
    if len(classes) > scores.shape[1]:
        raise InvalidMedia("y_probas", f"it has {scores.shape[1]} columns for the {len(classes)} classes in y_true")
    chosen = classes if wanted is None else [one for one in classes if one in foreign.plain(list(wanted))]
    return [
        (classes.index(one), labels[one] if labels is not None and isinstance(one, int) else one, one) for one in chosen
    ]


def _cumulated(numpy: Any, is_positive: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """True and false positives at each distinct score, from the highest on."""
    order = numpy.argsort(-scores, kind="stable")
    ranked, hits = scores[order], is_positive[order]
    ends = numpy.concatenate([numpy.flatnonzero(numpy.diff(ranked)), [len(ranked) - 1]])
    true_positives = numpy.cumsum(hits)[ends]
    return true_positives, ends + 1 - true_positives


def _corners(numpy: Any, true_positives: np.ndarray, false_positives: np.ndarray) -> np.ndarray:
    """Indices of points that a straight line through their neighbours does not pass."""
    if len(true_positives) <= 2:
        return numpy.arange(len(true_positives))  # type: ignore[no-any-return] # of a library without types
    bends = numpy.diff(true_positives, 2).astype(bool) | numpy.diff(false_positives, 2).astype(bool)
    return numpy.flatnonzero(numpy.concatenate([[True], bends, [True]]))  # type: ignore[no-any-return] # likewise


def _thinned(rows: list[list[Any]]) -> list[list[Any]]:
    """As many rows as a table's file holds, evenly chosen, the first and last among them."""
    if len(rows) <= Table.MAX_ROWS:
        return rows
    stride = (len(rows) - 1) / (Table.MAX_ROWS - 1)
    return [rows[round(index * stride)] for index in range(Table.MAX_ROWS)]
