"""Names and filters of groups."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kymograph.core.filter_parser import parse_field, parse_filter, wire_name
from kymograph.core.filters import Field, Scope
from kymograph.core.groups import (
    LARGEST_FIRST,
    GroupKey,
    GroupOrder,
    KeyKind,
    Statistic,
    filter_of,
    parse_group_field,
    parse_group_order,
    parse_metric,
)
from kymograph.errors import InvalidFilter

LR, LOSS, STATE = Field(Scope.CONFIG, "lr"), Field(Scope.SUMMARY, "loss"), Field(Scope.RUN, "state")


@given(
    st.sampled_from([Scope.CONFIG, Scope.SUMMARY, Scope.HISTORY_KEYS]),
    st.lists(st.sampled_from(["value", "a", "b", "", "config"]), min_size=1, max_size=5).map(".".join).filter(bool),
)
def test_every_field_has_a_name_that_is_read_as_it(scope: Scope, name: str) -> None:
    field = Field(scope, name)

    assert parse_field(wire_name(field)) == field


@pytest.mark.parametrize("name", ["state", "group", "username", "tags", "display_name", "id"])
def test_fields_of_runs_have_their_own_names(name: str) -> None:
    assert wire_name(parse_group_field(name)) == name


@pytest.mark.parametrize("name", ["created_at", "duration", "heartbeatAt", "keys_info.keys.loss", "nonsense", ""])
def test_what_runs_cannot_be_grouped_by_is_refused(name: str) -> None:
    with pytest.raises(InvalidFilter):
        parse_group_field(name)


@pytest.mark.parametrize("name", ["state", "loss", "keys_info.keys.loss"])
def test_only_values_have_a_spread(name: str) -> None:
    assert parse_metric("summary.loss") == LOSS
    with pytest.raises(InvalidFilter):
        parse_metric(name)


def test_orders_of_groups() -> None:
    assert parse_group_order("-count,+config.lr,-mean(summary.loss)", [LR], [LOSS]) == (
        GroupOrder(descending=True),
        GroupOrder(LR),
        GroupOrder(LOSS, Statistic.MEAN, descending=True),
    )
    assert parse_group_order(" ", [LR], []) == LARGEST_FIRST


@pytest.mark.parametrize("text", ["state", "mean(config.lr)", "sum(summary.loss)", "mean(summary.acc)", "-"])
def test_groups_are_sorted_by_what_they_have(text: str) -> None:
    with pytest.raises(InvalidFilter):
        parse_group_order(text, [LR], [LOSS])


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        (GroupKey(KeyKind.TEXT, "adam"), {"config.lr": "adam"}),
        (GroupKey(KeyKind.NUMBER, float("nan")), {"config.lr": {"$number": "NaN"}}),
        (GroupKey(KeyKind.NUMBER, 2**60), {"config.lr": {"$number": str(2**60)}}),
        (GroupKey(KeyKind.MISSING), {"config.lr": None}),
    ],
)
def test_filters_of_groups_can_be_read(key: GroupKey, expected: object) -> None:
    assert filter_of([LR], [key]) == expected
    parse_filter(json.dumps(filter_of([LR, STATE], [key, GroupKey(KeyKind.OTHER)])))
