"""Trainings in miniature that log through faults, and know exactly what has to be there afterwards.

Each run has several writers, each a thread. A writer sends lines in batches: mostly those that follow, sometimes some
that it sent before, as they were or with other values; steps are mostly in order. What is not acknowledged is sent
again, as clients do. Now and then a run is rewound, or deleted and followed by a new one.
"""

from __future__ import annotations

import itertools
import json
import random
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx

from kymograph.wire.sharing import stream_headers
from tests.e2e.rest import Rest, run_path, stream_path

PROJECT = "admin/load"
_ENTITY, _PROJECT = PROJECT.split("/")
_PATIENCE_S = 60.0
MAX_LINES = 1500
"""Lines of a writer, after which its run is deleted or left alone: checking reads all rows."""

REWIND = """
mutation ($run: String!, $step: Float!) {
  rewindRun(input: {entityName: "admin", projectName: "load", runName: $run, metricName: "_step", metricValue: $step}) {
    rewoundRun { name }
  }
}
"""

Rows = dict[int, dict[str, Any]]
Lines = dict[tuple[int, str], dict[str, Any]]
"""Rows as sent, by number and writer."""


@dataclass(frozen=True, slots=True)
class Append:
    """Lines on their way."""

    writer: str
    first: int
    rows: tuple[dict[str, Any], ...]

    def apply(self, lines: Lines) -> Lines:
        return lines | {(number, self.writer): row for number, row in enumerate(self.rows, start=self.first)}


@dataclass(frozen=True, slots=True)
class Rewind:
    """A rewind on its way."""

    after_step: int

    def apply(self, lines: Lines) -> Lines:
        return {key: row for key, row in lines.items() if row["_step"] <= self.after_step}


Operation = Append | Rewind


def merged(lines: Lines) -> Rows:
    """Rows by step, the later line winning."""
    rows: Rows = {}
    for _, row in sorted(lines.items(), key=lambda item: item[0]):
        rows.setdefault(row["_step"], {}).update(row)
    return rows


class LoggedRun:
    """What one run has been sent, and what of it was acknowledged."""

    def __init__(self, run_id: str) -> None:
        self.id = run_id
        self.lines: Lines = {}
        """Acknowledged."""
        self.pending: dict[str, Operation] = {}
        """By writer: sent, and not acknowledged (yet)."""
        self.is_deleted = False
        self.may_be_deleted = False
        """Asked for, and not acknowledged (yet)."""
        self.lock = threading.Lock()
        self._gate = threading.Condition()
        self._appending = 0

    def end_of(self, writer: str) -> int:
        return max((number for number, of in self.lines if of == writer), default=-1) + 1

    @contextmanager
    def appending(self, rest: Callable[[], None]) -> Iterator[None]:
        """Beside other writers, not beside a rewind; calls `rest` while it waits."""
        while not self._enter(lambda: self._appending >= 0, 1):
            rest()
        try:
            yield
        finally:
            with self._gate:
                self._appending -= 1
                self._gate.notify_all()

    @contextmanager
    def alone(self, rest: Callable[[], None]) -> Iterator[None]:
        """As a process that resumes the run is, before it logs; calls `rest` while it waits."""
        while not self._enter(lambda: self._appending == 0, -1):
            rest()
        try:
            yield
        finally:
            with self._gate:
                self._appending = 0
                self._gate.notify_all()

    def _enter(self, is_free: Callable[[], bool], change: int) -> bool:
        with self._gate:
            if not self._gate.wait_for(is_free, timeout=0.02):
                return False
            self._appending += change
            return True

    def possible_rows(self) -> Iterator[Rows]:
        """What may be there: of operations under way each may have been kept, as a whole, or not."""
        pending = list(self.pending.values())
        for kept in itertools.product([False, True], repeat=len(pending)):
            lines = self.lines
            for operation, is_kept in zip(pending, kept, strict=True):
                lines = operation.apply(lines) if is_kept else lines
            yield merged(lines)


@dataclass
class Counts:
    """What a load has done."""

    requests: int = 0
    failures: int = 0
    lines: int = 0
    rewinds: int = 0
    deletions: int = 0
    refusals: dict[int, int] = field(default_factory=dict)
    """Answers that asked to try again, by status."""
    unexpected: list[str] = field(default_factory=list)


class Load:
    """Writers over some runs, on one or several servers of one deployment."""

    def __init__(
        self,
        urls: Sequence[str],
        connect: Callable[[str], httpx.Client],
        *,
        runs: int,
        writers: int,
        seed: int,
        pause_s: float = 0.01,
    ) -> None:
        """Prepare; `start` begins.

        Args:
            urls: Servers; each request goes to any of them.
            connect: A client for one of them.
            runs: At once.
            writers: Of each run.
            seed: Of everything that is left to chance.
            pause_s: Between two requests of a writer, on average.
        """
        self.counts = Counts()
        self.runs: list[LoggedRun] = []
        self._urls = urls
        self._connect = connect
        self._numbers = itertools.count(1)
        self._values = itertools.count(1)
        self._pause_s = pause_s
        self._writers = writers
        self._stopping = threading.Event()
        self._going = threading.Event()
        self._going.set()
        self._lock = threading.Lock()
        self._parked = 0
        self._slots = [random.Random(seed * 1000 + slot) for slot in range(runs)]
        self._current: list[LoggedRun] = []
        self._threads: list[threading.Thread] = []

    # --- from outside ------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Make the runs and begin to log."""
        with self._client() as http:
            for _ in self._slots:
                self._current.append(self._new_run(http))
        for slot, chance in enumerate(self._slots):
            for writer in range(self._writers):
                seed = chance.random()
                thread = threading.Thread(
                    target=self._write, args=(slot, f"w{writer}", random.Random(seed)), daemon=True
                )
                self._threads.append(thread)
                thread.start()

    def pause(self) -> None:
        """Let every writer come to rest: after its answer, or once it got none."""
        self._going.clear()
        deadline = time.monotonic() + _PATIENCE_S
        while self._parked < len(self._threads):
            assert time.monotonic() < deadline, f"{self._parked} of {len(self._threads)} writers came to rest"
            time.sleep(0.005)

    def go_on(self) -> None:
        """Log on; what got no answer is sent again first."""
        self._going.set()

    def stop(self) -> None:
        """Have everything acknowledged that was sent, and end."""
        self._stopping.set()
        self._going.set()
        for thread in self._threads:
            thread.join(_PATIENCE_S)
            assert not thread.is_alive(), "a writer got no answer"
        assert self.counts.unexpected == []
        assert not any(run.pending for run in self.runs)

    def check(self, rest: Rest, *, all_runs: bool = True) -> int:
        """Everything acknowledged is there once, and nothing else; returns the number of rows looked at.

        Args:
            rest: Where to look.
            all_runs: Also those that nobody logs to any more.
        """
        return sum(check_run(rest, run) for run in (list(self.runs) if all_runs else list(self._current)))

    # --- writers -----------------------------------------------------------------------------------------------------

    def _client(self) -> httpx.Client:
        return self._connect(self._urls[0])

    def _new_run(self, http: httpx.Client) -> LoggedRun:
        with self._lock:
            run = LoggedRun(f"run{next(self._numbers)}")
        Rest(http).create_run(PROJECT, run.id)
        self.runs.append(run)
        return run

    def _write(self, slot: int, writer: str, chance: random.Random) -> None:
        clients = [self._connect(url) for url in self._urls]
        try:
            while not self._stopping.is_set():
                run = self._current[slot]
                self._rest()
                if run.end_of(writer) >= MAX_LINES:
                    self._replace(slot, run, clients, chance)
                elif chance.random() < 0.01:
                    with run.alone(self._rest):
                        self._rewind(run, writer, clients, chance)
                else:
                    with run.appending(self._rest):
                        self._append(run, writer, clients, chance)
                time.sleep(chance.uniform(0, 2 * self._pause_s))
        finally:
            for client in clients:
                client.close()
            with self._lock:
                self._parked += 1  # at rest for good

    def _rest(self) -> None:
        if not self._going.is_set():
            with self._lock:
                self._parked += 1
            self._going.wait()
            with self._lock:
                self._parked -= 1

    def _append(self, run: LoggedRun, writer: str, clients: Sequence[httpx.Client], chance: random.Random) -> None:
        if run.is_deleted:
            return
        with run.lock:
            end = run.end_of(writer)
            first = end if chance.random() < 0.8 else chance.randint(max(end - 40, 0), end)
            rows = []
            for number in range(first, first + chance.randint(1, 40)):
                sent = run.lines.get((number, writer))
                rows.append(sent if sent is not None and chance.random() < 0.5 else self._row(writer, number, chance))
            operation = Append(writer, first, tuple(rows))
            run.pending[writer] = operation
        body = {"files": {"wandb-history.jsonl": {"offset": first, "content": list(map(json.dumps, rows))}}}

        def send(http: httpx.Client) -> httpx.Response:
            return http.post(stream_path(PROJECT, run.id), json=body, headers=stream_headers(writer))

        self._until_acknowledged(clients, chance, send)
        with run.lock:
            run.lines = operation.apply(run.lines)
            del run.pending[writer]
        self.counts.lines += len(rows)

    def _row(self, writer: str, number: int, chance: random.Random) -> dict[str, Any]:
        step = number if chance.random() < 0.8 else max(number + chance.randint(-50, 20), 0)
        value = next(self._values)
        row: dict[str, Any] = {"_step": step, f"only/{writer}": value, "both": value}
        if chance.random() < 0.05:
            row["nested"] = {"text": f"of {value}", "deep": {"er": value}}
        return row

    def _rewind(self, run: LoggedRun, writer: str, clients: Sequence[httpx.Client], chance: random.Random) -> None:
        if run.is_deleted or not run.lines:
            return
        last = max(row["_step"] for row in run.lines.values())
        operation = Rewind(chance.randint(last // 2, last))
        run.pending[writer] = operation
        document = {"query": REWIND, "variables": {"run": run.id, "step": operation.after_step}}
        self._until_acknowledged(clients, chance, lambda http: http.post("/graphql", json=document))
        with run.lock:
            run.lines = operation.apply(run.lines)
            del run.pending[writer]
        self.counts.rewinds += 1

    def _replace(self, slot: int, run: LoggedRun, clients: Sequence[httpx.Client], chance: random.Random) -> None:
        """Go on with another run; the old one stays as it is, or is deleted."""
        with run.alone(self._rest):
            if self._current[slot] is not run:
                return
            if chance.random() < 0.5:
                path = f"/api/v1{run_path(PROJECT, run.id)}"
                run.may_be_deleted = True
                self._until_acknowledged(clients, chance, lambda http: http.delete(path), also=404)
                run.is_deleted = True
                self.counts.deletions += 1
            self._until_acknowledged(clients, chance, lambda http: self._make_next(slot, http))

    def _make_next(self, slot: int, http: httpx.Client) -> httpx.Response:
        self._current[slot] = self._new_run(http)
        return httpx.Response(200)

    def _until_acknowledged(
        self,
        clients: Sequence[httpx.Client],
        chance: random.Random,
        send: Callable[[httpx.Client], httpx.Response],
        *,
        also: int | None = None,
    ) -> None:
        while True:
            self.counts.requests += 1
            try:
                response = send(chance.choice(clients))
            except httpx.TransportError:
                self.counts.failures += 1
                time.sleep(0.02)
            else:
                if response.status_code == also or (response.is_success and "errors" not in response.text[:10]):
                    return
                if response.status_code in (429, 503, 507):
                    refusals = self.counts.refusals
                    refusals[response.status_code] = refusals.get(response.status_code, 0) + 1
                else:
                    self.counts.unexpected.append(f"{response.status_code} {response.text[:500]}")
                time.sleep(0.05)
            self._rest()


def check_run(rest: Rest, run: LoggedRun) -> int:
    """Compare one run with what it was sent; returns its number of rows.

    Raises:
        AssertionError: Something is missing, there twice, or was never sent.
    """
    if run.is_deleted or run.may_be_deleted:
        is_there = rest.find_run(PROJECT, run.id) is not None
        assert not (is_there and run.is_deleted), f"{run.id} is back"
        if not is_there:
            return 0
    items = rest.rows(PROJECT, run.id)
    steps = [row["_step"] for row in items]
    assert steps == sorted(set(steps)), f"{run.id}: steps out of order, or twice"
    found = {row["_step"]: row for row in items}
    possible = list(run.possible_rows())
    assert found in possible, f"{run.id}, {len(run.pending)} under way: {_difference(found, possible[0])}"

    points = {name: item["points"] for name, item in rest.metrics(PROJECT, run.id).items()}
    expected = _points_of(found)
    assert points == expected, f"{run.id}: the catalogue says {points}, rows {expected}"
    if found:
        (series,) = rest.series(PROJECT, [run.id], ["both"])["series"]
        assert series["points"] == points["both"]
    return len(found)


def _points_of(rows: Rows) -> dict[str, int]:
    points: dict[str, int] = {}
    for row in rows.values():
        names = set(row) - {"nested", "_step"}
        if "nested" in row:
            names |= {"nested.text", "nested.deep.er"}
        for name in names:
            points[name] = points.get(name, 0) + 1
    return points


def _difference(found: Rows, expected: Rows) -> str:
    missing, extra = sorted(expected.keys() - found.keys()), sorted(found.keys() - expected.keys())
    other = [step for step in sorted(found.keys() & expected.keys()) if found[step] != expected[step]]
    parts: list[tuple[str, Sequence[int]]] = [("missing", missing), ("never sent", extra), ("different", other)]
    text = ", ".join(f"{len(steps)} steps {what} ({steps[:5]})" for what, steps in parts if steps)
    return text + (f"; {other[0]}: {found[other[0]]} for {expected[other[0]]}" if other else "")


def settings_of(**changes: object) -> Mapping[str, str]:
    """Variables of a server that makes and merges segments all the time."""
    return {
        "KYMOGRAPH_COMPACT_BYTES": "20000",
        "KYMOGRAPH_COMPACT_QUIET_BYTES": "2000",
        "KYMOGRAPH_COMPACT_QUIET_S": "0.5",
        "KYMOGRAPH_COMPACT_BATCH_BYTES": "30000",
        "KYMOGRAPH_COMPACT_FAN_IN": "3",
        "KYMOGRAPH_COMPACT_CLAIM_S": "2",
        "KYMOGRAPH_GC_GRACE_S": "20",
        **{f"KYMOGRAPH_{name.upper()}": str(value) for name, value in changes.items()},
    }
