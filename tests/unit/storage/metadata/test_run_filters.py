"""Filters and orders in SQL against their plain meaning, on random runs."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kymograph.core.filter_parser import parse_filter, parse_order, parse_words
from kymograph.core.filters import Filter, RunQuery
from kymograph.core.run import RunChange
from kymograph.errors import InvalidFilter, UsageError
from kymograph.storage.metadata.run_store import SqlRunStore
from tests.unit.storage.metadata.builders import NOW, World, search
from tests.unit.storage.metadata.drawn import (
    change_of,
    fill,
    filters,
    index,
    orders,
    run_values,
    stored_runs,
    with_new_project,
)
from tests.unit.storage.metadata.reference import matches, ordered


def count_runs(world: World, filter_: Filter) -> int:
    return world.database.read(lambda tx: tx.runs.count(world.project.id, filter_, NOW))


def expect_the_plain_meaning(world: World, documents: list[Any], order: list[str]) -> None:
    """Ask for everything warm and cold: from the arrays that were kept and brought up to date, and from new ones."""
    alive = stored_runs(world)
    sort_keys = parse_order(",".join(order))
    for document in documents:
        parsed = parse_filter(json.dumps(document))
        query = RunQuery(filter=parsed, order=sort_keys)

        warm, counted = search(world, query), count_runs(world, parsed)
        cold = world.database.read(
            lambda tx, query=query: SqlRunStore(tx.connection).search(world.project.id, query, NOW)  # type: ignore[misc]
        )

        expected = ordered([run for run in alive if matches(parsed, run, NOW)], sort_keys, NOW)
        assert [run.id for run in warm] == [run.id for run in expected], (document, order)
        assert [run.id for run in cold] == [run.id for run in expected], (document, order)
        assert counted == len(expected)


@settings(
    max_examples=30,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    drawn=st.lists(run_values, min_size=1, max_size=6),
    changes=st.lists(st.tuples(st.integers(0, 5), run_values), max_size=3),
    documents=st.lists(filters, min_size=4, max_size=6),
    order=orders,
)
def test_search_finds_and_sorts_what_the_plain_meaning_says(
    world: World,
    drawn: list[dict[str, Any]],
    changes: list[tuple[int, dict[str, Any]]],
    documents: list[Any],
    order: list[str],
) -> None:
    """From documents alone, from blocks, with changes after the blocks, and after blocks were made of those."""
    world = with_new_project(world)
    filled = fill(world, drawn)
    expect_the_plain_meaning(world, documents, order)
    index(world)
    expect_the_plain_meaning(world, documents, order)

    for number, values in changes:
        run = filled[number % len(filled)]
        change = change_of(values, run.created_at)
        world.database.write(lambda tx, run=run, change=change: tx.runs.update(run.key, change, NOW))  # type: ignore[misc]
    expect_the_plain_meaning(world, documents, order)
    world.run("new", change_of(drawn[0], NOW))
    if len(filled) > 1:
        world.database.write(lambda tx: tx.runs.delete(filled[0].key, NOW))
    expect_the_plain_meaning(world, documents, order)
    index(world)
    expect_the_plain_meaning(world, documents, order)


def test_a_pattern_that_backtracks_without_end_is_refused_soon(world: World) -> None:
    letter = "c" if world.database.dialect == "sqlite" else "d"  # what was too slow once is remembered
    for number in range(50):
        world.run(f"r{number}", RunChange(notes=letter * (3_000 + number) + "!"))
    parsed = parse_filter(json.dumps({"notes": {"$regex": f"({letter}+)+$"}}))

    with pytest.raises(InvalidFilter, match="too long"):
        count_runs(world, parsed)


@pytest.mark.parametrize(
    "pattern", [r"a++b", r"(?<name>x)", r"\N{DIGIT ONE}", r"(?<=a)b", r"\p{L}", r"a\x00b", "\x00", r"(x)\1"]
)
def test_any_pattern_gives_runs_or_a_clear_error(world: World, pattern: str) -> None:
    """Engines know different extras; none of them may be an internal error."""
    world.run("r1", RunChange(notes="ab"))
    parsed = parse_filter(json.dumps({"notes": {"$regex": pattern}}))

    with contextlib.suppress(UsageError):
        assert count_runs(world, parsed) in (0, 1)


@pytest.mark.parametrize("text", ["nul\x00byte", "\ud800", "%", "\x1a", "é", "İ", "ß"])
def test_any_text_can_be_looked_for(world: World, text: str) -> None:
    world.run("r1", RunChange(notes=f"before {text} after", tags=(text,), group=text))

    for field, operator in (("notes", "$contains"), ("tags", "$contains"), ("tags", "$eq"), ("group", "$eq")):
        parsed = parse_filter(json.dumps({field: {operator: text}}))
        assert count_runs(world, parsed) == 1, (field, operator)
    assert count_runs(world, parse_words(text)) == 1
