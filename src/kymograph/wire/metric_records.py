"""Definitions of metrics as the records of journals.

Source: protocol.md §15.2, `MetricRecord`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kymograph.core.metric_definitions import Goal, MetricDefinition, SummaryKind

if TYPE_CHECKING:
    from kymograph.wire.records_pb2 import MetricRecord

_GOALS = {1: Goal.MINIMIZE, 2: Goal.MAXIMIZE}
_GOAL_NUMBERS = {goal: number for number, goal in _GOALS.items()}


def encode_definition(
    definition: MetricDefinition, *, overwrite: bool = False, expanded_from_glob: bool = False
) -> MetricRecord:
    """The record of a definition.

    Args:
        definition: Of a metric or a glob.
        overwrite: Whether what was said of that name before is void.
        expanded_from_glob: Whether nobody asked for it but a glob: readers that expand globs leave it out.
    """
    from kymograph.wire.records_pb2 import MetricRecord, MetricSummary

    goal = None if definition.goal is None else MetricRecord.MetricGoal.Name(_GOAL_NUMBERS[definition.goal])
    record = MetricRecord(step_metric=definition.step_metric or "", goal=goal, expanded_from_glob=expanded_from_glob)
    if definition.is_glob:
        record.glob_name = definition.name
    else:
        record.name = definition.name
    record.options.step_sync = definition.is_step_synced
    record.options.hidden = definition.is_hidden
    record.options.defined = definition.is_explicit
    if definition.summaries:
        record.summary.CopyFrom(MetricSummary(**{kind.value: True for kind in definition.summaries}))
    if overwrite:
        record.control.overwrite = True
    return record


def decode_definition(record: MetricRecord) -> MetricDefinition | None:
    """What a record defines; None for one that only names a step metric. Its ``control`` is for the caller to read."""
    is_glob = not record.name
    name = record.name or record.glob_name
    if not name:
        return None
    return MetricDefinition(
        name=name,
        is_glob=is_glob,
        step_metric=record.step_metric or None,
        is_hidden=record.options.hidden,
        is_step_synced=record.options.step_sync,
        is_explicit=record.options.defined,
        summaries=frozenset(kind for kind in SummaryKind if getattr(record.summary, kind.value)),
        goal=_GOALS.get(int(record.goal)),
    )
