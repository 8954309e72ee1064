"""Files that survive a power failure once a function here has returned."""

from __future__ import annotations

import ctypes
import errno
import io
import os
import secrets
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, cast

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

NO_SPACE = frozenset({errno.ENOSPC, errno.EFBIG, errno.EDQUOT})
"""Codes of an `OSError` that freed space would have prevented."""
_ATTEMPTS = 5
"""A folder that was just made may be removed as an empty one by whoever deletes its neighbours."""
_AT_ONCE_BYTES = 2**19


def open_steadily(path: Path) -> BinaryIO:
    """A new file to write that goes to the disk as it is written, and not all at once when it is flushed.

    Whoever else flushes meanwhile waits for what the disk has taken in before: a merged segment of 100 MB, flushed at
    its end, held up acknowledgements by half a second.
    """
    return cast("BinaryIO", _SteadyFile(path.open("wb")))


class _SteadyFile(io.BufferedIOBase):
    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._unflushed_bytes = 0

    def write(self, data: ReadableBuffer, /) -> int:
        with memoryview(data) as view, view.cast("B") as as_bytes:
            for start in range(0, len(as_bytes), _AT_ONCE_BYTES):
                with as_bytes[start : start + _AT_ONCE_BYTES] as piece:
                    self._unflushed_bytes += self._file.write(piece)
                if self._unflushed_bytes >= _AT_ONCE_BYTES:
                    self._flush()
            return len(as_bytes)

    def _flush(self) -> None:
        self._file.flush()
        flush = os.fdatasync if hasattr(os, "fdatasync") else os.fsync  # macOS has none
        flush(self._file.fileno())
        self._unflushed_bytes = 0

    def close(self) -> None:
        self._file.close()
        super().close()


def put_file(source: Path, target: Path, *, root: Path) -> None:
    """Make `target` a file with the content of `source`, whole or not at all; `source` must not change afterwards.

    Args:
        source: On the same file system nothing is copied.
        target: Replaced if it is there; folders up to `root` are made.
        root: A folder that is there, and is known to be.
    """
    for attempt in range(1, _ATTEMPTS + 1):
        target.parent.mkdir(parents=True, exist_ok=True)
        # The name of a file under way, as obstore makes them: it is listed nowhere, and swept when it is left behind.
        draft = target.with_name(f"{target.name}#{secrets.randbits(48)}")
        try:
            _copy(source, draft)
            _sync(draft)
            draft.replace(target)
        except BaseException as exc:
            with suppress(OSError):
                draft.unlink()
            if isinstance(exc, FileNotFoundError) and source.exists() and attempt < _ATTEMPTS:
                continue
            raise
        break
    # A name is as durable as each folder on the way to it; folders that did not change cost next to nothing.
    for folder in target.parents:
        _sync(folder)
        if folder == root:
            break


def begin_to_flush(descriptor: int) -> None:
    """Have the disk begin to write what was written to a file, without waiting for it; nothing is promised."""
    if _sync_file_range is not None:
        _sync_file_range(descriptor, 0, 0, _SYNC_FILE_RANGE_WRITE)


def flush_file_system(folder: Path) -> None:
    """Have all that was written to the file system of a folder survive a power failure.

    One flush of everything, where a flush of each of many small files would be a transaction of the file system each.

    Raises:
        OSError: The disk does not take it.
    """
    if _syncfs is None:
        getattr(os, "sync", int)()  # Windows has none: it writes files through when they are closed
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        if _syncfs(descriptor):
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code))
    finally:
        os.close(descriptor)


def _find(name: str, *types: type[Any]) -> Callable[..., int] | None:
    """A function of the C library that Python has no name for; None where there is none."""
    try:
        found = getattr(ctypes.CDLL(None, use_errno=True), name)
    except (AttributeError, OSError, TypeError):
        return None
    found.argtypes = types
    return cast("Callable[..., int]", found)


# Linux alone has them.
_syncfs = _find("syncfs", ctypes.c_int)
_sync_file_range = _find("sync_file_range", ctypes.c_int, ctypes.c_int64, ctypes.c_int64, ctypes.c_uint)
_SYNC_FILE_RANGE_WRITE = 2  # of <fcntl.h>


def _copy(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:  # another file system, or one without links
        shutil.copyfile(source, target)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
