"""Artifact versions and collections under the access rules of their projects.

A version can be read by whoever may read the project that it was made in, or a collection that it is linked to, and
its content got by whoever may get content from one of these; it can be changed only where it was made.
"""

from __future__ import annotations

from collections.abc import Iterable

from kymograph.core.artifact import ArtifactVersion, Collection
from kymograph.errors import ArtifactNotFound, CollectionNotFound, Forbidden, ProjectNotFound
from kymograph.services.access import Access, Caller, check_project
from kymograph.storage.base import Transaction
from kymograph.types import ArtifactId, CollectionId, ProjectId


def require_artifact(tx: Transaction, caller: Caller, artifact: ArtifactId, access: Access) -> ArtifactVersion:
    """The version, in whatever state it is, if the caller may have that access to it.

    Raises:
        ArtifactNotFound: Absent, or not even readable.
        Forbidden: Readable but no more.
    """
    version = tx.artifacts.find(artifact)
    if version is None:
        raise ArtifactNotFound("(by id)")
    try:
        _check_collection(tx, caller, version.collection, access)
    except ProjectNotFound as exc:
        if not _is_linked(tx, caller, version, Access.READ):
            raise ArtifactNotFound("(by id)") from exc
        if access is Access.USE and not _is_linked(tx, caller, version, Access.USE):
            raise Forbidden("get the content of this artifact", where="the registries that it is linked to") from exc
        if access not in (Access.READ, Access.USE):
            raise Forbidden("change this artifact", where="the project that it was made in") from exc
    return version


def require_collection(tx: Transaction, caller: Caller, collection: CollectionId, access: Access) -> Collection:
    """The collection, if the caller may have that access to its project; deleted ones included.

    Raises:
        CollectionNotFound: Absent, or not even readable.
        Forbidden: Readable but no more.
    """
    found = tx.collections.find_by_id(collection)
    if found is None:
        raise CollectionNotFound("(by id)")
    try:
        _check_collection(tx, caller, found, access)
    except ProjectNotFound as exc:
        raise CollectionNotFound("(by id)") from exc
    return found


def is_readable(tx: Transaction, caller: Caller, version: ArtifactVersion) -> bool:
    """Whether the caller may see the version."""
    return _is_open(tx, caller, version, Access.READ)


def is_usable(tx: Transaction, caller: Caller, version: ArtifactVersion) -> bool:
    """Whether the caller may get the version's content."""
    return _is_open(tx, caller, version, Access.USE)


def _is_open(tx: Transaction, caller: Caller, version: ArtifactVersion, access: Access) -> bool:
    own = version.collection.project_id
    return bool(readable_projects(tx, caller, [own], access)) or _is_linked(tx, caller, version, access)


def readable_projects(
    tx: Transaction, caller: Caller, projects: Iterable[ProjectId], access: Access = Access.READ
) -> set[ProjectId]:
    """Those of the projects that the caller may read, or has that access to."""
    readable = set()
    for project in projects:
        try:
            check_project(tx, caller, tx.projects.find_by_id(project), access, named="(by id)")
        except (ProjectNotFound, Forbidden):
            continue
        readable.add(project)
    return readable


def _check_collection(tx: Transaction, caller: Caller, collection: Collection, access: Access) -> None:
    project = tx.projects.find_by_id(collection.project_id)
    check_project(tx, caller, project, access, named=f"{collection.entity}/{collection.project}")


def _is_linked(tx: Transaction, caller: Caller, version: ArtifactVersion, access: Access) -> bool:
    places, _ = tx.memberships.list_of(version.id)
    projects = {place.collection.project_id for place in places if place.is_link}
    return bool(readable_projects(tx, caller, projects, access))
