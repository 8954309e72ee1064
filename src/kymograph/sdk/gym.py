"""Films of environments: what gymnasium's (and gym's) recorders write is logged to the active run.

Source: the vendor's `wandb.integration.gym` of 0.31.0, for the names of metrics; the recorders of gym 0.21 to 0.26 and
gymnasium 0.26 to 1.4.
"""

from __future__ import annotations

import functools
import importlib.util
import os
import re
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

from kymograph.errors import MissingPackage, UsageError
from kymograph.sdk.active import active_run
from kymograph.sdk.import_hooks import when_imported

FILMS = "videos"
_NUMBERED = re.compile(r".+(video\.\d+).+")
"""Names of films that gym wrote before 0.26 have a number, which becomes the metric."""

__all__ = ["monitor", "unmonitor"]

_undo: list[Callable[[], None]] = []


def monitor() -> None:
    """Log each film that is recorded from now on, while a run is active. Calling it twice changes nothing.

    Raises:
        MissingPackage: Neither gymnasium nor gym is installed.
    """
    if _undo:
        return
    if not any(_is_installed(name) for name in ("gymnasium", "gym")):
        raise MissingPackage("gymnasium", purpose="recording films of environments", install="pip install gymnasium")
    for module, change in _RECORDERS:
        _undo.append(when_imported(module, change))


def unmonitor() -> None:
    """Log no more films."""
    while _undo:
        _undo.pop()()


def _is_installed(name: str) -> bool:
    return name in sys.modules or importlib.util.find_spec(name) is not None


def _change_wrapper(module: ModuleType) -> None:
    """In gymnasium 1 the wrapper itself writes a film whenever a recording stops, also when it is closed."""
    kind = getattr(module, "RecordVideo", None)
    if kind is None or not hasattr(kind, "stop_recording"):
        return

    def path_of(recorder: Any) -> str | None:
        name = getattr(recorder, "_video_name", None)
        return None if name is None else os.path.join(recorder.video_folder, f"{name}.mp4")

    _wrap(kind, "stop_recording", path_of)


def _change_recorder(module: ModuleType) -> None:
    """Before that there was a recorder for each film, which writes it when it is closed."""
    for name, attribute in (("VideoRecorder", "path"), ("ImageEncoder", "output_path")):
        kind = getattr(module, name, None)
        # Recorders of gym before 0.26 leave the writing to an encoder.
        if kind is None or (name == "VideoRecorder" and hasattr(module, "ImageEncoder")):
            continue
        _wrap(kind, "close", functools.partial(_attribute, attribute))


def _attribute(name: str, recorder: Any) -> str | None:
    return getattr(recorder, name, None)


_RECORDERS = (
    ("gymnasium.wrappers.rendering", _change_wrapper),
    ("gymnasium.wrappers.monitoring.video_recorder", _change_recorder),
    ("gym.wrappers.monitoring.video_recorder", _change_recorder),
)
"""Module → what is done to it once it is there."""


def _wrap(kind: Any, method: str, path_of: Callable[[Any], str | None]) -> None:
    write = getattr(kind, method)

    @functools.wraps(write)
    def written(self: Any, *args: Any, **kwargs: Any) -> Any:
        path = path_of(self)
        before = _state_of(path)
        result = write(self, *args, **kwargs)
        after = _state_of(path)
        # A recorder is closed more than once, and one that is switched off writes nothing.
        if path is not None and after is not None and after != before:
            _log(path)
        return result

    setattr(kind, method, written)
    _undo.append(lambda: setattr(kind, method, write))


def _state_of(path: str | None) -> tuple[int, int] | None:
    """Size and time of a file that holds something; None if there is none."""
    try:
        found = os.stat(path) if path is not None else None
    except OSError:
        return None
    return (found.st_size, found.st_mtime_ns) if found is not None and found.st_size else None


def _log(path: str) -> None:
    run = active_run()
    if run is None:
        return
    from kymograph.sdk.media.video import Video

    numbered = _NUMBERED.match(path)
    try:
        run.log({numbered[1] if numbered else FILMS: Video(path)})
    except (OSError, UsageError) as exc:  # an environment goes on without its film
        run._voice.warn(f"the film {path} is not logged: {exc}")
