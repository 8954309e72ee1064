"""A bucket of Google Cloud Storage, or a folder in one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from kymograph.bucket.stores.base import Note, StoredObject, address, join
from kymograph.core.digest import md5_digest
from kymograph.errors import DigestMismatch, InvalidReference, ReferenceNotFound
from kymograph.sdk.artifacts.entry import ArtifactManifestEntry
from kymograph.sdk.artifacts.hashing import hash_file
from kymograph.sdk.artifacts.references.gcs import GcsHandler, entry_of, parse_address
from kymograph.types import Digest


class GcsStore:
    """Objects below a prefix. Google's package sends them in parts, and takes up what broke off."""

    threads = 16
    is_atomic = True

    def __init__(self, url: str, handler: GcsHandler | None = None) -> None:
        """Prepare; nothing is asked yet.

        Raises:
            InvalidReference: The address names no bucket, or one generation of an object.
        """
        self._bucket_name, prefix, generation = parse_address(url)
        if not self._bucket_name or generation is not None:
            raise InvalidReference(f"{url!r} is no place for objects: write gs://bucket or gs://bucket/folder")
        self._prefix = prefix.strip("/")
        self.url = address(f"gs://{self._bucket_name}", self._prefix)
        self._handler = handler or GcsHandler()

    def ref(self, path: str) -> str:  # noqa: D102 — docstring inherited
        return address(self.url, path)

    def put(self, source: Path, path: str, *, size_bytes: int, md5: Digest, note: Note = int) -> StoredObject:  # noqa: D102
        actual = hash_file(source)
        if actual != md5:
            raise DigestMismatch(str(source), expected=md5, actual=actual)
        with self._handler.translated(self.ref(path)):
            blob = self._blob(path)
            blob.upload_from_filename(str(source), content_type="application/octet-stream", checksum="md5")
        note(size_bytes)
        return self._stored(blob)

    def put_bytes(self, path: str, content: bytes) -> None:  # noqa: D102 — docstring inherited
        with self._handler.translated(self.ref(path)):
            blob = self._blob(path)
            blob.md5_hash = md5_digest(content)
            blob.upload_from_string(content, content_type="application/octet-stream")

    def get_bytes(self, path: str) -> bytes | None:  # noqa: D102 — docstring inherited
        try:
            with self._handler.translated(self.ref(path)):
                return bytes(self._blob(path).download_as_bytes())
        except ReferenceNotFound:
            return None

    def iter_objects(  # noqa: D102 — docstring inherited
        self, folder: str, *, checksums: bool = True
    ) -> Iterator[StoredObject]:
        with self._handler.translated(self.ref(folder)):
            for blob in self._bucket().list_blobs(prefix=self._folder(folder)):
                if not blob.name.endswith("/"):
                    yield self._stored(blob)

    def is_empty(self, folder: str) -> bool:  # noqa: D102 — docstring inherited
        return next(self.iter_objects(folder), None) is None

    def delete(self, paths: Sequence[str]) -> None:  # noqa: D102 — docstring inherited
        for path in paths:
            try:
                with self._handler.translated(self.ref(path)):
                    self._blob(path).delete()
            except ReferenceNotFound:
                continue

    def clear_unfinished(self, folder: str) -> None:
        """Google forgets uploads that are not ended within a week."""

    def copy(self, entry: ArtifactManifestEntry, path: str) -> StoredObject | None:  # noqa: D102 — docstring inherited
        if not str(entry.ref).lower().startswith("gs://"):
            return None
        bucket_name, key, _ = parse_address(str(entry.ref))
        with self._handler.translated(str(entry.ref)):
            bucket = self._handler.client().bucket(bucket_name)
            source = bucket.blob(key, generation=entry.extra.get("versionID"))
            copied = bucket.copy_blob(
                source, self._bucket(), join(self._prefix, path), source_generation=entry.extra.get("versionID")
            )
        return self._stored(copied)

    def settle(self) -> None:
        """What Google has answered to is safe."""

    # --- names -------------------------------------------------------------------------------------------------------

    def _bucket(self) -> Any:
        return self._handler.client().bucket(self._bucket_name)

    def _blob(self, path: str) -> Any:
        return self._bucket().blob(join(self._prefix, path))

    def _folder(self, folder: str) -> str | None:
        prefix = join(self._prefix, folder)
        return f"{prefix}/" if prefix else None

    def _stored(self, blob: Any) -> StoredObject:
        path = str(blob.name).removeprefix(f"{self._prefix}/") if self._prefix else str(blob.name)
        entry = entry_of(blob, path, self._bucket_name)
        md5 = None if blob.md5_hash is None else Digest(blob.md5_hash)
        return StoredObject(path, entry.size or 0, entry.digest, str(entry.ref), extra=entry.extra, md5=md5)
