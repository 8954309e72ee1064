"""Artifact types, collections and the places of versions in them, and aliases."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ariadne import InterfaceType, MutationType, ObjectType, QueryType

from kymograph.core import exact_json
from kymograph.core.artifact import ArtifactType, ArtifactVersion, Collection, CollectionKind, Membership
from kymograph.core.project import Project
from kymograph.errors import MalformedRequest, UnsupportedOperation
from kymograph.server.graphql.connections import connection, page_bounds, whole
from kymograph.server.graphql.context import Info, Payload
from kymograph.server.graphql.resolvers.artifact_files import entry_connection
from kymograph.services.artifact_uploads import DIGEST_ALGORITHM
from kymograph.types import ArtifactId, CollectionId
from kymograph.wire.ids import encode_id, encode_text_id, find_id, parse_id

NEWEST_FIRST = (None, "", "-createdAt", "-created_at")
"""Ways to ask for the order that versions have anyway."""

query = QueryType()
mutation = MutationType()
project = ObjectType("Project")
artifact_type = ObjectType("ArtifactType")
collection = InterfaceType("ArtifactCollection")
sequence = ObjectType("ArtifactSequence")
membership = ObjectType("ArtifactCollectionMembership")


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


def project_of(info: Info, entity: str, name: str) -> Project:
    """The project of something that the caller may read."""
    return info.context.services.projects.get(info.context.caller, entity, name)


def alias_node(parent: Collection, alias: str) -> Payload:
    """One alias."""
    return {
        "id": encode_text_id("ArtifactAlias", f"{parent.id}:{alias}"),
        "alias": alias,
        "artifactCollection": parent,
        "artifactCollectionName": parent.name,
    }


def aliases_of(inputs: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """Alias inputs as pairs of collection and alias."""
    return [(given.get("artifactCollectionName") or "", given["alias"]) for given in inputs]


def check_listing(filters: str | None, order: str | None, *, orders: tuple[str | None, ...] = (None, "")) -> None:
    """Refuse filters and orders that are not served, rather than ignore them.

    Raises:
        UnsupportedOperation: They would change the list.
        MalformedRequest: The filters are not JSON.
    """
    try:
        wanted = exact_json.loads(filters) if filters else {}
    except ValueError as exc:
        raise MalformedRequest(f"not JSON: {exc}", where="filters") from exc
    # Only committed versions are ever listed.
    if wanted not in ({}, None, {"state": "COMMITTED"}):
        raise UnsupportedOperation("filtering artifacts", hint="list them without filters and choose there")
    if order not in orders:
        raise UnsupportedOperation(f"ordering artifacts by {order!r}", hint="list them without an order and sort there")


# --- looking up -------------------------------------------------------------------------------------------------------


@query.field("artifactCollection")
def resolve_collection_by_id(_parent: None, info: Info, id: str) -> Collection | None:
    """A collection by its id."""
    number = find_id("ArtifactCollection", id)
    if number is None:
        return None
    return info.context.services.artifacts.find_collection_by_id(info.context.caller, CollectionId(number))


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
    return info.context.services.artifacts.find_collection(parent, name)


@project.field("artifactCollections")
def resolve_project_collections(
    parent: Project, info: Info, filters: str | None = None, order: str | None = None, **arguments: Any
) -> Payload:
    """All collections of a project, by name."""
    check_listing(filters, order)
    offset, limit = page_bounds(arguments)
    found, total = info.context.services.artifacts.list_collections(parent, limit=limit, offset=offset)
    return connection(found, offset=offset, total=total)


@project.field("artifactType")
def resolve_project_type(parent: Project, info: Info, name: str) -> TypeNode | None:
    """A type that has collections."""
    found = info.context.services.artifacts.find_type(parent, name)
    return TypeNode(parent.entity, parent.name, found.name, found) if found is not None else None


@project.field("artifactTypes")
def resolve_project_types(parent: Project, info: Info, includeAll: bool | None = None, **arguments: Any) -> Payload:
    """All types that have collections, by name."""
    offset, limit = page_bounds(arguments)
    found = info.context.services.artifacts.list_types(parent)
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
    known = parent.known or info.context.services.artifacts.find_type(owner, parent.name)
    return known.created_at if known is not None else owner.created_at


@artifact_type.field("artifact")
def resolve_type_artifact(parent: TypeNode, info: Info, name: str) -> ArtifactVersion | None:
    """A version of this type by name."""
    owner = project_of(info, parent.entity, parent.project)
    return info.context.services.artifacts.find_by_name(owner, name, type_name=parent.name)


@artifact_type.field("artifactCollection")
@artifact_type.field("artifactSequence")
def resolve_type_collection(parent: TypeNode, info: Info, name: str) -> Collection | None:
    """A collection of this type by name."""
    owner = project_of(info, parent.entity, parent.project)
    return info.context.services.artifacts.find_collection(owner, name, type_name=parent.name)


@artifact_type.field("artifactCollections")
@artifact_type.field("artifactSequences")
def resolve_type_collections(
    parent: TypeNode, info: Info, filters: str | None = None, order: str | None = None, **arguments: Any
) -> Payload:
    """Collections of this type, by name."""
    check_listing(filters, order)
    offset, limit = page_bounds(arguments)
    owner = project_of(info, parent.entity, parent.project)
    found, total = info.context.services.artifacts.list_collections(
        owner, type_name=parent.name, limit=limit, offset=offset
    )
    return connection(found, offset=offset, total=total)


@mutation.field("createArtifactType")
def resolve_create_type(_parent: None, info: Info, input: dict[str, Any]) -> Payload:
    """Name a type: it is there as soon as a collection has it, so there is nothing to keep."""
    context = info.context
    owner, name = context.services.artifacts.name_type(
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
collection.set_field("state", lambda _parent, _info: "READY")
collection.set_field("createdAt", lambda parent, _info: parent.created_at)
collection.set_field("updatedAt", lambda _parent, _info: None)
collection.set_field("project", lambda parent, info: project_of(info, parent.entity, parent.project))
collection.set_field("defaultArtifactType", lambda parent, _info: type_of(parent))
collection.set_field("tags", lambda _parent, _info, **_arguments: whole([]))
sequence.set_field("digestAlgorithm", lambda _parent, _info: DIGEST_ALGORITHM)
sequence.set_field("latestArtifact", lambda parent, info: info.context.services.artifacts.latest(parent))


@collection.field("aliases")
def resolve_collection_aliases(parent: Collection, info: Info, **arguments: Any) -> Payload:
    """All aliases in use."""
    offset, limit = page_bounds(arguments, default=1000)
    names = info.context.services.artifacts.list_aliases(parent)
    nodes = [alias_node(parent, name) for name in names[offset : offset + limit]]
    return connection(nodes, offset=offset, total=len(names))


@collection.field("artifacts")
def resolve_collection_artifacts(
    parent: Collection, info: Info, filters: str | None = None, order: str | None = None, **arguments: Any
) -> Payload:
    """Versions, newest first, each with its name in the collection."""
    check_listing(filters, order, orders=NEWEST_FIRST)
    offset, limit = page_bounds(arguments)
    found, total = info.context.services.artifacts.list_versions(parent, limit=limit, offset=offset)
    page = connection([place.version for place in found], offset=offset, total=total)
    for edge, place in zip(page["edges"], found, strict=True):
        edge["version"] = f"v{place.version_index}"
    return page


@collection.field("artifactMembership")
def resolve_collection_membership(parent: Collection, info: Info, aliasName: str) -> Membership | None:
    """The place that an alias or a version name stands for."""
    return info.context.services.artifacts.find_membership(parent, aliasName)


# --- places and aliases -----------------------------------------------------------------------------------------------

membership.set_field(
    "id",
    lambda parent, _info: encode_text_id("ArtifactMembership", f"{parent.collection.id}:{parent.version.id}"),
)
membership.set_field("versionIndex", lambda parent, _info: parent.version_index)
membership.set_field("createdAt", lambda parent, _info: parent.created_at)
membership.set_field("artifactCollection", lambda parent, _info: parent.collection)
membership.set_field("artifact", lambda parent, _info: parent.version)
membership.set_field(
    "aliases", lambda parent, _info: [alias_node(parent.collection, alias) for alias in parent.aliases]
)


@membership.field("files")
def resolve_membership_files(
    parent: Membership, info: Info, names: list[str] | None = None, **arguments: Any
) -> Payload:
    """Files and references of the version."""
    return entry_connection(info.context, parent.version, names, arguments)


@mutation.field("addAliases")
def resolve_add_aliases(_parent: None, info: Info, input: dict[str, Any]) -> Payload:
    """Move aliases to a version."""
    artifact = ArtifactId(parse_id("Artifact", input["artifactID"]))
    info.context.services.artifacts.add_aliases(info.context.caller, artifact, aliases_of(input["aliases"]))
    return {"success": True}


@mutation.field("deleteAliases")
def resolve_delete_aliases(_parent: None, info: Info, input: dict[str, Any]) -> Payload:
    """Take aliases from a version."""
    artifact = ArtifactId(parse_id("Artifact", input["artifactID"]))
    info.context.services.artifacts.delete_aliases(info.context.caller, artifact, aliases_of(input["aliases"]))
    return {"success": True}


BINDABLES = [query, mutation, project, artifact_type, collection, sequence, membership]
