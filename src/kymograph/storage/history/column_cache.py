"""Decoded columns of recently queried runs, kept in step with the tail and within a budget of memory."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from kymograph.core.history import Stream
from kymograph.storage.history.base import Chunk, StreamVersion, Tail
from kymograph.storage.history.chunks import visible_chunks
from kymograph.storage.history.columns import Columns
from kymograph.storage.history.payload import decompress
from kymograph.types import RunKey, WriterId

Versions = Mapping[WriterId, StreamVersion]


@dataclass(frozen=True, slots=True)
class Base:
    """Chunks that lie under those of the tail: segments that lines of the tail hide in part."""

    ids: tuple[int, ...] = ()
    """Of the segments, in ascending order."""
    load: Callable[[], Sequence[Chunk]] = tuple
    """Reads their chunks."""


NO_BASE = Base()


class _Entry:
    """The columns of one stream of a run and how far they go."""

    def __init__(self, run: RunKey, stream: Stream) -> None:
        self.run = run
        self.stream = stream
        self.lock = threading.Lock()
        self.columns = Columns(stream)
        self.byte_size = 0
        self._versions: dict[WriterId, StreamVersion] = {}
        self._last_seq: dict[WriterId, int] = {}
        self._ends: dict[WriterId, int] = {}
        self._base_ids: tuple[int, ...] = ()

    def refresh(self, tail: Tail, versions: Versions, base: Base) -> None:
        """Take in what `tail` has beyond this entry."""
        is_same_base = base.ids == self._base_ids
        if is_same_base and self._is_current(versions):
            return
        can_extend = is_same_base and all(
            writer in versions and versions[writer].generation == known.generation
            for writer, known in self._versions.items()
        )
        try:
            if can_extend and self._extend(tail.chunks(self.run, self.stream, after=self._last_seq)):
                self._versions |= {
                    writer: now
                    for writer, now in versions.items()
                    if writer not in self._versions or now.version > self._versions[writer].version
                }
            else:
                self._rebuild([*base.load(), *tail.chunks(self.run, self.stream)])
                self._versions = dict(versions)
                self._base_ids = base.ids
        except BaseException:
            self._forget()  # half-decoded columns must not be taken for current ones
            raise

    def _is_current(self, versions: Versions) -> bool:
        """Whether nothing is new; a reader whose snapshot is older than the columns also gets the newer ones."""
        return versions.keys() <= self._versions.keys() and all(
            writer in versions
            and versions[writer].generation == known.generation
            and versions[writer].version <= known.version
            for writer, known in self._versions.items()
        )

    def _extend(self, chunks: Sequence[Chunk]) -> bool:
        """Add chunks if they only go on where the columns end; False if they change what is there."""
        ends = dict(self._ends)
        skips: list[int] = []
        for chunk in chunks:
            end = ends.get(chunk.writer, 0)
            # Merged by appending at the end: what it has before the known end is what was decoded from its parts.
            if chunk.origin_seq <= self._last_seq.get(chunk.writer, -1):
                skips.append(max(end - chunk.first_line, 0))
            elif chunk.first_line >= end:
                skips.append(0)
            else:
                return False
            ends[chunk.writer] = chunk.first_line + chunk.line_count
        for chunk, skip in zip(chunks, skips, strict=True):
            if not chunk.is_void:
                self.columns.extend(chunk.writer, chunk.first_line, decompress(chunk.payload), skip=skip)
            self._last_seq[chunk.writer] = chunk.seq
        self._ends = ends
        return True

    def _rebuild(self, chunks: Sequence[Chunk]) -> None:
        self._forget()
        for visible in visible_chunks(chunks):
            chunk = visible.chunk
            if not chunk.is_void:
                self.columns.extend(
                    chunk.writer, chunk.first_line, decompress(chunk.payload), skip=visible.skip, count=visible.count
                )
            self._ends[chunk.writer] = chunk.first_line + visible.skip + visible.count
            self._last_seq[chunk.writer] = max(self._last_seq.get(chunk.writer, -1), chunk.seq)

    def _forget(self) -> None:
        self.columns = Columns(self.stream)
        self._versions, self._last_seq, self._ends = {}, {}, {}
        self._base_ids = ()


class ColumnCache:
    """Columns by run and stream, least recently used first out. Safe to share between threads."""

    def __init__(self, *, budget_bytes: int) -> None:
        self._budget_bytes = budget_bytes
        self._lock = threading.Lock()
        self._entries: OrderedDict[tuple[RunKey, Stream], _Entry] = OrderedDict()
        self._byte_size = 0

    @property
    def byte_size(self) -> int:
        """Memory in use, roughly."""
        return self._byte_size

    @contextmanager
    def columns(
        self, tail: Tail, run: RunKey, stream: Stream, versions: Versions, base: Base = NO_BASE
    ) -> Iterator[Columns]:
        """Current columns, for this thread alone until the block ends; series taken out of them stay valid.

        Threads that ask for one run at the same time wait for one of them to decode it. Never hold two runs at once:
        two threads could wait for one another.

        Args:
            tail: Where to read what is missing.
            run: Whose columns.
            stream: Which stream.
            versions: What `tail` says of the stream's writers.
            base: What lies under the tail's chunks.
        """
        with self._lock:
            entry = self._entries.get((run, stream))
            if entry is None:
                entry = self._entries[run, stream] = _Entry(run, stream)
            self._entries.move_to_end((run, stream))
        with entry.lock:
            try:
                entry.refresh(tail, versions, base)
                yield entry.columns
            finally:
                self._account(entry)

    def _account(self, entry: _Entry) -> None:
        """Count the entry's memory and let others go until the budget is kept; one run alone may exceed it."""
        with self._lock:
            key = (entry.run, entry.stream)
            if self._entries.get(key) is not entry:
                return  # put out while it was in use
            size = entry.columns.byte_size
            self._byte_size += size - entry.byte_size
            entry.byte_size = size
            while self._byte_size > self._budget_bytes and len(self._entries) > 1:
                oldest = next(iter(self._entries))
                if oldest == key:
                    self._entries.move_to_end(oldest)
                    continue
                self._byte_size -= self._entries.pop(oldest).byte_size
