"""Artifact types and collections."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ariadne import InterfaceType, MutationType, ObjectType, QueryType

from kymograph.core.artifact import ArtifactType, ArtifactVersion, Collection, CollectionKind, Membership
from kymograph.core.artifact_filters import (
    CollectionQuery,
    VersionQuery,
    parse_collection_filter,
    parse_collection_order,
    parse_version_filter,
    parse_version_order,
)
from kymograph.core.project import Project
from kymograph.server.graphql.connections import connection, page_bounds, whole
from kymograph.server.graphql.context import Info, Payload
from kymograph.server.graphql.resolvers.places import alias_node, project_of, readable_project_of, tag_node
from kymograph.types import CollectionId
from kymograph.wire.ids import encode_id, encode_text_id, find_id, parse_id

query = QueryType()
mutation = MutationType()
project = ObjectType("Project")
artifact_type = ObjectType("ArtifactType")
collection = InterfaceType("ArtifactCollection")
sequence = ObjectType("ArtifactSequence")


@dataclass(frozen=True, slots=True)
class TypeNode:
    """An artifact type, as a name inside a project."""

    entity: str
    project: str
    name: str
    known: ArtifactType | None = None
    """Looked up when first needed."""


def type_of(parent: Collection) -> TypeNode:
    """The type of a collection's versions."""
    return TypeNode(parent.entity, parent.project, parent.type_name)


def _listed(
    parent: Project,
    info: Info,
    filters: str | None,
    order: str | None,
    arguments: dict[str, Any],
    *,
    type_name: str | None = None,
    kinds: tuple[CollectionKind, ...] = tuple(CollectionKind),
) -> Payload:
    offset, limit = page_bounds(arguments)
    query = CollectionQuery(
        type_name=type_name,
        kinds=kinds,
        filter=parse_collection_filter(filters),
        order=parse_collection_order(order),
        limit=limit,
        offset=offset,
    )
    found, total = info.context.services.collections.search(parent, query)
    return connection(found, offset=offset, total=total)


# --- looking up -------------------------------------------------------------------------------------------------------


@query.field("artifactCollection")
def resolve_collection_by_id(_parent: None, info: Info, id: str) -> Collection | None:
    """A collection by its id."""
    number = find_id("ArtifactCollection", id)
    if number is None:
        return None
    return info.context.services.collections.find_by_id(info.context.caller, CollectionId(number))


@query.field("clientIDMapping")
def resolve_client_id(_parent: None, info: Info, clientID: str) -> Payload | None:
    """What an id that a client made up stands for. Source: protocol.md §8.3."""
    found = info.context.services.artifacts.find_meaning(info.context.caller, clientID)
    if found is None:
        return None
    kind = "Artifact" if isinstance(found, ArtifactVersion) else "ArtifactCollection"
    return {"serverID": encode_id(kind, found.id)}


@project.field("artifact")
def resolve_project_artifact(
    parent: Project, info: Info, name: str, enableTracking: bool | None = None
) -> ArtifactVersion | None:
    """A version by name."""
    return info.context.services.artifacts.find_by_name(parent, name)


@project.field("artifactCollectionMembership")
def resolve_project_membership(parent: Project, info: Info, name: str) -> Membership | None:
    """A version's place by name. Source: protocol.md §9."""
    return info.context.services.artifacts.find_place(parent, name)


@project.field("artifactCollection")
def resolve_project_collection(parent: Project, info: Info, name: str) -> Collection | None:
    """A collection by name."""
    return info.context.services.collections.find(parent, name)


@project.field("artifactCollections")
def resolve_project_collections(
    parent: Project, info: Info, filters: str | None = None, order: str | None = None, **arguments: Any
) -> Payload:
    """All collections of a project."""
    return _listed(parent, info, filters, order, arguments)


@project.field("artifactType")
def resolve_project_type(parent: Project, info: Info, name: str) -> TypeNode | None:
    """A type that has collections."""
    found = info.context.services.collections.find_type(parent, name)
    return TypeNode(parent.entity, parent.name, found.name, found) if found is not None else None


@project.field("artifactTypes")
def resolve_project_types(parent: Project, info: Info, includeAll: bool | None = None, **arguments: Any) -> Payload:
    """Types that have collections, by name; of a registry also those that it lists, if all are asked for."""
    offset, limit = page_bounds(arguments)
    found = info.context.services.collections.list_types(parent)
    if includeAll and parent.registry is not None:
        used = {known.name: known for known in found}
        names = info.context.services.registries.list_types(parent)
        listed = [TypeNode(parent.entity, parent.name, name, used.get(name)) for name in names]
        return connection(listed[offset : offset + limit], offset=offset, total=len(listed))
    nodes = [TypeNode(parent.entity, parent.name, known.name, known) for known in found[offset : offset + limit]]
    return connection(nodes, offset=offset, total=len(found))


# --- types ------------------------------------------------------------------------------------------------------------

artifact_type.set_field(
    "id", lambda parent, _info: encode_text_id("ArtifactType", f"{parent.entity}/{parent.project}/{parent.name}")
)
artifact_type.set_field("name", lambda parent, _info: parent.name)
artifact_type.set_field("description", lambda _parent, _info: None)
artifact_type.set_field("project", lambda parent, info: project_of(info, parent.entity, parent.project))


@artifact_type.field("createdAt")
def resolve_type_created_at(parent: TypeNode, info: Info) -> datetime:
    """When the first collection of the type was made; a type without any began with its project."""
    owner = project_of(info, parent.entity, parent.project)
    known = parent.known or info.context.services.collections.find_type(owner, parent.name)
    return known.created_at if known is not None else owner.created_at


@artifact_type.field("artifact")
def resolve_type_artifact(parent: TypeNode, info: Info, name: str) -> ArtifactVersion | None:
    """A version of this type by name."""
    owner = project_of(info, parent.entity, parent.project)
    return info.context.services.artifacts.find_by_name(owner, name, type_name=parent.name)


@artifact_type.field("artifactCollection")
def resolve_type_collection(parent: TypeNode, info: Info, name: str) -> Collection | None:
    """A collection of this type by name."""
    owner = project_of(info, parent.entity, parent.project)
    return info.context.services.collections.find(owner, name, type_name=parent.name)


@artifact_type.field("artifactSequence")
def resolve_type_sequence(parent: TypeNode, info: Info, name: str) -> Collection | None:
    """The collection of that name, if versions are made in it."""
    found = resolve_type_collection(parent, info, name)
    return found if found is not None and found.kind is CollectionKind.SEQUENCE else None


@artifact_type.field("artifactCollections")
def resolve_type_collections(
    parent: TypeNode, info: Info, filters: str | None = None, order: str | None = None, **arguments: Any
) -> Payload:
    """Collections of this type."""
    owner = project_of(info, parent.entity, parent.project)
    return _listed(owner, info, filters, order, arguments, type_name=parent.name)


@artifact_type.field("artifactSequences")
def resolve_type_sequences(parent: TypeNode, info: Info, **arguments: Any) -> Payload:
    """Those of them that versions are made in."""
    owner = project_of(info, parent.entity, parent.project)
    return _listed(owner, info, None, None, arguments, type_name=parent.name, kinds=(CollectionKind.SEQUENCE,))


@mutation.field("createArtifactType")
def resolve_create_type(_parent: None, info: Info, input: dict[str, Any]) -> Payload:
    """Name a type: it is there as soon as a collection has it, so there is nothing to keep."""
    context = info.context
    owner, name = context.services.collections.name_type(
        context.caller, input["entityName"] or None, input["projectName"], input["name"]
    )
    return {"artifactType": TypeNode(owner.entity, owner.name, name)}


# --- collections ------------------------------------------------------------------------------------------------------


@collection.type_resolver
def resolve_collection_type(parent: Collection, *_: object) -> str:
    """Sequence or portfolio."""
    return "ArtifactSequence" if parent.kind is CollectionKind.SEQUENCE else "ArtifactPortfolio"


collection.set_field("id", lambda parent, _info: encode_id("ArtifactCollection", parent.id))
collection.set_field("name", lambda parent, _info: parent.name)
collection.set_field("description", lambda parent, _info: parent.description)
collection.set_field("state", lambda parent, _info: "DELETED" if parent.is_deleted else "READY")
collection.set_field("createdAt", lambda parent, _info: parent.created_at)
collection.set_field("updatedAt", lambda parent, _info: parent.updated_at)
collection.set_field("project", lambda parent, info: readable_project_of(info, parent))
collection.set_field("defaultArtifactType", lambda parent, _info: type_of(parent))
collection.set_field("tags", lambda parent, _info: whole([tag_node(name) for name in parent.tags]))
sequence.set_field("digestAlgorithm", lambda parent, _info: parent.digest_algorithm.value)
sequence.set_field("latestArtifact", lambda parent, info: info.context.services.collections.latest(parent))


@collection.field("aliases")
def resolve_collection_aliases(parent: Collection, info: Info, **arguments: Any) -> Payload:
    """All aliases in use."""
    offset, limit = page_bounds(arguments, default=1000)
    names = info.context.services.collections.list_aliases(parent)
    nodes = [alias_node(parent, name) for name in names[offset : offset + limit]]
    return connection(nodes, offset=offset, total=len(names))


@collection.field("artifacts")
def resolve_collection_artifacts(
    parent: Collection, info: Info, filters: str | None = None, order: str | None = None, **arguments: Any
) -> Payload:
    """Versions, newest first unless told otherwise, each with its name in the collection."""
    offset, limit = page_bounds(arguments)
    query = VersionQuery(parse_version_filter(filters), parse_version_order(order), limit, offset)
    found, total = info.context.services.collections.search_places(parent, query)
    versions = [place.version for place in found]
    info.context.aliases.expect(versions)
    page = connection(versions, offset=offset, total=total)
    for edge, place in zip(page["edges"], found, strict=True):
        edge["version"] = f"v{place.version_index}"
    return page


@collection.field("artifactMembership")
def resolve_collection_membership(parent: Collection, info: Info, aliasName: str) -> Membership | None:
    """The place that an alias or a version name stands for."""
    return info.context.services.collections.find_place(parent, aliasName)


# --- changes ----------------------------------------------------------------------------------------------------------


def _collection_id(text: str) -> CollectionId:
    return CollectionId(parse_id("ArtifactCollection", text))


@mutation.field("createArtifactPortfolio")
def resolve_create_portfolio(_parent: None, info: Info, input: dict[str, Any]) -> Payload:
    """Make an empty portfolio."""
    context = info.context
    made = context.services.collections.create_portfolio(
        context.caller,
        input["entityName"] or None,
        input["projectName"],
        input["name"],
        type_name=input["artifactTypeName"],
        description=input.get("description"),
    )
    return {"artifactCollection": made}


@mutation.field("updateArtifactSequence")
def resolve_update_sequence(_parent: None, info: Info, input: dict[str, Any]) -> Payload:
    """Rename or describe a sequence."""
    return _updated(info, input["artifactSequenceID"], CollectionKind.SEQUENCE, input)


@mutation.field("updateArtifactPortfolio")
def resolve_update_portfolio(_parent: None, info: Info, input: dict[str, Any]) -> Payload:
    """Rename or describe a portfolio."""
    return _updated(info, input["artifactPortfolioID"], CollectionKind.PORTFOLIO, input)


def _updated(info: Info, id: str, kind: CollectionKind, input: dict[str, Any]) -> Payload:
    changed = info.context.services.collections.update(
        info.context.caller,
        _collection_id(id),
        kind=kind,
        name=input.get("name"),
        description=input.get("description"),
    )
    return {"artifactCollection": changed}


@mutation.field("moveArtifactSequence")
def resolve_move_sequence(_parent: None, info: Info, input: dict[str, Any]) -> Payload:
    """Give a sequence another type."""
    changed = info.context.services.collections.change_type(
        info.context.caller, _collection_id(input["artifactSequenceID"]), input["destinationArtifactTypeName"]
    )
    return {"artifactCollection": changed}


@mutation.field("deleteArtifactSequence")
def resolve_delete_sequence(_parent: None, info: Info, input: dict[str, Any]) -> Payload:
    """Delete a sequence with its versions."""
    return _deleted(info, input["artifactSequenceID"], CollectionKind.SEQUENCE)


@mutation.field("deleteArtifactPortfolio")
def resolve_delete_portfolio(_parent: None, info: Info, input: dict[str, Any]) -> Payload:
    """Delete a portfolio; what was linked to it stays where it was made."""
    return _deleted(info, input["artifactPortfolioID"], CollectionKind.PORTFOLIO)


def _deleted(info: Info, id: str, kind: CollectionKind) -> Payload:
    gone = info.context.services.collections.delete(info.context.caller, _collection_id(id), kind=kind)
    return {"artifactCollection": gone}


@mutation.field("createArtifactCollectionTagAssignments")
def resolve_add_tags(_parent: None, info: Info, input: dict[str, Any]) -> Payload:
    """Give a collection tags."""
    names = [tag["tagName"] for tag in input["tags"]]
    changed = info.context.services.collections.add_tags(info.context.caller, *_address_of(input), names)
    return {"tags": [tag_node(name) for name in changed.tags]}


@mutation.field("deleteArtifactCollectionTagAssignments")
def resolve_delete_tags(_parent: None, info: Info, input: dict[str, Any]) -> Payload:
    """Take tags from a collection."""
    names = [tag["tagName"] for tag in input["tags"]]
    info.context.services.collections.delete_tags(info.context.caller, *_address_of(input), names)
    return {"success": True}


def _address_of(input: dict[str, Any]) -> tuple[str | None, str, str]:
    return input["entityName"] or None, input["projectName"], input["artifactCollectionName"]


BINDABLES = [query, mutation, project, artifact_type, collection, sequence]
