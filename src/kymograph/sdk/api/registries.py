"""Registries of an organization: as they are found and changed, with their members."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from kymograph.client import registries
from kymograph.client.artifacts import REGISTRY_PREFIX
from kymograph.client.operations import Operation, given
from kymograph.client.registries import RegistryChange, RemoteRegistry
from kymograph.client.registry_filters import Filters
from kymograph.errors import UnsupportedOperation, UsageError
from kymograph.sdk.api.add_only import AddOnlyNames
from kymograph.sdk.api.either import Bound, M, either
from kymograph.sdk.api.registry_lists import PER_PAGE, Collections, Versions
from kymograph.sdk.api.registry_members import MemberId, MemberOrId, TeamMember, UserMember, sorted_out
from kymograph.sdk.api.session import ApiSession
from kymograph.sdk.api.users import Team, User

if TYPE_CHECKING:
    from collections.abc import Iterable


class Registry(Bound[M]):
    """A registry; what is assigned is kept by `save`.

    Attributes:
        artifact_types: Types that may be linked, or that its collections have. Names can be added; saved ones stay.
        allow_all_artifact_types: Whether versions of every type may be linked.
    """

    artifact_types: AddOnlyNames
    allow_all_artifact_types: bool

    def __init__(self, session: ApiSession[M], remote: RemoteRegistry) -> None:
        """Describe what a server has told."""
        super().__init__(session)
        self._take(remote)

    def _take(self, remote: RemoteRegistry) -> None:
        self._saved = remote
        self.name, self.description, self._visibility = remote.name, remote.description, remote.visibility
        self.allow_all_artifact_types, self.artifact_types = remote.allows_all_types, AddOnlyNames(remote.types)

    # --- what it is --------------------------------------------------------------------------------------------------

    @property
    def id(self) -> str:
        """The server's name for it."""
        return self._saved.id

    @property
    def full_name(self) -> str:
        """The name of its project: ``wandb-registry-<name>``."""
        return REGISTRY_PREFIX + self.name

    @property
    def entity(self) -> str:
        """The organization's own entity."""
        return self._saved.entity

    @property
    def organization(self) -> str:
        """Name of the organization."""
        return self._saved.organization

    @property
    def path(self) -> list[str]:
        """Entity and project."""
        return [self.entity, self.full_name]

    @property
    def created_at(self) -> str:
        """When it was made: ISO 8601, UTC."""
        return self._saved.created_at

    @property
    def updated_at(self) -> str | None:
        """When it was last changed: ISO 8601, UTC."""
        return self._saved.updated_at

    @property
    def visibility(self) -> str:
        """``organization``: all of its people see it; ``restricted``: members do."""
        return self._visibility

    @visibility.setter
    def visibility(self, visibility: str) -> None:
        self._visibility = registries.check_visibility(visibility)

    def __repr__(self) -> str:
        return f"<Registry {'/'.join(self.path)}>"

    # --- what is in it -----------------------------------------------------------------------------------------------

    def collections(
        self,
        filter: Filters | None = None,
        order: str | None = None,
        per_page: int = PER_PAGE,
        start: str | None = None,
    ) -> Collections[M]:
        """Its collections; arguments are those of `Registries.collections`."""
        return Collections(
            self._session,
            lambda: given(self.organization),
            registries={"name": self._saved.name},
            filter=filter,
            order=order,
            per_page=per_page,
            start=start,
        )

    def versions(
        self,
        filter: Filters | None = None,
        order: str | None = None,
        per_page: int = PER_PAGE,
        start: str | None = None,
    ) -> Versions[M]:
        """Versions in its collections; arguments are those of `Registries.versions`."""
        return Versions(
            self._session,
            lambda: given(self.organization),
            registries={"name": self._saved.name},
            filter=filter,
            order=order,
            per_page=per_page,
            start=start,
        )

    # --- changes -----------------------------------------------------------------------------------------------------

    @either
    def load(self) -> Operation[None]:
        """Read it anew; what was assigned and not saved is forgotten.

        Raises:
            RegistryNotFound: It is gone.
        """
        self._take((yield from registries.registry(self.entity, self._saved.name)))

    @either
    def save(self) -> Operation[None]:
        """Have the server keep what was changed here.

        Raises:
            UsageError: Types were added, and all of them are allowed.
            KymographError: The server refuses it.
        """
        if not (yield from self._session.offers(registries.EDIT_FEATURE)):
            raise UnsupportedOperation("changing a registry", hint="use the server's page")
        new_types = self.artifact_types.draft
        if new_types and self.allow_all_artifact_types:
            raise UsageError("all types are allowed: set allow_all_artifact_types to False before types are listed")
        new_name = self.name
        saved, _ = yield from registries.upsert(
            RegistryChange(
                self.entity,
                self._saved.name,
                self.visibility,
                self.description,
                self.allow_all_artifact_types,
                new_types,
            )
        )
        if new_name != self._saved.name:
            saved = yield from registries.rename(self.entity, self._saved.name, new_name)
        self._take(saved)

    @either
    def delete(self) -> Operation[None]:
        """Delete it with its collections and links; what they lead to stays.

        Raises:
            KymographError: The server refuses it.
        """
        yield from registries.delete(self.id)

    # --- members -----------------------------------------------------------------------------------------------------

    @either
    def user_members(self) -> Operation[list[UserMember[M]]]:
        """People with a role of their own."""
        return (yield from self._people())

    @either
    def team_members(self) -> Operation[list[TeamMember[M]]]:
        """Teams with a role."""
        return (yield from self._teams())

    @either
    def members(self) -> Operation[list[UserMember[M] | TeamMember[M]]]:
        """People, then teams."""
        return [*(yield from self._people()), *(yield from self._teams())]

    def _people(self) -> Operation[list[UserMember[M]]]:
        found = yield from registries.people(self.entity, self._saved.name)
        return [UserMember(User(self._session, node), role) for node, role in found]

    def _teams(self) -> Operation[list[TeamMember[M]]]:
        found = yield from registries.teams(self.entity, self._saved.name)
        return [TeamMember(Team(self._session, str(node.get("name")), node), role) for node, role in found]

    @either
    def add_members(self, *members: MemberOrId) -> Operation[Self]:
        """Add people and teams, as viewers.

        Args:
            *members: What `Api.user` or `Api.team` found, members of another registry, or ids.

        Raises:
            UsageError: None is given, or one is something else.
        """
        yield from registries.add_members(self.id, *sorted_out(members))
        return self

    @either
    def remove_members(self, *members: MemberOrId) -> Operation[Self]:
        """Remove people and teams; arguments are those of `add_members`."""
        yield from registries.remove_members(self.id, *sorted_out(members))
        return self

    @either
    def update_member(self, member: MemberOrId, role: str) -> Operation[Self]:
        """Give a member another role.

        Args:
            member: As for `add_members`.
            role: ``admin``, ``member``, ``viewer`` or ``restricted_viewer``.
        """
        found = MemberId.of(member)
        yield from registries.set_role(self.id, found.id, role, is_team=found.is_team)
        return self


def create_registry(
    session: ApiSession[M],
    organization: str,
    name: str,
    *,
    visibility: str,
    description: str | None,
    types: Iterable[str],
) -> Operation[Registry[M]]:
    """Make a registry; see `Api.create_registry`."""
    if not (yield from session.offers(registries.EDIT_FEATURE)):
        raise UnsupportedOperation("making a registry", hint="use the server's page")
    listed = tuple(types)
    owner = yield from registries.organization(organization)
    taken = UsageError(f"Registry {name!r} already exists in organization {organization!r}; use another name")
    if (yield from registries.exists(owner.org_entity.name, name)):
        raise taken
    made, is_new = yield from registries.upsert(
        RegistryChange(
            owner.org_entity.name, name, registries.check_visibility(visibility), description, not listed, listed
        )
    )
    if not is_new:
        raise taken
    return Registry(session, made)


def read_registry(session: ApiSession[M], organization: str, name: str) -> Operation[Registry[M]]:
    """A registry; see `Api.registry`."""
    owner = yield from registries.organization(organization)
    return Registry(session, (yield from registries.registry(owner.org_entity.name, name)))
