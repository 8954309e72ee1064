"""Artifact manifests (version 1) and their digests. Source: protocol.md §8."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from kymograph.core import exact_json
from kymograph.core.names import parse_file_path
from kymograph.errors import InvalidName, ManifestCorrupt
from kymograph.types import Digest, FilePath, JsonObject, ManifestDigest

MANIFEST_VERSION = 1
_PREAMBLE = b"wandb-artifact-manifest-v1\n"


@dataclass(frozen=True, slots=True)
class ManifestEntry:
    """One file of an artifact version."""

    path: FilePath
    digest: Digest
    """Base64 MD5 of the content, or what a reference gives (ETag, URI)."""
    size_bytes: int
    ref: str | None = None
    """Where the content lives when it is not in our object store."""
    birth_artifact_id: str | None = None
    """GraphQL id of the version that first brought the bytes."""


def parse_manifest(text: bytes, *, artifact: str) -> list[ManifestEntry]:
    """Read a manifest document.

    Args:
        text: The document.
        artifact: Name for error messages.

    Raises:
        ManifestCorrupt: Not a version 1 manifest, or with entries that could not be stored.
    """
    try:
        document = exact_json.loads(text)
    except ValueError as exc:
        raise ManifestCorrupt(artifact, problem=f"not JSON: {exc}") from exc
    if not isinstance(document, dict) or document.get("version") != MANIFEST_VERSION:
        raise ManifestCorrupt(artifact, problem=f"expected a version {MANIFEST_VERSION} manifest")
    contents = document.get("contents")
    if not isinstance(contents, dict):
        raise ManifestCorrupt(artifact, problem="contents must be an object")
    return [_parse_entry(path, entry, artifact=artifact) for path, entry in contents.items()]


def manifest_digest(entries: Iterable[ManifestEntry]) -> ManifestDigest:
    """Digest a manifest so that equal content gives an equal artifact version.

    Args:
        entries: In any order; hashed in ascending `path` order.

    Returns:
        Lower-case hex MD5, 32 characters; depends on paths and entry digests only.

    Source:
        protocol.md §8.2.
    """
    digest = hashlib.md5(_PREAMBLE, usedforsecurity=False)
    for entry in sorted(entries, key=lambda entry: entry.path):
        digest.update(f"{entry.path}:{entry.digest}\n".encode())
    return ManifestDigest(digest.hexdigest())


def hex_digest(digest: Digest) -> str:
    """Base64 to hex, as download addresses have it."""
    return base64.b64decode(digest).hex()


def base64_digest(hexdigest: str) -> Digest:
    """Hex to base64."""
    return Digest(base64.b64encode(bytes.fromhex(hexdigest)).decode())


def _parse_entry(path: str, entry: object, *, artifact: str) -> ManifestEntry:
    if not isinstance(entry, dict):
        raise ManifestCorrupt(artifact, problem=f"entry {path[:80]!r} must be an object")
    fields: JsonObject = entry
    digest, size, ref, birth = (fields.get(key) for key in ("digest", "size", "ref", "birthArtifactID"))
    if not isinstance(digest, str):
        raise ManifestCorrupt(artifact, problem=f"entry {path[:80]!r} has no digest")
    try:
        name = parse_file_path(path)
    except InvalidName as exc:
        raise ManifestCorrupt(artifact, problem=str(exc)) from exc
    return ManifestEntry(
        path=name,
        digest=Digest(digest),
        size_bytes=size if isinstance(size, int) and size >= 0 else 0,
        ref=ref if isinstance(ref, str) else None,
        birth_artifact_id=birth if isinstance(birth, str) else None,
    )
