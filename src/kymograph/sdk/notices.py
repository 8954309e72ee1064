"""What the SDK says to people: lines on standard error, each said once unless it is to be repeated."""

from __future__ import annotations

import sys
from typing import Literal

PREFIX = "kymograph: "
_said: set[str] = set()


def say(text: str, *, kind: Literal["", "WARNING", "ERROR"] = "", repeat: bool = False) -> bool:
    """Write a notice.

    Args:
        text: What there is to say; of several lines each is marked.
        kind: How bad it is.
        repeat: Whether it is said again when it was said before.

    Returns:
        Whether it was written.
    """
    if not repeat:
        if text in _said:
            return False
        _said.add(text)
    mark = f"{PREFIX}{kind} " if kind else PREFIX
    stream = sys.stderr
    if stream is None:  # pythonw, some services
        return False
    try:
        stream.write("".join(f"{mark}{line}\n" for line in text.splitlines()))
        stream.flush()
    except (OSError, ValueError):
        return False  # a closed terminal is no reason to stop a training
    return True


def warn(text: str, *, repeat: bool = False) -> bool:
    """Write a warning; as `say`."""
    return say(text, kind="WARNING", repeat=repeat)


def forget() -> None:
    """Say everything again that was said once; for tests."""
    _said.clear()
