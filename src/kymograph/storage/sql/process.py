"""Runs statements of users in processes of their own: what one of them takes, or breaks, the server does not notice."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import orjson

from kymograph.core.sql import SqlAnswer, SqlQuery
from kymograph.errors import InvalidQuery, KymographError, QueryOverLimit, ServerBusy, StoreCorrupt
from kymograph.types import ObjectKey, ProjectId

QUERIES_AT_ONCE = 2
IDLE_S = 60.0
"""An idle server is to be small: a process takes some 110 MB."""
_WAIT_S = 1.0
"""A query waits this long for another one to end, before it is turned away."""
_OVERTIME_S = 2.0
"""A process that has not broken its query off this long after the time was up is killed."""
_START_S = 30.0
"""Allowed besides for the first query of a process, which has to start on a machine that may be busy."""
_BUSY = "as many SQL queries are running as may run at once"


class SqlProcesses:
    """`SqlEngine` in child processes, one for each query that runs at the same time."""

    def __init__(
        self,
        *,
        database: str,
        objects: str,
        folder: Path,
        folder_bytes: int,
        timeout_s: float,
        memory_bytes: int,
        at_once: int = QUERIES_AT_ONCE,
        idle_s: float = IDLE_S,
    ) -> None:
        """Prepare; nothing is started yet.

        Args:
            database: URL of the database.
            objects: URL of the object store.
            folder: Where a process may keep copies of segments.
            folder_bytes: How much it may keep.
            timeout_s: How long one query may take.
            memory_bytes: How much memory one may take.
            at_once: How many run at the same time.
            idle_s: A process ends after this time without work.
        """
        setup = {"database": database, "objects": objects, "folder": str(folder), "folder_bytes": folder_bytes}
        self._setup = orjson.dumps({**setup, "timeout_s": timeout_s, "memory_bytes": memory_bytes}) + b"\n"
        self._timeout_s = timeout_s
        self._memory_bytes = memory_bytes
        self._idle_s = idle_s
        self._slots = threading.Semaphore(at_once)
        self._lock = threading.Lock()
        self._resting: list[_Process] = []
        self._working: set[_Process] = set()
        self._is_closed = False

    @property
    def pids(self) -> list[int]:
        """Of the processes that there are."""
        with self._lock:
            return [process.pid for process in (*self._resting, *self._working)]

    # docstrings inherited

    def query(self, project: ProjectId, query: SqlQuery) -> SqlAnswer:
        """Docstring inherited."""
        return self._run({"project": project, **_encode(query)})

    def read_parquet(self, key: ObjectKey, query: SqlQuery) -> SqlAnswer:
        """Docstring inherited."""
        return self._run({"parquet": key, **_encode(query)})

    def _run(self, task: dict[str, Any]) -> SqlAnswer:
        try:
            line = orjson.dumps(task) + b"\n"
        except TypeError as exc:  # lone surrogates, which UTF-8 cannot carry
            raise InvalidQuery("the statement is not valid Unicode") from exc
        if not self._slots.acquire(timeout=_WAIT_S):
            raise ServerBusy(_BUSY, retry_after_s=2.0)
        try:
            process = self._take()
            try:
                header, body = self._ask(process, line)
            except BaseException:
                self._drop(process)
                raise
            if process.was_killed:  # a moment too late to matter
                self._drop(process)
            else:
                self._give_back(process)
        finally:
            self._slots.release()
        return _decode(header, body)

    def close(self) -> None:
        """Docstring inherited."""
        with self._lock:
            self._is_closed = True
            resting, self._resting = self._resting, []
            working = list(self._working)
        for process in (*resting, *working):
            process.end()

    def _take(self) -> _Process:
        with self._lock:
            if self._is_closed:
                raise ServerBusy("the server is closing")
            process = self._resting.pop() if self._resting else _Process(self._setup)
            self._working.add(process)
        return process

    def _give_back(self, process: _Process) -> None:
        with self._lock:
            self._working.discard(process)
            process.rested_at = time.monotonic()
            is_kept = not self._is_closed
            if is_kept:
                self._resting.append(process)
        if is_kept:
            timer = threading.Timer(self._idle_s, self._end_idle)
            timer.daemon = True
            timer.start()
        else:
            process.end()

    def _end_idle(self) -> None:
        now = time.monotonic()
        with self._lock:
            ended = [process for process in self._resting if now - process.rested_at >= self._idle_s]
            self._resting = [process for process in self._resting if process not in ended]
        for process in ended:
            process.end()

    def _drop(self, process: _Process) -> None:
        with self._lock:
            self._working.discard(process)
        process.end()

    def _ask(self, process: _Process, line: bytes) -> tuple[dict[str, Any], bytes]:
        allowed_s = self._timeout_s + _OVERTIME_S + (0.0 if process.has_answered else _START_S)
        watch = threading.Timer(allowed_s, process.kill)
        watch.daemon = True
        watch.start()
        try:
            answer = process.exchange(line)
        finally:
            watch.cancel()
        if answer is not None:
            return answer
        if process.was_killed:
            raise QueryOverLimit("time", limit=f"{self._timeout_s:g} s")
        if self._is_closed:
            raise ServerBusy("the server is closing")
        # It fell over, or the system ended it: nothing but its memory is so much its own.
        raise QueryOverLimit("memory", limit=f"{self._memory_bytes // 2**20} MiB")


class _Process:
    """A child process. Used by one thread at a time, but for `kill` and `end`."""

    def __init__(self, setup: bytes) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "kymograph.storage.sql.worker"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self._setup: bytes | None = setup
        self.has_answered = False
        self.was_killed = False
        self.rested_at = 0.0

    @property
    def pid(self) -> int:
        return self._process.pid

    def exchange(self, line: bytes) -> tuple[dict[str, Any], bytes] | None:
        """Header and body of the answer; None if the process ends before it is complete."""
        tasks, answers = self._process.stdin, self._process.stdout
        assert tasks is not None
        assert answers is not None
        try:
            tasks.write((self._setup or b"") + line)
            tasks.flush()
            self._setup = None
            header = orjson.loads(answers.readline() or b"null")
            if header is None:
                return None
            body = answers.read(header["size"])
        except (OSError, ValueError):  # ValueError: a pipe that was closed meanwhile, or half a line
            return None
        if len(body) != header["size"]:
            return None
        self.has_answered = True
        return header, body

    def kill(self) -> None:
        """End it at once, whatever it does."""
        self.was_killed = True
        self._process.kill()

    def end(self) -> None:
        """End it; what it works on is of no use any more."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()


def _encode(query: SqlQuery) -> dict[str, Any]:
    return {
        "text": query.text,
        "now": query.now.isoformat(),
        "limit": query.limit,
        "format": query.format.value,
    }


def _decode(header: dict[str, Any], body: bytes) -> SqlAnswer:
    error = header.get("error")
    if error is not None:
        raise _error(error, header)
    return SqlAnswer(body, header["row_count"], header["is_truncated"], header["damaged_count"])


def _error(kind: str, header: dict[str, Any]) -> KymographError:
    if kind == "invalid":
        return InvalidQuery(header["problem"])
    if kind == "limit":
        return QueryOverLimit(header["what"], limit=header["limit"])
    if kind == "corrupt":
        return StoreCorrupt(header["what"], problem=header["problem"])
    return ServerBusy(header["problem"])
