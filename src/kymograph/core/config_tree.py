"""Nested mappings of plain values: how configs are compared, copied and merged."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kymograph.types import JsonObject, JsonValue


def same_value(left: JsonValue, right: JsonValue) -> bool:
    """Whether two values are one to a reader: as ``==``, but NaN is the same as NaN."""
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(same_value(value, right[key]) for key, value in left.items())
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(same_value, left, right))
    return left == right or (left != left and right != right)


def copy_tree(value: Any) -> Any:
    """A value whose mappings and lists are plain and the caller's own."""
    if isinstance(value, dict):
        return {key: copy_tree(item) for key, item in value.items()}
    if isinstance(value, list):
        return [copy_tree(item) for item in value]
    return value


def copy_mapping(items: Mapping[str, Any]) -> JsonObject:
    """As `copy_tree`, of a mapping."""
    return {key: copy_tree(value) for key, value in items.items()}


def merged(below: JsonValue, above: JsonValue) -> JsonValue:
    """Both values as one, where the one above wins; mappings are merged key by key.

    Law: ``merged(merged(a, b), c) == merged(a, merged(b, c))`` for mappings of mappings.
    """
    if not isinstance(below, dict) or not isinstance(above, dict):
        return copy_tree(above)  # type: ignore[no-any-return]
    result = copy_mapping(below)
    for key, value in above.items():
        result[key] = merged(result[key], value) if key in result else copy_tree(value)
    return result
