"""People and teams of a registry, and what they may do there."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Generic, TypeAlias

from kymograph.errors import UsageError
from kymograph.sdk.api.either import M
from kymograph.sdk.api.users import Team, User

PERSON_KIND, TEAM_KIND = "User", "Entity"
"""What ids of the server say that they are of. Source: protocol.md §2, §10."""


@dataclass(frozen=True, slots=True)
class UserMember(Generic[M]):
    """Somebody in a registry."""

    user: User[M]
    role: str
    """``admin``, ``member``, ``viewer`` or ``restricted_viewer``."""
    kind: str = PERSON_KIND


@dataclass(frozen=True, slots=True)
class TeamMember(Generic[M]):
    """A team in a registry: all of its people have the role."""

    team: Team[M]
    role: str
    kind: str = TEAM_KIND


MemberOrId: TypeAlias = User[Any] | Team[Any] | UserMember[Any] | TeamMember[Any] | str
"""Who is meant: somebody who was read, or an id."""


@dataclass(frozen=True, slots=True)
class MemberId:
    """Who is meant, as the server names them."""

    id: str
    is_team: bool

    @classmethod
    def of(cls, member: MemberOrId) -> MemberId:
        """The id of a member.

        Raises:
            UsageError: It is none.
        """
        match member:
            case UserMember():
                found = member.user.id
            case TeamMember():
                found = member.team.id
            case User() | Team():
                found = member.id
            case _:
                found = member
        try:
            kind = base64.b64decode(str(found), validate=True).decode().partition(":")[0]
        except (binascii.Error, UnicodeDecodeError):
            kind = ""
        if kind not in (PERSON_KIND, TEAM_KIND):
            raise UsageError(
                f"{member!r} is no member of a registry: give what api.user() or api.team() found, or an id"
            )
        return cls(str(found), kind == TEAM_KIND)


def sorted_out(members: Iterable[MemberOrId]) -> tuple[list[str], list[str]]:
    """Ids of people, and of teams.

    Raises:
        UsageError: There are none, or one is no member.
    """
    found = {MemberId.of(member) for member in members}
    if not found:
        raise UsageError("name at least one member")
    people = sorted(member.id for member in found if not member.is_team)
    return people, sorted(member.id for member in found if member.is_team)
