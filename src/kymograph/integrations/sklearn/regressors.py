"""Charts of regressors."""

# ruff: noqa: N803 — capital X is what scikit-learn and scripts call features

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import kymograph
from kymograph.integrations.sklearn.checks import chart, dense, is_drawable
from kymograph.integrations.sklearn.metrics import plot_learning_curve, plot_summary_metrics

_MAX_RESIDUALS = 100
"""Of each set. Source: the vendor's `residuals`."""
_TEST_SHARE = 0.2


def plot_regressor(
    model: Any,
    X_train: Any,
    X_test: Any,
    y_train: Any,
    y_test: Any,
    model_name: str = "Regressor",
) -> None:
    """Log all charts of a regressor; it is fitted again for some of them.

    Args:
        model: Fitted.
        X_train: (samples, features), of the training.
        X_test: (samples, features), of the test.
        y_train: Targets of the training.
        y_test: Targets of the test.
        model_name: Said in the terminal.
    """
    plot_summary_metrics(model, X_train, y_train, X_test, y_test)
    plot_learning_curve(model, X_train, y_train)
    plot_outlier_candidates(model, X_train, y_train)
    plot_residuals(model, X_train, y_train)
    kymograph.termlog(f"the charts of {model_name} are logged")


def plot_outlier_candidates(regressor: Any = None, X: Any = None, y: Any = None) -> None:
    """Log how much each sample moves a linear fit: Cook's distance. The model is fitted again.

    Args:
        regressor: Fitted.
        X: (samples, features), more samples than features.
        y: Its targets.
    """
    if not is_drawable(kind="regressor", model=regressor, X=X, y=y):
        return
    import numpy as np

    features, targets = dense(X), dense(y)
    regressor.fit(X, y)
    leverage = (features * np.linalg.pinv(features).T).sum(axis=1)
    freedom = len(features) - np.linalg.matrix_rank(features)
    residuals = targets - regressor.predict(X)
    if freedom <= 0 or not residuals.any():
        kymograph.termwarn("outliers need more samples than features, and a fit that is not perfect: no chart of them")
        return
    variance = residuals @ residuals / freedom
    with np.errstate(divide="ignore", invalid="ignore"):
        distances = residuals**2 / variance / features.shape[1] * leverage / (1 - leverage) ** 2
    threshold = 4 / len(features)
    percentage = round(float((distances >= threshold).mean()) * 100, 3)
    columns = ["distance", "instance_indicies", "outlier_percentage", "influence_threshold"]
    rows = ([float(distance), index, percentage, threshold] for index, distance in enumerate(distances))
    kymograph.log({"outlier_candidates": chart("wandb/outliers/v1", columns, rows)})


def plot_residuals(regressor: Any = None, X: Any = None, y: Any = None) -> None:
    """Log by how much predictions are wrong, over what is predicted. The model is fitted to a part of the data.

    Args:
        regressor: Fitted.
        X: (samples, features).
        y: Its targets.
    """
    if not is_drawable(kind="regressor", model=regressor, X=X, y=y):
        return
    from sklearn.model_selection import train_test_split

    x_train, x_test, y_train, y_test = train_test_split(X, dense(y), test_size=_TEST_SHARE)
    regressor.fit(x_train, y_train)
    scores = [float(regressor.score(x_train, y_train)), float(regressor.score(x_test, y_test))]

    def rows() -> Iterator[list[Any]]:
        for name, features, targets in (("train", x_train, y_train), ("test", x_test, y_test)):
            predicted = regressor.predict(features)[:_MAX_RESIDUALS]
            for value, target in zip(predicted, targets, strict=False):
                yield [name, float(value), float(value - target), *scores]

    columns = ["dataset", "y_pred", "residuals", "train_score", "test_score"]
    kymograph.log({"residuals": chart("wandb/residuals_plot/v1", columns, rows())})
