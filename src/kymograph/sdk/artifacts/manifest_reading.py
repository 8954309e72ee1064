"""The manifest of a version, read from its server.

A manifest may have a million entries: it is read entry by entry, so that there is never more of it in memory than its
text and the entries themselves.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kymograph.client.artifacts import ArtifactClient
from kymograph.client.transfers import Transfers
from kymograph.core.artifact_rules import check_entry_path
from kymograph.core.digest import DigestAlgorithm
from kymograph.errors import InvalidArtifact, ManifestCorrupt
from kymograph.sdk.artifacts.entry import ArtifactManifestEntry
from kymograph.sdk.artifacts.manifest import ArtifactManifest
from kymograph.types import JsonObject
from kymograph.wire.manifest_stream import read_manifest


def fetch_manifest(
    artifacts: ArtifactClient,
    transfers: Transfers,
    artifact_id: str,
    *,
    name: str,
    note: Callable[[bytearray], object],
) -> ArtifactManifest:
    """The manifest of a version.

    Args:
        artifacts: Of the server.
        transfers: Fetches the document.
        artifact_id: Of the version.
        name: For messages.
        note: Is shown the document.

    Raises:
        ArtifactNotFound: There is no such version, or it has no manifest.
        ManifestCorrupt: It cannot be read; no entry of it may leave its folder.
    """
    document = bytearray()
    transfers.get(artifacts.manifest_url(artifact_id), document.extend)
    note(document)
    return parse_manifest(document, name=name)


def parse_manifest(document: bytes | bytearray, *, name: str) -> ArtifactManifest:
    """Read a manifest document.

    Args:
        document: The bytes; a `bytearray` is emptied on the way, to save memory.
        name: Of the artifact, for messages.

    Raises:
        ManifestCorrupt: It cannot be read; no entry of it may leave its folder.
    """
    entries: dict[str, ArtifactManifestEntry] = {}
    shared: dict[str, str] = {}
    """One text for equal ones: most entries come from the same few versions."""
    head, items = read_manifest(document, artifact=name)
    algorithm = DigestAlgorithm.MD5
    for path, form in items:
        try:
            entry = _entry(check_entry_path(path), form, shared)
        except (InvalidArtifact, AttributeError, KeyError, TypeError, ValueError) as exc:
            raise ManifestCorrupt(name, problem=f"entry {path[:80]!r} cannot be read: {exc}") from exc
        if entry.extra and entry.digest_algorithm() is DigestAlgorithm.XXH128:
            algorithm = DigestAlgorithm.XXH128
        entries[entry.path] = entry
    manifest = ArtifactManifest(digest_algorithm=algorithm)
    manifest.entries = entries
    config = head.get("storagePolicyConfig")
    manifest.policy = dict(config) if isinstance(config, dict) else {}
    return manifest


def _entry(path: str, form: JsonObject, shared: dict[str, str]) -> ArtifactManifestEntry:
    birth: Any = form.get("birthArtifactID")
    ref: Any = form.get("ref")
    size: Any = form.get("size")
    extra: Any = form.get("extra")
    return ArtifactManifestEntry(
        path,
        str(form["digest"]),
        ref=ref or None,
        birth_artifact_id=shared.setdefault(birth, birth) if birth else None,
        size=int(size) if size is not None else None,
        extra=dict(extra) if extra else {},
    )
