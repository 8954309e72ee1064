"""Objects of S3 and of what speaks like it: ``s3://bucket/key``, and ``?versionId=`` for one version."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from kymograph.client.parallel import in_parallel
from kymograph.client.placing import written_whole
from kymograph.errors import CommError, ReferenceChanged, ReferenceNotFound
from kymograph.sdk.artifacts.entry import ArtifactManifestEntry
from kymograph.sdk.artifacts.references.base import Tracking, is_unchecked, require
from kymograph.sdk.artifacts.references.s3_requests import S3Requests

_ADDRESS = re.compile(
    r"s3://(?P<bucket>[^/]*)/?(?P<key>.*?)(?:\?versionId=(?P<version>[^&]+))?", re.IGNORECASE | re.DOTALL
)
MAX_CONNECTIONS = 64
SMALL_BYTES = 8 << 20
"""Objects up to this size are moved by one request, from memory."""
_DIRECTORY_TYPE = "x-directory"
_NO_VERSION = "null"
_MISSING = frozenset({"404", "NoSuchKey", "NoSuchVersion", "NotFound"})
_NO_VERSIONS_HERE = frozenset(
    {"AccessDenied", "403", "NotImplemented", "501", "MethodNotAllowed", "405", "InvalidArgument", "InvalidRequest"}
)
_VIRTUAL_HOSTS = re.compile(r"https?://(cwlota\.com|cwobject\.com|(accel-)?object\.[a-z0-9-]+\.coreweave\.com)/?")
"""Servers that want the bucket in the host's name. Source: the vendor's `S3Handler._is_coreweave_endpoint`."""


@dataclass(frozen=True, slots=True)
class S3Object:
    """One object as the server describes it."""

    key: str
    etag: str
    size_bytes: int
    version: str | None

    def entry(self, path: str, bucket: str) -> ArtifactManifestEntry:
        """The entry that refers to it."""
        extra = {"etag": self.etag}
        if self.version is not None:
            extra["versionID"] = self.version
        return ArtifactManifestEntry(
            path, self.etag, ref=f"s3://{bucket}/{self.key}", size=self.size_bytes, extra=extra
        )


class S3Handler:
    """Objects by ETag and version. The place is that of `AWS_S3_ENDPOINT_URL` and `AWS_REGION`, as far as given."""

    def __init__(self) -> None:
        """Prepare; nothing is asked yet."""
        self._made: Any = None
        self._session: Any = None
        self._requests: dict[str, S3Requests] = {}
        self._lock = threading.Lock()

    def track(self, tracking: Tracking) -> list[ArtifactManifestEntry]:
        """One entry for an object; for a prefix one for each object below it that is not empty."""
        bucket, key, version = parse_address(tracking.uri)
        uri = f"s3://{bucket}/{key}"
        if not tracking.checksum:
            return [tracking.unchecked(uri, key or bucket)]
        if key and not key.endswith("/"):
            found = self.find(bucket, key, version)
            if found is not None:
                return [found.entry(tracking.name or PurePosixPath(key).name, bucket)]
            if version is not None:
                raise ReferenceNotFound(f"there is no version {version} of {uri}", uri=tracking.uri)
        prefix = key.rstrip("/")
        entries: list[ArtifactManifestEntry] = []
        for item in self.objects_below(bucket, f"{prefix}/" if prefix else ""):
            if item.size_bytes > 0:
                entries.append(item.entry(tracking.path_below(prefix, item.key), bucket))
                tracking.check_count(len(entries))
        return entries

    def fetch(self, entry: ArtifactManifestEntry, target: Path) -> None:
        """By its version if one is known; else the current one, or an older one that has its ETag."""
        bucket, key, _ = parse_address(str(entry.ref))
        version = entry.extra.get("versionID")
        if self._fetch_small(bucket, key, version, entry, target):
            return
        found = self.find(bucket, key, version)
        if found is None:
            raise ReferenceNotFound(f"Unable to find {entry.path} at s3://{bucket}/{key}", uri=str(entry.ref))
        if found.etag != entry.digest and not is_unchecked(entry):
            if version:
                raise ReferenceChanged(
                    f"object {entry.ref} with version {version}", expected=entry.digest, actual=found.etag
                )
            version = self._version_with(bucket, key, entry.digest)
            if version is None:
                raise ReferenceNotFound(
                    f"Couldn't find object version for {bucket}/{key} matching etag {entry.digest}", uri=str(entry.ref)
                )
        with self.translated(bucket), written_whole(target) as file:
            extra = {"VersionId": version} if version else {}
            self.client().download_fileobj(bucket, key, file, ExtraArgs=extra)

    def _fetch_small(
        self, bucket: str, key: str, version: str | None, entry: ArtifactManifestEntry, target: Path
    ) -> bool:
        """Fetch an object by one request, if it is small and the current one; whether that worked."""
        if entry.size is None or entry.size > SMALL_BYTES:
            return False
        found = self.requests(bucket).get(key, version=version)
        if found is None or len(found.content) != entry.size:
            return False
        if found.etag != entry.digest and not is_unchecked(entry):
            return False
        with written_whole(target) as file:
            file.write(found.content)
        return True

    # --- asking -----------------------------------------------------------------------------------------------------

    def find(self, bucket: str, key: str, version: str | None = None) -> S3Object | None:
        """An object; None if there is none, or a mark of a folder in its place."""
        arguments = {"VersionId": version} if version else {}
        try:
            with self.translated(bucket):
                head = self.client().head_object(Bucket=bucket, Key=key, **arguments)
        except ReferenceNotFound:
            return None
        if _DIRECTORY_TYPE in head.get("ContentType", ""):
            return None
        return S3Object(key, head["ETag"].strip('"'), head["ContentLength"], object_version(head.get("VersionId")))

    def objects_below(self, bucket: str, prefix: str) -> Iterator[S3Object]:
        """Current objects. Versions come with the listing where the server lists them, and one by one otherwise."""
        client = self.client()
        try:
            with self.translated(bucket):
                first = client.list_object_versions(Bucket=bucket, Prefix=prefix, MaxKeys=1)
            lists_versions = "Versions" in first or "DeleteMarkers" in first
        except CommError as exc:
            if getattr(exc.__cause__, "response", {}).get("Error", {}).get("Code") not in _NO_VERSIONS_HERE:
                raise
            lists_versions = False
        if lists_versions:
            with self.translated(bucket):
                for page in client.get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=prefix):
                    for item in page.get("Versions", ()):
                        if item["IsLatest"]:
                            yield _listed(item)
            return
        with self.translated(bucket):
            for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
                listed = [_listed(item) for item in page.get("Contents", ())]
                heads = in_parallel(lambda item: self.find(bucket, item.key, None), listed, threads=16)
                yield from (head for head in heads if head is not None)

    def _version_with(self, bucket: str, key: str, etag: str) -> str | None:
        with self.translated(bucket):
            pages = self.client().get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=key)
            for page in pages:
                for item in page.get("Versions", ()):
                    if item["Key"] == key and item["ETag"].strip('"') == etag:
                        return str(item["VersionId"])
        return None

    def client(self) -> Any:
        """Boto's client.

        Raises:
            MissingPackage: It is not installed.
        """
        with self._lock:
            if self._made is None:
                boto = require("boto3", extra="s3", purpose="an s3:// reference")
                config_class = require("botocore.client", extra="s3", purpose="an s3:// reference").Config
                endpoint = os.environ.get("AWS_S3_ENDPOINT_URL") or None
                wants_virtual = endpoint is not None and _VIRTUAL_HOSTS.fullmatch(endpoint.strip())
                self._session = boto.session.Session()
                self._made = self._session.client(
                    "s3",
                    endpoint_url=endpoint,
                    region_name=os.environ.get("AWS_REGION") or None,
                    config=config_class(
                        s3={"addressing_style": "virtual"} if wants_virtual else None,
                        max_pool_connections=MAX_CONNECTIONS,
                        # Servers that only speak like S3 know neither the newer checksums nor their trailers.
                        request_checksum_calculation="when_required",
                        response_checksum_validation="when_required",
                    ),
                )
            return self._made

    def requests(self, bucket: str) -> S3Requests:
        """The quick way to small objects of a bucket."""
        client = self.client()
        with self._lock:
            if bucket not in self._requests:
                self._requests[bucket] = S3Requests(client, self._session, bucket)
            return self._requests[bucket]

    @contextmanager
    def translated(self, bucket: str) -> Iterator[None]:
        """Errors of boto as ours.

        Raises:
            ReferenceNotFound: There is no such object.
            CommError: Anything else.
        """
        errors = require("botocore.exceptions", extra="s3", purpose="an s3:// reference")
        try:
            yield
        except errors.ClientError as exc:
            code = str(exc.response["Error"].get("Code"))
            if code in _MISSING:
                raise ReferenceNotFound(f"there is nothing at s3://{bucket}: {exc}", uri=f"s3://{bucket}") from exc
            raise CommError(
                f"Unable to connect to S3 ({code}): {exc.response['Error'].get('Message')}. Check that your "
                "authentication credentials are valid and that your region is set correctly."
            ) from exc
        except errors.BotoCoreError as exc:
            raise CommError(f"Unable to connect to S3: {exc}") from exc


def parse_address(uri: str) -> tuple[str, str, str | None]:
    """Bucket, key and version; all of a key is taken as it is, ``#`` and ``%`` included."""
    found = _ADDRESS.fullmatch(uri)
    assert found is not None  # the registry hands over what begins with s3://
    return found["bucket"], found["key"], found["version"]


def _listed(item: Any) -> S3Object:
    return S3Object(item["Key"], item["ETag"].strip('"'), item["Size"], object_version(item.get("VersionId")))


def object_version(version: str | None) -> str | None:
    """The version that a server tells; None for that of a bucket without."""
    return None if version in (None, "", _NO_VERSION) else version
