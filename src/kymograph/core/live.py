"""What watchers are told, and the list of those to tell."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeAlias

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
    """One change.

    Law: telling `a.merge(b)` has the effect of telling `a`, then `b`, for two events of the same run and kind.
    """

    project: ProjectId
    run: RunId
    kind: LiveKind
    details: JsonObject = field(default_factory=dict)

    def merge(self, later: LiveEvent) -> LiveEvent:
        """One event for two of the same run and kind."""
        return LiveEvent(self.project, self.run, self.kind, {**self.details, **later.details})


Listener: TypeAlias = Callable[[LiveEvent], None]
"""Called from any thread; quick, and never raising."""


class Listeners:
    """Who listens to which project, within one process. Safe to share between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._by_project: dict[ProjectId, list[Listener]] = defaultdict(list)

    def add(self, project: ProjectId, listener: Listener) -> Callable[[], None]:
        """Tell `listener` of the project's events from now on; returns what ends it, which may be called twice."""
        with self._lock:
            self._by_project[project].append(listener)

        def remove() -> None:
            with self._lock:
                listeners = self._by_project.get(project)
                if listeners and listener in listeners:
                    listeners.remove(listener)
                    if not listeners:
                        del self._by_project[project]

        return remove

    def tell(self, event: LiveEvent) -> None:
        """Call every listener of the event's project."""
        with self._lock:
            listeners = tuple(self._by_project.get(event.project, ()))
        for listener in listeners:
            listener(event)
