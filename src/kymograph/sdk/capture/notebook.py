"""Where notebooks are concerned: which kind of Python this is, which notebook, and showing something below a cell.

IPython is asked only if the process has it loaded already; nothing here imports it. Everything that touches the shell
takes it as an argument.
"""

from __future__ import annotations

import json
import logging
import os
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

PythonKind = Literal["python", "ipython", "jupyter"]
SERVER_TIMEOUT_S = 1.0
"""For each notebook server on this machine that is asked which notebook this is."""

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
    # Spyder's console is a kernel, and shows no HTML.
    is_kernel = getattr(shell, "kernel", None) is not None and "spyder" not in sys.modules
    return "jupyter" if is_kernel else "ipython"


def find_notebook_shell() -> Any | None:
    """The shell of this process, if it belongs to a notebook."""
    shell = find_shell()
    return shell if python_kind(shell) == "jupyter" else None


def is_colab() -> bool:
    """Tell whether this is Google Colab."""
    return "google.colab" in sys.modules


def is_kaggle(environment: Mapping[str, str] = os.environ) -> bool:
    """Tell whether this is a notebook of Kaggle."""
    return "kaggle_session" in sys.modules or "KAGGLE_KERNEL_RUN_TYPE" in environment


def is_visual_studio_code(shell: Any) -> bool:
    """Tell whether this is a notebook in Visual Studio Code, which shows no frames."""
    return "__vsc_ipynb_file__" in getattr(shell, "user_ns", {})


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
    environment: Mapping[str, str] = os.environ,
    sessions: Callable[[Path], Iterable[tuple[str, Mapping[str, Any]]]] | None = None,
) -> NotebookFile | None:
    """Find out which notebook the code runs in; None if nobody says.

    Args:
        shell: The interactive shell.
        name: As the user says; taken as it is if there is no such file.
        environment: Variables.
        sessions: Of the notebook servers that leave their addresses in a folder, each with its server's folder.
    """
    if name:
        return _at(os.path.abspath(name)) if os.path.exists(name) else NotebookFile(name, name, os.getcwd())
    # Visual Studio Code runs a copy, and leaves the original's path where the user's names are. Servers since 2.0 tell
    # their kernels by a variable. Source: jupyter_server's session manager.
    path = getattr(shell, "user_ns", {}).get("__vsc_ipynb_file__") or environment.get("JPY_SESSION_NAME")
    if path and str(path).endswith(".ipynb"):
        return _at(str(path))
    connection = _connection_file(shell)
    if connection is None:
        return None
    kernel_id = connection.stem.removeprefix("kernel-")
    for root, session in (sessions or _server_sessions)(connection.parent):
        notebook = session.get("notebook")
        if (session.get("kernel") or {}).get("id") == kernel_id and isinstance(notebook, Mapping):
            return NotebookFile(name=str(notebook["name"]), path=str(notebook["path"]), root=root)
    return None


def _at(path: str) -> NotebookFile:
    return NotebookFile(name=os.path.basename(path), path=path, root=os.path.dirname(path))


def _connection_file(shell: Any) -> Path | None:
    """Named by the kernel's id, in the folder where servers leave their addresses too."""
    config = getattr(shell, "config", {})
    files = [str((config.get(app) or {}).get("connection_file") or "") for app in ("IPKernelApp", "ColabKernelApp")]
    file = next(filter(None, files), "")
    return Path(file) if re.search(r"kernel-.*\.json$", file) else None


def _server_sessions(folder: Path) -> Iterable[tuple[str, Mapping[str, Any]]]:
    """What the servers say. Their files are read, for importing their packages takes a second."""
    from urllib.parse import urlencode, urljoin
    from urllib.request import urlopen

    for file in [*folder.glob("jpserver-*.json"), *folder.glob("nbserver-*.json")]:
        try:
            server = json.loads(file.read_text(encoding="utf-8"))
            query = urlencode({"token": server.get("token", "")})
            with urlopen(f"{urljoin(server['url'], 'api/sessions')}?{query}", timeout=SERVER_TIMEOUT_S) as answer:
                sessions = json.load(answer)
        except (OSError, ValueError, KeyError, AttributeError) as error:
            # Not the address: it holds the server's token.
            _log.debug("a notebook server does not answer: %s", type(error).__name__)
            continue
        root = server.get("root_dir") or server.get("notebook_dir") or os.getcwd()
        yield from ((root, session) for session in sessions if isinstance(session, Mapping))


# --- below the cell ---------------------------------------------------------------------------------------------------


def display_html(shell: Any, text: str, *, plain: str | None = None) -> bool:
    """Show HTML below the cell that runs; returns whether that was possible.

    Args:
        shell: The interactive shell.
        text: HTML.
        plain: For front ends that show none; default: the HTML without its marks.
    """
    data = {"text/html": text, "text/plain": re.sub(r"<[^>]*>", "", text) if plain is None else plain}
    try:
        shell.display_pub.publish(data=data, metadata={})
    # The edge to front ends of every kind, and to kernels that are being shut down: whatever a message about a run
    # meets there must not end the user's cell.
    except Exception:
        _log.debug("nothing can be shown in this notebook", exc_info=True)
        return False
    return True
