"""What files were hashed to."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from kymograph.core.digest import DigestAlgorithm, md5_digest
from kymograph.sdk.artifacts import hashing
from kymograph.sdk.artifacts.checksum_memo import FILE_NAME, ChecksumMemo
from kymograph.sdk.artifacts.hashing import hash_file, hash_files, remembered_hash

LONG_AGO_NS = 10**18 + 1


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "file"
    path.write_bytes(b"hello")
    os.utime(path, ns=(LONG_AGO_NS, LONG_AGO_NS))
    return path


@pytest.fixture
def memo(tmp_path: Path) -> ChecksumMemo:
    return ChecksumMemo(tmp_path / "cache")


def known(memo: ChecksumMemo, path: Path) -> bool:
    return memo.find(path, path.stat()) is not None


@pytest.mark.parametrize("size", [0, 1, hashing.READ_BYTES - 1, hashing.READ_BYTES, 2 * hashing.READ_BYTES + 7])
def test_content_of_any_size_is_hashed(tmp_path: Path, size: int) -> None:
    content = os.urandom(size)
    (tmp_path / "file").write_bytes(content)

    assert hash_file(tmp_path / "file") == md5_digest(content)


def test_xxh128_is_canonical(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")

    # Source: the test vectors of xxHash: XXH3_128bits of nothing is 99aa06d3014798d86001c324468d497f.
    assert hash_file(tmp_path / "file", DigestAlgorithm.XXH128) == "maoG0wFHmNhgAcMkRo1Jfw=="


def test_an_unchanged_file_is_not_hashed_again(memo: ChecksumMemo, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    digest = remembered_hash(file, memo)
    memo.save()
    memo.load([file.parent])
    monkeypatch.setattr(hashing, "hash_file", lambda *_: pytest.fail("hashed"))

    assert remembered_hash(file, memo) == digest


def test_it_is_kept_by_path_and_algorithm(memo: ChecksumMemo, file: Path, tmp_path: Path) -> None:
    remembered_hash(file, memo)
    memo.save()
    other = ChecksumMemo(tmp_path / "cache")

    assert not known(other, file)
    other.load_file(file)
    assert known(other, file)
    assert other.find(file, file.stat(), DigestAlgorithm.XXH128) is None
    other.save()
    other.load([file.parent / "fil"])
    assert not known(other, file), "a folder is no prefix of a name"


@pytest.mark.parametrize("change", ["size", "time", "file"])
def test_a_changed_file_is_hashed_again(memo: ChecksumMemo, file: Path, change: str) -> None:
    remembered_hash(file, memo)
    assert known(memo, file)
    if change == "size":
        file.write_bytes(b"longer")
        os.utime(file, ns=(LONG_AGO_NS, LONG_AGO_NS))
    elif change == "time":
        os.utime(file, ns=(LONG_AGO_NS, LONG_AGO_NS + 1))
    else:
        (file.parent / "new").write_bytes(b"HELLO")
        os.utime(file.parent / "new", ns=(LONG_AGO_NS, LONG_AGO_NS))
        os.replace(file.parent / "new", file)

    assert not known(memo, file)


def test_a_file_that_changed_just_now_is_not_remembered(memo: ChecksumMemo, file: Path) -> None:
    """It may change again within one tick of the clock, and nothing but its content would tell."""
    for age_ns, fraction, is_known in ((0, 1, False), (10**9, 1, True), (10**9, 0, False), (3 * 10**9, 0, True)):
        mtime_ns = 2 * 10**18 - age_ns + fraction
        os.utime(file, ns=(mtime_ns, mtime_ns))
        memo.remember(file, file.stat(), DigestAlgorithm.MD5, md5_digest(b"hello"), hashed_at_ns=2 * 10**18)
        assert known(memo, file) is is_known


def test_names_that_are_no_text_are_remembered(memo: ChecksumMemo, tmp_path: Path) -> None:
    path = os.fsdecode(os.fsencode(tmp_path) + b"/\xff")
    Path(path).write_bytes(b"x")
    os.utime(path, ns=(LONG_AGO_NS, LONG_AGO_NS))
    remembered_hash(path, memo)
    memo.save()
    memo.load([tmp_path])

    assert known(memo, Path(path))


def test_a_damaged_memo_is_begun_anew(memo: ChecksumMemo, file: Path, tmp_path: Path) -> None:
    database = tmp_path / "cache" / FILE_NAME
    database.parent.mkdir()
    database.write_bytes(b"no database" * 1000)
    memo.load([tmp_path])
    remembered_hash(file, memo)
    memo.save()
    memo.load([tmp_path])

    assert known(memo, file)


def test_a_memo_that_cannot_be_written_is_done_without(file: Path, tmp_path: Path) -> None:
    (tmp_path / "no-folder").write_text("")
    memo = ChecksumMemo(tmp_path / "no-folder")
    digest = remembered_hash(file, memo)
    memo.save()

    assert digest == md5_digest(b"hello")


def test_many_processes_share_it(tmp_path: Path) -> None:
    for index in range(200):
        path = tmp_path / "files" / str(index)
        path.parent.mkdir(exist_ok=True)
        path.write_text(str(index))
        os.utime(path, ns=(LONG_AGO_NS, LONG_AGO_NS))
    script = f"""
import glob
from pathlib import Path
from kymograph.sdk.artifacts.checksum_memo import ChecksumMemo
from kymograph.sdk.artifacts.hashing import hash_files
for _ in range(5):
    files = sorted(glob.glob({str(tmp_path / "files")!r} + "/*"))
    hash_files(files, memo=ChecksumMemo(Path({str(tmp_path / "cache")!r})))
"""
    processes = [subprocess.Popen([sys.executable, "-c", script]) for _ in range(4)]
    assert [process.wait() for process in processes] == [0] * 4

    memo = ChecksumMemo(tmp_path / "cache")
    memo.load([tmp_path / "files"])
    assert memo.loaded_count == 200


def test_many_files_are_hashed_in_order(folder: Path) -> None:
    paths = [str(folder / name) for name in ("a.txt", "b.txt", "deep/c.txt")]

    assert hash_files(paths) == [hash_file(path) for path in paths]
