"""Files of this machine, and of what is mounted on it: ``file://``."""

from __future__ import annotations

import os
import re
from hashlib import md5
from pathlib import Path
from urllib.parse import unquote
from urllib.request import url2pathname

from kymograph.client.placing import COPY_BYTES, written_whole
from kymograph.core.digest import DigestAlgorithm, encode_digest, new_hasher
from kymograph.errors import InvalidReference, ReferenceChanged, ReferenceNotFound
from kymograph.sdk.artifacts.entry import ArtifactManifestEntry
from kymograph.sdk.artifacts.hashing import hash_files
from kymograph.sdk.artifacts.references.base import Tracking

_SCHEME = re.compile(r"file:(//[^/\\]*)?", re.IGNORECASE)
_SPECIAL = re.compile(r"[%#?]")


class FileHandler:
    """Files by path: the digest is that of the content."""

    def track(self, tracking: Tracking) -> list[ArtifactManifestEntry]:
        """The entries of a file, or of all files in a folder; links to files are followed.

        Unchecked files are known by their resolved addresses, so that a folder is listed nevertheless.
        """
        path = local_path(tracking.uri)
        if os.path.isdir(path):
            names = _names_in(path, tracking)
            paths = [os.path.join(path, name) for name in names]
            refs = [f"{tracking.uri.rstrip('/')}/{quoted(name)}" for name in names]
            entry_names = [f"{tracking.name.rstrip('/')}/{name}" if tracking.name else name for name in names]
        elif os.path.isfile(path):
            paths, refs = [path], [tracking.uri]
            entry_names = [tracking.name or os.path.basename(path)]
        else:
            raise ReferenceNotFound(f"Path {tracking.uri!r} must be a valid file or directory path", uri=tracking.uri)
        digests = hash_files(paths) if tracking.checksum else [_digest_of_address(path) for path in paths]
        return [
            ArtifactManifestEntry(name.replace(os.sep, "/"), digest, ref=ref, size=os.path.getsize(path))
            for name, digest, ref, path in zip(entry_names, digests, refs, paths, strict=True)
        ]

    def fetch(self, entry: ArtifactManifestEntry, target: Path) -> None:  # noqa: D102 — docstring inherited
        path = local_path(entry.ref or "")
        try:
            source = open(path, "rb", buffering=0)  # noqa: SIM115 — closed below
        except FileNotFoundError as exc:
            raise ReferenceNotFound(
                f"Local file reference: Failed to find file at path {path!r}", uri=str(entry.ref)
            ) from exc
        hasher = new_hasher(DigestAlgorithm.MD5)
        # Hashed as it is copied: what was looked at before may be something else by then.
        with source, written_whole(target) as file:
            while piece := source.read(COPY_BYTES):
                hasher.update(piece)
                file.write(piece)
            actual = encode_digest(hasher.digest())
            if entry.digest not in (actual, _digest_of_address(path)):
                raise ReferenceChanged(f"path {path!r}", expected=entry.digest, actual=actual)


def local_path(uri: str) -> str:
    """The path in an address; ``#`` and ``?`` in it are characters as any other, ``%20`` is a space.

    Raises:
        InvalidReference: It is on another machine, or no path at all.
    """
    found = _SCHEME.match(uri)
    if found is None:
        raise InvalidReference(f"{uri!r} is no file: address")
    rest = uri[found.end() :]
    if "\0" in unquote(rest) or not rest:
        raise InvalidReference(f"{uri!r} names no file")
    return os.path.abspath(url2pathname(rest) if os.name == "nt" else unquote(rest))


def _names_in(folder: str, tracking: Tracking) -> list[str]:
    names: list[str] = []
    for parent, folders, files in os.walk(folder):
        folders.sort()
        for name in sorted(files):
            names.append(os.path.relpath(os.path.join(parent, name), folder))
            tracking.check_count(len(names))
    return names


def quoted(name: str) -> str:
    """A path as it stands in an address."""
    return _SPECIAL.sub(lambda found: f"%{ord(found[0]):02X}", name.replace(os.sep, "/"))


def _digest_of_address(path: str) -> str:
    hasher = md5(Path(path).resolve().as_uri().encode(), usedforsecurity=False)
    return encode_digest(hasher.digest())
