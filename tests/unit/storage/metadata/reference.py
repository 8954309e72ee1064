"""What filters and orders mean, in plain Python: slow, obvious, and what the SQL is compared with."""

from __future__ import annotations

import math
import re
from datetime import datetime
from functools import cmp_to_key
from typing import Any

from kymograph.core import exact_json
from kymograph.core.filter_times import parse_time
from kymograph.core.filters import (
    AllOf,
    AnyOf,
    Compare,
    Comparison,
    Exists,
    Field,
    Filter,
    Not,
    OneOf,
    Order,
    Scope,
)
from kymograph.core.flatten import iter_leaves
from kymograph.core.run import Run

MISSING = object()
_TIMES = ("created_at", "updated_at", "heartbeat_at", "started_at")


def matches(filter_: Filter, run: Run, now: datetime) -> bool:
    match filter_:
        case AllOf(parts):
            return all(matches(part, run, now) for part in parts)
        case AnyOf(parts):
            return any(matches(part, run, now) for part in parts)
        case Not(part):
            return not matches(part, run, now)
        case Exists(field):
            return not _equals(field, None, run, now)
        case OneOf(field, values):
            return any(_equals(field, value, run, now) for value in values)
        case Compare(field, Comparison.EQ, value):
            return _equals(field, value, run, now)
        case Compare(field, Comparison.NE, value):
            return not _equals(field, value, run, now)
        case Compare(Field(Scope.RUN, "tags"), Comparison.CONTAINS, str(value)):
            return value.casefold() in [tag.casefold() for tag in run.tags]  # an element, not a part of one
        case Compare(field, op, value):
            return any(_holds(found, op, _wanted(field, value)) for found in _values(field, run, now))


def ordered(runs: list[Run], order: list[Order], now: datetime) -> list[Run]:
    def compare(left: Run, right: Run) -> int:
        for item in order:
            left_key, right_key = (_sort_key(item.field, run, now) for run in (left, right))
            if left_key[0] != right_key[0]:
                return -1 if left_key[0] < right_key[0] else 1
            if left_key[1] != right_key[1]:
                is_less = left_key[1] < right_key[1]
                return -1 if is_less is not item.descending else 1
        newest_first = (right.created_at, right.key) > (left.created_at, left.key)
        return 1 if newest_first else -1

    return sorted(runs, key=cmp_to_key(compare))


def _values(field: Field, run: Run, now: datetime) -> list[Any]:
    if field.scope is Scope.RUN:
        if field.name == "tags":
            return list(run.tags)
        if field.name == "state":
            return [run.state_at(now)]
        if field.name == "duration":
            return [run.duration_s_at(now)]
        value = getattr(run, field.name)
        return [] if value is None or (field.name == "notes" and value == "") else [value]
    document = exact_json.loads(run.config_json if field.scope is Scope.CONFIG else run.summary_json)
    if field.scope is Scope.CONFIG:
        document = {key: item["value"] for key, item in document.items() if key != "_wandb"}
    value = dict(iter_leaves(document)).get(field.name)
    return [] if value is None else [value]


def _wanted(field: Field, value: Any) -> Any:
    if field.scope is Scope.RUN and field.name in _TIMES and value is not None:
        return parse_time(value)
    return value


def _equals(field: Field, value: Any, run: Run, now: datetime) -> bool:
    found = _values(field, run, now)
    if value is None:
        return not found
    wanted = _wanted(field, value)
    return any(_same(item, wanted) for item in found)


def _type(value: Any) -> str:
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    return "text" if isinstance(value, str) else type(value).__name__


def _same(left: Any, right: Any) -> bool:
    if _type(left) != _type(right):
        return False
    if isinstance(left, float) and isinstance(right, float) and math.isnan(left) and math.isnan(right):
        return True
    return bool(left == right) and not isinstance(left, list | dict)


def _holds(found: Any, op: Comparison, wanted: Any) -> bool:
    if op is Comparison.REGEX:
        return isinstance(found, str) and re.search(wanted, found) is not None
    if op is Comparison.CONTAINS:
        return isinstance(found, str) and wanted.casefold() in found.casefold()
    if _type(found) != _type(wanted) or isinstance(found, list | dict):
        return False
    if isinstance(found, int | float):
        found, wanted = _double(found), _double(wanted)
    match op:
        case Comparison.GT:
            return bool(found > wanted)
        case Comparison.GE:
            return bool(found >= wanted)
        case Comparison.LT:
            return bool(found < wanted)
        case _:
            return bool(found <= wanted)


def _double(value: float) -> float:
    """Numbers are ordered as doubles, also integers that have none."""
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def _sort_key(field: Field, run: Run, now: datetime) -> tuple[int, Any]:
    found = _values(field, run, now)
    if not found:
        return 4, 0
    value = found[0]
    if field.scope is Scope.RUN:
        return 0, value
    if isinstance(value, int | float):
        return (2, 0) if math.isnan(_double(value)) else (0, _double(value))
    return (1, value) if isinstance(value, str) else (3, 0)
