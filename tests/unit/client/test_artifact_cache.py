"""The cache of contents: what is in it is whole, and it keeps to its bound."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from kymograph.client.artifact_cache import DEFAULT_MAX_BYTES, ArtifactCache
from kymograph.core.digest import DigestAlgorithm, md5_digest
from kymograph.errors import UsageError

HELLO = md5_digest(b"hello")


@pytest.fixture
def cache(tmp_path: Path) -> ArtifactCache:
    return ArtifactCache(tmp_path / "cache", max_bytes=1 << 20)


def put(cache: ArtifactCache, content: bytes) -> str:
    path = cache.content_path(md5_digest(content))
    with cache.writing(path, size_bytes=len(content)) as file:
        file.write(content)
    return path


def test_contents_are_where_others_expect_them(cache: ArtifactCache, tmp_path: Path) -> None:
    assert cache.content_path(HELLO) == str(tmp_path / "cache/obj/md5/5d/41402abc4b2a76b9719d911017c592")
    assert "/obj/xxh128/5d/" in cache.content_path(HELLO, DigestAlgorithm.XXH128)
    reference = Path(cache.reference_path("http://x/y", "tag"))
    assert [len(part) for part in reference.parts[-2:]] == [2, 62]
    assert cache.reference_path("http://x/y", "other") != str(reference)


def test_a_content_is_found_if_it_has_its_size(cache: ArtifactCache) -> None:
    path = put(cache, b"hello")

    assert cache.find(path, size_bytes=5) == path == cache.find(path)
    assert cache.find(path, size_bytes=6) is None
    assert cache.find(cache.content_path(md5_digest(b"other"))) is None
    assert os.stat(path).st_mode & 0o222 == 0


def test_what_is_not_written_to_the_end_is_not_there(cache: ArtifactCache, tmp_path: Path) -> None:
    path = cache.content_path(HELLO)

    def half() -> None:
        with cache.writing(path) as file:
            file.write(b"hel")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        half()

    assert cache.find(path) is None
    assert list((tmp_path / "cache/tmp").iterdir()) == []


@pytest.mark.parametrize("may_share", [True, False])
def test_a_content_is_taken(cache: ArtifactCache, tmp_path: Path, may_share: bool) -> None:
    path = put(cache, b"hello")
    target = tmp_path / "target"
    for _ in range(2):
        assert cache.take(path, target, size_bytes=5, may_share=may_share)
        assert target.read_bytes() == b"hello"
    assert not cache.take(path, target, size_bytes=6)
    assert not cache.take(cache.content_path(md5_digest(b"x")), target, may_share=may_share)
    with pytest.raises(FileNotFoundError):
        cache.take(path, tmp_path / "no" / "folder", may_share=may_share)


def test_a_taken_file_may_be_written_to_unless_it_is_shared(cache: ArtifactCache, tmp_path: Path) -> None:
    path = put(cache, b"hello")
    cache.take(path, tmp_path / "target", may_share=False)
    (tmp_path / "target").write_bytes(b"changed")

    assert Path(path).read_bytes() == b"hello"


def test_a_file_is_kept(cache: ArtifactCache, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(b"hello")
    assert cache.keep(cache.content_path(HELLO), source, is_ours=False)
    source.write_bytes(b"changed")

    assert Path(cache.content_path(HELLO)).read_bytes() == b"hello"


def test_what_is_larger_than_the_cache_is_not_kept(cache: ArtifactCache, tmp_path: Path) -> None:
    (tmp_path / "large").write_bytes(bytes((1 << 20) + 1))

    assert not cache.keep(cache.content_path(HELLO), tmp_path / "large")


def test_the_default_bound_is_a_share_of_the_disk(tmp_path: Path) -> None:
    cache = ArtifactCache(tmp_path / "not" / "there")

    assert 0 < cache.max_bytes <= min(DEFAULT_MAX_BYTES, shutil.disk_usage(tmp_path).total // 10)


def test_it_keeps_to_its_bound(cache: ArtifactCache) -> None:
    for index in range(200):
        put(cache, index.to_bytes(2, "big") * 10_000)

    assert cache.size_bytes() <= (1 << 20) + (1 << 20), "the bound, and what may be untold"
    cache.flush()
    put(cache, b"x" * (1 << 20))
    put(cache, b"y" * (1 << 20))
    assert cache.size_bytes() <= 2 << 20


def test_many_processes_keep_to_it_and_read_nothing_broken(tmp_path: Path) -> None:
    script = f"""
import random, sys
from pathlib import Path
from kymograph.core.digest import md5_digest
from kymograph.client.artifact_cache import ArtifactCache
cache = ArtifactCache(Path({str(tmp_path / "cache")!r}), max_bytes=2 << 20)
random.seed(int(sys.argv[1]))
target = Path({str(tmp_path)!r}, sys.argv[1])
for _ in range(300):
    content = random.randrange(100).to_bytes(1, "big") * 50_000
    path = cache.content_path(md5_digest(content))
    if cache.take(path, target, size_bytes=len(content), may_share=random.random() < 0.5):
        assert target.read_bytes() == content
    else:
        with cache.writing(path, size_bytes=len(content)) as file:
            file.write(content[:10_000]); file.flush(); file.write(content[10_000:])
"""
    processes = [subprocess.Popen([sys.executable, "-c", script, str(number)]) for number in range(4)]
    assert [process.wait() for process in processes] == [0] * 4

    assert ArtifactCache(tmp_path / "cache").size_bytes() <= (2 << 20) + 4 * (1 << 20)


def test_what_was_used_least_recently_goes_first(cache: ArtifactCache, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = [put(cache, bytes([index]) * 100) for index in range(4)]
    for position, path in enumerate(paths):
        os.utime(path, ns=(2 * 10**18 + position * 10**9,) * 2)
    cache.find(paths[0])
    os.utime(paths[0], ns=(2 * 10**18 + 10**12,) * 2)
    assert cache.cleanup(target_size=250) == 200

    assert [os.path.exists(path) for path in paths] == [True, False, False, True]


def test_clean_up_leaves_what_is_asked(cache: ArtifactCache) -> None:
    for index in range(10):
        put(cache, bytes([index]) * 100)

    assert cache.cleanup(target_fraction=0.5) == 500
    assert cache.size_bytes() == 500
    assert cache.cleanup(target_size=1000) == 0
    assert cache.cleanup() == 500
    assert cache.size_bytes() == 0


def test_clean_up_refuses_what_makes_no_sense(cache: ArtifactCache) -> None:
    with pytest.raises(UsageError, match="Cannot specify both target_size and target_fraction"):
        cache.cleanup(target_size=1, target_fraction=0.5)
    with pytest.raises(ValueError, match="target_size must be non-negative"):
        cache.cleanup(target_size=-1)
    with pytest.raises(ValueError, match="target_fraction must be between 0 and 1"):
        cache.cleanup(target_fraction=1.5)


def test_files_that_are_being_written_are_left_unless_asked(cache: ArtifactCache, tmp_path: Path) -> None:
    (tmp_path / "cache/tmp").mkdir(parents=True)
    (tmp_path / "cache/tmp/x").write_bytes(b"12345")

    assert cache.cleanup() == 0
    assert cache.cleanup(remove_temp=True) == 5


def test_space_is_made_on_a_full_disk(cache: ArtifactCache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half of the cache goes first, then all of it, and then it is an error."""
    for index in range(10):
        put(cache, bytes([index]) * 100)
    size = 1100

    def usage(_: Any) -> Any:
        return SimpleNamespace(free=size - cache.size_bytes())

    monkeypatch.setattr(shutil, "disk_usage", usage)
    put(cache, b"x" * 300)
    assert cache.size_bytes() == 800
    put(cache, b"y" * 1000)
    assert cache.size_bytes() == 1000
    with pytest.raises(OSError, match="Insufficient free space") as caught:
        put(cache, b"z" * 1101)
    assert caught.value.errno == errno.ENOSPC


def test_a_counter_that_is_damaged_is_counted_anew(cache: ArtifactCache, tmp_path: Path) -> None:
    put(cache, b"x" * 100)
    cache.flush()
    for text in ("", "{}", '{"bytes": "x", "counted_at": 0}', '{"bytes": -5, "counted_at": 0}'):
        (tmp_path / "cache/usage.json").write_text(text)
        cache.flush()

        assert '"bytes": 100' in (tmp_path / "cache/usage.json").read_text()
