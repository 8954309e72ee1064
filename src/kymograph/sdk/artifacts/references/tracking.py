"""Addresses of unknown kinds: noted as they are."""

from __future__ import annotations

from pathlib import Path

from kymograph.errors import InvalidReference
from kymograph.sdk.artifacts.entry import ArtifactManifestEntry
from kymograph.sdk.artifacts.references.base import Tracking
from kymograph.sdk.artifacts.voice import current_voice
from kymograph.wire.artifact_addresses import split_address


class TrackingHandler:
    """Notes addresses and knows nothing of what is there."""

    def track(self, tracking: Tracking) -> list[ArtifactManifestEntry]:  # noqa: D102 — docstring inherited
        if not tracking.name:
            raise InvalidReference(
                f'You must pass name="<entry_name>" when tracking references with unknown schemes. ref: {tracking.uri}'
            )
        current_voice().warn(f"Artifact references with unsupported schemes cannot be checksummed: {tracking.uri}")
        return [tracking.unchecked(tracking.uri, tracking.name)]

    def fetch(self, entry: ArtifactManifestEntry, target: Path) -> None:  # noqa: D102 — docstring inherited
        scheme, _, _ = split_address(entry.ref or "")
        raise InvalidReference(f"Cannot download file at path {entry.ref}, scheme {scheme} not recognized")
