"""What clients note about themselves in the config document."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kymograph.core.metric_definitions import Goal, MetricDefinition, SummaryKind
from kymograph.types import JsonObject, JsonValue
from kymograph.wire.config import encode_metrics, metric_definitions, parse_time, started_at


def notes(**values: JsonValue) -> JsonObject:
    return {"_wandb": {"value": dict(values)}, "lr": {"value": 0.1}}


def test_run_of_several_writers_began_with_the_first() -> None:
    document = notes(
        e={
            "w1": {"startedAt": "2026-11-22T06:47:01.5Z"},
            "w2": {"startedAt": "2026-11-22T07:47:00+02:00"},
            "w3": {"startedAt": "not a time"},
            "w4": {},
            "w5": None,
        }
    )

    assert started_at(document) == datetime(2026, 11, 22, 5, 47, 0, tzinfo=UTC)
    assert started_at(notes()) is None
    assert started_at(notes(e=[])) is None


def test_time_without_a_zone_is_utc_and_no_text_breaks_it() -> None:
    assert parse_time("2026-11-22T06:47:01") == datetime(2026, 11, 22, 6, 47, 1, tzinfo=UTC)
    assert parse_time("9999-12-31T23:59:59-23:00") is None
    assert parse_time("0001-01-01T00:00:00+23:00") is None


@given(st.text())
def test_any_text_is_a_time_or_none(text: str) -> None:
    parsed = parse_time(text)

    assert parsed is None or parsed.tzinfo is UTC


def test_metric_definitions_by_field_number() -> None:
    document = notes(
        m=[
            {"1": "epoch"},
            {"1": "train/loss", "5": 1, "7": [1, 5], "8": 2},
            {"1": "with\\.dot", "4": "my\\.step"},
            {"2": "val/*", "5": 1, "6": [1, 2]},
        ]
    )

    found = metric_definitions(document)

    assert found == [
        MetricDefinition("epoch", is_explicit=False),
        MetricDefinition(
            "train/loss",
            step_metric="epoch",
            is_explicit=False,
            summaries=frozenset({SummaryKind.MIN, SummaryKind.LAST}),
            goal=Goal.MAXIMIZE,
        ),
        MetricDefinition("with\\.dot", step_metric="my\\.step", is_explicit=False),
        MetricDefinition(
            "val/*", is_glob=True, step_metric="epoch", is_hidden=True, is_step_synced=True, is_explicit=False
        ),
    ]
    assert (found[2].dotted_name, found[2].dotted_step_metric) == ("with.dot", "my.step")


MEAN, LAST = SummaryKind.MEAN, SummaryKind.LAST


def test_metric_definitions_as_the_client_encodes_them() -> None:
    """The order within is ours; what is observed of the client is in protocol.md §4.2."""
    definitions = [
        MetricDefinition("loss", summaries=frozenset({SummaryKind.MIN})),
        MetricDefinition("m2", step_metric="epoch", is_hidden=True, summaries=frozenset({MEAN, LAST})),
        MetricDefinition("lay/*", is_glob=True, step_metric="epoch", is_step_synced=True, goal=Goal.MINIMIZE),
    ]

    assert encode_metrics(definitions) == [
        {"1": "loss", "6": [3], "7": [1]},
        {"1": "m2", "5": 3, "6": [2, 3], "7": [3, 5]},
        {"1": "epoch", "6": [], "7": []},
        {"2": "lay/*", "5": 3, "6": [1], "7": [], "8": 1},
    ]
    assert [item.get("1") for item in encode_metrics(definitions, with_globs=False) if isinstance(item, dict)] == [
        "loss",
        "m2",
        "epoch",
    ]


names = st.text("ab.\\/", min_size=1)
definitions = st.builds(
    MetricDefinition,
    name=names,
    step_metric=st.none() | names,
    is_hidden=st.booleans(),
    is_step_synced=st.booleans(),
    is_explicit=st.booleans(),
    summaries=st.frozensets(st.sampled_from(SummaryKind)),
    goal=st.none() | st.sampled_from(Goal),
)


@given(st.lists(definitions, unique_by=lambda definition: definition.name))
def test_what_is_encoded_is_decoded(items: list[MetricDefinition]) -> None:
    decoded = {found.name: found for found in metric_definitions(notes(m=encode_metrics(items)))}

    assert [decoded[item.name] for item in items] == items


@pytest.mark.parametrize(
    "items", [None, {}, [None, 5, "x", {}, {"1": ""}, {"2": None}], [{"1": 5}], [{"3": "only others"}]]
)
def test_damaged_definitions_are_left_out(items: JsonValue) -> None:
    assert metric_definitions(notes(m=items)) == []


@pytest.mark.parametrize("index", [0, 2, -1, "1", None, 1.0])
def test_step_metric_that_points_nowhere_is_none(index: JsonValue) -> None:
    (found,) = metric_definitions(notes(m=[{"1": "loss", "5": index}]))

    assert found.step_metric is None
