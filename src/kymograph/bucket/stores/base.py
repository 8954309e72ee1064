"""What a place for the bytes of artifacts can do."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from kymograph.sdk.artifacts.entry import ArtifactManifestEntry
from kymograph.types import Digest, JsonObject

MD5_KEY = "md5"
"""In `extra` of an entry: base64 of the MD5 of the content, where the digest is something else."""
Note = Callable[[int], object]
"""Told how many bytes have moved."""


@dataclass(frozen=True, slots=True)
class StoredObject:
    """One object, as the place describes it."""

    path: str
    """Below the store, with forward slashes."""
    size_bytes: int
    digest: str
    """What the entry of a reference to it has: an ETag, or the MD5 of a file."""
    ref: str
    """Its address."""
    extra: JsonObject = field(default_factory=dict)
    """What an entry has besides, such as the version of the object."""
    md5: Digest | None = None
    """Of the content, if the place vouches for it."""
    changed_at_s: float | None = None
    """Since the epoch, if the place tells."""

    def entry(self, path: str, *, md5: Digest | None = None) -> ArtifactManifestEntry:
        """The entry that refers to it.

        Args:
            path: In the artifact.
            md5: Of the content, if it is known.
        """
        known = md5 or self.md5
        extra = {**self.extra, **({MD5_KEY: known} if known and known != self.digest else {})}
        return ArtifactManifestEntry(path, self.digest, ref=self.ref, size=self.size_bytes, extra=extra)


class Store(Protocol):
    """One place, and the objects below it. Safe to share between threads.

    An object appears whole or not at all, except where `is_atomic` says otherwise; when `put` returns, every reader
    sees it.
    """

    url: str
    """Of the place, without a slash at the end."""
    threads: int
    """How many transfers are worth having under way."""
    is_atomic: bool
    """Whether an object that is there is whole."""

    def ref(self, path: str) -> str:
        """The address of an object or a folder, as entries have it."""

    def put(self, source: Path, path: str, *, size_bytes: int, md5: Digest, note: Note = int) -> StoredObject:
        """Put a file; what was there is replaced.

        Args:
            source: The file.
            path: Of the object.
            size_bytes: How large the file is to be.
            md5: What its content is to be.
            note: Told how many bytes have moved.

        Raises:
            DigestMismatch: The file is not what it was to be.
            CommError: The place cannot be asked, or says no.
            OSError: The file cannot be read.
        """

    def put_bytes(self, path: str, content: bytes) -> None:
        """Put a small object; what was there is replaced."""

    def get_bytes(self, path: str) -> bytes | None:
        """A small object; None if there is none."""

    def iter_objects(self, folder: str, *, checksums: bool = True) -> Iterator[StoredObject]:
        """The objects in a folder and in those below it; marks of empty folders are none.

        Args:
            folder: Where to look; empty for everywhere.
            checksums: Whether digests and versions are wanted, where they cost more than the listing does.
        """

    def is_empty(self, folder: str) -> bool:
        """Whether there is no object in a folder or below it."""

    def delete(self, paths: Sequence[str]) -> None:
        """Delete objects; those that are not there are none."""

    def clear_unfinished(self, folder: str) -> None:
        """Free what interrupted transfers have left below a folder and no listing shows."""

    def copy(self, entry: ArtifactManifestEntry, path: str) -> StoredObject | None:
        """Copy an object of the same kind of place here, without its bytes passing through this machine.

        Returns:
            The copy; None where that cannot be done.
        """

    def settle(self) -> None:
        """Return once a loss of power would not undo what was put."""


def join(*parts: str) -> str:
    """One path of several, of which empty ones are none."""
    return "/".join(part.strip("/") for part in parts if part)


def address(url: str, path: str) -> str:
    """The address of what is at a path of a place."""
    return f"{url}/{path}" if path else url
