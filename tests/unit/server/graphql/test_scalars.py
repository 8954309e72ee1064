"""The protocol's custom scalars."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from graphql import GraphQLError, GraphQLScalarType
from hypothesis import given
from hypothesis import strategies as st

from kymograph.server.graphql.execution import build_schema
from kymograph.server.graphql.resolvers import all_bindables
from kymograph.server.graphql.scalars import format_time, without_tokens

SCHEMA = build_schema(all_bindables())


def scalar(name: str) -> GraphQLScalarType:
    found = SCHEMA.type_map[name]
    assert isinstance(found, GraphQLScalarType)
    return found


def test_time_is_utc_with_z_and_without_fractions() -> None:
    moment = datetime(2026, 11, 22, 9, 30, 1, 999999, tzinfo=timezone(timedelta(hours=2)))

    assert format_time(moment) == "2026-11-22T07:30:01Z"
    assert scalar("DateTime").serialize(moment) == "2026-11-22T07:30:01Z"


def test_json_string_is_text_either_way() -> None:
    assert scalar("JSONString").serialize({"a": math.nan}) == '{"a":NaN}'
    assert scalar("JSONString").serialize('{"a": 1}') == '{"a": 1}'
    assert scalar("JSONString").parse_value('{"a": 1}') == '{"a": 1}'
    others: tuple[Any, ...] = ({}, 5, None)
    for other in others:
        with pytest.raises(GraphQLError, match="JSONString"):
            scalar("JSONString").parse_value(other)


def test_raw_json_holds_no_bare_tokens() -> None:
    value = {"a": [math.nan, math.inf, -math.inf, 1.5], "b": {"c": None}}

    assert without_tokens(value) == {"a": ["NaN", "Infinity", "-Infinity", 1.5], "b": {"c": None}}


@given(st.integers(-(2**63), 2**63 - 1))
def test_whole_numbers_come_as_number_or_text(number: int) -> None:
    assert scalar("Int64").parse_value(number) == number
    assert scalar("Int64").parse_value(str(number)) == number


@pytest.mark.parametrize("value", [True, None, [], "x", "", 2**63, -(2**63) - 1, math.nan, math.inf, "1.5"])
def test_what_is_no_whole_number_of_64_bits_is_refused(value: Any) -> None:
    with pytest.raises(GraphQLError, match="Int64"):
        scalar("Int64").parse_value(value)


def test_time_of_the_epoch() -> None:
    assert format_time(datetime.fromtimestamp(0, UTC)) == "1970-01-01T00:00:00Z"
