"""One server per data folder."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from kymograph.errors import DataFolderBusy
from kymograph.storage.lock import DataFolderLock

HOLDER = """
import sys, time
from pathlib import Path
from kymograph.storage.lock import DataFolderLock

lock = DataFolderLock(Path(sys.argv[1]))
print("held", flush=True)
time.sleep(60)
"""


def test_a_second_process_is_refused_and_told_who_holds_the_folder(tmp_path: Path) -> None:
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"

    with pytest.raises(DataFolderBusy, match=f"process {holder.pid} on ") as caught:
        DataFolderLock(tmp_path)

    assert str(tmp_path) in str(caught.value)
    # A killed server leaves no lock behind.
    os.kill(holder.pid, signal.SIGKILL)
    holder.wait()
    holder.stdout.close()
    DataFolderLock(tmp_path).release()


def test_a_released_folder_can_be_taken_again(tmp_path: Path) -> None:
    folder = tmp_path / "not" / "made" / "yet"
    with DataFolderLock(folder):
        pass

    with DataFolderLock(folder):
        assert f"process {os.getpid()} on " in (folder / "server.lock").read_text(encoding="utf-8")
