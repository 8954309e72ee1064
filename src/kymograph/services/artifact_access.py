"""Artifact versions and collections under the access rules of their projects."""

from __future__ import annotations

from kymograph.core.artifact import ArtifactVersion, Collection
from kymograph.errors import ArtifactNotFound, CollectionNotFound, ProjectNotFound
from kymograph.services.access import Access, Caller, check_project
from kymograph.storage.base import Transaction
from kymograph.types import ArtifactId, CollectionId


def require_artifact(tx: Transaction, caller: Caller, artifact: ArtifactId, access: Access) -> ArtifactVersion:
    """The version, in whatever state it is, if the caller may have that access to its project.

    Raises:
        ArtifactNotFound: Absent, or not even readable.
        Forbidden: Readable but no more.
    """
    version = tx.artifacts.find(artifact)
    if version is None:
        raise ArtifactNotFound("(by id)")
    project = tx.projects.find_by_id(version.collection.project_id)
    try:
        check_project(tx, caller, project, access, named=f"{version.collection.entity}/{version.collection.project}")
    except ProjectNotFound as exc:
        raise ArtifactNotFound("(by id)") from exc
    return version


def require_collection(tx: Transaction, caller: Caller, collection: CollectionId, access: Access) -> Collection:
    """The collection, if the caller may have that access to its project.

    Raises:
        CollectionNotFound: Absent, or not even readable.
        Forbidden: Readable but no more.
    """
    found = tx.collections.find_by_id(collection)
    if found is None:
        raise CollectionNotFound("(by id)")
    project = tx.projects.find_by_id(found.project_id)
    try:
        check_project(tx, caller, project, access, named=f"{found.entity}/{found.project}")
    except ProjectNotFound as exc:
        raise CollectionNotFound("(by id)") from exc
    return found


def is_readable(tx: Transaction, caller: Caller, version: ArtifactVersion) -> bool:
    """Whether the caller may see the version."""
    try:
        require_artifact(tx, caller, version.id, Access.READ)
    except ArtifactNotFound:
        return False
    return True
