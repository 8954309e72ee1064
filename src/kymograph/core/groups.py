"""Groups of runs: runs with equal values of some fields, with the spread of metrics in each.

Values are equal as filters have it: 1 and 1.0 are, 1 and true are not, NaN equals NaN, and texts that are too long to
be searched whole are equal if they begin alike. A run is in the group of each of its tags.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from kymograph.core import exact_json
from kymograph.core.filter_parser import parse_field, wire_name
from kymograph.core.filters import EVERYTHING, Field, Filter, Scope
from kymograph.errors import InvalidFilter
from kymograph.types import JsonObject, JsonScalar

MAX_FIELDS = 5
MAX_METRICS = 100
_UNGROUPED = frozenset({"created_at", "updated_at", "heartbeat_at", "started_at", "duration"})


class KeyKind(StrEnum):
    """What the runs of a group have in common of a field."""

    NUMBER = "number"
    TEXT = "text"
    LONG_TEXT = "long_text"
    """The value is the beginning, with ``…``."""
    BOOLEAN = "boolean"
    OTHER = "other"
    """Lists, media records and empty mappings, whatever they hold."""
    MISSING = "missing"
    """Absent or null."""


@dataclass(frozen=True, slots=True)
class GroupKey:
    """The common value of one field."""

    kind: KeyKind
    value: JsonScalar = None
    """None where the kind says all."""


class Statistic(StrEnum):
    """What groups can be sorted by, of a metric."""

    MIN = "min"
    MAX = "max"
    MEAN = "mean"


@dataclass(frozen=True, slots=True)
class GroupOrder:
    """One sort key: of a metric if `statistic` is given, else of a field, else the number of runs.

    Groups that have nothing to sort by come last in either direction.
    """

    field: Field | None = None
    statistic: Statistic | None = None
    descending: bool = False


LARGEST_FIRST = (GroupOrder(descending=True),)


@dataclass(frozen=True, slots=True)
class GroupQuery:
    """A page of the groups of the runs of one project."""

    by: tuple[Field, ...]
    metrics: tuple[Field, ...] = ()
    filter: Filter = EVERYTHING
    order: Sequence[GroupOrder] = LARGEST_FIRST
    """Ties are broken by the values of the fields, ascending."""
    limit: int = 100
    offset: int = 0


@dataclass(frozen=True, slots=True)
class Spread:
    """A metric over the runs of a group: of the finite numbers, and of booleans as 0 and 1."""

    count: int
    non_finite: int
    """Runs where it is NaN or infinite."""
    min: float | None
    max: float | None
    mean: float | None


@dataclass(frozen=True, slots=True)
class RunGroup:
    """Runs with equal values."""

    keys: tuple[GroupKey, ...]
    """In the order of `GroupQuery.by`."""
    count: int
    spreads: tuple[Spread, ...]
    """In the order of `GroupQuery.metrics`."""


@dataclass(frozen=True, slots=True)
class GroupPage:
    """Some groups of a project."""

    groups: list[RunGroup]
    total: int
    """Of groups."""
    run_count: int
    """Runs that match the filter."""


def parse_group_field(name: str) -> Field:
    """Read what to group by.

    Raises:
        InvalidFilter: No such field, or one whose values are all different.
    """
    field = parse_field(name, where="query.by")
    if field.scope is Scope.HISTORY_KEYS or (field.scope is Scope.RUN and field.name in _UNGROUPED):
        raise InvalidFilter(f"runs cannot be grouped by {name[:80]}; filter by a range of it", where="query.by")
    return field


def parse_metric(name: str) -> Field:
    """Read whose spread to tell.

    Raises:
        InvalidFilter: Neither a summary nor a config value.
    """
    field = parse_field(name, where="query.metric")
    if field.scope not in (Scope.SUMMARY, Scope.CONFIG):
        raise InvalidFilter(f"{name[:80]!r} is neither summary.<key> nor config.<key>", where="query.metric")
    return field


def parse_group_order(text: str, by: Sequence[Field], metrics: Sequence[Field]) -> tuple[GroupOrder, ...]:
    """Read sort keys: ``count``, a field of `by`, or ``mean(summary.loss)`` of a metric; ``-`` for descending.

    Raises:
        InvalidFilter: Anything else.
    """
    orders = []
    # As with orders of runs: names may hold commas, so one only separates before a sign.
    for part in filter(None, (part.strip() for part in re.split(r",(?=\s*[+-])", text))):
        name, descending = part.lstrip("+-"), part.startswith("-")
        found = re.fullmatch(r"(min|max|mean)\((.+)\)", name, re.DOTALL)
        if name == "count":
            orders.append(GroupOrder(descending=descending))
            continue
        field = parse_field(found[2] if found else name, where="query.sort")
        if field not in (metrics if found else by):
            known = "`metric`" if found else "`by`"
            raise InvalidFilter(f"groups can be sorted by {name[:80]!r} only if it is in {known}", where="query.sort")
        orders.append(GroupOrder(field, Statistic(found[1]) if found else None, descending))
    return tuple(orders) or LARGEST_FIRST


def filter_of(by: Sequence[Field], keys: Sequence[GroupKey]) -> JsonObject:
    """The filter, as `parse_filter` reads it, that finds the runs of a group among all."""
    conditions = [_condition(wire_name(field), key) for field, key in zip(by, keys, strict=True)]
    return conditions[0] if len(conditions) == 1 else {"$and": [*conditions]}


def _condition(name: str, key: GroupKey) -> JsonObject:
    if key.kind is KeyKind.OTHER:
        known: list[JsonObject] = [
            {name: {"$lte": {"$number": "Infinity"}}},
            {name: {"$number": "NaN"}},
            {name: {"$gte": ""}},
            {name: {"$in": [True, False]}},
        ]
        return {"$and": [{name: {"$exists": True}}, {"$nor": [*known]}]}
    return {name: exact_json.to_strict(key.value)}
