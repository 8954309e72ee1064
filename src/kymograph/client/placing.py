"""Bringing the content of one file to another place with as little writing as the file system allows.

A *clone* (reflink) shares blocks until one side is written to: it takes no space and is safe whatever happens to the
original. A *hard link* is the same file under two names: it takes no space either, and is right only where nobody
writes to it.
"""

from __future__ import annotations

import errno
import os
import re
import secrets
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, Literal

from kymograph.client.files import temporary

CONTENT_MODE = 0o444 if os.name != "nt" else None
"""Permissions of kept contents: nobody writes to them. On Windows, nobody could delete them either."""
COPY_BYTES = 1 << 20
Way = Literal["clone", "link", "copy"]

_DRAFT_NAME = re.compile(r"\..*\.[0-9a-f]{12}\.draft", re.DOTALL)

_FICLONE = 0x40049409
"""Of Linux. Source: linux/fs.h, ``_IOW(0x94, 9, int)``."""
_CANNOT_CLONE = frozenset(
    {errno.EOPNOTSUPP, errno.EXDEV, errno.EINVAL, errno.ENOTTY, errno.ENOSYS, errno.EPERM, errno.EBADF, errno.EISDIR}
)
_without_clones: set[tuple[int, int]] = set()
"""Pairs of devices between which no clone could be made: not tried for every file of a folder again."""


def clone(source: str | os.PathLike[str], target: str | os.PathLike[str]) -> bool:
    """Make `target`, which is not there yet, a clone of `source`.

    Returns:
        Whether the file systems could; if not, there is no `target`.

    Raises:
        OSError: The source cannot be read, or the target not be made.
    """
    pair = (os.stat(source).st_dev, os.stat(os.path.dirname(target) or ".").st_dev)
    if pair in _without_clones:
        return False
    try:
        _clone(os.fspath(source), os.fspath(target))
    except OSError as exc:
        with suppress(FileNotFoundError):
            os.unlink(target)
        if exc.errno not in _CANNOT_CLONE:
            raise
        _without_clones.add(pair)
        return False
    return True


def _clone(source: str, target: str) -> None:
    if sys.platform == "linux":
        import fcntl

        with open(source, "rb", buffering=0) as from_file, open(target, "xb", buffering=0) as to_file:
            fcntl.ioctl(to_file.fileno(), _FICLONE, from_file.fileno())
    elif sys.platform == "darwin":  # pragma: no cover - needs that system
        import ctypes

        library = ctypes.CDLL(None, use_errno=True)
        if library.clonefile(os.fsencode(source), os.fsencode(target), 0) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), target)
    else:  # pragma: no cover - needs another system
        raise OSError(errno.EOPNOTSUPP, "no clones on this system", target)


def hard_link(source: str | os.PathLike[str], target: str | os.PathLike[str]) -> bool:
    """Give `source` a second name, `target`, which is not there yet.

    Returns:
        Whether the file system could.

    Raises:
        FileExistsError: There is a `target`.
        FileNotFoundError: There is no `source`, or no folder for `target`.
    """
    try:
        os.link(source, target)
    except (FileExistsError, FileNotFoundError):
        raise
    except OSError:  # another device, too many links, no such thing there
        return False
    return True


def place(
    source: str | os.PathLike[str], target: str | os.PathLike[str], *, may_share: bool, mode: int | None = None
) -> Way:
    """Make `target` have the content of `source`; it appears whole, in place of what was there.

    Args:
        source: A file.
        target: Its folder exists.
        may_share: Whether a hard link is right: nobody will write to either.
        mode: Permissions of the target, unless it is a link; by default those of a new file.

    Raises:
        OSError: The source cannot be read, or the target not be written.
    """
    draft = draft_name(target)
    way: Way = "clone"
    with temporary(draft):
        if not clone(source, draft):
            way = "link"
            if not may_share or not hard_link(source, draft):
                way = "copy"
                shutil.copyfile(source, draft)
        if mode is not None and way != "link":
            os.chmod(draft, mode)
        os.replace(draft, target)
    return way


def draft_name(target: str | os.PathLike[str]) -> str:
    """A name beside `target` that nobody else uses."""
    folder, name = os.path.split(target)
    return os.path.join(folder, f".{name[:100]}.{secrets.token_hex(6)}.draft")


def is_draft_name(name: str) -> bool:
    """Whether a file's name is one of `draft_name`: what a killed process has left."""
    return _DRAFT_NAME.fullmatch(name) is not None


@contextmanager
def written_whole(target: str | os.PathLike[str], *, mode: int | None = None) -> Iterator[BinaryIO]:
    """A file to write that takes the place of `target` when the block ends well, and vanishes otherwise.

    Raises:
        OSError: It cannot be made; its folder is made if need be.
    """
    path = Path(target)
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = draft_name(path)
    with temporary(draft):
        with open(draft, "xb") as file:
            yield file
        if mode is not None:
            os.chmod(draft, mode)
        os.replace(draft, path)
