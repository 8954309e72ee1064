"""Run filters and orders as SQL, every value bound as a parameter.

Every condition is true or false, never NULL, so that `Not` means what `core.filters` says. Values compare within
their own type only: numbers with numbers, texts with texts, booleans with booleans; NaN equals NaN and is neither
above nor below anything.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime
from typing import Any, TypeAlias

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    FromClause,
    Text,
    and_,
    case,
    cast,
    exists,
    false,
    func,
    literal,
    not_,
    or_,
    select,
    true,
    type_coerce,
)

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
from kymograph.core.run import CRASHED_AFTER, STALE_AFTER, RunState
from kymograph.errors import InvalidFilter
from kymograph.storage import safe_regex
from kymograph.storage.metadata.columns import AnyText, escape_text
from kymograph.storage.metadata.tables import run_tags, run_values, runs, users
from kymograph.storage.metadata.values import MAX_INDEXED_TEXT, Kind, column_id, exact_digits, nearest_double
from kymograph.storage.schema import micros_since_epoch
from kymograph.types import JsonScalar

Condition: TypeAlias = ColumnElement[bool]

_TIME_FIELDS = frozenset({"created_at", "updated_at", "heartbeat_at", "started_at"})
_TEXT_KINDS = (Kind.TEXT, Kind.LONG_TEXT)
_NUMBER_KINDS = (Kind.INT, Kind.FLOAT)


class RunConditions:
    """Builds conditions and orders for one statement over `runs` joined with `users`."""

    def __init__(self, dialect: str, now: datetime) -> None:
        self._is_sqlite = dialect == "sqlite"
        self._now = now
        self._patterns: list[str] = []

    def check_patterns(self) -> None:
        """To be called when the statement has run.

        Raises:
            InvalidFilter: A pattern took too long, so the answer is not complete.
        """
        for pattern in self._patterns:
            safe_regex.check(pattern)

    def condition(self, filter_: Filter) -> Condition:
        """The condition that a filter stands for.

        Raises:
            InvalidFilter: A value that its field cannot be compared with.
        """
        match filter_:
            case AllOf(parts):
                return and_(true(), *(self.condition(part) for part in parts))
            case AnyOf(parts):
                return or_(false(), *(self.condition(part) for part in parts))
            case Not(part):
                return not_(self.condition(part))
            case Exists(field):
                return not_(self._equals(field, (None,)))
            case OneOf(field, values):
                return self._equals(field, values)
            case Compare(field, Comparison.EQ, value):
                return self._equals(field, (value,))
            case Compare(field, Comparison.NE, value):
                return not_(self._equals(field, (value,)))
            case Compare(field, op, value):
                return self._compares(field, op, value)

    def sorted(self, froms: FromClause, order: Sequence[Order]) -> tuple[FromClause, list[ColumnElement[Any]]]:
        """What to select from and to order by: missing values last in either direction, ties newest first."""
        keys: list[ColumnElement[Any]] = []
        for item in order:
            if item.field.scope is Scope.RUN:
                column = self._run_column(item.field.name)
                keys += [column.is_(None), column.desc() if item.descending else column.asc()]
            else:
                froms, value_keys = _value_sort_keys(froms, item)
                keys += value_keys
        return froms, [*keys, runs.c.created_at.desc(), runs.c.key.desc()]

    # --- which values --------------------------------------------------------------------------------------------

    def _equals(self, field: Field, values: Sequence[JsonScalar]) -> Condition:
        """Field equals any of `values`; None is "missing or null"."""
        if field.scope is not Scope.RUN:
            found = or_(false(), *_value_equalities([value for value in values if value is not None]))
            matches: Condition = _has_value(field, found)
            return or_(matches, not_(_has_value(field, run_values.c.kind != Kind.NULL))) if None in values else matches
        if field.name == "tags":
            texts = [value for value in values if isinstance(value, str)]
            matches = _has_tag(run_tags.c.tag.in_(texts))
            return or_(matches, not_(_has_tag(true()))) if None in values else matches
        column = self._run_column(field.name)
        comparable = [value for value in (self._comparable(field.name, item) for item in values) if value is not None]
        matches = and_(column.is_not(None), column.in_(comparable)) if comparable else false()
        return or_(matches, column.is_(None)) if None in values else matches

    def _compares(self, field: Field, op: Comparison, value: JsonScalar) -> Condition:
        if op in (Comparison.REGEX, Comparison.CONTAINS) and not isinstance(value, str):
            raise InvalidFilter(f"{op.value} needs a text, not {value!r}")
        if field.scope is not Scope.RUN:
            return _has_value(field, self._value_comparison(op, value))
        if field.name == "tags":
            if not isinstance(value, str):
                return false()
            if op is Comparison.CONTAINS:
                return _has_tag(self._folded(run_tags.c.tag) == self._folded(literal(value, AnyText)))
            return _has_tag(self._text_comparison(run_tags.c.tag, op, value))
        column = self._run_column(field.name)
        if op in (Comparison.REGEX, Comparison.CONTAINS):
            if field.name in _TIME_FIELDS or field.name == "duration":
                raise InvalidFilter(f"{field.name} is a number or time and has no text to search")
            return and_(column.is_not(None), self._text_comparison(column, op, str(value)))
        comparable = self._comparable(field.name, value)
        return false() if comparable is None else and_(column.is_not(None), _inequality(column, op, comparable))

    def _comparable(self, name: str, value: JsonScalar) -> Any:
        """A value as the column of a run's own field holds it, None if nothing can equal it."""
        if value is None:
            return None
        if name in _TIME_FIELDS:
            return parse_time(value, where=name)
        if name == "duration":
            is_number = isinstance(value, int | float) and not isinstance(value, bool) and not math.isnan(value)
            return nearest_double(value) if is_number and isinstance(value, int) else value if is_number else None
        return value if isinstance(value, str) else None

    def _value_comparison(self, op: Comparison, value: JsonScalar) -> Condition:
        kind, number, text = run_values.c.kind, run_values.c.number, run_values.c.text
        if isinstance(value, bool):
            return and_(kind == Kind.BOOL, _inequality(number, op, float(value)))
        if isinstance(value, int | float):
            if isinstance(value, float) and math.isnan(value):
                return false()
            return and_(
                kind.in_(_NUMBER_KINDS),
                _inequality(number, op, nearest_double(value) if isinstance(value, int) else value),
            )
        if isinstance(value, str):
            return and_(kind.in_(_TEXT_KINDS), self._text_comparison(text, op, value[:MAX_INDEXED_TEXT]))
        return false()

    # --- texts -------------------------------------------------------------------------------------------------------

    def _text_comparison(self, column: ColumnElement[Any], op: Comparison, value: str) -> Condition:
        if op is Comparison.REGEX:
            safe_regex.check(value)
            pattern = escape_text(value)
            if self._is_sqlite:
                self._patterns.append(pattern)
                return func.kymograph_regex(pattern, column) == 1
            pattern = safe_regex.to_postgresql(pattern)
            return _default_collation(column).regexp_match(cast(literal(pattern, Text), Text))
        if op is Comparison.CONTAINS:
            if self._is_sqlite:
                return func.kymograph_contains(escape_text(value), column) == 1
            return func.strpos(self._folded(column), self._folded(literal(value, AnyText))) > 0
        return _inequality(column, op, value)

    def _folded(self, text: ColumnElement[Any]) -> ColumnElement[str]:
        """Without case."""
        return func.kymograph_fold(text) if self._is_sqlite else func.lower(_default_collation(text))

    # --- the run's own fields ----------------------------------------------------------------------------------------

    def _run_column(self, name: str) -> ColumnElement[Any]:
        if name == "state":
            return self._state()
        if name == "duration":
            return self._duration()
        if name == "username":
            return users.c.username
        if name == "notes":
            return func.nullif(runs.c.notes, "", type_=AnyText)
        return runs.c[name]

    def _state(self) -> ColumnElement[str]:
        """`Run.state_at` in SQL."""
        state, heartbeat = runs.c.state, runs.c.heartbeat_at
        crashed, stale = heartbeat < self._now - CRASHED_AFTER, heartbeat < self._now - STALE_AFTER
        live = state.in_([RunState.RUNNING.value, RunState.PREEMPTING.value])
        return case(
            (and_(state == RunState.PREEMPTING.value, crashed), literal(RunState.PREEMPTED.value, AnyText)),
            (and_(live, crashed), literal(RunState.CRASHED.value, AnyText)),
            (and_(live, stale), literal(RunState.STALE.value, AnyText)),
            else_=state,
        )

    def _duration(self) -> ColumnElement[float]:
        """`Run.duration_s_at` in SQL."""
        now = literal(micros_since_epoch(self._now), BigInteger)
        heartbeat = _micros(runs.c.heartbeat_at)
        last_sign = case((heartbeat < now, heartbeat), else_=now)
        end = func.coalesce(_micros(runs.c.finished_at), last_sign)
        span = end - func.coalesce(_micros(runs.c.started_at), _micros(runs.c.created_at))
        return case((span > 0, span / literal(1_000_000.0)), else_=literal(0.0))


def _inequality(column: ColumnElement[Any], op: Comparison, value: Any) -> Condition:
    result: Condition
    match op:
        case Comparison.GT:
            result = column > value
        case Comparison.GE:
            result = column >= value
        case Comparison.LT:
            result = column < value
        case Comparison.LE:
            result = column <= value
        case _:
            raise AssertionError(f"{op} is no inequality")
    return result


def _value_equalities(values: Sequence[JsonScalar]) -> list[Condition]:
    """Conditions on a row of `run_values`, each true for some of `values`."""
    kind, number, text = run_values.c.kind, run_values.c.number, run_values.c.text
    conditions: list[Condition] = []
    if booleans := [float(value) for value in values if isinstance(value, bool)]:
        conditions.append(and_(kind == Kind.BOOL, number.in_(booleans)))
    numbers = [value for value in values if isinstance(value, int | float) and not isinstance(value, bool)]
    if any(math.isnan(value) for value in numbers if isinstance(value, float)):
        conditions.append(kind == Kind.NAN)
    # A double is equal to an integer only if it is that integer; beyond 2^53 the digits decide.
    if doubles := [float(value) for value in numbers if nearest_double_of(value) == value]:
        conditions.append(and_(kind == Kind.FLOAT, number.in_(doubles)))
    integers = [int(value) for value in numbers if isinstance(value, int) or value.is_integer()]
    if small := [float(value) for value in integers if exact_digits(value) is None]:
        conditions.append(and_(kind == Kind.INT, text.is_(None), number.in_(small)))
    if large := [digits for value in integers if (digits := exact_digits(value)) is not None]:
        conditions.append(and_(kind == Kind.INT, text.in_(large)))
    texts = [value for value in values if isinstance(value, str)]
    if short := [value for value in texts if len(value) <= MAX_INDEXED_TEXT]:
        conditions.append(and_(kind == Kind.TEXT, text.in_(short)))
    if long := [value[:MAX_INDEXED_TEXT] for value in texts if len(value) > MAX_INDEXED_TEXT]:
        conditions.append(and_(kind == Kind.LONG_TEXT, text.in_(long)))
    return conditions


def nearest_double_of(value: float) -> float:
    """The double nearest to any number."""
    return nearest_double(value) if isinstance(value, int) else value


def _has_value(field: Field, condition: Condition) -> Condition:
    return exists(
        select(1).where(
            run_values.c.run_key == runs.c.key,
            run_values.c.column_id == field_column_id(field),
            condition,
        )
    )


def field_column_id(field: Field) -> int:
    """Where the leaves of a field lie. A metric ever logged has a summary value, unless somebody removed it."""
    scope = Scope.SUMMARY if field.scope is Scope.HISTORY_KEYS else field.scope
    return column_id(scope.value, field.name)


def _has_tag(condition: Condition) -> Condition:
    return exists(select(1).where(run_tags.c.run_key == runs.c.key, condition))


def _value_sort_keys(froms: FromClause, order: Order) -> tuple[FromClause, list[ColumnElement[Any]]]:
    """Numbers, texts, NaN, anything else, missing, in this order; the first two in the direction asked for."""
    value = run_values.alias()
    froms = froms.outerjoin(
        value, and_(value.c.run_key == runs.c.key, value.c.column_id == field_column_id(order.field))
    )
    group = case(
        (value.c.kind.in_((Kind.BOOL, *_NUMBER_KINDS)), 0),
        (value.c.kind.in_(_TEXT_KINDS), 1),
        (value.c.kind == Kind.NAN, 2),
        (value.c.kind == Kind.OTHER, 3),
        else_=4,
    )
    # The text of a number only spells out its digits; sorting by it would undo the order of equal doubles.
    keys = [value.c.number, case((value.c.kind.in_(_TEXT_KINDS), value.c.text))]
    return froms, [group, *(key.desc() if order.descending else key.asc() for key in keys)]


def _micros(column: ColumnElement[Any]) -> ColumnElement[int]:
    """The stored integer behind a time, for arithmetic."""
    return type_coerce(column, BigInteger)


def _default_collation(text: ColumnElement[Any]) -> ColumnElement[str]:
    """PostgreSQL's collation "C", which the columns have, folds ASCII letters only."""
    return text.collate("default")
