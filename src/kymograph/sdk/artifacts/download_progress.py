"""How far a transfer is, for people: a bar in terminals, a line before and after elsewhere."""

from __future__ import annotations

import sys
import threading
import time
from types import TracebackType
from typing import TYPE_CHECKING, Self

from kymograph.sdk.artifacts.voice import current_voice

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

_UPDATE_S = 0.1


class DownloadProgress:
    """Counts files and bytes, from many threads."""

    def __init__(self, name: str, n_files: int, size_bytes: int, *, is_shown: bool, verb: str = "downloading") -> None:
        """Begin.

        Args:
            name: Of the artifact.
            n_files: That are to come.
            size_bytes: Of them together.
            is_shown: Whether anything is said.
            verb: What happens to them.
        """
        self._verb = verb
        self._name, self._n_files, self._size_bytes = name, n_files, size_bytes
        self._is_shown = is_shown and current_voice().is_chatty
        self._lock = threading.Lock()
        self._files = self._bytes = 0
        self._began_s = time.monotonic()
        self._updated_s = 0.0
        self._bar: Progress | None = None
        self._task: TaskID | None = None

    def __enter__(self) -> Self:
        if self._is_shown:
            if sys.stderr is not None and sys.stderr.isatty():
                self._start_bar()
            else:
                size = f"{self._size_bytes / 1e6:,.1f} MB"
                current_voice().chat(f"{self._verb} artifact {self._name}: {self._n_files:,} files, {size}")
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._bar is not None:
            self._show()
            self._bar.stop()
        elif self._is_shown and kind is None:
            took_s = max(time.monotonic() - self._began_s, 1e-3)
            current_voice().chat(f"done in {took_s:.1f} s ({self._bytes / 1e6 / took_s:.1f} MB/s)")

    def add_bytes(self, size: int) -> None:
        """So much more came."""
        with self._lock:
            self._bytes += size
        self._show_now_and_then()

    def add_file(self) -> None:
        """One more file is there."""
        with self._lock:
            self._files += 1
        self._show_now_and_then()

    def _start_bar(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.fields[files]:,}/{task.fields[n_files]:,} files"),
            DownloadColumn(),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            transient=True,
        )
        self._bar.start()
        self._task = self._bar.add_task(
            f"{self._verb} {self._name}", total=self._size_bytes or None, files=0, n_files=self._n_files
        )

    def _show_now_and_then(self) -> None:
        if self._bar is not None and time.monotonic() - self._updated_s > _UPDATE_S:
            self._updated_s = time.monotonic()
            self._show()

    def _show(self) -> None:
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, completed=self._bytes, files=self._files)
