"""`preload.c` from Python: builds it, and is the other end of its numbers."""

from __future__ import annotations

import ctypes
import mmap
import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.faults.broken_disk import Fault

SOURCE = Path(__file__).with_name("preload.c")
STATE_VARIABLE = "FAULTY_DISK"
CALLS = ("write", "pwrite", "writev", "fsync", "ftruncate", "create", "rename", "link", "mkdir", "unlink")
"""In the order of the file."""


class _State(ctypes.Structure):
    """``struct state`` of preload.c."""

    _fields_ = (
        *((name, ctypes.c_long) for name in ("count", "fails_at", "fault", "is_sticky", "rest_fails", "hit")),
        ("calls", ctypes.c_long * len(CALLS)),
        ("root", ctypes.c_char * 1024),
    )


def build(folder: Path) -> Path:
    """Compile it; returns the library."""
    library = folder / "preload.so"
    command = [os.environ.get("CC", "cc"), "-O1", "-shared", "-fPIC", "-o", str(library), str(SOURCE), "-ldl"]
    subprocess.run(command, check=True)
    return library


class PreloadedDisk:
    """Like `FaultyDisk`, for every process that was started with `environment`."""

    def __init__(self, state: Path) -> None:
        """Map the numbers, which lie in a file that is made if missing."""
        if not state.exists():
            state.write_bytes(bytes(ctypes.sizeof(_State)))
        self._path = state
        with state.open("r+b") as file:
            self._state = _State.from_buffer(mmap.mmap(file.fileno(), ctypes.sizeof(_State)))

    def environment(self, library: Path) -> Mapping[str, str]:
        """What a process has to be started with."""
        return {"LD_PRELOAD": str(library), STATE_VARIABLE: str(self._path)}

    def watch(self, root: Path | None) -> None:
        """Count changes below a folder; of nothing with None."""
        self._state.root = b"" if root is None else bytes(root)

    def arm(self, n: int, fault: Fault, *, is_sticky: bool) -> None:
        """Let the `n`-th change from now on fail, and if `is_sticky` all after it."""
        self._state.fails_at = self._state.count = self._state.rest_fails = self._state.hit = 0
        self._state.fault, self._state.is_sticky = list(Fault).index(fault), int(is_sticky)
        self._state.fails_at = n

    def repair(self) -> None:
        """Let everything succeed."""
        self._state.fails_at = self._state.rest_fails = 0

    @property
    def count(self) -> int:
        """Changes since it was armed."""
        return int(self._state.count)

    @property
    def hit(self) -> str | None:
        """The call that failed."""
        return CALLS[self._state.hit - 1] if self._state.hit else None

    def next_fault(self, _what: str) -> None:
        """Everything is caught further below."""

    @contextmanager
    def writes_below(self, root: Path) -> Iterator[None]:
        """Count changes below a folder while the block runs."""
        self.watch(root)
        try:
            yield
        finally:
            self.watch(None)


def preloaded_disk() -> PreloadedDisk:
    """The disk that this process was started with."""
    return PreloadedDisk(Path(os.environ[STATE_VARIABLE]))
