"""Runs that several clients write at once: what their requests say about them, and their config put together."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from kymograph.core.metric_definitions import MetricDefinition, SummaryKind
from kymograph.types import JsonObject, JsonValue
from kymograph.wire.config import encode_metrics, metric_definitions
from kymograph.wire.sharing import (
    STREAM_WRITER_HEADER,
    document_headers,
    merge_configs,
    stream_headers,
    writer_of,
)


def document(values: JsonObject, **notes: JsonValue) -> JsonObject:
    found: JsonObject = {key: {"value": value} for key, value in values.items()}
    return {**found, "_wandb": {"value": dict(notes)}} if notes else found


def test_the_only_writer_is_not_named() -> None:
    assert stream_headers("") == document_headers("") == {}
    assert writer_of({}) == ""


def test_a_writer_is_found_in_the_headers_that_name_it() -> None:
    assert writer_of(document_headers("w1")) == "w1"
    assert writer_of(stream_headers("w1"), STREAM_WRITER_HEADER) == "w1"
    assert len(writer_of(document_headers("w" * 1000))) == 128


def test_values_of_all_writers_stay() -> None:
    merged = merge_configs(document({"a": 1, "both": 1}), document({"b": 2, "both": 2}))

    assert merged == document({"a": 1, "b": 2, "both": 2})


def test_environments_and_definitions_of_all_writers_stay() -> None:
    loss = MetricDefinition("loss", step_metric="epoch", summaries=frozenset({SummaryKind.MIN}))
    accuracy = MetricDefinition("acc", step_metric="epoch")
    known = document({}, e={"w1": {"os": "x"}}, m=encode_metrics([loss, MetricDefinition("epoch", is_hidden=True)]))
    new = document({}, e={"w2": {"os": "y"}}, m=encode_metrics([accuracy]), cli_version="2")

    merged = merge_configs(known, new)

    notes = merged["_wandb"]["value"]  # type: ignore[index,call-overload]
    assert notes["e"] == {"w1": {"os": "x"}, "w2": {"os": "y"}}  # type: ignore[index,call-overload]
    definitions = {definition.name: definition for definition in metric_definitions(merged)}
    assert definitions["loss"] == loss
    assert definitions["acc"] == accuracy
    assert definitions["epoch"].is_hidden


def test_notes_stay_when_a_writer_sends_none() -> None:
    known = document({"a": 1}, t={"1": [1]})

    assert merge_configs(known, document({"b": 2})) == document({"a": 1, "b": 2}, t={"1": [1]})
    assert merge_configs({}, known) == known


keys = st.dictionaries(st.sampled_from("abc"), st.integers())
documents = st.builds(
    lambda values, names, writers: document(
        values, m=encode_metrics([MetricDefinition(name) for name in names]), e={writer: {} for writer in writers}
    ),
    keys,
    st.lists(st.sampled_from("xyz"), unique=True),
    st.lists(st.sampled_from("vw"), unique=True),
)


@given(documents, documents)
def test_sending_the_same_again_changes_nothing(known: JsonObject, new: JsonObject) -> None:
    once = merge_configs(known, new)

    assert merge_configs(once, new) == once
