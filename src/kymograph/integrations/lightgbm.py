"""LightGBM: ``lightgbm.train(…, callbacks=[wandb_callback()])``, and `log_summary` when it is trained.

Source: the vendor's client 0.31.0, `wandb.integration.lightgbm`: names of metrics, which of them are minimized.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import kymograph
from kymograph.integrations.models import best_of, keep_model, require_run

__all__ = ["log_summary", "wandb_callback"]

_MINIMIZED = ("l1", "l2", "rmse", "mape", "huber", "fair", "poisson", "gamma", "binary_logloss")
_MAXIMIZED = ("map", "auc", "average_precision")
_ORDER = 20
"""When LightGBM calls it, among others: after those that record, before those that stop."""


class _Callback:
    """Logs the metrics of every round as ``<data>_<metric>``; of a cross-validation, mean and deviation."""

    before_iteration = False
    order = _ORDER

    def __init__(self, *, log_params: bool, define_metric: bool) -> None:
        self._log_params, self._define_metric = log_params, define_metric

    def __call__(self, env: Any) -> None:
        row: dict[str, Any] = {}
        for result in env.evaluation_result_list:
            if len(result) == 4:
                data, metric, value = result[:3]
                row[f"{data}_{metric}"] = value
                names = [metric]
            else:
                # "train l2", or the two apart, by version.
                data, metric = result[1].split() if " " in result[1] else result[:2]
                names = [f"{metric}-mean", f"{metric}-stdv"]
                row |= {f"{data}_{names[0]}": result[2], f"{data}_{names[1]}": result[4]}
            if env.iteration == env.begin_iteration and self._define_metric:
                for name in names:
                    best = best_of(name, minimized=_MINIMIZED, maximized=_MAXIMIZED)
                    if best is not None:
                        kymograph.define_metric(f"{data}_{name}", summary=best)
        if env.iteration == env.begin_iteration and self._log_params:
            kymograph.config.update(env.params)
        kymograph.log({**row, "iteration": env.iteration})


def wandb_callback(log_params: bool = True, define_metric: bool = True) -> _Callback:
    """A callback for ``lightgbm.train``.

    Args:
        log_params: Whether the parameters of the training become the config of the run.
        define_metric: Whether the summary has the best value of each metric, instead of the last.
    """
    return _Callback(log_params=log_params, define_metric=define_metric)


def log_summary(model: Any, feature_importance: bool = True, save_model_checkpoint: bool = False) -> None:
    """Log what is known when the training is over: best round and scores, in the summary.

    Args:
        model: The ``lightgbm.Booster``.
        feature_importance: Whether a chart is logged of how much each feature counts.
        save_model_checkpoint: Whether the model is kept.

    Raises:
        UsageError: No run is active, or it is no such model.
    """
    run = require_run("log_summary()")
    if not hasattr(model, "best_iteration") or not hasattr(model, "feature_importance"):
        raise kymograph.UsageError(f"log_summary() needs a lightgbm.Booster, not {type(model).__name__}")
    run.summary["best_iteration"] = model.best_iteration
    run.summary["best_score"] = {data: dict(scores) for data, scores in model.best_score.items()}
    if feature_importance:
        rows = [[*item] for item in zip(model.feature_name(), map(float, model.feature_importance()), strict=True)]
        table = kymograph.Table(columns=["Feature", "Importance"], data=rows)
        chart = kymograph.plot.bar(table, "Feature", "Importance", title="Feature Importance")
        kymograph.log({"Feature Importance": chart}, commit=False)
    if save_model_checkpoint:
        path = Path(run.dir) / f"model_ckpt_{model.best_iteration}.txt"
        model.save_model(str(path), num_iteration=model.best_iteration)
        keep_model(path, f"model_{run.id}", ["best"])
