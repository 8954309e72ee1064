"""What a training and its sender say to each other: one JSON document a line, over the sender's standard streams.

The journal carries everything that must not be lost; these lines only what both have to know at once. So either side
may vanish at any time: a sender whose training is gone sends what the journal holds and ends.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import IO

import orjson

from kymograph.errors import KymographError
from kymograph.types import JsonObject


class Control:
    """The sender's end. Reading happens on a thread of its own; sending never blocks on a reader that is gone."""

    def __init__(
        self,
        commands: IO[bytes] | None,
        events: IO[bytes] | None,
        *,
        wake: Callable[[], None],
        listener: Callable[[str, JsonObject], object] | None = None,
    ) -> None:
        """Begin to listen.

        Args:
            commands: Where the training writes; None if there is none. It says that there is something to do, or
                which large file will be logged soon.
            events: Where it reads.
            wake: Called when a command came, or the last one.
            listener: Is told, in this process, what the training would be.
        """
        self._events, self._wake, self._listener = events, wake, listener
        self.is_alone = commands is None
        """Whether no training listens any more."""
        self.expected: deque[tuple[str, str]] = deque()
        """Files that are being hashed, to be logged: path and algorithm."""
        if commands is not None:
            threading.Thread(target=self._listen, args=(commands,), name="control", daemon=True).start()

    def _listen(self, commands: IO[bytes]) -> None:
        for line in commands:
            self._note(line)
            self._wake()
        self.is_alone = True
        self._wake()

    def _note(self, line: bytes) -> None:
        with suppress(ValueError, KeyError, TypeError):
            command = orjson.loads(line)
            if command["kind"] == "expect":
                self.expected.append((str(command["path"]), str(command["algorithm"])))

    def send(self, kind: str, **content: object) -> None:
        """Tell the training something."""
        if self._listener is not None:
            self._listener(kind, dict(content))  # type: ignore[arg-type]
        if self._events is None:
            return
        try:
            self._events.write(orjson.dumps({"kind": kind, **content}, default=str) + b"\n")
            self._events.flush()
        except (OSError, ValueError):  # gone, or closed
            self._events = None


def error_document(error: KymographError) -> JsonObject:
    """An error as it crosses to the other process."""
    return {"kind": type(error).__name__, "message": str(error)}
