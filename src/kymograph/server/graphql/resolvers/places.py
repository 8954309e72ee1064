"""Places of versions in collections, the aliases that name them there, and links."""

from __future__ import annotations

from typing import Any

from ariadne import MutationType, ObjectType

from kymograph.core.artifact import Collection, Membership
from kymograph.core.project import Project
from kymograph.server.graphql.context import Info, Payload
from kymograph.server.graphql.resolvers.artifact_files import entry_connection
from kymograph.services.artifact_links import AliasOf, LinkTarget
from kymograph.types import ArtifactId, CollectionId
from kymograph.wire.ids import encode_text_id, parse_id

mutation = MutationType()
membership = ObjectType("ArtifactCollectionMembership")


def project_of(info: Info, entity: str, name: str) -> Project:
    """The project of something that the caller may read."""
    return info.context.services.projects.get(info.context.caller, entity, name)


def readable_project_of(info: Info, parent: Collection) -> Project | None:
    """The project of a collection; null tells clients that they may not see it.

    A version that is linked to a readable collection names the sequence where it was made, readable or not.
    """
    context = info.context
    address = parent.entity, parent.project
    if address not in context.projects:
        context.projects[address] = context.services.projects.find(context.caller, *address)
    return context.projects[address]


def tag_node(name: str) -> Payload:
    """One tag."""
    return {"id": encode_text_id("Tag", name), "name": name}


def alias_node(parent: Collection, alias: str) -> Payload:
    """One alias."""
    return {
        "id": encode_text_id("ArtifactAlias", f"{parent.id}:{alias}"),
        "alias": alias,
        "artifactCollection": parent,
        "artifactCollectionName": parent.name,
    }


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
    info.context.services.artifact_links.add_aliases(info.context.caller, artifact, _aliases_of(input))
    return {"success": True}


@mutation.field("deleteAliases")
def resolve_delete_aliases(_parent: None, info: Info, input: dict[str, Any]) -> Payload:
    """Take aliases from a version."""
    artifact = ArtifactId(parse_id("Artifact", input["artifactID"]))
    info.context.services.artifact_links.delete_aliases(info.context.caller, artifact, _aliases_of(input))
    return {"success": True}


def _aliases_of(input: dict[str, Any]) -> list[AliasOf]:
    return [
        AliasOf(given["entityName"], given["projectName"], given["artifactCollectionName"], given["alias"])
        for given in input["aliases"]
    ]


@mutation.field("linkArtifact")
def resolve_link(_parent: None, info: Info, input: dict[str, Any]) -> Payload:
    """Put a version into a portfolio. Source: protocol.md §9, "Link"."""
    context = info.context
    given, portfolio = input.get("artifactID"), input.get("artifactPortfolioID")
    artifact = context.services.artifact_links.find_version(
        context.caller,
        ArtifactId(parse_id("Artifact", given)) if given else None,
        input.get("clientID"),
    )
    target = LinkTarget(
        portfolio=CollectionId(parse_id("ArtifactCollection", portfolio)) if portfolio else None,
        entity=input.get("entityName") or None,
        project=input.get("projectName") or "",
        name=input.get("artifactPortfolioName") or "",
    )
    aliases = [alias["alias"] for alias in input.get("aliases") or []]
    place = context.services.artifact_links.link(context.caller, artifact, target, aliases=aliases)
    return {"versionIndex": place.version_index, "artifactMembership": place}


@mutation.field("unlinkArtifact")
def resolve_unlink(_parent: None, info: Info, input: dict[str, Any]) -> Payload:
    """Take a version out of a portfolio."""
    artifact = ArtifactId(parse_id("Artifact", input["artifactID"]))
    portfolio = CollectionId(parse_id("ArtifactCollection", input["artifactPortfolioID"]))
    info.context.services.artifact_links.unlink(info.context.caller, artifact, portfolio)
    return {"artifactID": input["artifactID"], "success": True}


BINDABLES = [mutation, membership]
