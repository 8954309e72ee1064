"""Artifact manifest documents read entry by entry: a million of them take no more memory than their text.

Source: protocol.md §8.1.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from kymograph.core import exact_json
from kymograph.errors import ManifestCorrupt
from kymograph.types import JsonObject
from kymograph.wire.manifest_json import MANIFEST_VERSION

_CONTENTS = b'"contents":'
_SMALL_BYTES = 4 << 20
"""Up to here it is faster to read the document at once."""
_BLANKS = " \t\r\n"


def read_manifest(text: bytes | bytearray, *, artifact: str) -> tuple[JsonObject, Iterator[tuple[str, JsonObject]]]:
    """Read a manifest document.

    Clients write the entries last. Of what follows them in a large document, nothing is read.

    Args:
        text: The document; a large `bytearray` is emptied.
        artifact: Name for error messages.

    Returns:
        The document without its entries, and each entry with its path.

    Raises:
        ManifestCorrupt: Not a version 1 manifest, or not JSON; also while the entries are read.
    """
    start = text.find(_CONTENTS)
    head = _head(bytes(text[:start]), artifact=artifact) if start >= 0 and len(text) > _SMALL_BYTES else None
    if head is None:
        document = _whole(bytes(text), artifact=artifact)
        contents = document.pop("contents", None)
        if not isinstance(contents, dict):
            raise ManifestCorrupt(artifact, problem="contents must be an object")
        return document, ((path, _checked(path, entry, artifact=artifact)) for path, entry in contents.items())
    try:
        rest = text[start + len(_CONTENTS) :].decode()
    except UnicodeDecodeError as exc:
        raise ManifestCorrupt(artifact, problem=f"not JSON: {exc}") from exc
    if isinstance(text, bytearray):
        text.clear()
    return head, _iter_members(rest, artifact=artifact)


def _head(text: bytes, *, artifact: str) -> JsonObject | None:
    """What stands before the entries; None if the word stood in something else."""
    try:
        head = exact_json.loads(text.rstrip().rstrip(b",") + b"}")
    except ValueError:
        return None
    if not isinstance(head, dict) or "version" not in head:
        return None
    return _of_version(head, artifact=artifact)


def _whole(text: bytes, *, artifact: str) -> JsonObject:
    try:
        document = exact_json.loads(text)
    except ValueError as exc:
        raise ManifestCorrupt(artifact, problem=f"not JSON: {exc}") from exc
    return _of_version(document if isinstance(document, dict) else {}, artifact=artifact)


def _of_version(document: JsonObject, *, artifact: str) -> JsonObject:
    if document.get("version") != MANIFEST_VERSION:
        raise ManifestCorrupt(artifact, problem=f"Invalid manifest version: {document.get('version')!r}")
    return document


def _iter_members(text: str, *, artifact: str) -> Iterator[tuple[str, JsonObject]]:
    """The members of the object that a text begins with."""
    decode = json.JSONDecoder().raw_decode

    def skip(position: int) -> int:
        while text[position] in _BLANKS:
            position += 1
        return position

    def expect(marks: str, position: int) -> int:
        if text[position] not in marks:
            raise json.JSONDecodeError(f"{marks[0]!r} is missing", text[position : position + 80], 0)
        return position

    try:
        at = skip(expect("{", skip(0)) + 1)
        while text[at] != "}":
            path, at = decode(text, expect('"', at))
            entry, at = decode(text, skip(expect(":", skip(at)) + 1))
            yield path, _checked(path, entry, artifact=artifact)
            at = expect(",}", skip(at))
            if text[at] == ",":
                at = skip(at + 1)
    except (IndexError, json.JSONDecodeError) as exc:
        raise ManifestCorrupt(artifact, problem=f"not JSON: {exc}") from exc


def _checked(path: str, entry: object, *, artifact: str) -> JsonObject:
    if not isinstance(entry, dict):
        raise ManifestCorrupt(artifact, problem=f"entry {path[:80]!r} must be an object")
    return entry
