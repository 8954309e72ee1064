"""The live summary of a run."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from kymograph.core.metric_definitions import define_metric
from kymograph.core.summary import SummaryBuilder
from kymograph.errors import InvalidValue
from kymograph.sdk.summary import Summary
from kymograph.types import JsonValue


class Recorder:
    """A run, as far as its summary sees it."""

    def __init__(self) -> None:
        self.rows: list[dict[str, JsonValue]] = []
        self.told: list[Any] = []
        self.builder = SummaryBuilder()
        self.summary = Summary(
            self.builder,
            pull=self._pull,
            on_change=lambda path, value: self.told.append((path, value)),
            on_remove=lambda path: self.told.append(path),
        )

    def _pull(self) -> list[dict[str, JsonValue]]:
        rows, self.rows = self.rows, []
        return rows


def test_rows_are_there_when_somebody_looks() -> None:
    run = Recorder()
    run.rows += [{"loss": 2}, {"loss": 1, "n": {"x": 3}}]

    assert run.summary["loss"] == run.summary.loss == 1
    assert run.summary.n.x == run.summary["n"]["x"] == 3
    run.rows += [{"loss": 5}]
    assert run.summary.get("loss") == 5
    assert run.told == []


def test_what_is_set_is_told_with_its_path() -> None:
    run = Recorder()
    run.summary["a"] = (1, 2)
    run.summary.b = {"c": {"d": 1}}
    run.summary["b"]["c"]["e"] = 2
    run.summary.b.c.f = 3
    run.summary.update({"x": 1}, y=2)
    run.summary["b"].update(z=4)

    assert run.summary == {"a": [1, 2], "b": {"c": {"d": 1, "e": 2, "f": 3}, "z": 4}, "x": 1, "y": 2}
    assert run.told == [
        (("a",), [1, 2]),
        (("b",), {"c": {"d": 1}}),
        (("b", "c", "e"), 2),
        (("b", "c", "f"), 3),
        (("x",), 1),
        (("y",), 2),
        (("b", "z"), 4),
    ]


def test_a_value_set_by_hand_comes_after_the_rows_of_before() -> None:
    run = Recorder()
    run.rows += [{"loss": 2}]
    run.summary["loss"] = 100
    assert run.summary.loss == 100

    run.rows += [{"loss": 3}]

    assert run.summary.loss == 3


def test_removing() -> None:
    run = Recorder()
    run.summary.update({"a": 1, "b": {"c": 1, "d": 2}})
    run.told.clear()
    del run.summary["a"]
    del run.summary.b.c

    assert run.summary == {"b": {"d": 2}}
    assert run.told == [("a",), ("b", "c")]
    with pytest.raises(KeyError):
        del run.summary["a"]
    with pytest.raises(AttributeError):
        del run.summary.a


def test_it_is_a_mapping_that_hides_the_clients_own_notes() -> None:
    run = Recorder()
    run.rows += [{"loss": 2, "_runtime": 3.5, "n": {"x": 1}}]
    summary = run.summary

    assert summary._as_dict()["_wandb"] == {"runtime": 3}
    assert summary.keys() == ["loss", "_runtime", "n"]
    assert dict(summary.items())["loss"] == 2
    assert 2 in summary.values()
    assert (len(summary), "loss" in summary, list(summary)) == (3, True, ["loss", "_runtime", "n"])
    assert summary.get("zz", 5) == 5


def test_what_is_not_there_is_said_as_of_any_object_or_mapping() -> None:
    run = Recorder()
    run.rows += [{"loss": 2, "n": {"x": 1}}]

    with pytest.raises(AttributeError, match="summary has no 'lss'; it has loss, n"):
        _ = run.summary.lss
    with pytest.raises(AttributeError, match=r"summary\.n has no 'y'; it has x"):
        _ = run.summary.n.y
    with pytest.raises(KeyError):
        _ = run.summary["lss"]


def test_nothing_of_an_update_is_set_if_one_value_cannot_be() -> None:
    run = Recorder()
    loop: list[Any] = []
    loop.append(loop)

    with pytest.raises(InvalidValue, match=r"summary\['bad'\]"):
        run.summary.update({"good": 1, "bad": loop})
    assert run.summary == {}
    assert run.told == []


def test_definitions_count_at_once() -> None:
    run = Recorder()
    run.rows += [{"loss": 2}, {"loss": 3}]
    assert run.summary.loss == 3

    run.builder.define(define_metric("loss", summary="max"))
    run.summary.invalidate()

    assert run.summary["loss"] == {"max": 3}


def test_media_are_values() -> None:
    run = Recorder()
    run.rows += [{"i": {"_type": "image-file", "size": 1}}]

    assert run.summary["i"] == {"_type": "image-file", "size": 1}
    assert isinstance(run.summary["i"], dict)


def test_values_can_be_prepared() -> None:
    summary = Summary(prepare=lambda name, value: {"_type": name} if value == "media" else value)
    summary["n"] = {}
    summary["n"]["x"] = "media"

    assert summary == {"n": {"x": {"_type": "n.x"}}}


def test_copying_looks_for_no_metrics() -> None:
    assert not hasattr(Recorder().summary, "__deepcopy__")
    assert copy.copy(dict(Recorder().summary)) == {}
