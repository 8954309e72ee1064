"""Event files of a folder, read as they grow."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

from google.protobuf.message import DecodeError

from kymograph.wire.event_file import EventFileReader
from kymograph.wire.events_pb2 import Event

READ_BYTES = 1 << 20
DAMAGE_PATIENCE_S = 30.0
"""How long what does not fit its checksum may still become whole. Source: the vendor's `maxChecksumErrorDuration`."""


class EventFile:
    """One event file that may still be written; close it when done."""

    def __init__(self, path: Path, *, warn: Callable[[str], object]) -> None:
        """Begin at its start.

        Args:
            path: Of the file.
            warn: Is told what could not be read.

        Raises:
            OSError: It cannot be opened.
        """
        self.path = path
        self._warn = warn
        self._file: IO[bytes] = path.open("rb", buffering=0)
        self._reader = EventFileReader()
        self._damaged_since_s: float | None = None

    def read(self, now_s: float, *, is_final: bool = False) -> Iterator[Event]:
        """The events that are whole and have not been read.

        Args:
            now_s: Of a monotonic clock.
            is_final: Whether nothing will be added, so that there is no waiting for what is damaged.

        Raises:
            OSError: The file cannot be read.
        """
        gives_up = is_final
        while True:
            before, asked = self._reader.position, max(READ_BYTES, self._reader.wanted_bytes)
            data = self._data(asked)
            yield from self._events(self._reader.take(data, is_damage_final=gives_up))
            if self._reader.position > before:
                self._damaged_since_s, gives_up = None, is_final
            elif self._reader.is_blocked and self._has_waited(now_s):
                gives_up = True
            elif len(data) < asked or self._reader.wanted_bytes <= asked:
                break
        if is_final and data:
            self._warn(f"{self.path} ends within a record: its last {len(data)} bytes are not logged")
        self._tell_damages()

    def _data(self, size: int) -> bytes:
        self._file.seek(self._reader.position)
        pieces = []
        while size > 0 and (piece := self._file.read(size)):
            pieces.append(piece)
            size -= len(piece)
        return b"".join(pieces)

    def _events(self, payloads: list[bytes]) -> Iterator[Event]:
        for payload in payloads:
            try:
                event = Event.FromString(payload)
            except DecodeError:
                self._warn(f"{self.path} holds something that is no event; it is left out")
                continue
            yield event

    def _has_waited(self, now_s: float) -> bool:
        if self._damaged_since_s is None:
            self._damaged_since_s = now_s
        return now_s - self._damaged_since_s >= DAMAGE_PATIENCE_S

    def _tell_damages(self) -> None:
        if self._reader.damages:
            lost = sum(damage.size_bytes for damage in self._reader.damages)
            self._warn(f"{self.path} is damaged ({self._reader.damages[0].problem}): {lost:,} bytes are not logged")
            self._reader.damages.clear()

    def close(self) -> None:
        """Release the file."""
        self._file.close()
