"""Frames as rows and as tables."""

from __future__ import annotations

import struct
import sys

import pandas as pd  # type: ignore[import-untyped]
import pytest

from kymograph.errors import MissingPackage, UsageError
from kymograph.sdk.api.frames import Format, check_format, frames_to, rows_of, rows_to
from kymograph.wire import columns
from kymograph.wire.columns import Frame, FrameColumn


def integers(*values: int) -> bytes:
    return struct.pack(f"<{len(values)}q", *values)


def numbers(*values: float) -> bytes:
    return struct.pack(f"<{len(values)}d", *values)


ONE = Frame(
    "one",
    3,
    [
        FrameColumn("_step", columns.INTEGER, integers(0, 1, 2)),
        FrameColumn("n", columns.INTEGER, integers(5, 6, 7)),
        FrameColumn("loss", columns.NUMBER, numbers(0.5, 1.5), b"\1\0\1"),
        FrameColumn("word", columns.TEXT, [b"a"], b"\0\0\1"),
        FrameColumn("nest.ed.x", columns.INTEGER, integers(1), b"\1\0\0"),
        FrameColumn("nest.y", columns.JSON, [b"[1]", b"null"], b"\1\1\0"),
    ],
)
TWO = Frame(
    "two",
    1,
    [
        FrameColumn("_step", columns.INTEGER, integers(9)),
        FrameColumn("n", columns.NUMBER, numbers(0.25)),
        FrameColumn("word", columns.INTEGER, integers(3)),
        FrameColumn("flag", columns.BOOLEAN, b"\1"),
    ],
)


def test_rows_have_what_there_is() -> None:
    assert list(rows_of(ONE)) == [
        {"_step": 0, "n": 5, "loss": 0.5, "nest.ed.x": 1, "nest.y": [1]},
        {"_step": 1, "n": 6, "nest.y": None},
        {"_step": 2, "n": 7, "loss": 1.5, "word": "a"},
    ]


def test_rows_of_chosen_keys_have_these_alone() -> None:
    assert list(rows_of(ONE, ["loss", "_step"])) == [
        {"loss": 0.5, "_step": 0},
        {"loss": None, "_step": 1},
        {"loss": 1.5, "_step": 2},
    ]


def test_a_key_may_hold_mappings() -> None:
    assert [row["nest"] for row in rows_of(ONE, ["nest"])] == [{"ed": {"x": 1}, "y": [1]}, {"y": None}, None]


def test_histories_of_runs_are_one_table() -> None:
    table = frames_to([ONE, TWO], "pandas")

    assert list(table.columns) == ["_step", "flag", "loss", "n", "nest.ed.x", "nest.y", "run_id", "word"]
    assert list(table["run_id"]) == ["one", "one", "one", "two"]
    assert list(table["_step"]) == [0, 1, 2, 9]
    assert table["_step"].dtype == "int64"
    assert list(table["n"]) == [5, 6, 7, 0.25]
    assert table["loss"].isna().tolist() == [False, True, False, True]
    assert table["word"].dropna().tolist() == ["a", 3]
    assert table["flag"].dropna().tolist() == [True]


EXPECTED = {
    "_step": [0, 1, 2, 9],
    "flag": [None, None, None, True],
    "run_id": ["one", "one", "one", "two"],
    "n": [5.0, 6.0, 7.0, 0.25],
}


def test_histories_of_runs_are_one_table_of_arrow() -> None:
    table = frames_to([ONE, TWO], "arrow")

    assert {name: table[name].to_pylist() for name in EXPECTED} == EXPECTED
    assert [str(table.schema.field(name).type) for name in ("_step", "loss", "word")] == ["int64", "double", "string"]


def test_histories_of_runs_are_one_table_of_polars() -> None:
    table = frames_to([ONE, TWO], "polars")

    assert {name: table[name].to_list() for name in EXPECTED} == EXPECTED
    assert [str(table.schema[name]) for name in ("_step", "loss", "word")] == ["Int64", "Float64", "String"]


@pytest.mark.parametrize("format", ["arrow", "polars"])
def test_a_column_of_several_types_is_of_json_texts(format: Format) -> None:
    rows: list[dict[str, object]] = [{"a": 1, "b": {"x": 1}}, {"a": "x"}, {"b": [1]}]

    table = rows_to(rows, format)

    lists = table.to_pydict() if format == "arrow" else table.to_dict(as_series=False)
    assert lists == {"a": ["1", '"x"', None], "b": ['{"x":1}', None, "[1]"]}


def test_a_table_of_nothing_is_empty() -> None:
    assert frames_to([], "pandas").empty
    assert "_step" not in frames_to([TWO], "pandas", with_step=False)


def test_rows_become_what_pandas_makes_of_them() -> None:
    rows = [{"a": 1, "b": "x"}, {"a": 2, "c": [1]}]

    assert rows_to(rows, "pandas").equals(pd.DataFrame.from_records(rows))
    assert rows_to(rows, "default") == rows


@pytest.mark.parametrize(("format", "package"), [("polars", "polars"), ("arrow", "pyarrow"), ("pandas", "pandas")])
def test_a_package_that_is_not_there_is_named(format: str, package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, package, None)

    with pytest.raises(MissingPackage, match=package):
        frames_to([ONE], format)  # type: ignore[arg-type]


def test_a_form_that_there_is_not_is_refused() -> None:
    with pytest.raises(UsageError, match="'default', 'pandas', 'polars', 'arrow'"):
        check_format("excel")
