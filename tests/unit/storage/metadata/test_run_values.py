"""Config and summary values: kept exactly, and found as they change."""

from __future__ import annotations

import json

import pytest

from kymograph.core import exact_json
from kymograph.core.filter_parser import parse_filter, parse_order
from kymograph.core.filters import RunQuery, Scope
from kymograph.core.leaves import MAX_SEARCHED_LEAVES, pick_leaves
from kymograph.core.run import Run, RunChange
from tests.unit.storage.metadata.builders import NOW, World, search


def value_of(world: World, run: Run, scope: str, name: str) -> str | None:
    """The exact JSON text of a leaf of the stored run."""
    stored = world.database.read(lambda tx: tx.runs.find_by_key(run.key))
    assert stored is not None
    document = stored.config_json if scope == "config" else stored.summary_json
    found = pick_leaves(Scope(scope), document, [name])
    return exact_json.dumps(found[name]) if name in found else None


def ids(world: World, filter_: object, order: str = "+name") -> list[str]:
    query = RunQuery(filter=parse_filter(json.dumps(filter_)), order=parse_order(order))
    return [run.id for run in search(world, query)]


@pytest.mark.parametrize(
    "text",
    [
        "0", "-0.0", "1.0", "0.1", "1e-300", "1.7976931348623157e+308", "NaN", "Infinity", "-Infinity",
        "9007199254740993", "9223372036854775808", "-170141183460469231731687303715884105728", "1" + "0" * 400,
        "true", "false", "null", '""', '"adam"', '"a\\u0000b"', '"\\u001a"', '"NaN"', "[1,[2,null]]", "{}",
        '{"_type":"table","rows":3}', '"' + "x" * 5000 + '"',
    ],
)  # fmt: skip
def test_every_value_comes_back_exactly(world: World, text: str) -> None:
    run = world.run(
        "r1", RunChange(config_json=f'{{"a":{{"value":{{"b":{text}}}}}}}', summary_json=f'{{"c.d":{text}}}')
    )

    for found in (value_of(world, run, "config", "a.b"), value_of(world, run, "summary", "c.d")):
        assert found is not None
        assert _exact(found) == _exact(text)


def _exact(text: str) -> str:
    """One spelling per value: floats and integers stay apart, and every digit counts."""
    return repr(json.loads(text))


def test_searches_follow_every_change_of_the_documents(world: World) -> None:
    run = world.run("r1", RunChange(summary_json='{"kept": 1, "changed": 2, "gone": 3}'))

    world.database.write(
        lambda tx: tx.runs.update(run.key, RunChange(summary_json='{"kept": 1, "changed": "2", "new": [1]}'), NOW)
    )

    assert value_of(world, run, "summary", "kept") == "1"
    assert value_of(world, run, "summary", "changed") == '"2"'
    assert value_of(world, run, "summary", "gone") is None
    assert value_of(world, run, "summary", "new") == "[1]"
    assert ids(world, {"summary_metrics.gone": {"$exists": True}}) == []
    assert ids(world, {"summary_metrics.new": {"$exists": True}}) == ["r1"]
    assert ids(world, {"summary_metrics.changed": "2"}) == ["r1"]


def test_values_beyond_the_bound_of_search_are_still_read(world: World) -> None:
    summary = {f"key-{number}": number for number in range(MAX_SEARCHED_LEAVES + 100)}
    run = world.run("r1", RunChange(summary_json=json.dumps(summary)))
    last = f"key-{MAX_SEARCHED_LEAVES + 99}"

    assert value_of(world, run, "summary", last) == str(MAX_SEARCHED_LEAVES + 99)
    assert value_of(world, run, "summary", "key-0") == "0"
    assert ids(world, {"summary_metrics.key-0": 0}) == ["r1"]


def test_long_texts_compare_by_their_beginning(world: World) -> None:
    world.run("r1", RunChange(summary_json=json.dumps({"t": "x" * 1_000})))
    world.run("r2", RunChange(summary_json=json.dumps({"t": "x" * 1_001})))

    assert ids(world, {"summary_metrics.t": "x" * 1_000}) == ["r1"]
    assert ids(world, {"summary_metrics.t": "x" * 1_001}) == ["r2"]


def test_sorting_puts_numbers_before_texts_before_nan_before_missing(world: World) -> None:
    values = {"a": "2", "b": "NaN", "c": "-Infinity", "d": '"10"', "e": "null", "f": "[1]", "g": "1e3", "h": "true"}
    for run_id, text in values.items():
        world.run(run_id, RunChange(summary_json=f'{{"v": {text}}}'))
    world.run("z")

    assert ids(world, {}, "+summary_metrics.v,+name") == ["c", "h", "a", "g", "d", "b", "f", "e", "z"]
    assert ids(world, {}, "-summary_metrics.v,+name") == ["g", "a", "h", "c", "d", "b", "f", "e", "z"]


def test_pages_follow_one_another(world: World) -> None:
    for number in range(7):
        world.run(f"r{number}", RunChange(summary_json=f'{{"v": {number % 3}}}'))
    order = parse_order("-summary_metrics.v")

    pages = []
    for offset in range(0, 7, 3):
        query = RunQuery(order=order, limit=3, offset=offset)
        pages += search(world, query)

    assert [run.id for run in pages] == ["r5", "r2", "r4", "r1", "r6", "r3", "r0"]


@pytest.mark.parametrize("name", ["__proto__", "a b", "ключ", "😀", "x' OR 1=1 --", "a\x00b", "\x1a", "", " ", "a%"])
def test_any_metric_name_can_be_asked_for(world: World, name: str) -> None:
    run = world.run("r1", RunChange(summary_json=json.dumps({name: 1})))

    assert value_of(world, run, "summary", name) == "1"
    if name:
        assert ids(world, {f"summary_metrics.{name}": 1}) == ["r1"]
        assert ids(world, {f"keys_info.keys.{name}": {"$exists": True}}) == ["r1"]
