"""Run filters and orders, apart from any database.

Filters come in the protocol's MongoDB-like JSON form (protocol.md §11.2) and become a small expression tree, which a
storage adapter turns into SQL with bound parameters. Nothing here is ever pasted into a statement.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from kymograph.types import JsonScalar


class Scope(StrEnum):
    """Where a field lives."""

    RUN = "run"
    """A column of the run itself, by the names of `RUN_FIELDS`."""
    CONFIG = "config"
    SUMMARY = "summary"
    HISTORY_KEYS = "keys"
    """Whether a metric was ever logged."""
    ARTIFACT = "artifact"
    """A column of an artifact version, collection or registry, by the names of `core.artifact_filters`."""
    METADATA = "metadata"
    """A value in the metadata of an artifact version."""


RUN_FIELDS = frozenset(
    [
        "id",
        "display_name",
        "state",
        "created_at",
        "updated_at",
        "heartbeat_at",
        "started_at",
        "duration",
        "group",
        "job_type",
        "host",
        "username",
        "tags",
        "sweep",
        "notes",
        "program",
        "commit",
        "repo",
    ]
)


@dataclass(frozen=True, slots=True)
class Field:
    """A value of what is searched. Of a run: ``config.optimizer.lr`` is ``Field(Scope.CONFIG, "optimizer.lr")``."""

    scope: Scope
    name: str


class Comparison(StrEnum):
    """How a field is compared."""

    EQ = "eq"
    NE = "ne"
    GT = "gt"
    GE = "ge"
    LT = "lt"
    LE = "le"
    REGEX = "regex"
    """Python `re` syntax, searched."""
    CONTAINS = "contains"
    """Substring, ignoring case; for `tags`, an element."""


@dataclass(frozen=True, slots=True)
class Compare:
    """Field against one value. `eq None` is "missing or null". `tags` compares element-wise."""

    field: Field
    op: Comparison
    value: JsonScalar


@dataclass(frozen=True, slots=True)
class OneOf:
    """Field equals any of the values."""

    field: Field
    values: tuple[JsonScalar, ...]


@dataclass(frozen=True, slots=True)
class Exists:
    """Field is present and not null."""

    field: Field


@dataclass(frozen=True, slots=True)
class AllOf:
    """Conjunction; empty is true."""

    parts: tuple[Filter, ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """Disjunction; empty is false."""

    parts: tuple[Filter, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """Negation; a missing field makes the inner part false and the negation true."""

    part: Filter


Filter: TypeAlias = "Compare | OneOf | Exists | AllOf | AnyOf | Not"

EVERYTHING = AllOf(())


def fields_in(filter_: Filter) -> Iterator[Field]:
    """Every field that a filter looks at."""
    match filter_:
        case AllOf(parts) | AnyOf(parts):
            for part in parts:
                yield from fields_in(part)
        case Not(part):
            yield from fields_in(part)
        case _:
            yield filter_.field


def map_values(filter_: Filter, change: Callable[[Field, JsonScalar], JsonScalar]) -> Filter:
    """The same filter, with every value that a field is compared with changed."""
    match filter_:
        case AllOf(parts):
            return AllOf(tuple(map_values(part, change) for part in parts))
        case AnyOf(parts):
            return AnyOf(tuple(map_values(part, change) for part in parts))
        case Not(part):
            return Not(map_values(part, change))
        case OneOf(field, values):
            return OneOf(field, tuple(change(field, value) for value in values))
        case Compare(field, op, value):
            return Compare(field, op, change(field, value))
        case Exists():
            return filter_


@dataclass(frozen=True, slots=True)
class Order:
    """One sort key. Missing values come last in either direction."""

    field: Field
    descending: bool = False


@dataclass(frozen=True, slots=True)
class RunQuery:
    """A page of the runs of one project."""

    filter: Filter = EVERYTHING
    order: Sequence[Order] = (Order(Field(Scope.RUN, "created_at"), descending=True),)
    limit: int = 100
    offset: int = 0
