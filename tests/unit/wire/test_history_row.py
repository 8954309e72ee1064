from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kymograph.core import exact_json
from kymograph.types import JsonValue
from kymograph.wire.history_row import RowEncoder, varint
from kymograph.wire.records_pb2 import Record

KEYS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=200)
NUMBERS = st.one_of(st.floats(), st.integers(-(2**70), 2**70), st.booleans())
VALUES: st.SearchStrategy[JsonValue] = st.recursive(
    st.one_of(NUMBERS, st.none(), st.text(st.characters(exclude_categories=["Cs"]))),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(KEYS, inner, max_size=4)),
    max_leaves=8,
)


def generated(num: int, row: dict[str, JsonValue]) -> Record:
    record = Record(num=num)
    record.history.SetInParent()
    for key, value in row.items():
        record.history.item.add(key=key, value_json=exact_json.dumps(value))
    return record


def read(payload: bytes) -> Record:
    record = Record()
    record.ParseFromString(payload)
    return record


@given(st.integers(0, 2**62), st.one_of(st.dictionaries(KEYS, NUMBERS), st.dictionaries(KEYS, VALUES, max_size=6)))
def test_a_row_is_encoded_as_the_generated_classes_do_it(num: int, row: dict[str, JsonValue]) -> None:
    record = read(RowEncoder().encode(num, row))

    expected = generated(num, row)
    assert [item.key for item in record.history.item] == [item.key for item in expected.history.item]
    for item, wanted in zip(record.history.item, expected.history.item, strict=True):
        found, value = exact_json.loads_document(item.value_json), exact_json.loads_document(wanted.value_json)
        assert repr(found) == repr(value)
    assert record.num == num


def test_plain_numbers_give_the_same_bytes() -> None:
    row: dict[str, JsonValue] = {"loss": 0.25, "train/accuracy": 1, "_step": 12}

    payload = RowEncoder().encode(3, row)

    assert read(payload).SerializeToString(deterministic=True) == generated(3, row).SerializeToString(
        deterministic=True
    )


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_is_a_bare_token(value: float) -> None:
    record = read(RowEncoder().encode(1, {"loss": value, "accuracy": 0.5}))

    assert [item.value_json for item in record.history.item] == [
        {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}[str(value)],
        "0.5",
    ]


def test_rows_that_always_have_new_keys_do_not_fill_the_memory() -> None:
    encoder = RowEncoder()

    for number in range(2_000):
        encoder.encode(number, {f"key{number}": 1})

    assert len(encoder._schemas) <= 256


@given(st.integers(0, 2**63 - 1))
def test_numbers_are_read_back(number: int) -> None:
    record = Record()
    record.ParseFromString(b"\x08" + varint(number))

    assert record.num == number
