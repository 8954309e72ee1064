"""Whether a process still writes a journal: it holds a lock on it, which ends with it, however that ends."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path

QUIET_S = 60.0
"""Of a journal without locks: clients write samples of the machine every 15 s, so one that is quiet is abandoned."""


def hold(descriptor: int) -> None:
    """Mark an open journal as being written; where there are no such locks, nothing happens."""
    if os.name == "nt":  # pragma: no cover - locks there keep readers out
        return
    import fcntl

    with suppress(OSError):  # some network file systems have none
        # Waits for whoever asks at this moment whether it is held, and nobody else.
        fcntl.flock(descriptor, fcntl.LOCK_EX)


def is_held(path: Path) -> bool:
    """Whether somebody holds the lock of a journal.

    Raises:
        OSError: It cannot be opened.
    """
    if os.name == "nt":  # pragma: no cover
        return False
    import fcntl

    with path.open("rb") as file:
        try:
            fcntl.flock(file.fileno(), fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except OSError:
            return False
    return False


def has_grown_lately(path: Path, *, now: float | None = None) -> bool:
    """Whether a journal was written within the last minute."""
    return (time.time() if now is None else now) - path.stat().st_mtime < QUIET_S
