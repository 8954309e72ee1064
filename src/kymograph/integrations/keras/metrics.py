"""Metrics of a training with Keras."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import kymograph
from kymograph.integrations.keras.package import Callback, learning_rate_of
from kymograph.integrations.models import require_run


class WandbMetricsLogger(Callback):  # type: ignore[misc] # of a package without types
    """Logs metrics and learning rate: ``epoch/…`` after each epoch, ``batch/…`` after each so many batches."""

    def __init__(
        self,
        log_freq: Literal["epoch", "batch"] | int = "epoch",
        initial_global_step: int = 0,
        *args: Any,
        **kwargs: Any,
    ) -> None:
        """Prepare, with a run active.

        Args:
            log_freq: epoch, batch, or after how many batches.
            initial_global_step: Batches of an earlier training that this one goes on with.
            args: For Keras.
            kwargs: For Keras.

        Raises:
            UsageError: No run is active.
        """
        super().__init__(*args, **kwargs)
        require_run("WandbMetricsLogger()")
        every = 1 if log_freq == "batch" else log_freq
        self.logging_batch_wise = isinstance(every, int)
        self.log_freq = every if self.logging_batch_wise else None
        self.global_batch, self.global_step = 0, initial_global_step
        axis = "batch/batch_step" if self.logging_batch_wise else "epoch/epoch"
        kymograph.define_metric(axis)
        kymograph.define_metric(f"{axis.partition('/')[0]}/*", step_metric=axis)

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Log an epoch."""
        kymograph.log(self._row("epoch", {"epoch": epoch}, logs))

    def on_train_batch_end(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Log a batch, if it is one of those that are logged."""
        self.global_step += 1
        if isinstance(self.log_freq, int) and batch % self.log_freq == 0:
            kymograph.log(self._row("batch", {"batch_step": self.global_batch}, logs))
            self.global_batch += self.log_freq

    def on_batch_end(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Nothing: Keras calls `on_train_batch_end` as well."""

    def _row(self, prefix: str, place: Mapping[str, int], logs: Mapping[str, Any] | None) -> dict[str, Any]:
        row = {f"{prefix}/{name}": value for name, value in {**(logs or {}), **place}.items()}
        rate = learning_rate_of(self.model, self.global_step)
        return row if rate is None else {**row, f"{prefix}/learning_rate": rate}
