"""The bytes of a chunk: lines joined by newlines and compressed, nothing parsed.

The acknowledging path runs through `encode_lines`, so it costs one join, one encoding and one compression.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import repeat
from operator import contains

import orjson
import zstandard

from kymograph.core.exact_json import replace_surrogates
from kymograph.errors import StoreCorrupt

MERGE_BYTES = 32 * 1024
"""A chunk grows by appending up to this many unpacked bytes, so that single-line requests do not make a row each.

Each request rewrites the open chunk: at this size some 5 kB compressed, little beside the commit itself.
"""
_JOINED = b"\n"
_LISTED = b"["
# Level 1: history lines shrink 5 to 10 times at 400 MB/s and more; higher levels are for the compactor, which has time.
_LEVEL = 1

_local = threading.local()


@dataclass(frozen=True, slots=True)
class EncodedLines:
    """Lines ready to be stored."""

    raw: bytes
    """What `payload` expands to."""
    payload: bytes
    byte_count: int
    """UTF-8 bytes of the lines, each with one line end."""


def encode_lines(lines: Sequence[str]) -> EncodedLines:
    """Pack lines; lone surrogates, which no reader could decode, become U+FFFD."""
    joined = "\n".join(["", *lines])
    try:
        raw = joined.encode()
    except UnicodeEncodeError:
        raw = replace_surrogates(joined).encode()
    byte_count = len(raw)
    if any(map(contains, lines, repeat("\n"))):
        # A line with a line end inside: rare, and it must come back as one line.
        raw = _LISTED + orjson.dumps([replace_surrogates(line) for line in lines])
    return EncodedLines(raw, _compressor().compress(raw), byte_count)


def extend_raw(first: bytes, second: bytes) -> bytes:
    """Unpacked bytes of two chunks that follow one another as those of one."""
    if first[:1] == second[:1] == _JOINED:
        return first + second
    return _LISTED + orjson.dumps(lines_of(first) + lines_of(second))


def compress(raw: bytes) -> bytes:
    """The payload of unpacked bytes."""
    return _compressor().compress(raw)


def decompress(payload: bytes) -> bytes:
    """Unpacked bytes of a payload.

    Raises:
        StoreCorrupt: Not what `encode_lines` wrote.
    """
    try:
        return _decompressor().decompress(payload)
    except zstandard.ZstdError as exc:
        raise StoreCorrupt("a chunk of lines", problem=str(exc)) from exc


def joined_text(raw: bytes) -> bytes | None:
    """The lines with newlines between them, or None where a line holds a newline itself."""
    return raw[1:] if raw[:1] == _JOINED else None


def lines_of(raw: bytes) -> list[str]:
    """The lines of unpacked bytes."""
    if raw[:1] == _JOINED:
        return raw[1:].decode().split("\n")
    lines: list[str] = orjson.loads(raw[1:])
    return lines


def decode_lines(payload: bytes) -> list[str]:
    """The lines of a payload."""
    return lines_of(decompress(payload))


def pick_lines(payload: bytes, places: Sequence[int]) -> list[str]:
    """Some of the lines of a payload, in the order asked for.

    The others are passed over without being made: splitting and decoding all takes three times as long as unpacking.
    """
    raw = decompress(payload)
    if raw[:1] != _JOINED:
        texts = lines_of(raw)
        return [texts[place] for place in places]
    found: dict[int, str] = {}
    at, begin = 0, 1
    for place in sorted(set(places)):
        for _ in range(place - at):
            begin = raw.index(b"\n", begin) + 1
        at = place
        end = raw.find(b"\n", begin)
        found[place] = raw[begin : end if end >= 0 else None].decode()
    return [found[place] for place in places]


def _compressor() -> zstandard.ZstdCompressor:
    # Contexts must not be shared between threads, and making one costs more than compressing a small batch.
    if not hasattr(_local, "compressor"):
        _local.compressor = zstandard.ZstdCompressor(level=_LEVEL, write_checksum=True)
    compressor: zstandard.ZstdCompressor = _local.compressor
    return compressor


def _decompressor() -> zstandard.ZstdDecompressor:
    if not hasattr(_local, "decompressor"):
        _local.decompressor = zstandard.ZstdDecompressor()
    decompressor: zstandard.ZstdDecompressor = _local.decompressor
    return decompressor
