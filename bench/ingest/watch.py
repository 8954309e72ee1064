"""Looking at the processes of a server while it works: processor time, memory, open files, what waits in its tail."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import psutil

from bench.ingest.servers import Server, TailSize


@dataclass(frozen=True, slots=True)
class Sample:
    """One look."""

    at_s: float
    """Since the first one."""
    cpu_s: dict[str, float]
    """Used so far by each kind of process, children that have ended included."""
    resident_bytes: dict[str, int]
    """What processes share, as those of PostgreSQL do, is counted once."""
    open_files: dict[str, int]
    tail: TailSize


@dataclass(slots=True)
class Watch:
    """All looks, the oldest first."""

    look: Callable[[], Sample]
    samples: list[Sample] = field(default_factory=list)
    marked_at: int = -1

    def take(self) -> Sample:
        """Look now."""
        self.samples.append(self.look())
        return self.samples[-1]

    def mark(self) -> None:
        """Remember this moment."""
        self.take()
        self.marked_at = len(self.samples) - 1

    @property
    def marked(self) -> Sample:
        """What was seen at the moment to remember, by default the last one."""
        return self.samples[self.marked_at]

    def wait_until_settled(self, *, quiet_s: float = 4.0, at_most_s: float = 120.0) -> None:
        """Wait until the tail has not become smaller for a while."""
        until = time.monotonic() + at_most_s
        smallest, since = self.take().tail.chunks, time.monotonic()
        while time.monotonic() < min(until, since + quiet_s):
            time.sleep(0.5)
            if (now := self.take().tail.chunks) < smallest:
                smallest, since = now, time.monotonic()

    def cpu_s(self) -> dict[str, float]:
        """Processor time between the first and the last look."""
        first, last = self.samples[0].cpu_s, self.samples[-1].cpu_s
        return {kind: last[kind] - first[kind] for kind in last}

    def peak_bytes(self) -> int:
        """The most memory that all processes together held."""
        return max(sum(sample.resident_bytes.values()) for sample in self.samples)

    def peak_files(self) -> int:
        """The most files that all processes together had open."""
        return max(sum(sample.open_files.values()) for sample in self.samples)


def look(server: Server, started_at: float) -> Sample:
    """Look once."""
    cpu_s: dict[str, float] = {}
    resident: dict[str, int] = {}
    files: dict[str, int] = {}
    for kind, processes in server.processes().items():
        cpu_s[kind] = resident[kind] = files[kind] = 0
        for process in processes:
            try:
                used = process.cpu_times()
                cpu_s[kind] += used.user + used.system + used.children_user + used.children_system
                resident[kind] += process.memory_full_info().pss
                files[kind] += process.num_fds()
            except psutil.NoSuchProcess:
                continue  # it ended meanwhile; its time is in its parent's
    return Sample(time.monotonic() - started_at, cpu_s, resident, files, server.tail())


@contextmanager
def watching(server: Server, *, interval_s: float = 2.0) -> Iterator[Watch]:
    """Look at once, then in intervals, and at the end of the block."""
    started_at = time.monotonic()
    watch, ended = Watch(lambda: look(server, started_at)), threading.Event()
    watch.take()

    def repeat() -> None:
        while not ended.wait(interval_s):
            watch.take()

    thread = threading.Thread(target=repeat, name="watch")
    thread.start()
    try:
        yield watch
    finally:
        ended.set()
        thread.join()
        watch.take()
