"""Files that are whole or not there, and survive a power failure."""

from __future__ import annotations

import ctypes
import errno
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kymograph.storage import durable
from kymograph.testing.power import watched_flushes


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "source"
    path.write_bytes(b"new")
    return path


@pytest.fixture
def root(tmp_path: Path) -> Path:
    path = tmp_path / "root"
    path.mkdir()
    return path


def no_links(*_: Any) -> None:
    raise OSError(errno.EXDEV, "another file system")


@pytest.mark.parametrize("is_linked", [True, False])
def test_content_and_name_are_on_the_disk_when_it_returns(
    source: Path, root: Path, monkeypatch: pytest.MonkeyPatch, is_linked: bool
) -> None:
    if not is_linked:
        monkeypatch.setattr(os, "link", no_links)
    target = root / "a" / "b" / "file"

    with watched_flushes() as flushed:
        durable.put_file(source, target, root=root)

    assert target.read_bytes() == b"new"
    assert flushed.holds(target, root=root)
    assert os.listdir(target.parent) == ["file"]
    assert source.exists()


def test_the_watch_knows_what_is_not_on_the_disk(source: Path, root: Path) -> None:
    """Or the test above would say nothing."""
    target = root / "a" / "file"
    with watched_flushes() as flushed:
        target.parent.mkdir()
        shutil.copyfile(source, target)
        assert not flushed.holds(target, root=root)
        for path in (target, root):
            descriptor = os.open(path, os.O_RDONLY)
            os.fsync(descriptor)
            os.close(descriptor)
        assert not flushed.holds(target, root=root)  # its folder was not flushed


def full(*_: Any, **__: Any) -> None:
    raise OSError(errno.ENOSPC, "no space")


@pytest.mark.parametrize("broken", ["shutil.copyfile", "os.fsync", "pathlib.Path.replace"])
def test_failure_leaves_the_target_as_it_was_and_nothing_beside_it(
    source: Path, root: Path, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    target = root / "file"
    target.write_bytes(b"old")
    monkeypatch.setattr(os, "link", no_links)
    monkeypatch.setattr(broken, full)

    with pytest.raises(OSError, match="no space"):
        durable.put_file(source, target, root=root)

    assert target.read_bytes() == b"old"
    assert os.listdir(root) == ["file"]


def test_folder_that_is_removed_meanwhile_is_made_again(
    source: Path, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever deletes the last object of a folder removes the folder, too."""
    target = root / "a" / "file"
    link: Callable[..., None] = os.link
    calls = 0

    def link_late(*args: Any) -> None:
        nonlocal calls
        calls += 1
        if calls == 1:
            target.parent.rmdir()
        link(*args)

    monkeypatch.setattr(os, "link", link_late)

    durable.put_file(source, target, root=root)

    assert target.read_bytes() == b"new"
    assert calls == 2


@pytest.mark.parametrize("is_known", [True, False])
def test_whole_file_system_is_flushed(root: Path, monkeypatch: pytest.MonkeyPatch, is_known: bool) -> None:
    calls: list[int] = []

    def flush(descriptor: int = -1) -> int:
        calls.append(descriptor)
        return 0

    monkeypatch.setattr(durable, "_syncfs", flush if is_known else None)
    monkeypatch.setattr(os, "sync", flush)

    durable.flush_file_system(root)

    assert len(calls) == 1
    assert (calls[0] >= 0) is is_known


def test_disk_that_does_not_take_a_flush_is_an_error(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(descriptor: int) -> int:
        ctypes.set_errno(errno.EIO)
        return -1

    monkeypatch.setattr(durable, "_syncfs", fail)

    with pytest.raises(OSError, match="Input/output error"):
        durable.flush_file_system(root)


@pytest.mark.parametrize("is_known", [True, False])
def test_flush_is_begun_where_the_system_can(source: Path, monkeypatch: pytest.MonkeyPatch, is_known: bool) -> None:
    if not is_known:
        monkeypatch.setattr(durable, "_sync_file_range", None)
    with source.open("r+b") as file:
        file.write(b"newer")
        durable.begin_to_flush(file.fileno())


def test_the_system_can_flush(root: Path) -> None:
    known = durable._syncfs is not None, durable._sync_file_range is not None
    assert known == (True, True) or sys.platform != "linux"
    durable.flush_file_system(root)

    with pytest.raises(FileNotFoundError):
        durable.flush_file_system(root / "none")


def test_source_that_is_not_there_is_an_error(root: Path) -> None:
    with pytest.raises(FileNotFoundError):
        durable.put_file(root / "none", root / "file", root=root)
