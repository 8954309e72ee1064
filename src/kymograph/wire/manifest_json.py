"""Artifact manifest documents (version 1), bytes ↔ entries. Source: protocol.md §8.1."""

from __future__ import annotations

from collections.abc import Sequence

from kymograph.core import exact_json
from kymograph.core.digest import DigestAlgorithm
from kymograph.core.manifest import ManifestEntry
from kymograph.core.names import parse_file_path
from kymograph.errors import InvalidName, ManifestCorrupt
from kymograph.types import ArtifactId, Digest, JsonObject
from kymograph.wire.ids import find_id

MANIFEST_VERSION = 1


def parse_manifest(text: bytes, *, artifact: str) -> list[ManifestEntry]:
    """Read a manifest document.

    Args:
        text: The document.
        artifact: Name for error messages.

    Raises:
        ManifestCorrupt: Not a version 1 manifest, or with entries that could not be stored.
    """
    _, contents = _parse_document(text, artifact=artifact)
    return [_parse_entry(path, entry, artifact=artifact) for path, entry in contents.items()]


def merge_manifests(documents: Sequence[bytes], *, artifact: str) -> bytes:
    """One document with the entries of all; of entries with the same path the last one counts.

    Everything but the entries is as in the last document. Merging is associative.

    Args:
        documents: One or more manifest documents.
        artifact: Name for error messages.

    Raises:
        ManifestCorrupt: See `parse_manifest`.
    """
    merged: JsonObject = {}
    head: JsonObject = {}
    for text in documents:
        head, contents = _parse_document(text, artifact=artifact)
        merged.update(contents)
    return exact_json.dumps({**head, "contents": merged}).encode()


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


def _parse_entry(path: str, entry: object, *, artifact: str) -> ManifestEntry:
    if not isinstance(entry, dict):
        raise ManifestCorrupt(artifact, problem=f"entry {path[:80]!r} must be an object")
    fields: JsonObject = entry
    digest, size, ref, birth = (fields.get(key) for key in ("digest", "size", "ref", "birthArtifactID"))
    if not isinstance(digest, str):
        raise ManifestCorrupt(artifact, problem=f"entry {path[:80]!r} has no digest")
    try:
        name = parse_file_path(path)
    except InvalidName as exc:
        raise ManifestCorrupt(artifact, problem=str(exc)) from exc
    birth_id = find_id("Artifact", birth) if isinstance(birth, str) else None
    return ManifestEntry(
        path=name,
        digest=Digest(digest),
        size_bytes=size if isinstance(size, int) and size >= 0 else 0,
        ref=ref if isinstance(ref, str) else None,
        birth_artifact=ArtifactId(birth_id) if birth_id is not None else None,
        algorithm=DigestAlgorithm.XXH128 if _names_xxh128(fields.get("extra")) else DigestAlgorithm.MD5,
    )


def _names_xxh128(extra: object) -> bool:
    return isinstance(extra, dict) and extra.get("alg") == "XXH128"
