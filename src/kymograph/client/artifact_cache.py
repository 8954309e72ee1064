"""Contents of artifacts that were up- or downloaded, kept on this machine for the next time.

``obj/<algorithm>/<2>/<30>`` holds contents by their digest in hex; ``obj/etag/<2>/<62>`` those of references, by
address and ETag. What is there is whole: files are written aside and renamed. Processes share a cache without a lock:
one may delete what another is about to take, and the other then takes it from elsewhere; a file that is open, or has
another name by then, stays whole.

The cache keeps to its bound by itself. Each process tells a common counter, now and then, what it has added; the one
that takes it over the bound deletes what was used least recently. Source: seeds.md C.13.
"""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from kymograph.client.cache_usage import CachedObject, CacheUsage, iter_files
from kymograph.client.files import temporary
from kymograph.client.placing import CONTENT_MODE, draft_name, hard_link, place
from kymograph.core.digest import DigestAlgorithm, hex_digest
from kymograph.errors import UsageError
from kymograph.types import Digest

DEFAULT_SHARE = 0.10
DEFAULT_MAX_BYTES = 50 << 30
StrPath = str | os.PathLike[str]
_FILL_TO = 0.9
"""What is left after the bound was crossed: so that not every write after it deletes one file."""
_SEGMENTS = {DigestAlgorithm.MD5: "md5", DigestAlgorithm.XXH128: "xxh128"}


class ArtifactCache:
    """The cache in one folder. Safe to share between threads and processes."""

    def __init__(self, folder: Path, *, max_bytes: int | None = None) -> None:
        """Prepare; nothing is made yet.

        Args:
            folder: Of artifacts, in the user's folder of caches.
            max_bytes: Its bound; by default a tenth of the disk, and 50 GiB at most.
        """
        self.folder = folder
        self._objects = folder / "obj"
        self._drafts = folder / "tmp"
        self._max_bytes = max_bytes
        self._usage = CacheUsage(folder)
        self._lock = threading.Lock()

    @property
    def max_bytes(self) -> int:
        """The bound."""
        if self._max_bytes is None:
            existing = next(parent for parent in (self.folder, *self.folder.parents) if parent.exists())
            self._max_bytes = min(DEFAULT_MAX_BYTES, int(shutil.disk_usage(existing).total * DEFAULT_SHARE))
        return self._max_bytes

    def content_path(self, digest: Digest | str, algorithm: DigestAlgorithm = DigestAlgorithm.MD5) -> str:
        """Where a content is, if it is there."""
        name = hex_digest(Digest(digest))
        return os.path.join(self._objects, _SEGMENTS[algorithm], name[:2], name[2:])

    def reference_path(self, address: str, etag: str) -> str:
        """Where the content of a reference is, if it is there."""
        both = hashlib.sha256(address.encode()).digest() + hashlib.sha256(etag.encode()).digest()
        name = hashlib.sha256(both).hexdigest()
        return os.path.join(self._objects, "etag", name[:2], name[2:])

    def find(self, path: StrPath, *, size_bytes: int | None = None) -> StrPath | None:
        """The path again if there is a content of that size, which then counts as used now."""
        try:
            if size_bytes is not None and os.stat(path).st_size != size_bytes:
                return None
            os.utime(path)
        except FileNotFoundError:
            return None
        except PermissionError:
            pass  # the cache of another user: it may be read, and not marked
        return path

    def take(self, path: StrPath, target: StrPath, *, size_bytes: int | None = None, may_share: bool = True) -> bool:
        """Have `target`, whose folder exists, be a content of the cache.

        Args:
            path: Of the content; see `content_path`.
            target: Takes the place of what is there.
            size_bytes: What it has to have.
            may_share: Whether a hard link is right: nobody will write to the target. If not, it is a clone or a copy.

        Returns:
            Whether the cache had it.

        Raises:
            OSError: The target cannot be written.
        """
        try:
            if size_bytes is not None and os.stat(path).st_size != size_bytes:
                return False
            if may_share:
                # A link alone marks it as used. Where there is something already it is replaced in one step.
                try:
                    if hard_link(path, target):
                        return True
                except FileExistsError:
                    pass
            elif self.find(path) is None:
                return False
            place(path, target, may_share=may_share, mode=None if may_share else 0o644)
        except FileNotFoundError:
            # Whether the content is there says nothing: another process may have brought it this moment.
            if not os.path.isdir(os.path.dirname(target) or os.curdir):
                raise
            return False
        return True

    def keep(self, path: StrPath, source: StrPath, *, is_ours: bool = True) -> bool:
        """Take a file in.

        Args:
            path: Of the content; see `content_path`.
            source: A file with that content.
            is_ours: Whether nobody will write to `source`: it may then be linked.

        Returns:
            Whether it is there now; not if it alone is larger than the cache may be.

        Raises:
            OSError: It cannot be written.
        """
        size_bytes = os.stat(source).st_size
        if self.find(path, size_bytes=size_bytes) is not None:
            return True
        if size_bytes > self.max_bytes:
            return False
        os.makedirs(os.path.dirname(path), exist_ok=True)
        if place(source, path, may_share=is_ours, mode=CONTENT_MODE) == "copy":
            os.utime(path)
        self._added(size_bytes)
        return True

    @contextmanager
    def writing(self, path: StrPath, *, size_bytes: int = 0) -> Iterator[BinaryIO]:
        """A file to write that is in the cache once the block ends well.

        Args:
            path: Of the content; see `content_path`.
            size_bytes: As far as it is known; space is made for it.

        Raises:
            OSError: There is no space even in an empty cache.
        """
        self._reserve(size_bytes)
        self._drafts.mkdir(parents=True, exist_ok=True)
        draft = draft_name(self._drafts / os.path.basename(path))
        with temporary(draft):
            with open(draft, "xb") as file:
                yield file
            if CONTENT_MODE is not None:
                os.chmod(draft, CONTENT_MODE)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            written = os.stat(draft).st_size
            os.replace(draft, path)
        self._added(written)

    def cleanup(
        self, target_size: int | None = None, remove_temp: bool = False, target_fraction: float | None = None
    ) -> int:
        """Delete contents, those used least recently first.

        Args:
            target_size: Bytes to be left; by default none.
            remove_temp: Whether to delete files that are being written: none should be.
            target_fraction: The share of what there is that is to be left, instead.

        Returns:
            Bytes that were freed.

        Raises:
            UsageError: Both are given, or one is out of range.
        """
        if target_size is not None and target_fraction is not None:
            raise UsageError("Cannot specify both target_size and target_fraction")
        if target_size is not None and target_size < 0:
            raise UsageError("target_size must be non-negative")
        if target_fraction is not None and not 0 <= target_fraction <= 1:
            raise UsageError("target_fraction must be between 0 and 1")
        freed = 0
        drafts = list(iter_files(self._drafts))
        if remove_temp:
            freed += sum(draft.size_bytes for draft in drafts if _delete(draft))
            drafts = []
        found = list(iter_files(self._objects))
        total = sum(item.size_bytes for item in found) + sum(draft.size_bytes for draft in drafts)
        wanted = int(total * target_fraction) if target_fraction is not None else target_size or 0
        left = total
        for item in sorted(found, key=lambda item: item.used_at_ns):
            if left <= wanted:
                break
            if _delete(item):
                left -= item.size_bytes
                freed += item.size_bytes
        self._usage.set(left)
        return freed

    def size_bytes(self) -> int:
        """Bytes of all contents, counted now."""
        return sum(item.size_bytes for item in self.contents())

    def contents(self) -> list[CachedObject]:
        """All contents that are there now."""
        return list(iter_files(self._objects))

    def drafts(self) -> list[CachedObject]:
        """Files that are being written, or were when somebody died."""
        return list(iter_files(self._drafts))

    def flush(self) -> None:
        """Tell the common counter what it has not been told yet."""
        self._usage.flush()

    def _added(self, size_bytes: int) -> None:
        with self._lock:
            total = self._usage.add(size_bytes, slack_bytes=self.max_bytes // 100)
        if total is not None and total > self.max_bytes:
            with self._usage.evicting() as is_mine:
                if is_mine:
                    self.cleanup(target_size=int(self.max_bytes * _FILL_TO))

    def _reserve(self, size_bytes: int) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        for fraction in (None, 0.5, 0.0):
            if fraction is not None:
                self.cleanup(target_fraction=fraction)
            if size_bytes <= shutil.disk_usage(self.folder).free:
                return
        raise OSError(errno.ENOSPC, f"Insufficient free space in {self.folder}")


def _delete(item: CachedObject) -> bool:
    try:
        os.unlink(item.path)
    except FileNotFoundError:
        return True  # another process was faster
    except OSError:
        return False
    return True
