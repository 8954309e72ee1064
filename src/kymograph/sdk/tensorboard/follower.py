"""Following the folders that TensorBoard's writers write to, while a run goes on and once more at its end.

A thread reads; nothing of it reaches the training. What cannot be read is told once, and left out.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from kymograph.sdk import records
from kymograph.sdk.capture.files import SavePlan
from kymograph.sdk.tensorboard.event_files import EventFile
from kymograph.sdk.tensorboard.names import base_of, begun_since, guessed_root, namespace_of
from kymograph.sdk.tensorboard.step_rows import StepRows

if TYPE_CHECKING:
    from kymograph.sdk.run import Run

_log = logging.getLogger(__name__)
LOOK_EVERY_S = 1.0
ROOT_WAIT_S = 10.0
"""How long a folder whose root nobody named waits for a second one, from which to guess it. Source: the vendor's."""
QUEUE_WAIT_S = 0.2
"""Writers have queues of their own; what is in them at the end of a run has so long to come through."""


@dataclass(slots=True)
class _Folder:
    path: Path
    root: Path | None
    is_saved: bool
    since_s: float
    """When it was found, of the monotonic clock."""
    is_settled: bool = False
    """Whether its root is known, or known not to be."""
    is_given_up: bool = False
    files: dict[str, tuple[EventFile, StepRows]] = field(default_factory=dict)


class EventFollower:
    """Logs to one run what writers of TensorBoard write. Safe to share between threads."""

    def __init__(
        self, run: Run, *, interval_s: float = LOOK_EVERY_S, now: Callable[[], float] = time.monotonic
    ) -> None:
        """Nothing is followed yet.

        Args:
            run: Where it is logged; `finish` is to be called before it ends.
            interval_s: Between two looks.
            now: A monotonic clock in s.
        """
        self._run, self._interval_s, self._now = run, interval_s, now
        self._is_ours = begun_since(run.start_time)
        self._folders: dict[Path, _Folder] = {}
        self._root: Path | None = None
        """As it was guessed from the first two folders; it stays, for metrics keep their names."""
        self._writers: WeakSet[Any] = WeakSet()
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def follow(self, path: Path, *, root: Path | None, is_saved: bool, writer: Any = None) -> None:
        """Log the event files of a folder that were begun since the run was, and those that are begun later.

        Args:
            path: Of the folder; may be made later.
            root: What is below it in `path` is put before the names of metrics; None to guess it.
            is_saved: Whether the event files are kept with the run, too.
            writer: What writes there, to be flushed before the end.
        """
        if self._stop.is_set():
            return
        with self._lock:
            if writer is not None:
                with suppress(TypeError):  # of a class without weak references
                    self._writers.add(writer)
            path = Path(os.path.abspath(path))  # folders are compared by their parts
            if path not in self._folders:
                self._folders[path] = _Folder(path, root, is_saved, self._now(), is_settled=root is not None)
                self._run._rows.counts_alone = True
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="kymograph tensorboard", daemon=True)
                with suppress(RuntimeError):  # while the process ends: then all is read by `finish`
                    self._thread.start()

    def finish(self) -> None:
        """Log what is left; nothing is followed any more."""
        self._stop.set()
        if self._thread is None:
            return
        if self._thread.is_alive():
            self._thread.join()
        self._flush_writers()
        self.look(is_last=True)

    def look(self, *, is_last: bool = False) -> None:
        """Log what has come since the last look."""
        with self._lock:
            folders = [folder for folder in self._folders.values() if not folder.is_given_up]
        for folder in folders:
            self._settle(folder, is_last=is_last)
            if folder.is_settled:
                self._read(folder, is_last=is_last)

    def _work(self) -> None:
        while not self._stop.wait(self._interval_s):
            self.look()

    def _settle(self, folder: _Folder, *, is_last: bool) -> None:
        """Decide what its metrics are called, before the first is logged."""
        if folder.is_settled:
            return
        with self._lock:
            paths = list(self._folders)
        if self._root is None and len(paths) > 1:
            self._root = guessed_root(paths)
        if len(paths) > 1 or is_last or self._now() - folder.since_s >= ROOT_WAIT_S:
            folder.root, folder.is_settled = self._root or guessed_root([folder.path]), True

    def _read(self, folder: _Folder, *, is_last: bool) -> None:
        try:
            self._open_new(folder)
            for file, rows in folder.files.values():
                for event in file.read(self._now(), is_final=is_last):
                    rows.add(event)
                rows.write()
                if is_last:
                    file.close()
                    self._place(folder, file.path)
        except OSError as exc:
            self._run._voice.warn(f"TensorBoard's logs in {folder.path} cannot be read: {exc.strerror or exc}")
        except Exception:  # whatever an event file holds: a training is not stopped by it
            _log.debug("TensorBoard's logs in %s", folder.path, exc_info=True)
            self._run._voice.warn(
                f"TensorBoard's logs in {folder.path} are not followed any more, since they cannot be read"
            )
            folder.is_given_up = True

    def _open_new(self, folder: _Folder) -> None:
        if not folder.path.is_dir():
            return
        namespace = namespace_of(folder.path, folder.root)
        for name in sorted(entry.name for entry in os.scandir(folder.path) if entry.is_file()):
            if name not in folder.files and self._is_ours(name):
                file = EventFile(folder.path / name, warn=self._run._voice.warn)
                rows = StepRows(self._run._rows.log_past, namespace=namespace, warn=self._run._voice.warn)
                folder.files[name] = file, rows
                self._keep(folder, file.path)

    def _keep(self, folder: _Folder, path: Path) -> None:
        """Have a file uploaded at the end, however the run ends."""
        for name in self._place(folder, path):
            self._run._append(records.files([name], "end"))

    def _place(self, folder: _Folder, path: Path) -> list[str]:
        """Bring a file into the run's folder, and again at the end: where it is no link, it is as it was before."""
        if not folder.is_saved:
            return []
        plan = SavePlan((path,), base_of(folder.path, folder.root, Path.cwd()), "end")
        placed = plan.place(self._run._folder.files, uses_symlinks=self._run._settings.symlink)
        return [saved.name for saved in placed]

    def _flush_writers(self) -> None:
        for wait_s in (QUEUE_WAIT_S, 0.0):
            for writer in list(self._writers):
                try:
                    writer.flush()
                except Exception as error:  # another package's, closed or broken: what it wrote before counts
                    _log.debug("a writer cannot be flushed: %s", error)
            if self._writers:
                time.sleep(wait_s)
