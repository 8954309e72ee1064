from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import pytest

from kymograph.errors import MediaFileNotFound
from kymograph.sdk.media import Html, Video
from kymograph.sdk.media.base import store
from tests.unit.sdk.media.recorded import Recorded


def test_the_name_tells_key_step_and_digest(run: Recorded) -> None:
    stored = store(b"content", run.place, "media/html", "a/b", 12, extension=".html")

    digest = hashlib.sha256(b"content").hexdigest()
    assert stored.path == f"media/html/a/b_12_{digest[:20]}.html"
    assert (stored.sha256, stored.size_bytes) == (digest, 7)
    assert run.kept == [stored.path]
    assert (run.folder / stored.path).read_bytes() == b"content"


def test_nothing_but_the_file_is_left(run: Recorded) -> None:
    stored = store(b"content", run.place, "media/html", "k", 0, extension=".html")
    store(b"content", run.place, "media/html", "k", 0, extension=".html")

    assert run.files() == {stored.path}


def test_a_file_that_is_overwritten_later_stays_as_it_was_logged(run: Recorded, tmp_path: Path) -> None:
    """Scripts write one file per step, and log each."""
    path = tmp_path / "plot.gif"
    path.write_bytes(b"first")
    first = Video(path).bind(run.place, "k", 0)
    path.write_bytes(b"second")
    second = Video(path).bind(run.place, "k", 1)

    assert (run.folder / str(first["path"])).read_bytes() == b"first"
    assert (run.folder / str(second["path"])).read_bytes() == b"second"


def test_a_file_that_cannot_be_read_leaves_nothing(run: Recorded, tmp_path: Path) -> None:
    path = tmp_path / "plot.gif"
    path.write_bytes(b"first")
    video = Video(path)
    path.unlink()

    with pytest.raises(FileNotFoundError):
        video.bind(run.place, "k", 0)

    assert (run.kept, run.files()) == ([], set())


def test_a_missing_file_is_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(MediaFileNotFound, match="does not exist"):
        Video(tmp_path / "none.mp4")


def test_files_can_be_read_by_others(run: Recorded) -> None:
    stored = store(b"content", run.place, "media/html", "k", 0, extension=".html")

    assert (run.folder / stored.path).stat().st_mode & 0o444 == 0o444


def test_media_are_equal_by_content() -> None:
    assert Html("a") == Html("a")
    assert Html("a") != Html("b")


def test_importing_media_imports_nothing_heavy() -> None:
    script = (
        "import sys, kymograph.sdk.media, kymograph.sdk.media.values, kymograph.sdk.media.plot;"
        "print(sorted({'numpy', 'PIL', 'pandas', 'matplotlib', 'plotly', 'bokeh'} & set(sys.modules)))"
    )

    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"
