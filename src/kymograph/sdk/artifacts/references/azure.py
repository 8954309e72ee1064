"""Blobs of Azure: ``https://<account>.blob.core.windows.net/container/blob``, and ``?versionId=`` for one version."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import parse_qs, unquote

from kymograph.client.placing import written_whole
from kymograph.errors import CommError, InvalidReference, ReferenceChanged, ReferenceNotFound
from kymograph.sdk.artifacts.entry import ArtifactManifestEntry
from kymograph.sdk.artifacts.references.base import Tracking, is_unchecked, require
from kymograph.sdk.artifacts.voice import current_voice

HOST_SUFFIX = ".blob.core.windows.net"
_PURPOSE = "a reference to Azure"
_FOLDER_MARK = "hdi_isfolder"


class AzureHandler:
    """Blobs by ETag and version."""

    def __init__(
        self, keys: Mapping[str, str] | None = None, *, connect: Callable[[str, Any], Any] | None = None
    ) -> None:
        """Prepare; nothing is asked yet.

        Args:
            keys: Address of an account → its key; others are opened with what the machine has (identity, command line).
            connect: Gives the client of Azure's package for the address of an account and a credential.
        """
        self._keys = dict(keys or {})
        self._connect = connect or _default_client
        self._clients: dict[str, Any] = {}

    def track(self, tracking: Tracking) -> list[ArtifactManifestEntry]:
        """One entry for a blob; for a folder one for each blob below it, up to the limit."""
        account, container, name, version = parse_address(tracking.uri)
        uri = f"{account}/{container}/{name}"
        if not tracking.checksum:
            return [tracking.unchecked(uri, name or container)]
        service = self.service(account)
        with translated(uri):
            if name:
                found = _find(service.get_blob_client(container=container, blob=name), version)
                if found is not None and not is_folder(found):
                    return [entry_of(found, tracking.name or PurePosixPath(name).name, f"{account}/{container}")]
                if found is None and version is not None:
                    raise ReferenceNotFound(f"there is no version {version} of {uri}", uri=tracking.uri)
            prefix = name.rstrip("/")
            entries: list[ArtifactManifestEntry] = []
            blobs = service.get_container_client(container).list_blobs(
                name_starts_with=f"{prefix}/" if prefix else None, include=["metadata"]
            )
            for item in blobs:
                if is_folder(item):
                    continue
                if len(entries) >= tracking.max_objects:
                    current_voice().warn(
                        f"Found more than {tracking.max_objects} objects under path, limiting upload to "
                        f"{tracking.max_objects} objects. Increase max_objects to upload more"
                    )
                    break
                entries.append(entry_of(item, tracking.path_below(prefix, item.name), f"{account}/{container}"))
            return entries

    def fetch(self, entry: ArtifactManifestEntry, target: Path) -> None:
        """By its version if one is known; else the current one, or an older one that has its ETag."""
        account, container, name, _ = parse_address(str(entry.ref))
        service = self.service(account)
        blob = service.get_blob_client(container=container, blob=name)
        with translated(str(entry.ref)):
            version = entry.extra.get("versionID")
            found = _find(blob, version)
            if found is None:
                raise ReferenceNotFound(f"Unable to find {entry.path} at {entry.ref}", uri=str(entry.ref))
            if _etag(found) != entry.digest and not is_unchecked(entry):
                if version is not None:
                    raise ReferenceChanged(f"blob {entry.ref}", expected=entry.digest, actual=_etag(found))
                version = _version_with(service.get_container_client(container), name, entry.digest)
                if version is None:
                    raise ReferenceNotFound(
                        f"Couldn't find blob version for {entry.ref} matching etag {entry.digest}.",
                        uri=str(entry.ref),
                    )
            with written_whole(target) as file:
                # The SDK asks for all ranges of one file on condition of the ETag that came with the first.
                blob.download_blob(version_id=version).readinto(file)

    def service(self, account: str) -> Any:
        """The client of Azure's package for an account."""
        if account not in self._clients:
            self._clients[account] = self._connect(account, self._keys.get(account))
        return self._clients[account]


def _default_client(account: str, key: str | None) -> Any:
    blobs = require("azure.storage.blob", extra="azure", purpose=_PURPOSE)
    credential = key or require("azure.identity", extra="azure", purpose=_PURPOSE).DefaultAzureCredential()
    return blobs.BlobServiceClient(account, credential=credential)


def parse_address(uri: str) -> tuple[str, str, str, str | None]:
    """Address of the account, container, blob (empty for all of the container) and version.

    Raises:
        InvalidReference: It names no container.
    """
    address, _, query = uri.partition("?")
    scheme, _, rest = address.partition("://")
    host, _, path = rest.partition("/")
    container, _, name = path.partition("/")
    if not container:
        raise InvalidReference(f"{uri} names no container of an account")
    version = parse_qs(query).get("versionId", [None])[0]
    return f"{scheme.lower()}://{host}", container, unquote(name), version


def _find(blob: Any, version: str | None) -> Any:
    missing = require("azure.core.exceptions", extra="azure", purpose=_PURPOSE).ResourceNotFoundError
    try:
        return blob.get_blob_properties(version_id=version)
    except missing:
        return None


def _version_with(container: Any, name: str, etag: str) -> str | None:
    for item in container.list_blobs(name_starts_with=name, include=["versions"]):
        if item.name == name and _etag(item) == etag and item.version_id is not None:
            return str(item.version_id)
    return None


def entry_of(properties: Any, path: str, place: str) -> ArtifactManifestEntry:
    """The entry of a blob."""
    etag = _etag(properties)
    extra = {"etag": etag} | ({"versionID": properties.version_id} if properties.version_id else {})
    return ArtifactManifestEntry(path, etag, ref=f"{place}/{properties.name}", size=properties.size, extra=extra)


def _etag(properties: Any) -> str:
    return str(properties.etag).strip('"')


def content_settings(md5: bytes) -> Any:
    """What a blob is put with: the MD5 of its content, which readers are told."""
    blobs = require("azure.storage.blob", extra="azure", purpose=_PURPOSE)
    return blobs.ContentSettings(content_type="application/octet-stream", content_md5=bytearray(md5))


def is_folder(properties: Any) -> bool:
    """Whether a blob is the mark of a folder."""
    return (properties.metadata or {}).get(_FOLDER_MARK) == "true"


@contextmanager
def translated(uri: str) -> Iterator[None]:
    """Errors of Azure's packages as ours.

    Raises:
        ReferenceNotFound: There is no such blob or container.
        CommError: Anything else.
    """
    errors = require("azure.core.exceptions", extra="azure", purpose=_PURPOSE)
    try:
        yield
    except errors.ResourceNotFoundError as exc:
        raise ReferenceNotFound(f"there is nothing at {uri}: {exc.message}", uri=uri) from exc
    except errors.AzureError as exc:
        raise CommError(f"{uri} cannot be read: {exc.message}") from exc
