"""What registries ask of those who link into them: checks for all services that touch collections."""

from __future__ import annotations

from collections.abc import Iterable

from kymograph.core.accounts import Role
from kymograph.core.project import REGISTRY_PREFIX, Project
from kymograph.errors import Forbidden, InvalidName, LinkRefused
from kymograph.services.access import Caller, role_in_project
from kymograph.storage.base import Transaction


def refuse_registry_name(name: str) -> None:
    """Check that something may be made in a project of that name, or under it.

    Raises:
        InvalidName: Only registries have such names.
    """
    if name.startswith(REGISTRY_PREFIX):
        raise InvalidName(
            "project name",
            name,
            rule=f"names that begin with {REGISTRY_PREFIX} are those of registries; "
            "make runs and artifacts elsewhere, and link versions into the registry",
        )


def check_link(tx: Transaction, project: Project, collection: str, type_name: str) -> None:
    """Check that a project takes links to versions of a type.

    Raises:
        LinkRefused: It is a registry that does not.
    """
    if project.registry is None or project.registry.allows_all_types:
        return
    allowed = tx.registries.list_types(project.id)
    if type_name not in allowed:
        listed = ", ".join(repr(name) for name in allowed) or "none yet"
        raise LinkRefused(
            f"{project.path}/{collection}",
            reason=f"the registry takes no versions of type {type_name!r} (its types: {listed}); "
            "one of its administrators can add the type",
        )


def check_aliases(tx: Transaction, caller: Caller, project: Project | None, aliases: Iterable[str]) -> None:
    """Check that the caller may set aliases in a project, or take them away.

    Raises:
        Forbidden: One is protected in the registry, and the caller does not administer it.
    """
    if project is None or project.registry is None:
        return
    protected = sorted(set(project.registry.protected_aliases).intersection(aliases))
    if protected and role_in_project(tx, caller, project) is not Role.ADMIN:
        raise Forbidden(f"set or remove the protected alias {protected[0]!r}", where=f"registry {project.path!r}")
