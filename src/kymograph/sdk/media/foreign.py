"""Objects of other libraries, known by their class's name: none of them is imported to look at a value."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping
from types import ModuleType
from typing import TYPE_CHECKING, Any

from kymograph.errors import MissingPackage

if TYPE_CHECKING:
    import numpy as np

_INSTALL = {
    "PIL": "pip install 'kymograph[media]'",
    "numpy": "pip install 'kymograph[media]'",
    "imageio_ffmpeg": "pip install 'kymograph[media]'",
    "sklearn": "pip install scikit-learn",
}


def require(module: str, purpose: str) -> Any:
    """Import a module that is not ours.

    Raises:
        MissingPackage: It is not installed; the message says what to install.
    """
    package = module.partition(".")[0]
    try:
        return importlib.import_module(module)
    except ImportError as exc:
        raise MissingPackage(package, purpose=purpose, install=_INSTALL.get(package, f"pip install {package}")) from exc


def class_names(value: object) -> list[tuple[str, str]]:
    """Top-level module and name of a value's class and its bases, nearest first."""
    return [(base.__module__.partition(".")[0], base.__name__) for base in type(value).__mro__]


def is_made_by(value: object, library: str) -> bool:
    """Whether a value's class, or one it is derived from, is of a library."""
    return any(module == library for module, _ in class_names(value))


def is_dataframe(value: object) -> bool:
    """Whether it is a table of pandas."""
    return ("pandas", "DataFrame") in class_names(value)


def is_pillow_image(value: object) -> bool:
    """Whether it is an image of Pillow."""
    return ("PIL", "Image") in class_names(value)


def is_matplotlib(value: object) -> bool:
    """Whether it is a figure, something in one, or the module ``matplotlib.pyplot`` itself."""
    if isinstance(value, ModuleType):
        return value.__name__.startswith("matplotlib.")
    return is_made_by(value, "matplotlib")


def is_plotly_figure(value: object) -> bool:
    """Whether it is a figure of Plotly."""
    return any(module == "plotly" and name in ("Figure", "BaseFigure") for module, name in class_names(value))


def is_bokeh_model(value: object) -> bool:
    """Whether it is a figure or layout of Bokeh, or a document with some."""
    return any(module == "bokeh" and name in ("Model", "Document") for module, name in class_names(value))


def is_tensor(value: object) -> bool:
    """Whether it is a tensor of PyTorch: channels come first in its images."""
    return any(
        module == "torch" and name in ("Tensor", "Variable", "_TensorBase") for module, name in class_names(value)
    )


def as_array(value: Any) -> np.ndarray | None:
    """An array or tensor of any library as one of NumPy, in main memory; ``None`` if it is neither."""
    if isinstance(value, type):
        return None
    numpy = sys.modules.get("numpy")
    if numpy is None:
        # Whoever made an array has imported NumPy, with one exception: PyTorch works without.
        return _tensor_array(value) if is_tensor(value) else None
    if isinstance(value, numpy.generic):
        return None
    held = _held_array(value, numpy)
    return None if held is None else numpy.asarray(held)


def _held_array(value: Any, numpy: Any) -> Any:
    if isinstance(value, numpy.ma.MaskedArray) and value.dtype.kind in "biuf":
        return value.astype(float).filled(numpy.nan)
    if isinstance(value, numpy.ndarray):
        return value
    if is_tensor(value):
        return _tensor_array(value)
    library = type(value).__module__.partition(".")[0]
    if library in ("pandas", "polars") and hasattr(value, "dtype") and hasattr(value, "to_numpy"):
        return value.to_numpy()
    if callable(getattr(value, "numpy", None)):  # TensorFlow, Paddle
        return value.numpy()
    if hasattr(value, "__cuda_array_interface__") and callable(getattr(value, "get", None)):  # CuPy
        return value.get()
    return value if hasattr(value, "__array__") and hasattr(value, "shape") else None  # JAX and others


def _tensor_array(value: Any) -> np.ndarray:
    numpy = require("numpy", "a tensor")
    tensor = value.detach().cpu()
    if str(tensor.dtype) == "torch.bfloat16":  # of which NumPy knows nothing
        tensor = tensor.float()
    return numpy.asarray(tensor.numpy())  # type: ignore[no-any-return] # as above


def is_array_scalar(value: object) -> bool:
    """Whether it is a number (or the like) of NumPy."""
    numpy = sys.modules.get("numpy")
    return numpy is not None and isinstance(value, numpy.generic)


def plain(value: Any) -> Any:
    """A value without numbers and arrays of other libraries, also within mappings and lists; others are left alone."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if is_array_scalar(value):
        return value.item()
    array = as_array(value)
    if array is None:
        return value
    return plain((array.astype(str) if array.dtype.kind in "mM" else array).tolist())
