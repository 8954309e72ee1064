"""Filters and orders over values in memory, with the meaning that they have in a database."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

from kymograph.core.filters import AllOf, AnyOf, Compare, Comparison, Exists, Field, Filter, Not, OneOf, Order

T = TypeVar("T")

ValueOf = Callable[[Field], Any]
"""The value of a field; None where it is missing."""


def matches(filter_: Filter, value_of: ValueOf) -> bool:
    """Whether something matches."""
    match filter_:
        case AllOf(parts):
            return all(matches(part, value_of) for part in parts)
        case AnyOf(parts):
            return any(matches(part, value_of) for part in parts)
        case Not(part):
            return not matches(part, value_of)
        case Exists(field):
            return value_of(field) not in (None, [])
        case OneOf(field, values):
            return any(_compares(value_of(field), Comparison.EQ, value) for value in values)
        case Compare(field, op, value):
            return _compares(value_of(field), op, value)


def in_order(items: Iterable[T], orders: Sequence[Order], value_of: Callable[[T, Field], Any]) -> list[T]:
    """The items in an order; those without a value come last in either direction, ties stay as they are."""
    found = list(items)
    for order in reversed(orders):
        with_value = [item for item in found if value_of(item, order.field) is not None]
        without = [item for item in found if value_of(item, order.field) is None]

        def key(item: T, field: Field = order.field) -> tuple[int, Any]:
            value = value_of(item, field)
            return (0, float(value)) if isinstance(value, (int, float)) else (1, str(value))

        found = sorted(with_value, key=key, reverse=order.descending) + without
    return found


def _compares(held: Any, op: Comparison, value: Any) -> bool:
    if op is Comparison.NE:
        return not _compares(held, Comparison.EQ, value)
    if isinstance(held, (list, tuple)):
        return any(_compares(item, op, value) for item in held) if held else op is Comparison.EQ and value is None
    if op is Comparison.EQ:
        return _is_equal(held, value)
    if held is None or value is None:
        return False
    if op is Comparison.REGEX:
        return isinstance(held, str) and re.search(str(value), held) is not None
    if op is Comparison.CONTAINS:
        return isinstance(held, str) and str(value).casefold() in held.casefold()
    if _is_number(held) != _is_number(value) or isinstance(held, str) != isinstance(value, str):
        return False
    match op:
        case Comparison.GT:
            return bool(held > value)
        case Comparison.GE:
            return bool(held >= value)
        case Comparison.LT:
            return bool(held < value)
        case _:
            return bool(held <= value)


def _is_equal(held: Any, value: Any) -> bool:
    if isinstance(held, bool) or isinstance(value, bool):
        return held is value
    return bool(held == value)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
