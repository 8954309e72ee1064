"""Which files hold events, and what the folder of one says of the names of metrics.

A writer is given a folder such as ``logs/train``. The part below the root of all folders is put before the names of
metrics: ``train/loss``. Where the root is, nobody says: it is guessed from the folders.
"""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Callable, Collection
from pathlib import Path

EVENT_FILE = re.compile(r"tfevents\.(?P<time>\d+)\.(?P<rest>.*)", re.DOTALL)
"""In the name of an event file: when it was begun, in s since the epoch, and on which machine."""
NOT_OURS = (".profile-empty", ".sagemaker-uploaded")
"""Ends of names of files that other tools leave beside event files. Source: the vendor's `TFEventsFileFilter`."""
PARTS = ("train", "validation")
"""Folders that Keras makes below the one that it is given. Source: the vendor's client before 0.18."""
CLOUD = re.compile(r"[a-z0-9]+://")


def is_event_file(name: str) -> bool:
    """Whether a file of that name holds events."""
    return EVENT_FILE.search(name) is not None and not name.endswith(NOT_OURS)


def begun_since(moment_s: float, host: str | None = None) -> Callable[[str], bool]:
    """Tells the event files that were begun on this machine since a moment (s since the epoch), by their names.

    A folder of logs gathers the files of all trainings, maybe of several machines.
    """
    machine = socket.gethostname() if host is None else host

    def matches(name: str) -> bool:
        found = EVENT_FILE.search(name)
        if found is None or not is_event_file(name):
            return False
        return int(found["time"]) >= int(moment_s) and found["rest"].startswith(machine)

    return matches


def generated_root(folder: str, host: str | None = None) -> str | None:
    """The root, if the folder has the name that writers make up: a moment and this machine; None otherwise."""
    machine = socket.gethostname() if host is None else host
    found = re.search(rf"-\d+_{re.escape(machine)}", folder)
    return folder[: found.end()] if found else None


def guessed_root(folders: Collection[Path]) -> Path | None:
    """The root of folders: what they have in common, or the parent of a single one that is but a part; or None."""
    if len(folders) > 1:
        try:
            return Path(os.path.commonpath(folders))
        except ValueError:  # on two drives of Windows
            return None
    return next((folder.parent for folder in folders if folder.name in PARTS), None)


def namespace_of(folder: Path, root: Path | None) -> str:
    """What is put before the names of metrics; empty if nothing is."""
    if root is None or not folder.is_relative_to(root):
        return ""
    below = folder.relative_to(root).as_posix()
    return "" if below == "." else below


def base_of(folder: Path, root: Path | None, cwd: Path) -> Path:
    """What the names of event files among a run's files are relative to."""
    for base in (root, cwd):
        if base is not None and folder.is_relative_to(base):
            return base
    return folder.parent
