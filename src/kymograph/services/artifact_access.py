"""Artifact versions and collections under the access rules of their projects.

A version can be read by whoever may read the project that it was made in, or a collection that it is linked to; it can
be changed only where it was made.
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
        if not _is_linked_to_readable(tx, caller, version):
            raise ArtifactNotFound("(by id)") from exc
        if access is not Access.READ:
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
    return bool(readable_projects(tx, caller, [version.collection.project_id])) or _is_linked_to_readable(
        tx, caller, version
    )


def readable_projects(tx: Transaction, caller: Caller, projects: Iterable[ProjectId]) -> set[ProjectId]:
    """Those of the projects that the caller may read."""
    readable = set()
    for project in projects:
        try:
            check_project(tx, caller, tx.projects.find_by_id(project), Access.READ, named="(by id)")
        except ProjectNotFound:
            continue
        readable.add(project)
    return readable


def _check_collection(tx: Transaction, caller: Caller, collection: Collection, access: Access) -> None:
    project = tx.projects.find_by_id(collection.project_id)
    check_project(tx, caller, project, access, named=f"{collection.entity}/{collection.project}")


def _is_linked_to_readable(tx: Transaction, caller: Caller, version: ArtifactVersion) -> bool:
    places, _ = tx.memberships.list_of(version.id)
    projects = {place.collection.project_id for place in places if place.is_link}
    return bool(readable_projects(tx, caller, projects))
