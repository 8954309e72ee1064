"""Projects in SQL."""

from __future__ import annotations

import builtins
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Row,
    Select,
    and_,
    bindparam,
    case,
    func,
    select,
    type_coerce,
    update,
)

from kymograph.core.accounts import Entity
from kymograph.core.project import Project, ProjectStats, RegistryRules, Visibility
from kymograph.core.run import CRASHED_AFTER, RunState
from kymograph.errors import NameTaken
from kymograph.storage.metadata.sql import contains_text, insert_into
from kymograph.storage.metadata.tables import entities, projects, runs
from kymograph.storage.schema import micros_since_epoch
from kymograph.storage.space.reads import SqlSpaceStore
from kymograph.types import EntityId, EntityName, ProjectId, ProjectName

_DAY_MICROS = 86_400_000_000
_RUNNING = (RunState.RUNNING.value, RunState.PREEMPTING.value)


class SqlProjectStore:
    """Docstrings of the methods: `storage.metadata.base.ProjectStore`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def create(
        self,
        entity: Entity,
        name: ProjectName,
        *,
        now: datetime,
        description: str | None = None,
        visibility: Visibility = Visibility.PRIVATE,
        registry: RegistryRules | None = None,
    ) -> Project:
        """Docstring inherited."""
        statement = (
            insert_into(self._connection, projects)
            .values(
                entity_id=entity.id,
                name=name,
                description=description,
                visibility=visibility.value,
                created_at=now,
                last_activity_at=now,
                run_counter=0,
                **_rules_row(registry),
            )
            .on_conflict_do_nothing()
            .returning(projects.c.id)
        )
        created = self._connection.execute(statement).scalar_one_or_none()
        if created is None:
            raise NameTaken("project", f"{entity.name}/{name}")
        return Project(
            id=ProjectId(created),
            entity_id=entity.id,
            entity=entity.name,
            name=name,
            description=description,
            visibility=visibility,
            created_at=now,
            last_activity_at=now,
            registry=registry,
        )

    def find(self, entity: str, name: str) -> Project | None:
        """Docstring inherited."""
        return self._one(_PROJECT_BY_NAMES, {"of_entity": entity, "with_name": name})

    def find_by_id(self, project: ProjectId) -> Project | None:
        """Docstring inherited."""
        return self._one(_PROJECT_BY_ID, {"with_id": project})

    def list(
        self, entities: Sequence[EntityId], *, search: str = "", limit: int = 100, offset: int = 0
    ) -> tuple[builtins.list[Project], int]:
        """Docstring inherited."""
        conditions: builtins.list[ColumnElement[bool]] = [
            projects.c.entity_id.in_(entities),
            projects.c.deleted_at.is_(None),
            projects.c.allows_all_types.is_(None),
        ]
        if search:
            conditions.append(contains_text(search, projects.c.name, func.coalesce(projects.c.description, "")))
        total = self._connection.execute(select(func.count()).select_from(projects).where(*conditions)).scalar_one()
        page = (
            live_projects()
            .where(*conditions)
            .order_by(projects.c.last_activity_at.desc(), projects.c.id.desc())
            .limit(limit)
            .offset(offset)
        )
        return [project_of(row) for row in self._connection.execute(page)], total

    def stats(self, projects: Sequence[ProjectId], now: datetime, *, days: int = 30) -> dict[ProjectId, ProjectStats]:
        """Docstring inherited."""
        wanted = list(projects)
        today = now.replace(hour=0, minute=0, second=0, microsecond=0)
        first_day = today - timedelta(days=days - 1)
        is_running = and_(runs.c.state.in_(_RUNNING), runs.c.heartbeat_at >= now - CRASHED_AFTER)
        counts = self._connection.execute(
            select(
                runs.c.project_id,
                func.count(),
                func.coalesce(func.sum(case((is_running, 1), else_=0)), 0),
                func.coalesce(func.sum(runs.c.storage_bytes), 0),
            )
            .where(runs.c.project_id.in_(wanted), runs.c.deleted_at.is_(None))
            .group_by(runs.c.project_id)
        )
        by_project = {row[0]: (row[1], int(row[2]), int(row[3])) for row in counts}
        artifact_bytes = SqlSpaceStore(self._connection).live_bytes(wanted)
        activity = {project: [0] * days for project in wanted}
        day = (type_coerce(runs.c.created_at, BigInteger) - micros_since_epoch(first_day)) // _DAY_MICROS
        created = self._connection.execute(
            select(runs.c.project_id, day, func.count())
            .where(
                runs.c.project_id.in_(wanted),
                runs.c.created_at >= first_day,
                runs.c.created_at < today + timedelta(days=1),
                runs.c.deleted_at.is_(None),
            )
            .group_by(runs.c.project_id, day)
        )
        for project, number, run_count in created:
            activity[project][number] = run_count
        found = {}
        for project in wanted:
            run_count, running_count, file_bytes = by_project.get(project, (0, 0, 0))
            found[project] = ProjectStats(
                run_count=run_count,
                running_count=running_count,
                storage_bytes=file_bytes + artifact_bytes.get(project, 0),
                activity=tuple(activity[project]),
            )
        return found

    def update(
        self,
        project: ProjectId,
        *,
        description: str | None = None,
        visibility: Visibility | None = None,
        name: ProjectName | None = None,
        registry: RegistryRules | None = None,
    ) -> None:
        """Docstring inherited."""
        changes: dict[str, Any] = {}
        if description is not None:
            changes["description"] = description
        if visibility is not None:
            changes["visibility"] = visibility.value
        if name is not None:
            self._refuse_taken(project, name)
            changes["name"] = name
        if registry is not None:
            changes.update(_rules_row(registry))
        if changes:
            self._connection.execute(update(projects).where(projects.c.id == project).values(changes))

    def touch(self, project: ProjectId, now: datetime) -> None:
        """Docstring inherited."""
        self._connection.execute(_TOUCH, {"with_id": project, "last_activity_at": now, "at": now})

    def delete(self, project: ProjectId) -> None:
        """Docstring inherited."""
        self._connection.execute(
            update(projects)
            .where(projects.c.id == project, projects.c.deleted_at.is_(None))
            .values(deleted_at=projects.c.last_activity_at)
        )

    def _refuse_taken(self, project: ProjectId, name: ProjectName) -> None:
        owner = select(projects.c.entity_id).where(projects.c.id == project).scalar_subquery()
        other = self._connection.execute(
            select(projects.c.id).where(
                projects.c.entity_id == owner,
                projects.c.name == name,
                projects.c.deleted_at.is_(None),
                projects.c.id != project,
            )
        ).first()
        if other is not None:
            raise NameTaken("project", name)

    def _one(self, statement: Select[Any], values: dict[str, Any]) -> Project | None:
        row = self._connection.execute(statement, values).one_or_none()
        return None if row is None else project_of(row)


def live_projects() -> Select[Any]:
    """Projects that are there, with the names of their owners."""
    return (
        select(projects, entities.c.name.label("entity"))
        .select_from(projects.join(entities))
        .where(projects.c.deleted_at.is_(None), entities.c.deleted_at.is_(None))
    )


# Every request asks these, so they are built once.
_PROJECT_BY_NAMES = live_projects().where(
    entities.c.name == bindparam("of_entity"), projects.c.name == bindparam("with_name")
)
_PROJECT_BY_ID = live_projects().where(projects.c.id == bindparam("with_id"))
_TOUCH = update(projects).where(projects.c.id == bindparam("with_id"), projects.c.last_activity_at < bindparam("at"))
"""Sets `last_activity_at` as given."""


def _rules_row(rules: RegistryRules | None) -> dict[str, Any]:
    if rules is None:
        return {}
    return {"allows_all_types": rules.allows_all_types, "protected_aliases": rules.protected_aliases}


def project_of(row: Row[Any]) -> Project:
    """A row of `live_projects` as a value."""
    rules = None if row.allows_all_types is None else RegistryRules(row.allows_all_types, row.protected_aliases)
    return Project(
        id=ProjectId(row.id),
        entity_id=EntityId(row.entity_id),
        entity=EntityName(row.entity),
        name=ProjectName(row.name),
        description=row.description,
        visibility=Visibility(row.visibility),
        created_at=row.created_at,
        last_activity_at=row.last_activity_at,
        registry=rules,
    )
