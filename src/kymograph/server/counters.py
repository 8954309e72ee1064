"""What a server counts of itself, in the text format of Prometheus. Source: prometheus.io, "Exposition formats".

Counters begin at zero with the process. Nothing here names a user, project or run.
"""

from __future__ import annotations

import os
import resource
import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from kymograph import __version__
from kymograph.core.history import Stream

BOUNDS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper ends of the classes of the time to an answer."""
_FACES = (
    ("/graphql", "graphql"),
    ("/api/", "rest"),
    ("/storage/", "bytes"),
    ("/artifacts", "bytes"),
    ("/sdk/", "telemetry"),
    ("/healthz", "operation"),
    ("/ready", "operation"),
    ("/metrics", "operation"),
)
_started_at_s = time.time()


@dataclass(slots=True)
class Histogram:
    """How long something took, in classes."""

    counts: list[int] = field(default_factory=lambda: [0] * (len(BOUNDS_S) + 1))
    total_s: float = 0.0

    def add(self, elapsed_s: float) -> None:
        """Count one."""
        self.counts[bisect_left(BOUNDS_S, elapsed_s)] += 1
        self.total_s += elapsed_s


@dataclass(slots=True)
class Counters:
    """Counters of one process; added to by its event loop only."""

    requests: Counter[tuple[str, int]] = field(default_factory=Counter)
    """By face and status."""
    answers: dict[str, Histogram] = field(default_factory=dict)
    """Time until an answer began, by face."""
    lines: Counter[Stream] = field(default_factory=Counter)
    """Taken in, durable. Sent again, they count again."""
    body_bytes: int = 0
    """Of the file-stream requests that were taken in, as they came."""

    def add_request(self, path: str, status: int, elapsed_s: float) -> None:
        """Count an answer."""
        face = face_of(path)
        self.requests[face, status] += 1
        histogram = self.answers.get(face)
        if histogram is None:
            histogram = self.answers[face] = Histogram()
        histogram.add(elapsed_s)

    def add_taken(self, lines: Mapping[Stream, int], body_bytes: int) -> None:
        """Count what an acknowledged request brought."""
        self.lines.update(lines)
        self.body_bytes += body_bytes


@dataclass(frozen=True, slots=True)
class Gauges:
    """What is asked for when somebody looks."""

    tail_chunks: int
    tail_bytes: int
    """Unpacked."""
    backlog_bytes: int
    overdue_bytes: int


def face_of(path: str) -> str:
    """Which face of the server an address belongs to; there are few, however many addresses are asked for."""
    if path.endswith("/file_stream"):
        return "file_stream"
    return next((face for prefix, face in _FACES if path.startswith(prefix)), "web")


def render(counters: Counters, gauges: Gauges) -> str:
    """The whole text."""
    return "".join(f"{line}\n" for line in _lines(counters, gauges))


def _lines(counters: Counters, gauges: Gauges) -> Iterator[str]:
    yield from _head("kymograph_info", "gauge", "The release that runs.")
    yield f'kymograph_info{{version="{__version__}"}} 1'
    yield from _head("kymograph_requests_total", "counter", "Answers by face and status.")
    for (face, status), count in sorted(counters.requests.items()):
        yield f'kymograph_requests_total{{face="{face}",status="{status}"}} {count}'
    yield from _histogram_lines(counters.answers)
    yield from _head("kymograph_lines_total", "counter", "Lines taken in through the file stream.")
    for stream in Stream:
        yield f'kymograph_lines_total{{stream="{stream.value}"}} {counters.lines[stream]}'
    for name, kind, meaning, value in (
        ("file_stream_bytes_total", "counter", "Bytes of the bodies that brought them.", counters.body_bytes),
        ("tail_chunks", "gauge", "Chunks of lines that are in the database.", gauges.tail_chunks),
        ("tail_bytes", "gauge", "Their lines, unpacked.", gauges.tail_bytes),
        ("compaction_backlog_bytes", "gauge", "Unpacked lines this process took in since.", gauges.backlog_bytes),
        (
            "compaction_overdue_bytes",
            "gauge",
            "Those of streams that are due; too many push back.",
            gauges.overdue_bytes,
        ),
    ):
        yield from _head(f"kymograph_{name}", kind, meaning)
        yield f"kymograph_{name} {value}"
    for name, kind, meaning, number in _process():
        yield from _head(name, kind, meaning)
        yield f"{name} {number}"


def _head(name: str, kind: str, meaning: str) -> Iterator[str]:
    yield f"# HELP {name} {meaning}"
    yield f"# TYPE {name} {kind}"


def _histogram_lines(answers: Mapping[str, Histogram]) -> Iterator[str]:
    name = "kymograph_answer_seconds"
    yield from _head(name, "histogram", "Time until an answer began; of file_stream: until all was durable.")
    for face, histogram in sorted(answers.items()):
        below = 0
        for bound, count in zip((*map(str, BOUNDS_S), "+Inf"), histogram.counts, strict=True):
            below += count
            yield f'{name}_bucket{{face="{face}",le="{bound}"}} {below}'
        yield f'{name}_sum{{face="{face}"}} {histogram.total_s!r}'
        yield f'{name}_count{{face="{face}"}} {below}'


def _process() -> Iterator[tuple[str, str, str, float]]:
    """Of this process, under the names that every exporter gives them; what the system does not tell is left out."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    yield "process_cpu_seconds_total", "counter", "Processor time.", used.ru_utime + used.ru_stime
    yield "process_start_time_seconds", "gauge", "When it started, since the epoch.", _started_at_s
    yield (
        "kymograph_children_cpu_seconds_total",
        "counter",
        "Processor time of processes it started that have ended.",
        ended.ru_utime + ended.ru_stime,
    )
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
        yield "process_resident_memory_bytes", "gauge", "Memory.", pages * os.sysconf("SC_PAGE_SIZE")
        yield "process_open_fds", "gauge", "Open files.", len(os.listdir("/proc/self/fd"))
    except OSError:
        return
