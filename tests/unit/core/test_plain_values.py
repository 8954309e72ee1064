"""Any Python value as plain JSON values."""

from __future__ import annotations

import argparse
import datetime
import enum
import json
import math
from collections import OrderedDict, UserDict
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

import numpy as np
import pytest

from kymograph.core.plain_values import to_plain
from kymograph.errors import InvalidValue


class Color(enum.Enum):
    RED = 1


class Level(enum.IntEnum):
    HIGH = 3


class Text(str):
    __slots__ = ()


@dataclass
class Model:
    width: int
    scale: object


class Tensor:
    """As much of a tensor of torch as matters."""

    def __init__(self, array: Any) -> None:
        self._array = array

    def detach(self) -> Tensor:
        return self

    def cpu(self) -> Tensor:
        return self

    def numpy(self) -> Any:
        return self._array


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (None, None),
        (True, True),
        (10**30, 10**30),
        (math.inf, math.inf),
        ((1, (2, 3)), [1, [2, 3]]),
        ({3, 1, 2}, [1, 2, 3]),
        (range(3), [0, 1, 2]),
        (slice(1, 5, 2), {"slice_start": 1, "slice_step": 2, "slice_stop": 5}),
        (b"bytes", "bytes"),
        (datetime.date(2026, 1, 2), "2026-01-02"),
        (datetime.datetime(2026, 1, 2, 3, 4), "2026-01-02T03:04:00"),
        (Color.RED, "RED"),
        (Level.HIGH, "HIGH"),
        (PurePosixPath("a/b"), "a/b"),
        (json.dumps, "json.dumps"),
        (int, "builtins.int"),
        (Model(3, np.float32(0.5)), {"width": 3, "scale": 0.5}),
        (argparse.Namespace(a=1), "Namespace(a=1)"),
        (OrderedDict(a=UserDict(b=1)), {"a": {"b": 1}}),
        ({1: {None: 2}, Color.RED: 3, np.int64(4): 5}, {"1": {"None": 2}, "RED": 3, "4": 5}),
        (np.float64(1.5), 1.5),
        (np.int64(3), 3),
        (np.bool_(True), True),
        (np.array(7), 7),
        (np.arange(3), [0, 1, 2]),
        (np.array([[1.5]]), 1.5),
        (Tensor(np.array(2.5)), 2.5),
        (Text("x"), "x"),
    ],
)
def test_values_take_their_form(value: Any, plain: Any) -> None:
    found = to_plain(value)

    assert found == plain
    assert type(found) is type(plain)


def test_not_a_number_is_kept() -> None:
    found = to_plain([math.nan, np.float32("nan")])

    assert isinstance(found, list)
    assert all(isinstance(item, float) and math.isnan(item) for item in found)


def test_a_large_array_is_its_text() -> None:
    assert str(to_plain(np.arange(40))).startswith("[ 0  1  2")


def test_what_contains_itself_is_refused_by_name() -> None:
    loop: dict[str, Any] = {}
    loop["again"] = loop

    with pytest.raises(InvalidValue, match=r"config\['x'\] .* contains itself"):
        to_plain(loop, where="config['x']")


def test_mappings_are_copied() -> None:
    given = {"a": [1]}
    plain = to_plain(given)
    given["a"].append(2)

    assert plain == {"a": [1]}
