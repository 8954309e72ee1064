"""Who wants to know that a version of an artifact was read: a run notes it as one of its inputs.

What reads (file systems, for one) knows no runs, and a run knows no file systems; both know this.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

_lock = threading.Lock()
_listeners: list[Callable[[ArtifactRead], object]] = []


@dataclass(frozen=True, slots=True)
class ArtifactRead:
    """Content of a version was read."""

    base_url: str
    """Of the server that it came from."""
    artifact_id: str
    type_name: str
    name: str
    """Of the version in its collection: ``name:v3``."""


def listen(listener: Callable[[ArtifactRead], object]) -> None:
    """Have a listener told of every read from now on; telling it twice changes nothing."""
    with _lock:
        if listener not in _listeners:
            _listeners.append(listener)


def note(read: ArtifactRead) -> None:
    """Tell all who listen."""
    for listener in [*_listeners]:
        listener(read)
