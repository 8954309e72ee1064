"""Artifacts of a run that is read back."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Literal

from kymograph.client.artifact_uploads import ArtifactUploadClient
from kymograph.client.artifact_values import RemoteArtifact
from kymograph.client.runs import RunAddress
from kymograph.errors import InvalidArtifact
from kymograph.sdk.api.either import M
from kymograph.sdk.api.session import ApiSession
from kymograph.sdk.artifacts.pages import Pages

if TYPE_CHECKING:
    from kymograph.sdk.artifacts.artifact import Artifact


def of_run(
    session: ApiSession[M], at: RunAddress, which: Literal["logged", "used"], *, per_page: int
) -> Pages[Artifact]:
    """Versions that a run made or used."""
    direction = {"logged": "output", "used": "input"}[which]
    from kymograph.sdk.artifacts.version import ServerVersion, artifact_of

    artifacts = session.artifacts

    def made(remote: RemoteArtifact) -> Artifact:
        return artifact_of(ServerVersion.of_source(artifacts, remote))

    return Pages(lambda cursor: artifacts.artifacts.of_run(at, direction, cursor=cursor, per_page=per_page), made)


def use(session: ApiSession[M], at: RunAddress, artifact: Artifact) -> Artifact:
    """Note that a run has used a version."""
    check_logged(artifact)
    session.artifacts.artifacts.use(str(artifact.id), at, found_in=(artifact.entity, artifact.project))
    return artifact


def log(
    session: ApiSession[M], at: RunAddress, artifact: Artifact, *, aliases: Collection[str], tags: Collection[str]
) -> Artifact:
    """Note that a run has made a version."""
    check_logged(artifact)
    if (artifact.source_entity, artifact.source_project) != (at.entity, at.project):
        raise InvalidArtifact("A run can't log an artifact to a different project.")
    name = artifact.source_name.partition(":")[0]
    given = {
        "entityName": at.entity,
        "projectName": at.project,
        "runName": at.run_id,
        "artifactTypeName": artifact.type,
        "artifactCollectionName": name,
        "digest": artifact.digest,
        "aliases": [{"artifactCollectionName": name, "alias": alias} for alias in aliases],
        "enableDigestDeduplication": True,
    }
    if tags:
        given["tags"] = [{"tagName": tag} for tag in tags]
    ArtifactUploadClient(session.artifacts.client, session.artifacts.artifacts).begin(given)
    return artifact


def check_logged(artifact: Artifact) -> None:
    """See whether something is a version that a server has.

    Raises:
        InvalidArtifact: It is none, or not yet one.
    """
    if not hasattr(artifact, "is_draft"):
        raise InvalidArtifact("You must pass an artifact that api.artifact() gave")
    if artifact.is_draft():
        raise InvalidArtifact("Only existing artifacts are accepted here; log this one first, in a run")
