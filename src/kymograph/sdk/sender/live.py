"""Files that are sent whenever they have changed enough."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from kymograph.sdk.capture.files import LIVE_INTERVAL_S, LiveFiles
from kymograph.sdk.sender.file_wishes import FileWishes

LOOK_EVERY_S = 1.0


class LiveWatch:
    """Looks at the live files of one run."""

    def __init__(self, folder: Path, wishes: FileWishes) -> None:
        """Watch files below a folder, as often as somebody wishes."""
        self._folder = folder
        self._files = LiveFiles(interval_s=wishes.live_interval_s or LIVE_INTERVAL_S, wait_s=wishes.live_wait_s)
        self._next_look_s = 0.0

    def due(self, names: Iterable[str], now_s: float) -> list[str]:
        """Those that are to be sent now.

        Args:
            names: Of all live files.
            now_s: Of a monotonic clock.
        """
        if now_s < self._next_look_s:
            return []
        self._next_look_s = now_s + LOOK_EVERY_S
        for name in names:
            try:
                stat = (self._folder / name).stat()
            except OSError:
                self._files.forget(name)
                continue
            self._files.saw(name, size_bytes=stat.st_size, modified=stat.st_mtime)
        due = self._files.due(now_s)
        for name in due:
            stat = (self._folder / name).stat()
            self._files.uploaded(name, now=now_s, size_bytes=stat.st_size, modified=stat.st_mtime)
        return due
