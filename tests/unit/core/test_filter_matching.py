"""Filters and orders over values in memory."""

from __future__ import annotations

from typing import Any

import pytest

from kymograph.core import exact_json
from kymograph.core.filter_matching import in_order, matches
from kymograph.core.filter_parser import parse_filter, parse_order
from kymograph.core.filters import Field, Scope

RUN: dict[str, Any] = {"state": "finished", "tags": ["a", "b"], "group": None, "config.lr": 0.5, "config.name": "adam"}


def value_of(run: dict[str, Any], field: Field) -> Any:
    return run.get(field.name if field.scope is Scope.RUN else f"{field.scope.value}.{field.name}")


@pytest.mark.parametrize(
    ("filter_", "is_found"),
    [
        ({}, True),
        ({"state": "finished"}, True),
        ({"state": {"$ne": "finished"}}, False),
        ({"config.lr": {"$gt": 0.4, "$lte": 0.5}}, True),
        ({"config.lr": {"$lt": "a"}}, False),
        ({"config.absent": {"$gt": 0}}, False),
        ({"config.absent": {"$ne": 1}}, True),
        ({"config.absent": None}, True),
        ({"config.lr": {"$exists": True}, "group": {"$exists": False}}, True),
        ({"config.name": {"$regex": "^ad"}}, True),
        ({"config.name": {"$in": ["sgd", "adam"]}}, True),
        ({"config.name": {"$nin": ["sgd", "adam"]}}, False),
        ({"tags": "b"}, True),
        ({"tags": "c"}, False),
        ({"$or": [{"state": "failed"}, {"tags": "a"}]}, True),
        ({"$nor": [{"state": "failed"}, {"tags": "a"}]}, False),
        ({"$and": [{"state": "finished"}, {"$not": {"tags": "c"}}]}, True),
    ],
)
def test_a_filter_means_what_it_means_in_the_database(filter_: dict[str, Any], *, is_found: bool) -> None:
    assert matches(parse_filter(exact_json.dumps(filter_)), lambda field: value_of(RUN, field)) is is_found


def test_what_has_no_value_comes_last_in_either_direction() -> None:
    runs = [{"config.lr": value, "state": str(number)} for number, value in enumerate((2, None, 1, 2))]

    def ordered(text: str) -> list[str]:
        return [str(run["state"]) for run in in_order(runs, parse_order(text), value_of)]

    assert ordered("+config.lr") == ["2", "0", "3", "1"]
    assert ordered("-config.lr") == ["0", "3", "2", "1"]
    assert ordered("-config.lr,-state") == ["3", "0", "2", "1"]
