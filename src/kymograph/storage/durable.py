"""Files that survive a power failure once a function here has returned."""

from __future__ import annotations

import errno
import os
import secrets
import shutil
from contextlib import suppress
from pathlib import Path

NO_SPACE = frozenset({errno.ENOSPC, errno.EFBIG, errno.EDQUOT})
"""Codes of an `OSError` that freed space would have prevented."""
_ATTEMPTS = 5
"""A folder that was just made may be removed as an empty one by whoever deletes its neighbours."""


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
