"""The columns of a project, as a picker looks for them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from kymograph.core.column_search import ColumnQuery, NameMatch, ValueKind
from kymograph.core.filters import Scope
from kymograph.core.run import RunChange, RunState
from kymograph.errors import InvalidFilter
from kymograph.storage.metadata.run_store import SqlRunStore
from tests.unit.storage.metadata.builders import NOW, World
from tests.unit.storage.metadata.drawn import index

NUMBER, TEXT, BOOLEAN, OTHER = ValueKind.NUMBER, ValueKind.TEXT, ValueKind.BOOLEAN, ValueKind.OTHER


def columns(world: World, **query: Any) -> list[tuple[str, str, set[ValueKind]]]:
    """Warm and cold alike."""
    asked = ColumnQuery(**query)
    warm = world.database.read(lambda tx: tx.runs.list_columns(world.project.id, asked))
    cold = world.database.read(lambda tx: SqlRunStore(tx.connection).list_columns(world.project.id, asked))
    assert warm == cold
    return [(column.scope.value, column.name, set(column.kinds)) for column in warm.columns]


def run(world: World, run_id: str, config: dict[str, Any], summary: dict[str, Any]) -> None:
    wrapped = {key: {"value": value} for key, value in config.items()}
    change = RunChange(state=RunState.FINISHED, config_json=json.dumps(wrapped), summary_json=json.dumps(summary))
    world.run(run_id, change)


def test_columns_of_all_runs_come_by_name_with_the_kinds_of_their_values(world: World) -> None:
    run(world, "r1", {"lr": 0.1, "opt": {"name": "adam"}}, {"loss": float("nan"), "img": {"_type": "image-file"}})
    run(world, "r2", {"lr": "auto", "_wandb": 1}, {"loss": 1, "none": None})
    expected = [
        ("summary", "img", {OTHER}),
        ("summary", "loss", {NUMBER}),
        ("config", "lr", {NUMBER, TEXT}),
        ("summary", "none", set()),
        ("config", "opt.name", {TEXT}),
    ]
    assert columns(world) == expected

    index(world)
    assert columns(world) == expected

    run(world, "r3", {"lr": True}, {"acc": 1})
    expected[2:3] = [("config", "lr", {NUMBER, TEXT, BOOLEAN})]
    assert columns(world) == [("summary", "acc", {NUMBER}), *expected]
    index(world)
    assert columns(world) == [("summary", "acc", {NUMBER}), *expected]


def test_names_are_searched_by_part_beginning_or_pattern(world: World) -> None:
    run(world, "r1", {"Loss": 1}, {"train/loss": 1, "val/loss": 1, "loss": 1, "train/acc": 1})

    def names(text: str, match: NameMatch, scope: Scope | None = None) -> list[str]:
        return [name for _, name, _ in columns(world, text=text, match=match, scope=scope)]

    assert names("LOSS", NameMatch.CONTAINS) == ["Loss", "loss", "train/loss", "val/loss"]
    assert names("train/", NameMatch.PREFIX) == ["train/acc", "train/loss"]
    assert names("(train|val)/l", NameMatch.REGEX) == ["train/loss", "val/loss"]
    assert names("loss", NameMatch.CONTAINS, Scope.CONFIG) == ["Loss"]
    assert names("", NameMatch.CONTAINS, Scope.CONFIG) == ["Loss"]
    assert names("absent", NameMatch.CONTAINS) == []
    with pytest.raises(InvalidFilter):
        names("(", NameMatch.REGEX)


def test_pages_of_columns_follow_one_another(world: World) -> None:
    run(world, "r1", {}, {f"m{number}": number for number in range(5)})

    assert [name for _, name, _ in columns(world, limit=2, offset=0)] == ["m0", "m1"]
    assert [name for _, name, _ in columns(world, limit=2, offset=4)] == ["m4"]
    page = world.database.read(lambda tx: tx.runs.list_columns(world.project.id, ColumnQuery("m", limit=2)))
    assert page.total == 5


def test_a_change_brings_its_names(world: World) -> None:
    made = world.run("r1", RunChange(summary_json='{"a": 1}'))
    assert [name for _, name, _ in columns(world)] == ["a"]

    world.database.write(lambda tx: tx.runs.update(made.key, RunChange(summary_json='{"a": 1, "b": 1}'), NOW))

    assert [name for _, name, _ in columns(world)] == ["a", "b"]


def test_one_of_a_hundred_thousand_names_is_found(world: World) -> None:
    for number in range(20):
        run(world, f"r{number}", {}, {f"layer{number}/weight_{place}": 1.0 for place in range(5_000)})
    index(world)
    query = ColumnQuery("r7/weight_4999", limit=10)
    assert len(world.database.read(lambda tx: tx.runs.list_columns(world.project.id, query)).columns) == 1

    page = world.database.read(lambda tx: tx.runs.list_columns(world.project.id, query))

    assert (page.total, page.columns[0].name) == (1, "layer7/weight_4999")
