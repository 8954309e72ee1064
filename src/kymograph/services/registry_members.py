"""People and teams of registries, and their roles."""

from __future__ import annotations

from collections.abc import Sequence

from kymograph.core.accounts import Entity, EntityKind, RegistryMember, RegistryTeam, Role, User
from kymograph.core.project import Project
from kymograph.errors import EntityNotFound, Forbidden, ProjectNotFound, UserNotFound
from kymograph.services.access import Access, Caller, check_project
from kymograph.storage.base import Database, Transaction
from kymograph.types import EntityId, ProjectId, UserId

DEFAULT_ROLE = Role.VIEWER
"""The role of those who were just added. Source: protocol.md §10."""


class RegistryMembers:
    """Lists and changes who has a role of their own in a registry. Safe to share between threads."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def people(self, registry: Project) -> Sequence[RegistryMember]:
        """People of a registry (got already), by username; none of another project."""
        return self._database.read(lambda tx: tx.registries.list_members(registry.id))

    def teams(self, registry: Project) -> Sequence[RegistryTeam]:
        """Teams of a registry (got already), by name; none of another project."""
        return self._database.read(lambda tx: tx.registries.list_teams(registry.id))

    def add(
        self, caller: Caller, registry: ProjectId, *, users: Sequence[UserId] = (), teams: Sequence[EntityId] = ()
    ) -> None:
        """Add people and teams as viewers; those who are members keep their roles.

        Raises:
            ProjectNotFound: No such registry, or not the caller's to know.
            UserNotFound: No such person.
            EntityNotFound: No such team.
            Forbidden: The caller does not administer the registry, or somebody is not of its organization: such guests
                are for administrators of the server to add.
        """

        def job(tx: Transaction) -> None:
            place = _require_registry(tx, caller, registry)
            people = {member.user.id for member in tx.registries.list_members(place.id)}
            known_teams = {member.team.id for member in tx.registries.list_teams(place.id)}
            for user in users:
                found = _find_user(tx, user)
                if not caller.user.is_admin and not _is_of_organization(tx, place, found):
                    raise Forbidden("add people of other organizations", where=f"registry {place.path!r}")
                if found.id not in people:
                    tx.registries.put_member(place.id, found.id, DEFAULT_ROLE)
            for team in teams:
                group = _find_team(tx, team)
                if not caller.user.is_admin and group.organization_id != place.entity_id:
                    raise Forbidden("add teams of other organizations", where=f"registry {place.path!r}")
                if group.id not in known_teams:
                    tx.registries.put_team(place.id, group.id, DEFAULT_ROLE)

        self._database.write(job)

    def remove(
        self, caller: Caller, registry: ProjectId, *, users: Sequence[UserId] = (), teams: Sequence[EntityId] = ()
    ) -> None:
        """Remove people and teams; those who are no members are ignored.

        Raises:
            ProjectNotFound: No such registry, or not the caller's to know.
            Forbidden: The caller does not administer the registry.
        """

        def job(tx: Transaction) -> None:
            place = _require_registry(tx, caller, registry)
            for user in users:
                tx.registries.remove_member(place.id, user)
            for team in teams:
                tx.registries.remove_team(place.id, team)

        self._database.write(job)

    def set_role(self, caller: Caller, registry: ProjectId, user: UserId, role: Role) -> None:
        """Give a member another role.

        Raises:
            ProjectNotFound: No such registry, or not the caller's to know.
            UserNotFound: Not a member.
            Forbidden: The caller does not administer the registry.
        """

        def job(tx: Transaction) -> None:
            place = _require_registry(tx, caller, registry)
            if user not in {member.user.id for member in tx.registries.list_members(place.id)}:
                raise UserNotFound("(by id, among the members)")
            tx.registries.put_member(place.id, user, role)

        self._database.write(job)

    def set_team_role(self, caller: Caller, registry: ProjectId, team: EntityId, role: Role) -> None:
        """Give a team another role. Errors as in `set_role`, and EntityNotFound for a team that is no member."""

        def job(tx: Transaction) -> None:
            place = _require_registry(tx, caller, registry)
            if team not in {member.team.id for member in tx.registries.list_teams(place.id)}:
                raise EntityNotFound("(by id, among the teams)")
            tx.registries.put_team(place.id, team, role)

        self._database.write(job)


def _require_registry(tx: Transaction, caller: Caller, registry: ProjectId) -> Project:
    found = check_project(tx, caller, tx.projects.find_by_id(registry), Access.READ, named="(by id)")
    if found.registry is None:
        raise ProjectNotFound("(by id, among the registries)")
    return check_project(tx, caller, found, Access.ADMINISTER, named=found.path)


def _find_user(tx: Transaction, user: UserId) -> User:
    found = tx.accounts.find_user_by_id(user)
    if found is None:
        raise UserNotFound("(by id)")
    return found


def _find_team(tx: Transaction, team: EntityId) -> Entity:
    found = tx.accounts.find_entity_by_id(team)
    if found is None or found.kind is not EntityKind.TEAM:
        raise EntityNotFound("(by id, among the teams)")
    return found


def _is_of_organization(tx: Transaction, registry: Project, user: User) -> bool:
    organization = registry.entity_id
    return tx.accounts.find_role(organization, user.id) is not None or tx.registries.is_in_team_of(
        organization, user.id
    )
