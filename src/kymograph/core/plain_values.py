"""Any Python value as plain JSON values: what configs and summaries hold.

Arrays and tensors are known by what they can do, so that none of their libraries is imported for a look.

Source: seeds.md E.9; forms of single values compared with the vendor's client by tests/protocol/test_sdk_values.py.
"""

from __future__ import annotations

import dataclasses
import datetime
import enum
import os
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any

from kymograph.core.exact_json import MAX_DEPTH
from kymograph.errors import InvalidValue
from kymograph.types import JsonValue

MAX_ARRAY_ITEMS = 32
"""Larger arrays become their shortened text, as in the vendor's client."""
_PLAIN = frozenset({str, int, float, bool, type(None)})


def to_plain(value: Any, *, where: str = "value") -> JsonValue:
    """A value as JSON values of its own: mappings with text keys, lists, texts, numbers.

    Numbers stay what they are, NaN and infinities included. What has no form of its own becomes its text.

    Args:
        value: Anything.
        where: Names it in errors.

    Raises:
        InvalidValue: It is nested too deeply, or contains itself.
    """
    return _plain(value, where, 0)


def _plain(value: Any, where: str, depth: int) -> JsonValue:
    if value.__class__ in _PLAIN:
        return value  # type: ignore[no-any-return]
    if depth > MAX_DEPTH:
        raise InvalidValue(where, value, rule=f"it is nested more than {MAX_DEPTH} levels deep, or contains itself")
    if isinstance(value, Mapping):
        return {_key(key): _plain(item, where, depth + 1) for key, item in value.items()}
    if isinstance(value, enum.Enum):
        return value.name
    if isinstance(value, (bool, int, float, str)):
        return _builtin(value)
    items = _items(value)
    if items is not None:
        return [_plain(item, where, depth + 1) for item in items]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        # Not `asdict`, which copies what it finds: an open file, a model on a device.
        fields = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
        return _plain(fields, where, depth + 1)
    return _single(value, where, depth)


def _builtin(value: bool | float | str) -> JsonValue:
    """An instance of a subclass as its base: `numpy.float64` is a float, a text may carry more than its characters."""
    for kind in (bool, int, float, str):
        if isinstance(value, kind):
            return kind(value)
    return str(value)


def _items(value: Any) -> Iterable[Any] | None:
    if isinstance(value, AbstractSet):
        # Sorted, so that equal sets give equal configs.
        return sorted(value, key=lambda item: (type(item).__name__, str(item)))
    if isinstance(value, Sequence) and not isinstance(value, (bytes, bytearray, memoryview)):
        return value
    return None


def _single(value: Any, where: str, depth: int) -> JsonValue:
    if isinstance(value, slice):
        parts = {"slice_start": value.start, "slice_step": value.step, "slice_stop": value.stop}
        return {name: _plain(part, where, depth + 1) for name, part in parts.items()}
    if isinstance(value, (bytes, bytearray)):
        return value.decode("utf-8", errors="replace")
    if isinstance(value, (datetime.datetime, datetime.date)):
        return value.isoformat()
    if isinstance(value, os.PathLike):
        return os.fspath(value) if isinstance(os.fspath(value), str) else str(value)
    array = as_array(value)
    if array is not None:
        if array.size == 1:
            return _plain(array.reshape(-1)[0].item(), where, depth + 1)
        if array.size <= MAX_ARRAY_ITEMS:
            return _plain(array.tolist(), where, depth + 1)
        return str(array)
    if callable(value):
        module, name = getattr(value, "__module__", None), getattr(value, "__qualname__", None)
        return f"{module}.{name}" if module and name else str(value)
    return str(value)


def _key(key: Any) -> str:
    if isinstance(key, str):
        return str(key)
    if isinstance(key, enum.Enum):
        return key.name
    return str(key.item()) if _looks_like_array(key) and key.size == 1 else str(key)


def _looks_like_array(value: Any) -> bool:
    return all(hasattr(value, name) for name in ("dtype", "shape", "size", "tolist", "item", "reshape"))


def as_array(value: Any) -> Any:
    """The NumPy array or scalar of a NumPy value or a tensor on any device; None for anything else."""
    if isinstance(value, type):
        return None
    if hasattr(value, "detach") and hasattr(value, "cpu"):  # a torch tensor: off its graph, off its device
        value = value.detach().cpu()
        if str(getattr(value, "dtype", "")).endswith("bfloat16"):
            value = value.float()  # NumPy has none
    if hasattr(value, "numpy") and callable(value.numpy):
        value = value.numpy()
    elif type(value).__module__.partition(".")[0] in ("jax", "jaxlib"):
        import numpy as np

        value = np.asarray(value)
    return value if _looks_like_array(value) else None
