"""Forms of content digests: base64 as the protocol sends them, hex as addresses have them."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from enum import StrEnum
from typing import Protocol

from kymograph.errors import MalformedRequest
from kymograph.types import Digest, ManifestDigest

DIGEST_BYTES = 16
"""Of either algorithm."""


class DigestAlgorithm(StrEnum):
    """How content is hashed, for files and manifests alike. Source: protocol.md §18, `ArtifactDigestAlgorithm`."""

    MD5 = "MANIFEST_MD5"
    XXH128 = "MANIFEST_XXH128"


_HEX = re.compile(r"[0-9a-f]{32}")


STATED_XXH128 = "xxh128"
"""The parameter of an address by which our server states the XXH128 of what is there. Source:
docs/protocol/bulk-transfers.md."""


class Hasher(Protocol):
    """A hash under way, as `hashlib` and `xxhash` have them."""

    def update(self, content: bytes | bytearray | memoryview, /) -> None:
        """Take more content in."""

    def digest(self) -> bytes:
        """The raw digest of what came so far."""

    def hexdigest(self) -> str:
        """The same in hex."""


def new_hasher(algorithm: DigestAlgorithm, content: bytes = b"") -> Hasher:
    """Begin to hash; an XXH128 is written in its canonical, big-endian form."""
    if algorithm is DigestAlgorithm.MD5:
        return hashlib.md5(content, usedforsecurity=False)
    import xxhash  # few need it

    hasher: Hasher = xxhash.xxh3_128(content)
    return hasher


def encode_digest(raw: bytes) -> Digest:
    """Base64 of a raw digest."""
    return Digest(base64.b64encode(raw).decode())


def digest_of(content: bytes, algorithm: DigestAlgorithm) -> Digest:
    """The digest of some content by an algorithm."""
    return encode_digest(new_hasher(algorithm, content).digest())


def md5_digest(content: bytes) -> Digest:
    """The digest of some content."""
    return digest_of(content, DigestAlgorithm.MD5)


def parse_digest(text: str) -> Digest:
    """Check a digest as the protocol sends it: padded base64 of 16 bytes.

    Raises:
        MalformedRequest: Something else.
    """
    try:
        decoded = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        decoded = b""
    if len(decoded) != DIGEST_BYTES:
        raise MalformedRequest(f"{text[:60]!r} is not the base64 of an MD5 or XXH128", where="digest")
    return encode_digest(decoded)


def parse_hex_digest(text: str) -> Digest:
    """Read a digest from an address: 32 lower-case hex characters.

    Raises:
        MalformedRequest: Something else.
    """
    if not _HEX.fullmatch(text):
        raise MalformedRequest(f"{text[:60]!r} is not the hex of an MD5 or XXH128", where="digest")
    return encode_digest(bytes.fromhex(text))


def parse_manifest_digest(text: str) -> ManifestDigest:
    """Check the digest of an artifact: 32 lower-case hex characters.

    Raises:
        MalformedRequest: Something else.
    """
    if not _HEX.fullmatch(text):
        raise MalformedRequest(f"{text[:60]!r} is not the hex of an MD5 or XXH128", where="digest")
    return ManifestDigest(text)


def raw_digest(digest: Digest | str) -> bytes:
    """Base64 to the 16 bytes themselves."""
    return base64.b64decode(digest)


def hex_digest(digest: Digest) -> str:
    """Base64 to hex, as download addresses have it."""
    return base64.b64decode(digest).hex()
