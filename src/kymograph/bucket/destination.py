"""The folder that files are brought to: it says that it is complete only when it is.

A folder that is not there yet, or has nothing in it, is filled beside its place and takes it when every file is there.
A folder with other files in it has a mark in it, from before the first change to after the last.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from kymograph.client.files import replace_file
from kymograph.client.placing import is_draft_name
from kymograph.errors import DestinationBusy, NotAFolder

MARK = ".wabucket-incomplete"
"""In a folder that is being filled."""


@dataclass(frozen=True, slots=True)
class Contents:
    """What a folder is to hold."""

    title: str
    """For people."""
    key: str
    """Equal for equal contents."""
    sizes: Mapping[str, int | None]
    """Bytes of each file by its path in the folder; None where it is not known."""


@contextmanager
def filling(folder: Path, contents: Contents, *, is_exact: bool = False) -> Iterator[Path]:
    """Have a folder be filled.

    Args:
        folder: The folder; made if need be.
        contents: What it is to hold.
        is_exact: Whether other files in it are removed.

    Yields:
        Where to put the files: there the folder's name, or what will get it. What an interrupted download of the same
        contents has brought is there already, each file whole.

    Raises:
        NotAFolder: There is something else in its place.
        DestinationBusy: Another download took away what this one brought.
        OSError: The disk does not take it.
    """
    if folder.exists() and not folder.is_dir():
        raise NotAFolder(str(folder))
    if folder.is_dir() and any(folder.iterdir()):
        yield from _filling_in_place(folder, contents, is_exact=is_exact)
        return
    work = folder.absolute().with_name(f".{folder.name}.{contents.key[:12]}.partial")
    work.mkdir(parents=True, exist_ok=True)
    yield work
    remove_others(work, contents)
    _check(work, contents, folder)
    sync_disk()
    try:
        if folder.is_dir():
            folder.rmdir()
        work.rename(folder)
    except OSError as exc:
        if is_complete(folder, contents):  # another process was faster
            shutil.rmtree(work, ignore_errors=True)
            return
        raise DestinationBusy(str(folder)) from exc


def _filling_in_place(folder: Path, contents: Contents, *, is_exact: bool) -> Iterator[Path]:
    mark = folder / MARK
    replace_file(mark, json.dumps({"artifact": contents.title, "files": len(contents.sizes)}) + "\n")
    sync_disk()
    yield folder
    remove_others(folder, contents, only_drafts=not is_exact)
    _check(folder, contents, folder)
    sync_disk()
    mark.unlink(missing_ok=True)


def remove_others(folder: Path, contents: Contents, *, only_drafts: bool = False) -> None:
    """Delete files that are none of the contents', and folders that are empty then.

    Args:
        folder: Where.
        contents: What stays.
        only_drafts: Whether only leavings of killed downloads go.
    """
    for parent, _, names in os.walk(folder, topdown=False):
        for name in names:
            path = Path(parent, name)
            if path.relative_to(folder).as_posix() in contents.sizes or (parent == str(folder) and name == MARK):
                continue
            if not only_drafts or is_draft_name(name):
                path.unlink(missing_ok=True)
        if not only_drafts and parent != str(folder) and not os.listdir(parent):
            os.rmdir(parent)


def is_complete(folder: Path, contents: Contents) -> bool:
    """Whether a folder has all files, and no mark that says otherwise."""
    return folder.is_dir() and not (folder / MARK).exists() and not _missing(folder, contents)


def _check(folder: Path, contents: Contents, meant: Path) -> None:
    if _missing(folder, contents):
        raise DestinationBusy(str(meant))


def _missing(folder: Path, contents: Contents) -> list[str]:
    missing = []
    for path, size in contents.sizes.items():
        try:
            found = os.stat(folder / path).st_size
        except (FileNotFoundError, NotADirectoryError):
            missing.append(path)
            continue
        if size is not None and found != size:
            missing.append(path)
    return missing


def sync_disk() -> None:
    """Return once a loss of power would not undo what was written."""
    if hasattr(os, "sync"):
        os.sync()
