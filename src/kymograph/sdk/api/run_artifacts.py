"""What runs that are read back have to do with artifacts."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING

from kymograph.client import artifact_lookups, public_reads
from kymograph.client.artifact_uploads import ALGORITHM_FEATURE
from kymograph.client.artifact_values import ArtifactRun
from kymograph.client.carriers import Carrier
from kymograph.client.operations import Operation, together
from kymograph.client.runs import RunAddress
from kymograph.core.artifact import split_artifact_name
from kymograph.core.artifact_rules import check_aliases, check_tags
from kymograph.core.digest import DigestAlgorithm
from kymograph.errors import InvalidArtifact, RunNotFound
from kymograph.sdk.api.either import M, Sync
from kymograph.sdk.api.session import ApiSession
from kymograph.sdk.artifacts.folders import current_settings
from kymograph.types import JsonObject

if TYPE_CHECKING:
    from kymograph.sdk.api.run import Run
    from kymograph.sdk.artifacts.artifact import Artifact
    from kymograph.sdk.artifacts.session import Session


def use(session: ApiSession[M], at: RunAddress, artifact: Artifact) -> Operation[Artifact]:
    """Note that a run has used a version.

    Raises:
        InvalidArtifact: It is none yet.
    """
    artifact_id = _logged_id(artifact)
    tells_place = yield from session.offers(artifact_lookups.USE_FEATURE)
    found_in = (artifact.entity, artifact.project) if tells_place else None
    yield from artifact_lookups.use(artifact_id, at, found_in=found_in)
    return artifact


def log(
    session: ApiSession[M],
    at: RunAddress,
    artifact: Artifact,
    *,
    aliases: Collection[str] | str,
    tags: Collection[str] | str,
) -> Operation[Artifact]:
    """Note that a run has made a version.

    Raises:
        InvalidArtifact: It is none yet, or of another project.
    """
    artifact_id, algorithm = _logged_id(artifact), DigestAlgorithm.MD5
    if (artifact.source_entity, artifact.source_project) != (at.entity, at.project):
        raise InvalidArtifact("A run can't log an artifact to a different project.")
    if (yield from session.offers(ALGORITHM_FEATURE)):
        algorithm = yield from artifact_lookups.algorithm_of(artifact_id)
    yield from artifact_lookups.log(
        at,
        split_artifact_name(artifact.source_name)[0],
        artifact.type,
        artifact.digest,
        algorithm=algorithm,
        aliases=check_aliases(aliases),
        tags=check_tags(tags),
    )
    return artifact


def _logged_id(artifact: Artifact) -> str:
    """The id of what is a version that a server has."""
    if not hasattr(artifact, "is_draft"):
        raise InvalidArtifact("You must pass an artifact that api.artifact() gave")
    if artifact.is_draft() or artifact.id is None:
        raise InvalidArtifact("Only existing artifacts are accepted here; log this one first, in a run")
    return artifact.id


def read_runs(session: Session, runs: Iterable[ArtifactRun]) -> list[Run[Sync]]:
    """Runs that made or used a version, as an `Api` gives them; without those that are gone meanwhile."""
    from kymograph.sdk.api.run import Run

    reader = ApiSession[Sync](
        Carrier(session.client), current_settings(), base_url=session.client.base_url, app_url=session.app_url
    )
    places = [RunAddress(run.entity, run.project, run.run_id) for run in runs]
    nodes = reader.perform(together(_find_node(at) for at in places))
    return [Run(reader, at, node, is_light=True) for at, node in zip(places, nodes, strict=True) if node is not None]


def _find_node(at: RunAddress) -> Operation[JsonObject | None]:
    try:
        return (yield from public_reads.run(at, is_light=True))
    except RunNotFound:
        return None
