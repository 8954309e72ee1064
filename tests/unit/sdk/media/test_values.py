from __future__ import annotations

import dataclasses
import enum
from collections import OrderedDict, deque, namedtuple
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import PurePosixPath
from types import MappingProxyType
from typing import Any
from uuid import UUID

import numpy as np
import pandas as pd  # type: ignore[import-untyped] # it has none
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as PillowImage

from kymograph.core import exact_json
from kymograph.errors import InvalidMedia, InvalidValue
from kymograph.sdk.media import Histogram, Html, Image, Object3D, Table, plot
from kymograph.sdk.media.values import loggable, loggable_row
from kymograph.types import JsonValue
from tests.unit.sdk.media.recorded import Recorded, Tensor


class Phase(enum.Enum):
    TRAIN = "train"


class Level(enum.IntEnum):
    HIGH = 2


class Shape(enum.Enum):
    ROUND = object()


class Name(str):
    __slots__ = ()


@dataclasses.dataclass
class Scores:
    top1: float
    all: tuple[int, ...] = (1, 2)


Point = namedtuple("Point", "x y")  # noqa: PYI024 — one without types


@pytest.mark.parametrize(
    ("value", "form"),
    [
        (1, 1),
        (0.5, 0.5),
        ("text", "text"),
        (True, True),
        (None, None),
        (2**70, 2**70),
        (np.float32(0.1), 0.10000000149011612),
        (np.float16(0.5), 0.5),
        (np.longdouble(0.5), 0.5),
        (np.int64(3), 3),
        (np.bool_(True), True),
        (np.str_("a"), "a"),
        (np.complex64(1.5 - 2j), "1.5-2j"),
        (np.datetime64("2026-01-02T03:04:05"), "2026-01-02T03:04:05"),
        (np.timedelta64(1500, "ms"), 1.5),
        (np.array(5.5), 5.5),
        (np.array([5]), 5),
        (np.array([[5]]), 5),
        (1 + 2j, "1+2j"),
        (Decimal("1.50"), 1.5),
        (Fraction(1, 4), 0.25),
        (datetime(2026, 1, 2, 3, 4, 5, 678), "2026-01-02T03:04:05.000678"),
        (datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), "2026-01-02T03:04:05Z"),
        (date(2026, 1, 2), "2026-01-02"),
        (time(1, 2), "01:02:00"),
        (timedelta(minutes=1, milliseconds=500), 60.5),
        (Phase.TRAIN, "train"),
        (Level.HIGH, 2),
        (Shape.ROUND, "ROUND"),
        (b"abc", "abc"),
        (UUID(int=5), "00000000-0000-0000-0000-000000000005"),
        (PurePosixPath("/x/y"), "/x/y"),
        (Name("q"), "q"),
        (len, "builtins.len"),
        (Scores, f"{Scores.__module__}.Scores"),
        (Scores(0.5), {"top1": 0.5, "all": [1, 2]}),
        (Point(1, 2), [1, 2]),
        ((1, 2), [1, 2]),
        (range(3), [0, 1, 2]),
        (deque([1, 2]), [1, 2]),
        ({3, 1, 2}, [1, 2, 3]),
        (frozenset(["b", "a"]), ["a", "b"]),
        ([], []),
        ([1, np.float32(0.5), "a", None], [1, 0.5, "a", None]),
        ({"a": {"b": np.arange(3)}}, {"a": {"b": [0, 1, 2]}}),
        (OrderedDict(a=1), {"a": 1}),
        (MappingProxyType({"a": 1}), {"a": 1}),
        ({1: 2, 2.5: 3, False: 4, np.int64(7): 5}, {"1": 2, "2.5": 3, "false": 4, "7": 5}),
        (pd.Series([1, 2]), [1, 2]),
        (pd.Timestamp("2026-01-02"), "2026-01-02T00:00:00"),
        (pd.NaT, None),
        (pd.NA, None),
        (Tensor(np.array(0.5)), 0.5),
        (Tensor(np.array([0.5, 1.0]), dtype="torch.bfloat16"), [0.5, 1.0]),
    ],
)
def test_values_have_their_json_form(run: Recorded, value: object, form: JsonValue) -> None:
    result = loggable("k", value, 0, run.place)

    assert result == form
    assert type(result) is type(form)


@pytest.mark.parametrize("value", [float("nan"), np.float32("nan"), np.float64("nan"), np.array([np.nan])])
def test_nan_stays_nan(run: Recorded, value: object) -> None:
    result = loggable("k", value, 0, run.place)

    assert type(result) is float
    assert result != result


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (object(), "k is of type object"),
        ({"a": [1, {"b": object()}]}, r"k\.a\[1\]\.b is of type object"),
        ({(1, 2): 3}, "a key of k is of type tuple"),
        ({"a": {None: 3}}, r"a key of k\.a is of type NoneType"),
        ((number for number in range(3)), "k is of type generator"),
        (slice(1, 2), "k is of type slice"),
        (ValueError("x"), "k is of type ValueError"),
        (b"\xff", "k is of type bytes: its bytes are no UTF-8"),
        ([plot.bar(Table(columns=["a", "b"]), "a", "b")], "a chart"),
    ],
)
def test_what_has_no_form_is_refused_by_key_and_type(run: Recorded, value: object, message: str) -> None:
    with pytest.raises(InvalidValue, match=message):
        loggable("k", value, 0, run.place)


def test_a_tensor_that_cannot_be_read_is_refused_by_key(run: Recorded) -> None:
    class Unreadable(Tensor):
        def numpy(self) -> np.ndarray:
            raise RuntimeError("no data on the meta device")

    with pytest.raises(InvalidValue, match="k is of type Unreadable: it cannot be read as an array: no data"):
        loggable("k", Unreadable(np.zeros(2)), 0, run.place)


def test_masked_elements_are_missing(run: Recorded) -> None:
    form = loggable("k", np.ma.masked_array([1, 2, 3], [False, True, False]), 0, run.place)

    assert exact_json.dumps(form) == "[1.0,NaN,3.0]"


def test_what_contains_itself_is_refused(run: Recorded) -> None:
    value: dict[str, Any] = {}
    value["again"] = value

    with pytest.raises(InvalidValue, match="contains itself"):
        loggable("k", value, 0, run.place)
    with pytest.raises(InvalidValue, match="contains itself"):
        loggable_row({"k": value}, 0, run.place)


def test_a_row_with_one_bad_value_tells_nothing(run: Recorded) -> None:
    row = {"image": Image(np.zeros((2, 2))), "chart": plot.bar(Table(columns=["a", "b"]), "a", "b"), "bad": object()}

    with pytest.raises(InvalidValue, match="bad is of type object"):
        loggable_row(row, 0, run.place)

    assert (run.kept, run.configured) == ([], {})


def test_keys_of_a_row_are_texts(run: Recorded) -> None:
    with pytest.raises(InvalidValue, match="the key 1"):
        loggable_row({1: 2}, 0, run.place)  # type: ignore[dict-item] # what is to be refused


def test_up_to_32_elements_are_listed_and_more_are_counted(run: Recorded) -> None:
    listed = loggable("k", np.arange(32), 0, run.place)
    counted = loggable("k", np.arange(33), 0, run.place)

    assert listed == list(range(32))
    assert isinstance(counted, dict)
    assert counted["_type"] == "histogram"
    assert counted["bins"] == [float(edge) for edge in range(33)]
    assert counted["values"] == [1] * 31 + [2]


def test_long_arrays_of_texts_are_listed(run: Recorded) -> None:
    assert loggable("k", np.array(["a"] * 40), 0, run.place) == ["a"] * 40
    assert loggable("k", np.array([np.datetime64("2026-01-02")] * 40), 0, run.place) == ["2026-01-02"] * 40


def test_media_of_one_class_become_one_object(run: Recorded) -> None:
    form = loggable("k", [Html("a"), Html("b")], 3, run.place)

    assert isinstance(form, dict)
    assert (form["_type"], form["count"]) == ("html", 2)
    assert set(run.kept) == run.files()
    assert len(run.kept) == 2


def test_media_of_several_classes_are_listed(run: Recorded) -> None:
    form = loggable("k", [Html("a"), Histogram([1, 2]), Image(np.zeros((2, 2)))], 3, run.place)

    assert isinstance(form, list)
    assert [item["_type"] for item in form if isinstance(item, dict)] == ["html-file", "histogram", "image-file"]


def test_media_among_plain_values_are_listed(run: Recorded) -> None:
    form = loggable("k", [1, Html("a")], 3, run.place)

    assert isinstance(form, list)
    assert form[0] == 1
    assert isinstance(form[1], dict)


def test_no_more_than_108_images_of_a_list_are_logged(run: Recorded, caplog: pytest.LogCaptureFixture) -> None:
    form = loggable("k", [Image(np.zeros((1, 1)))] * 110, 0, run.place)

    assert isinstance(form, dict)
    assert form["count"] == 108
    assert "first 108 of 110" in caplog.text


def test_nested_media_are_named_by_all_their_keys(run: Recorded) -> None:
    loggable("a", {"b": Html("x")}, 7, run.place)

    assert run.kept[0].startswith("media/html/a.b_7_")


def test_images_and_data_frames_of_others_become_media(run: Recorded) -> None:
    row = loggable_row(
        {
            "picture": PillowImage.new("RGB", (3, 2)),
            "pictures": [PillowImage.new("RGB", (3, 2))],
            "frame": pd.DataFrame({"a": [1, 2]}),
        },
        0,
        run.place,
    )

    types = [value["_type"] for value in row.values() if isinstance(value, dict)]
    assert types == ["image-file", "images/separated", "table-file"]


def test_the_same_content_is_told_once(run: Recorded) -> None:
    loggable("k", [Object3D(np.zeros((1, 3))), Object3D(np.zeros((1, 3)))], 0, run.place)

    assert len(run.kept) == 1


def test_an_error_of_a_media_object_is_that_of_the_object(run: Recorded) -> None:
    with pytest.raises(InvalidMedia, match="lies elsewhere"):
        loggable("k", Image("https://example.org/a.png"), 0, run.place)


_scalars = st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats() | st.text()
_values = st.recursive(
    _scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4), max_leaves=20
)


@given(_values)
def test_plain_json_is_its_own_form(tmp_path_factory: pytest.TempPathFactory, value: JsonValue) -> None:
    form = loggable("k", value, 0, Recorded(tmp_path_factory.getbasetemp()).place)

    assert exact_json.dumps(form) == exact_json.dumps(value)
