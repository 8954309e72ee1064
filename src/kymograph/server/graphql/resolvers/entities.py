"""Entities, teams and organizations."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from ariadne import MutationType, ObjectType, QueryType

from kymograph.core.accounts import Entity, EntityKind, Member, Role, User
from kymograph.core.artifact_filters import RegistryQuery, parse_registry_order
from kymograph.core.project import Project
from kymograph.server.graphql.connections import connection, page_bounds
from kymograph.server.graphql.context import Info, Payload
from kymograph.server.graphql.resolvers.registries import registry_filter
from kymograph.types import EntityId, EntityName, UserId
from kymograph.wire.ids import encode_id, parse_id

query = QueryType()
mutation = MutationType()
entity = ObjectType("Entity")
organization = ObjectType("Organization")
member = ObjectType("Member")

FREE_ENTITY = EntityId(0)
"""Stands for an entity that does not exist; row numbers begin at 1."""


@query.field("entity")
def resolve_entity(_parent: None, info: Info, name: str | None = None) -> Entity | None:
    """A user's, team's or organization's name space, if the caller may see it.

    A name that nobody has is answered by an entity without members or projects that says it is `available`.
    """
    context = info.context
    accounts = context.services.accounts
    found = accounts.find_entity(context.caller, name)
    if found is None and name and accounts.is_free(name):
        return _free_entity(name)
    return found


def _free_entity(name: str) -> Entity:
    return Entity(FREE_ENTITY, EntityName(name), EntityKind.USER, datetime.fromtimestamp(0, UTC))


@query.field("organization")
def resolve_organization(_parent: None, info: Info, name: str) -> Entity | None:
    """An organization, if the caller may see it."""
    context = info.context
    found = context.services.accounts.find_entity(context.caller, name)
    return found if found is not None and found.kind is EntityKind.ORGANIZATION else None


entity.set_field("id", lambda parent, _info: encode_id("Entity", parent.id))
entity.set_field("name", lambda parent, _info: parent.name)
entity.set_field("available", lambda parent, _info: parent.id == FREE_ENTITY)
entity.set_field("entityType", lambda parent, _info: parent.kind.value)
entity.set_field("isTeam", lambda parent, _info: parent.kind is EntityKind.TEAM)
entity.set_field("isPaid", lambda _parent, _info: False)
entity.set_field("photoUrl", lambda _parent, _info: None)
entity.set_field("readOnly", lambda _parent, _info: False)
entity.set_field("readOnlyAdmin", lambda _parent, _info: False)
entity.set_field("privateOnly", lambda _parent, _info: False)
entity.set_field("defaultAccess", lambda _parent, _info: "PRIVATE")
entity.set_field("codeSavingEnabled", lambda _parent, _info: True)
entity.set_field("limits", lambda _parent, _info: "{}")
entity.set_field("xxhashDigestsEnabled", lambda _parent, _info: True)


@entity.field("storageBytes")
def resolve_storage_bytes(parent: Entity, info: Info) -> int:
    """Bytes kept in all projects of the entity."""
    if parent.id == FREE_ENTITY:
        return 0
    context = info.context
    if context.services.accounts.find_entity(context.caller, parent.name) is None:
        return 0  # known only as the owner of a public project, or as a team of a registry
    page = context.services.projects.list(context.caller, entity=parent.name, limit=1000)
    return sum(stats.storage_bytes for _, stats in page.projects)


@entity.field("user")
def resolve_user(parent: Entity, info: Info) -> User | None:
    """The person whose own entity this is."""
    if parent.kind is not EntityKind.USER:
        return None
    context = info.context
    members = context.services.accounts.members(context.caller, parent)
    return next((found.user for found in members if found.user.username == parent.name), None)


@entity.field("organization")
def resolve_entity_organization(parent: Entity, info: Info) -> Entity | None:
    """The organization that owns a team; an organization's own entity belongs to itself."""
    if parent.kind is EntityKind.ORGANIZATION:
        return parent
    return info.context.services.accounts.organization_of(parent)


@entity.field("members")
def resolve_members(parent: Entity, info: Info) -> list[Member]:
    """People of the team."""
    context = info.context
    return context.services.accounts.members(context.caller, parent)


@entity.field("project")
def resolve_project(parent: Entity, info: Info, name: str | None = None) -> Project | None:
    """One project of the entity."""
    context = info.context
    return context.services.projects.find(context.caller, parent.name, name or "")


@entity.field("projects")
def resolve_projects(
    parent: Entity, info: Info, filters: str | None = None, order: str | None = None, **arguments: Any
) -> Payload:
    """Projects of a person or team, newest activity first; registries of an organization."""
    context = info.context
    offset, limit = page_bounds(arguments)
    if parent.kind is EntityKind.ORGANIZATION:
        query = RegistryQuery(registry_filter(filters), parse_registry_order(order), limit, offset)
        registries, total = context.services.registries.search(context.caller, parent, query)
        return connection(registries, offset=offset, total=total)
    page = context.services.projects.list(context.caller, entity=parent.name, limit=limit, offset=offset)
    return connection([project for project, _ in page.projects], offset=offset, total=page.total)


organization.set_field("id", lambda parent, _info: encode_id("Organization", parent.id))
organization.set_field("name", lambda parent, _info: parent.name)
organization.set_field("orgEntity", lambda parent, _info: parent)
organization.set_field("coreWeaveOrganizationId", lambda _parent, _info: None)
organization.set_field("featureFlags", lambda _parent, _info, **_arguments: [])

member.set_field("id", lambda parent, _info: encode_id("User", parent.user.id))
member.set_field("name", lambda parent, _info: parent.user.name or parent.user.username)
member.set_field("username", lambda parent, _info: parent.user.username)
member.set_field("email", lambda parent, _info: parent.user.email)
member.set_field("admin", lambda parent, _info: parent.role.value == "admin")
member.set_field("pending", lambda _parent, _info: False)
member.set_field("role", lambda parent, _info: parent.role.value)
member.set_field("photoUrl", lambda _parent, _info: None)
member.set_field("accountType", lambda _parent, _info: "USER")
member.set_field("apiKey", lambda _parent, _info: None)


@mutation.field("createTeam")
def resolve_create_team(_parent: None, info: Info, input: dict[str, Any]) -> Payload:
    """A team with the caller (or a named user) as administrator."""
    context = info.context
    created = context.services.accounts.create_team(
        context.caller, input["teamName"], owner=input.get("teamAdminUserName") or None
    )
    return {"entity": created}


@mutation.field("createInvite")
def resolve_create_invite(_parent: None, info: Info, input: dict[str, Any]) -> Payload:
    """Add a person who has an account; whoever is invited is a member at once."""
    context = info.context
    user = context.services.accounts.invite(
        context.caller,
        input["entityName"],
        username=input.get("username") or "",
        email=input.get("email") or "",
        role=Role.ADMIN if input.get("admin") else Role.MEMBER,
    )
    return {
        "invite": {
            "id": encode_id("User", user.id),
            "name": user.username,
            "email": input.get("email"),
            "createdAt": None,
            "toUser": user,
        }
    }


@mutation.field("deleteInvite")
def resolve_delete_invite(_parent: None, info: Info, input: dict[str, Any]) -> Payload:
    """Remove a member: invitations are memberships at once, so there is nothing else to take back."""
    context = info.context
    user = UserId(parse_id("User", input.get("id") or ""))
    context.services.accounts.remove_member(context.caller, input.get("entityName") or "", user)
    return {"success": True}


@mutation.field("updateUser")
def resolve_update_user(_parent: None, info: Info, input: dict[str, Any]) -> Payload:
    """The caller's default entity."""
    context = info.context
    if wanted := input.get("defaultEntity"):
        return {"user": context.services.accounts.set_default_entity(context.caller, wanted)}
    return {"user": context.caller.user}


BINDABLES = [query, mutation, entity, organization, member]
