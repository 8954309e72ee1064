"""Large files go up in parts, where the server can take them. Source: protocol.md §7.4."""

from __future__ import annotations

import os
from hashlib import md5
from pathlib import Path

from kymograph.client.artifact_uploads import Part
from kymograph.client.parallel import in_parallel

FROM_BYTES = 2 << 30
"""Smaller files go up whole."""
PART_BYTES = 100 << 20
MAX_PARTS = 10_000
_BLOCK_BYTES = 4096
_READ_BYTES = 1 << 20


def part_size(size_bytes: int) -> int:
    """How long the parts of a file are, but for the last."""
    if size_bytes <= PART_BYTES * MAX_PARTS:
        return PART_BYTES
    least = -(-size_bytes // MAX_PARTS)
    return -(-least // _BLOCK_BYTES) * _BLOCK_BYTES


def hash_parts(path: Path, size_bytes: int) -> tuple[Part, ...]:
    """The parts of a file with their digests, on all cores; none of a file that goes up whole, or is not there."""
    if size_bytes < FROM_BYTES or not path.is_file():
        return ()
    size = part_size(size_bytes)
    numbers = range(1, -(-size_bytes // size) + 1)

    def digest(number: int) -> Part:
        hasher = md5(usedforsecurity=False)
        with path.open("rb", buffering=0) as source:
            source.seek((number - 1) * size)
            left = min(size, size_bytes - (number - 1) * size)
            while left > 0 and (piece := source.read(min(left, _READ_BYTES))):
                hasher.update(piece)
                left -= len(piece)
        return Part(number, hasher.hexdigest())

    return tuple(in_parallel(digest, numbers, threads=os.cpu_count()))
