"""How runs live in a notebook: what its cells did is kept with them, and the time between cells is not theirs.

A run goes on from cell to cell, whatever one of them raises, until `finish`, a new `init`, or the end of the kernel.

Source: the vendor's client 0.31.0, `wandb.jupyter` and `wandb.sdk.wandb_init`: the config's notes ``session_history``
and ``is_jupyter_run``; code is kept where ``save_code`` asks for it.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import time
from typing import TYPE_CHECKING, Any

from kymograph.sdk.active import unfinished_runs
from kymograph.sdk.capture.cells import CellRecorder
from kymograph.sdk.capture.code import CODE_FOLDER
from kymograph.sdk.capture.console import ConsoleCapture
from kymograph.sdk.capture.notebook import NotebookFile, find_notebook, find_shell
from kymograph.sdk.capture.tap import TAPS
from kymograph.sdk.magic import register_magics
from kymograph.sdk.settings import Settings, Source
from kymograph.wire.records_pb2 import FilesItem

if TYPE_CHECKING:
    from kymograph.sdk.run import Run

_session: NotebookSession | None = None


def load_ipython_extension(shell: Any) -> None:
    """Make the magics known before there is a run: ``%load_ext kymograph``."""
    register_magics(shell)


def prepare_here(settings: Settings) -> None:
    """Let settings of a run that is about to begin know where they are, if this is a session of IPython."""
    shell = None if settings.jupyter is False else find_shell()
    if shell is None:
        return
    register_magics(shell)
    # Cells are run again with other values. Source: seeds.md E.9.
    settings.set_defaults(allow_val_change=True)
    found = find_notebook(shell, name=settings.notebook_name)
    if found is not None:
        known = {"x_jupyter_name": found.name, "x_jupyter_path": found.path, "x_jupyter_root": found.root}
        settings.update(known, source=Source.RUN)
        settings.set_defaults(program=found.path)


def join_here(run: Run) -> None:
    """Let a run that has begun take part in the session of IPython, if this is one."""
    global _session
    shell = None if run._settings.jupyter is False else find_shell()
    if shell is None:
        return
    if _session is None or _session.shell is not shell:
        _session = NotebookSession(shell)
    _session.join(run)


class NotebookSession:
    """One session of IPython, from the first run to the end of the process."""

    def __init__(self, shell: Any) -> None:
        """Prepare; nothing is hooked yet."""
        self.shell = shell
        self._recorder = CellRecorder(shell, before_cell=self._begin_cell, after_cell=self._end_cell)
        self._console: ConsoleCapture | None = None
        self._idle_since: float | None = None
        self._has_hinted = False
        self._saved: dict[str, int] = {}
        """When the notebook was changed that a run has, in ns, by id of the run."""

    def join(self, run: Run) -> None:
        """Have a run take part until it ends."""
        self._recorder.start()
        if self._console is None and run._settings.console != "off":
            self._console = ConsoleCapture(self._recorder.take_text)
            self._console.start()
        run._set_config(("_wandb", "is_jupyter_run"), True)
        run._on_finish.append(lambda: self._leave(run))
        if _saves_code(run) and run._settings.x_jupyter_path is None and not self._has_hinted:
            self._has_hinted = run._voice.chat(
                "the cells are kept with the run; to have the notebook's file kept as well, name it with "
                "WANDB_NOTEBOOK_NAME"
            )

    def stop(self) -> None:
        """Unhook; for tests."""
        self._recorder.stop()
        if self._console is not None:
            self._console.stop()

    def _begin_cell(self) -> None:
        _refresh_taps()
        for run in unfinished_runs():
            if self._idle_since is not None:
                run._rows.leave_out(since=self._idle_since)
            self._save_notebook(run)
        self._idle_since = None

    def _end_cell(self) -> None:
        self._idle_since = time.time()
        try:
            # IPython takes our hooks out when this has returned; what is put in then, it leaves in.
            asyncio.get_running_loop().call_soon(_refresh_taps)
        except RuntimeError:
            return  # a terminal: they are put back when the next cell begins

    def _leave(self, run: Run) -> None:
        self._save_notebook(run)
        self._saved.pop(run.id, None)
        if not _saves_code(run):
            return
        try:
            name = self._recorder.save_history(run._folder.files)
        except OSError as exc:
            run._voice.warn(f"the cells cannot be kept with run {run.id}: {exc.strerror or exc}")
            return
        if name is not None:
            run._set_config(("_wandb", "session_history"), name)
            run._keep([name], kind=FilesItem.OTHER)

    def _save_notebook(self, run: Run) -> None:
        """Keep the notebook's file with a run, as it was saved last."""
        settings = run._settings
        if not _saves_code(run) or not settings.x_jupyter_path or not settings.x_jupyter_name:
            return
        source = NotebookFile(settings.x_jupyter_name, settings.x_jupyter_path, settings.x_jupyter_root or "").file
        name = f"{CODE_FOLDER}/{os.path.basename(settings.x_jupyter_name)}"
        try:
            changed_ns = source.stat().st_mtime_ns
            if self._saved.get(run.id) == changed_ns:
                return
            target = run._folder.files / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
        except OSError as exc:  # on another machine, or moved
            run._voice.warn(f"the notebook {source} cannot be kept with run {run.id}: {exc.strerror or exc}")
            return
        self._saved[run.id] = changed_ns
        run._keep([name], kind=FilesItem.OTHER)


def _refresh_taps() -> None:
    for tap in TAPS.values():
        tap.refresh()


def _saves_code(run: Run) -> bool:
    return bool(run._settings.save_code) and not run._settings.disable_code and not run.disabled
