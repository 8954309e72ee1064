"""The tail and its reader, on SQLite and PostgreSQL."""

from __future__ import annotations

import pytest

from kymograph.core.history import HistoryPart
from kymograph.storage.base import Database
from kymograph.storage.history.query import TailReader
from kymograph.types import RunKey
from tests.unit.storage.history.contract import HistoryContract, TailContract, append, history


@pytest.fixture
def reader(database: Database) -> TailReader:
    return TailReader(database, cache_bytes=50_000_000)


class TestSqlTail(TailContract):
    pass


class TestTailReader(HistoryContract):
    pass


def test_memory_stays_within_its_budget(database: Database) -> None:
    reader = TailReader(database, cache_bytes=200_000)
    for run in range(1, 21):
        append(database, history(0, *(f'{{"a":{number}}}' for number in range(1000))), run=RunKey(run))

    for run in range(1, 21):
        assert reader.last_step([HistoryPart(RunKey(run))]) == 999

    assert reader.cached_bytes <= 200_000
