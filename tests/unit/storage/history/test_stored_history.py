"""The reader of segments and tail, on SQLite and PostgreSQL: all in the tail, all in segments, and some in each."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest

from kymograph.core.history import HistoryPart, Stream
from kymograph.storage.base import Database, Transaction
from kymograph.storage.history.query import StoredHistory
from kymograph.types import RunKey
from tests.unit.storage.history.compacting import Compactions
from tests.unit.storage.history.history_contract import HistoryContract
from tests.unit.storage.history.streams import OTHER, RUN, append, history

T = TypeVar("T")
RUNS = (RUN, OTHER, RunKey(3))
STREAMS = (Stream.HISTORY, Stream.SYSTEM)


class CompactingDatabase:
    """A database in which some writes are followed by compaction."""

    def __init__(self, database: Database, compactions: Compactions, *, every: int, merges: bool) -> None:
        self._database = database
        self._compactions = compactions
        self._every = every
        self._merges = merges
        self._writes = 0

    def read(self, job: Callable[[Transaction], T]) -> T:
        return self._database.read(job)

    def write(self, job: Callable[[Transaction], T]) -> T:
        result = self._database.write(job)
        self._writes += 1
        if self._writes % self._every == 0:
            for run in RUNS:
                for stream in STREAMS:
                    while self._compactions.compact(run, stream) or (
                        self._merges and self._compactions.merge(run, stream)
                    ):
                        pass
        return result

    def close(self) -> None:
        self._database.close()


@pytest.fixture
def compactions(opened_database: Database, tmp_path: Path) -> Compactions:
    return Compactions(opened_database, tmp_path)


@pytest.fixture
def reader(opened_database: Database, compactions: Compactions) -> StoredHistory:
    return StoredHistory(opened_database, compactions.files, cache_bytes=50_000_000)


class TestAllInTheTail(HistoryContract):
    pass


class _Compacted(HistoryContract):
    every = 1
    merges = False

    @pytest.fixture
    def database(self, opened_database: Database, compactions: Compactions) -> CompactingDatabase:
        return CompactingDatabase(opened_database, compactions, every=self.every, merges=self.merges)


class TestAllInSegments(_Compacted):
    pass


class TestAllInOneSegment(_Compacted):
    merges = True


class TestSomeInSegments(_Compacted):
    every = 2


def test_memory_stays_within_its_budget(database: Database, compactions: Compactions) -> None:
    reader = StoredHistory(database, compactions.files, cache_bytes=200_000)
    for run in range(1, 21):
        append(database, history(0, *(f'{{"a":{number}}}' for number in range(1000))), run=RunKey(run))

    for run in range(1, 21):
        assert reader.last_step([HistoryPart(RunKey(run))]) == 999

    assert reader.cached_bytes <= 200_000
