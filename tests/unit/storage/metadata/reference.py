"""What filters and orders mean, in plain Python: slow, obvious, and what the SQL is compared with."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from datetime import datetime
from functools import cmp_to_key
from itertools import product
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
from kymograph.core.groups import GroupOrder, GroupQuery, Statistic
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
    document = exact_json.loads_document(run.config_json if field.scope is Scope.CONFIG else run.summary_json)
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


@dataclass(frozen=True, slots=True)
class PlainGroup:
    """What `RunGroup` should say, with keys that are equal if their values are."""

    keys: tuple[tuple[str, Any], ...]
    runs: tuple[Run, ...]
    spreads: tuple[tuple[int, int, float | None, float | None, float | None], ...]


def grouped(runs: list[Run], query: GroupQuery, now: datetime) -> list[PlainGroup]:
    members: dict[tuple[tuple[str, Any], ...], list[Run]] = {}
    for run in runs:
        if matches(query.filter, run, now):
            choices = [[group_key(value) for value in _values(field, run, now) or [None]] for field in query.by]
            for keys in dict.fromkeys(product(*choices)):
                members.setdefault(keys, []).append(run)
    groups = [
        PlainGroup(keys, tuple(found), tuple(_spread(field, found, now) for field in query.metrics))
        for keys, found in members.items()
    ]
    ties = [GroupOrder(field) for field in query.by]

    def compare(left: PlainGroup, right: PlainGroup) -> int:
        for item in [*query.order, *ties]:
            left_key, right_key = (_group_sort_key(item, group, query) for group in (left, right))
            if left_key[0] != right_key[0]:
                return -1 if left_key[0] < right_key[0] else 1
            if left_key[1] != right_key[1]:
                return -1 if (left_key[1] < right_key[1]) is not item.descending else 1
        return 0

    return sorted(groups, key=cmp_to_key(compare))


def group_key(value: Any) -> tuple[str, Any]:
    if value is None:
        return "missing", None
    if isinstance(value, bool):
        return "boolean", value
    if isinstance(value, int | float):
        return ("nan", None) if value != value else ("number", value)
    if isinstance(value, str):
        return ("long_text", value[:1_000]) if len(value) > 1_000 else ("text", value)
    return "other", None


def _group_sort_key(item: GroupOrder, group: PlainGroup, query: GroupQuery) -> tuple[int, Any]:
    if item.field is None:
        return 0, len(group.runs)
    if item.statistic is not None:
        place = {Statistic.MIN: 2, Statistic.MAX: 3, Statistic.MEAN: 4}[item.statistic]
        value = group.spreads[query.metrics.index(item.field)][place]
        return (1, 0) if value is None else (0, value)
    kind, value = group.keys[query.by.index(item.field)]
    if kind in ("boolean", "number"):
        return 0, (value, kind)
    if kind in ("text", "long_text"):
        return 1, (value, kind)
    return {"nan": 2, "other": 3, "missing": 4}[kind], 0


def _spread(field: Field, runs: list[Run], now: datetime) -> tuple[int, int, float | None, float | None, float | None]:
    found = [value for run in runs for value in _values(field, run, now) if isinstance(value, int | float)]
    numbers = [_double(value) for value in found]
    finite = [number for number in numbers if math.isfinite(number)]
    if not finite:
        return 0, len(numbers), None, None, None
    mean = math.fsum(number / len(finite) for number in finite)
    return len(finite), len(numbers) - len(finite), min(finite), max(finite), mean
