"""Filters and orders on collections and versions as clients write them."""

from __future__ import annotations

import pytest

from kymograph.core.artifact_filters import (
    NEWEST_COLLECTIONS,
    NEWEST_VERSIONS,
    parse_collection_filter,
    parse_collection_order,
    parse_version_filter,
    parse_version_order,
)
from kymograph.core.filters import EVERYTHING, AllOf, Compare, Comparison, Field, OneOf, Order, Scope
from kymograph.errors import InvalidFilter


@pytest.mark.parametrize("text", [None, "", "{}", "null", '{"state": "COMMITTED"}'])
def test_what_changes_nothing_is_no_filter(text: str | None) -> None:
    assert parse_version_filter(text) == EVERYTHING


def test_fields_are_read_by_either_spelling() -> None:
    tag = Field(Scope.ARTIFACT, "tag")

    assert parse_version_filter('{"tags": "a"}') == Compare(tag, Comparison.EQ, "a")
    assert parse_version_filter('{"tag": {"$in": ["a", "b"]}}') == OneOf(tag, ("a", "b"))
    assert parse_collection_filter('{"createdAt": {"$gt": "2026-01-01"}}') == Compare(
        Field(Scope.ARTIFACT, "created_at"), Comparison.GT, "2026-01-01T00:00:00+00:00"
    )


def test_metadata_is_searched_by_dotted_keys() -> None:
    found = parse_version_filter('{"$and": [{"metadata.eval.acc": {"$gte": 0.9}}, {"alias": "best"}]}')

    assert found == AllOf(
        (
            Compare(Field(Scope.METADATA, "eval.acc"), Comparison.GE, 0.9),
            Compare(Field(Scope.ARTIFACT, "alias"), Comparison.EQ, "best"),
        )
    )


@pytest.mark.parametrize("text", ['{"nope": 1}', '{"metadata.": 1}', '{"alias": 1}', "[]", "{"])
def test_what_a_collection_does_not_have_is_refused(text: str) -> None:
    with pytest.raises(InvalidFilter):
        parse_collection_filter(text)


def test_orders_are_ascending_unless_they_say_otherwise() -> None:
    by_name, by_time = Field(Scope.ARTIFACT, "name"), Field(Scope.ARTIFACT, "created_at")

    assert parse_collection_order("name") == parse_collection_order("+name") == Order(by_name)
    assert parse_collection_order("-createdAt") == Order(by_time, descending=True)
    assert parse_version_order("-created_at") == Order(by_time, descending=True)
    assert (parse_collection_order(None), parse_version_order("")) == (NEWEST_COLLECTIONS, NEWEST_VERSIONS)


@pytest.mark.parametrize("text", ["metadata.x", "-tag", "name"])
def test_versions_cannot_be_ordered_by_everything(text: str) -> None:
    with pytest.raises(InvalidFilter, match="version_index"):
        parse_version_order(text)
