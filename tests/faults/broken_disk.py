"""A disk on which the n-th write fails, for code of this process: SQLite's writes and ours alike.

SQLite lets its system calls be replaced one by one (`sqlite3_vfs.xSetSystemCall`, made for such tests), so its own
handling of a failing write, a short one or a refused truncation is what runs. Python's writes are caught where `io` and
`os` do them. What obstore does in Rust cannot be reached from here: its deletions are caught before they begin. The
flushes of SQLite are the C library's, which `preload.c` catches in the long form.
"""

from __future__ import annotations

import _sqlite3
import ctypes
import errno
import io
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from enum import Enum
from pathlib import Path
from typing import Any, Protocol

import pytest

from kymograph.errors import ServerBusy, StorageFull
from kymograph.storage.objects.store import ObstoreObjects
from kymograph.types import ObjectKey


class Fault(Enum):
    """What a failing write does."""

    EIO = "an I/O error"
    ENOSPC = "no space"
    SHORT = "half of the bytes, then no space"


class Disk(Protocol):
    """Counts writes, and lets one of them fail, or all from that one on."""

    @property
    def count(self) -> int:
        """Writes since it was armed."""

    @property
    def hit(self) -> str | None:
        """What failed first."""

    def arm(self, n: int, fault: Fault, *, is_sticky: bool) -> None:
        """Let the `n`-th write from now on fail, and if `is_sticky` all after it."""

    def repair(self) -> None:
        """Let everything succeed."""

    def writes_below(self, root: Path) -> AbstractContextManager[None]:
        """Count the writes below a folder while the block runs."""

    def next_fault(self, what: str) -> Fault | None:
        """Count a write that cannot be caught otherwise; what it has to do instead of succeeding."""


class FaultyDisk:
    """The disk of this process, as far as it can be reached without a compiler."""

    def __init__(self) -> None:
        self.count = 0
        self.hit: str | None = None
        self._fails_at: int | None = None
        self._fault = Fault.EIO
        self._is_sticky = False
        self._rest_fails = False
        self._lock = threading.Lock()

    def arm(self, n: int, fault: Fault, *, is_sticky: bool) -> None:
        """Docstring inherited."""
        with self._lock:
            self.count, self.hit = 0, None
            self._fails_at, self._fault, self._is_sticky, self._rest_fails = n, fault, is_sticky, False

    def repair(self) -> None:
        """Docstring inherited."""
        with self._lock:
            self._fails_at, self._rest_fails = None, False

    def next_fault(self, what: str) -> Fault | None:
        """Docstring inherited."""
        with self._lock:
            self.count += 1
            if self.count == self._fails_at:
                self.hit = what
            if self._rest_fails:
                self._rest_fails = False
                return Fault.ENOSPC
            if self._fails_at is None or self.count < self._fails_at:
                return None
            if self.count > self._fails_at and not self._is_sticky:
                return None
            # Nobody has to believe a short write: it is the one after it that says why.
            self._rest_fails = self._fault is Fault.SHORT
            return self._fault

    @contextmanager
    def writes_below(self, root: Path) -> Iterator[None]:
        """Docstring inherited; there are no others in a test."""
        with pytest.MonkeyPatch.context() as patch, _sqlite_writes_to(self):
            _patch_python(self, patch)
            yield

    def check(self, what: str) -> None:
        """Count something that succeeds or fails as a whole.

        Raises:
            OSError: Its turn to fail.
        """
        fault = self.next_fault(what)
        if fault is not None:
            raise _os_error(fault)


def _os_error(fault: Fault) -> OSError:
    code = errno.EIO if fault is Fault.EIO else errno.ENOSPC
    return OSError(code, os.strerror(code))


# --- SQLite ----------------------------------------------------------------------------------------------------------

_Vfs = ctypes.c_void_p
_SetCall = ctypes.CFUNCTYPE(ctypes.c_int, _Vfs, ctypes.c_char_p, ctypes.c_void_p)
_GetCall = ctypes.CFUNCTYPE(ctypes.c_void_p, _Vfs, ctypes.c_char_p)


class _VfsStruct(ctypes.Structure):
    """``struct sqlite3_vfs``, version 3. Source: https://sqlite.org/c3ref/vfs.html."""

    _fields_ = (
        ("iVersion", ctypes.c_int),
        ("szOsFile", ctypes.c_int),
        ("mxPathname", ctypes.c_int),
        ("pNext", ctypes.c_void_p),
        ("zName", ctypes.c_char_p),
        ("pAppData", ctypes.c_void_p),
        *((name, ctypes.c_void_p) for name in ("xOpen", "xDelete", "xAccess", "xFullPathname", "xDlOpen", "xDlError")),
        *((name, ctypes.c_void_p) for name in ("xDlSym", "xDlClose", "xRandomness", "xSleep", "xCurrentTime")),
        *((name, ctypes.c_void_p) for name in ("xGetLastError", "xCurrentTimeInt64")),
        ("xSetSystemCall", _SetCall),
        ("xGetSystemCall", _GetCall),
        ("xNextSystemCall", ctypes.c_void_p),
    )


_SIZE, _OFFSET = ctypes.c_size_t, ctypes.c_int64
_WRITES: dict[bytes, Sequence[Any]] = {
    b"write": (ctypes.c_ssize_t, ctypes.c_int, ctypes.c_void_p, _SIZE),
    b"pwrite": (ctypes.c_ssize_t, ctypes.c_int, ctypes.c_void_p, _SIZE, _OFFSET),
    b"pwrite64": (ctypes.c_ssize_t, ctypes.c_int, ctypes.c_void_p, _SIZE, _OFFSET),
    b"ftruncate": (ctypes.c_int, ctypes.c_int, _OFFSET),
    b"fallocate": (ctypes.c_int, ctypes.c_int, _OFFSET, _OFFSET),
}
"""System calls of SQLite that write, by name, with the type of the result and those of the arguments."""


def _sqlite_library() -> ctypes.CDLL:
    """The SQLite that `sqlite3` of this process uses, wherever it was linked."""
    for path in (getattr(_sqlite3, "__file__", None), None):
        library = ctypes.CDLL(path)
        if hasattr(library, "sqlite3_vfs_find"):
            return library
    raise RuntimeError("this Python hides its SQLite: its system calls cannot be replaced")


@contextmanager
def _sqlite_writes_to(disk: FaultyDisk) -> Iterator[None]:
    library = _sqlite_library()
    library.sqlite3_vfs_find.restype = ctypes.POINTER(_VfsStruct)
    library.sqlite3_vfs_find.argtypes = (ctypes.c_char_p,)
    vfs = library.sqlite3_vfs_find(None)
    kept: list[Any] = []
    for name, (result, *arguments) in _WRITES.items():
        address = vfs.contents.xGetSystemCall(vfs, name)
        if not address:
            continue  # not of this platform
        kind = ctypes.CFUNCTYPE(result, *arguments, use_errno=True)
        replacement = kind(_replacement(disk, name.decode(), kind(address)))
        kept.append(replacement)
        vfs.contents.xSetSystemCall(vfs, name, ctypes.cast(replacement, ctypes.c_void_p))
    assert kept, "SQLite has no system calls to replace"
    try:
        yield
    finally:
        vfs.contents.xSetSystemCall(vfs, None, None)


def _replacement(disk: FaultyDisk, name: str, real: Callable[..., int]) -> Callable[..., int]:
    def call(descriptor: int, *rest: Any) -> int:
        fault = disk.next_fault(f"SQLite {name}")
        if fault is None:
            return real(descriptor, *rest)
        if fault is Fault.SHORT and name.endswith(("write", "64")) and rest[1] > 1:
            data, size, *where = rest
            return real(descriptor, data, size // 2, *where)
        ctypes.set_errno(errno.EIO if fault is Fault.EIO else errno.ENOSPC)
        return -1

    return call


# --- Python ----------------------------------------------------------------------------------------------------------


class _FaultyFile(io.FileIO):
    """A file opened for writing."""

    def __init__(self, disk: FaultyDisk, path: Any, mode: str) -> None:
        super().__init__(path, mode)
        self._disk = disk

    def write(self, data: Any) -> int | None:  # type: ignore[override]
        fault = self._disk.next_fault("file write")
        if fault is None:
            return super().write(data)
        if fault is Fault.SHORT and len(data) > 1:
            return super().write(memoryview(data)[: len(data) // 2])
        raise _os_error(fault)


def _patch_python(disk: FaultyDisk, patch: pytest.MonkeyPatch) -> None:
    open_file = io.open

    def open_faulty(file: Any, mode: str = "r", *args: Any, **options: Any) -> Any:
        if mode == "wb":
            return io.BufferedWriter(_FaultyFile(disk, file, "w"))
        return open_file(file, mode, *args, **options)

    patch.setattr(io, "open", open_faulty)
    for name in ("fsync", "fdatasync", "link", "replace", "mkdir"):
        patch.setattr(os, name, _checked(disk, f"os.{name}", getattr(os, name)))


def _checked(disk: FaultyDisk, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
    def call(*args: Any, **options: Any) -> Any:
        disk.check(name)
        return real(*args, **options)

    return call


class FaultyObjects(ObstoreObjects):
    """Objects in a folder, whose deletions may break off in the middle."""

    def __init__(self, objects: ObstoreObjects, disk: Disk) -> None:
        self.__dict__.update(objects.__dict__)
        self._disk = disk

    def delete_keys(self, keys: Sequence[ObjectKey]) -> None:
        """Docstring inherited."""
        for key in keys:
            fault = self._disk.next_fault("delete an object")
            if fault is not None:
                raise StorageFull("the folder") if fault is Fault.ENOSPC else ServerBusy("the folder cannot delete")
            super().delete_keys([key])
