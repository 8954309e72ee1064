"""Charts of any model: how good it is, and how that grows with the data."""

# ruff: noqa: N803 — capital X is what scikit-learn and scripts call features

from __future__ import annotations

from typing import Any

import kymograph
from kymograph.integrations.sklearn.checks import MAX_ROWS, chart, is_drawable

_DIGITS = 2
TRAIN_SIZES = (0.1, 0.325, 0.55, 0.775, 1.0)


def plot_summary_metrics(
    model: Any = None, X: Any = None, y: Any = None, X_test: Any = None, y_test: Any = None
) -> None:
    """Log accuracy, precision, recall and F1 of a classifier, or errors and R² of a regressor, on the test set.

    Args:
        model: Fitted.
        X: (samples, features), of the training; only looked at.
        y: Its targets.
        X_test: (samples, features), of the test.
        y_test: Its targets.
    """
    if not is_drawable(kind="predictor", model=model, X=X, y=y, X_test=X_test, y_test=y_test):
        return
    from sklearn import base, metrics

    predicted = model.predict(X_test)
    if base.is_classifier(model):
        scores = {
            "accuracy_score": metrics.accuracy_score(y_test, predicted),
            "precision": metrics.precision_score(y_test, predicted, average="weighted", zero_division=0),
            "recall": metrics.recall_score(y_test, predicted, average="weighted", zero_division=0),
            "f1_score": metrics.f1_score(y_test, predicted, average="weighted", zero_division=0),
        }
    else:
        scores = {
            "mae": metrics.mean_absolute_error(y_test, predicted),
            "mse": metrics.mean_squared_error(y_test, predicted),
            "r2_score": metrics.r2_score(y_test, predicted),
        }
    name = type(model).__name__
    rows = [[metric, round(float(value), _DIGITS), name] for metric, value in scores.items()]
    columns = ["metric_name", "metric_value", "model_name"]
    kymograph.log({"summary_metrics": chart("wandb/metrics/v1", columns, rows)})


def plot_learning_curve(
    model: Any = None,
    X: Any = None,
    y: Any = None,
    cv: Any = None,
    shuffle: bool = False,
    random_state: Any = None,
    train_sizes: Any = None,
    n_jobs: int = 1,
    scoring: Any = None,
) -> None:
    """Log how good a model gets with parts of the data; it is fitted to each of them.

    Args:
        model: It need not be fitted.
        X: (samples, features).
        y: Its targets.
        cv: This and the others: as ``sklearn.model_selection.learning_curve`` takes them.
        shuffle: See there.
        random_state: See there.
        train_sizes: Parts of the data; by default five.
        n_jobs: See there.
        scoring: See there.
    """
    if model is None or not is_drawable(X=X, y=y):
        return
    from sklearn.model_selection import learning_curve

    sizes, on_train, on_test = learning_curve(
        model,
        X,
        y,
        cv=cv,
        shuffle=shuffle,
        random_state=random_state,
        train_sizes=TRAIN_SIZES if train_sizes is None else train_sizes,
        n_jobs=n_jobs,
        scoring=scoring,
    )[:3]
    rows = [
        [data, round(float(score), _DIGITS), size]
        for size, *scores in zip(sizes, on_train.mean(axis=1), on_test.mean(axis=1), strict=True)
        for data, score in zip(("train", "test"), scores, strict=True)
    ]
    columns = ["dataset", "score", "train_size"]
    kymograph.log({"learning_curve": chart("wandb/learning_curve/v1", columns, rows, limit=MAX_ROWS)})
