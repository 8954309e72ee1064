"""Segments as files of this machine, also where the objects lie in a bucket."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from kymograph.core.history import LineBatch, Stream
from kymograph.errors import StorageFull, StoreCorrupt
from kymograph.storage.history.base import Segment
from kymograph.storage.history.segments.files import SegmentFiles
from kymograph.storage.objects.store import ObstoreObjects, open_objects
from kymograph.testing.databases import sqlite_database
from kymograph.types import ObjectKey, RunKey, WriterId
from tests.unit.storage.history.compacting import Compactions
from tests.unit.storage.history.model import append

RUN = RunKey(1)


@pytest.fixture
def bucket(tmp_path: Path) -> ObstoreObjects:
    """Stores without files of this machine are alike for readers of segments."""
    return open_objects("memory://")


@pytest.fixture
def segments(tmp_path: Path, bucket: ObstoreObjects) -> list[Segment]:
    """Three segments, with their objects in the bucket."""
    with sqlite_database(tmp_path) as database:
        compactions = Compactions(database, tmp_path)
        for number in range(3):
            append(database, RUN, [LineBatch(Stream.HISTORY, number, [f'{{"a":{number}}}'])])
            compactions.compact(RUN)
        found = list(database.read(lambda tx: tx.segments.list_live([RUN], Stream.HISTORY))[RUN])
    for segment in found:
        for key in (segment.points_key, segment.lines_key):
            bucket.put_bytes(key, compactions.objects.read_bytes(key))
    return found


def first_line(files: SegmentFiles, segment: Segment) -> str:
    number = segment.extents[0].first_line
    return files.lines(segment).pick({WriterId(""): [number]})[WriterId("")][number]


def test_copies_are_made_and_kept_within_the_bound(
    tmp_path: Path, bucket: ObstoreObjects, segments: list[Segment]
) -> None:
    folder = tmp_path / "copies"
    files = SegmentFiles(bucket, folder=folder, folder_bytes=1)

    assert [files.points(segment).row_count for segment in segments] == [1, 1, 1]
    assert len(list(folder.iterdir())) == 1


def test_copy_that_somebody_removed_is_fetched_again(
    tmp_path: Path, bucket: ObstoreObjects, segments: list[Segment]
) -> None:
    """The process that builds segments shares the folder, and makes room in it too."""
    folder = tmp_path / "copies"
    files = SegmentFiles(bucket, folder=folder, folder_bytes=10**9)
    assert first_line(files, segments[0]) == '{"a":0}'
    for path in folder.iterdir():
        path.unlink()

    assert first_line(files, segments[0]) == '{"a":0}'


def test_copy_that_goes_just_before_it_is_opened_is_fetched_again(
    tmp_path: Path, bucket: ObstoreObjects, segments: list[Segment], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "copies"
    files = SegmentFiles(bucket, folder=folder, folder_bytes=10**9)
    path_of = files._copies.path_of
    calls = 0

    def path_of_what_goes(key: ObjectKey) -> Path:
        nonlocal calls
        path, calls = path_of(key), calls + 1
        if calls == 1:
            path.unlink()
        return path

    monkeypatch.setattr(files._copies, "path_of", path_of_what_goes)

    assert files.points(segments[0]).row_count == 1
    assert calls == 2


def test_object_that_is_not_there_is_said_to_be_missing(
    tmp_path: Path, bucket: ObstoreObjects, segments: list[Segment]
) -> None:
    files = SegmentFiles(bucket, folder=tmp_path / "copies", folder_bytes=10**9)
    first_line(files, segments[1])
    for segment in segments[:2]:
        bucket.delete_keys([segment.points_key, segment.lines_key])
    for path in (tmp_path / "copies").iterdir():
        path.unlink()

    for segment in segments[:2]:
        with pytest.raises(StoreCorrupt, match="missing"):
            files.points(segment)
        with pytest.raises(StoreCorrupt, match="missing"):
            first_line(files, segment)


def test_full_disk_makes_older_copies_go_so_that_reads_go_on(
    tmp_path: Path, bucket: ObstoreObjects, segments: list[Segment], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "copies"
    files = SegmentFiles(bucket, folder=folder, folder_bytes=10**9)
    files.points(segments[0])
    files.points(segments[1])
    download = bucket.download

    def download_to_a_small_disk(key: ObjectKey, path: Path) -> None:
        if len(list(folder.iterdir())) > 1:
            path.write_bytes(b"half")
            raise StorageFull(str(folder)) from OSError(errno.ENOSPC, "no space")
        download(key, path)

    monkeypatch.setattr(bucket, "download", download_to_a_small_disk)

    assert files.points(segments[2]).row_count == 1
    assert len(list(folder.iterdir())) == 2
    files.let_go(segments)
    monkeypatch.setattr(bucket, "download", lambda key, path: download_to_a_full_disk(path))
    with pytest.raises(StorageFull):
        files.points(segments[0])
    assert list(folder.iterdir()) == []


def download_to_a_full_disk(path: Path) -> None:
    path.write_bytes(b"half")
    raise StorageFull("the folder")
