"""Runs in notebooks: which kind it is, its file, what its cells did, and how a run is shown in one.

IPython is asked only if the process has it loaded already; nothing here imports it. Everything that touches the shell
takes it as an argument.

Source: the vendor's client 0.31.0: the file ``code/_session_history.ipynb``, the magic ``%%wandb``, the frame's address
with ``?jupyter=true``.
"""

from __future__ import annotations

import html
import json
import logging
import os
import re
import shlex
import sys
from base64 import b64encode
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

PythonKind = Literal["python", "ipython", "jupyter"]

SESSION_HISTORY_NAME = "code/_session_history.ipynb"
DEFAULT_HEIGHT = 420
"""Of a run's frame, in pixels. Source: the default of `Run.display`, seeds.md E.8."""
SERVER_TIMEOUT_S = 3.0

_log = logging.getLogger(__name__)


# --- where we are -----------------------------------------------------------------------------------------------------


def find_shell() -> Any | None:
    """The interactive shell of this process, if it is IPython's."""
    module = sys.modules.get("IPython")
    get_shell = getattr(module, "get_ipython", None)
    return None if get_shell is None else get_shell()


def python_kind(shell: Any | None = None) -> PythonKind:
    """Whether this is a notebook (Jupyter, Colab, Kaggle, VS Code), IPython in a terminal, or neither."""
    shell = find_shell() if shell is None else shell
    if shell is None:
        return "python"
    files = [
        str((shell.config.get(app) or {}).get("connection_file") or "").lower()
        for app in ("IPKernelApp", "ColabKernelApp")
    ]
    is_kernel = any("jupyter" in file for file in files)
    is_terminal = "terminal" in type(shell).__module__ or "spyder" in sys.modules
    return "jupyter" if is_kernel and not is_terminal else "ipython"


def is_colab() -> bool:
    """Tell whether this is Google Colab."""
    return "google.colab" in sys.modules


def is_kaggle(environment: Mapping[str, str] = os.environ) -> bool:
    """Tell whether this is a notebook of Kaggle."""
    return "kaggle_session" in sys.modules or "KAGGLE_KERNEL_RUN_TYPE" in environment


@dataclass(frozen=True, slots=True)
class NotebookFile:
    """Where a notebook is."""

    name: str
    path: str
    """Relative to `root`, or absolute."""
    root: str
    """The folder that the notebook server shows."""

    @property
    def file(self) -> Path:
        """The file itself, if the server's folder is on this machine."""
        return Path(self.root, self.path)


def find_notebook(
    shell: Any,
    *,
    name: str | None = None,
    sessions: Callable[[], Iterable[tuple[str, Mapping[str, Any]]]] | None = None,
) -> NotebookFile | None:
    """Find out which notebook the code runs in; None if nobody says, and then ``WANDB_NOTEBOOK_NAME`` helps.

    Args:
        shell: The interactive shell.
        name: As the user says; taken if there is such a file.
        sessions: Sessions of the notebook servers on this machine, each with its server's folder.
    """
    name = name or os.environ.get("WANDB_NOTEBOOK_NAME")
    if name and os.path.exists(name):
        return NotebookFile(name=os.path.basename(name), path=name, root=os.getcwd())
    kernel = getattr(shell, "kernel", None)
    # Visual Studio Code runs a copy, and leaves the original's path where the user's names are.
    path = getattr(shell, "user_ns", {}).get("__vsc_ipynb_file__") if kernel is not None else None
    if path:
        return NotebookFile(name=os.path.basename(path), path=path, root=os.path.dirname(path))
    kernel_id = _kernel_id(shell)
    if kernel_id is None:
        return None
    for root, session in (sessions or _server_sessions)():
        notebook = session.get("notebook")
        if (session.get("kernel") or {}).get("id") == kernel_id and isinstance(notebook, Mapping):
            return NotebookFile(name=str(notebook["name"]), path=str(notebook["path"]), root=root)
    return None


def _kernel_id(shell: Any) -> str | None:
    file = str((shell.config.get("IPKernelApp") or {}).get("connection_file") or "")
    match = re.search(r"kernel-(.*)\.json", file)
    return match[1] if match else None


def _server_sessions() -> Iterable[tuple[str, Mapping[str, Any]]]:
    from importlib import import_module
    from urllib.parse import urlencode, urljoin
    from urllib.request import urlopen

    for module in ("jupyter_server.serverapp", "notebook.notebookapp"):
        try:
            servers = list(import_module(module).list_running_servers())
        except (ImportError, AttributeError):
            continue
        for server in servers:
            query = urlencode({"token": server.get("token", "")})
            try:
                with urlopen(f"{urljoin(server['url'], 'api/sessions')}?{query}", timeout=SERVER_TIMEOUT_S) as answer:
                    sessions = json.load(answer)
            except (OSError, ValueError) as error:
                # Not the address: it holds the server's token.
                _log.debug("a notebook server does not answer: %s", type(error).__name__)
                continue
            root = server.get("root_dir") or server.get("notebook_dir") or os.getcwd()
            yield from ((root, session) for session in sessions if isinstance(session, Mapping))


# --- what the cells did -----------------------------------------------------------------------------------------------


class CellRecorder:
    """Hooks on a shell: tells of the begin and end of cells, and keeps what they displayed for the history.

    Args:
        shell: The interactive shell.
        before_cell: Called before a cell runs: the run goes on.
        after_cell: Called after it: the run pauses.
    """

    def __init__(
        self,
        shell: Any,
        *,
        before_cell: Callable[[], None] = lambda: None,
        after_cell: Callable[[], None] = lambda: None,
    ) -> None:
        self._shell = shell
        self._before_cell, self._after_cell = before_cell, after_cell
        self._displayed: dict[int, list[dict[str, Any]]] = {}
        """By number of the cell's execution."""
        self._publish: Callable[..., Any] | None = None
        self._installed: Callable[..., Any] | None = None

    def start(self) -> None:
        """Hook on; does nothing if it has."""
        if self._publish is not None:
            return
        self._shell.events.register("pre_run_cell", self._before)
        self._shell.events.register("post_run_cell", self._after)
        self._publish = self._shell.display_pub.publish
        self._installed = self._record
        self._shell.display_pub.publish = self._installed

    def stop(self) -> None:
        """Hook off; a hook that another tool has put on top of ours stays."""
        if self._publish is None:
            return
        self._shell.events.unregister("pre_run_cell", self._before)
        self._shell.events.unregister("post_run_cell", self._after)
        if self._shell.display_pub.publish is self._installed:
            self._shell.display_pub.publish = self._publish
            self._publish = None

    def history(self) -> dict[str, Any] | None:
        """All cells of the session as a notebook (format 4.4); None if there were none but the one that asks."""
        manager = getattr(self._shell, "history_manager", None)
        if manager is None:
            return None
        rows = list(manager.get_range(output=True))
        if len(rows) <= 1:
            return None
        kernel = getattr(self._shell, "kernel", None)
        language = getattr(kernel, "language_info", None) or {"name": "python", "version": sys.version.split()[0]}
        name = f"python{sys.version_info[0]}"
        return {
            "cells": [self._cell(number, source, output) for _, number, (source, output) in rows],
            "metadata": {
                "kernelspec": {"display_name": name.title(), "language": "python", "name": name},
                "language_info": language,
            },
            "nbformat": 4,
            "nbformat_minor": 4,
        }

    def save_history(self, files_folder: Path) -> str | None:
        """Write the history among the run's files; returns its name, or None if there is none."""
        document = self.history()
        if document is None:
            return None
        file = files_folder / SESSION_HISTORY_NAME
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(document, indent=1, default=str), encoding="utf-8")
        return SESSION_HISTORY_NAME

    def _cell(self, number: int, source: str, output: str | None) -> dict[str, Any]:
        outputs: list[dict[str, Any]] = []
        if output:
            outputs.append({"output_type": "stream", "name": "stdout", "text": output})
        outputs.extend({"output_type": "display_data", **shown} for shown in self._displayed.get(number, []))
        return {
            "cell_type": "code",
            "execution_count": number,
            "metadata": {},
            "outputs": outputs,
            "source": source,
        }

    def _record(self, data: Mapping[str, Any], metadata: Mapping[str, Any] | None = None, **options: Any) -> Any:
        assert self._publish is not None
        result = self._publish(data, metadata=metadata, **options)
        texts = {kind: b64encode(value).decode() if isinstance(value, bytes) else value for kind, value in data.items()}
        shown = {"data": texts, "metadata": dict(metadata or {})}
        self._displayed.setdefault(self._shell.execution_count, []).append(shown)
        return result

    def _before(self, *arguments: object) -> None:
        self._guarded(self._before_cell)

    def _after(self, *arguments: object) -> None:
        self._guarded(self._after_cell)

    def _guarded(self, hook: Callable[[], None]) -> None:
        try:
            hook()
        # The edge to the user's notebook: IPython would print our traceback below every cell.
        except Exception:
            _log.warning("a hook on notebook cells failed; the cells are not affected")
            _log.debug("why a hook on notebook cells failed", exc_info=True)


# --- how a run is shown -----------------------------------------------------------------------------------------------


def frame_html(url: str, *, height: int = DEFAULT_HEIGHT, hidden: bool = False, what: str = "run") -> str:
    """HTML that shows a page in a frame, behind a button if `hidden`."""
    address = html.escape(f"{url}{'&' if '?' in url else '?'}jupyter=true")
    style = f"border:none;width:100%;height:{int(height)}px;{'display:none;' if hidden else ''}"
    frame = f'<iframe src="{address}" style="{style}"></iframe>'
    if not hidden:
        return frame
    reveal = "this.nextSibling.style.display='block';this.style.display='none';"
    return f'<button onClick="{reveal}">Display {html.escape(what)}</button>{frame}'


def display_html(shell: Any, text: str) -> None:
    """Show HTML below the cell that runs."""
    shell.display_pub.publish(data={"text/html": text, "text/plain": re.sub(r"<[^>]*>", "", text)}, metadata={})


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


class RunMagic:
    """The magics ``%wandb`` and ``%%wandb``, also by our own name.

    The line magic shows what a path names, or the active run. The cell magic does so and runs the cell; if there is no
    run yet, the first one that the cell begins is shown.

    Args:
        shell: The interactive shell.
        page_of: The address of the page of a path, or of the active run for None; None if there is no such thing.
    """

    NAMES = ("wandb", "kymograph")

    def __init__(self, shell: Any, page_of: Callable[[str | None], str | None]) -> None:
        self._shell = shell
        self._page_of = page_of
        self._height_wanted: int | None = None

    def register(self) -> None:
        """Make the magics known to the shell; those of an earlier call are replaced."""
        for name in self.NAMES:
            self._shell.register_magic_function(self.run, magic_kind="line_cell", magic_name=name)

    def run(self, line: str, cell: str | None = None) -> None:
        """Do what the magic says."""
        arguments = parse_magic(line)
        page = self._page_of(arguments.path)
        if page is not None:
            display_html(self._shell, frame_html(page, height=arguments.height))
        elif arguments.path is not None:
            display_html(self._shell, f"<p>There is no {html.escape(arguments.path)} that you may see.</p>")
        if cell is None:
            return
        self._height_wanted = arguments.height if page is None else None
        try:
            self._shell.run_cell(cell)
        finally:
            self._height_wanted = None

    def show_begun_run(self, url: str) -> bool:
        """Show a run that has just begun, if the cell's magic waits for one; tells whether it did."""
        if self._height_wanted is None:
            return False
        height, self._height_wanted = self._height_wanted, None
        display_html(self._shell, frame_html(url, height=height))
        return True
