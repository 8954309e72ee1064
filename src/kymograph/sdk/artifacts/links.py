"""Versions linked into other collections: of a project, or of a registry."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from kymograph.client.artifact_values import CollectionAddress, RemoteArtifact
from kymograph.client.artifacts import REGISTRY_PREFIX
from kymograph.core.artifact_rules import check_aliases
from kymograph.errors import InvalidArtifact
from kymograph.sdk.artifacts.folders import current_settings
from kymograph.sdk.artifacts.session import Session

if TYPE_CHECKING:
    from kymograph.sdk.artifacts.artifact import Artifact

DEFAULT_PROJECT = "uncategorized"


def parse_target(path: str) -> tuple[str, str, str]:
    """Entity or organization, project and collection of ``[entity/]project/collection``; empty where not said.

    Raises:
        InvalidArtifact: It is no such path.
    """
    parts = path.strip("/").split("/")
    if not 1 <= len(parts) <= 3 or not all(parts) or ":" in path:
        raise InvalidArtifact(
            f"{path!r} names no collection: write '[entity/]project/collection', or "
            f"'[organization/]{REGISTRY_PREFIX}<registry>/<collection>'"
        )
    entity, project, name = [""] * (3 - len(parts)) + parts
    return entity, project, name


def link(session: Session, source: RemoteArtifact, target_path: str, aliases: Iterable[str]) -> Artifact:
    """Put a version into another collection; gives the link.

    Args:
        session: With the server.
        source: The version.
        target_path: ``[entity/]project/collection`` or ``[organization/]wandb-registry-<name>/<collection>``.
        aliases: Of the link.

    Raises:
        InvalidArtifact: That is no such path, or an alias is not allowed.
        UnknownOrganization: It cannot be told whose registry is meant.
        KymographError: The server refuses it.
    """
    from kymograph.sdk.artifacts.version import ServerVersion, artifact_of

    owner, project, name = parse_target(target_path)
    settings = current_settings()
    project = project or settings.project or DEFAULT_PROJECT
    if project.startswith(REGISTRY_PREFIX):
        # Whose registries: those of the organization that the version's own team is part of.
        owner = session.artifacts.organization_entity(source.source.entity, owner or settings.organization or None)
    target = CollectionAddress(owner or source.source.entity, project, name)
    place = session.artifacts.link(target, check_aliases(list(aliases)), artifact_id=source.id)
    if place.artifact is None and place.version_index is not None:
        return session.artifact_by_name(target.entity, target.project, f"{name}:v{place.version_index}")
    return artifact_of(ServerVersion.of_membership(session, replace(place, artifact=place.artifact or source)))
