"""How a run, or another page of the server, is shown in a notebook.

Source: the vendor's client 0.31.0: the frame's address ends with ``?jupyter=true``; no frame in Visual Studio Code.
"""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

from kymograph.sdk.capture.notebook import display_html, find_notebook_shell, is_visual_studio_code

if TYPE_CHECKING:
    from kymograph.sdk.run import Run

DEFAULT_HEIGHT = 420
"""Of a frame, in pixels. Source: the default of `Run.display`, seeds.md E.8."""


def frame_html(url: str, *, height: int = DEFAULT_HEIGHT, hidden: bool = False, what: str = "run") -> str:
    """HTML that shows a page in a frame, behind a button if `hidden`."""
    address = html.escape(f"{url}{'&' if '?' in url else '?'}jupyter=true")
    style = f"border:none;width:100%;height:{int(height)}px;{'display:none;' if hidden else ''}"
    frame = f'<iframe src="{address}" style="{style}"></iframe>'
    if not hidden:
        return frame
    reveal = "this.nextSibling.style.display='block';this.style.display='none';"
    return f'<button onClick="{reveal}">Display {html.escape(what)}</button>{frame}'


def link_html(url: str) -> str:
    """HTML that leads to a page."""
    address = html.escape(url)
    return f'<a href="{address}" target="_blank">{address}</a>'


def page_html(url: str, *, height: int = DEFAULT_HEIGHT, hidden: bool = False, what: str = "run") -> str:
    """HTML that shows a page as this front end can."""
    shell = find_notebook_shell()
    if shell is not None and is_visual_studio_code(shell):
        return link_html(url)
    return f"{frame_html(url, height=height, hidden=hidden, what=what)}<div>{link_html(url)}</div>"


def run_html(run: Run, height: int = DEFAULT_HEIGHT, hidden: bool = False) -> str:
    """HTML that shows a run: its page, or where it is kept."""
    if run.url is not None:
        return page_html(run.url, height=height, hidden=hidden)
    if run.disabled:
        return f"<p>Run {html.escape(run.id)} is switched off: nothing of it is kept.</p>"
    return f"<p>Run {html.escape(run.id)} is kept in {html.escape(run.sync_dir)}.</p>"


def display_run(run: Run, height: int = DEFAULT_HEIGHT, hidden: bool = False) -> bool:
    """Show a run below the cell; returns whether this is a notebook, and the run not silent."""
    shell = find_notebook_shell()
    if shell is None or run._settings.silent:
        return False
    return display_html(shell, run_html(run, height, hidden), plain=run.url or repr(run))
