"""Artifact manifest documents (version 1), bytes ↔ entries. Source: protocol.md §8.1.

A manifest may have a million entries. Where msgspec is there (servers have it) the document is decoded straight into
typed values, with a third of the time and memory that dictionaries take; whatever it does not take as it is, and
installations without it, go the way through dictionaries, which also finds what is wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from functools import cache
from typing import Any

from kymograph.core import exact_json
from kymograph.core.digest import DigestAlgorithm
from kymograph.core.manifest import ManifestEntry
from kymograph.core.names import parse_file_path
from kymograph.errors import InvalidName, ManifestCorrupt
from kymograph.types import ArtifactId, Digest, JsonObject
from kymograph.wire.ids import find_id

MANIFEST_VERSION = 1
MAX_SIZE_BYTES = 2**63 - 1
"""What databases can hold; a size beyond is none."""
_REFERENCE = "wandb-artifact://"
_XXH128 = "XXH128"
"""What `extra.alg` of an entry says."""


def parse_manifest(text: bytes, *, artifact: str) -> list[ManifestEntry]:
    """Read a manifest document.

    Args:
        text: The document.
        artifact: Name for error messages.

    Raises:
        ManifestCorrupt: Not a version 1 manifest, or with entries that could not be stored.
    """
    rows = _decode_typed(text)
    if rows is None:
        _, contents = _parse_document(text, artifact=artifact)
        rows = [(path, *_fields(path, entry, artifact=artifact)) for path, entry in contents.items()]
    births: dict[str | None, ArtifactId | None] = {None: None}
    digests: dict[str, Digest] = {}
    entries: list[ManifestEntry] = []
    # From the end: what was read is let go, and a million entries are not there twice.
    rows.reverse()
    while rows:
        path, digest, size, ref, birth, is_xxh128 = rows.pop()
        if birth not in births:
            found = find_id("Artifact", birth or "")
            births[birth] = ArtifactId(found) if found is not None else None
        try:
            name = parse_file_path(path)
        except InvalidName as exc:
            raise ManifestCorrupt(artifact, problem=str(exc)) from exc
        entries.append(
            ManifestEntry(
                path=name,
                # Equal contents share one text.
                digest=digests.setdefault(digest, Digest(digest)),
                size_bytes=size if size is not None and 0 <= size <= MAX_SIZE_BYTES else 0,
                ref=ref,
                birth_artifact=births[birth],
                target=find_target(ref) if ref is not None else None,
                algorithm=DigestAlgorithm.XXH128 if is_xxh128 else DigestAlgorithm.MD5,
            )
        )
    return entries


def find_target(ref: str) -> ArtifactId | None:
    """The version that a reference leads to: ``wandb-artifact://<hex of its id>/<path>``; None for any other one."""
    if not ref.startswith(_REFERENCE):
        return None
    try:
        kind, _, digits = bytes.fromhex(ref.removeprefix(_REFERENCE).partition("/")[0]).decode("ascii").partition(":")
    except ValueError:
        return None
    is_id = kind == "Artifact" and digits.isdigit() and len(digits) < 19
    return ArtifactId(int(digits)) if is_id else None


def merge_manifests(documents: Sequence[bytes], *, artifact: str) -> bytes:
    """One document with the entries of all; of entries with the same path the last one counts.

    Everything but the entries is as in the last document. Merging is associative.

    Args:
        documents: One or more manifest documents.
        artifact: Name for error messages.

    Raises:
        ManifestCorrupt: See `parse_manifest`.
    """
    merged = _merge_typed(documents)
    if merged is not None:
        return merged
    entries: JsonObject = {}
    head: JsonObject = {}
    for text in documents:
        head, contents = _parse_document(text, artifact=artifact)
        entries.update(contents)
    return exact_json.dumps({**head, "contents": entries}).encode()


def amend_manifest(document: bytes, *, removed: Collection[str], changed: JsonObject, artifact: str) -> bytes:
    """A document with some entries taken out and others put in; its head stays as it is.

    Law: amending by (r1, c1) and then by (r2, c2) has the effect of amending by (r1 | r2, c1 - r2 + c2).

    Args:
        document: A manifest document.
        removed: Paths, taken out first; those that are not there do not matter.
        changed: Entries by path, as documents have them; in place of those of the same paths.
        artifact: Name for error messages.

    Raises:
        ManifestCorrupt: See `parse_manifest`.
    """
    typed = _typed()
    if typed is not None:
        try:
            head = typed[1](document)
        except (typed[3], UnicodeDecodeError, RecursionError):
            head = None
        if head is not None:
            _amend(head["contents"], removed, changed)
            return typed[2](head)
    whole, contents = _parse_document(document, artifact=artifact)
    _amend(contents, removed, changed)
    return exact_json.dumps(whole).encode()


def _amend(contents: dict[str, Any], removed: Collection[str], changed: JsonObject) -> None:
    for path in removed:
        contents.pop(path, None)
    contents.update(changed)


_Row = tuple[str, str, int | None, str | None, str | None, bool]
"""Path, digest, size, reference, birth artifact, and whether the digest is an XXH128."""


@cache
def _typed() -> tuple[Callable[[bytes], Any], Callable[[bytes], Any], Callable[[Any], bytes], type[Exception]] | None:
    """Decoders of a document for reading and for merging, an encoder, and what the first two raise."""
    try:
        import msgspec
    except ImportError:
        return None
    extra = msgspec.defstruct("Extra", [("alg", str | None, None)], gc=False)
    entry = msgspec.defstruct(
        "Entry",
        [
            ("digest", str),
            ("size", int | None, None),
            ("ref", str | None, None),
            ("birthArtifactID", str | None, None),
            ("extra", extra | None, None),
        ],
        gc=False,
    )
    document = msgspec.defstruct("Document", [("version", int), ("contents", dict[str, entry])])  # type: ignore[valid-type]
    raw = dict[str, msgspec.Raw]
    parts = msgspec.json.Decoder(raw)
    contents = msgspec.json.Decoder(raw)

    def decode_parts(text: bytes) -> dict[str, Any]:
        found: dict[str, Any] = parts.decode(text)
        found["contents"] = contents.decode(found.get("contents", b""))
        if msgspec.json.decode(found.get("version", b"")) != MANIFEST_VERSION:
            raise msgspec.ValidationError("another version")
        return found

    return msgspec.json.Decoder(document).decode, decode_parts, msgspec.json.encode, msgspec.DecodeError


def _decode_typed(text: bytes) -> list[_Row] | None:
    typed = _typed()
    if typed is None:
        return None
    try:
        document = typed[0](text)
    except (typed[3], UnicodeDecodeError, RecursionError):
        return None
    if document.version != MANIFEST_VERSION:
        return None
    return [
        (
            path,
            entry.digest,
            entry.size,
            entry.ref,
            entry.birthArtifactID,
            entry.extra is not None and entry.extra.alg == _XXH128,
        )
        for path, entry in document.contents.items()
    ]


def _merge_typed(documents: Sequence[bytes]) -> bytes | None:
    typed = _typed()
    if typed is None:
        return None
    entries: dict[str, Any] = {}
    head: dict[str, Any] = {}
    try:
        for text in documents:
            head = typed[1](text)
            entries.update(head["contents"])
    except (typed[3], UnicodeDecodeError, RecursionError):
        return None
    return typed[2]({**head, "contents": entries})


def _parse_document(text: bytes, *, artifact: str) -> tuple[JsonObject, JsonObject]:
    try:
        document = exact_json.loads(text)
    except ValueError as exc:
        raise ManifestCorrupt(artifact, problem=f"not JSON: {exc}") from exc
    if not isinstance(document, dict) or document.get("version") != MANIFEST_VERSION:
        raise ManifestCorrupt(artifact, problem=f"expected a version {MANIFEST_VERSION} manifest")
    contents = document.get("contents")
    if not isinstance(contents, dict):
        raise ManifestCorrupt(artifact, problem="contents must be an object")
    return document, contents


def _fields(path: str, entry: object, *, artifact: str) -> tuple[str, int | None, str | None, str | None, bool]:
    if not isinstance(entry, dict):
        raise ManifestCorrupt(artifact, problem=f"entry {path[:80]!r} must be an object")
    fields: JsonObject = entry
    digest, size, ref, birth = (fields.get(key) for key in ("digest", "size", "ref", "birthArtifactID"))
    if not isinstance(digest, str):
        raise ManifestCorrupt(artifact, problem=f"entry {path[:80]!r} has no digest")
    return (
        digest,
        size if isinstance(size, int) else None,
        ref if isinstance(ref, str) else None,
        birth if isinstance(birth, str) else None,
        _names_xxh128(fields.get("extra")),
    )


def _names_xxh128(extra: object) -> bool:
    return isinstance(extra, dict) and extra.get("alg") == _XXH128
