"""A folder beside what a manifest says is in it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass

from kymograph.client.parallel import in_parallel
from kymograph.errors import InvalidArtifact
from kymograph.sdk.artifacts.entry import ArtifactManifestEntry
from kymograph.sdk.artifacts.hashing import hash_file
from kymograph.sdk.artifacts.manifest import ArtifactManifest
from kymograph.sdk.artifacts.voice import current_voice


def remove_others(root: str, manifest: ArtifactManifest) -> None:
    """Delete every file that is none of the manifest's.

    Raises:
        OSError: One cannot be deleted.
    """
    for path in list(_iter_others(root, manifest)):
        os.remove(path)


def verify_folder(root: str, manifest: ArtifactManifest, *, name: str) -> None:
    """Check that a folder holds exactly the files of a manifest. References are passed over, with a warning.

    Args:
        root: The folder.
        manifest: What is to be there.
        name: Of the artifact, for messages.

    Raises:
        InvalidArtifact: There is another file, or one has other content.
        FileNotFoundError: One is missing.
    """
    for path in _iter_others(root, manifest):
        raise InvalidArtifact(f"Found file {path} which is not a member of artifact {name}")
    files = _files_of(manifest)
    digests = in_parallel(lambda entry: hash_file(os.path.join(root, entry.path), entry.digest_algorithm()), files)
    for entry, digest in zip(files, digests, strict=True):
        if digest != entry.digest:
            raise InvalidArtifact(f"Digest mismatch for file: {entry.path}")
    if len(files) < len(manifest.entries):
        current_voice().warn(f"skipped verification of {len(manifest.entries) - len(files)} refs")


@dataclass(frozen=True, slots=True)
class FolderDifference:
    """Where a folder is not what a manifest says; paths below the folder."""

    missing: list[str]
    changed: list[str]
    extra: list[str]
    checked: int
    """Files of the manifest."""
    unchecked: int
    """References."""

    @property
    def is_equal(self) -> bool:
        """Whether it holds exactly the files."""
        return not (self.missing or self.changed or self.extra)


def compare_folder(root: str, manifest: ArtifactManifest) -> FolderDifference:
    """All the differences between a folder and a manifest; `verify_folder` ends with the first."""

    def digest_of(entry: ArtifactManifestEntry) -> str | None:
        try:
            return hash_file(os.path.join(root, entry.path), entry.digest_algorithm())
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            return None

    files = _files_of(manifest)
    digests = list(zip(files, in_parallel(digest_of, files), strict=True))
    return FolderDifference(
        missing=[entry.path for entry, digest in digests if digest is None],
        changed=[entry.path for entry, digest in digests if digest is not None and digest != entry.digest],
        extra=sorted(os.path.relpath(path, root).replace(os.sep, "/") for path in _iter_others(root, manifest)),
        checked=len(files),
        unchecked=len(manifest.entries) - len(files),
    )


def _files_of(manifest: ArtifactManifest) -> list[ArtifactManifestEntry]:
    return [entry for entry in manifest.entries.values() if entry.ref is None]


def _iter_others(root: str, manifest: ArtifactManifest) -> Iterator[str]:
    """Files in a folder that a manifest does not name."""
    for folder, _, names in os.walk(root):
        for name in names:
            path = os.path.join(folder, name)
            relative = os.path.relpath(path, root).replace(os.sep, "/")
            if manifest.get_entry_by_path(relative) is None:
                yield path
