"""Stable-Baselines3: ``model.learn(…, callback=WandbCallback())``. Its metrics come by its TensorBoard logs.

Source: the vendor's client 0.31.0, `wandb.integration.sb3`.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Literal

import kymograph
from kymograph.integrations.models import require_run

if TYPE_CHECKING:
    BaseCallback: Any = object
else:
    from stable_baselines3.common.callbacks import BaseCallback

__all__ = ["WandbCallback"]

_KINDS = ("gradients", "parameters", "all", None)
MODEL_FILE = "model.zip"


class WandbCallback(BaseCallback):  # type: ignore[misc] # of a package without types
    """Takes the model's parameters into the config, watches its gradients, and keeps it now and then."""

    def __init__(
        self,
        verbose: int = 0,
        model_save_path: str | None = None,
        model_save_freq: int = 0,
        gradient_save_freq: int = 0,
        log: Literal["gradients", "parameters", "all"] | None = "all",
    ) -> None:
        """Prepare, with a run active.

        Args:
            verbose: How much Stable-Baselines3 prints.
            model_save_path: The folder where the model is kept; None to keep none.
            model_save_freq: After how many steps it is kept; 0: at the end only.
            gradient_save_freq: After how many batches gradients are logged; 0: never.
            log: What of the policy: gradients, parameters, or all.

        Raises:
            UsageError: No run is active, or there is no folder to keep a model in.
        """
        super().__init__(verbose)
        require_run("WandbCallback()")
        if model_save_freq and model_save_path is None:
            raise kymograph.UsageError("WandbCallback(model_save_freq=…) needs model_save_path, too")
        if log not in _KINDS:
            kymograph.termwarn(f"WandbCallback(log={log!r}) is none of {_KINDS}; it logs 'all'")
            log = "all"
        self.model_save_path, self.model_save_freq = model_save_path, model_save_freq
        self.gradient_save_freq, self.log = gradient_save_freq, log
        if model_save_path is not None:
            os.makedirs(model_save_path, exist_ok=True)
            self.path = os.path.join(model_save_path, MODEL_FILE)

    def _init_callback(self) -> None:
        parameters: dict[str, Any] = {"algo": type(self.model).__name__}
        for name, value in vars(self.model).items():
            if name not in kymograph.config:
                parameters[name] = value if type(value) in (int, float, str) else str(value)
        if self.gradient_save_freq > 0:
            kymograph.watch(self.model.policy, log=self.log, log_freq=self.gradient_save_freq)
        kymograph.config.setdefaults(parameters)

    def _on_step(self) -> bool:
        if self.model_save_freq > 0 and self.n_calls % self.model_save_freq == 0:
            self.save_model()
        return True

    def _on_training_end(self) -> None:
        if self.model_save_path is not None:
            self.save_model()

    def save_model(self) -> None:
        """Keep the model as it is now."""
        self.model.save(self.path)
        kymograph.save(self.path, base_path=self.model_save_path)
