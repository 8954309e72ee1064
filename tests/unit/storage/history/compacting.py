"""Compaction in the test's own process, for tests of the readers."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from kymograph.core.history import Stream
from kymograph.storage.base import Database
from kymograph.storage.history.base import Replacement
from kymograph.storage.history.segments.build import Limits, SegmentBuilder
from kymograph.storage.history.segments.files import SegmentFiles
from kymograph.storage.objects.store import ObstoreObjects, open_folder
from kymograph.types import RunKey

NOW = datetime(2026, 11, 22, tzinfo=UTC)
SMALL = Limits(raw_bytes=1, fan_in=2)
"""A segment per chunk, and a merge of any two."""


class Compactions:
    """Compacts when it is told to."""

    def __init__(self, database: Database, folder: Path, *, limits: Limits = SMALL) -> None:
        scratch = folder / "scratch"
        scratch.mkdir(parents=True, exist_ok=True)
        self.database = database
        self.objects: ObstoreObjects = open_folder(folder / "objects")
        self.files = SegmentFiles(self.objects)
        self.builder = SegmentBuilder(database, self.objects, self.files, scratch=scratch, limits=limits)

    def put(self, replacement: Replacement) -> bool:
        return self.database.write(lambda tx: tx.segments.replace(replacement, NOW))

    def compact(self, run: RunKey, stream: Stream = Stream.HISTORY) -> bool:
        """One segment; whether there was anything to do."""
        built = self.builder.compact(run, stream, take_open=True)
        if built is None:
            return False
        assert self.put(built)
        return True

    def merge(self, run: RunKey, stream: Stream = Stream.HISTORY) -> bool:
        """One merge; whether there was anything to do."""
        built = self.builder.merge(run, stream)
        if built is None:
            return False
        assert self.put(built)
        return True

    def settle(self, runs: Sequence[RunKey], stream: Stream = Stream.HISTORY) -> None:
        """Everything that there is to do."""
        for run in runs:
            while self.compact(run, stream) or self.merge(run, stream):
                pass
