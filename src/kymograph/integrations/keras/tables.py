"""Tables of what a model of Keras makes of a set of samples, epoch by epoch."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

import kymograph
from kymograph.integrations.keras.package import Callback
from kymograph.integrations.models import require_run


class WandbEvalCallback(Callback, ABC):  # type: ignore[misc] # of a package without types
    """Logs the samples once and the predictions after each epoch; subclasses say what the rows are.

    Attributes:
        data_table: The samples.
        data_table_ref: The same once it is logged, for the rows of predictions.
        pred_table: The predictions of this epoch.
    """

    def __init__(
        self, data_table_columns: Sequence[str], pred_table_columns: Sequence[str], *args: Any, **kwargs: Any
    ) -> None:
        """Prepare, with a run active.

        Args:
            data_table_columns: Of the samples.
            pred_table_columns: Of the predictions.
            args: For Keras.
            kwargs: For Keras.

        Raises:
            UsageError: No run is active.
        """
        super().__init__(*args, **kwargs)
        require_run("WandbEvalCallback()")
        self.data_table_columns, self.pred_table_columns = list(data_table_columns), list(pred_table_columns)

    @abstractmethod
    def add_ground_truth(self, logs: Mapping[str, Any] | None = None) -> None:
        """Add the samples to `data_table`."""

    @abstractmethod
    def add_model_predictions(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Add what the model makes of them to `pred_table`."""

    def on_train_begin(self, logs: Mapping[str, Any] | None = None) -> None:
        """Log the samples."""
        self.init_data_table(self.data_table_columns)
        self.add_ground_truth(logs)
        self.log_data_table()

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Log the predictions."""
        self.init_pred_table(self.pred_table_columns)
        self.add_model_predictions(epoch, logs)
        self.log_pred_table()

    def init_data_table(self, column_names: Sequence[str]) -> None:
        """Begin the table of samples."""
        self.data_table = kymograph.Table(columns=list(column_names), allow_mixed_types=True)

    def init_pred_table(self, column_names: Sequence[str]) -> None:
        """Begin a table of predictions."""
        self.pred_table = kymograph.Table(columns=list(column_names))

    def log_data_table(self, name: str = "val", type: str = "dataset", table_name: str = "val_data") -> None:
        """Log the table of samples as an artifact that the run uses; a run without a server only logs it.

        Args:
            name: Of the artifact.
            type: Of the artifact.
            table_name: Of the table.
        """
        run = require_run("log_data_table()")
        artifact = _artifact_of(self.data_table, table_name, name=name, type=type)
        if run.offline or run.disabled:
            run.log_artifact(artifact)
            self.data_table_ref = self.data_table
            return
        run.use_artifact(artifact)
        artifact.wait()
        self.data_table_ref = artifact.get(table_name)

    def log_pred_table(
        self, type: str = "evaluation", table_name: str = "eval_data", aliases: Sequence[str] | None = None
    ) -> None:
        """Log a table of predictions as a version of an artifact.

        Args:
            type: Of the artifact.
            table_name: Of the table.
            aliases: Of the version.
        """
        run = require_run("log_pred_table()")
        artifact = _artifact_of(self.pred_table, table_name, name=f"run_{run.id}_pred", type=type)
        run.log_artifact(artifact, aliases=list(aliases or ["latest"]))


def _artifact_of(table: Any, table_name: str, *, name: str, type: str) -> kymograph.Artifact:
    """A new artifact with a table in it."""
    artifact = kymograph.Artifact(name, type=type)
    artifact.add(table, table_name)
    return artifact
