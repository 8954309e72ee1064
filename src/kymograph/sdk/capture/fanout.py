"""Copies of console text for every run that captures it, without ever disturbing the one who prints."""

from __future__ import annotations

import codecs
import itertools
import logging
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal, Protocol

StreamName = Literal["stdout", "stderr"]

_log = logging.getLogger(__name__)
_tokens = itertools.count()
_SURROGATE = re.compile(r"[\ud800-\udfff]")


class ConsoleSink(Protocol):
    """Takes pieces of console text; called by the thread that printed, and by several at once."""

    def __call__(self, stream: StreamName, text: str, /) -> None:
        """Take the next piece of a stream."""


class _ThreadState(threading.local):
    depth = 0
    """How many sinks, or parts that must not be captured, this thread is within."""


_thread = _ThreadState()


def is_muted() -> bool:
    """Tell whether what this thread prints now is not captured."""
    return _thread.depth > 0


@contextmanager
def muted() -> Iterator[None]:
    """Capture nothing of what this thread prints meanwhile.

    For whoever prints while holding a lock that a sink needs, and for messages that are no output of the run.
    """
    _thread.depth += 1
    try:
        yield
    finally:
        _thread.depth -= 1


class Fanout:
    """The sinks of one stream; safe for use by several threads, and never waits for another one.

    No lock is held while a sink runs: a thread that prints may hold locks that another thread's sink waits for.
    """

    def __init__(self, stream: StreamName) -> None:
        self.stream: StreamName = stream
        self.failures = 0
        """Sinks that were removed because they raised."""
        self._sinks: dict[int, ConsoleSink] = {}
        """Replaced as a whole, never changed: whoever reads it needs no lock."""
        self._lock = threading.Lock()
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def __bool__(self) -> bool:
        return bool(self._sinks)

    def add(self, sink: ConsoleSink) -> int:
        """Begin to give text to a sink; returns what `remove` takes."""
        token = next(_tokens)
        with self._lock:
            self._sinks = {**self._sinks, token: sink}
        return token

    def remove(self, token: int) -> None:
        """Give it no more text; does nothing if it was removed before."""
        with self._lock:
            self._sinks = {number: sink for number, sink in self._sinks.items() if number != token}

    def is_only(self, token: int) -> bool:
        """Tell whether no other sink than this one is left."""
        return self._sinks.keys() <= {token}

    def reset_after_fork(self) -> None:
        """Drop all sinks: they belong to the process that we were forked from."""
        self._sinks = {}
        self._lock = threading.Lock()
        self._decoder.reset()

    def deliver(self, data: object) -> None:
        """Give text, or bytes that are decoded, to all sinks; what they print meanwhile is not captured."""
        sinks = self._sinks
        if not sinks or _thread.depth:
            return
        if isinstance(data, str):
            # A lone surrogate is a byte that was no text; no message could carry it.
            text = data if data.isascii() else _SURROGATE.sub("\ufffd", data)
        elif isinstance(data, bytes | bytearray | memoryview):
            with self._lock:
                text = self._decoder.decode(data)
        else:
            return
        if not text:
            return
        with muted():
            for token, sink in sinks.items():
                try:
                    sink(self.stream, text)
                # The edge to user code: a print must not raise because of us. KeyboardInterrupt goes on.
                except Exception:
                    self.failures += 1
                    self.remove(token)
                    _log.warning("capturing %s failed and ends; the program's output is not affected", self.stream)
                    _log.debug("why capturing failed", exc_info=True)
