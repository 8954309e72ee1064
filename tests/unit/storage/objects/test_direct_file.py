"""Large files past the system's cache: the same bytes, whatever the file system can, and however the pieces are cut."""

from __future__ import annotations

import errno
import os
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from kymograph.storage.objects import direct_file
from kymograph.storage.objects.direct_file import ALIGNED_BYTES, BLOCK_BYTES, DirectFile

SIZES = [0, 1, ALIGNED_BYTES - 1, ALIGNED_BYTES, ALIGNED_BYTES + 1, BLOCK_BYTES, BLOCK_BYTES + 5, 2 * BLOCK_BYTES + 777]


def content(size: int) -> bytes:
    return random.Random(size).randbytes(size)


def append(path: Path, start: int, *batches: Sequence[bytes]) -> None:
    file = os.open(path, os.O_RDWR | os.O_CREAT)
    try:
        target = DirectFile(file, start)
        for batch in batches:
            target.append(batch)
        target.end()
    finally:
        os.close(file)


@pytest.mark.parametrize("size", SIZES)
def test_what_is_appended_is_there(tmp_path: Path, size: int) -> None:
    expected = content(size)

    append(tmp_path / "one", 0, [expected])
    cuts = sorted(random.Random(0).choices(range(size + 1), k=9))
    pieces = [expected[at:end] for at, end in zip([0, *cuts], [*cuts, size], strict=True)]
    append(tmp_path / "many", 0, pieces[:4], [], pieces[4:])

    assert (tmp_path / "one").read_bytes() == expected
    assert (tmp_path / "many").read_bytes() == expected


@pytest.mark.parametrize("start", [ALIGNED_BYTES, 3 * ALIGNED_BYTES, 5])
def test_a_file_goes_on(tmp_path: Path, start: int) -> None:
    expected = content(BLOCK_BYTES + 10)
    (tmp_path / "file").write_bytes(expected[:start])

    append(tmp_path / "file", start, [expected[start:]])

    assert (tmp_path / "file").read_bytes() == expected


@pytest.mark.parametrize("way", ["no flag", "flag refused", "writes refused", "short writes"])
def test_file_systems_that_cannot_are_written_as_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    real = os.pwritev

    def refusing(file: int, blocks: Sequence[Any], at: int) -> int:
        if os.O_DIRECT & fcntl_flags(file):
            raise OSError(errno.EINVAL, "no")
        return real(file, blocks, at)

    if way == "no flag":
        monkeypatch.setattr(direct_file, "_DIRECT", 0)
    elif way == "flag refused":
        monkeypatch.setattr(direct_file, "_set_direct", lambda _file, _is_direct: False)
    elif way == "writes refused":
        monkeypatch.setattr(os, "pwritev", refusing)
    else:
        monkeypatch.setattr(os, "pwritev", lambda file, blocks, at: real(file, [blocks[0][:5_000]], at))
    expected = content(3 * BLOCK_BYTES + 123)

    append(tmp_path / "file", 0, [expected])

    assert (tmp_path / "file").read_bytes() == expected


def test_a_full_disk_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(os, "pwritev", full)

    with pytest.raises(OSError, match="full"):
        append(tmp_path / "file", 0, [content(BLOCK_BYTES)])


def fcntl_flags(file: int) -> int:
    import fcntl

    return fcntl.fcntl(file, fcntl.F_GETFL)
