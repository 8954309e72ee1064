"""The object port: immutable-by-convention bytes under string keys."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from kymograph.core.digest import DigestAlgorithm
from kymograph.core.files import ByteSpan as ByteSpan
from kymograph.types import Digest, ObjectKey


@dataclass(frozen=True, slots=True)
class ObjectInfo:
    """What the store knows of an object."""

    key: ObjectKey
    size_bytes: int
    modified_at: datetime
    etag: str | None


@dataclass(frozen=True, slots=True)
class PutResult:
    """What was stored, measured while it passed."""

    size_bytes: int
    digest: Digest
    """By the algorithm that was asked for."""
    xxh128: Digest | None = None
    """Of a large content that was hashed by another algorithm."""


@dataclass(frozen=True, slots=True)
class Resumable:
    """A stream that may break off and go on later, in another process and at another server of the same store."""

    name: str
    """Of letters, digits, ``-`` and ``_``. Whoever knows it may go on with the stream."""
    start: int = 0
    """How many bytes came before."""


class ObjectStore(Protocol):
    """Bytes by key, safe to share between tasks and threads.

    A `put` is atomic: readers see the old object or the new one, whole. Streams are asynchronous, since they last as
    long as a client's connection; small documents have synchronous twins for the services.
    """

    can_sign_urls: bool
    """Whether `sign_put` and `sign_get` give addresses that clients can use without us."""

    async def put(
        self,
        key: ObjectKey,
        body: AsyncIterator[bytes],
        *,
        max_bytes: int | None = None,
        expected: Digest | None = None,
        algorithm: DigestAlgorithm = DigestAlgorithm.MD5,
        resumable: Resumable | None = None,
    ) -> PutResult:
        """Store a stream and hash it on the way.

        Args:
            key: Where to.
            body: What comes.
            max_bytes: Of the body.
            expected: The digest of the whole.
            algorithm: How to hash.
            resumable: Keeps what came when the stream breaks off, if the store can; the body is what comes after that.

        Raises:
            RequestTooLarge: More than `max_bytes` came; nothing was stored.
            DigestMismatch: The content has another digest than `expected`; nothing was stored, nor kept.
            StorageFull: No space; nothing was stored.
            UploadElsewhere: Not so much has come before, or it is still coming; nothing was stored.
        """

    def find_received(self, name: str) -> int | None:
        """How many bytes of a resumable stream have come; 0 of one that is unknown, or still coming.

        None if this store keeps nothing of streams that break off.
        """

    def read(self, key: ObjectKey, span: ByteSpan | None = None) -> AsyncIterator[bytes]:
        """Stream an object or a part of it.

        Raises:
            ObjectNotFound: No such key.
        """

    async def find(self, key: ObjectKey) -> ObjectInfo | None: ...

    async def delete(self, key: ObjectKey) -> None:
        """Remove an object; absent is fine."""

    def put_bytes(self, key: ObjectKey, body: bytes) -> PutResult: ...

    def add_bytes(self, key: ObjectKey, body: bytes) -> bool:
        """Store a small object unless there is one already; of several callers at once, one gets True."""

    def read_bytes(self, key: ObjectKey) -> bytes:
        """A whole small object.

        Raises:
            ObjectNotFound: No such key.
        """

    def put_many(self, items: Sequence[tuple[ObjectKey, bytes]]) -> None:
        """Store small objects; when it fails, some of them may be there.

        Raises:
            StorageFull: No space.
        """

    def read_many(self, keys: Sequence[ObjectKey]) -> list[bytes]:
        """Whole small objects, in the order of their keys.

        Raises:
            ObjectNotFound: One is not there.
        """

    def local_path(self, key: ObjectKey) -> Path | None:
        """Where an object lies, or would lie, as a file of this machine; None in stores that are no folders."""

    def download(self, key: ObjectKey, path: Path) -> None:
        """Write a whole object to a file.

        Raises:
            ObjectNotFound: No such key.
            StorageFull: No space for the file.
        """

    def put_file(self, key: ObjectKey, path: Path) -> int:
        """Store a file that nobody changes any more; returns its size in bytes.

        What was stored survives a power failure from then on.

        Raises:
            StorageFull: No space; nothing was stored.
        """

    def flush(self) -> None:
        """Have all that was stored until now survive a power failure.

        Raises:
            ServerBusy: The disk does not take it.
        """

    def list_keys(self, prefix: str) -> list[ObjectInfo]:
        """Every object whose key begins with `prefix`, by key."""

    def iter_keys(self, prefix: str) -> Iterator[list[ObjectInfo]]:
        """The same in portions and in no order, for stores of any size."""

    def delete_keys(self, keys: Sequence[ObjectKey]) -> None:
        """Remove objects; absent is fine."""

    def sweep(self, before: datetime, *, dry_run: bool) -> tuple[int, int]:
        """Remove what puts that were broken off before a moment have left beside the objects.

        Buckets have rules of their own for that.

        Returns:
            How many files, and their bytes.
        """

    def sign_put(self, key: ObjectKey, *, expires_in_s: float) -> str:
        """An address that takes a `PUT` of exactly this object, for a while."""

    def sign_get(self, key: ObjectKey, *, expires_in_s: float) -> str:
        """An address that gives exactly this object, for a while."""
