"""Folders for files under way."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from kymograph.storage.history.segments.scratch import scratch_folder

KILLED = """
import os, sys
from pathlib import Path
from kymograph.storage.history.segments.scratch import scratch_folder
with scratch_folder(Path(sys.argv[1])) as folder:
    (folder / "half").write_text("written")
    os._exit(9)
"""


def test_folder_goes_at_the_end(tmp_path: Path) -> None:
    with scratch_folder(tmp_path / "scratch") as folder:
        (folder / "inside").mkdir()
        (folder / "file").touch()
        assert folder.parent == tmp_path / "scratch"

    assert list((tmp_path / "scratch").iterdir()) == []


def test_folder_of_a_killed_process_goes_with_the_next_and_one_in_use_stays(tmp_path: Path) -> None:
    with scratch_folder(tmp_path) as in_use:
        subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], check=False)
        assert len(list(tmp_path.iterdir())) == 2

        with scratch_folder(tmp_path) as folder:
            assert sorted(tmp_path.iterdir()) == sorted([in_use, folder])
