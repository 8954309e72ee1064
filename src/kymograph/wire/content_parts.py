"""Many small contents in one body, each with its digest; both ends of a transfer use it.

A body is the magic, parts, and an end. A part is 16 bytes of raw digest, the size in 4 bytes (big-endian), and the
content. The end is a part of the zero digest and no content, so that a body that breaks off is never taken for a whole
one. Law: what a decoder gives is the same however the body is cut into pieces. Source: docs/protocol/bulk-transfers.md.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from kymograph.core.digest import DIGEST_BYTES
from kymograph.errors import MalformedRequest

MAGIC = b"KYP1"
MAX_PART_BYTES = 1 << 20
"""Larger contents go by an address of their own: a decoder holds one part at most."""
MEDIA_TYPE = "application/vnd.kymograph.parts"

_HEAD = struct.Struct(f"!{DIGEST_BYTES}sI")
HEAD_BYTES = _HEAD.size
_NO_DIGEST = bytes(DIGEST_BYTES)
END = _HEAD.pack(_NO_DIGEST, 0)


class ContentPart(NamedTuple):
    """One content."""

    digest: bytes
    """Raw, by the algorithm that both ends have agreed on. Nothing here checks it."""
    content: bytes


def encode_head(digest: bytes, size_bytes: int) -> bytes:
    """What stands before a content of that size.

    Raises:
        ValueError: It is larger than `MAX_PART_BYTES`, or the digest is none.
    """
    if len(digest) != DIGEST_BYTES or digest == _NO_DIGEST:
        raise ValueError(f"a part needs a digest of {DIGEST_BYTES} bytes that are not all zero")
    if size_bytes > MAX_PART_BYTES:
        raise ValueError(f"a part holds {MAX_PART_BYTES} bytes at most, not {size_bytes}")
    return _HEAD.pack(digest, size_bytes)


def encode_parts(parts: Iterable[ContentPart]) -> Iterator[bytes]:
    """A whole body, piece by piece."""
    yield MAGIC
    for part in parts:
        yield encode_head(part.digest, len(part.content)) + part.content
    yield END


def body_size(sizes: Iterable[int]) -> int:
    """How long the body of contents of these sizes is."""
    return len(MAGIC) + len(END) + sum(HEAD_BYTES + size for size in sizes)


class PartDecoder:
    """Reads a body as it comes."""

    def __init__(self) -> None:
        """Begin before the first byte."""
        self._held = bytearray()
        self._has_magic = False
        self._is_ended = False

    def feed(self, piece: bytes | memoryview) -> list[ContentPart]:
        """Take more of the body; gives the parts that are whole now.

        Raises:
            MalformedRequest: It is no such body, or goes on after its end.
        """
        self._held += piece
        parts: list[ContentPart] = []
        with memoryview(self._held) as held:
            at = self._read(held, parts)
        del self._held[:at]
        return parts

    def close(self) -> None:
        """Nothing more comes.

        Raises:
            MalformedRequest: The body broke off.
        """
        if not self._is_ended:
            raise MalformedRequest("a body of contents broke off", where="parts")

    def _read(self, held: memoryview, parts: list[ContentPart]) -> int:
        """Read whole parts; returns how many bytes that took."""
        at = 0
        if not self._has_magic:
            if len(held) < len(MAGIC):
                return 0
            if held[: len(MAGIC)] != MAGIC:
                raise MalformedRequest("not a body of contents", where="parts")
            self._has_magic, at = True, len(MAGIC)
        while not self._is_ended and len(held) - at >= HEAD_BYTES:
            digest, size = _HEAD.unpack_from(held, at)
            if digest == _NO_DIGEST:
                if size:
                    raise MalformedRequest("a content without a digest", where="parts")
                self._is_ended, at = True, at + HEAD_BYTES
                break
            if size > MAX_PART_BYTES:
                raise MalformedRequest(f"a part holds {MAX_PART_BYTES} bytes at most, not {size}", where="parts")
            end = at + HEAD_BYTES + size
            if len(held) < end:
                break
            parts.append(ContentPart(digest, bytes(held[at + HEAD_BYTES : end])))
            at = end
        if self._is_ended and len(held) > at:
            raise MalformedRequest("a body of contents goes on after its end", where="parts")
        return at
