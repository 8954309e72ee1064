"""The folder of a run: journal, files and logs in one place that can be copied to another machine.

Source: seeds.md E.3; protocol.md §15.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from kymograph.sdk.notices import PLAIN_VOICE
from kymograph.sdk.settings import Settings, Source


@dataclass(frozen=True, slots=True)
class RunDirectory:
    """Where everything of a run is."""

    root: Path
    """``<root>/kymograph/run-<time>-<id>``; ``offline-run-…`` for one that is not sent yet."""
    journal: Path
    files: Path
    logs: Path
    tmp: Path


def create_run_directory(settings: Settings, *, warn: Callable[[str], object] = PLAIN_VOICE.warn) -> RunDirectory:
    """Make the folders of a run; in a temporary place if they cannot be where they should.

    Args:
        settings: With ``run_id`` and ``x_start_time``; their ``root_dir`` becomes the folder that was taken.
        warn: Told when that is a temporary one.

    Returns:
        Its folders exist; the journal does not.
    """
    try:
        made = _make(settings)
    except OSError as exc:
        elsewhere = tempfile.mkdtemp(prefix="kymograph-")
        warn(
            f"the folder {settings.wandb_dir} cannot be written ({exc.strerror or exc}); this run is kept in "
            f"{elsewhere}, which may be cleared: set WANDB_DIR to a folder that you can write"
        )
        settings.update({"root_dir": elsewhere}, source=Source.CODE, details={"root_dir": "not writable"})
        made = _make(settings)
    if settings.symlink:
        _link(Path(settings.sync_symlink_latest), made.root)
    return made


def _make(settings: Settings) -> RunDirectory:
    root = Path(settings.sync_dir)
    made = RunDirectory(
        root=root,
        journal=Path(settings.sync_file),
        files=Path(settings.files_dir),
        logs=Path(settings.log_dir),
        tmp=Path(settings.tmp_dir),
    )
    for folder in (made.files, made.logs, made.tmp):
        folder.mkdir(parents=True, exist_ok=True)
    return made


def _link(link: Path, target: Path) -> None:
    """Let a link lead to the newest run, in one step; without one nothing is lost."""
    draft = link.with_name(f".{link.name}.{os.getpid()}")
    with suppress(OSError, NotImplementedError):
        draft.unlink(missing_ok=True)
        draft.symlink_to(target.name, target_is_directory=True)
        draft.replace(link)
