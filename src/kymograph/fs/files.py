"""Open files: read by blocks, written aside and sent when they are closed.

What is written goes to a file of this machine first, so that its size does not matter, a name is taken by a whole file
only, and what was broken off is never sent.
"""

from __future__ import annotations

import io
import tempfile
import threading
import warnings
from types import TracebackType
from typing import Any, BinaryIO, cast

from fsspec.asyn import AbstractAsyncStreamedFile, running_async, sync  # type: ignore[import-untyped] # it has no types
from fsspec.spec import AbstractBufferedFile  # type: ignore[import-untyped]

MEMORY_BYTES = 8 << 20
"""What is kept in memory of a file that is written; what is larger goes to disk."""


def make_spool() -> BinaryIO:
    """A file that nobody else sees and that vanishes with its last user."""
    return cast("BinaryIO", tempfile.SpooledTemporaryFile(MEMORY_BYTES))


def size_of(spool: BinaryIO) -> int:
    """How many bytes were written to a spool, which then stands at its end."""
    return spool.seek(0, 2)


class BlockFile(AbstractBufferedFile):  # type: ignore[misc] # fsspec has no types
    """A file of a file system of ours that is open.

    Its file system has `_send_spool`, which brings a spool to a path; see there for errors. A file that is written
    exists once `close` has returned. One whose ``with`` block ends with an exception is not sent.
    """

    DEFAULT_BLOCK_SIZE = MEMORY_BYTES
    spool: BinaryIO | None = None

    @property
    def is_exclusive(self) -> bool:
        """Whether there must be no such file yet."""
        return "x" in self.mode

    def _initiate_upload(self) -> None:
        self.spool = make_spool()
        if "a" in self.mode:
            try:
                sync(self.fs.loop, self.fs._read_existing, self.path, self.spool)
            except BaseException:
                self.discard()
                raise

    def _upload_chunk(self, final: bool = False) -> bool:
        assert self.spool is not None
        self.spool.write(self.buffer.getbuffer())
        if final and self.autocommit:
            self.commit()
        return True

    def commit(self) -> None:
        """Send what was written.

        Raises:
            OSError: It could not be; nothing was replaced.
        """
        if self.spool is None:
            return
        try:
            sync(self.fs.loop, self.fs._send_spool, self.path, self.spool, is_new=self.is_exclusive)
        finally:
            self.discard()

    def discard(self) -> None:
        """Forget what was written."""
        spool, self.spool = self.spool, None
        if spool is not None:
            spool.close()

    def abandon(self) -> None:
        """Close it and forget what was written."""
        self.discard()
        self.closed = True

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if kind is not None and self.mode != "rb" and not self.closed:
            self.abandon()
        self.close()

    def __del__(self) -> None:
        if self.closed:
            return
        if self.mode != "rb":
            warnings.warn(f"{self.path} is written only now, for nobody closed it", ResourceWarning, stacklevel=2)
        if self.mode == "rb" or not running_async():
            self.close()
        else:  # the collector happens to run in a loop, which must not wait for itself
            threading.Thread(target=self.close, name="kymograph-fs-close").start()


class CompressedFile(io.BufferedIOBase):
    """A file that is compressed while it is written; closing it closes the file below, so that this is sent."""

    def __init__(self, outer: Any, inner: BlockFile) -> None:
        self._outer, self._inner = outer, inner

    def write(self, data: Any) -> int:
        """Compress some bytes."""
        return int(self._outer.write(data))

    def writable(self) -> bool:
        """It is for nothing else."""
        return True

    def flush(self) -> None:
        """Nothing is sent before the end."""

    def close(self) -> None:
        """Send what was written. Raises as `BlockFile.close` does."""
        if self.closed:
            return
        try:
            self._outer.close()
            self._inner.close()
        finally:
            super().close()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if kind is not None and not self._inner.closed:
            self._inner.abandon()
            self._outer = io.BytesIO()
        self.close()


class AwaitedFile(AbstractAsyncStreamedFile):  # type: ignore[misc] # fsspec has no types
    """The same for code that awaits."""

    def __init__(self, fs: Any, path: str, mode: str, **options: Any) -> None:
        super().__init__(fs, path, mode, **options)
        self.spool: BinaryIO | None = None

    async def _fetch_range(self, start: int, end: int) -> bytes:
        return bytes(await self.fs._cat_file(self.path, start, end))

    async def _initiate_upload(self) -> None:
        self.spool = make_spool()
        if "a" in self.mode:
            await self.fs._read_existing(self.path, self.spool)

    async def _upload_chunk(self, final: bool = False) -> bool:
        assert self.spool is not None
        self.spool.write(self.buffer.getbuffer())
        if final:
            try:
                await self.fs._send_spool(self.path, self.spool)
            finally:
                self.spool.close()
        return True

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        if kind is not None and self.mode != "rb":
            if self.spool is not None:
                self.spool.close()
            self.closed = True
            return
        await self.close()
