"""Downloads: each file checked, errors waited out, and complete or not there."""

from __future__ import annotations

from pathlib import Path

import pytest

from kymograph.bucket.destination import MARK
from kymograph.bucket.downloading import BucketDownload
from kymograph.bucket.stores.registry import open_store
from kymograph.core.digest import md5_digest
from kymograph.errors import CommError, DigestMismatch, Forbidden, ReferenceChanged, ReferenceNotFound, Unreachable
from kymograph.sdk.artifacts.entry import ArtifactManifestEntry
from kymograph.sdk.artifacts.references.registry import References
from tests.unit.bucket.faulty import Killed

FILES = {f"{index % 3}/{index}.txt": f"content {index}".encode() for index in range(12)}


@pytest.fixture
def entries(tmp_path: Path) -> list[ArtifactManifestEntry]:
    store = open_store(f"file://{tmp_path}/bucket")
    for name, content in FILES.items():
        source = tmp_path / "source"
        source.write_bytes(content)
        store.put(source, f"d/{name}", size_bytes=len(content), md5=md5_digest(content))
    return [found.entry(found.path.removeprefix("d/")) for found in store.iter_objects("d")]


class FaultyReferences(References):
    """Fails at some of its fetches, by number from 1."""

    def __init__(self, *errors_at: int, error: BaseException | None = None, is_late: bool = False) -> None:
        super().__init__()
        self.fetched: list[str] = []
        self._errors_at, self._is_late = errors_at, is_late
        self._error = error or Unreachable("file://", problem="planned by the test")

    def fetch(self, entry: ArtifactManifestEntry, target: Path) -> None:
        self.fetched.append(entry.path)
        is_planned = len(self.fetched) in self._errors_at
        if not is_planned or self._is_late:
            super().fetch(entry, target)
        if is_planned:
            raise self._error


def download(
    entries: list[ArtifactManifestEntry], references: References, folder: Path, *, retries: int = 5
) -> list[float]:
    waits: list[float] = []
    BucketDownload("words:v0", entries, references=references, retries=retries, sleep=waits.append, is_shown=False).run(
        folder
    )
    return waits


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(autouse=True)
def one_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that the order of fetches is the same each time."""
    monkeypatch.setattr("kymograph.bucket.downloading.AT_ONCE", 1)


def test_failures_are_waited_out_and_what_came_is_not_fetched_again(
    entries: list[ArtifactManifestEntry], tmp_path: Path
) -> None:
    references = FaultyReferences(3, 4, 8)

    waits = download(entries, references, tmp_path / "here")

    assert contents(tmp_path / "here") == FILES
    assert waits == [1.0, 3.0, 7.0]
    assert len(references.fetched) == len(FILES) + 3


def test_the_last_failure_is_raised_and_nothing_claims_to_be_complete(
    entries: list[ArtifactManifestEntry], tmp_path: Path
) -> None:
    with pytest.raises(Unreachable):
        download(entries, FaultyReferences(*range(5, 100)), tmp_path / "here")
    assert not (tmp_path / "here").exists()

    again = FaultyReferences()
    download(entries, again, tmp_path / "here")
    assert len(again.fetched) == len(FILES) - 4
    assert contents(tmp_path / "here") == FILES


@pytest.mark.parametrize("is_late", [False, True])
@pytest.mark.parametrize("at", range(1, len(FILES) + 1))
def test_a_download_that_is_killed_anywhere_goes_on(
    entries: list[ArtifactManifestEntry], tmp_path: Path, at: int, is_late: bool
) -> None:
    for folder in (tmp_path / "new", tmp_path / "used"):
        if folder.name == "used":
            folder.mkdir()
            (folder / "mine").write_text("mine")
        with pytest.raises(Killed):
            download(entries, FaultyReferences(at, error=Killed(), is_late=is_late), folder)
        assert not folder.exists() or (folder / MARK).exists()

        download(entries, FaultyReferences(), folder)

        assert {**contents(folder), "mine": b""} == {**FILES, "mine": b""}
        assert not (folder / MARK).exists()


@pytest.mark.parametrize("error", [Forbidden("read", where="s3://bucket"), ReferenceNotFound("gone", uri="file://x")])
def test_what_does_not_pass_is_not_waited_for(
    entries: list[ArtifactManifestEntry], tmp_path: Path, error: Exception
) -> None:
    references = FaultyReferences(2, error=error)

    with pytest.raises(type(error)):
        download(entries, references, tmp_path / "here")

    assert len(references.fetched) == 2


def test_an_object_that_changed_is_refused(entries: list[ArtifactManifestEntry], tmp_path: Path) -> None:
    (tmp_path / "bucket/d/1/1.txt").write_bytes(b"changed 1")

    with pytest.raises(ReferenceChanged):
        download(entries, References(), tmp_path / "here")


def test_content_that_its_place_does_not_check_is_checked_here(tmp_path: Path) -> None:
    """Of a file system that knows no checksums, size and time may be what they were."""
    (tmp_path / "bucket").mkdir()
    store = open_store(f"memory://{tmp_path.name}")
    (tmp_path / "source").write_bytes(b"old")
    made = store.put(tmp_path / "source", "a", size_bytes=3, md5=md5_digest(b"old"))
    entry = made.entry("a", md5=md5_digest(b"new"))

    with pytest.raises(DigestMismatch):
        download([entry], References(), tmp_path / "here")
    assert not (tmp_path / "here").exists()


def test_files_that_are_there_are_kept_if_they_are_equal(entries: list[ArtifactManifestEntry], tmp_path: Path) -> None:
    here = tmp_path / "here"
    (here / "0").mkdir(parents=True)
    (here / "0/0.txt").write_bytes(FILES["0/0.txt"])
    (here / "0/3.txt").write_bytes(b"differs 3")
    references = FaultyReferences()

    download(entries, references, here)

    assert "0/0.txt" not in references.fetched
    assert contents(here) == FILES


def test_retries_of_nothing_are_one_attempt(entries: list[ArtifactManifestEntry], tmp_path: Path) -> None:
    with pytest.raises(CommError):
        download(entries, FaultyReferences(1), tmp_path / "here", retries=0)
