"""Opaque GraphQL ids: standard padded base64 of ``Kind:number``.

Clients decode artifact ids to hex to build ``wandb-artifact://`` addresses, so padding and alphabet matter.
Source: protocol.md §2.
"""

from __future__ import annotations

import base64
import binascii

from kymograph.errors import MalformedRequest


def encode_id(kind: str, number: int) -> str:
    """``encode_id("Artifact", 12)`` is the base64 of ``Artifact:12``."""
    return base64.b64encode(f"{kind}:{number}".encode()).decode()


def parse_id(kind: str, text: str) -> int:
    """Read an id that `encode_id` made.

    Raises:
        MalformedRequest: Not an id of this kind.
    """
    number = find_id(kind, text)
    if number is None:
        raise MalformedRequest(f"{text[:80]!r} is not the id of a {kind}", where="id")
    return number


def find_id(kind: str, text: str) -> int | None:
    """Like `parse_id`, but None for anything else."""
    try:
        decoded = base64.b64decode(text, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError, ValueError):
        return None
    prefix, _, digits = decoded.partition(":")
    return int(digits) if prefix == kind and digits.isascii() and digits.isdigit() and len(digits) < 19 else None


def find_run_address(text: str) -> tuple[str, str, str] | None:
    """Entity, project and id of the run that a client wrote as an id of its own making, None for anything else.

    Source: the client's launch scheduler stops and deletes runs as ``Run:v1:<run>:<project>:<entity>``.
    """
    parts = (find_text_id("Run", text) or "").split(":")
    if len(parts) != 4 or parts[0] != "v1":
        return None
    _, run, project, entity = parts
    return entity, project, run


def encode_text_id(kind: str, text: str) -> str:
    """An opaque id of something that is named by a text."""
    return base64.b64encode(f"{kind}:{text}".encode(errors="surrogatepass")).decode()


def find_text_id(kind: str, text: str) -> str | None:
    """Read an id that `encode_text_id` made, None for anything else."""
    try:
        decoded = base64.b64decode(text, validate=True).decode(errors="surrogatepass")
    except (binascii.Error, UnicodeDecodeError, ValueError):
        return None
    prefix, colon, rest = decoded.partition(":")
    return rest if prefix == kind and colon else None
