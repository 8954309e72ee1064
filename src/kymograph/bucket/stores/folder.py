"""A folder of this machine, or of what is mounted on it, as a bucket."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from kymograph.bucket.stores.base import Note, StoredObject, address
from kymograph.client.placing import COPY_BYTES, is_draft_name, written_whole
from kymograph.core.digest import DigestAlgorithm, encode_digest, new_hasher
from kymograph.errors import DigestMismatch
from kymograph.sdk.artifacts.entry import ArtifactManifestEntry
from kymograph.sdk.artifacts.hashing import hash_file
from kymograph.sdk.artifacts.references.file import local_path, quoted
from kymograph.types import Digest


class FolderStore:
    """Files, which appear under their names when they are whole."""

    threads = 8
    is_atomic = True

    def __init__(self, url: str) -> None:
        """Prepare; the folder is made when something is put there."""
        self.url = f"file://{quoted(local_path(url))}"
        self._root = Path(local_path(url))

    def ref(self, path: str) -> str:  # noqa: D102 — docstring inherited
        return address(self.url, quoted(path))

    def put(self, source: Path, path: str, *, size_bytes: int, md5: Digest, note: Note = int) -> StoredObject:  # noqa: D102
        hasher = new_hasher(DigestAlgorithm.MD5)
        size = 0
        with open(source, "rb", buffering=0) as read, written_whole(self._root / path) as file:
            while piece := read.read(COPY_BYTES):
                hasher.update(piece)
                file.write(piece)
                size += len(piece)
                note(len(piece))
            actual = encode_digest(hasher.digest())
            if actual != md5 or size != size_bytes:
                raise DigestMismatch(str(source), expected=md5, actual=actual)
        return StoredObject(path, size, md5, self.ref(path), md5=md5)

    def put_bytes(self, path: str, content: bytes) -> None:  # noqa: D102 — docstring inherited
        with written_whole(self._root / path) as file:
            file.write(content)

    def get_bytes(self, path: str) -> bytes | None:  # noqa: D102 — docstring inherited
        try:
            return (self._root / path).read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None

    def iter_objects(  # noqa: D102 — docstring inherited
        self, folder: str, *, checksums: bool = True
    ) -> Iterator[StoredObject]:
        for parent, folders, files in os.walk(self._root / folder):
            folders.sort()
            for name in sorted(files):
                if is_draft_name(name):
                    continue
                found = Path(parent, name)
                path = found.relative_to(self._root).as_posix()
                try:
                    state = found.stat()
                    digest = hash_file(found) if checksums else None
                except FileNotFoundError:  # it went while others were looked at
                    continue
                yield StoredObject(
                    path, state.st_size, digest or "", self.ref(path), md5=digest, changed_at_s=state.st_mtime
                )

    def is_empty(self, folder: str) -> bool:  # noqa: D102 — docstring inherited
        at = self._root / folder
        return not at.is_file() and not any(not is_draft_name(name) for _, _, files in os.walk(at) for name in files)

    def delete(self, paths: Sequence[str]) -> None:  # noqa: D102 — docstring inherited
        folders: set[Path] = set()
        for path in paths:
            (self._root / path).unlink(missing_ok=True)
            folders.update((self._root / path).parents)
        # A bucket has no empty folders.
        inside = {folder for folder in folders if folder != self._root and self._root in folder.parents}
        for folder in sorted(inside, key=lambda one: -len(one.parts)):
            with suppress(OSError):
                folder.rmdir()

    def clear_unfinished(self, folder: str) -> None:  # noqa: D102 — docstring inherited
        for parent, _, files in os.walk(self._root / folder):
            for name in files:
                if is_draft_name(name):
                    Path(parent, name).unlink(missing_ok=True)

    def copy(self, entry: ArtifactManifestEntry, path: str) -> StoredObject | None:  # noqa: D102 — docstring inherited
        if not str(entry.ref).lower().startswith("file:") or entry.size is None:
            return None
        source = Path(local_path(str(entry.ref)))
        return self.put(source, path, size_bytes=entry.size, md5=Digest(entry.digest))

    def settle(self) -> None:  # noqa: D102 — docstring inherited
        if hasattr(os, "sync"):
            os.sync()
