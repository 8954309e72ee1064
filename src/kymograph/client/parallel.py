"""The same for many things at once, on all cores."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Thing = TypeVar("Thing")
Result = TypeVar("Result")

_BATCH = 64
"""Things that one thread takes at a time: handing over costs more than a small file does."""
_MAX_THREADS = 16


def in_parallel(
    function: Callable[[Thing], Result], things: Sequence[Thing], *, threads: int | None = None
) -> list[Result]:
    """What `function` gives for each of `things`, in their order.

    Args:
        function: Safe to call from several threads.
        things: What it is called with.
        threads: At most so many; by default as many as there are cores, for work that is little but reading.

    Raises:
        Exception: What the function raised, for the first of them; the others are then not begun.
    """
    count = min(threads or min(_MAX_THREADS, os.cpu_count() or 1), len(things))
    if count < 2:
        return [function(thing) for thing in things]
    batch = max(1, min(_BATCH, len(things) // (count * 4)))
    parts = [things[start : start + batch] for start in range(0, len(things), batch)]
    try:
        pool = ThreadPoolExecutor(count, thread_name_prefix="kymograph-files")
        futures: list[Future[list[Result]]] = [
            pool.submit(lambda part: [function(thing) for thing in part], part) for part in parts
        ]
    except RuntimeError:  # the process is ending, and takes no new threads
        return [function(thing) for thing in things]
    try:
        return [result for future in futures for result in future.result()]
    finally:
        pool.shutdown(cancel_futures=True)
