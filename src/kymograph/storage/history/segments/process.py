"""Builds segments in a process of its own, started when there is work and ended when there is none."""

from __future__ import annotations

import subprocess
import sys
import threading
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import orjson

from kymograph.core.history import Stream
from kymograph.errors import ServerBusy, StoreCorrupt
from kymograph.storage.history.base import Replacement
from kymograph.storage.history.segments.build import Limits
from kymograph.storage.history.segments.worker import decode_replacement
from kymograph.types import RunKey

IDLE_S = 60.0
"""An idle server is to be small: the process takes some 80 MB."""
_END_S = 10.0
"""A process that is told to end and still works after this long is killed: it changes nothing but objects."""


class SegmentProcess:
    """`SegmentFactory` in a child process. Safe to share between threads, which then wait for one another."""

    def __init__(
        self,
        *,
        database: str,
        objects: str,
        folder: Path,
        folder_bytes: int,
        limits: Limits,
        idle_s: float = IDLE_S,
    ) -> None:
        """Prepare; nothing is started yet.

        Args:
            database: URL of the database.
            objects: URL of the object store.
            folder: Where the process may keep files.
            folder_bytes: How much it may keep.
            limits: How much it takes on at once.
            idle_s: It ends after this time without work.
        """
        self._setup = orjson.dumps(
            {
                "database": database,
                "objects": objects,
                "folder": str(folder),
                "folder_bytes": folder_bytes,
                "limits": asdict(limits),
            }
        )
        self._idle_s = idle_s
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._timer: threading.Timer | None = None
        self._is_closed = False

    @property
    def pid(self) -> int | None:
        """Of the process, while there is one."""
        process = self._process
        return process.pid if process is not None else None

    # docstrings inherited

    def compact(self, run: RunKey, stream: Stream, *, take_open: bool) -> Replacement | None:
        """Docstring inherited."""
        return self._ask({"task": "compact", "run": run, "stream": stream.value, "take_open": take_open})

    def merge(self, run: RunKey, stream: Stream) -> Replacement | None:
        """Docstring inherited."""
        return self._ask({"task": "merge", "run": run, "stream": stream.value})

    def close(self) -> None:
        """Docstring inherited."""
        self._is_closed = True
        process = self._process
        if process is not None:
            process.terminate()  # it may be at work, and whoever waits for it holds the lock
        with self._lock:
            self._end()

    def _ask(self, task: dict[str, Any]) -> Replacement | None:
        with self._lock:
            if self._is_closed:
                raise ServerBusy("the server is closing")
            try:
                answer = self._exchange(orjson.dumps(task) + b"\n")
            except OSError:
                answer = b""
            if not answer:
                self._end()
                raise ServerBusy("the process that builds segments has ended; it is started again")
            self._end_when_idle()
        document = orjson.loads(answer)
        if document.get("error") == "corrupt":
            raise StoreCorrupt(document["what"], problem=document["problem"])
        if "error" in document:
            raise ServerBusy(document["problem"])
        return None if document["built"] is None else decode_replacement(document["built"])

    def _exchange(self, line: bytes) -> bytes:
        if self._timer is not None:
            self._timer.cancel()
        if self._process is None:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "kymograph.storage.history.segments.worker"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
            )
            line = self._setup + b"\n" + line
        tasks, answers = self._process.stdin, self._process.stdout
        assert tasks is not None
        assert answers is not None
        tasks.write(line)
        tasks.flush()
        return answers.readline()

    def _end_when_idle(self) -> None:
        def end() -> None:
            if self._lock.acquire(blocking=False):
                try:
                    if self._timer is timer:
                        self._end()
                finally:
                    self._lock.release()

        timer = threading.Timer(self._idle_s, end)
        timer.daemon = True
        self._timer = timer
        timer.start()

    def _end(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        process, self._process = self._process, None
        if process is None:
            return
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with suppress(OSError):  # what was not sent yet is of no use to it now
                    pipe.close()
        try:
            process.wait(_END_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
