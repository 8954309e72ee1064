"""Keras: callbacks for ``model.fit(…, callbacks=[WandbMetricsLogger()])``.

Source: the vendor's client 0.31.0, `wandb.integration.keras`; seeds.md E.14. `WandbCallback` is what its older versions
had, written anew on what Keras offers on every backend.
"""

from kymograph.integrations.keras.checkpoint import WandbModelCheckpoint
from kymograph.integrations.keras.metrics import WandbMetricsLogger
from kymograph.integrations.keras.old import WandbCallback
from kymograph.integrations.keras.tables import WandbEvalCallback

__all__ = ["WandbCallback", "WandbEvalCallback", "WandbMetricsLogger", "WandbModelCheckpoint"]
