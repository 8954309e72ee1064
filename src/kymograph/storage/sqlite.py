"""The embedded database: one SQLite file, one writing thread, many readers.

A full sync costs the same for one job as for a hundred, so whatever waits is written together: each job in a savepoint
of its own, one commit for the group, and only then is any caller told that its job is done (group commit). A failing
job rolls back its savepoint and nothing else. When the disk is full the group is rolled back as a whole and every
caller of it gets `StorageFull`; the next group tries again by itself.

What was committed lies in SQLite's log and is copied into the database file by a thread of its own (`_Checkpoints`):
done by the commit that happens to come at the time, as SQLite does by default, it kept callers waiting for a tenth of a
second where the disk was busy.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, Generic, TypeVar

from sqlalchemy import Connection, Engine, create_engine
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool, QueuePool

from kymograph.errors import ServerBusy
from kymograph.storage.metadata.run_table import RunTables
from kymograph.storage.sql_errors import Failure, classify, to_kymograph_error, translated_errors
from kymograph.storage.transaction import SqlTransaction

logger = logging.getLogger(__name__)

T = TypeVar("T")

WHERE = "the database"
_MAX_GROUP = 256
"""Jobs per commit."""
MAX_GROUP_S = 0.02
"""A group is closed after this time, so that the first job of a steady stream is not kept waiting."""
_MAX_QUEUED = 10_000
WRITE_TIMEOUT_S = 30.0
"""A job that was not begun by then is withdrawn."""
_BUSY_TIMEOUT_MS = 10_000
_CHECKPOINT_PAGES = 1_000
"""How many pages of the log (4 MB) a checkpoint should find."""
_MOST_LOG_PAGES = 16_000
"""When the log has grown to this because checkpoints do not keep up, commits make them."""
CHECKPOINT_WAIT_S = (0.1, 5.0)
"""Shortest and longest time between two checkpoints, if something was committed."""
_READERS = 16
_READER_TIMEOUT_S = 30.0


class _Job(Generic[T]):
    """A queued piece of work and its outcome."""

    __slots__ = ("claim", "done", "error", "result", "work")

    def __init__(self, work: Callable[[SqlTransaction], T]) -> None:
        self.work = work
        self.result: T | None = None
        self.error: BaseException | None = None
        self.claim = threading.Lock()
        """Taken once: by the writer that runs the job, or by a caller that gives up waiting."""
        self.done = threading.Lock()
        """Held until the outcome is known. A bare lock costs a tenth of a `Future`."""
        self.done.acquire()


class SqliteDatabase:
    """A database in one file. Safe to share between threads, not between processes (see `storage.lock`)."""

    dialect = "sqlite"

    def __init__(
        self, path: Path, *, write_timeout_s: float = WRITE_TIMEOUT_S, max_group_s: float = MAX_GROUP_S
    ) -> None:
        self.path = path
        self._write_timeout_s = write_timeout_s
        self._max_group_s = max_group_s
        self._writer_engine = create_engine(
            "sqlite://", creator=lambda: _connect(path, is_reader=False), poolclass=NullPool
        )
        self._reader_engine = create_engine(
            "sqlite://",
            creator=lambda: _connect(path, is_reader=True),
            poolclass=QueuePool,
            pool_size=_READERS,
            max_overflow=0,
            pool_timeout=_READER_TIMEOUT_S,
        )
        self._tables = RunTables()
        self._queue: SimpleQueue[_Job[Any] | None] = SimpleQueue()
        self._is_closed = False
        self._writer = threading.Thread(target=self._write_loop, name="sqlite-writer", daemon=True)
        self._writer.start()
        self._checkpoints = _Checkpoints(path)

    @property
    def engine(self) -> Engine:
        """For migrations, before the first job."""
        return self._writer_engine

    @property
    def waiting_writes(self) -> int:
        """Jobs that no commit has taken up yet."""
        return self._queue.qsize()

    def read(self, job: Callable[[SqlTransaction], T]) -> T:
        """Docstring inherited."""
        with translated_errors(WHERE), self._reader_engine.connect() as connection:
            raw = _driver_connection(connection)
            raw.execute("BEGIN")
            try:
                return job(SqlTransaction(connection, self._tables))
            finally:
                if raw.in_transaction:
                    raw.execute("ROLLBACK")

    def write(self, job: Callable[[SqlTransaction], T]) -> T:
        """Docstring inherited."""
        if threading.current_thread() is self._writer:
            raise RuntimeError("a writing job must not start another one: it would wait for itself")
        if self._is_closed:
            raise ServerBusy("the database is closed")
        if self._queue.qsize() >= _MAX_QUEUED:
            raise ServerBusy(f"{_MAX_QUEUED:,} writes are waiting")
        queued = _Job(job)
        self._queue.put(queued)
        if not queued.done.acquire(timeout=self._write_timeout_s):
            if queued.claim.acquire(blocking=False):
                raise ServerBusy(f"{WHERE} did not get to a write within {self._write_timeout_s:g} s")
            queued.done.acquire()  # it runs already: only its outcome tells whether it is kept
        if queued.error is not None:
            raise queued.error
        return queued.result  # type: ignore[return-value]  # set by the writer, and T may itself be None

    def checkpoint(self) -> None:
        """Copy what was committed into the file now; it happens by itself from time to time.

        Raises:
            StorageFull: There is no space; the log stays, and nothing is lost.
            ServerBusy: The disk fails.
        """
        with translated_errors(WHERE):
            self._checkpoints.make()

    def close(self) -> None:
        """Docstring inherited."""
        if self._is_closed:
            return
        self._is_closed = True
        self._queue.put(None)
        self._writer.join()
        self._checkpoints.close()
        self._reader_engine.dispose()
        self._writer_engine.dispose()

    # --- the writing thread ------------------------------------------------------------------------------------------

    def _write_loop(self) -> None:
        connection: Connection | None = None
        first: _Job[Any] | None
        while (first := self._queue.get()) is not None:
            if not first.claim.acquire(blocking=False):
                continue
            group = [first]
            try:
                if connection is None:
                    connection = self._writer_engine.connect()
                self._write_group(connection, group)
            except Exception as exc:  # the edge of this thread: the callers get the error, the thread goes on
                _fail(group, exc)
                connection = _recover(connection)
            for job in group:
                job.done.release()
        self._refuse_leftovers()
        if connection is not None:
            connection.close()

    def _write_group(self, connection: Connection, group: list[_Job[Any]]) -> None:
        """Run queued jobs in one transaction, adding them to `group`; outcomes are set, callers are not yet told."""
        raw = _driver_connection(connection)
        closes_at = time.monotonic() + self._max_group_s
        raw.execute("BEGIN IMMEDIATE")
        job: _Job[Any] | None = group[0]
        while job is not None:
            self._run_in_savepoint(connection, raw, job)
            job = self._next_of_group(group, closes_at)
        raw.execute("COMMIT")
        self._checkpoints.note()

    def _next_of_group(self, group: list[_Job[Any]], closes_at: float) -> _Job[Any] | None:
        while len(group) < _MAX_GROUP and time.monotonic() < closes_at:
            try:
                job = self._queue.get_nowait()
            except Empty:
                return None
            if job is None:
                self._queue.put(None)  # the end, for the loop outside
                return None
            if job.claim.acquire(blocking=False):
                group.append(job)
                return job
        return None

    def _run_in_savepoint(self, connection: Connection, raw: sqlite3.Connection, job: _Job[Any]) -> None:
        raw.execute("SAVEPOINT job")
        try:
            job.result = job.work(SqlTransaction(connection))
        except BaseException as exc:  # handed to the caller, who decides
            if classify(exc) is Failure.FULL or not raw.in_transaction:
                raise  # SQLite may have rolled back all of it
            raw.execute("ROLLBACK TO job")
            job.error = to_kymograph_error(exc, where=WHERE) or exc
            if job.error is not exc:
                job.error.__cause__ = exc
        raw.execute("RELEASE job")

    def _refuse_leftovers(self) -> None:
        while True:
            try:
                job = self._queue.get_nowait()
            except Empty:
                return
            if job is not None and job.claim.acquire(blocking=False):
                job.error = ServerBusy("the database is closed")
                job.done.release()


class _Checkpoints:
    """Copies the log into the database file from time to time, while others write."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._has_news = threading.Event()
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None
        self._raw: sqlite3.Connection | None = None
        self._lock = threading.Lock()

    def note(self) -> None:
        """Something was committed."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="sqlite-checkpoints", daemon=True)
            self._thread.start()
        self._has_news.set()

    def close(self) -> None:
        """End; whoever closes the last connection makes the last checkpoint."""
        self._closing.set()
        self._has_news.set()
        if self._thread is not None:
            self._thread.join()
        if self._raw is not None:
            self._raw.close()

    def _run(self) -> None:
        shortest_s, longest_s = CHECKPOINT_WAIT_S
        wait_s = shortest_s
        while not self._closing.wait(wait_s):
            self._has_news.wait()
            if self._closing.is_set():
                break
            self._has_news.clear()
            try:
                pages = self.make()
            except sqlite3.Error as exc:
                # Nothing is lost: the log stays, and is read as before.
                logger.warning("the log of the database could not be copied into it: %s", exc)
                wait_s = longest_s
            else:
                wait_s = min(max(wait_s * _CHECKPOINT_PAGES / max(pages, 1), shortest_s), longest_s)

    def make(self) -> int:
        """Copy what nobody has to read in the log any more; returns how many pages are in the log."""
        with self._lock:
            if self._raw is None:
                self._raw = _connect(self._path, is_reader=False)
            _, pages, _ = self._raw.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        return int(pages)


def _fail(group: list[_Job[Any]], cause: BaseException) -> None:
    """Give every job of a group that was rolled back an error of its own: exceptions are not to be shared."""
    for job in group:
        job.result = None
        job.error = to_kymograph_error(cause, where=WHERE) or ServerBusy(f"{WHERE} lost a write")
        job.error.__cause__ = cause


def _recover(connection: Connection | None) -> Connection | None:
    """Undo the open transaction. The connection is kept if at all possible: on a full disk no new one could open."""
    if connection is None:
        return None
    try:
        raw = _driver_connection(connection)
        if raw.in_transaction:
            raw.execute("ROLLBACK")
    except (sqlite3.Error, SQLAlchemyError):
        connection.invalidate()
        connection.close()
        return None
    return connection


def _driver_connection(connection: Connection) -> sqlite3.Connection:
    raw = connection.connection.driver_connection
    assert isinstance(raw, sqlite3.Connection)
    return raw


def _connect(path: Path, *, is_reader: bool) -> sqlite3.Connection:
    # isolation_level None: the driver starts no transactions of its own, all BEGINs and COMMITs are ours.
    raw = sqlite3.connect(path, isolation_level=None, check_same_thread=False, cached_statements=512)
    raw.execute(f"PRAGMA busy_timeout = {_BUSY_TIMEOUT_MS}")
    raw.execute("PRAGMA journal_mode = WAL")
    raw.execute("PRAGMA synchronous = FULL")
    raw.execute(f"PRAGMA wal_autocheckpoint = {_MOST_LOG_PAGES}")
    raw.execute("PRAGMA foreign_keys = ON")
    # Some distributions build SQLite to overwrite what is deleted. Every chunk is deleted once it is in a segment, and
    # overwriting those would double what is written; pages that stay in use are still wiped.
    raw.execute("PRAGMA secure_delete = FAST")
    raw.execute("PRAGMA cache_size = -16384" if is_reader else "PRAGMA cache_size = -65536")  # KiB
    if is_reader:
        raw.execute("PRAGMA query_only = ON")
    return raw
