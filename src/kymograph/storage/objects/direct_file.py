"""A large file on its way to the disk past the system's cache of files, where its file system has a way.

A copy into that cache, its memory and its writing back take more processor time than all else that a server does with a
large upload, and what others read from there is pushed out. So they are left out: pieces are gathered in a block that
lies as the disk wants it, and written from there.
"""

from __future__ import annotations

import errno
import fcntl
import mmap
import os
from collections.abc import Sequence

from kymograph.storage import durable

BLOCK_BYTES = 4 << 20
ALIGNED_BYTES = 4096
"""Where such a write begins and ends in the file: a multiple of what every disk asks for."""
_FLUSH_BYTES = 8 << 20
"""Where there is only the cache, the disk begins to write after so much more: little is left to flush for whoever names
the file."""
_DIRECT = getattr(os, "O_DIRECT", 0)


class DirectFile:
    """Appends to a file. Used by one thread at a time."""

    def __init__(self, file: int, start: int) -> None:
        """Take an open file; it has to stay open.

        Args:
            file: Its descriptor.
            start: Where to go on, a multiple of `ALIGNED_BYTES`.
        """
        self._file, self._at = file, start
        self._block = memoryview(mmap.mmap(-1, BLOCK_BYTES))  # memory that begins with a page
        self._held = self._unflushed = 0
        self._is_direct = bool(_DIRECT) and _set_direct(file, True)

    def append(self, batch: Sequence[bytes]) -> None:
        """Write what comes next; some of it later.

        Raises:
            OSError: The disk does not take it.
        """
        for piece in batch:
            left = memoryview(piece)
            while left:
                size = min(len(left), BLOCK_BYTES - self._held)
                self._block[self._held : self._held + size] = left[:size]
                self._held += size
                left = left[size:]
                if self._held == BLOCK_BYTES:
                    self._put(BLOCK_BYTES)
                    self._held = 0

    def end(self) -> None:
        """Write the rest.

        Raises:
            OSError: The disk does not take it.
        """
        whole = self._held - self._held % ALIGNED_BYTES
        if whole:
            self._put(whole)
        if self._held > whole:
            self._leave_direct()
            self._block[: self._held - whole] = self._block[whole : self._held]
            self._put(self._held - whole)
        self._held = 0

    def _put(self, size: int) -> None:
        done = 0
        while done < size:
            try:
                written = os.pwritev(self._file, [self._block[done:size]], self._at)
            except OSError as exc:
                if exc.errno != errno.EINVAL or not self._is_direct:
                    raise
                self._leave_direct()  # a file system that lets itself be asked, and then does not do it
                continue
            done += written
            self._at += written
        self._unflushed += size
        if not self._is_direct and self._unflushed >= _FLUSH_BYTES:
            durable.begin_to_flush(self._file)
            self._unflushed = 0

    def _leave_direct(self) -> None:
        if self._is_direct:
            _set_direct(self._file, False)
            self._is_direct = False


def _set_direct(file: int, is_direct: bool) -> bool:
    """Whether that could be set."""
    flags = fcntl.fcntl(file, fcntl.F_GETFL)
    try:
        fcntl.fcntl(file, fcntl.F_SETFL, flags | _DIRECT if is_direct else flags & ~_DIRECT)
    except OSError:
        return False
    return True
