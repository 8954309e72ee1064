"""JSON that keeps every number: what is written is what was read."""

from __future__ import annotations

import json
import math
from typing import Any

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kymograph.core import exact_json
from kymograph.types import JsonValue

TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | TEXTS
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4))
DEEP = 100_000


def same(one: Any, other: Any) -> bool:
    """Equal in type and value, NaN to NaN and −0.0 to −0.0 only."""
    if type(one) is not type(other):
        return False
    if isinstance(one, float):
        return (math.isnan(one) and math.isnan(other)) or (
            one == other and math.copysign(1, one) == math.copysign(1, other)
        )
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict):
        return list(one) == list(other) and all(same(one[key], other[key]) for key in one)
    return bool(one == other)


@given(VALUES)
@example([math.nan, math.inf, -math.inf, -0.0, 5e-324, 1.7976931348623157e308])
@example({"big": [2**53 + 1, 2**63, -(2**63), 2**64, 10**30], "__proto__": {"": None}})
def test_document_comes_back_as_it_was(value: JsonValue) -> None:
    text = exact_json.dumps(value)

    assert same(exact_json.loads_document(text), value)


@given(VALUES)
def test_writing_again_gives_the_same_text(value: JsonValue) -> None:
    text = exact_json.dumps(value)

    assert exact_json.dumps(exact_json.loads_document(text)) == text


@given(VALUES)
def test_text_is_what_the_standard_library_reads(value: JsonValue) -> None:
    """Clients are written in Python: what they read is what was meant."""
    assert same(json.loads(exact_json.dumps(value)), value)


@given(st.recursive(st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | TEXTS, lambda x: st.lists(x)))
def test_text_without_special_numbers_is_strict_json(value: JsonValue) -> None:
    assert orjson.loads(exact_json.dumps(value)) == value


def from_strict(value: Any) -> Any:
    """Undo `to_strict`, as its readers do."""
    special = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf, "-0.0": -0.0}
    if isinstance(value, dict):
        if set(value) == {"$number"}:
            text = value["$number"]
            return special[text] if text in special else int(text)
        return {key: from_strict(item) for key, item in value.items()}
    return [from_strict(item) for item in value] if isinstance(value, list) else value


@given(VALUES)
def test_strict_form_is_strict_json_for_every_reader_and_loses_nothing(value: JsonValue) -> None:
    """A browser reads numbers as doubles: whole ones beyond 2^53 must not come as numbers."""
    strict = exact_json.to_strict(value)
    sent = orjson.loads(orjson.dumps(strict))

    assert "NaN" not in json.dumps(numbers_in(sent), allow_nan=True)
    assert all(abs(number) <= 2**53 for number in numbers_in(sent) if isinstance(number, int))
    assert same(from_strict(sent), value)


def numbers_in(value: Any) -> list[int | float]:
    if isinstance(value, dict):
        return [number for item in value.values() for number in numbers_in(item)]
    if isinstance(value, list):
        return [number for item in value for number in numbers_in(item)]
    return [value] if isinstance(value, (int, float)) and not isinstance(value, bool) else []


@pytest.mark.parametrize("text", ["", " ", "{", "nan", "+1", "01", "'a'", "[1,]", "{1:2}", "[NaN", "infinity", "\0"])
def test_text_that_is_not_json_is_refused(text: str) -> None:
    for read in (exact_json.loads, exact_json.loads_document):
        with pytest.raises(ValueError, match=r"."):
            read(text)


@pytest.mark.parametrize("body", [b"\xff", b'{"a": "\xc3"}'])
def test_bytes_that_are_not_utf8_are_refused(body: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        exact_json.loads(body)


@pytest.mark.parametrize(
    "text", ["[" * DEEP, "[" * DEEP + "]" * DEEP, '{"a":' * DEEP + "1" + "}" * DEEP, "[NaN," * DEEP]
)
def test_text_nested_beyond_reason_is_refused_in_order(text: str) -> None:
    for read in (exact_json.loads, exact_json.loads_document):
        with pytest.raises(ValueError, match=r"."):
            read(text)


@given(st.text())
def test_lone_surrogates_become_visible_and_storable(text: str) -> None:
    escaped = json.dumps([text, {text: text}])

    read = exact_json.loads(escaped)

    json.dumps(read, ensure_ascii=False).encode()
    assert exact_json.loads(b'"\xed\xa0\x80"') == "\ufffd"
    assert exact_json.replace_surrogates("a\ud800b") == "a\ufffdb"
    assert exact_json.loads('"\\ud83d\\ude00"') == "😀"


@given(st.lists(st.integers(10**17, 10**21) | st.floats(allow_nan=False)))
def test_document_reader_keeps_whole_numbers_of_any_size(numbers: list[int | float]) -> None:
    assert exact_json.loads_document(json.dumps({"n": numbers}))["n"] == numbers


@pytest.mark.parametrize("special", ["1", "NaN", str(10**30)])
def test_deepest_document_that_is_read_can_be_written_and_one_level_more_is_refused(special: str) -> None:
    def nested(depth: int) -> str:
        half = depth // 2
        return '{"a":[' * half + "[" * (depth % 2) + special + "]" * (depth % 2) + "]}" * half

    for read in (exact_json.loads, exact_json.loads_document):
        value = read(nested(exact_json.MAX_DEPTH))
        exact_json.dumps(exact_json.to_strict(value))
        exact_json.dumps(value)
        with pytest.raises(ValueError, match=r"256 levels"):
            read(nested(exact_json.MAX_DEPTH + 1))


def test_many_brackets_side_by_side_are_not_deep() -> None:
    assert len(exact_json.loads("[" + ",".join(["[{}]"] * 10_000) + "]")) == 10_000
    assert exact_json.loads('"' + "[" * 10_000 + '"') == "[" * 10_000


@pytest.mark.parametrize("filler", ["", "x" * 100_000], ids=["short", "long"])
def test_depth_is_bounded_however_long_the_document_is(filler: str) -> None:
    def document(depth: int) -> str:
        return (
            json.dumps({"filler": filler, "lines": ["{[" * 1000]})[:-1] + ',"deep":' + "[" * depth + "]" * depth + "}"
        )

    exact_json.loads(document(exact_json.MAX_DEPTH - 1))

    with pytest.raises(ValueError, match=r"256 levels"):
        exact_json.loads(document(exact_json.MAX_DEPTH))
