"""What clients note about themselves in a run's config: metric definitions and environments.

Source: protocol.md §4.2.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from kymograph.core.config import internal_notes
from kymograph.core.metric_definitions import Goal, MetricDefinition, SummaryKind
from kymograph.types import JsonObject, JsonValue


def started_at(document: JsonObject) -> datetime | None:
    """When the first writer started, by its own clock: a run that was synced later began when it says it did."""
    environments = internal_notes(document).get("e")
    found: list[datetime] = []
    for environment in environments.values() if isinstance(environments, dict) else ():
        text = environment.get("startedAt") if isinstance(environment, dict) else None
        if isinstance(text, str) and (moment := parse_time(text)) is not None:
            found.append(moment)
    return min(found, default=None)


def parse_time(text: str) -> datetime | None:
    """ISO 8601, with or without a zone; without one it is UTC."""
    try:
        moment = datetime.fromisoformat(text)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):  # the second: on the edge of the calendar, in another zone
        return None


# Numbers of the fields and their values in `MetricRecord`. Source: protocol.md §4.2.
_NAME, _GLOB, _STEP_NAME, _STEP_INDEX, _OPTIONS, _SUMMARY, _GOAL = "1", "2", "4", "5", "6", "7", "8"
_STEP_SYNCED, _HIDDEN, _EXPLICIT = 1, 2, 3
_SUMMARY_NUMBERS = {
    SummaryKind.MIN: 1,
    SummaryKind.MAX: 2,
    SummaryKind.MEAN: 3,
    SummaryKind.BEST: 4,
    SummaryKind.LAST: 5,
    SummaryKind.NONE: 6,
    SummaryKind.COPY: 7,
    SummaryKind.FIRST: 8,
}
_GOAL_NUMBERS = {Goal.MINIMIZE: 1, Goal.MAXIMIZE: 2}


def metric_definitions(document: JsonObject) -> list[MetricDefinition]:
    """Decode ``m``: objects with protobuf field numbers as keys. Source: protocol.md §4.2."""
    items = internal_notes(document).get("m")
    if not isinstance(items, list):
        return []
    names = [_text(item, _NAME) or _text(item, _GLOB) for item in items]
    found: list[MetricDefinition] = []
    for item, name in zip(items, names, strict=True):
        if not isinstance(item, dict) or name is None:
            continue
        step_metric = _text(item, _STEP_NAME)
        index = item.get(_STEP_INDEX)
        if step_metric is None and isinstance(index, int) and 1 <= index <= len(names):
            step_metric = names[index - 1]
        options, summaries = _numbers(item, _OPTIONS), _numbers(item, _SUMMARY)
        found.append(
            MetricDefinition(
                name=name,
                is_glob=_text(item, _NAME) is None,
                step_metric=step_metric,
                is_hidden=_HIDDEN in options,
                is_step_synced=_STEP_SYNCED in options,
                is_explicit=_EXPLICIT in options,
                summaries=frozenset(kind for kind, number in _SUMMARY_NUMBERS.items() if number in summaries),
                goal=next((goal for goal, number in _GOAL_NUMBERS.items() if item.get(_GOAL) == number), None),
            )
        )
    return found


def encode_metrics(definitions: Iterable[MetricDefinition], *, with_globs: bool = True) -> list[JsonValue]:
    """The value of ``m``; undoes `metric_definitions`.

    Args:
        definitions: In any order; their step metrics get entries of their own, which the others point to.
        with_globs: False for a server that does not expand globs by itself.
    """
    known = {definition.name: definition for definition in definitions if with_globs or not definition.is_glob}
    positions: dict[str, int] = {}
    for definition in known.values():
        for name in (definition.name, definition.step_metric):
            if name is not None:
                positions.setdefault(name, len(positions) + 1)
    found = (known.get(name) or MetricDefinition(name, is_explicit=False) for name in positions)
    return [_encode_metric(definition, positions) for definition in found]


def _encode_metric(definition: MetricDefinition, positions: dict[str, int]) -> JsonObject:
    options = {
        _STEP_SYNCED: definition.is_step_synced,
        _HIDDEN: definition.is_hidden,
        _EXPLICIT: definition.is_explicit and not definition.is_glob,
    }
    item: JsonObject = {_GLOB if definition.is_glob else _NAME: definition.name}
    if definition.step_metric is not None:
        item[_STEP_INDEX] = positions[definition.step_metric]
    item[_OPTIONS] = [number for number, holds in options.items() if holds]
    item[_SUMMARY] = [number for kind, number in _SUMMARY_NUMBERS.items() if kind in definition.summaries]
    if definition.goal is not None:
        item[_GOAL] = _GOAL_NUMBERS[definition.goal]
    return item


def _text(item: JsonValue, key: str) -> str | None:
    value = item.get(key) if isinstance(item, dict) else None
    return value if isinstance(value, str) and value else None


def _numbers(item: JsonObject, key: str) -> list[JsonValue]:
    value = item.get(key)
    return value if isinstance(value, list) else []
