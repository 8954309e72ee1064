"""Learning where TensorBoard's writers write: their classes tell when one is made.

Of PyTorch (which uses TensorBoard's), tensorboardX and TensorFlow. None of them is imported for it: those that are
there already are changed at once, the others when they are imported.

Source: the vendor's `wandb.integration.tensorboard.monkeypatch` of 0.31.0, for what there is to change.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

from kymograph.errors import UsageError
from kymograph.sdk.active import active_run
from kymograph.sdk.import_hooks import when_imported
from kymograph.sdk.process import voice_here
from kymograph.sdk.tensorboard.follower import EventFollower
from kymograph.sdk.tensorboard.names import CLOUD, generated_root

WRITER_CLASSES = {
    "tensorboard.summary.writer.event_file_writer": "EventFileWriter",
    "tensorboardX.event_file_writer": "EventFileWriter",
    "tensorflow.python.summary.writer.event_file_writer": "EventFileWriter",
    "tensorflow.python.summary.writer.event_file_writer_v2": "EventFileWriterV2",
}
"""Module → the class whose instances write into the folder that they are given first."""
TENSORFLOW_MODULE, TENSORFLOW_FUNCTION = "tensorflow.python.ops.gen_summary_ops", "create_summary_file_writer"
"""What TensorFlow 2 makes its writers with."""


@dataclass(slots=True)
class _Patch:
    """What was changed, and how folders are followed."""

    is_saved: bool
    root: str
    undo: list[Callable[[], None]] = field(default_factory=list)


_patch: _Patch | None = None


def patch(
    save: bool = True, tensorboard_x: bool | None = None, pytorch: bool | None = None, root_logdir: str = ""
) -> None:
    """Have what TensorBoard's writers write logged to the active run, from the next writer on.

    ``init(sync_tensorboard=True)`` does this, too; call it before, to say more.

    Args:
        save: Whether event files are kept with the run.
        tensorboard_x: True if the writers are those of tensorboardX, and TensorFlow's are to be left alone.
        pytorch: The same of PyTorch's.
        root_logdir: The folder whose folders are put before the names of metrics; default: guessed.

    Raises:
        UsageError: It was called already.
    """
    global _patch
    if _patch is not None:
        raise UsageError(
            "TensorBoard is followed already: call tensorboard.patch() before init(), without sync_tensorboard=True, "
            "or tensorboard.unpatch() first"
        )
    _patch = made = _Patch(save, root_logdir)
    for module, name in WRITER_CLASSES.items():
        made.undo.append(when_imported(module, functools.partial(_change_class, made, name)))
    if not tensorboard_x and not pytorch:
        made.undo.append(when_imported(TENSORFLOW_MODULE, functools.partial(_change_function, made)))


def unpatch() -> None:
    """Leave writers that are made from now on alone; those that are followed stay so."""
    global _patch
    made, _patch = _patch, None
    for undo in reversed(made.undo if made is not None else []):
        undo()


def is_patched() -> bool:
    """Whether writers are followed."""
    return _patch is not None


def _change_class(patch: _Patch, name: str, module: ModuleType) -> None:
    kind = getattr(module, name, None)
    if kind is None:
        return
    make = kind.__init__

    @functools.wraps(make)
    def init(self: Any, *args: Any, **kwargs: Any) -> None:
        make(self, *args, **kwargs)
        _note(patch, kwargs.get("logdir", args[0] if args else None), self)

    kind.__init__ = init
    patch.undo.append(lambda: setattr(kind, "__init__", make))


def _change_function(patch: _Patch, module: ModuleType) -> None:
    create = getattr(module, TENSORFLOW_FUNCTION, None)
    if create is None:
        return

    @functools.wraps(create)
    def created(*args: Any, **kwargs: Any) -> Any:
        writer = create(*args, **kwargs)
        _note(patch, kwargs.get("logdir", args[1] if len(args) > 1 else None), None)
        return writer

    setattr(module, TENSORFLOW_FUNCTION, created)
    patch.undo.append(lambda: setattr(module, TENSORFLOW_FUNCTION, create))


def _note(patch: _Patch, folder: Any, writer: Any) -> None:
    """A writer was made."""
    run = active_run()
    text = _text_of(folder)
    if run is None or run.disabled or text is None or _patch is not patch or os.getpid() != run._pid:
        return
    if CLOUD.match(text):
        run._voice.warn(f"TensorBoard's logs in {text} are not logged to the run: give a folder of this machine")
        return
    try:
        root = _root_of(text, patch.root)
        follower_of(run).follow(Path(text), root=root, is_saved=patch.is_saved, writer=writer)
    except OSError as exc:  # the current folder is gone: the writer is made all the same
        run._voice.warn(f"TensorBoard's logs in {text} are not logged to the run: {exc.strerror or exc}")


def follower_of(run: Any) -> EventFollower:
    """What follows writers for a run; ends with it."""
    if run._follower is None:
        run._follower = EventFollower(run)
        run._on_finish.append(run._follower.finish)
    return run._follower  # type: ignore[no-any-return] # set above, or here before


def _text_of(folder: Any) -> str | None:
    """The path; in TensorFlow it is a tensor, and in graphs of its first version one without a value."""
    if hasattr(folder, "numpy"):
        folder = folder.numpy()
    if isinstance(folder, bytes):
        return os.fsdecode(folder)
    return os.fspath(folder) if isinstance(folder, str | os.PathLike) else None


def _root_of(folder: str, given: str) -> Path | None:
    generated = generated_root(folder)
    if generated is not None:
        return Path(os.path.abspath(generated))
    if not given:
        return None
    root = Path(os.path.abspath(given))
    if not Path(os.path.abspath(folder)).is_relative_to(root):
        voice_here().warn(f"the folder {folder} is not below root_logdir={given!r}, which is left out for it")
        return None
    return root
