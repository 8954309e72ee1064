"""Many small objects of a folder at once, without what a general store does for each."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

_ATTEMPTS = 5
"""A folder that was just made may be removed as an empty one by whoever deletes its neighbours."""


def write_all(files: Iterable[tuple[Path, bytes]]) -> None:
    """Write files, each whole or not at all; their folders are made.

    Raises:
        OSError: One cannot be written; those before it are.
    """
    made: set[str] = set()
    for path, content in files:
        target = os.fspath(path)
        folder = os.path.dirname(target)
        for attempt in range(1, _ATTEMPTS + 1):
            if folder not in made:
                os.makedirs(folder, exist_ok=True)
                made.add(folder)
            try:
                _write(target, content)
            except FileNotFoundError:
                made.discard(folder)
                if attempt == _ATTEMPTS:
                    raise
            else:
                break


def read(path: Path) -> bytes:
    """A whole file.

    Raises:
        OSError: It cannot be read.
    """
    with open(path, "rb", buffering=0) as file:
        return file.read()


def _write(target: str, content: bytes) -> None:
    # The name of a file under way, as obstore makes them: it is listed nowhere, and swept when it is left behind.
    draft = f"{target}#{secrets.randbits(48)}"
    try:
        with open(draft, "xb", buffering=0) as file:
            left = memoryview(content)
            while left:
                left = left[file.write(left) :]
        os.replace(draft, target)
    except BaseException:
        with suppress(OSError):
            os.unlink(draft)
        raise
