"""Live updates: what happened, to whoever watches a project."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from kymograph.core.live import Listener, Listeners, LiveEvent
from kymograph.types import ProjectId


class LiveBus(Protocol):
    """Carries events from the writers to the watchers, within a process or between replicas.

    Events are hints that something is worth asking for again, not records: one may be merged with later ones of its run
    and kind, and one that happens while replicas cannot reach each other is not told afterwards.
    """

    def publish(self, event: LiveEvent) -> None:
        """Tell every listener of the project; never raises and never waits for one."""

    def subscribe(self, project: ProjectId, listener: Listener) -> Callable[[], None]:
        """Call `listener` (see `core.live.Listener`) for each event; returns what ends it."""

    def close(self) -> None:
        """Tell what is still waiting and release threads and connections."""


class LocalLiveBus:
    """A bus within one process."""

    def __init__(self) -> None:
        self._listeners = Listeners()

    # docstrings inherited

    def publish(self, event: LiveEvent) -> None:
        """Docstring inherited."""
        self._listeners.tell(event)

    def subscribe(self, project: ProjectId, listener: Listener) -> Callable[[], None]:
        """Docstring inherited."""
        return self._listeners.add(project, listener)

    def close(self) -> None:
        """Docstring inherited."""
