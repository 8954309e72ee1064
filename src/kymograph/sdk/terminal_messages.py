"""Messages in the terminal that scripts and other libraries write in our name: ``termlog`` and its sisters."""

from __future__ import annotations

import sys

from kymograph.sdk import notices
from kymograph.sdk.notices import Kind
from kymograph.sdk.process import voice_here


def termlog(string: str = "", newline: bool = True, repeat: bool = True, prefix: bool = True) -> None:
    """Write a message on standard error, unless the settings forbid it.

    Args:
        string: The message.
        newline: Whether a line ends with it.
        repeat: Whether it is said again when it was said before.
        prefix: Whether it says who speaks.
    """
    _write(string, "", newline=newline, repeat=repeat, prefix=prefix)


def termwarn(string: str, newline: bool = True, repeat: bool = True, prefix: bool = True) -> None:
    """Write a warning; as `termlog`."""
    _write(string, "WARNING", newline=newline, repeat=repeat, prefix=prefix)


def termerror(string: str, newline: bool = True, repeat: bool = True, prefix: bool = True) -> None:
    """Write an error; as `termlog`."""
    _write(string, "ERROR", newline=newline, repeat=repeat, prefix=prefix)


def _write(string: str, kind: Kind, *, newline: bool, repeat: bool, prefix: bool) -> None:
    voice = voice_here()
    if newline and prefix:
        notices.say_once(string or " ", kind, voice, repeat=repeat)
        return
    if voice.allows(kind) and sys.stderr is not None:
        mark = notices.PREFIX if prefix else ""
        sys.stderr.write(f"{mark}{f'{kind} ' if kind else ''}{string}" + ("\n" if newline else ""))
