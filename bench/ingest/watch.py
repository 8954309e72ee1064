"""Looking at the processes of a server while it works: processor time, memory, open files, what waits in its tail."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
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

    samples: list[Sample] = field(default_factory=list)

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
    watch, ended, started_at = Watch(), threading.Event(), time.monotonic()
    watch.samples.append(look(server, started_at))

    def repeat() -> None:
        while not ended.wait(interval_s):
            watch.samples.append(look(server, started_at))

    thread = threading.Thread(target=repeat, name="watch")
    thread.start()
    try:
        yield watch
    finally:
        ended.set()
        thread.join()
        watch.samples.append(look(server, started_at))
