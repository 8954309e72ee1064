"""Charts of classifiers."""

# ruff: noqa: N803 — capital X is what scikit-learn and scripts call features

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import kymograph
from kymograph.integrations.sklearn.checks import MAX_ROWS, chart, dense, is_drawable
from kymograph.integrations.sklearn.metrics import plot_learning_curve, plot_summary_metrics

_IMPORTANCES = ("feature_importances_", "feature_log_prob_", "coef_")
"""Where models have how much each feature counts, the first that is there."""
_CALIBRATION_BINS = 10
_TEST_SHARE = 0.9


def plot_classifier(
    model: Any,
    X_train: Any,
    X_test: Any,
    y_train: Any,
    y_test: Any,
    y_pred: Any,
    y_probas: Any,
    labels: Sequence[str] | None,
    is_binary: bool = False,
    model_name: str = "Classifier",
    feature_names: Sequence[str] | None = None,
    log_learning_curve: bool = False,
) -> None:
    """Log all charts of a classifier.

    Args:
        model: Fitted.
        X_train: (samples, features), of the training.
        X_test: (samples, features), of the test.
        y_train: Classes of the training.
        y_test: Classes of the test.
        y_pred: What the model takes the test for.
        y_probas: (samples, classes): how probable it takes each.
        labels: Names of the classes 0, 1, ….
        is_binary: Not needed; accepted for old scripts.
        model_name: Said in charts.
        feature_names: Of the columns of features.
        log_learning_curve: Whether the model is also fitted to parts of the data, which takes time.
    """
    is_multinomial = type(model).__name__ == "MultinomialNB"
    if not is_multinomial:
        plot_feature_importances(model, feature_names)
    if log_learning_curve:
        plot_learning_curve(model, X_train, y_train)
    plot_confusion_matrix(y_test, y_pred, labels)
    plot_summary_metrics(model, X_train, y_train, X_test, y_test)
    plot_class_proportions(y_train, y_test, labels)
    if not is_multinomial:
        plot_calibration_curve(model, X_train, y_train, model_name)
    plot_roc(y_test, y_probas, labels)
    plot_precision_recall(y_test, y_probas, labels)
    kymograph.termlog(f"the charts of {model_name} are logged")


def plot_roc(
    y_true: Any = None,
    y_probas: Any = None,
    labels: Sequence[str] | None = None,
    plot_micro: bool = True,
    plot_macro: bool = True,
    classes_to_plot: Sequence[Any] | None = None,
) -> None:
    """Log true over false positives, as `kymograph.plot.roc_curve` draws them; micro and macro are not drawn."""
    kymograph.log({"roc": kymograph.plot.roc_curve(y_true, y_probas, labels, classes_to_plot)})


def plot_precision_recall(
    y_true: Any = None,
    y_probas: Any = None,
    labels: Sequence[str] | None = None,
    plot_micro: bool = True,
    classes_to_plot: Sequence[Any] | None = None,
) -> None:
    """Log precision over recall, as `kymograph.plot.pr_curve` draws it; the micro average is not drawn."""
    kymograph.log({"precision_recall": kymograph.plot.pr_curve(y_true, y_probas, labels, classes_to_plot)})


def plot_confusion_matrix(
    y_true: Any = None,
    y_pred: Any = None,
    labels: Sequence[str] | None = None,
    true_labels: Sequence[Any] | None = None,
    pred_labels: Sequence[Any] | None = None,
    normalize: bool = False,
) -> None:
    """Log how often each class is taken for each.

    Args:
        y_true: Classes of the samples.
        y_pred: What they are taken for.
        labels: Names of the classes 0, 1, ….
        true_labels: Only these classes of `y_true`.
        pred_labels: Only these classes of `y_pred`.
        normalize: Shares of each true class, instead of counts.
    """
    if not is_drawable(y_true=y_true, y_pred=y_pred):
        return
    import numpy as np
    from sklearn.metrics import confusion_matrix
    from sklearn.utils.multiclass import unique_labels

    classes = unique_labels(y_true, y_pred)
    counts = confusion_matrix(y_true, y_pred, labels=classes)
    if normalize:
        totals = counts.sum(axis=1, keepdims=True)
        counts = np.divide(counts, totals, out=np.zeros(counts.shape), where=totals > 0).round(2)
    rows = (
        [_named(pred, labels), _named(true, labels), counts[i, j]]
        for i, true in enumerate(classes)
        for j, pred in enumerate(classes)
        if (true_labels is None or true in true_labels) and (pred_labels is None or pred in pred_labels)
    )
    columns = ["Predicted", "Actual", "Count"]
    kymograph.log({"confusion_matrix": chart("wandb/confusion_matrix/v1", columns, rows)})


def plot_feature_importances(
    model: Any = None,
    feature_names: Sequence[str] | None = None,
    title: str = "Feature Importance",
    max_num_features: int = 50,
) -> None:
    """Log how much each feature counts, the most first; only of models that say so.

    Args:
        model: Fitted, with ``feature_importances_``, ``feature_log_prob_`` or ``coef_``.
        feature_names: Of the columns of features.
        title: Not used; accepted for old scripts.
        max_num_features: Not used: a chart holds 1000.
    """
    if not is_drawable(kind="predictor", model=model):
        return
    import numpy as np

    found = next((name for name in _IMPORTANCES if hasattr(model, name)), None)
    if found is None:
        kymograph.termwarn(f"{type(model).__name__} does not say how much its features count: no chart of that")
        return
    importances = np.squeeze(np.asarray(getattr(model, found)))
    if importances.ndim > 1:
        kymograph.termwarn(f"{type(model).__name__} has importances for each class: no chart of them")
        return
    importances = np.atleast_1d(importances)
    order = np.argsort(importances)[::-1]
    rows = ([index if feature_names is None else feature_names[index], importances[index]] for index in order)
    columns = ["feature_names", "importances"]
    kymograph.log({"feature_importances": chart("wandb/feature_importances/v1", columns, rows)})


def plot_class_proportions(y_train: Any = None, y_test: Any = None, labels: Sequence[str] | None = None) -> None:
    """Log how many samples of each class there are in training and test."""
    if not is_drawable(y_train=y_train, y_test=y_test):
        return
    from sklearn.utils.multiclass import unique_labels

    sets = {"train": dense(y_train), "test": dense(y_test)}
    rows = (
        [_named(one, labels), name, int((values == one).sum())]
        for one in unique_labels(*sets.values())
        for name, values in sets.items()
    )
    columns = ["class", "dataset", "count"]
    kymograph.log({"class_proportions": chart("wandb/class_proportions/v1", columns, rows)})


def plot_calibration_curve(
    clf: Any = None,
    X: Any = None,
    y: Any = None,
    clf_name: str = "Classifier",
) -> None:
    """Log how often a class is true that is said to be so probable; copies of the model are fitted for that.

    Args:
        clf: A fitted classifier of two classes.
        X: (samples, features).
        y: Its classes, 0 and 1.
        clf_name: Said in the chart.
    """
    if not is_drawable(kind="classifier", model=clf, X=X, y=y):
        return
    classes = dense(y)
    if classes.dtype.kind not in "biuf" or not ((classes == 0) | (classes == 1)).all():
        kymograph.termwarn("a calibration curve needs the classes 0 and 1, so it is left out")
        return
    columns = ["model", "fraction_of_positives", "mean_predicted_value", "hist_dict", "edge_dict"]
    rows = list(_calibrations(clf, X, classes, clf_name))
    kymograph.log({"calibration_curve": chart("wandb/calibration/v1", columns, rows, limit=MAX_ROWS)})


def _calibrations(model: Any, features: Any, classes: Any, name: str) -> Iterator[list[Any]]:
    import numpy as np
    from sklearn.calibration import CalibratedClassifierCV, calibration_curve
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import train_test_split

    if type(model).__name__ == "ComplementNB":
        features = features - features.min()  # it takes nothing below zero
    x_train, x_test, y_train, y_test = train_test_split(
        features, classes, test_size=_TEST_SHARE, random_state=42, stratify=classes
    )
    yield from (["Perfectly calibrated", end, end, 0, 0] for end in (0, 1))
    compared = {
        "Logistic": LogisticRegression(C=1.0),
        f"{name} Isotonic": CalibratedClassifierCV(model, cv=2, method="isotonic"),
        f"{name} Sigmoid": CalibratedClassifierCV(model, cv=2, method="sigmoid"),
    }
    for label, one in compared.items():
        one.fit(x_train, y_train)
        probabilities = one.predict_proba(x_test)[:, 1]
        counts, edges = np.histogram(probabilities, bins=_CALIBRATION_BINS)
        fractions, means = calibration_curve(y_test, probabilities, n_bins=_CALIBRATION_BINS)
        for fraction, mean, count, edge in zip(fractions, means, counts, edges, strict=False):
            yield [label, round(float(fraction), 3), round(float(mean), 3), int(count), float(edge)]


def _named(one: Any, labels: Sequence[str] | None) -> Any:
    """The name of a class, if classes are numbers and there are names for them."""
    is_number = hasattr(one, "item") and isinstance(one.item(), int)
    return one if labels is None or not is_number else labels[int(one)]
