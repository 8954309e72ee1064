"""Who may do what: the only place that decides."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from kymograph.core.accounts import Entity, EntityKind, Role, User, highest
from kymograph.core.project import Project, Visibility
from kymograph.core.run import Run
from kymograph.errors import EntityNotFound, Forbidden, ProjectNotFound, RunDeleted, RunNotFound
from kymograph.storage.base import Transaction
from kymograph.types import EntityId, EntityName, ProjectId


class Access(StrEnum):
    """What a caller wants to do with an entity, its projects and their runs."""

    READ = "read"
    """To see what there is."""
    USE = "use"
    """To get the content of artifacts, too: all who may read may, but for the restricted viewers of a registry."""
    WRITE = "write"
    ADMINISTER = "administer"


_NEEDED_ROLE = {
    Access.READ: Role.RESTRICTED_VIEWER,
    Access.USE: Role.VIEWER,
    Access.WRITE: Role.MEMBER,
    Access.ADMINISTER: Role.ADMIN,
}


@dataclass(frozen=True, slots=True)
class Caller:
    """The signed-in user behind a request."""

    user: User

    @property
    def default_entity(self) -> EntityName:
        """The entity meant when none is named."""
        return self.user.default_entity


def role_in(tx: Transaction, caller: Caller, entity: Entity) -> Role | None:
    """The caller's role in an entity; server administrators have every role, organization admins that of its teams."""
    return _direct_role(tx, caller, entity.id) or _role_by_organization(tx, caller, entity)


def _direct_role(tx: Transaction, caller: Caller, entity: EntityId) -> Role | None:
    return Role.ADMIN if caller.user.is_admin else tx.accounts.find_role(entity, caller.user.id)


def _role_by_organization(tx: Transaction, caller: Caller, entity: Entity) -> Role | None:
    if entity.organization_id is None:
        return None
    role = tx.accounts.find_role(entity.organization_id, caller.user.id)
    return Role.ADMIN if role is Role.ADMIN else None


def require_entity(tx: Transaction, caller: Caller, name: str | None, access: Access) -> Entity:
    """The entity, if the caller has that access; an empty name means the caller's default entity.

    Raises:
        EntityNotFound: Absent, or not even readable: existence is not given away.
        Forbidden: Readable but no more.
    """
    entity = tx.accounts.find_entity(name or caller.default_entity)
    role = role_in(tx, caller, entity) if entity is not None else None
    if entity is None or role is None:
        raise EntityNotFound(name or caller.default_entity)
    if not role.includes(_NEEDED_ROLE[access]):
        raise Forbidden(f"{access} things", where=f"entity {entity.name!r}")
    return entity


def find_visible_entity(tx: Transaction, caller: Caller, name: str | None) -> Entity | None:
    """An entity that the caller may know of; that says nothing of what may be read in it.

    Those are the entities that the caller has a role in, and the organizations of the caller's teams and registries.
    """
    entity = tx.accounts.find_entity(name or caller.default_entity)
    if entity is None or role_in(tx, caller, entity) is not None:
        return entity
    if entity.kind is EntityKind.ORGANIZATION and entity.id in tx.registries.list_organizations_of(caller.user.id):
        return entity
    return None


def registry_roles(tx: Transaction, caller: Caller, registries: Sequence[Project]) -> dict[ProjectId, Role]:
    """The caller's role in each registry of one organization; those that the caller must not know of are left out.

    Administrators of the server and of the organization administer all of them. Otherwise the highest of three counts:
    the role of the caller alone, those of the caller's teams, and in a registry that is not restricted, that of a
    viewer for all people of the organization and its teams, or for everybody if it is public.
    Source: protocol.md §10.
    """
    if not registries:
        return {}
    organization = registries[0].entity_id
    role = _direct_role(tx, caller, organization)
    if role is Role.ADMIN:
        return {registry.id: Role.ADMIN for registry in registries}
    is_of_organization = role is not None or tx.registries.is_in_team_of(organization, caller.user.id)
    held = tx.registries.roles_of(caller.user.id, [registry.id for registry in registries])
    found = {}
    for registry in registries:
        is_public = registry.visibility is Visibility.PUBLIC
        may_look = is_public or (is_of_organization and registry.visibility is Visibility.PRIVATE)
        known = highest(held.get(registry.id), Role.VIEWER if may_look else None)
        if known is not None:
            found[registry.id] = known
    return found


def check_project(tx: Transaction, caller: Caller, project: Project | None, access: Access, *, named: str) -> Project:
    """The project, if the caller has that access.

    Raises:
        ProjectNotFound: Absent, or not even readable.
        Forbidden: Readable but no more.
    """
    if project is None:
        raise ProjectNotFound(named)
    role = role_in_project(tx, caller, project)
    if role is not None and role.includes(_NEEDED_ROLE[access]):
        return project
    if role is None and project.visibility is not Visibility.PUBLIC:
        raise ProjectNotFound(named)
    if access is Access.READ or (role is None and access is Access.USE):
        return project
    raise Forbidden(f"{access} things", where=f"project {named!r}")


def role_in_project(tx: Transaction, caller: Caller, project: Project) -> Role | None:
    """The caller's role in a project: in a registry its own, elsewhere that in the entity."""
    if project.registry is not None:
        return registry_roles(tx, caller, [project]).get(project.id)
    role = _direct_role(tx, caller, project.entity_id)
    if role is None:
        # Only then: nearly all who ask are members, and every request of a training passes here.
        entity = tx.accounts.find_entity_by_id(project.entity_id)
        role = _role_by_organization(tx, caller, entity) if entity is not None else None
    return role


def require_project(tx: Transaction, caller: Caller, entity: str | None, name: str, access: Access) -> Project:
    """Look a project up by name and check access; see `check_project`."""
    owner = entity or caller.default_entity
    return check_project(tx, caller, tx.projects.find(owner, name), access, named=f"{owner}/{name}")


def require_run(
    tx: Transaction,
    caller: Caller,
    entity: str | None,
    project: str,
    run: str,
    access: Access,
    *,
    lock: bool = False,
) -> tuple[Project, Run]:
    """Look a run up by its address and check access; `lock` is that of `RunStore.find`.

    Raises:
        ProjectNotFound: See `check_project`.
        RunNotFound: The project has no such run.
        RunDeleted: It had one.
        Forbidden: Readable but no more.
    """
    found_project = require_project(tx, caller, entity, project, access)
    found = tx.runs.find(found_project.id, run, lock=lock)
    if found is None:
        if access is Access.WRITE and tx.runs.is_deleted(found_project.id, run):
            raise RunDeleted(run)
        raise RunNotFound(run, within=f"{found_project.entity}/{found_project.name}")
    return found_project, found


def check_run(tx: Transaction, caller: Caller, run: Run | None, access: Access, *, named: str) -> Run:
    """The run, if the caller may have that access to its project.

    Raises:
        RunNotFound: Absent, or not even readable.
        Forbidden: Readable but no more.
    """
    if run is None:
        raise RunNotFound(named)
    project = tx.projects.find_by_id(run.project_id)
    try:
        check_project(tx, caller, project, access, named=f"{run.entity}/{run.project}")
    except ProjectNotFound as exc:
        raise RunNotFound(named) from exc
    return run
