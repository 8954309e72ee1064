"""Messages in the terminal that scripts and other libraries write in our name: ``termlog`` and its sisters."""

from __future__ import annotations

import sys

from kymograph.sdk import notices
from kymograph.sdk.active import active_run


def termlog(string: str = "", newline: bool = True, repeat: bool = True, prefix: bool = True) -> None:
    """Write a message on standard error; nothing in a run that is silent.

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


def _write(string: str, kind: str, *, newline: bool, repeat: bool, prefix: bool) -> None:
    run = active_run()
    if run is not None and run._settings.silent:
        return
    if newline and prefix:
        notices.say(string or " ", kind=kind, repeat=repeat)  # type: ignore[arg-type] # one of its three
        return
    mark = notices.PREFIX if prefix else ""
    if sys.stderr is not None:
        sys.stderr.write(f"{mark}{f'{kind} ' if kind else ''}{string}" + ("\n" if newline else ""))
