"""What would be left of files after a power failure, by what was flushed to the disk before it."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class FlushedFiles:
    """Remembers what `os.fsync` was called for: contents of files, and names in folders."""

    def __init__(self) -> None:
        self._sizes: dict[int, int] = {}
        self._names: dict[int, set[str]] = {}

    def note(self, descriptor: int) -> None:
        """Take notice of a flush."""
        found = os.fstat(descriptor)
        if stat.S_ISDIR(found.st_mode):
            self._names[found.st_ino] = set(os.listdir(descriptor))
        else:
            self._sizes[found.st_ino] = found.st_size

    def holds(self, path: Path, *, root: Path) -> bool:
        """Whether a file would be there, whole, if `root` is."""
        found = path.stat()
        if self._sizes.get(found.st_ino) != found.st_size:
            return False
        while path != root:
            if path.name not in self._names.get(path.parent.stat().st_ino, ()):
                return False
            path = path.parent
        return True


@contextmanager
def watched_flushes() -> Iterator[FlushedFiles]:
    """Watch the flushes of this process while the block runs."""
    flushed = FlushedFiles()
    fsync = os.fsync

    def watch(descriptor: int) -> None:
        fsync(descriptor)
        flushed.note(descriptor)

    os.fsync = watch  # type: ignore[assignment]
    try:
        yield flushed
    finally:
        os.fsync = fsync
