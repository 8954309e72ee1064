"""The journal of a run: the append-only file that everything a training says goes into.

The journal is the queue. What `append` has taken is in the file, so it survives this process; a sender, now or later,
moves it to a server. Appending never raises for what the disk does: a training goes on, one warning is given, and when
there is space again the journal says itself what is missing.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any
from weakref import WeakSet

from kymograph.errors import RunExists
from kymograph.sdk import writer_lock
from kymograph.types import JsonValue
from kymograph.wire.history_row import RowEncoder
from kymograph.wire.journal import FILE_HEADER, frame
from kymograph.wire.records_pb2 import OutputLoggerRecord, Record

_OPEN_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)


_IN_CHILD = -2
"""In place of a descriptor: a forked process has not written anything yet."""


class Durability(StrEnum):
    """What an append outlives."""

    OS = "os"
    """This process being killed: the operating system has it."""
    FSYNC = "fsync"
    """Power loss: the disk has it. Threads that append together share one flush."""


class Journal:
    """One journal, open for appending. Safe to share between threads of one process.

    Law: what a reader gets is what was appended, in order; after a disk that was full, less some records, and a line
    that tells how many and when.
    """

    def __init__(
        self,
        path: Path,
        *,
        durability: Durability = Durability.OS,
        path_of_writer: Callable[[str], Path] | None = None,
        on_begun_in_child: Callable[[], object] = lambda: None,
        warn: Callable[[str], object] = lambda _text: None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Create a file.

        Args:
            path: Of the file; its folder exists.
            durability: What an append outlives.
            path_of_writer: Where a forked process goes on writing, by a name for it.
            on_begun_in_child: Called there once that file exists.
            warn: Is told once per trouble, in words for the user.
            clock: Gives the present moment.

        Raises:
            RunExists: There is a file of that name already; journals are never written twice.
            OSError: It cannot be created.
        """
        self.path = path
        self.lost_records = 0
        """Records that could not be written."""
        self._warn, self._clock, self._on_begun_in_child = warn, clock, on_begun_in_child
        self._path_of_writer = path_of_writer or (lambda writer: path.with_name(f"{path.stem}.{writer}{path.suffix}"))
        self._lock = threading.Lock()
        self._sync_lock = threading.Lock()
        self._is_fsync = durability is Durability.FSYNC
        self._encoder = RowEncoder()
        self._num = 0
        self._lost_since: datetime | None = None
        self._newly_lost = 0
        self._open()
        _journals.add(self)

    def _open(self) -> None:
        try:
            self._fd = os.open(self.path, _OPEN_FLAGS, 0o666)
        except FileExistsError as exc:
            raise RunExists(self.path.stem, path=str(self.path)) from exc
        writer_lock.hold(self._fd)
        self._position = os.write(self._fd, FILE_HEADER)
        self._synced = 0

    def _continue_in_child(self) -> None:
        """After a fork: the file belongs to the parent; what this process appends goes into one of its own."""
        os.close(self._fd)
        self._lock, self._sync_lock = threading.Lock(), threading.Lock()
        self._num, self._lost_since, self._newly_lost, self.lost_records = 0, None, 0, 0
        self._fd = _IN_CHILD

    @property
    def size_bytes(self) -> int:
        """How long the file is."""
        return self._position

    def append_numbers(self, row: Mapping[str, Any]) -> bool:
        """Append a history row of finite numbers; False if it holds anything else, and nothing is appended."""
        with self._lock:
            if self._lost_since is not None and not self._end_gap():
                return True
            payload = self._encoder.encode_numbers(self._num + 1, row)
            if payload is None:
                return False
            if self._try_to_write(payload):
                self._num += 1
            else:
                self._count_loss()
        if self._is_fsync:
            self._flush(self._position)
        return True

    def append_row(self, row: Mapping[str, JsonValue]) -> None:
        """Append a history row of values that JSON has."""
        with self._lock:
            if self._lost_since is None or self._end_gap():
                self._num += 1
                self._write(self._encoder.encode(self._num, row))
        if self._is_fsync:
            self._flush(self._position)

    def append(self, record: Record) -> None:
        """Append any other record; its number is set here."""
        with self._lock:
            if self._lost_since is None or self._end_gap():
                self._num += 1
                record.num = self._num
                self._write(record.SerializeToString())
        if self._is_fsync:
            self._flush(self._position)

    def flush(self) -> None:
        """Return once the disk has everything that was appended."""
        self._flush(self._position)

    def close(self) -> None:
        """Flush, and release the file."""
        if self._fd < 0:
            return
        self._flush(self._position)
        with self._lock:
            os.close(self._fd)
            self._fd = -1

    def _end_gap(self) -> bool:
        """Whether the disk takes something again: a line that tells what is missing, then."""
        if not self._try_to_write(self._gap_record().SerializeToString()):
            self._count_loss()
            return False
        self._num += 1
        self._lost_since, self._newly_lost = None, 0
        return True

    def _write(self, payload: bytes) -> None:
        """Write one payload, with the lock held; on failure the file ends where it ended before."""
        if not self._try_to_write(payload):
            self._num -= 1
            self._count_loss()

    def _try_to_write(self, payload: bytes) -> bool:
        try:
            if self._fd == _IN_CHILD:
                self.path = self._path_of_writer(f"{os.getpid()}-{int(self._clock().timestamp() * 1000)}")
                self._open()
                self._on_begun_in_child()
            framed = frame(payload, self._position)
            written = os.write(self._fd, framed)
            if written != len(framed):
                os.ftruncate(self._fd, self._position)
                os.lseek(self._fd, self._position, os.SEEK_SET)
                # The rest tells why: the disk is full, most often.
                written = os.write(self._fd, framed)
                if written != len(framed):
                    raise OSError("the file takes no more")
        except OSError as exc:
            self._step_back(exc)
            return False
        self._position += written
        return True

    def _step_back(self, exc: OSError) -> None:
        try:
            os.ftruncate(self._fd, self._position)
            os.lseek(self._fd, self._position, os.SEEK_SET)
        except OSError:
            pass  # the next write says so again
        if self._lost_since is None:
            self._lost_since = self._clock()
            self._warn(
                f"cannot write to {self.path}: {exc.strerror or exc}. The training goes on, what it logs now is lost; "
                "make space, and logging resumes by itself"
            )

    def _count_loss(self) -> None:
        self.lost_records += 1
        self._newly_lost += 1

    def _gap_record(self) -> Record:
        assert self._lost_since is not None
        times = f"{self._lost_since:%Y-%m-%d %H:%M:%S} to {self._clock():%H:%M:%S} UTC"
        line = f"kymograph: {self._newly_lost} records were lost: the disk took nothing from {times}"
        return Record(num=self._num + 1, output_logger=OutputLoggerRecord(line=line))

    def _flush(self, position: int) -> None:
        """Wait until the disk has the first `position` bytes; whoever waits with others shares their flush."""
        with self._sync_lock:
            if self._synced >= position or self._fd < 0:
                return
            reached = self._position
            try:
                os.fsync(self._fd)
            except OSError as exc:
                self._warn(f"cannot flush {self.path} to the disk: {exc.strerror or exc}")
                return
            self._synced = reached


_journals: WeakSet[Journal] = WeakSet()


def _continue_in_child() -> None:
    for journal in list(_journals):
        if journal._fd >= 0:
            journal._continue_in_child()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_continue_in_child)
