"""A data folder on a disk that can be filled and freed while a server works on it."""

from __future__ import annotations

import errno
import os
import resource
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from tests.e2e.server import ServerProcess

SIZE_MB = 24


class SmallDisk(Protocol):
    """Where the server of a test has its data."""

    server: ServerProcess

    def fill(self) -> None:
        """Leave no space at all."""

    def free(self) -> None:
        """Give the space back."""


class TmpfsDisk:
    """A file system of some megabytes, mounted where only the server sees it (a mount namespace of its own)."""

    def __init__(self, folder: Path) -> None:
        data = folder / "data"
        data.mkdir()
        script = f'mount -t tmpfs -o size={SIZE_MB}m tmpfs "$1" && shift && exec "$@"'
        self.server = ServerProcess(data, command=(*UNSHARE, "sh", "-c", script, "sh", str(data)))

    @property
    def _filler(self) -> Path:
        # The server's own view of the file system.
        return Path(f"/proc/{self.server.pid}/root{self.server.data}/filler")

    def fill(self) -> None:
        """Docstring inherited."""
        with self._filler.open("ab", buffering=0) as file:
            for size in (1024 * 1024, 4096, 1):
                while write_some(file.fileno(), size):
                    pass

    def free(self) -> None:
        """Docstring inherited."""
        self._filler.unlink()


class RefusedWrites:
    """For machines where nothing may be mounted: the kernel refuses the server's writes, as a full disk does."""

    def __init__(self, folder: Path) -> None:
        self.server = ServerProcess(folder / "data")

    def fill(self) -> None:
        """Docstring inherited."""
        self._limit_files(0)

    def free(self) -> None:
        """Docstring inherited."""
        self._limit_files(resource.RLIM_INFINITY)

    def _limit_files(self, size: int) -> None:
        resource.prlimit(self.server.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


UNSHARE = ("unshare", "--mount", *(() if os.geteuid() == 0 else ("--map-root-user",)), "--")


def open_small_disk(folder: Path) -> SmallDisk:
    """The most real one that this machine allows."""
    with suppress(FileNotFoundError):
        probe = subprocess.run(
            [*UNSHARE, "mount", "-t", "tmpfs", "tmpfs", str(folder)], capture_output=True, check=False
        )
        if probe.returncode == 0:
            return TmpfsDisk(folder)
    return RefusedWrites(folder)


def write_some(descriptor: int, size: int) -> bool:
    """Append `size` bytes; False if there is no space."""
    try:
        return os.write(descriptor, bytes(size)) > 0
    except OSError as exc:
        if exc.errno != errno.ENOSPC:
            raise
        return False
