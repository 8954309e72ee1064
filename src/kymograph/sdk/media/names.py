"""File names of media, made from the keys they are logged under.

A key may hold any character; slashes make folders. Two keys that come out alike do no harm: the digest of the
content is in the name too.
"""

from __future__ import annotations

import hashlib
import os
import re

MAX_SEGMENT_BYTES = 255
"""What common file systems allow for one name."""
MAX_KEY_BYTES = 600
"""Of a whole key in a path, so that the server's limit of 1,024 characters holds (`core.names`)."""

_UNSTORABLE = re.compile("[\x00-\x1f\x7f-\x9f\\\\\ud800-\udfff]")
"""Control characters, lone surrogates, and the backslash, which is a separator on some machines."""
_UNSTORABLE_ON_WINDOWS = re.compile('[<>:"|?*]')


def media_path(key: str, step: int, digest: str, extension: str) -> str:
    """The name below a media folder: ``{key}_{step}_{digest}{extension}``, made safe.

    Law: the result has no empty, ``.`` or ``..`` segment, and no segment longer than file systems allow.

    Source: protocol.md §6; leading slashes are dropped and dots of ``.`` and ``..`` become underscores in the
    vendor's client too (`make_file_path_upload_safe`), which leaves other characters, and fails where the file system
    does not take them.
    """
    suffix = f"_{step}_{digest}{extension}"
    cleaned = _UNSTORABLE.sub("_", key)
    if os.name == "nt":
        cleaned = _UNSTORABLE_ON_WINDOWS.sub("_", cleaned)
    if len(cleaned.encode()) > MAX_KEY_BYTES:
        cleaned = _shorten(cleaned, MAX_KEY_BYTES)
    *folders, last = cleaned.split("/")
    segments = [_shorten(_without_dots(folder), MAX_SEGMENT_BYTES) for folder in folders if folder]
    return "/".join([*segments, _shorten(_without_dots(last), MAX_SEGMENT_BYTES - len(suffix)) + suffix])


def _without_dots(segment: str) -> str:
    return segment.replace(".", "_") if segment in (".", "..") else segment


def _shorten(text: str, limit: int) -> str:
    """Cut to `limit` bytes of UTF-8; the end then tells apart what was cut off."""
    encoded = text.encode()
    if len(encoded) <= limit:
        return text
    mark = "~" + hashlib.sha256(encoded).hexdigest()[:8]
    return encoded[: limit - len(mark)].decode(errors="ignore") + mark
