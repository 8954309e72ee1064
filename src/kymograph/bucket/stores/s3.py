"""A bucket of S3, or a folder in one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from kymograph.bucket.stores.base import Note, StoredObject, address, join
from kymograph.bucket.stores.s3_parts import upload_in_parts
from kymograph.core.digest import encode_digest, md5_digest
from kymograph.errors import CommError, DigestMismatch, InvalidReference
from kymograph.sdk.artifacts.entry import ArtifactManifestEntry
from kymograph.sdk.artifacts.references.s3 import SMALL_BYTES, S3Handler, S3Object, object_version, parse_address
from kymograph.types import Digest

PARTS_FROM_BYTES = 64 << 20
"""Files of this size and more are sent in parts, of which those that have arrived are not sent again."""
MAX_COPY_BYTES = 5 << 30
"""Larger objects cannot be copied by one request. Source: S3's reference, CopyObject."""
_DELETED_AT_ONCE = 1000
"""Source: S3's reference, DeleteObjects."""


class S3Store:
    """Objects below a prefix."""

    threads = 16
    is_atomic = True

    def __init__(self, url: str, handler: S3Handler | None = None) -> None:
        """Prepare; nothing is asked yet.

        Raises:
            InvalidReference: The address names no bucket, or one version of an object.
        """
        self._bucket, prefix, version = parse_address(url)
        if not self._bucket or version is not None:
            raise InvalidReference(f"{url!r} is no place for objects: write s3://bucket or s3://bucket/folder")
        self._prefix = prefix.strip("/")
        self.url = address(f"s3://{self._bucket}", self._prefix)
        self._handler = handler or S3Handler()

    def ref(self, path: str) -> str:  # noqa: D102 — docstring inherited
        return address(self.url, path)

    def put(self, source: Path, path: str, *, size_bytes: int, md5: Digest, note: Note = int) -> StoredObject:  # noqa: D102
        key = self._key(path)
        if size_bytes >= PARTS_FROM_BYTES:
            with self._handler.translated(self._bucket), source.open("rb") as file:
                etag, version = upload_in_parts(
                    self._handler.client(), self._bucket, key, file, size_bytes=size_bytes, md5=md5, note=note
                )
            return self._stored(S3Object(key, etag, size_bytes, version))
        if size_bytes <= SMALL_BYTES:
            content = source.read_bytes()
            if len(content) != size_bytes or md5_digest(content) != md5:
                raise DigestMismatch(str(source), expected=md5, actual=md5_digest(content))
            found = self._put(key, content, md5)
        else:
            with source.open("rb") as file:
                # The server compares what it gets with the MD5.
                found = self._put_slowly(key, file, md5)
        note(size_bytes)
        return self._stored(found)

    def put_bytes(self, path: str, content: bytes) -> None:  # noqa: D102 — docstring inherited
        self._put(self._key(path), content, md5_digest(content))

    def _put(self, key: str, content: bytes, md5: Digest) -> S3Object:
        quick = self._handler.requests(self._bucket).put(key, content)
        if quick is None:
            return self._put_slowly(key, content, md5)
        return S3Object(key, quick.etag, len(content), object_version(quick.version))

    def _put_slowly(self, key: str, body: Any, md5: Digest) -> S3Object:
        with self._handler.translated(self._bucket):
            answer = self._handler.client().put_object(Bucket=self._bucket, Key=key, Body=body, ContentMD5=md5)
        size = len(body) if isinstance(body, bytes) else body.tell()
        return S3Object(key, answer["ETag"].strip('"'), size, object_version(answer.get("VersionId")))

    def get_bytes(self, path: str) -> bytes | None:  # noqa: D102 — docstring inherited
        key = self._key(path)
        quick = self._handler.requests(self._bucket).get(key)
        if quick is not None:
            return quick.content
        if self._handler.find(self._bucket, key) is None:
            return None
        with self._handler.translated(self._bucket):
            return bytes(self._handler.client().get_object(Bucket=self._bucket, Key=key)["Body"].read())

    def iter_objects(self, folder: str, *, checksums: bool = True) -> Iterator[StoredObject]:  # noqa: D102
        prefix = self._folder(folder)
        objects = self._handler.objects_below(self._bucket, prefix) if checksums else self._listed(prefix)
        for found in objects:
            if not found.key.endswith("/"):
                yield self._stored(found)

    def _listed(self, prefix: str) -> Iterator[S3Object]:
        """Objects as a plain listing tells them."""
        with self._handler.translated(self._bucket):
            pages = self._handler.client().get_paginator("list_objects_v2")
            for page in pages.paginate(Bucket=self._bucket, Prefix=prefix):
                for item in page.get("Contents", ()):
                    yield S3Object(item["Key"], item["ETag"].strip('"'), item["Size"], None)

    def is_empty(self, folder: str) -> bool:  # noqa: D102 — docstring inherited
        return next(self._listed(self._folder(folder)), None) is None

    def delete(self, paths: Sequence[str]) -> None:  # noqa: D102 — docstring inherited
        keys = [self._key(path) for path in paths]
        for start in range(0, len(keys), _DELETED_AT_ONCE):
            wanted = {"Objects": [{"Key": key} for key in keys[start : start + _DELETED_AT_ONCE]], "Quiet": True}
            with self._handler.translated(self._bucket):
                answer = self._handler.client().delete_objects(Bucket=self._bucket, Delete=wanted)
            for error in answer.get("Errors", ()):
                raise CommError(f"s3://{self._bucket}/{error.get('Key')} cannot be deleted: {error.get('Message')}")

    def clear_unfinished(self, folder: str) -> None:  # noqa: D102 — docstring inherited
        client = self._handler.client()
        with self._handler.translated(self._bucket):
            pages = client.get_paginator("list_multipart_uploads")
            for page in pages.paginate(Bucket=self._bucket, Prefix=self._folder(folder)):
                for upload in page.get("Uploads", ()):
                    client.abort_multipart_upload(Bucket=self._bucket, Key=upload["Key"], UploadId=upload["UploadId"])

    def copy(self, entry: ArtifactManifestEntry, path: str) -> StoredObject | None:  # noqa: D102 — docstring inherited
        if not str(entry.ref).lower().startswith("s3://") or (entry.size or 0) > MAX_COPY_BYTES:
            return None
        bucket, key, _ = parse_address(str(entry.ref))
        source = {"Bucket": bucket, "Key": key}
        if entry.extra.get("versionID"):
            source["VersionId"] = entry.extra["versionID"]
        with self._handler.translated(bucket):
            answer = self._handler.client().copy_object(
                Bucket=self._bucket,
                Key=self._key(path),
                CopySource=source,
                **({} if entry.digest == entry.ref else {"CopySourceIfMatch": entry.digest}),
            )
        etag = answer["CopyObjectResult"]["ETag"].strip('"')
        return self._stored(S3Object(self._key(path), etag, entry.size or 0, object_version(answer.get("VersionId"))))

    def settle(self) -> None:
        """What S3 has answered to is safe."""

    # --- names -------------------------------------------------------------------------------------------------------

    def _key(self, path: str) -> str:
        return join(self._prefix, path)

    def _folder(self, folder: str) -> str:
        prefix = join(self._prefix, folder)
        return f"{prefix}/" if prefix else ""

    def _stored(self, found: S3Object) -> StoredObject:
        path = found.key.removeprefix(f"{self._prefix}/") if self._prefix else found.key
        entry = found.entry(path, self._bucket)
        return StoredObject(
            path, found.size_bytes, found.etag, str(entry.ref), extra=entry.extra, md5=_md5_of(found.etag)
        )


def _md5_of(etag: str) -> Digest | None:
    """The MD5 that an ETag is, unless the object came in parts, or is encrypted so that it is something else."""
    if len(etag) != 32 or not all(character in "0123456789abcdef" for character in etag):
        return None
    return encode_digest(bytes.fromhex(etag))
