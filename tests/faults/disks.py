"""A data folder on a disk that can be filled and freed while a server works on it."""

from __future__ import annotations

import errno
import os
import resource
import subprocess
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Protocol

import psutil

from tests.e2e.server import ServerProcess

SIZE_MB = 24


class SmallDisk(Protocol):
    """Where the server of a test has its data, or a part of it."""

    server: ServerProcess

    @property
    def data(self) -> Path:
        """The data folder, as this process can read it."""

    @property
    def beside(self) -> tuple[str, ...]:
        """What a command has to begin with to see what the server sees."""

    def fill(self) -> None:
        """Leave no space at all."""

    def free(self) -> None:
        """Give the space back."""


class TmpfsDisk:
    """A file system of some megabytes, mounted where only the server sees it (a mount namespace of its own)."""

    def __init__(self, folder: Path, part: str, environment: Mapping[str, str]) -> None:
        data = folder / "data"
        (data / part).mkdir(parents=True)
        self._part = part
        script = f'mount -t tmpfs -o size={SIZE_MB}m tmpfs "$1" && shift && exec "$@"'
        command = (*UNSHARE, "sh", "-c", script, "sh", str(data / part))
        self.server = ServerProcess(data, command=command, environment=environment)

    @property
    def data(self) -> Path:
        """Docstring inherited."""
        return Path(f"/proc/{self.server.pid}/root{self.server.data}")

    @property
    def beside(self) -> tuple[str, ...]:
        """Docstring inherited."""
        user = () if os.geteuid() == 0 else ("--user", "--preserve-credentials")
        return ("nsenter", "--target", str(self.server.pid), "--mount", *user, "--")

    @property
    def _filler(self) -> Path:
        return self.data / self._part / "filler"

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
    """For machines where nothing may be mounted: the kernel refuses the server's writes, as a full disk does.

    Where only a part of the data folder is to be full, those of the process that builds segments: nobody else writes
    to their objects and to the scratch folder.
    """

    def __init__(self, folder: Path, part: str, environment: Mapping[str, str]) -> None:
        self.server = ServerProcess(folder / "data", environment=environment)
        self.data = self.server.data
        self.beside = ()
        self._part = part
        self._is_full = threading.Event()
        self._watch: threading.Thread | None = None

    def fill(self) -> None:
        """Docstring inherited."""
        self._is_full.set()
        if self._part:
            self._watch = threading.Thread(target=self._limit_compactors, daemon=True)
            self._watch.start()
        else:
            self._limit_files(self.server.pid, 0)

    def free(self) -> None:
        """Docstring inherited."""
        self._is_full.clear()
        if self._watch is not None:
            self._watch.join()
        for process in (psutil.Process(self.server.pid), *psutil.Process(self.server.pid).children()):
            self._limit_files(process.pid, resource.RLIM_INFINITY)

    def _limit_compactors(self) -> None:
        while self._is_full.is_set():
            time.sleep(0.005)
            for child in psutil.Process(self.server.pid).children():
                self._limit_files(child.pid, 0)

    def _limit_files(self, pid: int, size: int) -> None:
        with suppress(ProcessLookupError):
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


UNSHARE = ("unshare", "--mount", *(() if os.geteuid() == 0 else ("--map-root-user",)), "--")


def open_small_disk(folder: Path, *, part: str = "", environment: Mapping[str, str] | None = None) -> SmallDisk:
    """The most real one that this machine allows.

    Args:
        folder: For everything.
        part: Folder inside the data folder that is small; by default all of it.
        environment: Of the server.
    """
    with suppress(FileNotFoundError):
        probe = subprocess.run(
            [*UNSHARE, "mount", "-t", "tmpfs", "tmpfs", str(folder)], capture_output=True, check=False
        )
        if probe.returncode == 0:
            return TmpfsDisk(folder, part, environment or {})
    return RefusedWrites(folder, part, environment or {})


def write_some(descriptor: int, size: int) -> bool:
    """Append `size` bytes; False if there is no space."""
    try:
        return os.write(descriptor, bytes(size)) > 0
    except OSError as exc:
        if exc.errno != errno.ENOSPC:
            raise
        return False
