"""Filters of registries under the names that servers have for fields."""

from __future__ import annotations

import json
from typing import Any

import pytest

from kymograph.client.registry_filters import collection_filter, registry_filter, version_filter, version_order
from kymograph.errors import InvalidFilter


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"name": "models"}, {"name": "wandb-registry-models"}),
        ({"name": "wandb-registry-models"}, {"name": "wandb-registry-models"}),
        ({"name": {"$in": ["a", "b"]}}, {"name": {"$in": ["wandb-registry-a", "wandb-registry-b"]}}),
        ({"name": {"$regex": "^m"}}, {"name": {"$regex": "^m"}}),
        ({"name": {"$not": {"$regex": "m"}}}, {"name": {"$not": {"$regex": "m"}}}),
        ({"$or": [{"name": "a"}, {"$not": {"name": "b"}}]}, None),
        ({"description": "models"}, {"description": "models"}),
    ],
)
def test_names_of_registries_get_the_prefix_of_their_projects(given: Any, expected: Any) -> None:
    expected = expected or {"$or": [{"name": "wandb-registry-a"}, {"$not": {"name": "wandb-registry-b"}}]}

    assert json.loads(registry_filter(given) or "") == expected


def test_fields_have_the_names_of_the_search() -> None:
    given = {"$and": [{"id": 3}, {"tags": "x"}, {"artifact_metadata.loss": {"$lt": 1}}, {"linked_at": {"$gt": "2026"}}]}

    found = json.loads(version_filter(given, is_advanced=True) or "")

    assert [next(iter(part)) for part in found["$and"]] == ["artifact_id", "tag", "metadata.loss", "acm_created_at"]
    assert json.loads(version_filter(given, is_advanced=False) or "") == given
    assert json.loads(collection_filter({"collection_name": "c", "id": 1}, is_advanced=True) or "") == {
        "name": "c",
        "artifact_collection_id": 1,
    }
    assert json.loads(registry_filter({"id": 1}, is_advanced=True) or "") == {"project_id": 1}


def test_nothing_is_no_filter() -> None:
    assert registry_filter(None) is collection_filter(None) is version_filter(None, is_advanced=True) is None


def test_a_field_that_is_named_in_two_ways_is_refused() -> None:
    with pytest.raises(InvalidFilter, match="'tag' is named twice"):
        version_filter({"tag": "a", "tags": "b"}, is_advanced=True)


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ("created_at", "artifact_created_at"),
        ("-linked_at", "-acm_created_at"),
        ("+artifact_size", "+artifact_size"),
        (None, None),
    ],
)
def test_an_order_has_the_names_of_the_search(order: str | None, expected: str | None) -> None:
    assert version_order(order) == expected
