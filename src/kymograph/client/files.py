"""Files that are replaced in one step: a reader sees one before or after, and never half of it."""

from __future__ import annotations

import os
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO


@contextmanager
def temporary(path: Path | str) -> Iterator[None]:
    """See that a file is gone when the block ends, however it does, unless it was renamed meanwhile."""
    try:
        yield
    finally:
        with suppress(OSError):
            os.unlink(path)


@contextmanager
def replacing(path: Path, *, is_private: bool = False) -> Iterator[BinaryIO]:
    """A file to write and read, which takes the place of another once it is whole; its folders are made.

    Args:
        path: Of the file.
        is_private: Whether only its owner may read it.

    Raises:
        OSError: It cannot be written; what was there is there still, as after any other error.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{os.getpid()}.part")
    with temporary(draft):
        mode = 0o600 if is_private else 0o666
        flags = os.O_RDWR | os.O_CREAT | os.O_TRUNC | getattr(os, "O_BINARY", 0)
        with os.fdopen(os.open(draft, flags, mode), "w+b") as file:
            yield file
        draft.replace(path)


def replace_file(path: Path, text: str, *, is_private: bool = False) -> None:
    """Write a small file of text; what a link leads to is written, and the link stays.

    Args:
        path: Of the file.
        text: All of it.
        is_private: Whether only its owner may read it.

    Raises:
        OSError: It cannot be written; what was there is there still.
    """
    with replacing(path.resolve() if path.is_symlink() else path, is_private=is_private) as file:
        file.write(text.encode())


def md5_of(path: Path) -> str:
    """Base64 MD5 of a file.

    Raises:
        OSError: It cannot be read.
    """
    with path.open("rb") as source:
        return md5_of_rest(source)


def md5_of_rest(source: BinaryIO) -> str:
    """Base64 MD5 of what is left in an open file."""
    from hashlib import md5

    digest = md5(usedforsecurity=False)
    while piece := source.read(1 << 20):
        digest.update(piece)
    return b64encode(digest.digest()).decode()
