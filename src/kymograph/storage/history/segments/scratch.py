"""A folder for files under way; at the end it is removed, after a killed process by the next one."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def scratch_folder(parent: Path) -> Iterator[Path]:
    """A folder of one's own in `parent`, which is made if missing; folders that killed processes left there go."""
    parent.mkdir(parents=True, exist_ok=True)
    for left_behind in parent.iterdir():
        if (lock := _lock(left_behind)) is not None:
            shutil.rmtree(left_behind, ignore_errors=True)
            os.close(lock)
    folder, lock = _make(parent)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def _make(parent: Path) -> tuple[Path, int]:
    while True:
        folder = Path(tempfile.mkdtemp(dir=parent))
        lock = _lock(folder)
        if lock is not None:
            if folder.exists():
                return folder, lock
            os.close(lock)  # another process took it for one that was left behind


def _lock(folder: Path) -> int | None:
    """Hold a folder until the descriptor is closed or the process ends; None if somebody holds it, or it is gone."""
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor
