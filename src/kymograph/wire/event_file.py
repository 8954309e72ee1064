"""Event files of TensorBoard: records with checksums, one behind the other; each holds an `Event`.

A record is its payload's size (8 bytes), a checksum of those, the payload, and a checksum of that; all numbers are
little-endian. A checksum is CRC-32C, masked, so that data which holds checksums does not fit its own by chance.

Source: TensorFlow's record_writer and TensorBoard's `record_writer.py`; pinned by a file that tensorboardX wrote.
"""

from __future__ import annotations

import struct
from functools import cache
from typing import Final

from kymograph.wire.journal import Damage

HEADER: Final = struct.Struct("<QI")
FOOTER: Final = struct.Struct("<I")
FRAME_BYTES: Final = HEADER.size + FOOTER.size
MAX_PAYLOAD_BYTES: Final = 1 << 31
"""The most that a protocol buffer can be; a size above it is damage, whatever its checksum."""
_POLYNOMIAL = 0x82F63B78  # Castagnoli's, reflected
_MASK = 0xA282EAD8


def masked_crc32c(data: bytes) -> int:
    """The checksum of records: CRC-32C, turned by 15 bits, plus a constant."""
    checksum = _crc32c(data)
    return ((checksum >> 15 | checksum << 17) + _MASK) & 0xFFFFFFFF


def frame(payload: bytes) -> bytes:
    """The record of a payload; a file is the records of its payloads."""
    size = struct.pack("<Q", len(payload))
    parts = (size, FOOTER.pack(masked_crc32c(size)), payload, FOOTER.pack(masked_crc32c(payload)))
    return b"".join(parts)


class EventFileReader:
    """Finds the payloads in a file that may still grow; knows no file and keeps no bytes.

    Whoever reads gives it the bytes from `position` on, again and again: what does not fit its checksum now may fit
    later, for some writers map the file into memory, and its pages appear one by one.
    """

    def __init__(self) -> None:
        """Begin at the start of a file."""
        self.position = 0
        """Behind the last record that was taken, in bytes from the start of the file."""
        self.wanted_bytes = FRAME_BYTES
        """From `position` on, to get further."""
        self.is_blocked = False
        """Whether what is at `position` does not fit its checksum."""
        self.damages: list[Damage] = []
        """What was left out."""

    def take(self, data: bytes, *, is_damage_final: bool = False) -> list[bytes]:
        """The payloads of the records that are whole.

        Args:
            data: The file's bytes from `position` on; `wanted_bytes` of them, or it takes none.
            is_damage_final: Whether what does not fit its checksum is noted and left out, rather than waited for.
        """
        payloads: list[bytes] = []
        at = 0
        while True:
            stop, problem = _record_at(data, at)
            self.is_blocked = problem is not None
            if problem is not None and is_damage_final:
                stop = stop or _next_record(data, at + 1)
                self.damages.append(Damage(self.position + at, stop - at, problem))
            elif problem is not None or stop > len(data):
                break
            else:
                payloads.append(data[at + HEADER.size : stop - FOOTER.size])
            at = stop
        self.position += at
        self.wanted_bytes = max(stop - at, FRAME_BYTES)
        return payloads


def _record_at(data: bytes, at: int) -> tuple[int, str | None]:
    """Where the record at a place ends, as far as that can be told, and what is wrong with it."""
    if len(data) - at < HEADER.size:
        return at + FRAME_BYTES, None
    size, checksum = HEADER.unpack_from(data, at)
    if size > MAX_PAYLOAD_BYTES or masked_crc32c(data[at : at + 8]) != checksum:
        return 0, "the size of a record does not match its checksum"
    stop = at + FRAME_BYTES + size
    if stop <= len(data):
        payload = data[at + HEADER.size : stop - FOOTER.size]
        if masked_crc32c(payload) != FOOTER.unpack_from(data, stop - FOOTER.size)[0]:
            return stop, "a record does not match its checksum"
    return stop, None


def _next_record(data: bytes, start: int) -> int:
    """Where the next record begins, as the checksum of its size says; else where the data may hold half of that."""
    end = max(start, len(data) - HEADER.size + 1)
    for at in range(start, end):
        # Sizes are small numbers: their upper bytes are zero, which few other places have.
        if not any(data[at + 4 : at + 8]):
            size, checksum = HEADER.unpack_from(data, at)
            if size and masked_crc32c(data[at : at + 8]) == checksum:
                return at
    return end


def _crc32c(data: bytes) -> int:
    table = _table()
    checksum = 0xFFFFFFFF
    for byte in data:  # 10 MB/s; pairs of bytes with a table of 65,536 were measured to be no faster
        checksum = checksum >> 8 ^ table[(checksum ^ byte) & 0xFF]
    return checksum ^ 0xFFFFFFFF


@cache
def _table() -> list[int]:
    return [_remainder(byte) for byte in range(256)]


def _remainder(value: int) -> int:
    for _ in range(8):
        value = value >> 1 ^ (_POLYNOMIAL if value & 1 else 0)
    return value
