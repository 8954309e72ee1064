"""Looking for config and summary columns of a project: what a column picker asks."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from kymograph.core.filters import Scope


class NameMatch(StrEnum):
    """How a name is compared with what was typed."""

    CONTAINS = "contains"
    """Ignoring case."""
    PREFIX = "prefix"
    """As written."""
    REGEX = "regex"
    """Python `re` syntax, searched."""


class ValueKind(StrEnum):
    """What values a column has."""

    NUMBER = "number"
    TEXT = "text"
    BOOLEAN = "boolean"
    OTHER = "other"
    """Lists, media records, empty mappings."""


@dataclass(frozen=True, slots=True)
class ColumnQuery:
    """A page of the columns of one project, by name."""

    text: str = ""
    """Compared with dotted names, without their scope."""
    match: NameMatch = NameMatch.CONTAINS
    scope: Scope | None = None
    """`CONFIG` or `SUMMARY`; None for both."""
    limit: int = 100
    offset: int = 0


@dataclass(frozen=True, slots=True)
class Column:
    """One of them."""

    scope: Scope
    name: str
    kinds: frozenset[ValueKind]
    """All that were seen in it; none where all values are null."""


@dataclass(frozen=True, slots=True)
class ColumnPage:
    """Some columns of a project."""

    columns: list[Column]
    total: int
