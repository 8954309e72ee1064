"""One server per data folder."""

from __future__ import annotations

import fcntl
import os
import socket
from pathlib import Path
from types import TracebackType
from typing import Self

from kymograph.errors import DataFolderBusy

LOCK_NAME = "server.lock"


class DataFolderLock:
    """Holds a data folder for this process until `release`, or until the process ends, however it ends.

    The lock is the kernel's (`flock`), so a killed server leaves none behind; the text in the file only tells people
    who holds it.
    """

    def __init__(self, folder: Path) -> None:
        """Take the lock.

        Raises:
            DataFolderBusy: Another process holds it.
        """
        folder.mkdir(parents=True, exist_ok=True)
        self._file = (folder / LOCK_NAME).open("a+", encoding="utf-8")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as exc:
            owner = self._owner()
            self._file.close()
            raise DataFolderBusy(str(folder), owner=owner) from exc
        self._file.truncate(0)
        self._file.write(f"process {os.getpid()} on {socket.gethostname()}\n")
        self._file.flush()

    def release(self) -> None:
        """Let the folder go; a second call does nothing."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()

    def _owner(self) -> str:
        self._file.seek(0)
        return self._file.read().strip() or "a process that has not said its name yet"
