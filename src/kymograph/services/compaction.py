"""Turns the tail into segments: decides which stream is due, has its segment built elsewhere, and puts it in place.

Building takes a processor's time, so it happens in a process of its own (`SegmentFactory`); here are the decisions and
the transactions. Any number of servers do this on one database: whoever works on a stream holds a claim on it, and a
segment is put in place only if everything that went into it is still there. Broken off anywhere, nothing is lost and
nothing is there twice: at worst objects stay that no row names, which the collector finds.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import TypeAlias

from kymograph.core.history import Stream
from kymograph.errors import KymographError
from kymograph.services.garbage import GRACE
from kymograph.storage.base import Database, Transaction
from kymograph.storage.history.base import COMPACTED_STREAMS, Replacement, SegmentFactory
from kymograph.types import RunKey

logger = logging.getLogger(__name__)

_FIRST_WAIT_S, _MAX_WAIT_S = 1.0, 60.0
"""After a failure; doubled with each one that follows it."""
_MAX_PER_SWEEP = 1000

StreamKey: TypeAlias = tuple[RunKey, Stream]


@dataclass(frozen=True, slots=True)
class CompactionPolicy:
    """When a stream is due."""

    full_bytes: int = 12 * 1024 * 1024
    """Unpacked lines in the tail; charts of a run that is being looked at decode them, which takes about 0.1 s."""
    quiet_bytes: int = 128 * 1024
    """The same for streams that nothing has come for in a while; less than this stays in the tail."""
    quiet_s: float = 30.0
    sweep_s: float = 60.0
    """How often the database is asked for streams that nobody here knows of."""
    look_s: float = 0.25
    """How often what came in is looked at."""
    claim_time: timedelta = timedelta(minutes=5)
    """Longer than a segment takes to build; after that somebody else may try."""
    build_time: timedelta = GRACE / 2
    """A segment that took longer is not put in place: its objects, which no row names yet, may have been collected."""


@dataclass(slots=True)
class _Waiting:
    """What is known of a stream's tail."""

    size_bytes: int
    touched_at: float
    not_before: float = 0.0
    failures: int = 0
    """One after another."""


class Compactor:
    """Compacts the streams of one database. `note` may be called from any thread; one thread runs it."""

    def __init__(
        self,
        database: Database,
        factory: SegmentFactory,
        clock: Callable[[], datetime],
        *,
        worker: str,
        is_alone: bool = False,
        policy: CompactionPolicy | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Work on `database`.

        Args:
            database: Where tails are and segments are recorded.
            factory: Builds segments.
            clock: The present moment, for claims.
            worker: Names this compactor among others.
            is_alone: There are no others: claims that are there at the start are those of a server that was killed.
            policy: When a stream is due.
            monotonic: Seconds, for waiting.
        """
        self._database = database
        self._factory = factory
        self._clock = clock
        self._worker = worker
        self._is_alone = is_alone
        self._policy = CompactionPolicy() if policy is None else policy
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._waiting: dict[StreamKey, _Waiting] = {}
        self._swept_at = float("-inf")
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def backlog_bytes(self) -> int:
        """Unpacked lines that wait, as far as this process knows."""
        with self._lock:
            return sum(waiting.size_bytes for waiting in self._waiting.values())

    @property
    def overdue_bytes(self) -> int:
        """By how much streams are late although nothing hinders their compaction; see `Admission`.

        Late is what goes beyond twice the size that makes a stream due: many runs that began together are due together,
        and it is no sign of too much that they wait for one another.
        """
        late_bytes = 2 * self._policy.full_bytes
        with self._lock:
            sizes = [waiting.size_bytes for waiting in self._waiting.values() if not waiting.failures]
        return sum(size - late_bytes for size in sizes if size > late_bytes)

    def note(self, run: RunKey, stream: Stream, size_bytes: int) -> None:
        """Take notice of lines that came in."""
        if stream not in COMPACTED_STREAMS:
            return
        now = self._monotonic()
        with self._lock:
            waiting = self._waiting.get((run, stream))
            if waiting is None:
                self._waiting[run, stream] = _Waiting(size_bytes, now)
            else:
                waiting.size_bytes += size_bytes
                waiting.touched_at = now

    # --- running -----------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Compact in a thread of its own from now on."""
        self._thread = threading.Thread(target=self._run, name="compactor", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Finish what is under way, and end."""
        self._stopping.set()
        self._factory.close()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        wait_s = _FIRST_WAIT_S
        while not self._stopping.is_set():
            try:
                if self._is_alone:
                    self._database.write(lambda tx: tx.segments.drop_claims())
                    self._is_alone = False
                self.work()
            except KymographError as exc:
                logger.warning("no compaction now: %s", exc)
            except Exception:  # the edge of this thread: whatever it is, the next look may succeed
                logger.exception("compaction failed; it will be tried again")
            else:
                wait_s = _FIRST_WAIT_S
                self._stopping.wait(self._policy.look_s)
                continue
            self._stopping.wait(wait_s)
            wait_s = min(wait_s * 2, _MAX_WAIT_S)

    def work(self) -> int:
        """Compact every stream that is due now; returns how many segments were put in place."""
        now = self._monotonic()
        if now - self._swept_at >= self._policy.sweep_s:
            self._swept_at = now
            self._sweep(now)
        made = 0
        for key in self._due(now):
            if self._stopping.is_set():
                break
            made += self._compact(key)
        return made

    def _sweep(self, now: float) -> None:
        """Take notice of what others took in, or this process before it was started."""
        found = self._database.read(
            lambda tx: tx.segments.list_due(min_bytes=self._policy.quiet_bytes, limit=_MAX_PER_SWEEP)
        )
        with self._lock:
            for run, stream, size_bytes in found:
                waiting = self._waiting.setdefault((run, stream), _Waiting(0, now))
                waiting.size_bytes = max(waiting.size_bytes, size_bytes)

    def _due(self, now: float) -> list[StreamKey]:
        policy = self._policy
        with self._lock:
            due: list[tuple[int, StreamKey]] = []
            for key, waiting in list(self._waiting.items()):
                is_quiet = now - waiting.touched_at >= policy.quiet_s
                if now < waiting.not_before:
                    continue
                if waiting.size_bytes >= policy.full_bytes or (is_quiet and waiting.size_bytes >= policy.quiet_bytes):
                    due.append((waiting.size_bytes, key))
                elif is_quiet:
                    del self._waiting[key]  # too little to be worth a segment
        return [key for _, key in sorted(due, reverse=True)]

    def _compact(self, key: StreamKey) -> int:
        """Compact one stream once, and merge what can be; returns how many segments were put in place."""
        run, stream = key
        with self._lock:
            is_quiet = self._monotonic() - self._waiting[key].touched_at >= self._policy.quiet_s
            noted = self._waiting[key].size_bytes
        made = 0
        try:
            if not self._claim(key):
                self._postpone(key)
                return 0
            try:
                if self._put(partial(self._factory.compact, run, stream, take_open=is_quiet)):
                    made += 1
                    while self._claim(key) and self._put(partial(self._factory.merge, run, stream)):
                        made += 1
            finally:
                self._release(key)
            self._recount(key, noted)
        except KymographError as exc:
            # A full disk, a database that is away, a damaged segment: all stays as it is, readable as before.
            logger.warning("a stream cannot be compacted now: %s", exc, extra={"run_key": run, "stream": stream.value})
            self._postpone(key)
            return made
        if not made:
            self._postpone(key, self._policy.look_s * 4)
        return made

    def _put(self, build: Callable[[], Replacement | None]) -> bool:
        """Have a segment built and put it in place, unless there is none, or something of it has changed since."""
        latest = self._clock() + self._policy.build_time
        replacement = build()
        if replacement is None:
            return False

        def job(tx: Transaction) -> bool:
            # Asked for here and not before: a machine may sleep at any moment, and the collector wakes up with it.
            now = self._clock()
            return now <= latest and tx.segments.replace(replacement, now)

        return self._database.write(job)

    def _claim(self, key: StreamKey) -> bool:
        """Take the stream, or keep it for another while."""
        now = self._clock()
        expires_at = now + self._policy.claim_time
        return self._database.write(
            lambda tx: tx.segments.claim(*key, worker=self._worker, now=now, expires_at=expires_at)
        )

    def _release(self, key: StreamKey) -> None:
        try:
            self._database.write(lambda tx: tx.segments.release(*key, worker=self._worker))
        except KymographError:
            logger.warning("a claim could not be given back; it expires by itself", extra={"run_key": key[0]})

    def _recount(self, key: StreamKey, noted: int) -> None:
        """Ask how much is left, and add what came in meanwhile."""
        left = self._database.read(lambda tx: tx.segments.tail_bytes(*key))
        with self._lock:
            waiting = self._waiting[key]
            # What came in while asking may count twice: then the stream is looked at a little early.
            waiting.size_bytes = max(left, waiting.size_bytes - noted)
            waiting.failures = 0

    def _postpone(self, key: StreamKey, wait_s: float | None = None) -> None:
        """Leave a stream alone for a while, by default for longer after each failure."""
        with self._lock:
            waiting = self._waiting[key]
            if wait_s is None:
                wait_s = min(_FIRST_WAIT_S * 2**waiting.failures, _MAX_WAIT_S)
                waiting.failures += 1
            waiting.not_before = self._monotonic() + wait_s
