"""The magics ``%wandb`` and ``%%wandb`` of notebooks, also by our own name.

Source: the vendor's client 0.31.0, `wandb.jupyter`.
"""

from __future__ import annotations

import html
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kymograph.sdk.active import active_run
from kymograph.sdk.capture.notebook import display_html, find_shell
from kymograph.sdk.showing import DEFAULT_HEIGHT, page_html, run_html

if TYPE_CHECKING:
    from kymograph.sdk.run import Run

MAGIC_NAMES = ("wandb", "kymograph")
_KINDS_OF_PAGE = frozenset({"runs", "sweeps", "artifacts", "reports", "groups"})
_wanted_height: int | None = None
"""Of the run that the cell which runs now is to begin; None if none is waited for."""


@dataclass(frozen=True, slots=True)
class MagicArguments:
    """Of ``%wandb [PATH] [-h HEIGHT]``."""

    path: str | None = None
    height: int = DEFAULT_HEIGHT


def parse_magic(line: str) -> MagicArguments:
    """Read the line of the magic; a height that is no number is left out."""
    path, height = None, DEFAULT_HEIGHT
    words = iter(shlex.split(line))
    for word in words:
        option, equals, value = word.partition("=")
        if option in ("-h", "--height"):
            value = value if equals else next(words, "")
            height = int(value) if value.isdecimal() else DEFAULT_HEIGHT
        elif not word.startswith("-"):
            path = word
    return MagicArguments(path, height)


def register_here() -> None:
    """Make the magics known, if this is a session of IPython."""
    shell = find_shell()
    if shell is not None:
        register_magics(shell)


def register_magics(shell: Any) -> None:
    """Make the magics known to a shell; those of an earlier call are replaced."""

    def magic(line: str, cell: str | None = None) -> None:
        """Show the active run, or what a path names: ``%wandb [PATH] [-h HEIGHT]``; as ``%%wandb``, of this cell."""
        run_magic(shell, line, cell)

    for name in MAGIC_NAMES:
        shell.register_magic_function(magic, magic_kind="line_cell", magic_name=name)


def run_magic(shell: Any, line: str, cell: str | None = None) -> None:
    """Do what a magic says.

    The line magic shows what a path names, or the active run. The cell magic does so and runs the cell; if there is no
    run yet, the first one that the cell begins is shown.
    """
    global _wanted_height
    arguments, run = parse_magic(line), active_run()
    if arguments.path is not None:
        shown = _html_of_path(arguments)
    elif run is not None:
        shown = run_html(run, arguments.height)
    else:
        shown = None
        if cell is None:
            display_html(shell, "<p>There is no run yet; begin one with init().</p>")
    if shown is not None:
        display_html(shell, shown)
    if cell is None:
        return
    _wanted_height = arguments.height if shown is None else None
    try:
        shell.run_cell(cell)
    finally:
        _wanted_height = None


def show_if_waited_for(shell: Any, run: Run) -> bool:
    """Show a run that has just begun, if its cell's magic waits for one; returns whether it did."""
    global _wanted_height
    if _wanted_height is None:
        return False
    height, _wanted_height = _wanted_height, None
    return display_html(shell, run_html(run, height), plain=run.url or repr(run))


def _html_of_path(arguments: MagicArguments) -> str:
    """The page that a path names; whether it is there, and for whom, the page tells."""
    from urllib.parse import quote

    from kymograph.sdk.process import setup

    parts = (arguments.path or "").strip("/").split("/")
    if not all(parts) or not 1 <= len(parts) <= 5:
        return f"<p>{html.escape(repr(arguments.path))} names no page: write entity/project/run.</p>"
    if len(parts) == 3 and parts[2] not in _KINDS_OF_PAGE:
        parts.insert(2, "runs")
    url = "/".join([setup().settings.app_url, *map(quote, parts)])
    return page_html(url, height=arguments.height, what=parts[2].removesuffix("s") if len(parts) > 3 else "page")
