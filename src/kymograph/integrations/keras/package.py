"""Keras, by whatever name it is installed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import kymograph

if TYPE_CHECKING:
    Callback: Any = object
    ModelCheckpoint: Any = object
else:
    try:
        from keras.callbacks import Callback, ModelCheckpoint
    except ModuleNotFoundError as exc:
        if exc.name != "keras":
            raise
        raise kymograph.errors.MissingPackage("keras", purpose="kymograph.keras", install="pip install keras") from exc

__all__ = ["Callback", "ModelCheckpoint", "learning_rate_of", "number_of"]


def number_of(value: Any) -> float:
    """A number, a variable, or a tensor of no dimension, of any backend, as a number."""
    if hasattr(value, "detach"):
        value = value.detach().cpu()
    return float(value.numpy()) if hasattr(value, "numpy") else float(value)


def learning_rate_of(model: Any, step: int) -> float | None:
    """How fast a model learns at a step; None if its optimizer does not say."""
    rate = getattr(getattr(model, "optimizer", None), "learning_rate", None)
    if rate is None:
        return None
    try:
        return number_of(rate(step) if callable(rate) else rate)
    except (TypeError, ValueError):
        return None
