"""Filters and orders as clients write them: MongoDB-like JSON, ``+``/``-`` prefixes, free words.

Source: protocol.md §11.2.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from typing import Any, TypeAlias

from kymograph.core import exact_json
from kymograph.core.filter_times import parse_time
from kymograph.core.filters import (
    EVERYTHING,
    RUN_FIELDS,
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
from kymograph.errors import InvalidFilter
from kymograph.types import JsonScalar

MAX_TEXT_LENGTH = 100_000
MAX_DEPTH = 32
MAX_CONDITIONS = 200
MAX_LIST_VALUES = 1_000
"""All three keep the statement within what both engines take."""
MAX_ORDERS = 8
MAX_WORDS = 20

_FIELD_NAMES = {name: name for name in RUN_FIELDS} | {
    "name": "id",
    "run_id": "id",
    "group_name": "group",
    "sweep_name": "sweep",
    "user": "username",
}
"""Field names after `snake_case`. On the wire a run's `name` is its id."""
_PREFIXES = {
    "config.": Scope.CONFIG,
    "summary_metrics.": Scope.SUMMARY,
    "summaryMetrics.": Scope.SUMMARY,
    "summary.": Scope.SUMMARY,
    "keys_info.keys.": Scope.HISTORY_KEYS,
    "keysInfo.keys.": Scope.HISTORY_KEYS,
}
_SCOPE_PREFIXES = {Scope.CONFIG: "config.", Scope.SUMMARY: "summary.", Scope.HISTORY_KEYS: "keys_info.keys."}
_TIME_FIELDS = frozenset({"created_at", "updated_at", "heartbeat_at", "started_at", "linked_at"})
_COMPARISONS = {
    "$eq": Comparison.EQ,
    "$ne": Comparison.NE,
    "$gt": Comparison.GT,
    "$gte": Comparison.GE,
    "$lt": Comparison.LT,
    "$lte": Comparison.LE,
    "$regex": Comparison.REGEX,
    "$contains": Comparison.CONTAINS,
}
_FIELD_OPERATORS = (*_COMPARISONS, "$in", "$nin", "$exists", "$not")
_DOCUMENT_OPERATORS = ("$and", "$or", "$nor", "$not")


ReadField: TypeAlias = Callable[[str], Field]
"""Reads the name of a field; raises `InvalidFilter` for others than there are."""


def parse_filter(text: str, read_field: ReadField | None = None) -> Filter:
    """Read a filter; an empty text, ``{}`` and ``null`` select everything.

    Args:
        text: The filter as clients send it.
        read_field: What is searched (default: runs).

    Raises:
        InvalidFilter: Not JSON, an unknown field or operator, a value of the wrong type, or beyond the bounds.
    """
    if not text.strip():
        return EVERYTHING
    if len(text) > MAX_TEXT_LENGTH:
        raise InvalidFilter(f"it has {len(text):,} characters, at most {MAX_TEXT_LENGTH:,} are allowed")
    try:
        document = exact_json.loads(text)
    except ValueError as exc:
        raise InvalidFilter('it is not JSON; expected a document like {"config.lr": {"$gt": 0.01}}') from exc
    return EVERYTHING if document is None else _Parser(read_field or parse_field).document(document, depth=1)


def parse_order(text: str) -> list[Order]:
    """Read sort keys like ``-summary_metrics.loss``, several separated by commas; ``+`` is ascending, as is no sign.

    Raises:
        InvalidFilter: An unknown field, or too many.
    """
    # Metric names may hold commas, so a comma only separates where a new sign follows or the whole text has no sign.
    parts = [part.strip() for part in re.split(r",(?=\s*[+-])", text)]
    orders = []
    for part in parts:
        if not part:
            continue
        field = parse_field(part.lstrip("+-") if part[0] in "+-" else part, where="order")
        if field.scope is Scope.HISTORY_KEYS:
            raise InvalidFilter("runs cannot be sorted by keys_info; use summary_metrics", where="order")
        orders.append(Order(field, descending=part.startswith("-")))
    if len(orders) > MAX_ORDERS:
        raise InvalidFilter(f"{len(orders)} sort keys, at most {MAX_ORDERS} are allowed", where="order")
    return orders


def parse_words(text: str) -> Filter:
    """Read a search box: runs that hold every word in their name, id, notes or a tag, ignoring case.

    Quotes keep words together. Anything is allowed, so nothing is raised but for size.

    Raises:
        InvalidFilter: More than `MAX_WORDS` words.
    """
    try:
        words = shlex.split(text, posix=True)
    except ValueError:  # an open quote, as while typing
        words = text.split()
    words = [word for word in words if word]
    if len(words) > MAX_WORDS:
        raise InvalidFilter(f"{len(words)} words, at most {MAX_WORDS} are allowed", where="search")
    return AllOf(tuple(_word(word) for word in words))


def parse_field(name: str, *, where: str = "filter") -> Field:
    """Read a field name.

    Raises:
        InvalidFilter: No such field.
    """
    for prefix, scope in _PREFIXES.items():
        if name.startswith(prefix) and len(name) > len(prefix):
            rest = name[len(prefix) :]
            return Field(scope, _without_wrapping(rest) if scope is Scope.CONFIG else rest)
    known = _FIELD_NAMES.get(snake_case(name))
    if known is None:
        raise InvalidFilter(
            f"no field {name[:80]!r}; expected config.<key>, summary_metrics.<key>, keys_info.keys.<key> or one of "
            f"{', '.join(sorted(_FIELD_NAMES))}",
            where=where,
        )
    return Field(Scope.RUN, known)


def wire_name(field: Field) -> str:
    """The name that `parse_field` reads as this field."""
    if field.scope is Scope.RUN:
        return field.name
    name = field.name
    first, _, rest = name.partition(".")
    if field.scope is Scope.CONFIG and "value" in rest.split("."):
        name = f"{first}.value.{rest}"  # else its own `value` would be taken for the wrapping
    return f"{_SCOPE_PREFIXES[field.scope]}{name}"


def _without_wrapping(key: str) -> str:
    """Config lies on the wire as ``{key: {"value": …}}``: the first ``value`` after the key is not part of the name."""
    segments = key.split(".")
    if "value" in segments[1:]:
        segments.pop(segments.index("value", 1))
    return ".".join(segments)


def snake_case(name: str) -> str:
    """``createdAt`` as ``created_at``."""
    return re.sub(r"(?<=[a-z])([A-Z])", lambda found: f"_{found[1].lower()}", name)


def _word(word: str) -> Filter:
    names = (Field(Scope.RUN, name) for name in ("display_name", "id", "notes"))
    in_tag = Compare(Field(Scope.RUN, "tags"), Comparison.REGEX, f"(?i){re.escape(word)}")
    return AnyOf((*(Compare(name, Comparison.CONTAINS, word) for name in names), in_tag))


class _Parser:
    """Counts conditions while it descends."""

    def __init__(self, read_field: ReadField) -> None:
        self._read_field = read_field
        self._conditions = 0

    def document(self, document: Any, *, depth: int) -> Filter:
        if depth > MAX_DEPTH:
            raise InvalidFilter(f"it is nested deeper than {MAX_DEPTH} levels")
        if not isinstance(document, dict):
            raise InvalidFilter(f'expected an object like {{"state": "finished"}}, found {_shown(document)}')
        parts = [self._entry(key, value, depth) for key, value in document.items()]
        return parts[0] if len(parts) == 1 else AllOf(tuple(parts))

    def _entry(self, key: str, value: Any, depth: int) -> Filter:
        self._count()
        if not key.startswith("$"):
            return self._field(self._read_field(key), key, value, depth)
        if key == "$not":
            return Not(self.document(value, depth=depth + 1))
        if key not in _DOCUMENT_OPERATORS:
            raise InvalidFilter(f"no operator {key[:80]!r} here; expected one of {', '.join(_DOCUMENT_OPERATORS)}")
        if not isinstance(value, list):
            raise InvalidFilter(f"{key} needs a list of filters, found {_shown(value)}")
        parts = tuple(self.document(item, depth=depth + 1) for item in value)
        if key == "$and":
            return AllOf(parts)
        return AnyOf(parts) if key == "$or" else Not(AnyOf(parts))

    def _field(self, field: Field, name: str, value: Any, depth: int) -> Filter:
        if depth > MAX_DEPTH:
            raise InvalidFilter(f"it is nested deeper than {MAX_DEPTH} levels")
        if not _is_operators(value):
            return Compare(field, Comparison.EQ, _scalar(field, name, value))
        options = value.get("$options")
        parts = []
        for operator, operand in value.items():
            if operator == "$options":
                continue
            self._count()
            parts.append(self._operator(field, name, operator, operand, options, depth))
        if not parts:
            raise InvalidFilter(f"{name!r} has no operator; expected one of {', '.join(_FIELD_OPERATORS)}")
        return parts[0] if len(parts) == 1 else AllOf(tuple(parts))

    def _operator(self, field: Field, name: str, operator: str, operand: Any, options: Any, depth: int) -> Filter:
        if operator == "$exists":
            return Exists(field) if operand else Not(Exists(field))
        if operator == "$not":
            return Not(self._field(field, name, operand, depth + 1))
        if operator in ("$in", "$nin"):
            values = _scalars(field, name, operator, operand)
            return OneOf(field, values) if operator == "$in" else Not(OneOf(field, values))
        if operator in ("$regex", "$contains"):
            if not isinstance(operand, str):
                raise InvalidFilter(f"{operator} of {name!r} needs a text, found {_shown(operand)}")
            ignores_case = operator == "$regex" and isinstance(options, str) and "i" in options
            return Compare(field, _COMPARISONS[operator], f"(?i){operand}" if ignores_case else operand)
        if operator in _COMPARISONS:
            return Compare(field, _COMPARISONS[operator], _scalar(field, name, operand))
        raise InvalidFilter(
            f"no operator {operator[:80]!r} for {name!r}; expected one of {', '.join(_FIELD_OPERATORS)}"
        )

    def _count(self) -> None:
        self._conditions += 1
        if self._conditions > MAX_CONDITIONS:
            raise InvalidFilter(f"it has more than {MAX_CONDITIONS} conditions")


def _is_operators(value: Any) -> bool:
    return isinstance(value, dict) and value.keys() != {"$number"}


def _scalars(field: Field, name: str, operator: str, operand: Any) -> tuple[JsonScalar, ...]:
    if not isinstance(operand, list):
        raise InvalidFilter(f"{operator} of {name!r} needs a list, found {_shown(operand)}")
    if len(operand) > MAX_LIST_VALUES:
        raise InvalidFilter(f"{operator} of {name!r} has {len(operand):,} values, at most {MAX_LIST_VALUES:,}")
    return tuple(_scalar(field, name, item) for item in operand)


def _scalar(field: Field, name: str, value: Any) -> JsonScalar:
    if isinstance(value, dict) and value.keys() == {"$number"}:
        value = _exact_number(name, value["$number"])
    if isinstance(value, dict | list):
        raise InvalidFilter(f"{name!r} can be compared with a text, number, boolean or null, not {_shown(value)}")
    if field.scope in (Scope.RUN, Scope.ARTIFACT) and field.name in _TIME_FIELDS and value is not None:
        return parse_time(value, where=name).isoformat()
    scalar: JsonScalar = value
    return scalar


def _exact_number(name: str, text: Any) -> int | float:
    """The REST form of numbers that JSON cannot carry (`exact_json.to_strict`)."""
    readers: tuple[Callable[[str], int | float], ...] = (int, float)
    for read in readers:
        try:
            return read(text)
        except (TypeError, ValueError):
            continue
    raise InvalidFilter(f"{name!r}: {_shown(text)} is no number")


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}…"
