"""Segments as files of this machine: mapped where they lie, or fetched from the bucket into a bounded folder."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Generic, TypeVar

from kymograph.errors import ObjectNotFound, StorageFull, StoreCorrupt
from kymograph.storage.history.base import Segment
from kymograph.storage.history.segments.lines import LinesFile
from kymograph.storage.history.segments.points import PointsFile
from kymograph.storage.objects.base import ObjectStore
from kymograph.types import ObjectKey

File = TypeVar("File", PointsFile, LinesFile)

MISSING = "the object is missing"
MAX_OPEN = 512
"""Mapped files: each holds a file descriptor, and processes usually may have 1,024."""


class SegmentFiles:
    """Opens segments, and keeps recently used ones open. Safe to share between threads."""

    def __init__(self, objects: ObjectStore, *, folder: Path | None = None, folder_bytes: int = 0) -> None:
        """Read from an object store.

        Args:
            objects: Where segments are.
            folder: Where copies go, if the objects are no files of this machine.
            folder_bytes: About how large the folder may become.
        """
        self._objects, self._folder, self._folder_bytes = objects, folder, folder_bytes
        self._copies = _Copies(objects, folder, budget_bytes=folder_bytes)
        self._points: _OpenFiles[PointsFile] = _OpenFiles(self._open_points)
        self._lines: _OpenFiles[LinesFile] = _OpenFiles(self._open_lines)

    def points(self, segment: Segment) -> PointsFile:
        """The points of a segment.

        Raises:
            StoreCorrupt: Its object is missing or damaged.
        """
        return self._points.get(segment.points_key)

    def lines(self, segment: Segment) -> LinesFile:
        """The lines of a segment.

        Raises:
            StoreCorrupt: Its object is missing or damaged.
        """
        return self._lines.get(segment.lines_key)

    def path_of(self, key: ObjectKey) -> Path:
        """Where any object can be read as a file of this machine, for a while.

        Raises:
            StoreCorrupt: It is missing.
        """
        return self._copies.path_of(key)

    def reopened(self) -> SegmentFiles:
        """The same with nothing open yet."""
        return SegmentFiles(self._objects, folder=self._folder, folder_bytes=self._folder_bytes)

    def _open_points(self, key: ObjectKey) -> PointsFile:
        try:
            return PointsFile(self._copies.path_of(key), name=key)
        except FileNotFoundError:
            # A copy that another process of this machine has just removed to make room: fetched once more.
            try:
                return PointsFile(self._copies.path_of(key), name=key)
            except FileNotFoundError as exc:
                raise StoreCorrupt(key, problem=MISSING) from exc

    def _open_lines(self, key: ObjectKey) -> LinesFile:
        return LinesFile(self._copies.path_of(key), name=key, fetch=partial(self._copies.path_of, key))

    def let_go(self, segments: Iterable[Segment]) -> None:
        """Keep segments open no longer: the space of a removed file is free only once nobody has it open."""
        for segment in segments:
            self._points.let_go(segment.points_key)
            self._lines.let_go(segment.lines_key)

    @property
    def open_count(self) -> int:
        """How many files are kept open."""
        return len(self._points) + len(self._lines)


class _OpenFiles(Generic[File]):
    """Open files of one kind, least recently used first out."""

    def __init__(self, open_file: Callable[[ObjectKey], File]) -> None:
        self._open_file: Callable[[ObjectKey], File] = open_file
        self._lock = threading.Lock()
        self._files: OrderedDict[ObjectKey, File] = OrderedDict()

    def __len__(self) -> int:
        return len(self._files)

    def let_go(self, key: ObjectKey) -> None:
        with self._lock:
            self._files.pop(key, None)

    def get(self, key: ObjectKey) -> File:
        with self._lock:
            file = self._files.get(key)
            if file is not None:
                self._files.move_to_end(key)
                return file
        file = self._open_file(key)
        with self._lock:
            file = self._files.setdefault(key, file)
            while len(self._files) > MAX_OPEN:
                # Not closed: a query may be reading it, and it closes itself with the last array.
                self._files.popitem(last=False)
        return file


class _Copies:
    """Where objects lie as files; copies are made of those that do not."""

    def __init__(self, objects: ObjectStore, folder: Path | None, *, budget_bytes: int) -> None:
        self._objects = objects
        self._folder = folder
        self._budget_bytes = budget_bytes
        self._lock = threading.Lock()
        self._sizes: OrderedDict[Path, int] = OrderedDict()
        self._total = 0
        if folder is not None and folder.is_dir():
            found = [(path.stat(), path) for path in folder.iterdir() if path.is_file()]
            for stat, path in sorted(found, key=lambda item: item[0].st_mtime):
                self._remember(path, stat.st_size)

    def path_of(self, key: ObjectKey) -> Path:
        """Where the bytes of an object are.

        Raises:
            StoreCorrupt: The object is missing; one that is a file of this machine anyway is not looked for.
            StorageFull: No space for a copy.
        """
        local = self._objects.local_path(key)
        if local is not None:
            return local
        if self._folder is None:
            raise StoreCorrupt(key, problem="there is no folder to copy it to; set a data folder")
        path = self._folder / f"{sha256(key.encode()).hexdigest()[:32]}{Path(key).suffix}"
        with self._lock:
            if path in self._sizes:
                self._sizes.move_to_end(path)
                if path.exists():
                    return path
        self._folder.mkdir(parents=True, exist_ok=True)
        while True:
            try:
                size = self._fetch(key, path)
                break
            except ObjectNotFound as exc:
                raise StoreCorrupt(key, problem=MISSING) from exc
            except StorageFull:
                # Reads go on: other copies make room.
                with self._lock:
                    if not self._sizes:
                        raise
                    self._remove_oldest()
        with self._lock:
            self._remember(path, size)
        return path

    def _fetch(self, key: ObjectKey, path: Path) -> int:
        # A name of its own, then a rename: of two threads or processes that fetch it, each finds a whole file.
        draft = path.with_name(f"{path.name}.{os.getpid()}.{threading.get_ident()}")
        try:
            self._objects.download(key, draft)
            size = draft.stat().st_size
            draft.replace(path)
        except BaseException:
            draft.unlink(missing_ok=True)
            raise
        return size

    def _remember(self, path: Path, size: int) -> None:
        self._total += size - self._sizes.pop(path, 0)
        self._sizes[path] = size
        while self._total > self._budget_bytes and len(self._sizes) > 1:
            self._remove_oldest()

    def _remove_oldest(self) -> None:
        oldest, size = self._sizes.popitem(last=False)
        self._total -= size
        oldest.unlink(missing_ok=True)  # whoever has mapped it keeps it
