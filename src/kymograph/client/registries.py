"""What is asked of a server about organizations and their registries, as operations.

A registry is a project of an organization's own entity; versions are linked into its collections.

Source: protocol.md §10.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from kymograph.client import registry_documents as documents
from kymograph.client.artifact_values import (
    SEQUENCE,
    Page,
    RemoteCollection,
    RemoteMembership,
    as_object,
    as_objects,
    next_cursor,
    nodes_of,
    parse_collection,
    parse_membership,
    text_or_none,
    whole,
)
from kymograph.client.artifacts import REGISTRY_PREFIX
from kymograph.client.operations import Operation, ask
from kymograph.client.registry_filters import (
    Filters,
    collection_filter,
    registry_filter,
    version_filter,
    version_order,
)
from kymograph.errors import OrganizationNotFound, ProtocolError, RegistryNotFound, UnsupportedOperation, UsageError
from kymograph.types import JsonObject

SEARCH_FEATURE = "ARTIFACT_REGISTRY_SEARCH"
EDIT_FEATURE = "INCLUDE_ARTIFACT_TYPES_IN_REGISTRY_CREATION"
_ACCESS = {"organization": "PRIVATE", "restricted": "RESTRICTED"}
"""What the wire has for each visibility."""


@dataclass(frozen=True, slots=True)
class OrganizationEntity:
    """The entity of an organization itself, which owns its registries."""

    id: str
    name: str
    entity_type: str = "organization"


@dataclass(frozen=True, slots=True)
class Organization:
    """A group of teams that shares registries."""

    id: str
    name: str
    org_entity: OrganizationEntity


@dataclass(frozen=True, slots=True)
class RemoteRegistry:
    """A registry."""

    id: str
    name: str
    """Without the prefix of its project."""
    entity: str
    """The organization's own."""
    organization: str
    description: str | None
    visibility: str
    """``organization`` or ``restricted``."""
    allows_all_types: bool
    types: tuple[str, ...]
    """That are listed, or that its collections have."""
    created_at: str
    updated_at: str | None


@dataclass(frozen=True, slots=True)
class RegistryChange:
    """All that can be set of a registry."""

    entity: str
    name: str
    visibility: str
    description: str | None
    allows_all_types: bool
    new_types: tuple[str, ...]
    """To be listed besides those that are."""


# --- organizations ----------------------------------------------------------------------------------------------------


def organization(name: str) -> Operation[Organization]:
    """An organization.

    Raises:
        OrganizationNotFound: There is none, or it may not be seen.
    """
    node = (yield from ask(documents.ORGANIZATION, {"name": name})).get("organization")
    if not isinstance(node, dict):
        raise OrganizationNotFound(name)
    owner = as_object(node.get("orgEntity"))
    own = OrganizationEntity(str(owner.get("id") or ""), str(owner.get("name") or ""))
    return Organization(str(node.get("id") or ""), str(node.get("name") or name), own)


def searches_in_index(name: str) -> Operation[bool]:
    """Whether versions of an organization are searched in an index, which knows more fields and orders."""
    try:
        node = as_object((yield from ask(documents.SEARCH, {"organization": name})).get("organization"))
    except ProtocolError:  # an older server
        return False
    return as_object(node.get("advancedRegistryFeatures")).get("advancedSearch") is True


# --- search -----------------------------------------------------------------------------------------------------------


def registries(
    name: str, *, filters: Filters | None, order: str | None, cursor: str | None, per_page: int
) -> Operation[Page[RemoteRegistry]]:
    """Registries of an organization that the caller sees.

    Args:
        name: Of the organization.
        filters: Of registries; see `registry_filters`.
        order: ``name``, ``created_at`` or ``updated_at``, with ``+`` or ``-`` before it.
        cursor: Of the page before.
        per_page: At most so many.

    Raises:
        OrganizationNotFound: There is no such organization.
    """
    variables = {"filters": registry_filter(filters), "order": order, "cursor": cursor, "perPage": per_page}
    found = yield from _found(documents.REGISTRIES, name, variables)
    return Page([parse_registry(node) for node in nodes_of(found)], next_cursor(found))


def collections(
    name: str,
    *,
    registries: Filters | None,
    filters: Filters | None,
    order: str | None,
    cursor: str | None,
    per_page: int,
) -> Operation[Page[RemoteCollection]]:
    """Collections of an organization's registries.

    Args:
        name: Of the organization.
        registries: A filter of registries.
        filters: A filter of collections.
        order: As for `registries`.
        cursor: Of the page before.
        per_page: At most so many.

    Raises:
        OrganizationNotFound: There is no such organization.
    """
    variables = {
        "registries": registry_filter(registries),
        "filters": collection_filter(filters),
        "order": order,
        "cursor": cursor,
        "perPage": per_page,
    }
    found = yield from _found(documents.COLLECTIONS, name, variables)
    items = [parse_collection(node) for node in nodes_of(found) if node.get("__typename") != SEQUENCE]
    return Page(items, next_cursor(found), whole(found.get("totalCount")))


def versions(
    name: str,
    *,
    is_advanced: bool,
    registries: Filters | None,
    collections: Filters | None,
    filters: Filters | None,
    order: str | None,
    cursor: str | None,
    per_page: int,
) -> Operation[Page[RemoteMembership]]:
    """Versions in the collections of an organization's registries.

    Args:
        name: Of the organization.
        is_advanced: What `searches_in_index` says.
        registries: A filter of registries.
        collections: A filter of collections.
        filters: A filter of versions.
        order: ``created_at``, ``artifact_size`` or ``linked_at``, with ``+`` or ``-`` before it.
        cursor: Of the page before.
        per_page: At most so many.

    Raises:
        OrganizationNotFound: There is no such organization.
        UnsupportedOperation: An order is asked for that the server does not know.
    """
    if order is not None and not is_advanced:
        raise UnsupportedOperation("an order of the versions of registries", hint="leave it out")
    variables = {
        "registries": registry_filter(registries, is_advanced=is_advanced),
        "collections": collection_filter(collections, is_advanced=is_advanced),
        "filters": version_filter(filters, is_advanced=is_advanced),
        "order": version_order(order),
        "cursor": cursor,
        "perPage": per_page,
    }
    found = yield from _found(documents.VERSIONS, name, variables)
    places = (parse_membership(node) for node in nodes_of(found))
    return Page([place for place in places if place.artifact is not None], next_cursor(found))


def _found(document: str, name: str, variables: Mapping[str, Any]) -> Operation[JsonObject]:
    answer = yield from ask(document, {"organization": name, **variables})
    owner = as_object(answer.get("organization")).get("orgEntity")
    if not isinstance(owner, dict):
        raise OrganizationNotFound(name)
    return as_object(owner.get("found"))


# --- one registry -----------------------------------------------------------------------------------------------------


def registry(entity: str, name: str) -> Operation[RemoteRegistry]:
    """A registry.

    Args:
        entity: The organization's own.
        name: Without the prefix of its project.

    Raises:
        RegistryNotFound: There is none, or it may not be seen.
    """
    variables = {"entity": entity, "name": REGISTRY_PREFIX + name}
    node = as_object((yield from ask(documents.REGISTRY, variables)).get("entity")).get("project")
    if not isinstance(node, dict):
        raise RegistryNotFound(name, within=entity)
    return parse_registry(node)


def exists(entity: str, name: str) -> Operation[bool]:
    """Whether there is a registry that the caller sees; arguments are those of `registry`."""
    try:
        yield from registry(entity, name)
    except RegistryNotFound:
        return False
    return True


def upsert(change: RegistryChange) -> Operation[tuple[RemoteRegistry, bool]]:
    """Make or change a registry; gives it as it is then, and whether it is new.

    Raises:
        KymographError: The server refuses it.
    """
    given = {
        "entityName": change.entity,
        "name": REGISTRY_PREFIX + change.name,
        "description": change.description,
        "access": _ACCESS[check_visibility(change.visibility)],
        "allowAllArtifactTypesInRegistry": change.allows_all_types,
        "artifactTypes": [{"name": name} for name in change.new_types] or None,
    }
    answer = as_object((yield from ask(documents.UPSERT, {"input": given})).get("upsertModel"))
    return parse_registry(answer.get("project")), answer.get("inserted") is True


def rename(entity: str, name: str, new_name: str) -> Operation[RemoteRegistry]:
    """Give a registry another name; gives it as it is then."""
    given = {
        "entityName": entity,
        "oldProjectName": REGISTRY_PREFIX + name,
        "newProjectName": REGISTRY_PREFIX + new_name,
    }
    answer = as_object((yield from ask(documents.RENAME, {"input": given})).get("renameProject"))
    return parse_registry(answer.get("project"))


def delete(registry_id: str) -> Operation[None]:
    """Delete a registry, with its collections and links; sources stay."""
    answer = yield from ask(documents.DELETE, {"id": registry_id})
    if as_object(answer.get("deleteModel")).get("success") is not True:
        raise ProtocolError("the server did not delete the registry, and does not say why")


def parse_registry(node: Any) -> RemoteRegistry:
    """A registry from an answer.

    Raises:
        ProtocolError: It is none.
    """
    document = as_object(node)
    if not document.get("id"):
        raise ProtocolError("the server describes a registry without an id")
    owner = as_object(document.get("entity"))
    return RemoteRegistry(
        id=str(document["id"]),
        name=str(document.get("name") or "").removeprefix(REGISTRY_PREFIX),
        entity=str(owner.get("name") or ""),
        organization=str(as_object(owner.get("organization")).get("name") or ""),
        description=text_or_none(document.get("description")),
        # Of older servers projects may have other kinds of access; a registry that is not restricted is open.
        visibility="restricted" if document.get("access") == _ACCESS["restricted"] else "organization",
        allows_all_types=bool(document.get("allowAllArtifactTypes")),
        types=tuple(str(each.get("name")) for each in nodes_of(document.get("artifactTypes"))),
        created_at=str(document.get("createdAt") or ""),
        updated_at=text_or_none(document.get("updatedAt")),
    )


def check_visibility(visibility: str) -> str:
    """See whether something is a visibility; gives it.

    Raises:
        UsageError: It is none.
    """
    if visibility not in _ACCESS:
        raise UsageError(f"Invalid visibility {visibility!r}: it is one of {', '.join(_ACCESS)}")
    return visibility


# --- members ----------------------------------------------------------------------------------------------------------


def people(entity: str, name: str) -> Operation[list[tuple[JsonObject, str]]]:
    """People with a role of their own in a registry: what is known of each, and the role."""
    found = yield from _members(documents.PEOPLE, entity, name)
    return [(node, _role(node)) for node in as_objects(found.get("members"))]


def teams(entity: str, name: str) -> Operation[list[tuple[JsonObject, str]]]:
    """Teams with a role in a registry, likewise."""
    found = yield from _members(documents.TEAMS, entity, name)
    return [(as_object(node.get("team")), _role(node)) for node in as_objects(found.get("teamMembers"))]


def add_members(registry_id: str, people: Iterable[str], teams: Iterable[str]) -> Operation[None]:
    """Give people and teams, by their ids, a part in a registry."""
    yield from _change(documents.ADD_MEMBERS, {"projectId": registry_id, "userIds": [*people], "teamIds": [*teams]})


def remove_members(registry_id: str, people: Iterable[str], teams: Iterable[str]) -> Operation[None]:
    """Take it from them."""
    yield from _change(documents.REMOVE_MEMBERS, {"projectId": registry_id, "userIds": [*people], "teamIds": [*teams]})


def set_role(registry_id: str, member_id: str, role: str, *, is_team: bool) -> Operation[None]:
    """Give a member another role."""
    if is_team:
        document, given = documents.SET_ROLE_OF_TEAM, {"teamId": member_id, "teamProjectRole": role}
    else:
        document, given = documents.SET_ROLE_OF_PERSON, {"userId": member_id, "userProjectRole": role}
    yield from _change(document, {"projectId": registry_id, **given})


def _members(document: str, entity: str, name: str) -> Operation[JsonObject]:
    found = (yield from ask(document, {"entity": entity, "name": REGISTRY_PREFIX + name})).get("project")
    if not isinstance(found, dict):
        raise RegistryNotFound(name, within=entity)
    return found


def _change(document: str, given: JsonObject) -> Operation[None]:
    answer = yield from ask(document, {"input": given})
    if as_object(answer.get("result")).get("success") is not True:
        raise ProtocolError("the server did not change the members of the registry, and does not say why")


def _role(node: JsonObject) -> str:
    return str(as_object(node.get("role")).get("name") or "")
