"""Models of Keras, kept while they are trained."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from string import Formatter
from typing import Any, Literal

import kymograph
from kymograph.integrations.keras.package import ModelCheckpoint
from kymograph.integrations.models import keep_model, require_run


class WandbModelCheckpoint(ModelCheckpoint):  # type: ignore[misc] # of a package without types
    """A ``ModelCheckpoint`` of Keras whose files are kept with the run."""

    def __init__(
        self,
        filepath: str | os.PathLike[str],
        monitor: str = "val_loss",
        verbose: int = 0,
        save_best_only: bool = False,
        save_weights_only: bool = False,
        mode: Literal["auto", "min", "max"] = "auto",
        save_freq: Literal["epoch"] | int = "epoch",
        initial_value_threshold: float | None = None,
        **kwargs: Any,
    ) -> None:
        """Prepare, with a run active; for the arguments see ``keras.callbacks.ModelCheckpoint``.

        Raises:
            UsageError: No run is active.
        """
        super().__init__(
            filepath=os.fspath(filepath),
            monitor=monitor,
            verbose=verbose,
            save_best_only=save_best_only,
            save_weights_only=save_weights_only,
            mode=mode,
            save_freq=save_freq,
            initial_value_threshold=initial_value_threshold,
            **kwargs,
        )
        require_run("WandbModelCheckpoint()")
        if save_best_only and not any(field for _, field, _, _ in Formatter().parse(os.fspath(filepath))):
            kymograph.termwarn(
                "WandbModelCheckpoint(save_best_only=True) writes one file over and over: with {epoch:02d} in "
                "filepath, each of them is kept",
                repeat=False,
            )

    def _save_model(self, epoch: int, batch: int | None, logs: Mapping[str, Any] | None) -> None:
        # Keras calls this for epochs and batches alike, and it may decide not to write.
        path = Path(self._get_file_path(epoch, batch, logs))
        before = _stamp(path)
        super()._save_model(epoch=epoch, batch=batch, logs=logs)
        if _stamp(path) != before:
            place = f"epoch_{epoch}" if batch is None else f"epoch_{epoch}_batch_{batch}"
            keep_model(path, f"run_{require_run('WandbModelCheckpoint()').id}_model", ["latest", place])


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ino
