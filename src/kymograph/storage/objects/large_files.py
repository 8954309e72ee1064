"""Large objects of a folder as streams.

What comes next is read or received while pieces are worked on, and the event loop never waits for a disk.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import Self

from kymograph.core.files import ByteSpan
from kymograph.storage.objects.unfinished import Unfinished

PIECE_BYTES = 1 << 20
"""Larger pieces fall out of the processor's cache between the steps."""
_BATCHES_AHEAD = 8
"""Received, and neither written nor worked on yet: neither step waits for the other, nor for the network."""


async def write(
    path: Path,
    batches: AsyncIterator[Sequence[bytes]],
    *,
    also: Callable[[Sequence[bytes]], object],
    check: Callable[[], object],
    guard: Callable[[], AbstractContextManager[None]],
    unfinished: Unfinished | None = None,
) -> None:
    """Make a file of a stream, whole or not at all; its folder is made.

    Args:
        path: Replaced if it is there.
        batches: Of about `PIECE_BYTES` each; what they raise passes through, and nothing is left…
        also: Called with each batch in turn, on another thread while it is written.
        check: Called at the end; what it raises passes through, and nothing is left.
        guard: Around all that the file system may refuse, and nothing else.
        unfinished: …but this, if it is given. It is worked on first, up to its position.
    """
    with guard():
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = unfinished or Unfinished.beside(path)
    stream = _Stream(batches)
    try:
        with draft as target, _Lane("write") as writing, _Lane("hash") as working:
            if draft.start:
                working.put(_work_on, draft.path, draft.start, also, working.stopped)
            async for batch in stream:
                working.put(also, batch)
                with guard():
                    writing.put(target.append, batch)
                    await writing.make_room()
                await working.make_room()
            writing.put(target.end)
            with guard():
                await writing.end()
            stream.check()
            await working.end()
            check()
            with guard():
                draft.path.replace(path)
    except BaseException as exc:
        may_go_on = stream.is_broken_off or isinstance(exc, asyncio.CancelledError)
        if unfinished is None or not may_go_on:
            with suppress(OSError):
                draft.path.unlink()
        raise


class _Stream:
    """Batches as they come; where they break off, they end, and `check` tells with what."""

    def __init__(self, batches: AsyncIterator[Sequence[bytes]]) -> None:
        self._batches = batches
        self._error: BaseException | None = None

    @property
    def is_broken_off(self) -> bool:
        return self._error is not None

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Sequence[bytes]:
        try:
            return await anext(self._batches)
        except StopAsyncIteration:
            raise
        except BaseException as exc:
            self._error = exc
            raise StopAsyncIteration from exc

    def check(self) -> None:
        """Raise what the batches broke off with."""
        if self._error is not None:
            raise self._error


class _Lane:
    """Calls in their order, on a thread of its own."""

    def __init__(self, name: str) -> None:
        self.stopped = threading.Event()
        """Nothing is waited for any more."""
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=name)
        self._under_way: deque[asyncio.Future[object]] = deque()

    def put(self, call: Callable[..., object], *arguments: object) -> None:
        """Add a call."""
        self._under_way.append(asyncio.get_running_loop().run_in_executor(self._thread, call, *arguments))

    async def make_room(self) -> None:
        """Wait until there are few calls to come; raises what one raised."""
        while len(self._under_way) >= _BATCHES_AHEAD or (self._under_way and self._under_way[0].done()):
            await self._under_way.popleft()

    async def end(self) -> None:
        """Wait until every call has returned; raises what one raised."""
        while self._under_way:
            await self._under_way.popleft()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stopped.set()
        for call in self._under_way:
            if not call.cancel() and not call.cancelled():
                call.exception()  # another one has been raised
        # What runs needs the file, and takes the time of one batch.
        self._thread.shutdown(cancel_futures=True)


async def read(path: Path, span: ByteSpan | None = None) -> AsyncIterator[bytes]:
    """A file or a part of it, as it was when it was opened.

    Raises:
        OSError: It cannot be read.
    """
    file = await asyncio.to_thread(open, path, "rb", 0)
    with file:
        size = os.fstat(file.fileno()).st_size
        at, end = (0, size) if span is None else (span.start, size if span.end is None else min(span.end, size))

        def piece_at(start: int) -> asyncio.Future[bytes]:
            return asyncio.ensure_future(
                asyncio.to_thread(os.pread, file.fileno(), max(0, min(PIECE_BYTES, end - start)), start)
            )

        following = piece_at(at)
        try:
            while at < end and (piece := await following):
                at += len(piece)
                following = piece_at(at)
                yield piece
        finally:
            # A thread may still read: the file stays open until it has.
            await asyncio.wait([following])


def _work_on(path: Path, size: int, work: Callable[[Sequence[bytes]], object], stopped: threading.Event) -> None:
    """Work on the beginning of a file."""
    with path.open("rb", buffering=0) as file:
        for start in range(0, size, PIECE_BYTES):
            if stopped.is_set():
                return
            work([file.read(min(PIECE_BYTES, size - start))])
