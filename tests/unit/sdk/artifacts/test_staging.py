"""Contents between being added and being uploaded; and how files come from one place to another."""

from __future__ import annotations

import errno
import gc
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from kymograph.client import placing
from kymograph.client.artifact_cache import ArtifactCache
from kymograph.client.parallel import in_parallel
from kymograph.core.digest import DigestAlgorithm
from kymograph.errors import InvalidArtifact
from kymograph.sdk.artifacts import staging
from kymograph.sdk.artifacts.artifact import Artifact
from kymograph.sdk.artifacts.checksum_memo import ChecksumMemo
from kymograph.sdk.artifacts.folder_walk import iter_folder
from kymograph.sdk.artifacts.staging import Staging

MD5 = DigestAlgorithm.MD5


@pytest.fixture
def stage(tmp_path: Path) -> Staging:
    return Staging(
        lambda: tmp_path / "staging", memo=ChecksumMemo(tmp_path / "cache"), cache=ArtifactCache(tmp_path / "cache")
    )


def staged_folders(home: Path) -> list[Path]:
    return list((home / "data/artifacts/staging").glob("*"))


# --- where contents wait ----------------------------------------------------------------------------------------------


def test_equal_contents_are_kept_once(stage: Staging, folder: Path) -> None:
    (folder / "again.txt").write_text("hello")
    first, second = stage.take(folder / "a.txt", MD5), stage.take(folder / "again.txt", MD5)

    assert first == second
    assert Path(first.path).read_text() == "hello"
    assert os.stat(first.path).st_mode & 0o222 == 0, "nobody writes to it"


def test_files_are_moved_to_the_run_that_logs_them(
    artifact: Artifact, folder: Path, home: Path, tmp_path: Path
) -> None:
    artifact.add_dir(folder)
    artifact.add_file(folder / "a.txt", name="immutable.txt", policy="immutable")
    assert len(staged_folders(home)) == 1
    artifact.draft.move_into(tmp_path / "run")

    assert staged_folders(home) == []
    paths = [Path(str(entry.local_path)) for entry in artifact.manifest.entries.values()]
    assert [path.read_text() for path in paths] == ["hello", "world", "deeper", "hello"]
    assert all(path.is_relative_to(tmp_path / "run" / "artifacts") for path in paths)
    artifact.draft.move_into(tmp_path / "run")
    assert [Path(str(entry.local_path)) for entry in artifact.manifest.entries.values()] == paths


def test_immutable_files_may_stay_where_they_are(artifact: Artifact, folder: Path, tmp_path: Path) -> None:
    entry = artifact.add_file(folder / "a.txt", policy="immutable")
    artifact.draft.move_into(tmp_path / "run", with_immutable=False)

    assert entry.local_path == str(folder / "a.txt")


def test_contents_are_copied_to_another_file_system(
    artifact: Artifact, folder: Path, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    artifact.add_dir(folder)

    def no_rename(*_: Any) -> None:
        raise OSError(errno.EXDEV, "another device")

    monkeypatch.setattr(os, "rename", no_rename)
    artifact.draft.move_into(tmp_path / "run")

    assert staged_folders(home) == []
    assert Path(str(artifact.manifest.entries["deep/c.txt"].local_path)).read_text() == "deeper"


def test_an_artifact_that_is_dropped_leaves_nothing(folder: Path, home: Path) -> None:
    artifact = Artifact("x", "y")
    artifact.add_dir(folder)
    del artifact
    gc.collect()

    assert staged_folders(home) == []


def test_what_a_run_has_stays(folder: Path, tmp_path: Path) -> None:
    artifact = Artifact("x", "y")
    entry = artifact.add_file(folder / "a.txt")
    artifact.draft.move_into(tmp_path / "run")
    del artifact
    entry.parent = None
    gc.collect()

    assert Path(str(entry.local_path)).read_text() == "hello"


def test_a_process_that_ends_leaves_nothing_and_one_that_was_killed_is_cleaned_up_after(
    folder: Path, home: Path
) -> None:
    script = f"""
import os, sys
from kymograph.sdk.artifacts.artifact import Artifact
artifact = Artifact("x", "y")
artifact.add_dir({str(folder)!r})
if sys.argv[1] == "killed":
    os.kill(os.getpid(), 9)
"""
    for how in ("ended", "killed"):
        subprocess.run([sys.executable, "-c", script, how], check=False, capture_output=True, env=dict(os.environ))
        assert len(staged_folders(home)) == (how == "killed")

    artifact = Artifact("x", "y")
    artifact.add_dir(folder)

    assert staged_folders(home) == [artifact.draft._prepared()[0].folder]


def test_a_forked_process_leaves_the_contents_of_its_parent(artifact: Artifact, folder: Path) -> None:
    entry = artifact.add_file(folder / "a.txt")
    removal = artifact.draft._prepared()[0]._removal
    assert removal is not None
    removal.peek()[1](artifact.draft._prepared()[0].folder, os.getpid() + 1)  # type: ignore[index] # alive

    assert Path(str(entry.local_path)).exists()


def test_a_folder_that_cannot_be_written_is_told(artifact: Artifact, folder: Path, home: Path) -> None:
    home.mkdir()
    (home / "data").write_text("a file")
    with pytest.raises(InvalidArtifact, match="set WANDB_DATA_DIR to a folder that you can write"):
        artifact.add_file(folder / "a.txt")


# --- what is spared ---------------------------------------------------------------------------------------------------


def test_a_known_file_in_the_cache_is_not_read(stage: Staging, folder: Path, tmp_path: Path) -> None:
    file = folder / "a.txt"
    os.utime(file, ns=(10**18 + 1, 10**18 + 1))
    memo, cache = ChecksumMemo(tmp_path / "cache"), ArtifactCache(tmp_path / "cache")
    first = Staging(lambda: tmp_path / "one", memo=memo, cache=cache)
    staged = first.take(file, MD5)
    cache.keep(cache.content_path(staged.digest), staged.path)
    memo.save()

    memo.load([folder])
    before = file.stat()
    file.write_text("HELLO")  # unseen: everything but the content is as it was
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    second = Staging(lambda: tmp_path / "two", memo=memo, cache=cache)
    again = second.take(file, MD5)

    assert again.digest == staged.digest
    assert Path(again.path).read_text() == "hello", "the content that has the digest"


def test_a_known_file_that_is_not_in_the_cache_is_copied(folder: Path, tmp_path: Path) -> None:
    os.utime(folder / "a.txt", ns=(10**18 + 1, 10**18 + 1))
    memo, cache = ChecksumMemo(tmp_path / "cache"), ArtifactCache(tmp_path / "cache")
    one = Staging(lambda: tmp_path / "one", memo=memo, cache=cache)
    two = Staging(lambda: tmp_path / "two", memo=memo, cache=cache)
    first, second = one.take(folder / "a.txt", MD5), two.take(folder / "a.txt", MD5)

    assert first.digest == second.digest
    assert Path(second.path).read_text() == "hello"


def test_a_file_that_changes_while_it_is_copied_has_the_digest_of_the_copy(
    stage: Staging, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = folder / "a.txt"
    os.utime(file, ns=(10**18 + 1, 10**18 + 1))
    stage.take(file, MD5)
    real = placing.place

    def changing(source: Any, target: Any, **more: Any) -> Any:
        file.write_text("other content")
        return real(source, target, **more)

    monkeypatch.setattr(staging, "place", changing)
    other = Staging(lambda: tmp_path / "two", memo=stage._memo, cache=stage._cache)
    staged = other.take(file, MD5)

    assert staged.digest == Artifact("x", "y").add_file(file, policy="immutable").digest
    assert Path(staged.path).read_text() == "other content"


@pytest.mark.parametrize("size", [0, 1, placing.COPY_BYTES - 1, placing.COPY_BYTES, 3 * placing.COPY_BYTES + 1])
@pytest.mark.parametrize("algorithm", list(DigestAlgorithm))
def test_content_of_any_size_is_kept(stage: Staging, tmp_path: Path, size: int, algorithm: DigestAlgorithm) -> None:
    content = os.urandom(size)
    (tmp_path / "file").write_bytes(content)
    staged = stage.take(tmp_path / "file", algorithm)

    assert Path(staged.path).read_bytes() == content
    assert staged.size_bytes == size


def test_a_file_that_grows_while_it_is_read_is_kept_whole(
    stage: Staging, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was small when it was looked at; what is kept has the digest that is told."""
    file = tmp_path / "file"
    file.write_bytes(b"x")
    real = os.stat(file)
    file.write_bytes(b"y" * (placing.COPY_BYTES + 5))
    looked: list[int] = []

    def stale(path: Any, **more: Any) -> os.stat_result:
        looked.append(1)
        return real if len(looked) == 1 else os.lstat(path)

    monkeypatch.setattr(os, "stat", stale)
    staged = stage.take(file, MD5)
    monkeypatch.undo()

    assert Path(staged.path).read_bytes() == file.read_bytes()


# --- bringing files from one place to another -------------------------------------------------------------------------


def test_a_shared_file_is_one_file(tmp_path: Path, folder: Path) -> None:
    way = placing.place(folder / "a.txt", tmp_path / "target", may_share=True)

    assert way in ("clone", "link")
    assert (tmp_path / "target").read_text() == "hello"


def test_a_file_that_may_be_written_to_is_never_shared(tmp_path: Path, folder: Path) -> None:
    (tmp_path / "target").write_text("before")
    way = placing.place(folder / "a.txt", tmp_path / "target", may_share=False, mode=0o600)
    (folder / "a.txt").write_text("after")

    assert way in ("clone", "copy")
    assert (tmp_path / "target").read_text() == "hello"
    assert (tmp_path / "target").stat().st_mode & 0o777 == 0o600


def test_clones_are_taken_where_there_are_some(tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def cloned(source: str, target: str) -> None:
        Path(target).write_bytes(Path(source).read_bytes())

    monkeypatch.setattr(placing, "_without_clones", set())
    monkeypatch.setattr(placing, "_clone", cloned)

    assert placing.place(folder / "a.txt", tmp_path / "target", may_share=True) == "clone"
    assert (tmp_path / "target").read_text() == "hello"


def test_clones_are_not_tried_again_where_there_are_none(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = []

    def refused(source: str, target: str) -> None:
        tried.append(source)
        raise OSError(errno.EOPNOTSUPP, "no clones")

    monkeypatch.setattr(placing, "_without_clones", set())
    monkeypatch.setattr(placing, "_clone", refused)
    for name in ("a.txt", "b.txt"):
        assert placing.clone(folder / name, tmp_path / name) is False

    assert tried == [str(folder / "a.txt")]


def test_what_cannot_be_placed_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "target").write_text("before")
    with pytest.raises(FileNotFoundError):
        placing.place(tmp_path / "nothing", tmp_path / "target", may_share=False)

    def half() -> None:
        with placing.written_whole(tmp_path / "target") as file:
            file.write(b"half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        half()
    assert sorted(os.listdir(tmp_path)) == ["target", "work"]
    assert (tmp_path / "target").read_text() == "before"


# --- folders ----------------------------------------------------------------------------------------------------------


def test_links_within_a_folder_are_followed(folder: Path) -> None:
    (folder / "link.txt").symlink_to("a.txt")
    (folder / "deep-link").symlink_to("deep", target_is_directory=True)

    assert [name for name, _ in iter_folder(folder)] == [
        "a.txt", "b.txt", "deep/c.txt", "deep-link/c.txt", "link.txt",
    ]  # fmt: skip


def test_circles_of_links_end(folder: Path) -> None:
    (folder / "deep" / "up").symlink_to("..", target_is_directory=True)

    assert [name for name, _ in iter_folder(folder)] == ["a.txt", "b.txt", "deep/c.txt"]


@pytest.mark.parametrize("target", ["/etc/hostname", "../../elsewhere", "/etc"])
def test_a_link_that_leaves_the_folder_is_refused(folder: Path, artifact: Artifact, target: str) -> None:
    (folder.parent / "elsewhere").write_text("secret")
    (folder / "deep" / "link").symlink_to(target)
    with pytest.raises(InvalidArtifact, match="deep/link is a link that leaves the folder, to /"):
        artifact.add_dir(folder)

    assert len(artifact.manifest) == 0


def test_a_link_that_leaves_the_folder_is_followed_if_asked(folder: Path, artifact: Artifact) -> None:
    (folder.parent / "elsewhere").write_text("wanted")
    (folder / "link").symlink_to("../elsewhere")
    artifact.add_dir(folder, follow_outside=True)

    assert artifact.manifest.entries["link"].size == 6


def test_a_link_to_nothing_is_refused(folder: Path, artifact: Artifact) -> None:
    (folder / "link").symlink_to("nothing")
    with pytest.raises(InvalidArtifact, match=r"link is a link to .*nothing, and there is nothing"):
        artifact.add_dir(folder)


def test_what_is_neither_file_nor_folder_is_passed_over(folder: Path) -> None:
    os.mkfifo(folder / "pipe")

    assert "pipe" not in [name for name, _ in iter_folder(folder)]


# --- at once ----------------------------------------------------------------------------------------------------------


def test_results_come_in_order() -> None:
    assert in_parallel(lambda number: number * 2, range(1000), threads=4) == [number * 2 for number in range(1000)]
    assert in_parallel(lambda number: number, []) == []


def test_an_error_ends_it() -> None:
    done: list[int] = []
    lock = threading.Lock()

    def failing(number: int) -> None:
        with lock:
            done.append(number)
        if number == 0:
            raise ValueError(number)

    with pytest.raises(ValueError, match="0"):
        in_parallel(failing, range(10_000), threads=2)

    assert len(done) < 10_000
