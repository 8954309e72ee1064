"""Digests of files, from their content or from what is remembered of it."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence

from kymograph.client.parallel import in_parallel
from kymograph.core.digest import DigestAlgorithm, encode_digest, new_hasher
from kymograph.sdk.artifacts.checksum_memo import ChecksumMemo
from kymograph.types import Digest

READ_BYTES = 1 << 20


def hash_file(path: str | os.PathLike[str], algorithm: DigestAlgorithm = DigestAlgorithm.MD5) -> Digest:
    """The digest of a file's content.

    Raises:
        OSError: It cannot be read.
    """
    hasher = new_hasher(algorithm)
    with open(path, "rb", buffering=0) as file:
        piece = file.read(READ_BYTES)
        if len(piece) < READ_BYTES:
            hasher.update(piece)
            # A short read is the end of nearly every file, and of none that is still being written.
            while piece := file.read(READ_BYTES):
                hasher.update(piece)
            return encode_digest(hasher.digest())
        hasher.update(piece)
        buffer = bytearray(READ_BYTES)
        view = memoryview(buffer)
        while size := file.readinto(buffer):
            hasher.update(view[:size])
    return encode_digest(hasher.digest())


def remembered_hash(
    path: str | os.PathLike[str],
    memo: ChecksumMemo,
    algorithm: DigestAlgorithm = DigestAlgorithm.MD5,
    *,
    stat: os.stat_result | None = None,
) -> Digest:
    """As `hash_file`; a file that is as it was when it was hashed before costs a look at its state.

    Args:
        path: The file.
        memo: Remembers; see `ChecksumMemo.save`.
        algorithm: How to hash.
        stat: The file's state, if it has been looked at.

    Raises:
        OSError: It cannot be read.
    """
    before = stat or os.stat(path)
    known = memo.find(path, before, algorithm)
    if known is not None:
        return known
    started_ns = time.time_ns()
    digest = hash_file(path, algorithm)
    after = os.stat(path)
    if (after.st_size, after.st_mtime_ns) == (before.st_size, before.st_mtime_ns):
        memo.remember(path, after, algorithm, digest, hashed_at_ns=started_ns)
    return digest


def hash_files(
    paths: Sequence[str], algorithm: DigestAlgorithm = DigestAlgorithm.MD5, *, memo: ChecksumMemo | None = None
) -> list[Digest]:
    """The digests of many files, in their order, on all cores.

    Raises:
        OSError: One cannot be read.
    """
    if memo is None:
        return in_parallel(lambda path: hash_file(path, algorithm), paths)
    memo.load([os.path.dirname(os.path.abspath(path)) for path in paths[:1]])
    digests = in_parallel(lambda path: remembered_hash(path, memo, algorithm), paths)
    memo.save()
    return digests
