"""Folders that claim to be complete only when they are."""

from __future__ import annotations

from pathlib import Path

import pytest

from kymograph.bucket.destination import MARK, Contents, filling, is_complete
from kymograph.errors import DestinationBusy, NotAFolder

CONTENTS = Contents("words:v0", "0123456789abcdef", {"a": 1, "deep/b": 2})


def fill(place: Path, *names: str) -> None:
    for name in names or CONTENTS.sizes:
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_bytes(b"x" * int(CONTENTS.sizes[name] or 0))


def break_off(folder: Path, *names: str, drafts: tuple[str, ...] = (), is_exact: bool = False) -> None:
    """Begin to fill a folder, and fail."""
    with filling(folder, CONTENTS, is_exact=is_exact) as place:
        fill(place, *names)
        for name in drafts:
            (place / name).write_bytes(b"half")
        raise KeyError


def fill_badly(folder: Path, name: str, content: bytes | None) -> None:
    """Fill a folder, with one file that is not what it should be."""
    with filling(folder, CONTENTS) as place:
        fill(place)
        (place / name).unlink()
        if content is not None:
            (place / name).write_bytes(content)


@pytest.mark.parametrize("is_there", [False, True])
def test_a_new_folder_is_there_when_it_is_complete(tmp_path: Path, is_there: bool) -> None:
    folder = tmp_path / "here"
    if is_there:
        folder.mkdir()

    with filling(folder, CONTENTS) as place:
        fill(place, "a")
        assert not folder.exists() or not any(folder.iterdir())
        fill(place)

    assert is_complete(folder, CONTENTS)
    assert sorted(tmp_path.iterdir()) == [folder]


def test_what_broke_off_is_taken_up_and_leavings_do_not_come_along(tmp_path: Path) -> None:
    folder = tmp_path / "here"
    with pytest.raises(KeyError):
        break_off(folder, "a", drafts=(".a.0123456789ab.draft",))

    assert not folder.exists()
    with filling(folder, CONTENTS) as place:
        assert (place / "a").exists()
        fill(place, "deep/b")
    assert {path.name for path in folder.rglob("*")} == {"a", "deep", "b"}


@pytest.mark.parametrize("is_exact", [False, True])
def test_a_folder_with_other_files_is_marked_until_it_is_complete(tmp_path: Path, is_exact: bool) -> None:
    folder = tmp_path / "here"
    (folder / "mine").mkdir(parents=True)
    (folder / "mine/file").write_text("mine")

    with pytest.raises(KeyError):
        break_off(folder, "a", is_exact=is_exact)
    assert (folder / MARK).exists()
    assert (folder / "mine/file").exists()
    with filling(folder, CONTENTS, is_exact=is_exact) as place:
        assert (folder / MARK).exists()
        fill(place)

    assert is_complete(folder, CONTENTS)
    assert (folder / "mine").exists() != is_exact


def test_a_missing_or_shorter_file_is_not_complete(tmp_path: Path) -> None:
    for name, content in (("a", None), ("deep/b", b"x")):
        folder = tmp_path / f"without {name[0]}"
        with pytest.raises(DestinationBusy):
            fill_badly(folder, name, content)
        assert not folder.exists()


def test_a_second_download_that_is_faster_is_no_error(tmp_path: Path) -> None:
    folder = tmp_path / "here"

    with filling(folder, CONTENTS) as place:
        fill(place)
        fill(folder)

    assert is_complete(folder, CONTENTS)
    assert not place.exists()


def test_a_file_in_its_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / "here").write_text("")

    with (
        pytest.raises(NotAFolder, match=r"Destination '.*here' exists, but not a directory"),
        filling(tmp_path / "here", CONTENTS),
    ):
        pass
