"""The active run: what the module-level functions mean, and what has not ended yet when the process does."""

from __future__ import annotations

import atexit
import sys
import threading
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from kymograph.errors import NoActiveRun

if TYPE_CHECKING:
    from kymograph.sdk.run import Run

_lock = threading.RLock()
_runs: list[Run] = []
"""Runs that have not ended, the newest last."""
_aside: WeakSet[Run] = WeakSet()
"""Those of them that no module-level function means."""
_exit_code: int | None = None
_has_hooks = False


def active_run() -> Run | None:
    """The newest run that has not ended, and was not begun beside others."""
    with _lock:
        while _runs and _runs[-1]._is_finished:
            _runs.pop()
        if not _aside:
            return _runs[-1] if _runs else None
        return next((run for run in reversed(_runs) if not run._is_finished and run not in _aside), None)


def require_run(member: str) -> Run:
    """The active run.

    Raises:
        NoActiveRun: There is none; the message names what was asked for.
    """
    run = active_run()
    if run is None:
        raise NoActiveRun(member)
    return run


def activate(run: Run, *, is_aside: bool = False) -> None:
    """Make a run the active one, unless it stands aside, and have it ended when the process ends."""
    from kymograph.sdk.artifact_reads import follow_file_systems

    follow_file_systems()
    with _lock:
        _runs.append(run)
        if is_aside:
            _aside.add(run)
        _install_hooks()


def unfinished_runs() -> list[Run]:
    """Those that have not ended, the newest first."""
    with _lock:
        return [run for run in reversed(_runs) if not run._is_finished]


def _install_hooks() -> None:
    """Learn how the process ends; only once there is a run, for importing changes nothing."""
    global _has_hooks
    if _has_hooks:
        return
    _has_hooks = True
    atexit.register(_finish_all)
    sys.excepthook = _note_failure(sys.excepthook)


def _note_failure(
    before: Callable[[type[BaseException], BaseException, TracebackType | None], Any],
) -> Callable[[type[BaseException], BaseException, TracebackType | None], Any]:
    def hook(kind: type[BaseException], error: BaseException, at: TracebackType | None) -> Any:
        global _exit_code
        _exit_code = 255 if issubclass(kind, KeyboardInterrupt) else 1
        return before(kind, error, at)

    return hook


def _finish_all() -> None:
    for run in unfinished_runs():
        run.finish(exit_code=_exit_code)
    session = sys.modules.get("kymograph.sdk.capture.session")
    if session is not None:
        session.wait_for_what_was_left()
