"""What ``define_metric`` says, and how calls add up."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kymograph.core.metric_definitions import (
    Goal,
    MetricDefinition,
    MetricDefinitions,
    SummaryKind,
    define_metric,
    join_name,
    split_name,
)
from kymograph.errors import UsageError

definitions = st.builds(
    MetricDefinition,
    name=st.just("loss"),
    step_metric=st.none() | st.sampled_from(["epoch", "batch"]),
    is_hidden=st.booleans(),
    is_step_synced=st.booleans(),
    summaries=st.frozensets(st.sampled_from(SummaryKind)),
    goal=st.none() | st.sampled_from(Goal),
)


def test_a_step_metric_is_synced_unless_said_otherwise() -> None:
    assert define_metric("loss", step_metric="epoch").is_step_synced
    assert not define_metric("loss", step_metric="epoch", step_sync=False).is_step_synced
    assert not define_metric("loss").is_step_synced


def test_summaries_are_words_separated_by_commas() -> None:
    definition = define_metric("loss", summary="Min, max,best", goal="maximize")

    assert definition.summaries == {SummaryKind.MIN, SummaryKind.MAX, SummaryKind.BEST}
    assert definition.goal is Goal.MAXIMIZE


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"name": ""}, "name of a metric"),
        ({"name": "a*b"}, "last character"),
        ({"name": "**"}, "last character"),
        ({"name": "loss", "summary": "median"}, "'median' is none of min, max"),
        ({"name": "loss", "goal": "up"}, "'minimize' or 'maximize'"),
        ({"name": 5}, r"define_metric\(name=…\) is of type int"),
        ({"name": "loss", "hidden": "yes"}, r"define_metric\(hidden=…\) is of type str"),
    ],
)
def test_what_cannot_be_is_refused_with_what_can(arguments: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        define_metric(**arguments)


def test_later_definitions_add_to_earlier_ones() -> None:
    known = MetricDefinitions()
    known.define(define_metric("loss", step_metric="epoch", summary="min"))

    current = known.define(define_metric("loss", summary="max", hidden=True))

    assert current.step_metric == "epoch"
    assert current.summaries == {SummaryKind.MIN, SummaryKind.MAX}
    assert current.is_hidden
    assert known.define(define_metric("loss", summary="none")).summaries >= {SummaryKind.NONE}
    assert known.define(define_metric("loss", summary="mean")).summaries.isdisjoint({SummaryKind.NONE})
    assert known.define(define_metric("loss"), overwrite=True) == define_metric("loss")


@given(definitions, definitions, definitions)
def test_updates_add_up_in_any_grouping(
    first: MetricDefinition, second: MetricDefinition, third: MetricDefinition
) -> None:
    assert first.updated(second).updated(third) == first.updated(second.updated(third))


@given(st.lists(st.text("a.b/"), min_size=1).map(tuple))
def test_names_go_down_any_keys(path: tuple[str, ...]) -> None:
    assert split_name(join_name(path)) == path


def test_a_glob_gives_the_metrics_that_fit_definitions_of_their_own() -> None:
    known = MetricDefinitions()
    known.define(define_metric("val/*", step_metric="epoch", summary="max"))
    known.define(define_metric("val/loss", summary="min"))

    assert known.expand(("train/loss",)) is None
    assert known.expand(("val/loss",)) is None
    assert known.expand(("val/acc.top",)) == MetricDefinition(
        "val/acc\\.top",
        step_metric="epoch",
        is_step_synced=True,
        is_explicit=False,
        summaries=frozenset({SummaryKind.MAX}),
    )
    assert known.expand(("val/acc.top",)) is None
    assert known.find(("val/acc.top",)) is not None


def test_own_keys_of_the_client_fit_no_glob() -> None:
    known = MetricDefinitions()
    known.define(define_metric("*"))

    assert known.expand(("_runtime",)) is None
    assert known.expand(("nested", "x")) is not None


def test_rows_without_their_step_metric_get_its_last_value() -> None:
    known = MetricDefinitions()
    known.define(define_metric("loss", step_metric="epoch"))
    known.define(define_metric("acc", step_metric="epoch", step_sync=False))
    known.define(define_metric("a.b", step_metric="n.epoch"))

    assert known.missing_steps({"loss": 1}) == {"epoch": 0}
    assert known.missing_steps({"epoch": 3, "loss": 1}) == {}
    assert known.missing_steps({"loss": 1}) == {"epoch": 3}
    assert known.missing_steps({"acc": 1}) == {}
    assert known.missing_steps({"n": {"epoch": 4}}) == {}
    assert known.missing_steps({"a": {"b": 1}}) == {"n.epoch": 4}
