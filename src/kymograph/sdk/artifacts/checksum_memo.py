"""What files were hashed to, for as long as they stay as they were: one small database for all.

It is a memo and no record: whatever goes wrong with it, files are hashed again. Many processes may use it.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Iterable
from contextlib import closing, suppress
from logging import getLogger
from pathlib import Path
from typing import NamedTuple

from kymograph.core.digest import DigestAlgorithm
from kymograph.types import Digest

FILE_NAME = "checksums.sqlite"
_TABLE = """
CREATE TABLE IF NOT EXISTS files (
    path BLOB NOT NULL, algorithm TEXT NOT NULL, size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL,
    inode TEXT NOT NULL, digest TEXT NOT NULL, used_at INTEGER NOT NULL, PRIMARY KEY (path, algorithm)
) WITHOUT ROWID
"""
_PATIENCE_S = 5.0
_KEEP_S = 90 * 86_400
_CLEAN_ONE_IN = 50
"""Saves of which one looks for what is too old."""
_FINE_CLOCK_NS, _COARSE_CLOCK_NS = 50_000_000, 2_000_000_000
"""A file may be written twice within one tick of its file system's clock: five ticks of Linux' slowest; that of FAT."""

_logger = getLogger(__name__)


class _Known(NamedTuple):
    size: int
    mtime_ns: int
    inode: str
    digest: str


class ChecksumMemo:
    """Remembers digests of files by path, size, time of the last change, and inode. Safe to share between threads."""

    def __init__(self, folder: Path) -> None:
        """Prepare; nothing is read yet.

        Args:
            folder: Holds the database; is made when something is saved.
        """
        self._path = folder / FILE_NAME
        self._known: dict[tuple[bytes, str], _Known] = {}
        self._new: dict[tuple[bytes, str], _Known] = {}
        self._lock = threading.Lock()

    def load(self, folders: Iterable[str | os.PathLike[str]]) -> None:
        """Have at hand what is remembered of files anywhere below these folders."""
        if not self._path.is_file():
            return
        for folder in folders:
            prefix = os.fsencode(os.path.abspath(folder)).rstrip(os.fsencode(os.sep)) + os.fsencode(os.sep)
            after = prefix[:-1] + bytes([prefix[-1] + 1])
            with self._lock, self._connected() as database:
                if database is None:
                    return
                found = database.execute(
                    "SELECT path, algorithm, size, mtime_ns, inode, digest FROM files WHERE path > ? AND path < ?",
                    (prefix, after),
                )
                self._known |= {(path, algorithm): _Known(*rest) for path, algorithm, *rest in found}

    @property
    def loaded_count(self) -> int:
        """Of how many files something is at hand."""
        return len(self._known)

    def load_file(self, path: str | os.PathLike[str]) -> None:
        """Have at hand what is remembered of one file."""
        if not self._path.is_file():
            return
        key = os.fsencode(os.path.abspath(path))
        with self._lock, self._connected() as database:
            if database is not None:
                found = database.execute(
                    "SELECT algorithm, size, mtime_ns, inode, digest FROM files WHERE path = ?", (key,)
                )
                self._known |= {(key, algorithm): _Known(*rest) for algorithm, *rest in found}

    def find(
        self, path: str | os.PathLike[str], stat: os.stat_result, algorithm: DigestAlgorithm = DigestAlgorithm.MD5
    ) -> Digest | None:
        """The digest of a file that is as it was, if it was loaded or remembered here."""
        if not self._known and not self._new:
            return None
        key = (os.fsencode(os.path.abspath(path)), algorithm.value)
        known = self._new.get(key) or self._known.get(key)
        if known is None or known[:3] != (stat.st_size, stat.st_mtime_ns, str(stat.st_ino)):
            return None
        return Digest(known.digest)

    def remember(
        self,
        path: str | os.PathLike[str],
        stat: os.stat_result,
        algorithm: DigestAlgorithm,
        digest: Digest,
        *,
        hashed_at_ns: int,
    ) -> None:
        """Note a digest, to be saved later. A file that changed only just now is not: it may yet, within one tick.

        Args:
            path: The file.
            stat: Its state when it was hashed.
            algorithm: How.
            digest: What to.
            hashed_at_ns: When the hashing began, since the epoch.
        """
        tick = _FINE_CLOCK_NS if stat.st_mtime_ns % 1_000_000 else _COARSE_CLOCK_NS
        if stat.st_mtime_ns > hashed_at_ns - tick:
            return
        key = (os.fsencode(os.path.abspath(path)), algorithm.value)
        known = _Known(stat.st_size, stat.st_mtime_ns, str(stat.st_ino), digest)
        with self._lock:
            self._new[key] = known

    def save(self) -> None:
        """Write what was noted, and let go of what was loaded."""
        with self._lock:
            noted, self._new, self._known = self._new, {}, {}
            if not noted:
                return
            with suppress(OSError):
                self._path.parent.mkdir(parents=True, exist_ok=True)
            now = int(time.time())
            with self._connected() as database:
                if database is None:
                    return
                database.executemany(
                    "INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?, ?, ?, ?)",
                    [(path, algorithm, *known, now) for (path, algorithm), known in noted.items()],
                )
                if now % _CLEAN_ONE_IN == 0:
                    database.execute("DELETE FROM files WHERE used_at < ?", (now - _KEEP_S,))

    def _connected(self) -> _Connection:
        return _Connection(self._path)


class _Connection:
    """The database for one transaction; None where it cannot be used. What goes wrong is noted, and passes.

    Connections are not kept: one that a forked process inherits would be broken.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._database: sqlite3.Connection | None = None

    def __enter__(self) -> sqlite3.Connection | None:
        for _ in range(2):
            try:
                database = sqlite3.connect(self._path, timeout=_PATIENCE_S)
            except sqlite3.Error as exc:
                _logger.debug("no memo of checksums: %s", exc)
                return None
            try:
                # What a power cut takes is hashed again.
                database.execute("PRAGMA synchronous=OFF")
                database.execute(_TABLE)
            except sqlite3.OperationalError as exc:  # held by others for long, or not writable
                _logger.debug("no memo of checksums: %s", exc)
                database.close()
                return None
            except sqlite3.DatabaseError:  # damaged
                database.close()
                with suppress(OSError):
                    self._path.unlink()
                continue
            self._database = database
            return database
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: object) -> bool:
        if self._database is None:
            return False
        with closing(self._database) as database, suppress(sqlite3.Error):
            if kind is None:
                database.commit()
        if isinstance(error, sqlite3.DatabaseError):
            if not isinstance(error, sqlite3.OperationalError):
                with suppress(OSError):
                    self._path.unlink()
            _logger.debug("the memo of checksums is passed over: %s", error)
            return True
        return False
