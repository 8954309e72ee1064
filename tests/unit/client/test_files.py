"""Files that appear whole, or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from kymograph.client.files import replacing, temporary


def break_off_writing(path: Path) -> None:
    with temporary(path):
        path.write_bytes(b"2")
        raise KeyboardInterrupt


def break_off_replacing(path: Path) -> None:
    with replacing(path) as file:
        file.write(b"after")
        raise KeyboardInterrupt


def test_a_temporary_file_stays_only_under_another_name(tmp_path: Path) -> None:
    draft, kept = tmp_path / "draft", tmp_path / "kept"

    with temporary(draft):
        draft.write_bytes(b"1")
        draft.rename(kept)
    with pytest.raises(KeyboardInterrupt):
        break_off_writing(draft)

    assert [path.name for path in tmp_path.iterdir()] == ["kept"]


def test_a_file_that_is_not_written_to_its_end_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"before")

    with pytest.raises(KeyboardInterrupt):
        break_off_replacing(path)

    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"before"]
