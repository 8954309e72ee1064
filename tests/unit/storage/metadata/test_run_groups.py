"""Groups of runs against their plain meaning, on random runs."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kymograph.core.filter_parser import parse_filter
from kymograph.core.filters import AllOf, Field, Scope
from kymograph.core.groups import GroupOrder, GroupQuery, KeyKind, RunGroup, Spread, Statistic, filter_of
from kymograph.core.run import Run, RunChange
from tests.unit.storage.metadata.builders import NOW, World
from tests.unit.storage.metadata.drawn import KEYS, fill, filters, index, run_values, stored_runs, with_new_project
from tests.unit.storage.metadata.reference import group_key, grouped, matches

RUN_FIELDS = ["state", "group", "username", "notes", "tags", "display_name"]
value_fields = st.builds(Field, st.sampled_from([Scope.CONFIG, Scope.SUMMARY]), st.sampled_from(KEYS))
fields = st.one_of(value_fields, st.sampled_from([Field(Scope.RUN, name) for name in RUN_FIELDS]))


@st.composite
def group_queries(draw: st.DrawFn) -> GroupQuery:
    by = draw(st.lists(fields, min_size=1, max_size=3, unique=True))
    metrics = draw(st.lists(value_fields, max_size=2, unique=True))
    # Means are sums of doubles: groups that differ by rounding alone could come in either order.
    orders = [GroupOrder(), *map(GroupOrder, by)]
    orders += [GroupOrder(field, kind) for field in metrics for kind in (Statistic.MIN, Statistic.MAX)]
    order = draw(st.lists(st.sampled_from(orders), max_size=2))
    descending = draw(st.booleans())
    return GroupQuery(
        by=tuple(by),
        metrics=tuple(metrics),
        filter=parse_filter(json.dumps(draw(st.one_of(st.just({}), filters)))),
        order=tuple(GroupOrder(item.field, item.statistic, descending) for item in order),
    )


def group(world: World, query: GroupQuery) -> list[RunGroup]:
    page = world.database.read(lambda tx: tx.runs.group(world.project.id, query, NOW))
    assert page.total == len(page.groups)
    return page.groups


def plain(found: RunGroup) -> tuple[tuple[str, Any], ...]:
    """Keys that are equal if their values are."""
    return tuple(
        (key.kind.value, None)
        if key.kind in (KeyKind.OTHER, KeyKind.MISSING)
        else ("long_text", str(key.value).removesuffix("…"))
        if key.kind is KeyKind.LONG_TEXT
        else group_key(key.value)
        for key in found.keys
    )


def is_spread(found: Spread, expected: tuple[Any, ...]) -> bool:
    """Whether they are equal; means up to what adding doubles in another order changes."""
    if found.mean is None or expected[4] is None:
        return (found.count, found.non_finite, found.min, found.max, found.mean) == expected
    largest = max(abs(expected[2]), abs(expected[3]))
    return (found.count, found.non_finite, found.min, found.max) == expected[:4] and math.isclose(
        found.mean, expected[4], rel_tol=1e-9, abs_tol=max(1e-15 * largest, 1e-300)
    )


def expect_the_plain_meaning(world: World, query: GroupQuery) -> None:
    alive = stored_runs(world)
    expected = grouped(alive, query, NOW)

    found = group(world, query)

    assert [plain(each) for each in found] == [each.keys for each in expected]
    for ours, theirs in zip(found, expected, strict=True):
        assert ours.count == len(theirs.runs)
        assert all(is_spread(*pair) for pair in zip(ours.spreads, theirs.spreads, strict=True)), (ours, theirs)
        assert members(ours, query, alive) == {run.id for run in theirs.runs}


def members(found: RunGroup, query: GroupQuery, alive: list[Run]) -> set[str]:
    """The runs that the filter of a group finds."""
    condition = parse_filter(json.dumps(filter_of(query.by, found.keys)))
    return {run.id for run in alive if matches(AllOf((query.filter, condition)), run, NOW)}


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(drawn=st.lists(run_values, min_size=1, max_size=8), queries=st.lists(group_queries(), min_size=3, max_size=5))
def test_groups_are_what_the_plain_meaning_says(
    world: World, drawn: list[dict[str, Any]], queries: list[GroupQuery]
) -> None:
    world = with_new_project(world)
    fill(world, drawn)
    for query in queries:
        expect_the_plain_meaning(world, query)
    index(world)
    for query in queries:
        expect_the_plain_meaning(world, query)


def test_texts_too_long_to_search_are_equal_if_they_begin_alike(world: World) -> None:
    for number, text in enumerate(["x" * 1_000, "x" * 1_001, "x" * 2_000, "x" * 1_000 + "y"]):
        world.run(f"r{number}", RunChange(summary_json=json.dumps({"t": text})))
    query = GroupQuery(by=(Field(Scope.SUMMARY, "t"),))

    long, short = group(world, query)

    assert (long.keys[0].kind, long.count, short.keys[0].kind, short.count) == (
        KeyKind.LONG_TEXT, 3, KeyKind.TEXT, 1,
    )  # fmt: skip
    found = world.database.read(
        lambda tx: tx.runs.count(world.project.id, parse_filter(json.dumps(filter_of(query.by, long.keys))), NOW)
    )
    assert found == 3


def test_pages_of_groups_follow_one_another(world: World) -> None:
    for number in range(10):
        world.run(f"r{number}", RunChange(config_json=json.dumps({"k": {"value": number % 5}})))
    pages = [
        world.database.read(
            lambda tx, offset=offset: tx.runs.group(  # type: ignore[misc]
                world.project.id, GroupQuery((Field(Scope.CONFIG, "k"),), limit=2, offset=offset), NOW
            )
        )
        for offset in (0, 2, 4, 6)
    ]

    assert [[each.keys[0].value for each in page.groups] for page in pages] == [[0, 1], [2, 3], [4], []]
    assert {(page.total, page.run_count) for page in pages} == {(5, 10)}


def test_a_project_without_runs_has_no_groups(world: World) -> None:
    by = (Field(Scope.RUN, "tags"), Field(Scope.CONFIG, "k"))

    assert group(world, GroupQuery(by, metrics=(Field(Scope.SUMMARY, "m"),))) == []


@pytest.mark.parametrize("number", [1e308, -1e308])
def test_means_stay_finite_near_the_end_of_doubles(world: World, number: float) -> None:
    for place in range(4):
        world.run(f"r{place}", RunChange(summary_json=json.dumps({"m": number})))

    (found,) = group(world, GroupQuery((Field(Scope.RUN, "group"),), metrics=(Field(Scope.SUMMARY, "m"),)))

    assert found.spreads[0].mean == pytest.approx(number)
