"""Large objects of a folder as streams.

What comes next is read or received while a piece is worked on, and the event loop never waits for a disk.
"""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager, suppress
from pathlib import Path

from kymograph.core.files import ByteSpan

PIECE_BYTES = 1 << 20
"""Larger pieces fall out of the processor's cache between the steps."""


async def write(
    path: Path,
    pieces: AsyncIterator[bytes],
    *,
    also: Callable[[bytes], object],
    check: Callable[[], object],
    guard: Callable[[], AbstractContextManager[None]],
) -> None:
    """Make a file of a stream, whole or not at all; its folder is made.

    Args:
        path: Replaced if it is there.
        pieces: Of about `PIECE_BYTES`; what they raise passes through, and nothing is left.
        also: Called with each piece in turn, on another thread while it is written.
        check: Called at the end; what it raises passes through, and nothing is left.
        guard: Around all that the file system may refuse, and nothing else.
    """
    # The name of a file under way, as obstore makes them: it is listed nowhere, and swept when it is left behind.
    draft = path.with_name(f"{path.name}#{secrets.randbits(48)}")
    following = asyncio.ensure_future(_next(pieces))
    try:
        with guard():
            path.parent.mkdir(parents=True, exist_ok=True)
            file = open(draft, "xb", buffering=0)  # noqa: SIM115 - closed below, outside the guard
        with file:
            while (piece := await following) is not None:
                following = asyncio.ensure_future(_next(pieces))
                with guard():
                    written = asyncio.to_thread(_write_all, file.fileno(), piece)
                    await asyncio.gather(written, asyncio.to_thread(also, piece))
        check()
        with guard():
            draft.replace(path)
    except BaseException:
        following.cancel()
        await asyncio.wait([following])
        with suppress(OSError):
            draft.unlink()
        raise


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


async def _next(pieces: AsyncIterator[bytes]) -> bytes | None:
    return await anext(pieces, None)


def _write_all(descriptor: int, piece: bytes) -> None:
    left = memoryview(piece)
    while left:
        left = left[os.write(descriptor, left) :]
