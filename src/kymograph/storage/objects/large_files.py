"""Large objects of a folder as streams.

What comes next is read or received while pieces are worked on, and the event loop never waits for a disk.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import secrets
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import BinaryIO, Self

from kymograph.core.files import ByteSpan
from kymograph.storage.objects.direct_file import ALIGNED_BYTES, DirectFile

PIECE_BYTES = 1 << 20
"""Larger pieces fall out of the processor's cache between the steps."""
UNFINISHED_FOLDER = "unfinished"
_LOCKED_S = 1.0
"""How long the server that a client has left may take to notice."""
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
    is_broken_off = False
    try:
        with draft as target, _Lane("write") as writing, _Lane("hash") as working:
            if draft.start:
                working.put(_work_on, draft.path, draft.start, also, working.stopped)
            stream = aiter(batches)
            while True:
                try:
                    batch = await anext(stream, None)
                except BaseException:
                    if unfinished is not None:
                        writing.put(target.end)
                        with guard():
                            await writing.end()
                    is_broken_off = True
                    raise
                if batch is None:
                    break
                working.put(also, batch)
                with guard():
                    writing.put(target.append, batch)
                    await writing.make_room()
                await working.make_room()
            writing.put(target.end)
            await working.end()
            with guard():
                await writing.end()
            check()
            with guard():
                draft.path.replace(path)
    except BaseException as exc:
        is_broken_off = is_broken_off or isinstance(exc, asyncio.CancelledError)
        if unfinished is None or not is_broken_off:
            with suppress(OSError):
                draft.path.unlink()
        raise


class Unfinished:
    """A file under way, which nobody else writes."""

    def __init__(self, path: Path, file: BinaryIO, start: int) -> None:
        self.path, self.start = path, start
        self._file, self._target = file, DirectFile(file.fileno(), start)

    def __enter__(self) -> DirectFile:
        """What comes next goes there."""
        return self._target

    def __exit__(self, *_: object) -> None:
        self._file.close()

    @classmethod
    def beside(cls, path: Path) -> Self:
        """A new one, for the file at a path."""
        # Named as obstore names them: it is listed nowhere, and swept when it is left behind.
        draft = path.with_name(f"{path.name}#{secrets.randbits(48)}")
        return cls(draft, open(draft, "xb", buffering=0), 0)

    @classmethod
    def open(cls, folder: Path, name: str, start: int) -> Self | None:
        """That of a name, from a position on; None if there is none so long, or if it is being written.

        Args:
            folder: Of all objects.
            name: Of the stream.
            start: As `find_received` told.

        Raises:
            OSError: It cannot be opened.
        """
        path = _unfinished_path(folder, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        file = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o666), "r+b", buffering=0)
        if not _is_ours(file, path) or os.fstat(file.fileno()).st_size < start:
            file.close()
            return None
        file.truncate(start)
        return cls(path, file, start)

    @staticmethod
    def find_received(folder: Path, name: str) -> int:
        """How long that of a name is; 0 if there is none, or if it is still being written after a moment."""
        path = _unfinished_path(folder, name)
        end_s = time.monotonic() + _LOCKED_S
        while True:
            try:
                with open(path, "r+b", buffering=0) as file:
                    if _is_ours(file, path):
                        size = os.fstat(file.fileno()).st_size
                        return size - size % ALIGNED_BYTES
            except FileNotFoundError:
                return 0
            if time.monotonic() > end_s:
                return 0
            time.sleep(_LOCKED_S / 20)


def _unfinished_path(folder: Path, name: str) -> Path:
    return folder / UNFINISHED_FOLDER / f"{name}#0"


def _is_ours(file: BinaryIO, path: Path) -> bool:
    """Whether nobody else has a file open to write it, and it has not just become an object."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return os.path.samestat(os.fstat(file.fileno()), os.stat(path))
    except (BlockingIOError, FileNotFoundError):
        return False


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
