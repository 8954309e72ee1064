"""The viewer, other people, and their keys."""

from __future__ import annotations

from typing import Any

from ariadne import MutationType, ObjectType, QueryType

from kymograph.core.accounts import Entity, EntityKind, User
from kymograph.server.graphql.connections import connection, page_bounds, whole
from kymograph.server.graphql.context import Info, Payload
from kymograph.services.access import Caller
from kymograph.wire.ids import encode_id, parse_id

query = QueryType()
mutation = MutationType()
user = ObjectType("User")


@query.field("viewer")
def resolve_viewer(_parent: None, info: Info) -> User:
    """The caller."""
    return info.context.caller.user


@query.field("users")
def resolve_users(_parent: None, info: Info, query: str = "", **arguments: Any) -> Payload:
    """People by name."""
    context = info.context
    offset, limit = page_bounds(arguments)
    found = context.services.accounts.search_users(context.caller, query or "", limit=1000)
    return connection(found[offset : offset + limit], offset=offset, total=len(found))


@user.field("id")
def resolve_id(parent: User, _info: Info) -> str:
    """The opaque id."""
    return encode_id("User", parent.id)


@user.field("name")
def resolve_name(parent: User, _info: Info) -> str:
    """The display name."""
    return parent.name or parent.username


user.set_field("username", lambda parent, _info: parent.username)
user.set_field("email", lambda parent, _info: parent.email)
user.set_field("admin", lambda parent, _info: parent.is_admin)
user.set_field("flags", lambda _parent, _info: '{"code_saving_enabled":true}')
user.set_field("userInfo", lambda _parent, _info: {})
user.set_field("entity", lambda parent, _info: parent.default_entity)
user.set_field("photoUrl", lambda _parent, _info: None)
user.set_field("deletedAt", lambda _parent, _info: None)


@user.field("apiKeys")
def resolve_api_keys(parent: User, info: Info) -> Payload:
    """Keys by the first characters of their secret; the secrets are not kept."""
    keys = info.context.services.accounts.list_keys(Caller(parent))
    return whole(
        [{"id": encode_id("ApiKey", key.id), "name": key.prefix, "description": key.description} for key in keys]
    )


@user.field("teams")
def resolve_teams(parent: User, info: Info) -> Payload:
    """The user's own entity and the teams, without organizations."""
    memberships = info.context.services.accounts.memberships(Caller(parent))
    return whole([member.entity for member in memberships if member.entity.kind is not EntityKind.ORGANIZATION])


@user.field("organizations")
def resolve_organizations(parent: User, info: Info) -> list[Entity]:
    """Organizations that the user is a member of, has a team in, or a role in a registry of."""
    return info.context.services.accounts.organizations(Caller(parent))


@user.field("projects")
def resolve_projects(parent: User, info: Info, **arguments: Any) -> Payload:
    """Projects of all the user's entities."""
    offset, limit = page_bounds(arguments)
    page = info.context.services.projects.list(Caller(parent), limit=limit, offset=offset)
    return connection([project for project, _ in page.projects], offset=offset, total=page.total)


@mutation.field("generateApiKey")
def resolve_generate_api_key(_parent: None, info: Info, input: dict[str, Any]) -> Payload:
    """A new key; `name` carries the secret, here only."""
    context = info.context
    key, secret = context.services.accounts.create_key(context.caller, description=input.get("description") or "")
    return {"apiKey": {"id": encode_id("ApiKey", key.id), "name": secret, "description": key.description}}


@mutation.field("deleteApiKey")
def resolve_delete_api_key(_parent: None, info: Info, input: dict[str, Any]) -> Payload:
    """Revoke one of the caller's keys."""
    context = info.context
    context.services.accounts.delete_key(context.caller, parse_id("ApiKey", input["id"]))
    return {"success": True}


@mutation.field("createUser")
def resolve_create_user(_parent: None, info: Info, input: dict[str, Any]) -> Payload:
    """A new account, named by the part of the address before the @."""
    context = info.context
    email = str(input["email"])
    created = context.services.accounts.put_user(
        context.caller, email.partition("@")[0], email=email, is_admin=bool(input.get("admin"))
    )
    return {"user": created}


BINDABLES = [query, mutation, user]
