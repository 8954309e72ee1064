"""XGBoost: ``xgboost.train(…, callbacks=[WandbCallback()])``.

Source: the vendor's client 0.31.0, `wandb.integration.xgboost`: names of metrics, which of them are minimized.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import kymograph
from kymograph.integrations.models import best_of, keep_model, require_run

if TYPE_CHECKING:
    TrainingCallback: Any = object
else:
    from xgboost.callback import TrainingCallback

__all__ = ["WandbCallback", "wandb_callback"]

_MINIMIZED = ("rmse", "rmsle", "mae", "mape", "mphe", "logloss", "error", "error@t", "merror")
_MAXIMIZED = ("auc", "aucpr", "ndcg", "map", "ndcg@n", "map@n")


class WandbCallback(TrainingCallback):  # type: ignore[misc] # of a package without types
    """Logs the metrics of every round as ``<data>-<metric>``, the configuration, and how much each feature counts."""

    def __init__(
        self,
        log_model: bool = False,
        log_feature_importance: bool = True,
        importance_type: str = "gain",
        define_metric: bool = True,
    ) -> None:
        """Prepare, with a run active.

        Args:
            log_model: Whether the model is kept when the training is over.
            log_feature_importance: Whether a chart is logged of how much each feature counts.
            importance_type: By what that is measured: weight, gain, cover, total_gain or total_cover.
            define_metric: Whether the summary has the best value of each metric, instead of the last.

        Raises:
            UsageError: No run is active.
        """
        super().__init__()
        require_run("WandbCallback()")
        self.log_model, self.log_feature_importance = log_model, log_feature_importance
        self.importance_type, self.define_metric = importance_type, define_metric

    def before_training(self, model: Any) -> Any:
        """Take the configuration of the model into that of the run."""
        kymograph.config.update(json.loads(model.save_config()))
        return model

    def after_iteration(self, model: Any, epoch: int, evals_log: Mapping[str, Mapping[str, Sequence[Any]]]) -> bool:
        """Log a round; never stops the training."""
        row: dict[str, Any] = {"epoch": epoch}
        for data, metrics in evals_log.items():
            for name, values in metrics.items():
                metric = f"{data}-{name}"
                best = best_of(name, minimized=_MINIMIZED, maximized=_MAXIMIZED)
                if self.define_metric and best is not None:
                    kymograph.define_metric(metric, summary=best)
                row[metric] = values[-1]
        self.define_metric = False  # once is enough
        kymograph.log(row)
        return False

    def after_training(self, model: Any) -> Any:
        """Keep the model, log the chart and the best round."""
        if self.log_model:
            run = require_run("WandbCallback(log_model=True)")
            path = Path(run.dir) / f"{run.id}_model.json"
            model.save_model(str(path))
            keep_model(path, path.name)
        if self.log_feature_importance:
            scores = model.get_score(importance_type=self.importance_type)
            table = kymograph.Table(columns=["Feature", "Importance"], data=[[*item] for item in scores.items()])
            chart = kymograph.plot.bar(table, "Feature", "Importance", title="Feature Importance")
            kymograph.log({"Feature Importance": chart})
        if model.attr("best_score") is not None:
            best = {"best_score": float(model.attr("best_score")), "best_iteration": int(model.attr("best_iteration"))}
            kymograph.log(best)
        return model


def wandb_callback() -> Callable[[Any], None]:
    """The callback of old versions of XGBoost; newer ones take `WandbCallback`."""
    warnings.warn("wandb_callback() is for old versions of XGBoost; use WandbCallback()", UserWarning, stacklevel=2)

    def callback(env: Any) -> None:
        kymograph.log(dict(env.evaluation_result_list))

    return callback
