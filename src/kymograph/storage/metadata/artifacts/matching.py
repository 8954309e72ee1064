"""Whether a collection or version matches a filter: one meaning on every database.

Filters on artifacts look at metadata, tags and aliases, which no engine can search alike, and at a few thousand rows at
most: they are evaluated here, row by row. Values compare within their own type only; of a field with several values
(tags, aliases) one has to compare.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

from kymograph.core import exact_json
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
    Scope,
    fields_in,
)
from kymograph.core.flatten import iter_leaves
from kymograph.errors import InvalidFilter
from kymograph.storage import safe_regex
from kymograph.types import JsonScalar

ValuesOf = Callable[[Field], Sequence[JsonScalar]]
"""The values that one row has in a field."""

_INEQUALITIES: dict[Comparison, Callable[[Any, Any], bool]] = {
    Comparison.GT: operator.gt,
    Comparison.GE: operator.ge,
    Comparison.LT: operator.lt,
    Comparison.LE: operator.le,
}


def select_matching(rows: Iterable[Any], filter_: Filter, values_of: Callable[[Any], ValuesOf]) -> Iterator[Any]:
    """Those of the rows that match, in their order.

    Raises:
        InvalidFilter: A value that its field cannot be compared with, or a pattern that takes too long.
    """
    patterns = [part.value for part in _comparisons(filter_) if part.op is Comparison.REGEX]
    for pattern in patterns:
        safe_regex.check(str(pattern))
    yield from (row for row in rows if _matches(filter_, values_of(row)))
    for pattern in patterns:
        safe_regex.check(str(pattern))  # one that was too slow has found nothing


def looks_at(filter_: Filter, *names: str) -> bool:
    """Whether a filter asks for one of these columns."""
    return any(field.scope is Scope.ARTIFACT and field.name in names for field in fields_in(filter_))


def looks_at_metadata(filter_: Filter) -> bool:
    """Whether a filter asks for metadata."""
    return any(field.scope is Scope.METADATA for field in fields_in(filter_))


def text_of(value: datetime) -> str:
    """A time as filters have it."""
    return value.isoformat()


def metadata_values(metadata_json: str | None, name: str) -> Sequence[JsonScalar]:
    """What a version's metadata has under a dotted name: nothing, a value, or those of a list."""
    if not metadata_json:
        return ()
    found = dict(iter_leaves(exact_json.loads_document(metadata_json))).get(name)
    values = found if isinstance(found, list) else [found]
    return [value for value in values if value is not None and not isinstance(value, list | dict)]


def _comparisons(filter_: Filter) -> Iterator[Compare]:
    match filter_:
        case AllOf(parts) | AnyOf(parts):
            for part in parts:
                yield from _comparisons(part)
        case Not(part):
            yield from _comparisons(part)
        case Compare():
            yield filter_
        case _:
            return


def _matches(filter_: Filter, values_of: ValuesOf) -> bool:
    match filter_:
        case AllOf(parts):
            return all(_matches(part, values_of) for part in parts)
        case AnyOf(parts):
            return any(_matches(part, values_of) for part in parts)
        case Not(part):
            return not _matches(part, values_of)
        case Exists(field):
            return bool(values_of(field))
        case OneOf(field, wanted):
            return any(_equals(values_of(field), value) for value in wanted)
        case Compare(field, Comparison.EQ, value):
            return _equals(values_of(field), value)
        case Compare(field, Comparison.NE, value):
            return not _equals(values_of(field), value)
        case Compare(field, op, value):
            return any(_compares(found, op, value) for found in values_of(field))


def _equals(found: Sequence[JsonScalar], wanted: JsonScalar) -> bool:
    if wanted is None:
        return not found
    return any(_type(value) == _type(wanted) and value == wanted for value in found)


def _compares(found: JsonScalar, op: Comparison, wanted: JsonScalar) -> bool:
    if op in (Comparison.REGEX, Comparison.CONTAINS):
        if not isinstance(wanted, str):
            raise InvalidFilter(f"{op.value} needs a text, not {wanted!r}")
        if not isinstance(found, str):
            return False
        if op is Comparison.REGEX:
            return safe_regex.search(wanted, found)
        return wanted.casefold() in found.casefold()
    return wanted is not None and _type(found) == _type(wanted) and _INEQUALITIES[op](found, wanted)


def _type(value: JsonScalar) -> str:
    if isinstance(value, bool):
        return "boolean"
    return "number" if isinstance(value, int | float) else "text"
