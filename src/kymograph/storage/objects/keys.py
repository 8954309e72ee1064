"""Object keys as paths: any string in, a path that every store takes out, and back.

Clients choose file names, so keys hold what stores refuse: control characters, ``..``, empty segments. Such parts are
written as percent escapes (and ``%`` itself as ``%25``); everything else stays readable. Folders need more:

- A file and a folder cannot share a name, yet keys ``a`` and ``a/b`` can both exist. So a name that looks unlike its
  role is marked with a ``%`` at its end: files without a dot and folders with one.
- Names are at most 255 bytes long. A longer segment is cut; the pieces before the last end in ``%+`` and are folders.
"""

from __future__ import annotations

import re

from kymograph.types import ObjectKey

_EMPTY = "%-"
_CONTINUED = "%+"
_MARK = "%"
_MAX_NAME_BYTES = 240
"""Fifteen bytes below the file systems' limit, room for the temporary file's ``#<number>``."""

_ESCAPED = re.compile(r"[\x00-\x1f\x7f%#]")
"""``#`` because a name that ends in ``#`` and digits is taken for a temporary file of a folder."""
_ESCAPE = re.compile(r"%([0-9A-F]{2})")
_TOKENS = re.compile(r"%[0-9A-F]{2}|.", re.DOTALL)


def encode_key(key: str) -> str:
    """The path of a key in a bucket."""
    return "/".join(_encode_segment(segment) for segment in key.split("/"))


def decode_key(path: str) -> ObjectKey:
    """The key of a path that `encode_key` made."""
    return ObjectKey("/".join(_decode_segment(segment) for segment in path.split("/")))


def encode_folder_key(key: str) -> str:
    """The path of a key in a folder."""
    *folders, name = key.split("/")
    return "/".join([*map(_encode_folder, folders), _encode_file(name)])


def decode_folder_key(path: str) -> ObjectKey:
    """The key of a path that `encode_folder_key` made."""
    segments: list[str] = []
    continued = ""
    for name in path.split("/"):
        if name.endswith(_CONTINUED):
            continued += name.removesuffix(_CONTINUED)
            continue
        segments.append(_decode_segment(continued + name.removesuffix(_MARK)))
        continued = ""
    return ObjectKey("/".join(segments))


def encode_prefix(prefix: str) -> str:
    """The folder of a bucket under which all keys with a prefix lie; empty for the root."""
    return "/".join(_encode_segment(segment) for segment in prefix.split("/")[:-1])


def encode_folder_prefix(prefix: str) -> str:
    """The folder under which all keys with a prefix lie; empty for the root."""
    return "/".join(_encode_folder(segment) for segment in prefix.split("/")[:-1])


def _encode_segment(segment: str) -> str:
    if not segment:
        return _EMPTY
    if segment in (".", ".."):
        return segment.replace(".", "%2E")
    return _ESCAPED.sub(lambda match: f"%{ord(match[0]):02X}", segment)


def _decode_segment(segment: str) -> str:
    return "" if segment == _EMPTY else _ESCAPE.sub(lambda match: chr(int(match[1], 16)), segment)


def _encode_folder(segment: str) -> str:
    *before, name = _cut(_encode_segment(segment))
    return "/".join([*before, name + _MARK if "." in name else name])


def _encode_file(segment: str) -> str:
    *before, name = _cut(_encode_segment(segment))
    return "/".join([*before, name if "." in name else name + _MARK])


def _cut(segment: str) -> list[str]:
    """Cut an encoded segment into names that file systems take, between characters and around escapes."""
    if len(segment.encode()) <= _MAX_NAME_BYTES:
        return [segment]
    pieces: list[str] = []
    piece, size = "", 0
    for token in _TOKENS.findall(segment):
        token_size = len(token.encode())
        if size + token_size > _MAX_NAME_BYTES:
            pieces.append(piece + _CONTINUED)
            piece, size = "", 0
        piece += token
        size += token_size
    return [*pieces, piece]
