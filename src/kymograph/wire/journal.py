"""The framing of journals: payloads in checksummed chunks, chunks in blocks.

A journal is a header, then blocks of 32 KiB counted from the start of the file. A payload that does not fit into what
is left of a block goes on in the next. Whoever reads one that is being written, or one that a crash cut off, gets every
payload that is whole; of damage in the middle, what comes after the block that is damaged.

Source: protocol.md §15.1; pinned by tests/unit/wire/test_journal.py and, with the vendor's reader, by
tests/protocol/test_journal_files.py.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from zlib import crc32

from kymograph.errors import JournalCorrupt

FILE_HEADER = b":W&B" + struct.pack("<HB", 0xBEE1, 0)
BLOCK_BYTES = 32_768
CHUNK_HEADER = struct.Struct("<IHB")
"""Checksum of type and data, size of the data, type."""
HEADER_BYTES = CHUNK_HEADER.size


class ChunkType(IntEnum):
    """Which part of a payload a chunk holds."""

    FULL = 1
    FIRST = 2
    MIDDLE = 3
    LAST = 4


CHECKSUM_OF_TYPE = {kind: crc32(bytes([kind])) for kind in ChunkType}
"""Where the checksum of a chunk's data goes on from."""
_FULL = int(ChunkType.FULL)
_CHECKSUM_OF_FULL = CHECKSUM_OF_TYPE[ChunkType.FULL]


def frame(payload: bytes, position: int) -> bytes:
    """The bytes that append a payload to a journal of `position` bytes (its header included).

    Law: a journal is its header and the frames of its payloads, each at the end of those before.
    """
    room = BLOCK_BYTES - position % BLOCK_BYTES
    if HEADER_BYTES + len(payload) <= room:
        return CHUNK_HEADER.pack(crc32(payload, _CHECKSUM_OF_FULL), len(payload), _FULL) + payload
    return b"".join(_split(payload, room))


def _split(payload: bytes, room: int) -> Iterator[bytes]:
    rest = memoryview(payload)
    is_first = True
    while True:
        if room < HEADER_BYTES:
            yield bytes(room)
            room = BLOCK_BYTES
        data, rest = rest[: room - HEADER_BYTES], rest[room - HEADER_BYTES :]
        if is_first:
            kind = ChunkType.FIRST if rest else ChunkType.FULL
        else:
            kind = ChunkType.MIDDLE if rest else ChunkType.LAST
        yield CHUNK_HEADER.pack(crc32(data, CHECKSUM_OF_TYPE[kind]), len(data), kind)
        yield bytes(data)
        if not rest:
            return
        is_first, room = False, BLOCK_BYTES


@dataclass(frozen=True, slots=True)
class Damage:
    """A piece of a journal that could not be read."""

    position: int
    """Where it begins, in bytes from the start of the file."""
    size_bytes: int
    problem: str


class JournalReader:
    """Takes a journal in pieces and gives out its payloads; knows no file.

    Feed it what is there, and later what has been added: a payload that is not whole yet is waited for. `position` is
    where a new reader can go on.
    """

    def __init__(self, position: int = 0) -> None:
        """Begin at a `position` that a reader has told; 0 is the start of the file."""
        self.position = position
        """Behind the last payload that was given out, in bytes from the start of the file."""
        self.damages: list[Damage] = []
        self._rest = b""
        self._at = position
        """Where `_rest` begins."""
        self._parts: list[bytes] = []
        """Data of the chunks of a payload that has begun."""

    def feed(self, data: bytes) -> list[bytes]:
        """The payloads that are whole with these bytes, which follow those before.

        Raises:
            JournalCorrupt: The file does not begin as a journal does.
        """
        buffer = self._rest + data if self._rest else data
        offset, end, payloads = 0, len(buffer), []
        base = self._at
        if base == 0:
            if end < len(FILE_HEADER):
                self._rest = buffer
                return []
            if not buffer.startswith(FILE_HEADER):
                raise JournalCorrupt("does not begin as a journal does; is it one?")
            offset = len(FILE_HEADER)
        while True:
            left = BLOCK_BYTES - (base + offset) % BLOCK_BYTES
            if left < HEADER_BYTES:
                if end - offset < left:
                    break
                offset += left
                continue
            if end - offset < HEADER_BYTES:
                break
            checksum, size, kind = CHUNK_HEADER.unpack_from(buffer, offset)
            stop = offset + HEADER_BYTES + size
            problem = None
            if size > left - HEADER_BYTES:
                problem = "a chunk is longer than its block"
            elif kind not in CHECKSUM_OF_TYPE:
                problem = "a chunk is of no known type"
            elif end < stop:
                break
            else:
                chunk = buffer[offset + HEADER_BYTES : stop]
                if crc32(chunk, CHECKSUM_OF_TYPE[kind]) != checksum:
                    problem = "a chunk does not match its checksum"
            if problem is not None:
                if end - offset < left:
                    break  # of a block that is being written still, nothing can be said yet
                self._skip(base + offset, left, problem)
                offset += left
                continue
            offset = stop
            if kind == ChunkType.FULL:
                self._drop_parts(base + offset)
                payloads.append(chunk)
            elif kind == ChunkType.FIRST:
                self._drop_parts(base + offset)
                self._parts = [chunk]
                continue
            elif not self._parts:
                # Goes on with a payload whose beginning was lost: that has been reported.
                pass
            elif kind == ChunkType.MIDDLE:
                self._parts.append(chunk)
                continue
            else:
                payloads.append(b"".join((*self._parts, chunk)))
                self._parts = []
            self.position = base + offset
        self._at, self._rest = base + offset, buffer[offset:]
        return payloads

    def _skip(self, position: int, size_bytes: int, problem: str) -> None:
        self._parts = []
        self.damages.append(Damage(position, size_bytes, problem))

    def _drop_parts(self, at: int) -> None:
        """A payload began and another follows before its end: whoever wrote it was stopped within it."""
        if self._parts:
            size = sum(map(len, self._parts))
            self._skip(self.position, at - self.position - size, "a payload has no end")

    def end(self) -> Damage | None:
        """What is left over when nothing will be added: the payload that a crash cut off, or damage at the end."""
        size_bytes = self._at + len(self._rest) - self.position
        if not size_bytes or not (self._parts or any(self._rest)):
            return None
        return Damage(self.position, size_bytes, "the end is cut off")
