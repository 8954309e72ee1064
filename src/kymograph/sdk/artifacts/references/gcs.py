"""Objects of Google Cloud Storage: ``gs://bucket/key``, and ``#generation`` for one version."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any

from kymograph.client.placing import written_whole
from kymograph.errors import CommError, InvalidReference, ReferenceChanged, ReferenceNotFound
from kymograph.sdk.artifacts.entry import ArtifactManifestEntry
from kymograph.sdk.artifacts.references.base import Tracking, is_unchecked, require

_ADDRESS = re.compile(r"gs://(?P<bucket>[^/]*)/?(?P<key>.*?)(?:#(?P<generation>[0-9]+))?", re.IGNORECASE | re.DOTALL)
_PURPOSE = "a gs:// reference"


def _default_client() -> Any:
    return require("google.cloud.storage", extra="gcs", purpose=_PURPOSE).Client()


class GcsHandler:
    """Objects by ETag and generation."""

    def __init__(self, *, connect: Callable[[], Any] = _default_client) -> None:
        """Prepare; nothing is asked yet.

        Args:
            connect: Gives the client of Google's package.
        """
        self._connect = connect
        self._made: Any = None

    def track(self, tracking: Tracking) -> list[ArtifactManifestEntry]:
        """One entry for an object; for a prefix one for each object below it. Marks of folders are passed over."""
        bucket_name, key, generation = parse_address(tracking.uri)
        uri = f"gs://{bucket_name}/{key}"
        if not tracking.checksum:
            return [tracking.unchecked(uri, key or bucket_name)]
        with self.translated(tracking.uri):
            bucket = self.client().bucket(bucket_name)
            blob = bucket.get_blob(key, generation=generation) if key else None
            if blob is None and generation is not None:
                raise ReferenceNotFound(f"Object does not exist: {uri}#{generation}", uri=tracking.uri)
            if blob is not None and not blob.name.endswith("/"):
                return [entry_of(blob, tracking.name or PurePosixPath(key).name, bucket_name)]
            prefix = key.rstrip("/")
            entries: list[ArtifactManifestEntry] = []
            for item in bucket.list_blobs(prefix=f"{prefix}/" if prefix else None):
                if not item.name.endswith("/"):
                    entries.append(entry_of(item, tracking.path_below(prefix, item.name), bucket_name))
                    tracking.check_count(len(entries))
            return entries

    def fetch(self, entry: ArtifactManifestEntry, target: Path) -> None:
        """Its generation if that is known and there; else the current one, if it has the ETag."""
        bucket_name, key, _ = parse_address(str(entry.ref))
        generation = entry.extra.get("versionID")
        if key.endswith("/"):
            raise InvalidReference(f"Unable to download GCS folder {entry.ref!r}, skipping")
        with self.translated(str(entry.ref)):
            bucket = self.client().bucket(bucket_name)
            blob = None if generation is None else bucket.get_blob(key, generation=generation)
            blob = blob or bucket.get_blob(key)
            if blob is None:
                raise ReferenceNotFound(
                    f"Unable to download object {entry.ref!r} with generation {generation!r}", uri=str(entry.ref)
                )
            if blob.etag != entry.digest and not is_unchecked(entry):
                raise ReferenceChanged(f"object {entry.ref!r}", expected=entry.digest, actual=blob.etag)
            with written_whole(target) as file:
                # The generation looked at, even if another is written meanwhile.
                blob.download_to_file(file, if_generation_match=blob.generation)

    def client(self) -> Any:
        """That of Google's package."""
        if self._made is None:
            self._made = self._connect()
        return self._made

    @contextmanager
    def translated(self, uri: str) -> Iterator[None]:
        """Errors of Google's packages as ours.

        Raises:
            ReferenceNotFound: There is no such object, or no such bucket.
            CommError: Anything else.
        """
        errors = require("google.api_core.exceptions", extra="gcs", purpose=_PURPOSE)
        auth = require("google.auth.exceptions", extra="gcs", purpose=_PURPOSE)
        try:
            yield
        except errors.NotFound as exc:
            raise ReferenceNotFound(f"there is nothing at {uri}: {exc.message}", uri=uri) from exc
        except (errors.GoogleAPIError, auth.GoogleAuthError) as exc:
            raise CommError(f"{uri} cannot be read: {exc}") from exc


def parse_address(uri: str) -> tuple[str, str, int | None]:
    """Bucket, key and generation."""
    found = _ADDRESS.fullmatch(uri)
    assert found is not None  # the registry hands over what begins with gs://
    return found["bucket"], found["key"], int(found["generation"]) if found["generation"] else None


def entry_of(blob: Any, path: str, bucket: str) -> ArtifactManifestEntry:
    """The entry of an object."""
    return ArtifactManifestEntry(
        path, blob.etag, ref=f"gs://{bucket}/{blob.name}", size=blob.size, extra={"versionID": blob.generation}
    )
