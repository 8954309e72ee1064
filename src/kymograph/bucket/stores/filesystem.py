"""Any file system of fsspec that can be written to: ``memory://``, ``sftp://``, ``abfs://``, ``hf://``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from kymograph.bucket.stores.base import Note, StoredObject, address
from kymograph.errors import CommError, DigestMismatch, ReferenceNotFound
from kymograph.sdk.artifacts.entry import ArtifactManifestEntry
from kymograph.sdk.artifacts.hashing import hash_file
from kymograph.sdk.artifacts.references.filesystem import entry_of, opened, translated_errors
from kymograph.types import Digest


class FilesystemStore:
    """Files of a file system, which may be seen while they are written."""

    threads = 8
    is_atomic = False

    def __init__(self, url: str) -> None:
        """Prepare.

        Raises:
            MissingPackage: The package of the file system is not installed.
        """
        self.url = url.rstrip("/")
        self._files, root = opened(self.url)
        self._root = root.rstrip("/")

    def ref(self, path: str) -> str:  # noqa: D102 — docstring inherited
        return address(self.url, path)

    def put(self, source: Path, path: str, *, size_bytes: int, md5: Digest, note: Note = int) -> StoredObject:  # noqa: D102
        actual = hash_file(source)
        if actual != md5:
            raise DigestMismatch(str(source), expected=md5, actual=actual)
        with self._translated(path):
            self._make_folder(path)
            self._files.put_file(str(source), self._at(path))
        found = self._info(path)
        if found.get("size") != size_bytes:
            raise CommError(
                f"{self.ref(path)} has {found.get('size')} bytes after {size_bytes} were written; try again"
            )
        note(size_bytes)
        return self._stored(found, md5=md5)

    def put_bytes(self, path: str, content: bytes) -> None:  # noqa: D102 — docstring inherited
        with self._translated(path):
            self._make_folder(path)
            self._files.pipe_file(self._at(path), content)

    def get_bytes(self, path: str) -> bytes | None:  # noqa: D102 — docstring inherited
        try:
            with self._translated(path):
                return bytes(self._files.cat_file(self._at(path)))
        except ReferenceNotFound:
            return None

    def iter_objects(  # noqa: D102 — docstring inherited
        self, folder: str, *, checksums: bool = True
    ) -> Iterator[StoredObject]:
        with self._translated(folder):
            self._files.invalidate_cache()
            try:
                found = self._files.find(self._at(folder), detail=True)
            except FileNotFoundError:
                return
        for info in sorted(found.values(), key=lambda item: str(item["name"])):
            yield self._stored(info)

    def is_empty(self, folder: str) -> bool:  # noqa: D102 — docstring inherited
        return next(self.iter_objects(folder, checksums=False), None) is None

    def delete(self, paths: Sequence[str]) -> None:  # noqa: D102 — docstring inherited
        for path in paths:
            try:
                with self._translated(path):
                    self._files.rm_file(self._at(path))
            except ReferenceNotFound:
                continue

    def clear_unfinished(self, folder: str) -> None:
        """Whatever was begun stands under its name."""

    def copy(self, entry: ArtifactManifestEntry, path: str) -> StoredObject | None:  # noqa: D102 — docstring inherited
        scheme = self.url.partition("://")[0]
        if not str(entry.ref).startswith(f"{scheme}://"):
            return None
        files, source = opened(str(entry.ref))
        if files is not self._files:  # another server, or other credentials
            return None
        with self._translated(path):
            self._make_folder(path)
            self._files.cp_file(source, self._at(path))
        return self._stored(self._info(path))

    def settle(self) -> None:
        """What a file system has taken is taken to be safe."""

    # --- within -----------------------------------------------------------------------------------------------------

    def _at(self, path: str) -> str:
        return f"{self._root}/{path}" if path else self._root

    def _make_folder(self, path: str) -> None:
        self._files.makedirs(self._at(path).rpartition("/")[0], exist_ok=True)

    def _info(self, path: str) -> dict[str, Any]:
        with self._translated(path):
            self._files.invalidate_cache(self._at(path).rpartition("/")[0])
            return dict(self._files.info(self._at(path)))

    def _translated(self, path: str) -> Any:
        return translated_errors(self.ref(path), verb="used")

    def _stored(self, info: dict[str, Any], *, md5: Digest | None = None) -> StoredObject:
        path = str(info["name"]).removeprefix(self._root).strip("/")
        entry = entry_of(self._files, info, self.ref(path), path)
        return StoredObject(path, entry.size or 0, entry.digest, str(entry.ref), extra=entry.extra, md5=md5)
