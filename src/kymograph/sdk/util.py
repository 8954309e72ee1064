"""Small things that scripts and other packages take from ``wandb.util``."""

from __future__ import annotations

import importlib
import json
import os
from typing import Any

from kymograph.core.plain_values import to_plain
from kymograph.core.run_ids import new_run_id
from kymograph.errors import MissingPackage
from kymograph.sdk.capture.code import safe_artifact_name
from kymograph.sdk.media import foreign

_UNITS = ("B", "KB", "MB", "GB", "TB", "PB", "EB")


def generate_id(length: int = 8) -> str:
    """A new id, as runs get them: lower-case letters and digits."""
    return new_run_id(length)


def get_module(name: str, required: str | bool | None = None, lazy: bool = True) -> Any:
    """A module, or None if it cannot be found.

    Args:
        name: With dots.
        required: What to say if it cannot be found; then that is an error.
        lazy: Not used; accepted for old scripts.

    Raises:
        MissingPackage: It cannot be found, and is required.
    """
    try:
        return importlib.import_module(name)
    except ImportError as exc:
        if required:
            package = name.partition(".")[0]
            raise MissingPackage(package, purpose=str(required), install=f"pip install {package}") from exc
        return None


def make_artifact_name_safe(name: str) -> str:
    """A name that an artifact may have, made of any text."""
    return safe_artifact_name(name)


def to_forward_slash_path(path: str) -> str:
    """A path of this machine with forward slashes."""
    return path.replace("\\", "/") if os.name == "nt" else path


def to_native_slash_path(path: str) -> str:
    """A path with forward slashes as this machine writes it."""
    return path.replace("/", os.sep)


def to_human_size(bytes: float, units: Any = None) -> str:
    """A number of bytes as people read it."""
    size = float(bytes)
    for unit in _UNITS:
        if abs(size) < 1000 or unit == _UNITS[-1]:
            return f"{size:.1f}{unit}"
        size /= 1000
    raise AssertionError("the last unit takes everything")


def json_friendly(obj: Any) -> tuple[Any, bool]:
    """What JSON has for a value, and whether that is something else than the value."""
    plain = to_plain(obj, where="json_friendly(obj)")
    return plain, plain is not obj


def json_dumps_safer(obj: Any, **arguments: Any) -> str:
    """JSON of a value that may hold numbers and arrays of other packages."""
    return json.dumps(to_plain(obj, where="json_dumps_safer(obj)"), **arguments)


def is_numpy_array(obj: Any) -> bool:
    """Whether it is an array of NumPy."""
    return ("numpy", "ndarray") in foreign.class_names(obj)


def is_pytorch_tensor(obj: Any) -> bool:
    """Whether it is a tensor of PyTorch."""
    return foreign.is_tensor(obj)


def is_pandas_data_frame(obj: Any) -> bool:
    """Whether it is a frame of pandas."""
    return foreign.is_dataframe(obj)
