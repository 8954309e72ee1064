"""Small files that are replaced in one step: a reader sees one before or after, and never half of it."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path


def replace_file(path: Path, text: str, *, is_private: bool = False) -> None:
    """Write a file, with its folders; what a link leads to is written, and the link stays.

    Args:
        path: Of the file.
        text: All of it.
        is_private: Whether only its owner may read it.

    Raises:
        OSError: It cannot be written; what was there is there still.
    """
    target = path.resolve() if path.is_symlink() else path
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = target.with_name(f"{target.name}.{os.getpid()}.part")
    try:
        mode = 0o600 if is_private else 0o666
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "w", encoding="utf-8") as file:
            file.write(text)
        draft.replace(target)
    except BaseException:
        with suppress(OSError):
            draft.unlink()
        raise
