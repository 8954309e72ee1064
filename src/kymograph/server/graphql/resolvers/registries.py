"""Registries of organizations: their own fields of a project, and the search over all of an organization."""

from __future__ import annotations

from typing import Any

from ariadne import ObjectType

from kymograph.core.accounts import Entity
from kymograph.core.artifact import CollectionKind
from kymograph.core.artifact_filters import (
    NEWEST_LINKS,
    CollectionQuery,
    VersionQuery,
    parse_collection_filter,
    parse_collection_order,
    parse_registry_filter,
    parse_version_filter,
    parse_version_order,
)
from kymograph.core.filters import Field, Filter, map_values
from kymograph.server.graphql.connections import connection, page_bounds
from kymograph.server.graphql.context import Info, Payload
from kymograph.types import JsonScalar
from kymograph.wire.ids import find_id

organization = ObjectType("Organization")
entity = ObjectType("Entity")
project = ObjectType("Project")

_ID_KINDS = {
    "id": ("Project", "ProjectInternalId", "ArtifactCollection", "Artifact"),
    "entity_id": ("Entity",),
}
"""Kinds of the ids that people may put into a filter, by field; clients themselves send the numbers within."""


def registry_filter(text: str | None) -> Filter:
    """A filter on registries as clients send it."""
    return _with_numbers(parse_registry_filter(text))


def _with_numbers(filter_: Filter) -> Filter:
    def number(field: Field, value: JsonScalar) -> JsonScalar:
        if not isinstance(value, str):
            return value
        found = (find_id(kind, value) for kind in _ID_KINDS.get(field.name, ()))
        return next((row for row in found if row is not None), value)

    return map_values(filter_, number)


organization.set_field("advancedRegistryFeatures", lambda _parent, _info: {"advancedSearch": True})

project.set_field(
    "allowAllArtifactTypesInRegistry",
    lambda parent, _info: parent.registry is None or parent.registry.allows_all_types,
)


@entity.field("artifactCollections")
def resolve_collections(
    parent: Entity,
    info: Info,
    projectFilters: str | None = None,
    filters: str | None = None,
    collectionTypes: list[str] | None = None,
    order: str | None = None,
    **arguments: Any,
) -> Payload:
    """Collections in the registries that the caller sees."""
    context = info.context
    offset, limit = page_bounds(arguments)
    kinds = collectionTypes if collectionTypes is not None else [CollectionKind.PORTFOLIO.value]
    query = CollectionQuery(
        kinds=tuple(CollectionKind(kind) for kind in kinds),
        filter=_with_numbers(parse_collection_filter(filters)),
        order=parse_collection_order(order),
        limit=limit,
        offset=offset,
    )
    found, total = context.services.registries.search_collections(
        context.caller, parent, registry_filter(projectFilters), query
    )
    return connection(found, offset=offset, total=total)


@entity.field("artifactMemberships")
def resolve_memberships(
    parent: Entity,
    info: Info,
    projectFilters: str | None = None,
    collectionFilters: str | None = None,
    filters: str | None = None,
    order: str | None = None,
    **arguments: Any,
) -> Payload:
    """Versions in the registries that the caller sees, the last linked first unless told otherwise."""
    context = info.context
    offset, limit = page_bounds(arguments)
    found, total = context.services.registries.search_places(
        context.caller,
        parent,
        registry_filter(projectFilters),
        _with_numbers(parse_collection_filter(collectionFilters)),
        VersionQuery(
            _with_numbers(parse_version_filter(filters)), parse_version_order(order, NEWEST_LINKS), limit, offset
        ),
    )
    return connection(found, offset=offset, total=total)


BINDABLES = [organization, entity, project]
