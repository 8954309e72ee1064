"""Projects."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from kymograph.core.accounts import Role
from kymograph.core.names import parse_project_name
from kymograph.core.project import REGISTRY_PREFIX, Project, ProjectStats, Visibility
from kymograph.errors import EntityNotFound, InvalidName, InvalidSetting, NameTaken, ProjectNotFound
from kymograph.services.access import (
    Access,
    Caller,
    check_project,
    find_visible_entity,
    require_entity,
    require_project,
    role_in,
    role_in_project,
)
from kymograph.services.artifact_space import delete_versions
from kymograph.services.registry_rules import refuse_registry_name
from kymograph.storage.base import Database, Transaction
from kymograph.storage.space.base import Sized
from kymograph.types import ProjectId

DEFAULT_PROJECT = "uncategorized"
"""Where runs go when no project is named. Source: protocol.md §4.2."""


@dataclass(frozen=True, slots=True)
class ProjectPage:
    """Some projects with their counts."""

    projects: list[tuple[Project, ProjectStats]]
    total: int


def find_or_create_project(
    tx: Transaction, caller: Caller, entity: str | None, name: str | None, now: datetime
) -> Project:
    """The named project, made on first use if the caller may write to its entity.

    Raises:
        EntityNotFound: No such entity, or not the caller's.
        Forbidden: The caller may only read there.
        InvalidName: A new project's name breaks the rules, or is that of a registry.
    """
    owner = entity or caller.default_entity
    known = tx.projects.find(owner, name or DEFAULT_PROJECT)
    if known is None or known.registry is not None:
        refuse_registry_name(name or DEFAULT_PROJECT)
    if known is not None:
        return require_project(tx, caller, owner, name or DEFAULT_PROJECT, Access.WRITE)
    target = require_entity(tx, caller, owner, Access.WRITE)
    return tx.projects.create(target, parse_project_name(name or DEFAULT_PROJECT), now=now)


class ProjectService:
    """Lists, makes and edits projects."""

    def __init__(self, database: Database, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._clock = clock

    def get(self, caller: Caller, entity: str | None, name: str) -> Project:
        """One project.

        Raises:
            ProjectNotFound: Absent or not readable.
        """
        return self._database.read(lambda tx: require_project(tx, caller, entity, name, Access.READ))

    def find(self, caller: Caller, entity: str | None, name: str) -> Project | None:
        """One project, None when absent or not readable."""
        try:
            return self.get(caller, entity, name)
        except ProjectNotFound:
            return None

    def stats(self, projects: Sequence[Project]) -> dict[Project, ProjectStats]:
        """Counts of projects that the caller has got already."""
        found = self._database.read(lambda tx: tx.projects.stats([project.id for project in projects], self._clock()))
        return {project: found[project.id] for project in projects}

    def list(
        self, caller: Caller, *, entity: str | None = None, search: str = "", limit: int = 100, offset: int = 0
    ) -> ProjectPage:
        """Projects of one entity or of all the caller's, newest activity first; registries are listed elsewhere.

        Raises:
            EntityNotFound: No such entity, or not readable.
        """

        def job(tx: Transaction) -> ProjectPage:
            if entity is not None:
                owner = find_visible_entity(tx, caller, entity)
                if owner is None:
                    raise EntityNotFound(entity)
                entities = [owner.id] if role_in(tx, caller, owner) is not None else []
            else:
                entities = [member.entity.id for member in tx.accounts.list_memberships(caller.user.id)]
            projects, total = tx.projects.list(entities, search=search, limit=limit, offset=offset)
            stats = tx.projects.stats([project.id for project in projects], self._clock())
            return ProjectPage([(project, stats[project.id]) for project in projects], total)

        return self._database.read(job)

    def put(
        self,
        caller: Caller,
        entity: str | None,
        name: str,
        *,
        description: str | None = None,
        visibility: Visibility | None = None,
    ) -> tuple[Project, bool]:
        """Create a project or change it; also tells whether it was created.

        Raises:
            Forbidden: The caller may only read there; or asks for another visibility and is no administrator.
            EntityNotFound: No such entity, or not the caller's.
            InvalidName: A new project's name breaks the rules, or is that of a registry.
            InvalidSetting: Only registries can be restricted.
        """
        if visibility is Visibility.RESTRICTED:
            raise InvalidSetting("access", "RESTRICTED", rule="only registries can be restricted to their members")

        def job(tx: Transaction) -> tuple[Project, bool]:
            existed = tx.projects.find(entity or caller.default_entity, name) is not None
            project = find_or_create_project(tx, caller, entity, name, self._clock())
            if visibility is not None and visibility is not project.visibility:
                require_project(tx, caller, project.entity, project.name, Access.ADMINISTER)
            if description is not None or visibility is not None:
                tx.projects.update(project.id, description=description, visibility=visibility)
            return require_project(tx, caller, project.entity, project.name, Access.READ), not existed

        return self._database.write(job)

    def rename(self, caller: Caller, entity: str | None, name: str, new_name: str) -> Project:
        """Give a project another name.

        Raises:
            NameTaken: The entity has a project of that name.
            InvalidName: Not a name for a project, or for a registry, if it is one.
        """
        parsed = parse_project_name(new_name)

        def job(tx: Transaction) -> Project:
            project = require_project(tx, caller, entity, name, Access.ADMINISTER)
            if project.registry is None:
                refuse_registry_name(parsed)
            elif not parsed.startswith(REGISTRY_PREFIX):
                raise InvalidName("registry name", parsed, rule=f"it begins with {REGISTRY_PREFIX}")
            if tx.projects.find(project.entity, parsed) is not None:
                raise NameTaken("project", parsed)
            tx.projects.update(project.id, name=parsed)
            return require_project(tx, caller, project.entity, parsed, Access.READ)

        return self._database.write(job)

    def is_read_only(self, caller: Caller, project: Project) -> bool:
        """Whether the caller can only look at a project (got already)."""
        role = self._database.read(lambda tx: role_in_project(tx, caller, project))
        return role is None or not role.includes(Role.MEMBER)

    def delete_by_id(self, caller: Caller, project: ProjectId) -> None:
        """Remove a project, or a registry with its collections; what was linked into it stays where it was made.

        Raises:
            ProjectNotFound: Absent or not readable.
            Forbidden: The caller does not administer it.
        """
        self._delete(
            lambda tx: check_project(tx, caller, tx.projects.find_by_id(project), Access.ADMINISTER, named="(by id)")
        )

    def delete(self, caller: Caller, entity: str | None, name: str) -> None:
        """Remove a project with everything in it. Errors as those of `delete_by_id`."""
        self._delete(lambda tx: require_project(tx, caller, entity, name, Access.ADMINISTER))

    def _delete(self, require: Callable[[Transaction], Project]) -> None:
        def find(tx: Transaction) -> tuple[Project, list[Sized]]:
            project = require(tx)
            return project, tx.choices.choose_all(project.id)

        project, versions = self._database.read(find)
        # Most of it in portions, since others wait for each; the last transaction finds what came meanwhile.
        delete_versions(self._database, versions, self._clock, unless_linked=True)

        def job(tx: Transaction) -> None:
            tx.moves.lock([project.id])
            require(tx)
            rest = [one.artifact for one in tx.choices.choose_all(project.id)]
            tx.moves.delete(rest, self._clock(), unless_linked=True)
            tx.projects.delete(project.id)

        self._database.write(job)
