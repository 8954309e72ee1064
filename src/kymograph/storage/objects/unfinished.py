"""Large objects of a folder while they are written: under a name of their own, and some to go on later."""

from __future__ import annotations

import fcntl
import os
import secrets
import time
from pathlib import Path
from typing import BinaryIO, Self

from kymograph.storage.objects.direct_file import ALIGNED_BYTES, DirectFile

_FOLDER = "unfinished"
_LOCKED_S = 1.0
"""How long the server that a client has left may take to notice."""


class Unfinished:
    """A file under way, which nobody else writes."""

    def __init__(self, path: Path, file: BinaryIO, start: int) -> None:
        self.path, self.start = path, start
        self._file, self._target = file, DirectFile(file.fileno(), start)

    def __enter__(self) -> DirectFile:
        """What comes next goes there."""
        return self._target

    def __exit__(self, *_: object) -> None:
        self._file.close()

    @classmethod
    def beside(cls, path: Path) -> Self:
        """A new one, for the file at a path."""
        # Named as obstore names them: it is listed nowhere, and swept when it is left behind.
        draft = path.with_name(f"{path.name}#{secrets.randbits(48)}")
        return cls(draft, open(draft, "xb", buffering=0), 0)

    @classmethod
    def open(cls, folder: Path, name: str, start: int) -> Self | None:
        """That of a name, from a position on; None if there is none so long, or if it is being written.

        Args:
            folder: Of all objects.
            name: Of the stream.
            start: As `find_received` told.

        Raises:
            OSError: It cannot be opened.
        """
        path = _unfinished_path(folder, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        file = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o666), "r+b", buffering=0)
        if not _is_ours(file, path) or os.fstat(file.fileno()).st_size < start:
            file.close()
            return None
        file.truncate(start)
        return cls(path, file, start)

    @staticmethod
    def find_received(folder: Path, name: str) -> int:
        """How long that of a name is; 0 if there is none, or if it is still being written after a moment."""
        path = _unfinished_path(folder, name)
        end_s = time.monotonic() + _LOCKED_S
        while True:
            try:
                with open(path, "r+b", buffering=0) as file:
                    if _is_ours(file, path):
                        size = os.fstat(file.fileno()).st_size
                        return size - size % ALIGNED_BYTES
            except FileNotFoundError:
                return 0
            if time.monotonic() > end_s:
                return 0
            time.sleep(_LOCKED_S / 20)


def _unfinished_path(folder: Path, name: str) -> Path:
    return folder / _FOLDER / f"{name}#0"


def _is_ours(file: BinaryIO, path: Path) -> bool:
    """Whether nobody else has a file open to write it, and it has not just become an object."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return os.path.samestat(os.fstat(file.fileno()), os.stat(path))
    except (BlockingIOError, FileNotFoundError):
        return False
