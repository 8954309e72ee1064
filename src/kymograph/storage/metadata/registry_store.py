"""Types and members of registries in SQL."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from sqlalchemy import Column, Connection, Select, Table, delete, exists, func, select, union, union_all

from kymograph.core.accounts import EntityKind, RegistryMember, RegistryTeam, Role, highest
from kymograph.core.artifact import ArtifactState
from kymograph.core.artifact_filters import RegistryQuery
from kymograph.core.project import Project, RegistryStats
from kymograph.storage.metadata.account_store import entity_of, user_of
from kymograph.storage.metadata.artifacts.matching import ValuesOf, select_matching, text_of
from kymograph.storage.metadata.project_store import live_projects, project_of
from kymograph.storage.metadata.sql import chunks, insert_into
from kymograph.storage.metadata.tables import (
    collections,
    entities,
    members,
    memberships,
    projects,
    registry_members,
    registry_teams,
    registry_types,
    users,
    versions,
)
from kymograph.types import EntityId, JsonScalar, ProjectId, UserId

_KEYS: dict[str, Callable[[Project], Any]] = {
    "name": lambda registry: registry.name,
    "created_at": lambda registry: registry.created_at,
    "updated_at": lambda registry: registry.last_activity_at,
}


class SqlRegistryStore:
    """Docstrings of the methods: `storage.metadata.base.RegistryStore`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def list_of(self, organizations: Sequence[EntityId]) -> list[Project]:
        """Docstring inherited."""
        statement = (
            live_projects()
            .where(projects.c.entity_id.in_(list(organizations)), projects.c.allows_all_types.is_not(None))
            .order_by(entities.c.name, projects.c.name)
        )
        return [project_of(row) for row in self._connection.execute(statement)]

    def search(self, registries: Sequence[Project], query: RegistryQuery) -> tuple[Sequence[Project], int]:
        """Docstring inherited."""
        found = sorted(
            select_matching(registries, query.filter, _values_of),
            key=lambda registry: (_KEYS[query.order.field.name](registry), registry.id),
            reverse=query.order.descending,
        )
        return found[query.offset : query.offset + query.limit], len(found)

    def stats(self, registries: Sequence[ProjectId]) -> dict[ProjectId, RegistryStats]:
        """Docstring inherited."""
        live = collections.c.deleted_at.is_(None)
        linked = (
            memberships.join(collections, collections.c.id == memberships.c.collection_id)
            .join(versions, versions.c.id == memberships.c.artifact_id)
            .select()
            .where(live, versions.c.state == ArtifactState.COMMITTED.value)
            .with_only_columns(collections.c.project_id)
        )
        found: dict[ProjectId, RegistryStats] = {}
        for some in chunks(registries):
            collection_counts = self._counted(select(collections.c.project_id).where(live), some)
            version_counts = self._counted(linked, some)
            member_counts = self._counted(select(registry_members.c.project_id), some)
            team_counts = self._counted(select(registry_teams.c.project_id), some)
            for registry in some:
                found[registry] = RegistryStats(
                    collection_count=collection_counts.get(registry, 0),
                    version_count=version_counts.get(registry, 0),
                    member_count=member_counts.get(registry, 0),
                    team_count=team_counts.get(registry, 0),
                )
        return found

    def _counted(self, rows: Any, registries: Sequence[ProjectId]) -> dict[int, int]:
        of_each = rows.subquery().c.project_id
        statement = select(of_each, func.count()).where(of_each.in_(list(registries))).group_by(of_each)
        return {row[0]: row[1] for row in self._connection.execute(statement)}

    # --- types -------------------------------------------------------------------------------------------------------

    def put_types(self, registry: ProjectId, names: Iterable[str]) -> None:
        """Docstring inherited."""
        rows = [{"project_id": registry, "name": name} for name in sorted(set(names))]
        if rows:
            self._connection.execute(
                insert_into(self._connection, registry_types).values(rows).on_conflict_do_nothing()
            )

    def list_types(self, registry: ProjectId) -> list[str]:
        """Docstring inherited."""
        listed = select(registry_types.c.name.label("name")).where(registry_types.c.project_id == registry)
        used = select(collections.c.type_name).where(
            collections.c.project_id == registry, collections.c.deleted_at.is_(None)
        )
        return sorted(self._connection.execute(union(listed, used)).scalars())

    # --- members -----------------------------------------------------------------------------------------------------

    def put_member(self, registry: ProjectId, user: UserId, role: Role) -> None:
        """Docstring inherited."""
        self._put(registry_members, registry_members.c.user_id, registry, user, role)

    def remove_member(self, registry: ProjectId, user: UserId) -> None:
        """Docstring inherited."""
        self._remove(registry_members, registry_members.c.user_id, registry, user)

    def list_members(self, registry: ProjectId) -> list[RegistryMember]:
        """Docstring inherited."""
        statement: Select[Any] = (
            select(*users.c, registry_members.c.role.label("held_role"))
            .select_from(registry_members.join(users, users.c.id == registry_members.c.user_id))
            .where(registry_members.c.project_id == registry)
            .order_by(users.c.username)
        )
        return [RegistryMember(user_of(row), Role(row.held_role)) for row in self._connection.execute(statement)]

    def put_team(self, registry: ProjectId, team: EntityId, role: Role) -> None:
        """Docstring inherited."""
        self._put(registry_teams, registry_teams.c.team_id, registry, team, role)

    def remove_team(self, registry: ProjectId, team: EntityId) -> None:
        """Docstring inherited."""
        self._remove(registry_teams, registry_teams.c.team_id, registry, team)

    def list_teams(self, registry: ProjectId) -> list[RegistryTeam]:
        """Docstring inherited."""
        statement: Select[Any] = (
            select(*entities.c, registry_teams.c.role.label("held_role"))
            .select_from(registry_teams.join(entities, entities.c.id == registry_teams.c.team_id))
            .where(registry_teams.c.project_id == registry, entities.c.deleted_at.is_(None))
            .order_by(entities.c.name)
        )
        return [RegistryTeam(entity_of(row), Role(row.held_role)) for row in self._connection.execute(statement)]

    def _put(self, table: Table, holder: Column[Any], registry: ProjectId, who: int, role: Role) -> None:
        statement = insert_into(self._connection, table).values(
            {"project_id": registry, holder.name: who, "role": role.value}
        )
        self._connection.execute(
            statement.on_conflict_do_update(
                index_elements=[table.c.project_id, holder], set_={"role": statement.excluded.role}
            )
        )

    def _remove(self, table: Table, holder: Column[Any], registry: ProjectId, who: int) -> None:
        self._connection.execute(delete(table).where(table.c.project_id == registry, holder == who))

    # --- what somebody may -------------------------------------------------------------------------------------------

    def roles_of(self, user: UserId, registries: Sequence[ProjectId]) -> dict[ProjectId, Role]:
        """Docstring inherited."""
        held: dict[ProjectId, Role] = {}
        for some in chunks(registries):
            own = select(registry_members.c.project_id, registry_members.c.role).where(
                registry_members.c.user_id == user, registry_members.c.project_id.in_(some)
            )
            by_team = (
                select(registry_teams.c.project_id, registry_teams.c.role)
                .select_from(registry_teams.join(members, members.c.entity_id == registry_teams.c.team_id))
                .where(members.c.user_id == user, registry_teams.c.project_id.in_(some))
            )
            for project, role in self._connection.execute(union_all(own, by_team)):
                registry = ProjectId(project)
                held[registry] = highest(held.get(registry), Role(role)) or Role(role)
        return held

    def list_organizations_of(self, user: UserId) -> list[EntityId]:
        """Docstring inherited."""
        entity = entities.alias("joined")
        joined = (
            select(func.coalesce(entity.c.organization_id, entity.c.id))
            .select_from(members.join(entity, entity.c.id == members.c.entity_id))
            .where(members.c.user_id == user)
        )
        own = (
            select(projects.c.entity_id)
            .select_from(registry_members.join(projects, projects.c.id == registry_members.c.project_id))
            .where(registry_members.c.user_id == user, projects.c.deleted_at.is_(None))
        )
        by_team = (
            select(projects.c.entity_id)
            .select_from(
                registry_teams.join(projects, projects.c.id == registry_teams.c.project_id).join(
                    members, members.c.entity_id == registry_teams.c.team_id
                )
            )
            .where(members.c.user_id == user, projects.c.deleted_at.is_(None))
        )
        statement = (
            select(entities.c.id)
            .where(
                entities.c.id.in_(union(joined, own, by_team)),
                entities.c.kind == EntityKind.ORGANIZATION.value,
                entities.c.deleted_at.is_(None),
            )
            .order_by(entities.c.name)
        )
        return [EntityId(number) for number in self._connection.execute(statement).scalars()]

    def is_in_team_of(self, organization: EntityId, user: UserId) -> bool:
        """Docstring inherited."""
        place = (
            select(members.c.user_id)
            .select_from(members.join(entities, entities.c.id == members.c.entity_id))
            .where(
                members.c.user_id == user,
                entities.c.organization_id == organization,
                entities.c.deleted_at.is_(None),
            )
        )
        return bool(self._connection.execute(select(exists(place))).scalar_one())


def _values_of(registry: Project) -> ValuesOf:
    values: dict[str, Sequence[JsonScalar]] = {
        "id": (registry.id,),
        "name": (registry.name,),
        "entity_id": (registry.entity_id,),
        "description": () if registry.description is None else (registry.description,),
        "created_at": (text_of(registry.created_at),),
        "updated_at": (text_of(registry.last_activity_at),),
    }
    return lambda field: values[field.name]
