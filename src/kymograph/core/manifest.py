"""Manifests of artifacts as values, and the digest that names their content. Source: protocol.md §8."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from kymograph.core.digest import DigestAlgorithm, new_hasher
from kymograph.types import ArtifactId, Digest, FilePath, ManifestDigest

_PREAMBLE = b"wandb-artifact-manifest-v1\n"


@dataclass(frozen=True, slots=True)
class ManifestEntry:
    """One file of an artifact version."""

    path: FilePath
    digest: Digest
    """Base64 of the content's digest, or what a reference gives (ETag, URI)."""
    size_bytes: int
    ref: str | None = None
    """Where the content lives when it is not in our object store."""
    birth_artifact: ArtifactId | None = None
    """The version that first brought the bytes."""
    target: ArtifactId | None = None
    """The version that `ref` leads to, if it is one of this server (``wandb-artifact://``)."""
    algorithm: DigestAlgorithm = DigestAlgorithm.MD5
    """How the content was hashed."""


class Digested(Protocol):
    """What a manifest's digest is made of."""

    @property
    def path(self) -> str:
        """Its name in the artifact."""

    @property
    def digest(self) -> str:
        """That of its content."""


def manifest_digest(entries: Iterable[Digested], algorithm: DigestAlgorithm = DigestAlgorithm.MD5) -> ManifestDigest:
    """Digest a manifest so that equal content gives an equal artifact version.

    Args:
        entries: In any order; hashed in ascending `path` order.
        algorithm: That of the version.

    Returns:
        Lower-case hex, 32 characters; depends on paths and entry digests only.

    Source:
        protocol.md §8.2.
    """
    digest = new_hasher(algorithm, _PREAMBLE)
    for entry in sorted(entries, key=lambda entry: entry.path):
        digest.update(f"{entry.path}:{entry.digest}\n".encode())
    return ManifestDigest(digest.hexdigest())
