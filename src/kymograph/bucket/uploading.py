"""An upload in two phases: all objects into a folder that nobody else writes to, then the version that names them.

What stops it in between leaves objects that no version names, and a claim by which the same upload goes on where it
stopped, or `wabucket gc` removes them.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from kymograph.bucket.claims import Claim, Claims, ClaimState, Owner, content_key
from kymograph.bucket.places import BLOB_ENTRY, Place
from kymograph.bucket.stores.base import Note, Store, StoredObject, join
from kymograph.client.parallel import in_parallel
from kymograph.errors import InvalidArtifact, UploadDisturbed
from kymograph.sdk.artifacts.download_progress import DownloadProgress
from kymograph.sdk.artifacts.entry import ArtifactManifestEntry
from kymograph.sdk.artifacts.folder_walk import iter_folder
from kymograph.sdk.artifacts.hashing import hash_files
from kymograph.types import Digest

if TYPE_CHECKING:
    from kymograph.sdk.artifacts.checksum_memo import ChecksumMemo

LARGE_BYTES = 8 << 20
TOUCH_EVERY_S = 600.0
"""How often an upload says that it goes on; see `wabucket gc`."""


class Item(Protocol):
    """Something that becomes an object."""

    @property
    def path(self) -> str:
        """In the artifact."""

    @property
    def size_bytes(self) -> int:
        """How large it is."""

    @property
    def identity(self) -> str:
        """Equal for equal content."""

    @property
    def md5(self) -> Digest | None:
        """Of its content, if that is known."""

    def put(self, store: Store, path: str, note: Note) -> StoredObject:
        """Put it into a store."""


@dataclass(frozen=True, slots=True)
class LocalFile:
    """A file of this machine."""

    path: str
    source: Path
    size_bytes: int
    md5: Digest

    @property
    def identity(self) -> str:
        """Its MD5."""
        return self.md5

    def put(self, store: Store, path: str, note: Note) -> StoredObject:
        """Put it into a store."""
        return store.put(self.source, path, size_bytes=self.size_bytes, md5=self.md5, note=note)


def local_files(folder: Path, memo: ChecksumMemo) -> list[LocalFile]:
    """All files in a folder, hashed.

    Raises:
        InvalidArtifact: It is no folder, or has no files, or a link leads out of it.
        OSError: A file cannot be read.
    """
    if not folder.is_dir():
        raise InvalidArtifact(f"{str(folder)!r} is no folder; give the folder whose files are to be uploaded")
    found = list(iter_folder(folder))
    if not found:
        raise InvalidArtifact(f"there is no file in {str(folder)!r}, and a bucket has no empty folders")
    sizes = [os.path.getsize(physical) for _, physical in found]
    digests = hash_files([physical for _, physical in found], memo=memo)
    return [
        LocalFile(path, Path(physical), size, digest)
        for (path, physical), size, digest in zip(found, sizes, digests, strict=True)
    ]


@dataclass(frozen=True, slots=True)
class Uploaded:
    """Objects that are all there, and wait for the version that names them."""

    claim: Claim
    url: str
    """Of the folder."""
    entries: list[ArtifactManifestEntry]
    """One for each file."""
    sent_files: int
    """How many were not there yet."""

    def single_entry(self) -> ArtifactManifestEntry:
        """The entry of all files together: their folder, in which nobody looks at them. Source: seeds.md B.1."""
        return ArtifactManifestEntry(BLOB_ENTRY, self.url, ref=self.url)


class Upload:
    """One upload into one store."""

    def __init__(
        self, store: Store, owner: Owner, *, clock: Callable[[], float] = time.time, is_shown: bool = True
    ) -> None:
        """Prepare.

        Args:
            store: Where to.
            owner: Whose artifacts.
            clock: Gives s since the epoch.
            is_shown: Whether progress is shown to people.
        """
        self._store, self._owner, self._clock, self._is_shown = store, owner, clock, is_shown
        self._claims = Claims(store, clock=clock)
        self._lock = threading.Lock()
        self._touched_at_s = clock()

    def send(self, place: Place, items: Sequence[Item], *, replaces: bool) -> Uploaded:
        """The first phase: have all objects be there.

        Args:
            place: What the upload is called.
            items: What becomes objects.
            replaces: Whether there may be something under its name; it stays where it is.

        Raises:
            BlobExists: There is something, and there may not be.
            DigestMismatch: A file changed on the way.
            UploadDisturbed: Objects went away while others came.
            CommError: The store cannot be asked.
            OSError: A file cannot be read.
        """
        ordered = sorted(items, key=lambda item: item.path)
        size_bytes = sum(item.size_bytes for item in ordered)
        key = content_key(self._owner, ((item.path, item.identity) for item in ordered))
        claim = self._claims.settle(
            self._owner, place, key, size_bytes=size_bytes, file_count=len(ordered), replaces=replaces
        )
        folder = str(claim.folder)
        there = self._there(folder, ordered)
        missing = [item for item in ordered if item.path not in there]
        missing_bytes = sum(item.size_bytes for item in missing)
        name = f"{place.name}:{place.alias}"
        with DownloadProgress(
            name, len(missing), missing_bytes, is_shown=self._is_shown and bool(missing), verb="uploading"
        ) as progress:

            def put(item: Item) -> StoredObject:
                found = item.put(self._store, join(folder, item.path), progress.add_bytes)
                progress.add_file()
                self._touch(claim)
                return found

            # Large ones by themselves, for threads take small ones by the dozen.
            large = [item for item in missing if item.size_bytes >= LARGE_BYTES]
            small = [item for item in missing if item.size_bytes < LARGE_BYTES]
            for some in (large, small):
                put_now = in_parallel(put, some, threads=self._store.threads)
                there |= {item.path: found for item, found in zip(some, put_now, strict=True)}
        self._store.settle()
        self._check(folder, there)
        return Uploaded(
            claim,
            self._store.ref(folder),
            [there[item.path].entry(item.path, md5=item.md5) for item in ordered],
            len(missing),
        )

    def commit(self, uploaded: Uploaded, version: str | None) -> None:
        """Note that the second phase is done.

        Args:
            uploaded: What was sent.
            version: ``entity/project/name:v3``; None if it waits for a sync.
        """
        state = ClaimState.UNSYNCED if version is None else ClaimState.COMMITTED
        self._claims.save(replace(uploaded.claim, state=state, version=version, touched_at_s=self._clock()))

    def withdraw(self, uploaded: Uploaded) -> None:
        """Remove what was sent: the server has a version with this content, which lies elsewhere."""
        folder = str(uploaded.claim.folder)
        paths = [join(folder, entry.path) for entry in uploaded.entries]
        self._store.delete(paths)
        self._claims.remove(uploaded.claim)

    def _there(self, folder: str, items: Sequence[Item]) -> dict[str, StoredObject]:
        """Objects that an interrupted upload of the same content has left and that are whole, by their paths."""
        wanted = {join(folder, item.path): item for item in items}
        if self._store.is_empty(folder):
            return {}
        there = {}
        for found in self._store.iter_objects(folder):
            item = wanted.get(found.path)
            if item is None or found.size_bytes != item.size_bytes:
                continue
            # Without an MD5 of the object it has to be known that nobody can have left half of it.
            is_equal = found.md5 == item.md5 if found.md5 and item.md5 else self._store.is_atomic
            if is_equal:
                there[item.path] = found
        return there

    def _check(self, folder: str, there: dict[str, StoredObject]) -> None:
        """See that all objects are there, before a version says so."""
        sizes = {found.path: found.size_bytes for found in self._store.iter_objects(folder, checksums=False)}
        missing = sum(1 for one in there.values() if sizes.get(one.path) != one.size_bytes)
        if missing:
            raise UploadDisturbed(self._store.ref(folder), missing=missing)

    def _touch(self, claim: Claim) -> None:
        with self._lock:
            now = self._clock()
            if now - self._touched_at_s < TOUCH_EVERY_S:
                return
            self._touched_at_s = now
        self._claims.touch(claim)
