"""Live updates: what happened, to whoever watches a project."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from kymograph.types import JsonObject, ProjectId, RunId


class LiveKind(StrEnum):
    """What changed."""

    RUN = "run"
    HISTORY = "history"
    SYSTEM = "system"
    SUMMARY = "summary"
    CONSOLE = "console"
    FILES = "files"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class LiveEvent:
    """One change; `details` are merged over older ones of the same run and kind."""

    project: ProjectId
    run: RunId
    kind: LiveKind
    details: JsonObject = field(default_factory=dict)


Listener = Callable[[LiveEvent], None]


class LiveBus(Protocol):
    """Carries events from the writers to the watchers, within a process or between replicas."""

    def publish(self, event: LiveEvent) -> None:
        """Tell every listener of the project; never raises and never waits for one."""

    def subscribe(self, project: ProjectId, listener: Listener) -> Callable[[], None]:
        """Call `listener` (from any thread) for each event; returns what ends it."""


class LocalLiveBus:
    """A bus within one process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._listeners: dict[ProjectId, list[Listener]] = defaultdict(list)

    def publish(self, event: LiveEvent) -> None:
        """See `LiveBus`."""
        with self._lock:
            listeners = tuple(self._listeners.get(event.project, ()))
        for listener in listeners:
            listener(event)

    def subscribe(self, project: ProjectId, listener: Listener) -> Callable[[], None]:
        """See `LiveBus`."""
        with self._lock:
            self._listeners[project].append(listener)

        def unsubscribe() -> None:
            with self._lock:
                listeners = self._listeners.get(project)
                if listeners and listener in listeners:
                    listeners.remove(listener)
                    if not listeners:
                        del self._listeners[project]

        return unsubscribe
