"""Rows, catalogue and buckets against a plain reading of the lines, for random series sent in random ways."""

from __future__ import annotations

import itertools
import json
import math
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kymograph.core.buckets import bucket_edges
from kymograph.core.flatten import iter_leaves
from kymograph.core.history import (
    BucketQuery,
    HistoryPart,
    KeyMode,
    LineBatch,
    Mark,
    RowQuery,
    SeriesSource,
    Stream,
)
from kymograph.core.rows import pick_keys, step_of_line
from kymograph.storage.database import open_database
from kymograph.storage.history.query import StoredHistory
from kymograph.testing.databases import PostgresServer, sqlite_database
from kymograph.types import MetricName, RunKey, WriterId
from tests.unit.columns import as_lists
from tests.unit.storage.history.compacting import Compactions

STARTED = datetime(2026, 11, 22, tzinfo=UTC)
WRITERS = ["", "w"]

numbers = st.one_of(
    st.floats(allow_nan=True, allow_infinity=True),
    st.integers(-5, 5),
    st.sampled_from([2**53 + 1, 2**63, -(2**70), 1.7e308, -1.7e308, 5e-324, -0.0]),
)
leaves = st.one_of(numbers, numbers, numbers, st.booleans(), st.none(), st.text(max_size=2), st.just([1]))
values = st.one_of(
    leaves,
    leaves,
    st.dictionaries(st.sampled_from(["x", "y", "x.y"]), leaves, max_size=2),
    st.just({"_type": "image-file", "x": 1}),
)
rows = st.dictionaries(st.sampled_from(["a", "b", "a.x", ""]), values, max_size=3).flatmap(
    lambda row: st.one_of(st.none(), st.integers(-3, 12), st.integers(0, 100), st.just(1.5)).map(
        lambda step: row if step is None else {**row, "_step": step}
    )
)
lines = st.one_of(*[rows.map(json.dumps)] * 9, st.sampled_from(["", "[]", "{", "1", '{"a":1', '{"a":NaN}']))


@dataclass
class Sent:
    """A batch on its way."""

    writer: str
    first: int
    lines: list[str]
    is_sent_twice: bool = False
    is_queried: bool = False
    """Look before it arrives, so that decoded columns are extended and not only built."""
    rewinds_to: int | None = None
    """The last step that is kept after it arrived."""
    compactions: int = 0
    """Segments and merges that are made after that."""


batches = st.lists(
    st.builds(
        Sent,
        st.sampled_from(WRITERS),
        st.integers(0, 12),
        st.lists(lines, min_size=1, max_size=6),
        st.booleans(),
        st.booleans(),
        st.one_of(st.none(), st.none(), st.none(), st.integers(-1, 12)),
        st.integers(0, 3),
    ),
    max_size=6,
)


@dataclass
class Plain:
    """The history as a mapping of lines, read the slow way."""

    held: dict[tuple[int, str], str] = field(default_factory=dict)

    def take(self, batch: Sent) -> None:
        for number, line in enumerate(batch.lines, start=batch.first):
            self.held[number, batch.writer] = line

    def rewind(self, after_step: int) -> None:
        self.held = {
            (number, writer): line
            for (number, writer), line in self.held.items()
            if step_of_line(line, number) <= after_step
        }

    def parsed(self) -> Iterator[tuple[int, dict[str, Any]]]:
        for (number, _), line in sorted(self.held.items()):
            try:
                row = json.loads(line)
            except ValueError:
                continue
            if isinstance(row, dict):
                step = row.get("_step")
                yield (step if type(step) is int else number), row

    def unreadable(self) -> int:
        return len(self.held) - len(list(self.parsed()))

    def rows(self) -> dict[int, dict[str, Any]]:
        merged: dict[int, dict[str, Any]] = {}
        for step, row in self.parsed():
            merged.setdefault(step, {}).update(row)
        return {step: merged[step] for step in sorted(merged)}

    def points(self, name: str) -> list[tuple[int, Any]]:
        found = []
        for step, row in self.rows().items():
            # Where a name is there twice, a nested value counts, of several the one under the longest key.
            flat = {top: value for top, value in row.items() if not is_nested(value)}
            nested = dict(iter_leaves({top: row[top] for top in sorted(row, key=len) if is_nested(row[top])}))
            if name in nested or name in flat:
                found.append((step, nested[name] if name in nested else flat[name]))
        return found

    def names(self) -> set[str]:
        return {name for row in self.rows().values() for name, _ in iter_leaves(row)}


def is_nested(value: Any) -> bool:
    return isinstance(value, dict) and bool(value) and "_type" not in value


def same(left: Any, right: Any) -> bool:
    """Equality that tells -0.0 from 0.0 and 1 from 1.0 and true, and holds for NaN."""
    return json.dumps(left, sort_keys=True) == json.dumps(right, sort_keys=True)


def to_float(value: Any) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.copysign(math.inf, value)


def expected_buckets(points: list[tuple[int, Any]], edges: list[float]) -> dict[str, Any]:
    """The answer, one point after another."""
    width = len(edges) - 1
    drawn = [(float(step), to_float(value)) for step, value in points if isinstance(value, int | float)]
    is_exact = len(drawn) <= width
    buckets: dict[int, list[float]] = {}
    marks: dict[str, list[list[float]]] = {"nan": [], "pos_inf": [], "neg_inf": []}
    last_mark: dict[str, tuple[int, int]] = {}
    for index, (x, value) in enumerate(drawn):
        bucket = index if is_exact else min(bisect_right(edges, x) - 1, width - 1)
        buckets.setdefault(bucket, [])
        if math.isfinite(value):
            buckets[bucket].append(value)
            continue
        kind = "nan" if math.isnan(value) else "pos_inf" if value > 0 else "neg_inf"
        before = last_mark.get(kind)
        if before is not None and (before[0] == index - 1 or before[1] == bucket):
            marks[kind][-1][1] = x
            marks[kind][-1][2] += 1
        else:
            marks[kind].append([x, x, 1])
        last_mark[kind] = (index, bucket)
    held = sorted(buckets)
    return {
        "points": len(drawn),
        "is_exact": is_exact,
        "x": [drawn[b][0] if is_exact else edges[b] * 0.5 + edges[b + 1] * 0.5 for b in held],
        "min": [min(buckets[b], default=None) for b in held],
        "max": [max(buckets[b], default=None) for b in held],
        "mean": [float(sum(map(Fraction, buckets[b])) / len(buckets[b])) if buckets[b] else None for b in held],
        "count": [len(buckets[b]) for b in held],
        **{kind: tuple(Mark(first, last, int(n)) for first, last, n in found) for kind, found in marks.items()},
    }


def check_series(series: Any, expected: dict[str, Any]) -> None:
    for name in ("points", "is_exact", "x", "min", "max", "count", "nan", "pos_inf", "neg_inf"):
        assert getattr(series, name) == expected[name], name
    for mean, wanted, low, high in zip(series.mean, expected["mean"], series.min, series.max, strict=True):
        if wanted is None:
            assert mean is None
        else:
            assert low is not None
            assert high is not None
            assert mean is not None
            assert low <= mean <= high
            assert math.isclose(mean, wanted, rel_tol=1e-9, abs_tol=1e-9 * max(abs(low), abs(high), 1e-300))


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def compactions(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Compactions]:
    folder = tmp_path_factory.mktemp("history")
    if request.param == "sqlite":
        with sqlite_database(folder) as opened:
            yield Compactions(opened, folder)
    else:
        server: PostgresServer = request.getfixturevalue("postgres")
        database = open_database(server.create_empty())
        yield Compactions(database, folder)
        database.close()


run_keys = (RunKey(number) for number in itertools.count(1))
"""Each example has a run of its own."""


@settings(
    max_examples=100,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(sent=batches, width=st.integers(1, 8), data=st.data())
def test_answers_equal_a_plain_reading_of_the_lines(
    compactions: Compactions, sent: list[Sent], width: int, data: st.DataObject
) -> None:
    reader = StoredHistory(compactions.database, compactions.files, cache_bytes=1_000_000)
    database, run = compactions.database, next(run_keys)
    parts = (HistoryPart(run),)
    plain = Plain()
    for batch in sent:
        if batch.is_queried:
            reader.catalogue(parts)
        line_batch = LineBatch(Stream.HISTORY, batch.first, batch.lines, WriterId(batch.writer))
        for _ in range(1 + batch.is_sent_twice):
            database.write(lambda tx, line_batch=line_batch: tx.tail.append(run, [line_batch]))  # type: ignore[misc]
        plain.take(batch)
        if batch.rewinds_to is not None:
            assert database.write(reader.rewind(run, after_step=batch.rewinds_to))
            plain.rewind(batch.rewinds_to)
        for _ in range(batch.compactions):
            compactions.compact(run)
            compactions.merge(run)

    merged = plain.rows()
    assert reader.unreadable_lines(parts) == plain.unreadable()
    assert reader.last_step(parts) == max(merged, default=None)
    page = reader.rows(parts, RowQuery())
    assert [row.step for row in page.rows] == list(merged)
    assert all(same(row.values, {"_step": row.step, **merged[row.step]}) for row in page.rows)

    catalogue = {info.name: info for info in reader.catalogue(parts).metrics}
    assert set(catalogue) == plain.names()
    for name, info in catalogue.items():
        points = plain.points(name)
        assert (info.points, info.last_step) == (len(points), points[-1][0])
        assert same(info.last, points[-1][1])

    metrics = sorted(catalogue)
    x_min, x_max = data.draw(st.one_of(st.none(), st.integers(-5, 20))), data.draw(st.one_of(st.none(), st.just(9)))
    answer = reader.buckets(
        BucketQuery(
            (SeriesSource(parts, STARTED),),
            tuple(metrics),
            width=width,
            x_min=None if x_min is None else float(x_min),
            x_max=None if x_max is None else float(x_max),
        )
    )
    if answer.x_min is not None and answer.x_max is not None:
        edges = bucket_edges(answer.x_min, max(answer.x_min, answer.x_max), width).tolist()
        for series in answer.series:
            inside = [
                (step, value)
                for step, value in plain.points(series.metric)
                if answer.x_min <= step <= answer.x_max and isinstance(value, int | float)
            ]
            check_series(as_lists(series), expected_buckets(inside, edges))
            assert same(series.last, inside[-1][1] if inside else None)
    drawn = {series.metric for series in answer.series}
    assert drawn == {name for name in metrics if any(isinstance(value, int | float) for _, value in plain.points(name))}

    keys = data.draw(
        st.lists(st.sampled_from(["a", "b", "a.x", "a.x.y", "", "none"]), min_size=1, max_size=2, unique=True)
    )
    for mode in KeyMode:
        found = reader.rows(parts, RowQuery(keys=tuple(map(MetricName, keys)), mode=mode))
        test = all if mode is KeyMode.ALL else any
        assert [row.step for row in found.rows] == [
            step for step, row in merged.items() if test(key in row or key in dict(iter_leaves(row)) for key in keys)
        ]
        for found_row in found.rows:
            whole = {"_step": found_row.step, **merged[found_row.step]}
            assert same(found_row.values, pick_keys(whole, (*keys, "_step")))
