"""Rows merge per top-level key and are addressed by dotted names."""

from __future__ import annotations

import pytest

from kymograph.core.rows import leaves_of, merge_rows, parse_row, pick_keys, step_of
from kymograph.types import JsonObject


@pytest.mark.parametrize(
    ("row", "step"),
    [
        ({"_step": 7}, 7),
        ({"_step": -1}, -1),
        ({"_step": 2**63}, 3),
        ({"_step": 7.0}, 3),
        ({"_step": True}, 3),
        ({"_step": None}, 3),
        ({}, 3),
    ],
)
def test_a_row_without_a_whole_step_takes_its_line_number(row: dict[str, object], step: int) -> None:
    assert step_of(row, 3) == step


def test_later_rows_win_and_replace_mappings_whole() -> None:
    assert merge_rows([{"a": {"x": 1, "y": 1}, "b": 1}, {"a": {"y": 2}}]) == {"a": {"y": 2}, "b": 1}


def test_integers_of_any_size_are_read_exactly() -> None:
    row = parse_row('{"a":123456789012345678901234567890,"b":0.12345678901234567890,"c":NaN}')

    assert row is not None
    assert row["a"] == 123456789012345678901234567890
    assert row["b"] == 0.12345678901234568


@pytest.mark.parametrize("line", ["", "[]", "1", "null", "{", '{"a":1}x', '{"a":' * 100_000])
def test_what_is_no_object_is_no_row(line: str) -> None:
    assert parse_row(line) is None


def test_the_nested_value_counts_before_the_literal_one() -> None:
    assert leaves_of({"a": {"b": 1, "c": {}}, "a.b": 2, "m": {"_type": "x", "y": 1}}) == {
        "a.b": 1,
        "a.c": {},
        "m": {"_type": "x", "y": 1},
    }


def test_picked_keys_keep_their_nesting() -> None:
    row: JsonObject = {"a": {"b": {"c": 1, "d": 2}, "e": 3}, "a.b": 4, "f": 5}

    assert pick_keys(row, ["a.b.c", "f", "none"]) == {"a": {"b": {"c": 1}}, "f": 5}
    assert pick_keys(row, ["a.b.c", "a.e"]) == {"a": {"b": {"c": 1}, "e": 3}}
    assert pick_keys(row, ["a", "a.e"]) == {"a": row["a"]}
    assert pick_keys(row, ["a.b"]) == {"a.b": 4}
    assert row == {"a": {"b": {"c": 1, "d": 2}, "e": 3}, "a.b": 4, "f": 5}


def test_picking_a_key_after_a_part_of_it_gives_it_whole() -> None:
    row: JsonObject = {"a": {"b": 1, "c": 2}}

    assert pick_keys(row, ["a.b", "a"]) == row
