"""Definitions of metrics in journals."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from kymograph.core.metric_definitions import Goal, MetricDefinition, SummaryKind, define_metric
from kymograph.wire.metric_records import decode_definition, encode_definition
from kymograph.wire.records_pb2 import MetricRecord

definitions = st.builds(
    MetricDefinition,
    name=st.text(min_size=1).filter(lambda text: text.isprintable()),
    is_glob=st.booleans(),
    step_metric=st.none() | st.sampled_from(["epoch", "a\\.b"]),
    is_hidden=st.booleans(),
    is_step_synced=st.booleans(),
    is_explicit=st.booleans(),
    summaries=st.frozensets(st.sampled_from(SummaryKind)),
    goal=st.none() | st.sampled_from(Goal),
)


@given(definitions)
def test_what_is_written_is_read(definition: MetricDefinition) -> None:
    record = MetricRecord.FromString(encode_definition(definition).SerializeToString())

    assert decode_definition(record) == definition


def test_a_definition_can_void_earlier_ones() -> None:
    assert encode_definition(define_metric("loss"), overwrite=True).control.overwrite
    assert not encode_definition(define_metric("loss")).HasField("control")
    assert not encode_definition(define_metric("loss")).HasField("summary")


def test_a_record_that_only_names_a_step_metric_defines_nothing() -> None:
    assert decode_definition(MetricRecord(step_metric="epoch")) is None
