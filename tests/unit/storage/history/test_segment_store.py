"""Which segments there are, on every database."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from kymograph.core.history import LineBatch, Stream
from kymograph.storage.database import SqlDatabase
from kymograph.storage.history.base import Segment
from kymograph.types import ObjectKey, RunKey
from tests.unit.storage.history.compacting import NOW, Compactions
from tests.unit.storage.history.model import append

RUN, OTHER = RunKey(1), RunKey(2)


@pytest.fixture
def compactions(database: SqlDatabase, tmp_path: Path) -> Compactions:
    return Compactions(database, tmp_path)


def replace_some(compactions: Compactions, run: RunKey, count: int) -> None:
    """Compact a run that many times, each time with the same line anew."""
    for number in range(count):
        append(compactions.database, run, [LineBatch(Stream.HISTORY, 0, [f'{{"a":{number}}}'])])
        assert compactions.compact(run)


def retired(compactions: Compactions, *, after: int = 0, limit: int = 100) -> list[Segment]:
    later = NOW + timedelta(seconds=1)
    return compactions.database.read(lambda tx: tx.segments.list_retired(later, after=after, limit=limit))


def of_run(compactions: Compactions, run: RunKey) -> list[Segment]:
    return compactions.database.read(lambda tx: tx.segments.list_of_run(run))


def test_replaced_segments_are_listed_in_pages_until_forgotten(compactions: Compactions) -> None:
    replace_some(compactions, RUN, 4)
    replace_some(compactions, OTHER, 1)
    all_of_run = of_run(compactions, RUN)

    assert compactions.database.read(lambda tx: tx.segments.list_retired(NOW, limit=10)) == []
    assert retired(compactions) == all_of_run[:3]
    assert retired(compactions, limit=2) == all_of_run[:2]
    assert retired(compactions, after=all_of_run[0].id, limit=1) == all_of_run[1:2]

    compactions.database.write(lambda tx: tx.segments.forget([all_of_run[0].id, all_of_run[2].id]))
    compactions.database.write(lambda tx: tx.segments.forget([]))

    assert retired(compactions) == [all_of_run[1]]
    assert of_run(compactions, RUN) == [all_of_run[1], all_of_run[3]]
    assert len(of_run(compactions, OTHER)) == 1


def test_objects_are_known_while_a_segment_names_them(compactions: Compactions) -> None:
    replace_some(compactions, RUN, 2)
    first, second = (segment.object for segment in of_run(compactions, RUN))
    asked = [first, second, ObjectKey("segments/1/unknown")]

    def known() -> set[ObjectKey]:
        return compactions.database.read(lambda tx: tx.segments.known_objects(asked))

    assert known() == {first, second}
    (oldest, _) = of_run(compactions, RUN)
    compactions.database.write(lambda tx: tx.segments.forget([oldest.id]))
    assert known() == {second}
    assert compactions.database.read(lambda tx: tx.segments.known_objects([])) == set()


def test_segments_and_claims_of_one_run_are_purged_and_its_neighbours_stay(compactions: Compactions) -> None:
    for run in (RUN, OTHER):
        replace_some(compactions, run, 2)
        compactions.database.write(
            lambda tx, run=run: tx.segments.claim(  # type: ignore[misc]
                run, Stream.HISTORY, worker="w", now=NOW, expires_at=NOW + timedelta(minutes=1)
            )
        )

    compactions.database.write(lambda tx: tx.garbage.purge_segments(RUN))
    compactions.database.write(lambda tx: tx.garbage.purge_segments(RUN))

    assert (len(of_run(compactions, RUN)), len(of_run(compactions, OTHER))) == (0, 2)
    assert compactions.database.write(lambda tx: tx.segments.drop_claims()) == 1


def test_segments_that_are_let_go_are_not_kept_open(compactions: Compactions) -> None:
    replace_some(compactions, RUN, 2)
    first, second = of_run(compactions, RUN)
    for segment in (first, second):
        compactions.files.points(segment)
        compactions.files.lines(segment)
    assert compactions.files.open_count == 4

    compactions.files.let_go([first, first])

    assert compactions.files.open_count == 2
    compactions.files.let_go([second])
    assert compactions.files.open_count == 0
