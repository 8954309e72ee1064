"""What clients note about themselves in a run's config: metric definitions and environments.

Source: protocol.md §4.2.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from kymograph.core.config import internal_notes
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


@dataclass(frozen=True, slots=True)
class MetricDefinition:
    """One ``define_metric``, as far as charts need it."""

    name: str
    """May end in ``*`` when `is_glob`."""
    is_glob: bool
    step_metric: str | None
    is_hidden: bool


def metric_definitions(document: JsonObject) -> list[MetricDefinition]:
    """Decode ``m``: objects with protobuf field numbers as keys. Source: protocol.md §4.2."""
    items = internal_notes(document).get("m")
    if not isinstance(items, list):
        return []
    names = [_text(item, "1") or _text(item, "2") for item in items]
    found: list[MetricDefinition] = []
    for item, name in zip(items, names, strict=True):
        if not isinstance(item, dict) or name is None:
            continue
        step_metric = _text(item, "4")
        index = item.get("5")
        if step_metric is None and isinstance(index, int) and 1 <= index <= len(names):
            step_metric = names[index - 1]
        options = item.get("6")
        found.append(
            MetricDefinition(
                name=name.replace("\\.", "."),
                is_glob=_text(item, "1") is None,
                step_metric=step_metric.replace("\\.", ".") if step_metric else None,
                is_hidden=isinstance(options, list) and 2 in options,
            )
        )
    return found


def _text(item: JsonValue, key: str) -> str | None:
    value = item.get(key) if isinstance(item, dict) else None
    return value if isinstance(value, str) and value else None
