"""Filters and orders of registries, their collections and versions, under the names that servers have for fields.

Scripts write what people call things: a registry by its name without the prefix of its project, a version's size. A
search of all versions of an organization may run in an index of its own ("advanced search"), which names some fields
otherwise. Source: protocol.md §10, §11.2; field names: the vendor's `apis/public/registries/_utils.py` 0.31.0.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kymograph.client.artifacts import REGISTRY_PREFIX
from kymograph.core import exact_json
from kymograph.errors import InvalidFilter
from kymograph.types import JsonObject

Filters = Mapping[str, Any]

_COLLECTION_ID = dict.fromkeys(("id", "collection_id"), "artifact_collection_id")
_ADVANCED_REGISTRY_NAMES = {"id": "project_id"}
_ADVANCED_COLLECTION_NAMES = {
    **_COLLECTION_ID,
    **dict.fromkeys(("collection_name", "artifact_collection_name"), "name"),
    "tags": "tag",
}
_ADVANCED_VERSION_NAMES = {
    "id": "artifact_id",
    "version_index": "version",
    "tags": "tag",
    "aliases": "alias",
    "artifact_metadata": "metadata",
    "created_at": "artifact_created_at",
    "linked_at": "acm_created_at",
}
_BRANCHES = frozenset({"$and", "$or", "$nor"})
_COMPARISONS = frozenset(
    {"$not", "$lt", "$gt", "$lte", "$gte", "$eq", "$ne", "$in", "$nin", "$exists", "$contains", "$size", "$all"}
)
"""Whose operands are names where the field is one; patterns are left as they are."""


def registry_filter(filters: Filters | None, *, is_advanced: bool = False) -> str | None:
    """A filter of registries, as text; None for all of them.

    Args:
        filters: In the protocol's form; names with the prefix of their projects or without.
        is_advanced: Whether it is for a search of versions in an index.

    Raises:
        InvalidFilter: It names one field in two ways.
    """
    return _text(filters, _ADVANCED_REGISTRY_NAMES if is_advanced else {}, names_registries=True)


def collection_filter(filters: Filters | None, *, is_advanced: bool = False) -> str | None:
    """A filter of collections, likewise."""
    return _text(filters, _ADVANCED_COLLECTION_NAMES if is_advanced else _COLLECTION_ID)


def version_filter(filters: Filters | None, *, is_advanced: bool) -> str | None:
    """A filter of versions, likewise."""
    return _text(filters, _ADVANCED_VERSION_NAMES if is_advanced else {})


def version_order(order: str | None) -> str | None:
    """An order of versions, for a search in an index: ``created_at``, ``artifact_size``, ``linked_at``."""
    if order is None:
        return None
    sign, name = (order[0], order[1:]) if order[:1] in ("+", "-") else ("", order)
    return sign + _ADVANCED_VERSION_NAMES.get(name, name)


def _text(filters: Filters | None, names: Mapping[str, str], *, names_registries: bool = False) -> str | None:
    return None if filters is None else exact_json.dumps(_named(filters, names, names_registries))


def _named(filters: Filters, names: Mapping[str, str], names_registries: bool) -> JsonObject:
    named: JsonObject = {}
    for key, value in filters.items():
        if key in _BRANCHES and isinstance(value, list):
            named[key] = [_named(branch, names, names_registries) for branch in value]
        elif key == "$not" and isinstance(value, Mapping):
            named[key] = _named(value, names, names_registries)
        elif key.startswith("$"):
            named[key] = value
        else:
            root, dot, rest = key.partition(".")
            field = f"{names.get(root, root)}{dot}{rest}"
            if field in named:
                raise InvalidFilter(f"{field!r} is named twice, once as {key!r}")
            named[field] = _with_prefix(value) if names_registries and field == "name" else value
    return named


def _with_prefix(operand: Any) -> Any:
    if isinstance(operand, str):
        return operand if operand.startswith(REGISTRY_PREFIX) else REGISTRY_PREFIX + operand
    if isinstance(operand, Mapping):
        return {key: _with_prefix(value) if key in _COMPARISONS else value for key, value in operand.items()}
    if isinstance(operand, list | tuple):
        return [_with_prefix(value) for value in operand]
    return operand
