"""Filters, orders and search words as clients write them."""

from __future__ import annotations

import contextlib
import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kymograph.core.filter_parser import (
    MAX_CONDITIONS,
    MAX_DEPTH,
    MAX_LIST_VALUES,
    MAX_TEXT_LENGTH,
    MAX_WORDS,
    parse_field,
    parse_filter,
    parse_order,
    parse_words,
)
from kymograph.core.filters import (
    EVERYTHING,
    AllOf,
    AnyOf,
    Compare,
    Comparison,
    Exists,
    Field,
    Not,
    OneOf,
    Order,
    Scope,
)
from kymograph.errors import InvalidFilter

STATE = Field(Scope.RUN, "state")
LR = Field(Scope.CONFIG, "lr")
LOSS = Field(Scope.SUMMARY, "loss")


@pytest.mark.parametrize("text", ["", "  ", "{}", "null"])
def test_nothing_selects_everything(text: str) -> None:
    assert parse_filter(text) == EVERYTHING


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("name", Field(Scope.RUN, "id")),
        ("displayName", Field(Scope.RUN, "display_name")),
        ("display_name", Field(Scope.RUN, "display_name")),
        ("createdAt", Field(Scope.RUN, "created_at")),
        ("heartbeat_at", Field(Scope.RUN, "heartbeat_at")),
        ("jobType", Field(Scope.RUN, "job_type")),
        ("tags", Field(Scope.RUN, "tags")),
        ("config.lr", LR),
        ("config.lr.value", LR),
        ("config.optimizer.value.lr", Field(Scope.CONFIG, "optimizer.lr")),
        ("config.optimizer.lr", Field(Scope.CONFIG, "optimizer.lr")),
        ("config.optimizer.lr.value", Field(Scope.CONFIG, "optimizer.lr")),
        ("config.value", Field(Scope.CONFIG, "value")),
        ("config.value.value", Field(Scope.CONFIG, "value")),
        ("config.a.value.value", Field(Scope.CONFIG, "a.value")),
        ("summary_metrics.loss", LOSS),
        ("summaryMetrics.loss", LOSS),
        ("summary.loss", LOSS),
        ("summary_metrics.val/loss.min", Field(Scope.SUMMARY, "val/loss.min")),
        ("keys_info.keys.loss", Field(Scope.HISTORY_KEYS, "loss")),
    ],
)
def test_fields_have_the_names_of_the_protocol(name: str, expected: Field) -> None:
    assert parse_field(name) == expected


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ({"state": "finished"}, Compare(STATE, Comparison.EQ, "finished")),
        ({"state": {"$eq": "finished"}}, Compare(STATE, Comparison.EQ, "finished")),
        ({"state": {"$ne": "finished"}}, Compare(STATE, Comparison.NE, "finished")),
        ({"config.lr": {"$gt": 0.1}}, Compare(LR, Comparison.GT, 0.1)),
        ({"config.lr": {"$gte": 1}}, Compare(LR, Comparison.GE, 1)),
        ({"config.lr": {"$lt": 1, "$gt": 0}}, AllOf((Compare(LR, Comparison.LT, 1), Compare(LR, Comparison.GT, 0)))),
        ({"config.lr": {"$lte": True}}, Compare(LR, Comparison.LE, True)),
        ({"config.lr": None}, Compare(LR, Comparison.EQ, None)),
        ({"config.lr": {"$in": [1, "a", None]}}, OneOf(LR, (1, "a", None))),
        ({"config.lr": {"$nin": []}}, Not(OneOf(LR, ()))),
        ({"config.lr": {"$exists": True}}, Exists(LR)),
        ({"config.lr": {"$exists": False}}, Not(Exists(LR))),
        ({"state": {"$regex": "^f"}}, Compare(STATE, Comparison.REGEX, "^f")),
        ({"state": {"$regex": "^f", "$options": "i"}}, Compare(STATE, Comparison.REGEX, "(?i)^f")),
        ({"state": {"$contains": "in"}}, Compare(STATE, Comparison.CONTAINS, "in")),
        ({"config.lr": {"$not": {"$gt": 1}}}, Not(Compare(LR, Comparison.GT, 1))),
        ({"$not": {"config.lr": 1}}, Not(Compare(LR, Comparison.EQ, 1))),
        ({"$and": []}, AllOf(())),
        ({"$or": [{"config.lr": 1}, {}]}, AnyOf((Compare(LR, Comparison.EQ, 1), AllOf(())))),
        ({"$nor": [{"config.lr": 1}]}, Not(AnyOf((Compare(LR, Comparison.EQ, 1),)))),
        (
            {"state": "finished", "config.lr": 1},
            AllOf((Compare(STATE, Comparison.EQ, "finished"), Compare(LR, Comparison.EQ, 1))),
        ),
        ({"config.lr": {"$number": "9007199254740993"}}, Compare(LR, Comparison.EQ, 2**53 + 1)),
        ({"config.lr": {"$gt": {"$number": "-Infinity"}}}, Compare(LR, Comparison.GT, -math.inf)),
    ],
)
def test_operators_mean_what_they_mean_in_mongodb(document: Any, expected: Any) -> None:
    assert parse_filter(json.dumps(document)) == expected


def test_bare_non_finite_numbers_are_values() -> None:
    parsed = parse_filter('{"summary_metrics.loss": NaN}')

    assert isinstance(parsed, Compare)
    assert isinstance(parsed.value, float)
    assert math.isnan(parsed.value)


@pytest.mark.parametrize(
    "value",
    [
        "2026-11-22T12:00:00Z",
        "2026-11-22T12:00:00",
        "2026-11-22T13:00:00+01:00",
        1795348800,
        1795348800.0,
        1795348800000,
    ],
)
def test_times_may_be_written_in_many_ways(value: Any) -> None:
    parsed = parse_filter(json.dumps({"createdAt": {"$gt": value}}))

    assert parsed == Compare(Field(Scope.RUN, "created_at"), Comparison.GT, "2026-11-22T12:00:00+00:00")


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("{", "JSON"),
        ("[]", "object"),
        ('"x"', "object"),
        ('{"nothing": 1}', "display_name"),
        ('{"config.": 1}', "config.<key>"),
        ('{"$where": []}', r"\$and"),
        ('{"state": {"$like": "x"}}', r"\$regex"),
        ('{"state": {}}', r"\$eq"),
        ('{"state": {"$options": "i"}}', r"\$eq"),
        ('{"state": {"finished": 1}}', r"\$eq"),
        ('{"state": ["finished"]}', "text, number"),
        ('{"config.lr": {"$gt": {"a": 1}}}', "text, number"),
        ('{"config.lr": {"$in": 1}}', "list"),
        ('{"config.lr": {"$in": [[1]]}}', "text, number"),
        ('{"$and": {}}', "list"),
        ('{"$and": [1]}', "object"),
        ('{"state": {"$regex": 1}}', "text"),
        ('{"state": {"$contains": null}}', "text"),
        ('{"created_at": {"$gt": "yesterday"}}', "ISO 8601"),
        ('{"created_at": {"$gt": true}}', "ISO 8601"),
        ('{"created_at": {"$gt": 1e300}}', "ISO 8601"),
        ('{"created_at": {"$gt": 1' + "0" * 400 + "}}", "ISO 8601"),
        ('{"config.lr": {"$number": "many"}}', "number"),
    ],
)
def test_a_mistake_is_answered_with_what_was_expected(text: str, names: str) -> None:
    with pytest.raises(InvalidFilter, match=names):
        parse_filter(text)


@pytest.mark.parametrize(
    "text",
    [
        " " * MAX_TEXT_LENGTH + "{}",
        '{"$not":' * (MAX_DEPTH + 1) + '{"state":1}' + "}" * (MAX_DEPTH + 1),
        '{"state":' + '{"$not":' * (MAX_DEPTH + 1) + '"x"' + "}" * (MAX_DEPTH + 2),
        "[" * 50_000,
        '{"a":' * 20_000,
        json.dumps({"$or": [{"state": "x"}] * MAX_CONDITIONS}),
        json.dumps({"config.lr": {"$in": list(range(MAX_LIST_VALUES + 1))}}),
    ],
)
def test_size_and_depth_are_bounded(text: str) -> None:
    with pytest.raises(InvalidFilter):
        parse_filter(text)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["$and", "$or", "$not", "$in", "$gt", "$regex", "$number", "state", "config.a", "tags", "x"]
            ),
            inner,
            max_size=3,
        )
    ),
    max_leaves=12,
)


@given(json_values)
def test_any_json_gives_a_filter_or_an_invalid_filter(value: Any) -> None:
    with contextlib.suppress(InvalidFilter):
        parse_filter(json.dumps(value))


@given(st.text())
def test_any_text_gives_a_filter_or_an_invalid_filter(text: str) -> None:
    for parse in (parse_filter, parse_order, parse_words):
        with contextlib.suppress(InvalidFilter):
            parse(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("+created_at", [Order(Field(Scope.RUN, "created_at"))]),
        ("-created_at", [Order(Field(Scope.RUN, "created_at"), descending=True)]),
        ("createdAt", [Order(Field(Scope.RUN, "created_at"))]),
        ("-config.lr.value", [Order(LR, descending=True)]),
        ("+summary_metrics.loss, -name", [Order(LOSS), Order(Field(Scope.RUN, "id"), descending=True)]),
        ("-summary_metrics.a,b", [Order(Field(Scope.SUMMARY, "a,b"), descending=True)]),
        ("-summary_metrics.-x", [Order(Field(Scope.SUMMARY, "-x"), descending=True)]),
    ],
)
def test_orders_have_a_sign_and_a_field(text: str, expected: list[Order]) -> None:
    assert parse_order(text) == expected


@pytest.mark.parametrize("text", ["-", "+nothing", "-keys_info.keys.loss", ",".join(["+name"] * 9)])
def test_an_order_that_cannot_be_is_refused(text: str) -> None:
    with pytest.raises(InvalidFilter, match=r"^order:"):
        parse_order(text)


def test_every_word_must_be_in_a_name_the_notes_or_a_tag() -> None:
    parsed = parse_words('adam "big batch"')

    assert isinstance(parsed, AllOf)
    words = []
    for part in parsed.parts:
        assert isinstance(part, AnyOf)
        words.append([(item.field.name, item.op, item.value) for item in part.parts if isinstance(item, Compare)])
    assert words[0] == [
        ("display_name", Comparison.CONTAINS, "adam"),
        ("id", Comparison.CONTAINS, "adam"),
        ("notes", Comparison.CONTAINS, "adam"),
        ("tags", Comparison.REGEX, "(?i)adam"),
    ]
    assert words[1][0] == ("display_name", Comparison.CONTAINS, "big batch")


def test_search_takes_any_text_but_too_much() -> None:
    assert parse_words("  ") == EVERYTHING
    assert isinstance(parse_words('an "open quote'), AllOf)
    with pytest.raises(InvalidFilter):
        parse_words("x " * (MAX_WORDS + 1))
