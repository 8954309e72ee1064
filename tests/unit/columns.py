"""Arrays of answers as lists, for tests to compare."""

from __future__ import annotations

import math
from dataclasses import fields
from types import SimpleNamespace
from typing import Any

import numpy as np


def as_lists(answer: Any) -> Any:
    """A dataclass with its arrays as lists, None where they hold NaN."""
    return SimpleNamespace(**{field.name: _plain(getattr(answer, field.name)) for field in fields(answer)})


def _plain(value: Any) -> Any:
    if not isinstance(value, np.ndarray):
        return value
    return [None if isinstance(item, float) and math.isnan(item) else item for item in value.tolist()]
