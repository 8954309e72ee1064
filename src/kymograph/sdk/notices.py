"""What the SDK says to people: lines on standard error, or below the cell of a notebook, as far as settings let it."""

from __future__ import annotations

import html
import os
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Self

from kymograph.sdk.capture.fanout import muted

if TYPE_CHECKING:
    from kymograph.sdk.settings_fields import SettingsFields

PREFIX = "kymograph: "
Kind = Literal["", "WARNING", "ERROR"]
_COLORS: dict[Kind, str] = {"": "\x1b[1;34m", "WARNING": "\x1b[1;33m", "ERROR": "\x1b[1;31m"}
_PLAIN = "\x1b[0m"
_ADDRESS = re.compile(r"https?://[^\s<>\"')]+")
_said: set[str] = set()


@dataclass(frozen=True, slots=True)
class Voice:
    """How much is said, and how: what the settings of a run, or of a process, make of it.

    Errors that stop something are raised, whatever is said.
    """

    is_silent: bool = False
    is_quiet: bool = False
    """Only what matters: where a run is, and what is wrong."""
    has_info: bool = True
    has_warnings: bool = True
    has_errors: bool = True
    has_colors: bool | None = None
    """None: on a terminal, unless ``NO_COLOR`` is set."""

    @classmethod
    def of(cls, settings: SettingsFields) -> Self:
        """The voice that settings ask for."""
        return cls(
            is_silent=settings.silent,
            is_quiet=settings.quiet,
            has_info=settings.show_info,
            has_warnings=settings.show_warnings,
            has_errors=settings.show_errors,
            has_colors=settings.show_colors,
        )

    @property
    def is_chatty(self) -> bool:
        """Whether things are said that one can do without."""
        return self.has_info and not self.is_silent and not self.is_quiet

    def allows(self, kind: Kind) -> bool:
        """Whether messages of a kind are said."""
        return not self.is_silent and {"": self.has_info, "WARNING": self.has_warnings, "ERROR": self.has_errors}[kind]

    def chat(self, text: str) -> bool:
        """Say what is nice to know; returns whether it was said."""
        return self.is_chatty and self.tell(text)

    def tell(self, text: str) -> bool:
        """Say what people need to know, also in a quiet run; returns whether it was said."""
        if not self.allows(""):
            return False
        with muted():  # it is no output of the run
            return _show_below_cell(text) or write(text, colors=self.has_colors)

    def warn(self, text: str, *, repeat: bool = False) -> bool:
        """Say what is wrong and what to do, once unless it is to be repeated; returns whether it was said."""
        return self.allows("WARNING") and _is_new(text, repeat=repeat) and write(text, "WARNING", self.has_colors)

    def complain(self, text: str) -> bool:
        """Say what failed; returns whether it was said."""
        return self.allows("ERROR") and write(text, "ERROR", self.has_colors)


PLAIN_VOICE = Voice()
"""Where no settings are known."""


def say_once(text: str, kind: Kind, voice: Voice, *, repeat: bool) -> bool:
    """Write a message in somebody's name who says whether it may be repeated; returns whether it was written."""
    return voice.allows(kind) and _is_new(text, repeat=repeat) and write(text, kind, voice.has_colors)


def write(text: str, kind: Kind = "", colors: bool | None = None) -> bool:
    """Write lines on standard error, each marked; returns whether it was possible.

    Args:
        text: What there is to say.
        kind: How bad it is.
        colors: Whether the mark is coloured; None: if somebody sees it.
    """
    stream = sys.stderr
    if stream is None:  # pythonw, some services
        return False
    mark = f"{PREFIX}{kind} " if kind else PREFIX
    try:
        if colors or (colors is None and _shows_colors(stream)):
            mark = f"{_COLORS[kind]}{mark[:-1]}{_PLAIN} "
        stream.write("".join(f"{mark}{line}".rstrip() + "\n" for line in text.splitlines()))
        stream.flush()
    except (OSError, ValueError):
        return False  # a closed terminal is no reason to stop a training
    return True


def _shows_colors(stream: object) -> bool:
    """Source: no-color.org."""
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return False
    is_terminal = getattr(stream, "isatty", None)
    return is_terminal is not None and bool(is_terminal()) and sys.platform != "win32"


def _show_below_cell(text: str) -> bool:
    """Show a text in a notebook, where what is on standard error looks like a failure."""
    if "IPython" not in sys.modules:
        return False
    from kymograph.sdk.capture.notebook import display_html, find_notebook_shell

    shell = find_notebook_shell()
    if shell is None:
        return False
    escaped = html.escape(text, quote=False)
    linked = _ADDRESS.sub(lambda found: f'<a href="{found[0]}" target="_blank">{found[0]}</a>', escaped)
    plain = "\n".join(f"{PREFIX}{line}" for line in text.splitlines())
    return display_html(shell, f'<pre style="margin:0">{linked}</pre>', plain=plain)


def shown_path(path: str | os.PathLike[str]) -> str:
    """A path as it may be typed here: relative, if it is below the current folder; quoted where a shell needs it."""
    import shlex

    found = Path(path)
    try:
        shown = f".{os.sep}{found.relative_to(Path.cwd())}"
    except (ValueError, OSError):  # elsewhere, or the current folder is gone
        shown = str(found)
    return shown if os.name == "nt" else shlex.quote(shown)


def _is_new(text: str, *, repeat: bool) -> bool:
    """Whether it was not said before, or may be again."""
    if repeat:
        return True
    if text in _said:
        return False
    _said.add(text)
    return True


def forget() -> None:
    """Say everything anew; for tests."""
    _said.clear()
