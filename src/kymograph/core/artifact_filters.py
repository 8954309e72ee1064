"""Filters and orders on artifact collections, versions and registries, apart from any database.

The forms are those of runs (`core.filters`, `core.filter_parser`); only the fields differ. Source: protocol.md §9, §10.
"""

from __future__ import annotations

from dataclasses import dataclass

from kymograph.core.artifact import CollectionKind
from kymograph.core.filter_parser import parse_filter, snake_case
from kymograph.core.filters import EVERYTHING, Compare, Comparison, Field, Filter, Order, Scope
from kymograph.errors import InvalidFilter

COLLECTION_FIELDS = frozenset({"id", "name", "description", "type", "tag", "created_at", "updated_at"})
VERSION_FIELDS = frozenset(
    [
        "id",
        "state",
        "tag",
        "alias",
        "version_index",
        "digest",
        "description",
        "type",
        "size",
        "created_at",
        "updated_at",
        "linked_at",
    ]
)
"""Beside these, versions have ``metadata.<key>``."""
REGISTRY_FIELDS = frozenset({"id", "name", "entity_id", "description", "created_at", "updated_at"})
COLLECTION_ORDERS = frozenset({"id", "name", "type", "created_at", "updated_at"})
VERSION_ORDERS = frozenset({"version_index", "created_at", "updated_at", "size", "linked_at"})
REGISTRY_ORDERS = frozenset({"name", "created_at", "updated_at"})
_SYNONYMS = {
    "tags": "tag",
    "aliases": "alias",
    "project_id": "id",
    "collection_id": "id",
    "artifact_collection_id": "id",
    "artifact_id": "id",
    "collection_name": "name",
    "artifact_collection_name": "name",
    "version": "version_index",
    "artifact_created_at": "created_at",
    "artifact_size": "size",
    "acm_created_at": "linked_at",
}
"""Names that clients have for the fields, after `snake_case`."""
_METADATA = "metadata."
_METADATA_PREFIXES = (_METADATA, "artifact_metadata.")

ARTIFACT = Scope.ARTIFACT
NEWEST_COLLECTIONS = Order(Field(ARTIFACT, "id"), descending=True)
NEWEST_VERSIONS = Order(Field(ARTIFACT, "version_index"), descending=True)
NEWEST_LINKS = Order(Field(ARTIFACT, "linked_at"), descending=True)
BY_NAME = Order(Field(ARTIFACT, "name"))


@dataclass(frozen=True, slots=True)
class CollectionQuery:
    """A page of the collections of some projects."""

    type_name: str | None = None
    kinds: tuple[CollectionKind, ...] = tuple(CollectionKind)
    filter: Filter = EVERYTHING
    order: Order = NEWEST_COLLECTIONS
    limit: int = 100
    offset: int = 0


@dataclass(frozen=True, slots=True)
class VersionQuery:
    """A page of the versions in some collections."""

    filter: Filter = EVERYTHING
    order: Order = NEWEST_VERSIONS
    limit: int = 100
    offset: int = 0


@dataclass(frozen=True, slots=True)
class RegistryQuery:
    """A page of some registries."""

    filter: Filter = EVERYTHING
    order: Order = BY_NAME
    limit: int = 100
    offset: int = 0


def parse_collection_filter(text: str | None) -> Filter:
    """Read a filter on collections.

    Raises:
        InvalidFilter: See `core.filter_parser.parse_filter`.
    """
    return parse_filter(text or "", _collection_field)


def parse_version_filter(text: str | None) -> Filter:
    """Read a filter on versions. Only committed versions are ever listed, so that asking for these changes nothing.

    Raises:
        InvalidFilter: See `core.filter_parser.parse_filter`.
    """
    found = parse_filter(text or "", _version_field)
    return EVERYTHING if found == _COMMITTED else found


def parse_registry_filter(text: str | None) -> Filter:
    """Read a filter on registries; their names have the prefix.

    Raises:
        InvalidFilter: See `core.filter_parser.parse_filter`.
    """
    return parse_filter(text or "", _registry_field)


_COMMITTED = Compare(Field(ARTIFACT, "state"), Comparison.EQ, "COMMITTED")


def parse_collection_order(text: str | None) -> Order:
    """Read an order like ``-created_at``; none is `NEWEST_COLLECTIONS`.

    Raises:
        InvalidFilter: No such order.
    """
    return _parse_order(text, COLLECTION_ORDERS) or NEWEST_COLLECTIONS


def parse_version_order(text: str | None, default: Order = NEWEST_VERSIONS) -> Order:
    """Read an order like ``version_index``; none is the default.

    Raises:
        InvalidFilter: No such order.
    """
    return _parse_order(text, VERSION_ORDERS) or default


def parse_registry_order(text: str | None) -> Order:
    """Read an order like ``-created_at``; none is `BY_NAME`.

    Raises:
        InvalidFilter: No such order.
    """
    return _parse_order(text, REGISTRY_ORDERS) or BY_NAME


def _parse_order(text: str | None, known: frozenset[str]) -> Order | None:
    if not text:
        return None
    name = _plain_name(text.strip().lstrip("+-"))
    if name not in known:
        raise InvalidFilter(f"no order {text[:80]!r}; expected one of {', '.join(sorted(known))}", where="order")
    return Order(Field(ARTIFACT, name), descending=text.strip().startswith("-"))


def _collection_field(name: str) -> Field:
    return _field(name, COLLECTION_FIELDS)


def _version_field(name: str) -> Field:
    for prefix in _METADATA_PREFIXES:
        if name.startswith(prefix) and len(name) > len(prefix):
            return Field(Scope.METADATA, name.removeprefix(prefix))
    return _field(name, VERSION_FIELDS, f"{_METADATA}<key> or ")


def _registry_field(name: str) -> Field:
    return _field(name, REGISTRY_FIELDS)


def _plain_name(name: str) -> str:
    plain = snake_case(name)
    return _SYNONYMS.get(plain, plain)


def _field(name: str, known: frozenset[str], more: str = "") -> Field:
    plain = _plain_name(name)
    if plain not in known:
        raise InvalidFilter(f"no field {name[:80]!r}; expected {more}one of {', '.join(sorted(known))}")
    return Field(ARTIFACT, plain)
