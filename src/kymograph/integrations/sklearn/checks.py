"""What a chart needs of a model and its data, and what is said when it has not got it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Any

import kymograph

MAX_ROWS = 1000
"""Rows of a chart. Source: the vendor's `chart_limit`."""


def is_drawable(*, kind: str = "", model: Any = None, **arrays: Any) -> bool:
    """Whether there is all that a chart needs; what is missing is said.

    Args:
        kind: What the model has to be: classifier, regressor, clusterer; "predictor" is either of the first two.
        model: Fitted.
        arrays: Features and targets by name; features (``x…``) have to be numbers, all of them there.
    """
    if kind and not _is_fitted(model, kind):
        return False
    return all(_is_usable(name, values) for name, values in arrays.items())


def _is_fitted(model: Any, kind: str) -> bool:
    from sklearn.base import is_classifier, is_regressor
    from sklearn.exceptions import NotFittedError
    from sklearn.utils.validation import check_is_fitted

    if model is None:
        kymograph.termerror("there is no model to draw: give one")
        return False
    is_it = {
        "classifier": is_classifier(model),
        "regressor": is_regressor(model),
        "predictor": is_classifier(model) or is_regressor(model),
        "clusterer": _is_clusterer(model),
    }
    if not is_it[kind]:
        kymograph.termerror(f"{type(model).__name__} is no {kind} of scikit-learn, so the chart is left out")
        return False
    try:
        check_is_fitted(model)
    except NotFittedError:
        kymograph.termerror(f"{type(model).__name__} is not fitted yet: fit it before it is drawn")
        return False
    except TypeError:
        pass  # it only looks like a model of theirs: drawing shows whether that is enough
    return True


def _is_clusterer(model: Any) -> bool:
    from sklearn import base

    if hasattr(base, "is_clusterer"):
        return bool(base.is_clusterer(model))
    return getattr(model, "_estimator_type", None) == "clusterer"


def _is_usable(name: str, values: Any) -> bool:
    import numpy as np

    if values is None:
        kymograph.termerror(f"{name} is missing, so the chart is left out")
        return False
    if not name.lower().startswith("x"):
        return True
    array = dense(values)
    if array.dtype.kind not in "biufc":
        try:
            array = array.astype(np.float64)
        except (TypeError, ValueError):
            kymograph.termerror(f"{name} holds values that are no numbers: encode them before they are drawn")
            return False
    missing = int(np.count_nonzero(np.isnan(array))) if array.dtype.kind in "fc" else 0
    if missing:
        kymograph.termwarn(f"{name} lacks {missing} values, so the chart is left out")
    return not missing


def dense(values: Any) -> Any:
    """Features as an array: of a frame, a list, or a sparse matrix."""
    import numpy as np

    return np.asarray(values.toarray() if hasattr(values, "toarray") else values)


def chart(spec: str, columns: Sequence[str], rows: Iterable[Sequence[Any]], *, limit: int = MAX_ROWS) -> Any:
    """A chart that the server knows by name, of at most so many rows; that some are left out is said."""
    kept = [[_plain(value) for value in row] for row in islice(rows, limit + 1)]
    if len(kept) > limit:
        kymograph.termwarn(f"the chart {spec} shows only the first {limit} rows", repeat=False)
        del kept[limit:]
    return kymograph.visualize(spec, kymograph.Table(columns=list(columns), data=kept))


def _plain(value: Any) -> Any:
    return value.item() if hasattr(value, "item") and getattr(value, "ndim", 1) == 0 else value
