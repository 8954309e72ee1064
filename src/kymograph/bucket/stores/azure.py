"""A container of Azure, or a folder in one: ``https://<account>.blob.core.windows.net/container/folder``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from kymograph.bucket.stores.base import Note, StoredObject, address, join
from kymograph.core.digest import encode_digest, md5_digest, raw_digest
from kymograph.errors import DigestMismatch, InvalidReference, ReferenceNotFound
from kymograph.sdk.artifacts.entry import ArtifactManifestEntry
from kymograph.sdk.artifacts.folders import current_settings
from kymograph.sdk.artifacts.hashing import hash_file
from kymograph.sdk.artifacts.references.azure import (
    AzureHandler,
    content_settings,
    entry_of,
    is_folder,
    parse_address,
    translated,
)
from kymograph.types import Digest


class AzureStore:
    """Blobs below a prefix. Azure's package sends large ones in blocks."""

    threads = 16
    is_atomic = True

    def __init__(self, url: str, handler: AzureHandler | None = None) -> None:
        """Prepare; nothing is asked yet.

        Raises:
            InvalidReference: The address names no container, or one version of a blob.
        """
        self._account, self._container_name, prefix, version = parse_address(url)
        if version is not None:
            raise InvalidReference(f"{url!r} is one version of a blob; write https://<account>…/container/folder")
        self._prefix = prefix.strip("/")
        self.url = address(f"{self._account}/{self._container_name}", self._prefix)
        self._handler = handler or AzureHandler(current_settings().azure_account_url_to_access_key)

    def ref(self, path: str) -> str:  # noqa: D102 — docstring inherited
        return address(self.url, path)

    def put(self, source: Path, path: str, *, size_bytes: int, md5: Digest, note: Note = int) -> StoredObject:  # noqa: D102
        actual = hash_file(source)
        if actual != md5:
            raise DigestMismatch(str(source), expected=md5, actual=actual)
        with translated(self.ref(path)), source.open("rb") as file:
            blob = self._blob(path)
            blob.upload_blob(
                file, length=size_bytes, overwrite=True, content_settings=content_settings(raw_digest(md5))
            )
            found = blob.get_blob_properties()
        note(size_bytes)
        return self._stored(found)

    def put_bytes(self, path: str, content: bytes) -> None:  # noqa: D102 — docstring inherited
        settings = content_settings(raw_digest(md5_digest(content)))
        with translated(self.ref(path)):
            self._blob(path).upload_blob(content, overwrite=True, content_settings=settings)

    def get_bytes(self, path: str) -> bytes | None:  # noqa: D102 — docstring inherited
        try:
            with translated(self.ref(path)):
                return bytes(self._blob(path).download_blob().readall())
        except ReferenceNotFound:
            return None

    def iter_objects(  # noqa: D102 — docstring inherited
        self, folder: str, *, checksums: bool = True
    ) -> Iterator[StoredObject]:
        prefix = join(self._prefix, folder)
        with translated(self.ref(folder)):
            found = self._container().list_blobs(
                name_starts_with=f"{prefix}/" if prefix else None, include=["metadata"]
            )
            for item in found:
                if not is_folder(item):
                    yield self._stored(item)

    def is_empty(self, folder: str) -> bool:  # noqa: D102 — docstring inherited
        return next(self.iter_objects(folder), None) is None

    def delete(self, paths: Sequence[str]) -> None:  # noqa: D102 — docstring inherited
        for path in paths:
            try:
                with translated(self.ref(path)):
                    self._blob(path).delete_blob(delete_snapshots="include")
            except ReferenceNotFound:
                continue

    def clear_unfinished(self, folder: str) -> None:
        """Azure forgets blocks that became no blob within a week."""

    def copy(self, entry: ArtifactManifestEntry, path: str) -> StoredObject | None:
        """None: a copy within Azure needs a signed address of the source, which not every credential can make."""

    def settle(self) -> None:
        """What Azure has answered to is safe."""

    # --- names -------------------------------------------------------------------------------------------------------

    def _container(self) -> Any:
        return self._handler.service(self._account).get_container_client(self._container_name)

    def _blob(self, path: str) -> Any:
        service = self._handler.service(self._account)
        return service.get_blob_client(container=self._container_name, blob=join(self._prefix, path))

    def _stored(self, properties: Any) -> StoredObject:
        name = str(properties.name)
        path = name.removeprefix(f"{self._prefix}/") if self._prefix else name
        entry = entry_of(properties, path, f"{self._account}/{self._container_name}")
        raw = properties.content_settings.content_md5 if properties.content_settings else None
        md5 = encode_digest(bytes(raw)) if raw else None
        return StoredObject(path, entry.size or 0, entry.digest, str(entry.ref), extra=entry.extra, md5=md5)
