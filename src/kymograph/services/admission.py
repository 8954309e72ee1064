"""Whether lines may come in: not faster than they can be compacted, or the tail would grow without bound."""

from __future__ import annotations

import time
from collections.abc import Callable

from kymograph.errors import ServerBusy

MAX_OVERDUE_BYTES = 1024**3
"""Unpacked lines that may be late for compaction: half a minute of a million points a second."""
RETRY_AFTER_S = 2.0
"""Clients come back no sooner by themselves. Source: protocol.md §5.3."""
LOOK_INTERVAL_S = 0.25
SMALL_BYTES = 64 * 1024
"""Requests up to this size always come in: heartbeats, ends of runs, trainings that log at a human pace."""


class Admission:
    """Asked before each request that brings lines. Safe to share between threads.

    Counts only what could be compacted now and is not: while compaction itself is held up, by an object store that is
    away for example, lines are taken in and wait.
    """

    def __init__(
        self,
        overdue_bytes: Callable[[], int],
        *,
        max_overdue_bytes: int = MAX_OVERDUE_BYTES,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Watch a backlog.

        Args:
            overdue_bytes: Unpacked lines that are late for compaction.
            max_overdue_bytes: More of them push back.
            monotonic: Seconds.
        """
        self._overdue_bytes = overdue_bytes
        self._max_overdue_bytes = max_overdue_bytes
        self._monotonic = monotonic
        self._looked_at = float("-inf")
        self._is_closed = False

    def check(self, size_bytes: int) -> None:
        """Let a request of this size in.

        Raises:
            ServerBusy: Too much waits; the client is to send it again later.
        """
        if size_bytes <= SMALL_BYTES:
            return
        now = self._monotonic()
        if now - self._looked_at >= LOOK_INTERVAL_S:
            self._looked_at = now
            self._is_closed = self._overdue_bytes() > self._max_overdue_bytes
        if self._is_closed:
            raise ServerBusy("lines come in faster than they can be compacted", retry_after_s=RETRY_AFTER_S)
