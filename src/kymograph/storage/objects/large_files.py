"""Large objects of a folder as streams.

What comes next is read or received while pieces are worked on, and the event loop never waits for a disk.
"""

from __future__ import annotations

import asyncio
import os
import secrets
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import Self

from kymograph.core.files import ByteSpan
from kymograph.storage import durable

PIECE_BYTES = 1 << 20
"""Larger pieces fall out of the processor's cache between the steps."""
_FLUSH_BYTES = 8 << 20
"""So much more, and the disk begins to write it: little is left to flush for whoever names the object."""
_BATCHES_AHEAD = 8
"""Received, and neither written nor worked on yet: neither step waits for the other, nor for the network."""


async def write(
    path: Path,
    batches: AsyncIterator[Sequence[bytes]],
    *,
    also: Callable[[Sequence[bytes]], object],
    check: Callable[[], object],
    guard: Callable[[], AbstractContextManager[None]],
) -> None:
    """Make a file of a stream, whole or not at all; its folder is made.

    Args:
        path: Replaced if it is there.
        batches: Of about `PIECE_BYTES` each; what they raise passes through, and nothing is left.
        also: Called with each batch in turn, on another thread while it is written.
        check: Called at the end; what it raises passes through, and nothing is left.
        guard: Around all that the file system may refuse, and nothing else.
    """
    # The name of a file under way, as obstore makes them: it is listed nowhere, and swept when it is left behind.
    draft = path.with_name(f"{path.name}#{secrets.randbits(48)}")
    try:
        with guard():
            path.parent.mkdir(parents=True, exist_ok=True)
            file = open(draft, "xb", buffering=0)  # noqa: SIM115 - closed below, outside the guard
        with file, _Lane("write") as writing, _Lane("hash") as working:
            unflushed_bytes = 0
            async for batch in batches:
                working.put(also, batch)
                unflushed_bytes += sum(map(len, batch))
                with guard():
                    writing.put(_write_all, file.fileno(), batch)
                    await writing.make_room()
                    if unflushed_bytes >= _FLUSH_BYTES:
                        unflushed_bytes = 0
                        writing.put(durable.begin_to_flush, file.fileno())
                await working.make_room()
            await working.end()
            with guard():
                await writing.end()
        check()
        with guard():
            draft.replace(path)
    except BaseException:
        with suppress(OSError):
            draft.unlink()
        raise


class _Lane:
    """Calls in their order, on a thread of its own."""

    def __init__(self, name: str) -> None:
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


def _write_all(descriptor: int, batch: Sequence[bytes]) -> None:
    for piece in batch:
        left = memoryview(piece)
        while left:
            left = left[os.write(descriptor, left) :]
