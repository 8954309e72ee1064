"""One file of an artifact, fetched: through the cache or straight to its place, large ones in parts, and checked."""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass
from io import FileIO
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from kymograph.client.artifact_cache import ArtifactCache
from kymograph.client.placing import clone, written_whole
from kymograph.client.retry import Backoff
from kymograph.client.transfers import Note, Span, Transfers
from kymograph.core.digest import DigestAlgorithm, Hasher, encode_digest, new_hasher
from kymograph.errors import AuthError, DigestMismatch, NotFoundError, TransportError
from kymograph.types import Digest

PARTS_FROM_BYTES = 256 << 20
PART_BYTES = 32 << 20
"""Small enough that the first ones are hashed, and still in memory, soon after the download began."""
PARTS_AT_ONCE = 4
PARTS_AHEAD = 8
"""Of what has been hashed."""
PATIENCE_S = 300.0
"""How long a server may fail before a download does."""
UNSHARED_BYTES = 256 << 20
"""Where nothing can be cloned, files of this size and more do not go through the cache unasked: they would be there
twice."""
FILE_MODE = 0o644
_READ_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class FetchTarget:
    """A file that is to be there."""

    path: Path
    """Its folder exists."""
    digest: Digest
    algorithm: DigestAlgorithm
    size_bytes: int | None
    xxh128: Digest | None = None
    """As the server that gives the content states it, beside another digest."""

    @property
    def quickest(self) -> tuple[Digest, DigestAlgorithm]:
        """What tells soonest whether the content has come whole."""
        return (self.digest, self.algorithm) if self.xxh128 is None else (self.xxh128, DigestAlgorithm.XXH128)


class Fetcher:
    """Fetches files. Safe to share between threads; close it when done."""

    def __init__(
        self,
        transfers: Transfers,
        cache: ArtifactCache,
        *,
        skip_cache: bool | None = None,
        multipart: bool | None = None,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        """Prepare.

        Args:
            transfers: Moves the bytes.
            cache: Keeps what came for the next time.
            skip_cache: Whether files go straight to their places; None for where that saves space.
            multipart: Whether one file comes in parallel parts; None for large ones.
            sleep: Waits for some s.
        """
        self._transfers, self._cache = transfers, cache
        self._skip_cache, self._multipart, self._sleep = skip_cache, multipart, sleep
        self._lock = threading.Lock()
        self._parts_pool: ThreadPoolExecutor | None = None
        self._can_clone: bool | None = None

    def close(self) -> None:
        """Release threads."""
        if self._parts_pool is not None:
            self._parts_pool.shutdown(cancel_futures=True)

    def take_cached(self, target: FetchTarget) -> bool:
        """Put a file into place from the cache; whether that had it."""
        known = self._cache.content_path(target.digest, target.algorithm)
        return self._cache.take(known, target.path, size_bytes=target.size_bytes, may_share=False)

    def fetch(self, target: FetchTarget, url: str, *, renew: Callable[[], str], note: Note = int) -> None:
        """Fetch a file.

        Args:
            target: What it is, and where it goes.
            url: Where it comes from, for now.
            renew: Gives a new address once that has expired.
            note: Told the size of each piece.

        Raises:
            DigestMismatch: Something else came, twice.
            KymographError: The server says no, or is away for too long.
            OSError: The file cannot be written.
        """
        if self._goes_straight(target):
            self._write(written_whole(target.path), target, url, renew, note)
            return
        known = self._cache.content_path(target.digest, target.algorithm)
        self._write(self._cache.writing(known, size_bytes=target.size_bytes or 0), target, url, renew, note)
        if not self.take_cached(target):  # it did not fit, or another process made space already
            self._write(written_whole(target.path), target, url, renew, note)

    def put(self, target: FetchTarget, content: bytes) -> None:
        """Put a file into place whose content has come among others, and is what it should be.

        Raises:
            OSError: It cannot be written.
        """
        if not self._goes_straight(target):
            known = self._cache.content_path(target.digest, target.algorithm)
            with self._cache.writing(known, size_bytes=len(content)) as file:
                file.write(content)
            # Where it would be copied from the cache, it is written once more without being read.
            if self._shares_blocks(target.path) and self.take_cached(target):
                return
        with written_whole(target.path) as file:
            file.write(content)

    def ask(self, url: str, renew: Callable[[], str], get: Callable[[str], None]) -> None:
        """Call `get` with an address until it succeeds, as often as patience allows; see `fetch`."""
        Source(url, renew, self._sleep).ask(get)

    def _goes_straight(self, target: FetchTarget) -> bool:
        if self._skip_cache is not None:
            return self._skip_cache
        size_bytes = target.size_bytes or 0
        if size_bytes > self._cache.max_bytes:
            return True
        return size_bytes >= UNSHARED_BYTES and not self._shares_blocks(target.path)

    def _shares_blocks(self, beside: Path) -> bool:
        """Whether the cache can clone to a place."""
        with self._lock:
            if self._can_clone is None:
                self._cache.folder.mkdir(parents=True, exist_ok=True)
                probe = self._cache.folder / f"clone.{os.getpid()}"
                copy = beside.with_name(f".clone.{os.getpid()}")
                probe.write_bytes(b"")
                try:
                    self._can_clone = clone(probe, copy)
                finally:
                    probe.unlink(missing_ok=True)
                    copy.unlink(missing_ok=True)
            return self._can_clone

    def _write(
        self,
        opened: AbstractContextManager[BinaryIO],
        target: FetchTarget,
        url: str,
        renew: Callable[[], str],
        note: Note,
    ) -> None:
        with opened as file:
            source = Source(url, renew, self._sleep)
            if self._comes_in_parts(target):
                found = self._fetch_parts(file, target, source, note)
            else:
                found = self._fetch_whole(file, target, source, note)
            expected, _ = target.quickest
            if found != expected:
                raise DigestMismatch(str(target.path), expected=expected, actual=found)

    def _comes_in_parts(self, target: FetchTarget) -> bool:
        if target.size_bytes is None or target.size_bytes <= PART_BYTES:
            return False
        return target.size_bytes >= PARTS_FROM_BYTES if self._multipart is None else self._multipart

    # --- whole -------------------------------------------------------------------------------------------------------

    def _fetch_whole(self, file: BinaryIO, target: FetchTarget, source: Source, note: Note) -> Digest:
        """Write a file as it comes; what breaks off goes on where it broke off. Gives the digest of what came."""
        expected, algorithm = target.quickest
        hasher = new_hasher(algorithm)
        received = 0

        def write(piece: memoryview) -> None:
            nonlocal received
            hasher.update(piece)
            file.write(piece)
            received += len(piece)

        def begin_anew() -> None:
            nonlocal hasher, received
            file.seek(0)
            file.truncate()
            hasher, received = new_hasher(algorithm), 0

        def get(url: str) -> None:
            if received and target.size_bytes is not None and received < target.size_bytes:
                self._transfers.get(url, write, span=Span(received, target.size_bytes - received), note=note)
            else:
                begin_anew()
                self._transfers.get(url, write, note=note)

        source.ask(get)
        if target.size_bytes is not None and encode_digest(hasher.digest()) != expected:
            # Once more from the start: the parts may have been of two files.
            begin_anew()
            source.ask(get)
        return encode_digest(hasher.digest())

    # --- parts -------------------------------------------------------------------------------------------------------

    def _fetch_parts(self, file: BinaryIO, target: FetchTarget, source: Source, note: Note) -> Digest:
        """Write a file in parts that come at the same time. Gives the digest, which follows what has come."""
        assert target.size_bytes is not None
        size_bytes = target.size_bytes
        file.flush()
        os.ftruncate(file.fileno(), size_bytes)
        spans = [Span(start, min(PART_BYTES, size_bytes - start)) for start in range(0, size_bytes, PART_BYTES)]
        path = file.name
        # The kernel lets one thread at a time write to a file; those it keeps waiting, it lets spin.
        turn = threading.Lock()

        def fetch(span: Span) -> None:
            with open(path, "r+b", buffering=0) as part:
                received = 0

                def write(piece: memoryview) -> None:
                    nonlocal received
                    with turn:
                        _write_all(part, piece)
                    received += len(piece)

                def get(url: str) -> None:
                    part.seek(span.start + received)
                    self._transfers.get(
                        url, write, span=Span(span.start + received, span.size_bytes - received), note=note
                    )

                source.ask(get)

        hasher = new_hasher(target.quickest[1])
        with open(path, "rb", buffering=0) as written:
            # In order, so that each part is hashed while it is still in memory and the next ones come. No more of them:
            # what came further ahead would take the time of a core that the digest, which is last, waits for.
            to_come = iter(spans)
            coming = deque((span, self._pool().submit(fetch, span)) for span in islice(to_come, PARTS_AHEAD))
            while coming:
                span, done = coming.popleft()
                done.result()
                coming.extend((later, self._pool().submit(fetch, later)) for later in islice(to_come, 1))
                _hash(written, span, hasher)
        return encode_digest(hasher.digest())

    def _pool(self) -> ThreadPoolExecutor:
        with self._lock:
            if self._parts_pool is None:
                self._parts_pool = ThreadPoolExecutor(PARTS_AT_ONCE, thread_name_prefix="parts")
            return self._parts_pool


class Source:
    """An address that may expire, of a server that may be away."""

    def __init__(self, url: str, renew: Callable[[], str], sleep: Callable[[float], object]) -> None:
        self._url, self._renew, self._sleep = url, renew, sleep
        self._lock = threading.Lock()

    def ask(self, get: Callable[[str], None]) -> None:
        """Ask until it is answered, as often as patience allows."""
        backoff, waited_s, renewed = Backoff(), 0.0, 0
        while True:
            url = self._url
            try:
                get(url)
            except (AuthError, NotFoundError):
                # Addresses expire, and stores answer so. A new one that is refused, too, is the answer.
                if renewed > 1:
                    raise
                renewed += 1
                with self._lock:
                    if self._url == url:
                        self._url = self._renew()
            except TransportError as exc:
                wait_s = backoff.wait_after(exc)
                if waited_s + wait_s > PATIENCE_S:
                    raise
                waited_s += wait_s
                self._sleep(wait_s)
            else:
                return


def _write_all(file: BinaryIO, piece: memoryview) -> None:
    while piece:
        piece = piece[file.write(piece) :]


def _hash(file: FileIO, span: Span, hasher: Hasher) -> None:
    file.seek(span.start)
    buffer = memoryview(bytearray(min(span.size_bytes, _READ_BYTES)))
    left = span.size_bytes
    while left > 0 and (size := file.readinto(buffer[: min(left, _READ_BYTES)])):
        hasher.update(buffer[:size])
        left -= size
