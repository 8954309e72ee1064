"""The tail and its reader, on SQLite and PostgreSQL."""

from __future__ import annotations

from pathlib import Path

import pytest

from kymograph.core.history import HistoryPart
from kymograph.storage.base import Database
from kymograph.storage.history.query import StoredHistory
from kymograph.storage.history.segments.files import SegmentFiles
from kymograph.storage.objects.store import open_folder
from kymograph.types import RunKey
from tests.unit.storage.history.contract import HistoryContract, TailContract, append, history


@pytest.fixture
def files(tmp_path: Path) -> SegmentFiles:
    return SegmentFiles(open_folder(tmp_path / "objects"))


@pytest.fixture
def reader(database: Database, files: SegmentFiles) -> StoredHistory:
    return StoredHistory(database, files, cache_bytes=50_000_000)


class TestSqlTail(TailContract):
    pass


class TestStoredHistory(HistoryContract):
    pass


def test_memory_stays_within_its_budget(database: Database, files: SegmentFiles) -> None:
    reader = StoredHistory(database, files, cache_bytes=200_000)
    for run in range(1, 21):
        append(database, history(0, *(f'{{"a":{number}}}' for number in range(1000))), run=RunKey(run))

    for run in range(1, 21):
        assert reader.last_step([HistoryPart(RunKey(run))]) == 999

    assert reader.cached_bytes <= 200_000
