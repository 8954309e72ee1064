"""The lines of a segment: ``.jsonl.zst``, the compressed chunks as they came, one after another.

``zstdcat`` prints it as JSON lines. At its end a frame that every decompressor skips says where each chunk lies, with
its checksum.
"""

from __future__ import annotations

import struct
import zlib
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import orjson

from kymograph.errors import StoreCorrupt
from kymograph.storage.history.payload import pick_lines
from kymograph.types import WriterId

_SKIPPABLE = 0x184D2A50
"""Source: RFC 8878, section 3.1.2."""
_HEADER = struct.Struct("<II")
_TRAILER = struct.Struct("<II4s")
_MAGIC = b"KYLN"
VERSION = 1


@dataclass(frozen=True, slots=True)
class Frame:
    """Consecutive lines of one writer."""

    writer: WriterId
    first_line: int
    line_count: int
    offset: int
    size: int
    crc: int
    """CRC-32 of its bytes: zstd's own checksum covers what they expand to, which some flipped bits do not change."""

    @property
    def end(self) -> int:
        """Number after its last line."""
        return self.first_line + self.line_count


class LinesWriter:
    """A file of lines under way."""

    def __init__(self, sink: BinaryIO) -> None:
        self._sink = sink
        self._position = 0
        self._frames: list[Frame] = []

    def add(self, writer: WriterId, first_line: int, line_count: int, payload: bytes) -> None:
        """Add a chunk as `storage.history.payload` makes them. No line may come twice."""
        self._sink.write(payload)
        crc = zlib.crc32(payload)
        self._frames.append(Frame(writer, first_line, line_count, self._position, len(payload), crc))
        self._position += len(payload)

    def close(self) -> int:
        """Write the index; returns the size of the file in bytes."""
        writers = sorted({frame.writer for frame in self._frames})
        index = {writer: number for number, writer in enumerate(writers)}
        ordered = sorted(self._frames, key=lambda frame: (frame.writer, frame.first_line))
        packed = orjson.dumps(
            {
                "version": VERSION,
                "writers": writers,
                "frames": [
                    [index[frame.writer], frame.first_line, frame.line_count, frame.offset, frame.size, frame.crc]
                    for frame in ordered
                ],
            }
        )
        size = len(packed) + _TRAILER.size
        self._sink.write(_HEADER.pack(_SKIPPABLE, size) + packed)
        self._sink.write(_TRAILER.pack(len(packed), zlib.crc32(packed), _MAGIC))
        return self._position + _HEADER.size + size


class LinesFile:
    """A segment's lines. Safe to share between threads: it opens the file for every look, which is rare and short."""

    def __init__(self, path: Path, *, name: str, fetch: Callable[[], Path] | None = None) -> None:
        """Read the index.

        Args:
            path: Where it is.
            name: What error messages call it.
            fetch: Brings it back, if it may go away.

        Raises:
            StoreCorrupt: Not there, cut off or damaged.
        """
        self._path = path
        self._fetch = fetch
        self.name = name
        with self._open() as file:
            size = file.seek(0, 2)
            self.size_bytes = size
            if size < _TRAILER.size:
                raise StoreCorrupt(name, problem="it is cut off")
            file.seek(size - _TRAILER.size)
            length, crc, magic = _TRAILER.unpack(file.read(_TRAILER.size))
            begins = size - _TRAILER.size - length - _HEADER.size
            if magic != _MAGIC or begins < 0:
                raise StoreCorrupt(name, problem="it is cut off")
            file.seek(begins)
            header = file.read(_HEADER.size)
            packed = file.read(length)
        if zlib.crc32(packed) != crc or header != _HEADER.pack(_SKIPPABLE, length + _TRAILER.size):
            raise StoreCorrupt(name, problem="its index is damaged")
        self.index_at = begins
        """Where the lines end."""
        index = orjson.loads(packed)
        if index["version"] > VERSION:
            raise StoreCorrupt(name, problem="it is of a newer Kymograph; upgrade this server")
        self._frames: dict[WriterId, list[Frame]] = defaultdict(list)
        for writer, *place in index["frames"]:
            frame = Frame(WriterId(index["writers"][writer]), *place)
            self._frames[frame.writer].append(frame)

    def _open(self) -> BinaryIO:
        try:
            return self._path.open("rb")
        except FileNotFoundError as exc:
            if self._fetch is not None:
                with suppress(FileNotFoundError):
                    return self._fetch().open("rb")
            raise StoreCorrupt(self.name, problem="the object is missing") from exc

    def frames(self) -> list[Frame]:
        """All chunks by writer and number."""
        return [frame for frames in self._frames.values() for frame in frames]

    def payloads(self, frames: Iterable[Frame]) -> list[bytes]:
        """Chunks as they are stored, in the order asked for.

        Raises:
            StoreCorrupt: The file is not there any more, or shorter than its index says, or a chunk is not what was
                written.
        """
        found: list[bytes] = []
        with self._open() as file:
            for frame in frames:
                file.seek(frame.offset)
                payload = file.read(frame.size)
                if len(payload) != frame.size:
                    raise StoreCorrupt(self.name, problem=f"{frame.size} bytes at {frame.offset} lie beyond its end")
                if zlib.crc32(payload) != frame.crc:
                    end = frame.offset + frame.size
                    raise StoreCorrupt(self.name, problem=f"bytes {frame.offset} to {end} are damaged")
                found.append(payload)
        return found

    def pick(self, numbers: Mapping[WriterId, Collection[int]]) -> dict[WriterId, dict[int, str]]:
        """Single lines by writer and number; those that are not there are left out.

        Raises:
            StoreCorrupt: A chunk that holds one of them is damaged.
        """
        wanted: dict[Frame, list[int]] = defaultdict(list)
        for writer, of_writer in numbers.items():
            frames = self._frames.get(writer, [])
            firsts = [frame.first_line for frame in frames]
            for number in of_writer:
                index = bisect_right(firsts, number) - 1
                if index >= 0 and number < frames[index].end:
                    wanted[frames[index]].append(number)
        found: dict[WriterId, dict[int, str]] = defaultdict(dict)
        for frame, payload in zip(wanted, self.payloads(wanted), strict=True):
            numbers_of_frame = wanted[frame]
            lines = pick_lines(payload, [number - frame.first_line for number in numbers_of_frame])
            found[frame.writer].update(zip(numbers_of_frame, lines, strict=True))
        return dict(found)
