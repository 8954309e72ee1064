"""Files of a run on their way to the server, several at once."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from kymograph.client.files import md5_of
from kymograph.client.retry import Backoff
from kymograph.client.runs import RunAddress, RunClient, UploadTarget
from kymograph.errors import KymographError
from kymograph.sdk.sender.ledger import FileNote

AT_ONCE = 8
"""Uploads under way, at most."""
NAMES_PER_REQUEST = 100


@dataclass(slots=True)
class UploadCounts:
    """How far the files are."""

    wanted: int = 0
    done: int = 0
    bytes_sent: int = 0
    trouble: str = ""
    """Why the last attempt failed, while it is to be tried again."""
    problems: dict[str, str] = field(default_factory=dict)
    """By name, of files that could not be sent and will not be tried again."""


@dataclass(slots=True)
class _Batch:
    """Files that one worker sends."""

    names: tuple[str, ...]
    done: list[str] = field(default_factory=list)


class Uploads:
    """Uploads files below one folder. All methods belong to one thread; the work is done by the executor's."""

    def __init__(
        self,
        folder: Path,
        notes: dict[str, FileNote],
        *,
        executor: Executor,
        wake: Callable[[], None],
        now: Callable[[], float],
        backoff: Backoff | None = None,
    ) -> None:
        """Begin with nothing to do.

        Args:
            folder: What names are relative to.
            notes: Files that are on the server, by name; kept up to date here.
            executor: Does the transfers.
            wake: Called from its threads when one has ended.
            now: A monotonic clock in s.
            backoff: The waits after what went wrong, and how often it is tried again.
        """
        self._folder, self._notes = folder, notes
        self._executor, self._wake, self._now = executor, wake, now
        self._queue: deque[str] = deque()
        self._queued: set[str] = set()
        self._running: set[str] = set()
        self._again: set[str] = set()
        """Changed while they were under way."""
        self._results: deque[tuple[_Batch, BaseException | None]] = deque()
        self._lock = threading.Lock()
        self._backoff = backoff or Backoff()
        self._not_before = 0.0
        self.counts = UploadCounts()
        self.finished: deque[str] = deque()
        """Names that the stream has to confirm."""

    @property
    def is_idle(self) -> bool:
        """Whether nothing waits and nothing is under way."""
        return not self._queue and not self._running

    def want(self, name: str) -> None:
        """Have the file sent as it is when its turn comes; nothing happens if the server has it as it is."""
        if name in self._running:
            self._again.add(name)
        elif name not in self._queued and self._has_changed(name):
            self._queued.add(name)
            self._queue.append(name)
            self.counts.wanted += 1

    def _has_changed(self, name: str) -> bool:
        try:
            stat = (self._folder / name).stat()
        except OSError as exc:
            self._give_up([name], exc.strerror or str(exc))
            return False
        note = self._notes.get(name)
        return note is None or (note.size_bytes, note.mtime_ns) != (stat.st_size, stat.st_mtime_ns)

    def _give_up(self, names: Sequence[str], problem: str) -> None:
        self.counts.problems.update(dict.fromkeys(names, problem))

    def work(self, client: RunClient, at: RunAddress) -> float | None:
        """Take up results and start what can be started; returns in how many s to come back, None if nobody has to."""
        self._take_results()
        now = self._now()
        if not self._queue or len(self._running) >= AT_ONCE:
            return None
        if now < self._not_before:
            return self._not_before - now
        while self._queue and len(self._running) < AT_ONCE:
            # A few large batches ask for addresses seldom, small ones keep all workers busy.
            size = max(1, min(NAMES_PER_REQUEST, len(self._queue) // AT_ONCE))
            batch = _Batch(tuple(self._queue.popleft() for _ in range(min(size, len(self._queue)))))
            self._queued.difference_update(batch.names)
            self._running.update(batch.names)
            self._executor.submit(self._send, client, at, batch).add_done_callback(partial(self._note_result, batch))
        return None

    def _send(self, client: RunClient, at: RunAddress, batch: _Batch) -> None:
        """On a thread of the executor."""
        targets = {target.name: target for target in client.create_files(at, batch.names)}
        for name in batch.names:
            target = targets.get(name)
            if target is not None and target.url is not None:
                self._send_file(client, target)
            with self._lock:
                batch.done.append(name)
                self.counts.done += 1
                self.finished.append(name)

    def _send_file(self, client: RunClient, target: UploadTarget) -> None:
        path = self._folder / target.name
        try:
            stat = path.stat()
            digest = md5_of(path)
            client.put_file(target, path)
        except FileNotFoundError:
            with self._lock:
                self._give_up([target.name], "it is gone")
            return
        with self._lock:
            self.counts.problems.pop(target.name, None)
            self._notes[target.name] = FileNote(stat.st_size, stat.st_mtime_ns, digest)
            self.counts.bytes_sent += stat.st_size

    def _note_result(self, batch: _Batch, future: Future[None]) -> None:
        with self._lock:
            self._results.append((batch, future.exception()))
        self._wake()

    def _take_results(self) -> None:
        with self._lock:
            results, self._results = self._results, deque()
        for batch, error in results:
            self._running.difference_update(batch.names)
            left = [name for name in batch.names if name not in batch.done]
            if error is None:
                self._backoff.reset()
                self.counts.trouble = ""
            elif isinstance(error, OSError):  # the network, or the disk: both may pass
                self.counts.trouble = str(error)
                if self._now() >= self._not_before:  # those that were under way together fail together
                    self._not_before = self._now() + self._backoff.wait_after(error)
                if self._backoff.is_exhausted:
                    self._give_up(left, str(error))
                    continue
                self._queued.update(left)
                self._queue.extendleft(reversed(left))
            elif isinstance(error, KymographError):
                self._give_up(left, str(error))
            else:
                raise error
            for name in self._again.intersection(batch.done):
                self._again.discard(name)
                self.want(name)
