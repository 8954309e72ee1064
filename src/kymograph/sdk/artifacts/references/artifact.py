"""Files of other artifacts: of versions that the server knows, and of drafts in this process."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from kymograph.client.placing import place
from kymograph.errors import InvalidReference, ReferenceNotFound
from kymograph.sdk.artifacts.entry import ArtifactManifestEntry
from kymograph.sdk.artifacts.references.base import ReferenceContext, Tracking
from kymograph.wire.artifact_addresses import artifact_address, find_artifact_id, split_address

if TYPE_CHECKING:
    from kymograph.sdk.artifacts.artifact import Artifact

_MAX_STEPS = 100
"""From reference to reference: more is a circle."""


class ArtifactHandler:
    """``wandb-artifact://``: a file of a version. What is tracked is where the content is in the end."""

    def __init__(self, context: ReferenceContext) -> None:
        """Take what finds artifacts."""
        self._context = context

    def track(self, tracking: Tracking) -> list[ArtifactManifestEntry]:  # noqa: D102 — docstring inherited
        artifact, entry = self._resolve(tracking.uri)
        assert artifact.id is not None
        uri = artifact_address(artifact.id, entry.path)
        return [ArtifactManifestEntry(tracking.name or _last(uri), entry.digest, ref=uri, size=0)]

    def fetch(self, entry: ArtifactManifestEntry, target: Path) -> None:  # noqa: D102 — docstring inherited
        artifact, source = self._step(str(entry.ref))
        source.parent = artifact
        target.parent.mkdir(parents=True, exist_ok=True)
        place(source.download(), target, may_share=False)

    def _resolve(self, uri: str) -> tuple[Artifact, ArtifactManifestEntry]:
        for _ in range(_MAX_STEPS):
            artifact, entry = self._step(uri)
            if entry.ref is None or find_artifact_id(entry.ref) is None:
                return artifact, entry
            uri = entry.ref
        raise InvalidReference(f"{uri} leads in a circle")

    def _step(self, uri: str) -> tuple[Artifact, ArtifactManifestEntry]:
        _, _, path = split_address(uri)
        artifact_id = find_artifact_id(uri)
        artifact = None if artifact_id is None else self._context.find_logged(artifact_id)
        entry = None if artifact is None else artifact.manifest.get_entry_by_path(path)
        if artifact is None or entry is None:
            raise ReferenceNotFound(f"there is no file of an artifact at {uri}, or you may not see it", uri=uri)
        return artifact, entry


class ClientArtifactHandler:
    """``wandb-client-artifact://``: a file of a draft; the sender writes the version's id once there is one."""

    def __init__(self, context: ReferenceContext) -> None:
        """Take what finds drafts."""
        self._context = context

    def track(self, tracking: Tracking) -> list[ArtifactManifestEntry]:  # noqa: D102 — docstring inherited
        _, client_id, path = split_address(tracking.uri)
        artifact = self._context.find_draft(client_id)
        entry = None if artifact is None else artifact.manifest.get_entry_by_path(path)
        if entry is None:
            raise ReferenceNotFound(f"no artifact of this process has the file {tracking.uri}", uri=tracking.uri)
        return [ArtifactManifestEntry(tracking.name or _last(path), entry.digest, ref=tracking.uri, size=0)]

    def fetch(self, entry: ArtifactManifestEntry, target: Path) -> None:  # noqa: D102 — docstring inherited
        raise InvalidReference(f"{entry.path} refers to an artifact that was not logged, {entry.ref}; log it first")


def _last(uri: str) -> str:
    return uri.rstrip("/").rsplit("/", 1)[-1]
