"""Compactions among all else that changes a history: nothing is lost, nothing comes back, nothing is there twice."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from kymograph.core.history import HistoryPart, LineBatch, RowQuery, Stream
from kymograph.storage.base import Database
from kymograph.storage.history.base import Replacement
from kymograph.storage.history.query import StoredHistory
from kymograph.testing.power import watched_flushes
from kymograph.types import ObjectKey, RunKey, WriterId
from tests.unit.storage.history.compacting import Compactions
from tests.unit.storage.history.model import (
    MAX_STEP,
    HistoryModel,
    append,
    assert_same,
    random_batch,
    rewind,
)

RUN = RunKey(1)
EXAMPLES = 25
OPERATIONS = 25


@pytest.fixture
def compactions(database: Database, tmp_path: Path) -> Compactions:
    return Compactions(database, tmp_path)


@pytest.fixture
def reader(compactions: Compactions) -> StoredHistory:
    return StoredHistory(compactions.database, compactions.files, cache_bytes=1_000_000)


def line(step: int, **values: object) -> str:
    return json.dumps({"_step": step, **values})


def send(compactions: Compactions, first: int, *lines: str, writer: str = "", run: RunKey = RUN) -> None:
    append(compactions.database, run, [LineBatch(Stream.HISTORY, first, lines, WriterId(writer))])


def values(reader: StoredHistory, name: str = "a", run: RunKey = RUN) -> list[tuple[int, object]]:
    return [(row.step, row.values.get(name)) for row in reader.rows((HistoryPart(run),), RowQuery()).rows]


# --- any operations in any order --------------------------------------------------------------------------------------


@pytest.mark.timeout(600)  # hundreds of transactions, which take a busy PostgreSQL their time
def test_any_sequence_of_operations_leaves_what_the_lines_say(compactions: Compactions, reader: StoredHistory) -> None:
    """Appends, compactions, merges, rewinds, segments put in place late: after each, all is as it should be."""
    for seed in range(EXAMPLES):
        run_operations(compactions, reader, RunKey(seed + 1), random.Random(seed))


def run_operations(compactions: Compactions, reader: StoredHistory, run: RunKey, chance: random.Random) -> None:
    model = HistoryModel()
    built: list[Replacement] = []
    done: list[str] = []
    kinds = [*["append"] * 4, *["compact"] * 2, "merge", "rewind", "build compaction", "build merge", "put late"]
    for _ in range(OPERATIONS):
        done.append(kind := chance.choice(kinds))
        if kind == "append":
            batch = random_batch(model, chance)
            append(compactions.database, run, [batch])
            model.append(batch)
        elif kind == "compact":
            compactions.compact(run)
        elif kind == "merge":
            compactions.merge(run)
        elif kind == "rewind":
            after_step = chance.randint(0, MAX_STEP)
            rewind(compactions.database, reader, run, after_step)
            model.rewind(after_step)
        elif kind == "build compaction":
            replacement = compactions.builder.compact(run, Stream.HISTORY, take_open=chance.random() < 0.5)
            built += [replacement] if replacement else []
        elif kind == "build merge":
            replacement = compactions.builder.merge(run, Stream.HISTORY)
            built += [replacement] if replacement else []
        elif built:
            compactions.put(built.pop(chance.randrange(len(built))))
        try:
            assert_same(reader, run, model)
        except AssertionError as exc:
            exc.add_note(f"run {run}, after {done}")
            raise


# --- rewinds ----------------------------------------------------------------------------------------------------------


def test_rewind_does_not_bring_back_lines_of_a_segment_that_the_tail_had_replaced(
    compactions: Compactions, reader: StoredHistory
) -> None:
    send(compactions, 0, line(0, a=0), line(1, a=1), line(2, a=2))
    compactions.compact(RUN)
    send(compactions, 1, line(50, a="replaced"))

    rewind(compactions.database, reader, RUN, 10)

    assert values(reader) == [(0, 0), (2, 2)]
    compactions.settle([RUN])
    assert values(reader) == [(0, 0), (2, 2)]
    send(compactions, 1, line(1, a="again"))
    assert values(reader) == [(0, 0), (1, "again"), (2, 2)]


def test_rewind_to_a_later_step_than_an_earlier_one_brings_nothing_back(
    compactions: Compactions, reader: StoredHistory
) -> None:
    send(compactions, 0, *(line(step, a=step) for step in range(6)))
    compactions.compact(RUN)

    rewind(compactions.database, reader, RUN, 2)
    rewind(compactions.database, reader, RUN, 4)

    assert values(reader) == [(0, 0), (1, 1), (2, 2)]


def test_rewind_of_everything_leaves_nothing_also_once_compacted(
    compactions: Compactions, reader: StoredHistory
) -> None:
    send(compactions, 0, line(5, a=5), line(6, a=6))
    compactions.compact(RUN)
    send(compactions, 0, line(7, a=7))

    rewind(compactions.database, reader, RUN, 1)

    assert values(reader) == []
    compactions.settle([RUN])
    assert values(reader) == []
    send(compactions, 0, line(0, a=0))
    assert values(reader) == [(0, 0)]


def test_unreadable_lines_that_a_rewind_leaves_stay_when_segments_are_merged(
    compactions: Compactions, reader: StoredHistory
) -> None:
    send(compactions, 0, line(0, a=0), line(9, a=9), "not json")
    compactions.compact(RUN)
    rewind(compactions.database, reader, RUN, 5)
    send(compactions, 3, line(3, a=3))
    compactions.settle([RUN])

    assert values(reader) == [(0, 0), (3, 3)]
    assert [text.text for text in reader.lines(RUN, Stream.HISTORY)] == [line(0, a=0), "not json", line(3, a=3)]


# --- replaced underneath ----------------------------------------------------------------------------------------------

Change = Callable[[Compactions, StoredHistory], None]


def append_over(compactions: Compactions, _reader: StoredHistory) -> None:
    send(compactions, 0, line(0, a="new"), line(1, a="new"))


def grow(compactions: Compactions, _reader: StoredHistory) -> None:
    send(compactions, 2, line(2, a="new"))


def compact(compactions: Compactions, _reader: StoredHistory) -> None:
    assert compactions.compact(RUN)


def rewind_into(compactions: Compactions, reader: StoredHistory) -> None:
    rewind(compactions.database, reader, RUN, 0)


def purge(compactions: Compactions, _reader: StoredHistory) -> None:
    while compactions.database.write(lambda tx: tx.garbage.purge_lines(RUN)):
        pass


@pytest.mark.parametrize("change", [append_over, grow, compact, rewind_into, purge], ids=lambda change: change.__name__)
def test_compaction_is_refused_if_a_chunk_of_it_has_gone_meanwhile(
    compactions: Compactions, reader: StoredHistory, change: Change
) -> None:
    send(compactions, 0, line(0, a=0), line(1, a=1))
    built = compactions.builder.compact(RUN, Stream.HISTORY, take_open=True)
    assert built is not None
    change(compactions, reader)
    before = values(reader)

    assert not compactions.put(built)
    assert values(reader) == before


def merge(compactions: Compactions, _reader: StoredHistory) -> None:
    assert compactions.merge(RUN)


def compact_over(compactions: Compactions, _reader: StoredHistory) -> None:
    send(compactions, 0, line(0, a="new"))
    assert compactions.compact(RUN)


@pytest.mark.parametrize("change", [merge, compact_over, rewind_into, purge], ids=lambda change: change.__name__)
def test_merge_is_refused_if_a_segment_of_it_has_changed_meanwhile(
    compactions: Compactions, reader: StoredHistory, change: Change
) -> None:
    for number in range(2):
        send(compactions, number, line(number, a=number))
        compactions.compact(RUN)
    built = compactions.builder.merge(RUN, Stream.HISTORY)
    assert built is not None
    change(compactions, reader)
    before = values(reader)

    assert not compactions.put(built)
    assert values(reader) == before


def test_compaction_goes_in_beside_lines_that_came_meanwhile(compactions: Compactions, reader: StoredHistory) -> None:
    """They hide what they replace, wherever that lies."""
    send(compactions, 0, line(0, a=0), line(1, a=1), line(2, a=2))
    built = compactions.builder.compact(RUN, Stream.HISTORY, take_open=True)
    assert built is not None
    send(compactions, 1, line(1, a="new"))
    send(compactions, 0, line(7, a="other"), writer="other")

    assert compactions.put(built)
    assert values(reader) == [(0, 0), (1, "new"), (2, 2), (7, "other")]


def test_replacement_is_put_in_place_once(compactions: Compactions, reader: StoredHistory) -> None:
    send(compactions, 0, line(0, a=0))
    built = compactions.builder.compact(RUN, Stream.HISTORY, take_open=True)
    assert built is not None

    assert compactions.put(built)
    assert not compactions.put(built)
    assert values(reader) == [(0, 0)]


def test_rewind_that_was_prepared_before_a_compaction_is_prepared_anew(
    compactions: Compactions, reader: StoredHistory
) -> None:
    send(compactions, 0, line(0, a=0), line(9, a=9))
    prepared = reader.rewind(RUN, after_step=5)
    compactions.compact(RUN)

    assert not compactions.database.write(prepared)
    assert values(reader) == [(0, 0), (9, 9)]
    assert compactions.database.write(reader.rewind(RUN, after_step=5))
    assert values(reader) == [(0, 0)]


# --- merges -----------------------------------------------------------------------------------------------------------


def test_key_that_held_mappings_in_one_segment_only_is_known_in_all_rows_of_the_merged_one(
    compactions: Compactions, reader: StoredHistory
) -> None:
    """Seen in the catalogue once other steps lie between: there it counts in which rows the key is."""
    send(compactions, 0, line(0, a={"x": 1}), line(2, a=2))
    compactions.compact(RUN)
    send(compactions, 2, line(4, a=4))
    compactions.compact(RUN)
    assert compactions.merge(RUN)
    send(compactions, 0, line(1, a=1), line(3, a=3), writer="w")

    points = {info.name: info.points for info in reader.catalogue((HistoryPart(RUN),)).metrics}

    assert points == {"_step": 5, "a": 4, "a.x": 1}


# --- power failures ---------------------------------------------------------------------------------------------------


def test_objects_of_a_segment_are_on_the_disk_before_it_is_put_in_place(
    compactions: Compactions, reader: StoredHistory
) -> None:
    """Putting it in place removes the lines from the database: they must not be in the memory of the machine alone."""
    send(compactions, 0, line(0, a=0))
    compactions.compact(RUN)
    send(compactions, 1, line(1, a=1))
    root = compactions.objects.local_path(ObjectKey("x"))
    assert root is not None
    with watched_flushes() as flushed:
        for build in (partial(compactions.builder.compact, take_open=True), compactions.builder.merge):
            built = build(RUN, Stream.HISTORY)
            assert built is not None
            for key in (built.segment.points_key, built.segment.lines_key):
                path = compactions.objects.local_path(key)
                assert path is not None
                assert flushed.holds(path, root=root.parent)
            assert compactions.put(built)

    assert values(reader) == [(0, 0), (1, 1)]
