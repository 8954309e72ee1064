"""Filters and orders in SQL against their plain meaning, on random runs."""

from __future__ import annotations

import contextlib
import json
import math
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from kymograph.core import exact_json
from kymograph.core.filter_parser import parse_filter, parse_order, parse_words
from kymograph.core.filters import Filter, RunQuery
from kymograph.core.run import Run, RunChange, RunState
from kymograph.errors import InvalidFilter, UsageError
from kymograph.storage.metadata.run_store import SqlRunStore
from kymograph.storage.metadata.tables import runs
from kymograph.storage.metadata.value_index import Limits, ValueIndexer
from kymograph.types import RunKey
from tests.unit.storage.metadata.builders import NOW, World, make_project, search
from tests.unit.storage.metadata.reference import matches, ordered

SCALARS: list[Any] = [
    None, True, False, 0, 1, -1, 0.0, -0.0, 0.5, 1.0, 1e-10, 1e300, 2**53, 2**53 + 1, 2**63, -(2**63) - 1, 10**400,
    float(2**53), 1e20, 10**20, math.inf, -math.inf, math.nan,
    "", "adam", "Adam", "sgd", "a%b_c", "Ünïcode", "nul\x00byte", "sub\x1astitute", "1", "true", "NaN",
]  # fmt: skip
LEAVES = [*SCALARS, [1, 2], {}, {"_type": "image-file", "path": "a.png"}]
KEYS = ["lr", "optimizer", "a.b", "size", "__proto__"]
TEXTS = ["", "adam", "Adam", "sgd", "b", "a%b_c", "x"]
PATTERNS = ["a", "^a", "(?i)ADAM", "[dg]", r"\bsgd\b", "a.*m$"]
STATES = [state.value for state in RunState]


leaf = st.sampled_from(LEAVES)
config = st.dictionaries(st.sampled_from(KEYS), leaf, max_size=4)
run_values = st.fixed_dictionaries(
    {
        "config": config,
        "summary": config,
        "state": st.sampled_from(list(RunState)),
        "silent_s": st.sampled_from([0, 89, 91, 299, 301, 100_000]),
        "tags": st.lists(st.sampled_from(["base", "Best", "x y"]), max_size=2, unique=True),
        "group": st.sampled_from([None, "adam", "b"]),
        "notes": st.sampled_from(["", "sgd run", "ADAM"]),
        "started_s": st.sampled_from([None, -10, 5]),
    }
)
value_field = st.builds(
    lambda prefix, key: prefix + key,
    st.sampled_from(["config.", "summary_metrics.", "summaryMetrics."]),
    st.sampled_from([*KEYS, "a.value.b", "lr.value"]),
)
text_field = st.sampled_from(["name", "display_name", "state", "group", "jobType", "username", "notes", "tags"])


def _operators(value: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(
        value,
        st.builds(lambda op, item: {op: item}, st.sampled_from(["$eq", "$ne", "$gt", "$gte", "$lt", "$lte"]), value),
        st.builds(lambda op, items: {op: items}, st.sampled_from(["$in", "$nin"]), st.lists(value, max_size=4)),
        st.builds(lambda exists: {"$exists": exists}, st.booleans()),
        st.builds(lambda pattern: {"$regex": pattern}, st.sampled_from(PATTERNS)),
        st.builds(lambda text: {"$contains": text}, st.sampled_from([text for text in TEXTS if text])),
        st.builds(lambda item: {"$not": {"$gt": item}}, value),
    )


times = st.sampled_from(["2026-11-22T11:59:00Z", "2026-11-22", 1795348800, 1795348800123, "2030-01-01T00:00:00+02:00"])
condition = st.one_of(
    st.builds(lambda field, item: {field: item}, value_field, _operators(st.sampled_from(SCALARS))),
    st.builds(
        lambda field, item: {field: item}, text_field, _operators(st.sampled_from([*TEXTS, *STATES, "base", "Best", 3]))
    ),
    st.builds(
        lambda field, op, item: {field: {op: item}},
        st.sampled_from(["created_at", "heartbeatAt", "startedAt"]),
        st.sampled_from(["$gt", "$lte", "$eq", "$ne"]),
        times,
    ),
    st.builds(
        lambda op, item: {"duration": {op: item}}, st.sampled_from(["$gt", "$lt"]), st.sampled_from([0, 15, 5e3])
    ),
)
filters = st.recursive(
    condition,
    lambda inner: st.one_of(
        st.builds(lambda op, parts: {op: parts}, st.sampled_from(["$and", "$or", "$nor"]), st.lists(inner, max_size=3)),
        st.builds(lambda part: {"$not": part}, inner),
    ),
    max_leaves=4,
)
orders = st.lists(
    st.builds(
        lambda sign, field: sign + field,
        st.sampled_from(["+", "-"]),
        st.one_of(value_field, st.sampled_from(["created_at", "state", "group", "duration", "notes", "username"])),
    ),
    max_size=2,
)


def _fill(world: World, drawn: list[dict[str, Any]]) -> list[Run]:
    made = []
    for number, values in enumerate(drawn):
        created_at = NOW - timedelta(seconds=100 + number // 2)  # pairs are created at one moment
        change = _change(values, created_at)
        made.append(world.run(f"r{number}", change, now=created_at, name="adam" if number % 3 else None))
    return made


def _change(values: dict[str, Any], created_at: datetime) -> RunChange:
    started_s = values["started_s"]
    return RunChange(
        config_json=exact_json.dumps({key: {"value": item} for key, item in values["config"].items()}),
        summary_json=exact_json.dumps(values["summary"]),
        state=values["state"],
        heartbeat_at=NOW - timedelta(seconds=values["silent_s"]),
        started_at=None if started_s is None else created_at + timedelta(seconds=started_s),
        tags=tuple(values["tags"]),
        group=values["group"],
        notes=values["notes"],
    )


def count_runs(world: World, filter_: Filter) -> int:
    return world.database.read(lambda tx: tx.runs.count(world.project.id, filter_, NOW))


_numbers = count(1)


def _empty(world: World) -> World:
    """The same with a project of its own."""
    return replace(world, project=make_project(world.database, world.entity, f"p{next(_numbers)}"))


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


def stored_runs(world: World) -> list[Run]:
    keys = world.database.read(
        lambda tx: (
            tx.connection.execute(select(runs.c.key).where(runs.c.project_id == world.project.id)).scalars().all()
        )
    )
    return world.database.read(lambda tx: tx.runs.list_by_keys([RunKey(key) for key in keys]))


def index(world: World) -> None:
    """Blocks of three runs, merged when there are more than two small ones."""
    limits = Limits(min_runs=1, block_runs=3, max_small_blocks=2)
    ValueIndexer(world.database, limits).index(NOW + timedelta(days=365))


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
    world = _empty(world)
    filled = _fill(world, drawn)
    expect_the_plain_meaning(world, documents, order)
    index(world)
    expect_the_plain_meaning(world, documents, order)

    for number, values in changes:
        run = filled[number % len(filled)]
        change = _change(values, run.created_at)
        world.database.write(lambda tx, run=run, change=change: tx.runs.update(run.key, change, NOW))  # type: ignore[misc]
    expect_the_plain_meaning(world, documents, order)
    world.run("new", _change(drawn[0], NOW))
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
