"""Forms of content digests: base64 as the protocol sends them, hex as addresses have them."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from enum import StrEnum

from kymograph.errors import MalformedRequest
from kymograph.types import Digest, ManifestDigest

MD5_BYTES = 16


class DigestAlgorithm(StrEnum):
    """How content is hashed, for files and manifests alike. Source: protocol.md §18, `ArtifactDigestAlgorithm`."""

    MD5 = "MANIFEST_MD5"
    XXH128 = "MANIFEST_XXH128"


_HEX = re.compile(r"[0-9a-f]{32}")


def md5_digest(content: bytes) -> Digest:
    """The digest of some content."""
    return Digest(base64.b64encode(hashlib.md5(content, usedforsecurity=False).digest()).decode())


def parse_digest(text: str) -> Digest:
    """Check a digest as the protocol sends it: padded base64 of 16 bytes.

    Raises:
        MalformedRequest: Something else.
    """
    try:
        decoded = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        decoded = b""
    if len(decoded) != MD5_BYTES:
        raise MalformedRequest(f"{text[:60]!r} is not the base64 of an MD5", where="digest")
    return Digest(base64.b64encode(decoded).decode())


def parse_hex_digest(text: str) -> Digest:
    """Read a digest from an address: 32 lower-case hex characters.

    Raises:
        MalformedRequest: Something else.
    """
    if not _HEX.fullmatch(text):
        raise MalformedRequest(f"{text[:60]!r} is not the hex of an MD5", where="digest")
    return Digest(base64.b64encode(bytes.fromhex(text)).decode())


def parse_manifest_digest(text: str) -> ManifestDigest:
    """Check the digest of an artifact: 32 lower-case hex characters.

    Raises:
        MalformedRequest: Something else.
    """
    if not _HEX.fullmatch(text):
        raise MalformedRequest(f"{text[:60]!r} is not the hex of an MD5", where="digest")
    return ManifestDigest(text)


def hex_digest(digest: Digest) -> str:
    """Base64 to hex, as download addresses have it."""
    return base64.b64decode(digest).hex()
