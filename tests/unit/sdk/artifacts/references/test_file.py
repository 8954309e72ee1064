"""References to files of this machine."""

from __future__ import annotations

import hashlib
import os
from base64 import b64encode
from pathlib import Path

import pytest

from kymograph.errors import InvalidReference, ReferenceChanged, ReferenceNotFound
from kymograph.sdk.artifacts.artifact import Artifact
from kymograph.sdk.artifacts.entry import ArtifactManifestEntry
from kymograph.sdk.artifacts.references.base import Tracking
from kymograph.sdk.artifacts.references.file import FileHandler


def track(uri: str, name: str | None = None, *, checksum: bool = True, limit: int = 100) -> list[ArtifactManifestEntry]:
    return FileHandler().track(Tracking(uri, name=name, checksum=checksum, max_objects=limit))


def forms(entries: list[ArtifactManifestEntry]) -> dict[str, tuple[str | None, int | None]]:
    return {entry.path: (entry.ref, entry.size) for entry in entries}


def of_address(path: Path) -> str:
    return b64encode(hashlib.md5(path.resolve().as_uri().encode()).digest()).decode()


def test_a_folder_gives_an_entry_for_each_file(folder: Path) -> None:
    assert forms(track(f"file://{folder}")) == {
        "a.txt": (f"file://{folder}/a.txt", 5),
        "b.txt": (f"file://{folder}/b.txt", 5),
        "deep/c.txt": (f"file://{folder}/deep/c.txt", 6),
    }
    assert list(forms(track(f"file://{folder}/", "x/"))) == ["x/a.txt", "x/b.txt", "x/deep/c.txt"]


def test_links_to_files_are_followed(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_text("hello")
    (folder / "link").symlink_to(tmp_path / "elsewhere")
    digests = {entry.path: entry.digest for entry in track(f"file://{folder}")}

    assert digests["link"] == digests["a.txt"]


def test_unchecked_files_are_known_by_their_addresses(folder: Path) -> None:
    [entry] = track(f"file://{folder}/a.txt", checksum=False)
    listed = track(f"file://{folder}", checksum=False)

    assert entry.digest == of_address(folder / "a.txt") == listed[0].digest
    assert [entry.digest for entry in listed[1:]] == [of_address(folder / "b.txt"), of_address(folder / "deep/c.txt")]


def test_other_content_of_an_unchecked_file_is_no_other_version(folder: Path) -> None:
    """And another address is, whatever is there."""

    def digest(path: str, *, checksum: bool) -> str:
        artifact = Artifact("x", "dataset")
        artifact.add_reference(f"file://{folder}/{path}", name="x", checksum=checksum)
        return artifact.digest

    unchecked, checked = digest("a.txt", checksum=False), digest("a.txt", checksum=True)
    (folder / "b.txt").write_text("hello")
    assert digest("b.txt", checksum=False) != unchecked
    assert digest("b.txt", checksum=True) == checked
    (folder / "a.txt").write_text("other")
    assert digest("a.txt", checksum=False) == unchecked
    assert digest("a.txt", checksum=True) != checked


def test_more_files_than_allowed_are_refused(folder: Path) -> None:
    assert len(track(f"file://{folder}", limit=3)) == 3
    with pytest.raises(ValueError, match="Exceeded 2 objects tracked, pass max_objects to add_reference"):
        track(f"file://{folder}", limit=2)


def test_what_is_not_there_is_refused(folder: Path) -> None:
    with pytest.raises(LookupError, match="Path 'file:///nothing' must be a valid file or directory path"):
        track("file:///nothing")
    with pytest.raises(InvalidReference):
        track("file:///a%00b")


@pytest.mark.parametrize("name", ["a#b.txt", "a%20b.txt", "a?b.txt", "a b.txt", "ü.txt", "100%"])
def test_names_may_hold_any_character(folder: Path, tmp_path: Path, name: str) -> None:
    """Listed in a folder; and as they are in an address, where they have no other meaning."""
    (folder / "odd").mkdir()
    (folder / "odd" / name).write_text("odd")
    [entry] = track(f"file://{folder}/odd")
    FileHandler().fetch(entry, tmp_path / "target")

    assert entry.path == name
    assert (tmp_path / "target").read_text() == "odd"
    if "%20" not in name:
        assert track(f"file://{folder}/odd/{name}")[0].digest == entry.digest


@pytest.mark.parametrize("form", ["file://{}", "FILE://{}", "file://localhost{}", "file:{}"])
def test_addresses_have_several_forms(folder: Path, form: str) -> None:
    [entry] = Artifact("x", "y").add_reference(form.format(folder / "a.txt"))

    assert entry.path == "a.txt"


def test_content_is_fetched_and_checked(folder: Path, tmp_path: Path) -> None:
    [entry] = track(f"file://{folder}/a.txt")
    target = tmp_path / "new" / "target"
    FileHandler().fetch(entry, target)
    assert target.read_text() == "hello"

    (folder / "a.txt").write_text("other")
    with pytest.raises(ReferenceChanged, match=r"Digest mismatch for path .*: expected 'XUFAKrxLKna5cZ2REBfFkg=='"):
        FileHandler().fetch(entry, target)
    (folder / "a.txt").unlink()
    with pytest.raises(ReferenceNotFound, match="Local file reference: Failed to find file at path"):
        FileHandler().fetch(entry, target)
    assert target.read_text() == "hello", "nothing takes its place"
    assert os.listdir(target.parent) == ["target"]


def test_an_unchecked_file_is_fetched_as_it_is(folder: Path, tmp_path: Path) -> None:
    [entry] = track(f"file://{folder}/a.txt", checksum=False)
    (folder / "a.txt").write_text("other")
    FileHandler().fetch(entry, tmp_path / "target")

    assert (tmp_path / "target").read_text() == "other"
