"""How much a cache holds: a counter that its processes share, and the count itself.

The counter may be wrong by what processes had not told when they died. It only says when to count, and is set to the
truth whenever somebody does, once a day at least.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from kymograph.client.placing import draft_name

_MIN_SLACK_BYTES = 1 << 20
_MAX_UNTOLD = 1_000
"""Files after which the counter is told in any case."""
_TRUSTED_S = 86_400.0


@dataclass(frozen=True, slots=True)
class CachedObject:
    """One file of a cache."""

    path: str
    size_bytes: int
    used_at_ns: int
    """When it was last taken or kept: linking a file, or marking it, changes one of its times."""


def iter_files(folder: Path) -> Iterator[CachedObject]:
    """All files below a folder; what vanishes meanwhile is passed over."""
    try:
        items = list(os.scandir(folder))
    except (FileNotFoundError, NotADirectoryError):
        return
    for item in items:
        with suppress(FileNotFoundError):
            if item.is_dir(follow_symlinks=False):
                yield from iter_files(Path(item.path))
            else:
                state = item.stat(follow_symlinks=False)
                used_at = max(state.st_atime_ns, state.st_mtime_ns, state.st_ctime_ns)
                yield CachedObject(item.path, state.st_size, used_at)


class CacheUsage:
    """The counter of one cache."""

    def __init__(self, folder: Path) -> None:
        """Prepare; nothing is read yet."""
        self._folder = folder
        self._path = folder / "usage.json"
        self._untold_bytes = 0
        self._untold_files = 0

    def add(self, size_bytes: int, *, slack_bytes: int) -> int | None:
        """Note that a file was added.

        Args:
            size_bytes: Its size.
            slack_bytes: How much may be untold.

        Returns:
            Bytes in the cache by the counter, when it was told; None if it was not yet.
        """
        self._untold_bytes += size_bytes
        self._untold_files += 1
        if self._untold_bytes < max(slack_bytes, _MIN_SLACK_BYTES) and self._untold_files < _MAX_UNTOLD:
            return None
        return self.flush()

    def flush(self) -> int:
        """Tell the counter; gives what it says then."""
        untold, self._untold_bytes, self._untold_files = self._untold_bytes, 0, 0
        with self._locked("usage.lock", waits=True):
            known = self._read()
            if known is None:
                total = sum(item.size_bytes for item in iter_files(self._folder / "obj"))
                self._write(total, counted_at=time.time())
                return total
            total, counted_at = known[0] + untold, known[1]
            self._write(total, counted_at=counted_at)
            return total

    def set(self, size_bytes: int) -> None:
        """What was counted."""
        self._untold_bytes = self._untold_files = 0
        if self._folder.is_dir():
            with self._locked("usage.lock", waits=True):
                self._write(size_bytes, counted_at=time.time())

    @contextmanager
    def evicting(self) -> Iterator[bool]:
        """Whether this process is to delete: one at a time does."""
        with self._locked("evict.lock", waits=False) as is_mine:
            yield is_mine

    def _read(self) -> tuple[int, float] | None:
        try:
            document = json.loads(self._path.read_bytes())
            known = int(document["bytes"]), float(document["counted_at"])
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return known if 0 <= time.time() - known[1] < _TRUSTED_S else None

    def _write(self, size_bytes: int, *, counted_at: float) -> None:
        draft = draft_name(self._path)
        with suppress(OSError):
            Path(draft).write_text(json.dumps({"bytes": size_bytes, "counted_at": counted_at}))
            os.replace(draft, self._path)

    @contextmanager
    def _locked(self, name: str, *, waits: bool) -> Iterator[bool]:
        """Hold a lock, where there are such locks; whether it is held."""
        if os.name == "nt":  # pragma: no cover - the counter may then lose what two tell at once
            yield True
            return
        import fcntl

        self._folder.mkdir(parents=True, exist_ok=True)
        with open(self._folder / name, "ab") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX if waits else fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
                return
            except OSError:  # a file system without locks
                yield True
                return
            yield True
