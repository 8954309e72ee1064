"""People, teams and organizations, and what they may do."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from kymograph.types import EntityId, EntityName, UserId


class EntityKind(StrEnum):
    """What stands behind an entity name."""

    USER = "user"
    TEAM = "team"
    ORGANIZATION = "organization"


class Role(StrEnum):
    """What a member may do in an entity or registry; each includes those before it."""

    RESTRICTED_VIEWER = "restricted_viewer"
    """In a registry: sees what there is, and gets no content. Source: protocol.md §10."""
    VIEWER = "viewer"
    MEMBER = "member"
    ADMIN = "admin"

    def includes(self, other: Role) -> bool:
        """Whether this role may do all that `other` may."""
        order = list(Role)
        return order.index(self) >= order.index(other)


@dataclass(frozen=True, slots=True)
class User:
    """A person or service account."""

    id: UserId
    username: str
    name: str
    email: str
    is_admin: bool
    default_entity: EntityName
    created_at: datetime
    password_hash: str | None = None


@dataclass(frozen=True, slots=True)
class Entity:
    """An owner of projects."""

    id: EntityId
    name: EntityName
    kind: EntityKind
    created_at: datetime
    organization_id: EntityId | None = None
    """The organization a team belongs to."""


@dataclass(frozen=True, slots=True)
class Member:
    """A user's place in an entity."""

    user: User
    entity: Entity
    role: Role


@dataclass(frozen=True, slots=True)
class RegistryMember:
    """A person with a role of their own in a registry."""

    user: User
    role: Role


@dataclass(frozen=True, slots=True)
class RegistryTeam:
    """A team all of whose people have a role in a registry."""

    team: Entity
    role: Role


@dataclass(frozen=True, slots=True)
class ApiKey:
    """What is kept of an API key; the secret itself is only ever shown once."""

    id: int
    user_id: UserId
    description: str
    prefix: str
    """The first characters of the secret, for people to tell keys apart."""
    created_at: datetime
    last_used_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Session:
    """A signed-in browser."""

    user_id: UserId
    csrf_token: str
    expires_at: datetime


def highest(*roles: Role | None) -> Role | None:
    """The role that includes all others, None if there is none."""
    held = [role for role in roles if role is not None]
    return max(held, key=list(Role).index, default=None)
