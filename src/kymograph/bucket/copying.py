"""Files that are in one bucket already, and are to be in another: copied there, or brought through this machine."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from kymograph.bucket.downloading import known_md5
from kymograph.bucket.stores.base import Note, Store, StoredObject
from kymograph.core.digest import DigestAlgorithm
from kymograph.errors import DigestMismatch
from kymograph.sdk.artifacts.entry import ArtifactManifestEntry
from kymograph.sdk.artifacts.hashing import hash_file
from kymograph.sdk.artifacts.references.registry import References
from kymograph.types import Digest


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file of a version, which lies in a bucket."""

    entry: ArtifactManifestEntry
    references: References

    @property
    def path(self) -> str:
        """In the artifact."""
        return self.entry.path

    @property
    def size_bytes(self) -> int:
        """How large it is; 0 if that is not known."""
        return self.entry.size or 0

    @property
    def identity(self) -> str:
        """What its place has for a digest."""
        return self.entry.digest

    @property
    def md5(self) -> Digest | None:
        """Of its content, if that is known."""
        known = known_md5(self.entry)
        return None if known is None else Digest(known)

    def put(self, store: Store, path: str, note: Note) -> StoredObject:
        """Put it into a store: within the place where that is possible.

        Raises:
            ReferenceChanged: It is not what it was.
            DigestMismatch: The same, as far as its MD5 tells.
        """
        copied = store.copy(self.entry, path)
        if copied is not None:
            if self.md5 and copied.md5 and copied.md5 != self.md5:
                raise DigestMismatch(str(self.entry.ref), expected=self.md5, actual=copied.md5)
            note(copied.size_bytes)
            return copied
        with tempfile.TemporaryDirectory(prefix="wabucket-") as folder:
            target = Path(folder, "file")
            self.references.fetch(self.entry, target)
            actual = hash_file(target, DigestAlgorithm.MD5)
            if self.md5 and actual != self.md5:
                raise DigestMismatch(str(self.entry.ref), expected=self.md5, actual=actual)
            return store.put(target, path, size_bytes=os.path.getsize(target), md5=actual, note=note)


def remote_files(entries: Sequence[ArtifactManifestEntry], references: References) -> list[RemoteFile]:
    """The files of some entries."""
    return [RemoteFile(entry, references) for entry in entries]
