"""One large file sent to S3 in parts: what has arrived before an interruption is not sent again."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from typing import Any, BinaryIO

from kymograph.bucket.stores.base import Note
from kymograph.client.parallel import in_parallel
from kymograph.core.digest import DigestAlgorithm, encode_digest, new_hasher
from kymograph.errors import DigestMismatch
from kymograph.sdk.artifacts.references.s3 import object_version
from kymograph.types import Digest

PART_BYTES = 16 << 20
MAX_PARTS = 10_000
"""Source: S3's reference, UploadPart."""
AT_ONCE = 4


def upload_in_parts(
    client: Any, bucket: str, key: str, file: BinaryIO, *, size_bytes: int, md5: Digest, note: Note = int
) -> tuple[str, str | None]:
    """Send a file, or what is missing of it.

    Args:
        client: Boto's.
        bucket: Where to.
        key: Of the object.
        file: Open for reading.
        size_bytes: How large it is to be.
        md5: What its content is to be.
        note: Told how many bytes have moved, or need not.

    Returns:
        The ETag, and the version if there are versions.

    Raises:
        DigestMismatch: The file is not what it was to be; nothing has become of what was sent.
    """
    part_bytes = max(PART_BYTES, -(-size_bytes // MAX_PARTS))
    upload = _find_upload(client, bucket, key)
    arrived = {} if upload is None else dict(_arrived(client, bucket, key, upload))
    if upload is None:
        upload = client.create_multipart_upload(Bucket=bucket, Key=key)["UploadId"]
    hashes = _part_hashes(file, part_bytes, size_bytes, md5)
    lock = threading.Lock()

    def send(number: int) -> dict[str, Any]:
        raw = hashes[number - 1]
        size = min(part_bytes, size_bytes - (number - 1) * part_bytes)
        etag = f'"{raw.hex()}"'
        if arrived.get(number) != (raw.hex(), size):
            with lock:
                file.seek((number - 1) * part_bytes)
                content = file.read(size)
            answer = client.upload_part(
                Bucket=bucket,
                Key=key,
                UploadId=upload,
                PartNumber=number,
                Body=content,
                ContentMD5=encode_digest(raw),
            )
            etag = answer["ETag"]  # of an encrypted part it is not the MD5
        note(size)
        return {"PartNumber": number, "ETag": etag}

    parts = in_parallel(send, range(1, len(hashes) + 1), threads=AT_ONCE)
    done = client.complete_multipart_upload(Bucket=bucket, Key=key, UploadId=upload, MultipartUpload={"Parts": parts})
    return str(done["ETag"]).strip('"'), object_version(done.get("VersionId"))


def _find_upload(client: Any, bucket: str, key: str) -> str | None:
    """An upload of the object that was begun and not ended."""
    for page in client.get_paginator("list_multipart_uploads").paginate(Bucket=bucket, Prefix=key):
        for upload in page.get("Uploads", ()):
            if upload["Key"] == key:
                return str(upload["UploadId"])
    return None


def _arrived(client: Any, bucket: str, key: str, upload: str) -> Iterator[tuple[int, tuple[str, int]]]:
    """Number, and ETag and size, of each part that the server has."""
    for page in client.get_paginator("list_parts").paginate(Bucket=bucket, Key=key, UploadId=upload):
        for part in page.get("Parts", ()):
            yield part["PartNumber"], (part["ETag"].strip('"'), part["Size"])


def _part_hashes(file: BinaryIO, part_bytes: int, size_bytes: int, md5: Digest) -> list[bytes]:
    """The MD5 of each part; all of it is hashed once more on the way, for the file may have changed."""
    whole = new_hasher(DigestAlgorithm.MD5)
    hashes = []
    size = 0
    while piece := file.read(part_bytes):
        whole.update(piece)
        hashes.append(hashlib.md5(piece, usedforsecurity=False).digest())
        size += len(piece)
    actual = encode_digest(whole.digest())
    if actual != md5 or size != size_bytes:
        raise DigestMismatch(str(file.name), expected=md5, actual=actual)
    return hashes
