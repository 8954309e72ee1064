"""Damage: one flipped byte is found wherever it is, and costs readers no more than the steps of its segment."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from kymograph.core.history import (
    BucketQuery,
    Damage,
    HistoryPart,
    LineBatch,
    RowQuery,
    SeriesSource,
    Stream,
)
from kymograph.errors import StoreCorrupt
from kymograph.storage.check import Checker, Report
from kymograph.storage.history.base import Segment
from kymograph.storage.history.check import check_lines, check_points, rebuild_points
from kymograph.storage.history.query import StoredHistory
from kymograph.storage.history.segments.build import Limits
from kymograph.storage.history.segments.files import SegmentFiles
from kymograph.storage.history.segments.lines import LinesFile
from kymograph.testing.databases import sqlite_database
from kymograph.types import MetricName, ObjectKey, RunKey, WriterId
from tests.unit.storage.history.compacting import Compactions

RUN = RunKey(1)
PARTS = (HistoryPart(RUN),)
STARTED = datetime(2026, 11, 22, tzinfo=UTC)
NAMES = ["dense", "sparse", "word", "huge", "nested.x", "mixed", "odd", "small"]
ROWS = 6000
HALF = 10**9
"""Of an object, whatever its size."""


def row(step: int) -> str:
    noise = random.Random(step)
    values: dict[str, Any] = {"_step": step, "dense": noise.random(), "mixed": step if step % 3 else f"m{step}"}
    if step % 2:
        values["sparse"] = noise.gauss(0, 1)
    if step % 5 == 0:
        values["word"] = f"text {noise.random()}"
    if step % 7 == 0:
        values["huge"] = 2**60 + step
    if step % 4 == 0:
        values["nested"] = {"x": step / 3, "list": [step]}
    if step % 100 == 0:
        values["odd"] = float("nan") if step % 200 else float("inf")
        values["small"] = {"_type": "image-file", "path": f"media/{step}.png"}
    return json.dumps(values)


@dataclass
class World:
    """Two segments and a tail of one run, and what was there before anything was damaged."""

    compactions: Compactions
    segments: tuple[Segment, ...]

    def path(self, key: ObjectKey) -> Path:
        found = self.compactions.objects.local_path(key)
        assert found is not None
        return found

    def reader(self) -> StoredHistory:
        """One that has not read anything."""
        return StoredHistory(self.compactions.database, SegmentFiles(self.compactions.objects), cache_bytes=10_000_000)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("damage")
    with sqlite_database(folder) as database:
        compactions = Compactions(database, folder, limits=Limits())
        for first, end in ((0, ROWS // 2), (ROWS // 2, ROWS), (ROWS, ROWS + 50)):
            for at in range(first, end, 500):
                lines = [row(step) for step in range(at, min(at + 500, end))]
                batch = LineBatch(Stream.HISTORY, at, lines)
                database.write(lambda tx, batch=batch: tx.tail.append(RUN, [batch]))  # type: ignore[misc]
            if end <= ROWS:
                assert compactions.compact(RUN)
        live = database.read(lambda tx: tx.segments.list_live([RUN], Stream.HISTORY))[RUN]
        assert len(live) == 2
        yield World(compactions, tuple(live))


@dataclass
class Answers:
    """What a reader says, in a form that can be compared."""

    rows: dict[int, str]
    buckets: dict[str, dict[int, tuple[Any, ...]]]
    names: dict[str, tuple[Any, ...]]
    damaged: set[Damage]


def number(value: float | None) -> float | None:
    """A bound or mean of a bucket; nothing where it holds no finite value, however that is told."""
    return None if value is None or math.isnan(value) else float(value)


def ask(reader: StoredHistory) -> Answers:
    page = reader.rows(PARTS, RowQuery(limit=20_000))
    rows = {found.step: json.dumps(found.values, sort_keys=True) for found in page.rows}
    answer = reader.buckets(BucketQuery((SeriesSource(PARTS, STARTED),), tuple(map(MetricName, NAMES)), width=5000))
    buckets: dict[str, dict[int, tuple[Any, ...]]] = {}
    damaged = set(page.damaged)
    for series in answer.series:
        damaged |= set(series.damaged)
        whole = reader.buckets(
            BucketQuery((SeriesSource(PARTS, STARTED),), (series.metric,), width=4000, x_min=0, x_max=3999)
        )
        for part in whole.series:
            buckets[series.metric] = {
                int(x): (number(low), number(high), int(count), number(mean))
                for x, low, high, count, mean in zip(
                    list(part.x), list(part.min), list(part.max), list(part.count), list(part.mean), strict=True
                )
            }
    catalogue = reader.catalogue(PARTS)
    names: dict[str, tuple[Any, ...]] = {
        info.name: (info.points, info.last_step, json.dumps(info.last)) for info in catalogue.metrics
    }
    return Answers(rows, buckets, names, damaged | set(catalogue.damaged))


@pytest.fixture(scope="module")
def before(world: World) -> Answers:
    answers = ask(world.reader())
    assert not answers.damaged
    assert len(answers.rows) == ROWS + 50
    return answers


class Damaged:
    """An object with other bytes, for as long as the block lasts."""

    def __init__(self, path: Path, content: bytes | None) -> None:
        self._path, self._content = path, content

    def __enter__(self) -> None:
        self._whole = self._path.read_bytes()
        self._replace(self._content)

    def __exit__(self, *_: object) -> None:
        self._replace(self._whole)

    def _replace(self, content: bytes | None) -> None:
        # A new file each time: others may have mapped the old one.
        self._path.unlink(missing_ok=True)
        if content is not None:
            self._path.write_bytes(content)


def flipped(path: Path, place: float, bits: int) -> tuple[bytes, int]:
    whole = path.read_bytes()
    at = min(int(place * len(whole)), len(whole) - 1)
    return whole[:at] + bytes([whole[at] ^ bits]) + whole[at + 1 :], at


places = st.floats(0, 1, exclude_max=True)
ends = st.sampled_from([0.0, 0.00001, 0.9999, 0.99995, 0.99999, 0.9999999])
"""Where the short and dense parts of the files are."""


@settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    place=st.one_of(places, ends, st.floats(0.97, 1, exclude_max=True)),
    bits=st.integers(1, 255),
    is_points=st.booleans(),
)
@example(0.0, 1, True)
@example(0.9999999, 1, True)
@example(0.0, 1, False)
@example(0.9999999, 1, False)
def test_one_flipped_byte_is_found_anywhere(
    world: World, tmp_path_factory: pytest.TempPathFactory, place: float, bits: int, is_points: bool
) -> None:
    segment = world.segments[0]
    key = segment.points_key if is_points else segment.lines_key
    content, at = flipped(world.path(key), place, bits)
    path = tmp_path_factory.mktemp("flipped") / "object"
    path.write_bytes(content)
    problem = check_points(path, name=key) if is_points else check_lines(path, name=key)
    path.unlink()

    assert problem is not None
    assert not problem.ranges or any(damaged.begin <= at < damaged.end for damaged in problem.ranges)


def test_every_byte_of_a_small_segment(tmp_path: Path) -> None:
    """All of them, with one bit and with all bits."""
    with sqlite_database(tmp_path) as database:
        compactions = Compactions(database, tmp_path)
        lines = ['{"a":1,"t":"x"}', '{"a":NaN,"b":{"c":[1]}}', "not json", '{"a":"y","_step":9}']
        database.write(lambda tx: tx.tail.append(RUN, [LineBatch(Stream.HISTORY, 0, lines, WriterId("w"))]))
        compactions.compact(RUN)
        (segment,) = database.read(lambda tx: tx.segments.list_live([RUN], Stream.HISTORY))[RUN]
    for key, look in ((segment.points_key, check_points), (segment.lines_key, check_lines)):
        source = compactions.objects.local_path(key)
        assert source is not None
        assert look(source, name=key) is None
        whole = source.read_bytes()
        path = tmp_path / "flipped"
        for at in range(len(whole)):
            path.write_bytes(whole[:at] + bytes([whole[at] ^ (1 << at % 8)]) + whole[at + 1 :])
            assert look(path, name=key) is not None, at
        for size in range(0, len(whole), 7):
            path.write_bytes(whole[:size])
            assert look(path, name=key) is not None, size
        path.write_bytes(whole + b"\0")
        assert look(path, name=key) is not None


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(place=st.one_of(places, ends), bits=st.integers(1, 255), index=st.integers(0, 1), is_points=st.booleans())
def test_readers_say_what_is_damaged_and_serve_the_rest(
    world: World, before: Answers, place: float, bits: int, index: int, is_points: bool
) -> None:
    segment = world.segments[index]
    key = segment.points_key if is_points else segment.lines_key
    content, _ = flipped(world.path(key), place, bits)
    with Damaged(world.path(key), content):
        after = ask(world.reader())

    assert_only_that_is_missing(before, after, segment, key)


@pytest.mark.parametrize("index", [0, 1])
@pytest.mark.parametrize("is_points", [True, False])
@pytest.mark.parametrize("size", [None, 0, 10, 1000, HALF, -1])
def test_objects_that_are_missing_or_cut_off(
    world: World, before: Answers, index: int, is_points: bool, size: int | None
) -> None:
    segment = world.segments[index]
    key = segment.points_key if is_points else segment.lines_key
    whole = world.path(key).read_bytes()
    kept = None if size is None else whole[: size if size != HALF else len(whole) // 2]
    with Damaged(world.path(key), kept):
        after = ask(world.reader())

    assert {damage.object for damage in after.damaged} == {key}
    assert_only_that_is_missing(before, after, segment, key)


def assert_only_that_is_missing(before: Answers, after: Answers, segment: Segment, key: ObjectKey) -> None:
    """Whatever is there is right; what is not there lies in the steps of the segment, and is told of."""
    lost = range(segment.first_step, segment.last_step + 1)
    assert {damage.object for damage in after.damaged} <= {key}
    for damage in after.damaged:
        assert (damage.first_step, damage.last_step) == (segment.first_step, segment.last_step)
        assert damage.problem
    missing = before.rows.keys() - after.rows.keys()
    assert all(step in lost for step in missing)
    assert not missing or after.damaged
    assert all(before.rows[step] == values for step, values in after.rows.items())
    for name, buckets in before.buckets.items():
        found = after.buckets.get(name, {})
        for x, bucket in buckets.items():
            if x not in lost or (not after.damaged):
                assert found[x] == bucket
    for name, facts in after.names.items():
        assert facts == before.names[name] or after.damaged


def test_points_built_again_are_the_ones_that_were_there(world: World, before: Answers) -> None:
    segment = world.segments[0]
    rebuilt = BytesIO()
    rebuild_points(rebuilt, LinesFile(world.path(segment.lines_key), name="lines"), Stream.HISTORY)
    with Damaged(world.path(segment.points_key), rebuilt.getvalue()):
        assert check_points(world.path(segment.points_key), name="points") is None
        assert ask(world.reader()) == before


def test_points_of_damaged_lines_are_not_built(world: World) -> None:
    path = world.path(world.segments[0].lines_key)
    with Damaged(path, flipped(path, 0.3, 1)[0]), pytest.raises(StoreCorrupt, match="are damaged"):
        rebuild_points(BytesIO(), LinesFile(path, name="lines"), Stream.HISTORY)


# --- the whole deployment --------------------------------------------------------------------------------------------


def check(world: World, scratch: Path, *, repair: bool = False, hours: float = 0) -> Report:
    checker = Checker(
        world.compactions.database,
        world.compactions.objects,
        lambda: datetime.now(UTC) + timedelta(hours=hours),
        scratch=scratch,
    )
    return checker.check(repair=repair)


def test_a_sound_deployment_is_called_so(world: World, tmp_path: Path) -> None:
    report = check(world, tmp_path)

    assert report.is_sound
    assert (report.segments, report.objects, report.tail_chunks) == (2, 4, 1)
    assert (report.stray_objects, report.overlaps, report.findings) == (0, 0, [])


def test_each_damaged_object_is_named_with_what_to_do(world: World, tmp_path: Path) -> None:
    first, second = world.segments
    points, lines = world.path(first.points_key), world.path(second.lines_key)
    with Damaged(points, None), Damaged(lines, flipped(lines, 0.0, 1)[0]):
        report = check(world, tmp_path)

    of_points, of_lines = report.findings
    assert not report.is_sound
    assert (of_points.object, of_points.problem.problem) == (first.points_key, "the object is missing")
    assert (of_points.first_step, of_points.last_step, of_points.can_repair) == (0, ROWS // 2 - 1, True)
    assert "--repair" in of_points.advice
    assert of_lines.object == second.lines_key
    assert of_lines.problem.lines[0].first_line == of_lines.first_step == ROWS // 2
    assert of_lines.last_step < ROWS - 1
    assert not of_lines.can_repair
    assert f"put {second.lines_key} back" in of_lines.advice


def test_damaged_numbers_are_told_by_metric(world: World, tmp_path: Path) -> None:
    path = world.path(world.segments[0].points_key)
    metric = SegmentFiles(world.compactions.objects).points(world.segments[0]).find("sparse")[0]
    at = int(metric._entry["values_at"]) + len(metric) * 4
    whole = path.read_bytes()
    with Damaged(path, whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :]):
        (finding,) = check(world, tmp_path).findings

    assert "sparse" in finding.problem.metrics
    assert "dense" not in finding.problem.metrics
    (damaged,) = finding.problem.ranges
    assert damaged.begin <= at < damaged.end


def test_what_no_row_names_is_counted(world: World, tmp_path: Path) -> None:
    for suffix in (".parquet", ".jsonl.zst"):
        world.compactions.objects.put_bytes(ObjectKey(f"segments/1/stray{suffix}"), b"12345")

    assert check(world, tmp_path).stray_objects == 0  # it may be of a segment that is being built
    report = check(world, tmp_path, hours=2)
    for suffix in (".parquet", ".jsonl.zst"):
        world.compactions.objects.delete_keys([ObjectKey(f"segments/1/stray{suffix}")])
    assert (report.stray_objects, report.stray_bytes) == (2, 10)
    assert report.is_sound


def test_a_repair_loses_nothing(tmp_path: Path) -> None:
    with sqlite_database(tmp_path) as database:
        compactions = Compactions(database, tmp_path, limits=Limits())
        database.write(lambda tx: tx.tail.append(RUN, [LineBatch(Stream.HISTORY, 0, [row(s) for s in range(100)])]))
        compactions.compact(RUN)
        (segment,) = database.read(lambda tx: tx.segments.list_live([RUN], Stream.HISTORY))[RUN]
        own = World(compactions, (segment,))
        expected = ask(own.reader())
        own.path(segment.points_key).write_bytes(b"PAR1")
        database.write(lambda tx: tx.tail.append(RUN, [LineBatch(Stream.HISTORY, 90, ['{"dense": 1}'])]))
        assert check(own, tmp_path).overlaps == 1

        report = check(own, tmp_path, repair=True)

        assert report.is_sound
        assert [finding.is_repaired for finding in report.findings] == [True]
        again = check(own, tmp_path)
        assert (again.findings, again.segments) == ([], 1)
        after = ask(own.reader())
        assert not after.damaged
        assert after.rows.keys() == expected.rows.keys()


def test_a_damaged_chunk_of_the_tail_is_named(tmp_path: Path) -> None:
    with sqlite_database(tmp_path) as database:
        compactions = Compactions(database, tmp_path)
        database.write(lambda tx: tx.tail.append(RUN, [LineBatch(Stream.HISTORY, 0, ['{"a": 1}'])]))
        database.write(lambda tx: tx.connection.exec_driver_sql("UPDATE tail_chunks SET payload = x'00'"))

        report = check(World(compactions, ()), tmp_path)

    assert not report.is_sound
    assert "history of run number 1" in report.damaged_chunks[0]
