"""What can go wrong between a client and a server, planned by a test."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Fault(StrEnum):
    """What happens instead of an answer, or to it."""

    FAIL = "fail"
    """An answer with a status of 500."""
    BUSY = "busy"
    """An answer with a status of 429, and when to come back."""
    RESET = "reset"
    """The connection breaks before the request is obeyed."""
    LOST = "lost"
    """The request is obeyed, and the connection breaks before the answer."""
    HALF = "half"
    """The request is obeyed, and half of the answer comes."""
    SILENCE = "silence"
    """Nothing, until the server stops or the test lets go."""


@dataclass(slots=True)
class Faults:
    """A plan: so many requests of a kind go wrong, and then all is well. Safe to change while requests come.

    Kinds are ``graphql``, ``stream`` and ``storage`` (files), or ``any``.
    """

    latency_s: float = 0.0
    """How long every answer takes."""
    retry_after_s: float = 0.1
    """When a client that is told to come back shall."""
    _planned: dict[str, list[Fault]] = field(default_factory=dict)
    _lock: Any = field(default_factory=threading.Lock)
    _let_go: threading.Event = field(default_factory=threading.Event)

    def plan(self, kind: str, fault: Fault | str, times: int = 1) -> None:
        """Have the next so many requests of a kind go wrong."""
        with self._lock:
            self._planned.setdefault(kind, []).extend([Fault(fault)] * times)

    def fail_graphql_times(self, times: int) -> None:
        """Have the next so many GraphQL requests fail."""
        self.plan("graphql", Fault.FAIL, times)

    def fail_stream_times(self, times: int) -> None:
        """Have the next so many requests of the file stream fail."""
        self.plan("stream", Fault.FAIL, times)

    def fail_storage_times(self, times: int) -> None:
        """Have the next so many uploads and downloads fail."""
        self.plan("storage", Fault.FAIL, times)

    def next(self, kind: str) -> Fault | None:
        """What goes wrong with a request that comes now."""
        with self._lock:
            for name in (kind, "any"):
                if self._planned.get(name):
                    return self._planned[name].pop(0)
        return None

    def left(self) -> int:
        """How many are planned and have not happened yet."""
        with self._lock:
            return sum(map(len, self._planned.values()))

    def clear(self) -> None:
        """Have all be well from now on; requests that wait in silence are broken off."""
        with self._lock:
            self._planned.clear()
        self._let_go.set()
        self._let_go = threading.Event()
        self.latency_s = 0.0

    def wait_in_silence(self) -> None:
        """Wait until somebody clears the plan."""
        self._let_go.wait()

    def pause(self) -> None:
        """Wait as long as an answer takes."""
        if self.latency_s:
            self._let_go.wait(self.latency_s)


def kind_of(path: str) -> str:
    """The kind of a request by its address."""
    if path.startswith("/graphql"):
        return "graphql"
    return "stream" if path.endswith("/file_stream") else "storage"
