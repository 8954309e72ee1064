"""What runs and readers of artifacts know of each other: a run notes what was read as its input.

What reads and writes versions (file systems, for one) knows no runs, and a run knows no file systems; both know this.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from kymograph.client.runs import RunAddress

_lock = threading.Lock()
_listeners: list[RunListener] = []


@dataclass(frozen=True, slots=True)
class ArtifactRead:
    """Content of a version was read."""

    base_url: str
    """Of the server that it came from."""
    artifact_id: str
    type_name: str
    name: str
    """Of the version in its collection: ``name:v3``."""


class RunListener(Protocol):
    """Who knows the run of this process."""

    def note_read(self, read: ArtifactRead) -> None:
        """Content of a version was read. Called from any thread, for every read."""

    def find_run(self, base_url: str) -> RunAddress | None:
        """The run whose outputs new versions at a server are; None if there is none."""


def listen(listener: RunListener) -> None:
    """Have a listener told from now on."""
    with _lock:
        if listener not in _listeners:
            _listeners.append(listener)


def note_read(read: ArtifactRead) -> None:
    """Tell all who listen."""
    for listener in [*_listeners]:
        listener.note_read(read)


def active_run(base_url: str) -> RunAddress | None:
    """The run whose outputs new versions at a server are; None if there is none."""
    found = (listener.find_run(base_url) for listener in [*_listeners])
    return next((run for run in found if run is not None), None)
