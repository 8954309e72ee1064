"""People and teams of registries."""

from __future__ import annotations

from typing import Any

from ariadne import MutationType, ObjectType

from kymograph.core.accounts import RegistryMember, RegistryTeam, Role
from kymograph.core.project import Project
from kymograph.errors import InvalidChoice
from kymograph.server.graphql.context import Info, Payload
from kymograph.types import EntityId, ProjectId, UserId
from kymograph.wire.ids import encode_id, parse_id

mutation = MutationType()
project = ObjectType("Project")
person = ObjectType("ProjectMember")
team = ObjectType("ProjectTeamMember")


@project.field("members")
def resolve_members(parent: Project, info: Info) -> list[RegistryMember]:
    """People with a role of their own, by username."""
    return list(info.context.services.registry_members.people(parent))


@project.field("teamMembers")
def resolve_teams(parent: Project, info: Info) -> list[RegistryTeam]:
    """Teams with a role, by name."""
    return list(info.context.services.registry_members.teams(parent))


person.set_field("id", lambda parent, _info: encode_id("User", parent.user.id))
person.set_field("name", lambda parent, _info: parent.user.name or parent.user.username)
person.set_field("username", lambda parent, _info: parent.user.username)
person.set_field("email", lambda parent, _info: parent.user.email)
person.set_field("role", lambda parent, _info: {"name": parent.role.value})
team.set_field("team", lambda parent, _info: parent.team)
team.set_field("role", lambda parent, _info: {"name": parent.role.value})


@mutation.field("createProjectMembers")
def resolve_add(_parent: None, info: Info, input: dict[str, Any]) -> Payload:
    """Add people and teams to a registry."""
    registry, users, teams = _given(input)
    info.context.services.registry_members.add(info.context.caller, registry, users=users, teams=teams)
    return {"success": True}


@mutation.field("deleteProjectMembers")
def resolve_remove(_parent: None, info: Info, input: dict[str, Any]) -> Payload:
    """Remove people and teams from a registry."""
    registry, users, teams = _given(input)
    info.context.services.registry_members.remove(info.context.caller, registry, users=users, teams=teams)
    return {"success": True}


@mutation.field("updateProjectMember")
def resolve_set_role(_parent: None, info: Info, input: dict[str, Any]) -> Payload:
    """Give a person another role."""
    info.context.services.registry_members.set_role(
        info.context.caller,
        ProjectId(parse_id("Project", input["projectId"])),
        UserId(parse_id("User", input["userId"])),
        _role(input["userProjectRole"]),
    )
    return {"success": True}


@mutation.field("updateProjectTeamMember")
def resolve_set_team_role(_parent: None, info: Info, input: dict[str, Any]) -> Payload:
    """Give a team another role."""
    info.context.services.registry_members.set_team_role(
        info.context.caller,
        ProjectId(parse_id("Project", input["projectId"])),
        EntityId(parse_id("Entity", input["teamId"])),
        _role(input["teamProjectRole"]),
    )
    return {"success": True}


def _given(input: dict[str, Any]) -> tuple[ProjectId, list[UserId], list[EntityId]]:
    return (
        ProjectId(parse_id("Project", input["projectId"])),
        [UserId(parse_id("User", given)) for given in input.get("userIds") or ()],
        [EntityId(parse_id("Entity", given)) for given in input.get("teamIds") or ()],
    )


def _role(name: str) -> Role:
    try:
        return Role(name)
    except ValueError as exc:
        raise InvalidChoice("role", name, rule=f"one of {', '.join(Role)}") from exc


BINDABLES = [mutation, project, person, team]
