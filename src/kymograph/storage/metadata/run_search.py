"""Filters and orders on the run table: which runs match, and which of them come first.

One meaning for every database, spelled out in tests/unit/storage/metadata/reference.py: values compare within their own
type only (numbers with numbers, texts with texts, booleans with booleans), and NaN equals NaN and is neither above nor
below anything.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, TypeAlias

import numpy as np
import orjson
from numpy.typing import NDArray

from kymograph.core.exact_json import replace_surrogates
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
from kymograph.core.run import CRASHED_AFTER, LIVE_STATES, STALE_AFTER, RunState
from kymograph.errors import InvalidFilter
from kymograph.storage import safe_regex
from kymograph.storage.metadata.arrays import NO_INT, Bools, Doubles, Ints, TextArray, Texts, ValueArray
from kymograph.storage.metadata.run_reader import MAX_FIELD_TEXT
from kymograph.storage.metadata.run_table import Column, RunView
from kymograph.storage.metadata.values import (
    MAX_INDEXED_TEXT,
    NUMBER_KINDS,
    TEXT_KINDS,
    Kind,
    column_id,
    exact_digits,
    nearest_double,
)
from kymograph.storage.schema import micros_since_epoch
from kymograph.types import JsonScalar, RunKey

TIME_FIELDS = frozenset({"created_at", "updated_at", "heartbeat_at", "started_at"})
_STORED_FIELDS: dict[str, tuple[str, ...]] = {
    "created_at": (),
    "heartbeat_at": (),
    "state": (),
    "duration": ("started_at", "finished_at"),
}
"""What a field is made of, where that is not the stored field of that name. `Rows` has the rest."""
_INEQUALITIES: dict[Comparison, Callable[[Any, Any], Any]] = {
    Comparison.GT: operator.gt,
    Comparison.GE: operator.ge,
    Comparison.LT: operator.lt,
    Comparison.LE: operator.le,
}
SortKey: TypeAlias = NDArray[Any]


def what_to_load(fields: Iterable[Field]) -> tuple[set[str], set[Column]]:
    """The stored fields and the columns that a view must have for these fields."""
    stored: set[str] = set()
    columns: set[Column] = set()
    for field in fields:
        if field.scope is Scope.RUN:
            stored.update(_STORED_FIELDS.get(field.name, (field.name,)))
        else:
            columns.add(column_of(field))
    return stored, columns


def column_of(field: Field) -> Column:
    """Where the leaves of a field lie. A metric ever logged has a summary value, unless somebody removed it."""
    return (Scope.SUMMARY if field.scope is Scope.HISTORY_KEYS else field.scope), field.name


class RunSearch:
    """Searches one view, as of one moment of the clock."""

    def __init__(self, view: RunView, now: datetime) -> None:
        self._view = view
        self._now = now
        self._patterns: list[str] = []

    # --- which runs --------------------------------------------------------------------------------------------------

    def find(self, filter_: Filter) -> Bools:
        """Per row, whether its run is there and matches.

        Raises:
            InvalidFilter: A value that its field cannot be compared with, or a pattern that takes too long.
        """
        found = self._view.rows.is_alive & self._matches(filter_)
        for pattern in self._patterns:
            safe_regex.check(pattern)  # one that was too slow has found nothing
        return found

    def _matches(self, filter_: Filter) -> Bools:
        match filter_:
            case AllOf(parts):
                return self._combined(parts, np.logical_and, start=True)
            case AnyOf(parts):
                return self._combined(parts, np.logical_or, start=False)
            case Not(part):
                return ~self._matches(part)
            case Exists(field):
                return ~self._equals(field, (None,))
            case OneOf(field, values):
                return self._equals(field, values)
            case Compare(field, Comparison.EQ, value):
                return self._equals(field, (value,))
            case Compare(field, Comparison.NE, value):
                return ~self._equals(field, (value,))
            case Compare(field, op, value):
                return self._compares(field, op, value)

    def _combined(self, parts: Sequence[Filter], combine: np.ufunc, *, start: bool) -> Bools:
        mask = self._all(start)
        for part in parts:
            combine(mask, self._matches(part), out=mask)
        return mask

    def _all(self, value: bool) -> Bools:
        return np.full(len(self._view.rows), value)

    def _equals(self, field: Field, values: Sequence[JsonScalar]) -> Bools:
        """Field equals any of `values`; None is "missing or null"."""
        known = [replace_surrogates(value) if isinstance(value, str) else value for value in values]
        if field.scope is not Scope.RUN:
            column = self.values_of(field)
            mask = _value_equals(column, [value for value in known if value is not None])
            return mask | (column.kinds == Kind.MISSING) if None in known else mask
        if field.name == "tags":
            wanted = {value for value in known if isinstance(value, str)}
            return self._tags(lambda tags: not wanted.isdisjoint(tags) or (None in known and not tags))
        if field.name in TIME_FIELDS or field.name == "duration":
            numbers, is_present = self.numbers_of(field.name)
            comparable = [number for value in known if (number := _comparable(field.name, value)) is not None]
            mask = np.isin(numbers, comparable) & is_present if comparable else self._all(False)
            return mask | ~is_present if None in known else mask
        texts = self.texts_of(field.name)
        mask = texts.where_equal(value[:MAX_FIELD_TEXT] for value in known if isinstance(value, str))
        return mask | ~texts.is_present if None in known else mask

    def _compares(self, field: Field, op: Comparison, value: JsonScalar) -> Bools:
        is_text_search = op in (Comparison.REGEX, Comparison.CONTAINS)
        if is_text_search and not isinstance(value, str):
            raise InvalidFilter(f"{op.value} needs a text, not {value!r}")
        if isinstance(value, str):
            value = replace_surrogates(value)
        if field.scope is not Scope.RUN:
            return self._value_compares(self.values_of(field), op, value)
        if field.name == "tags":
            if not isinstance(value, str):
                return self._all(False)
            if op is Comparison.CONTAINS:
                wanted = value.casefold()
                return self._tags(lambda tags: any(tag.casefold() == wanted for tag in tags))
            distinct = Texts(tag for tags in self.distinct_tags() for tag in tags)
            hits = self._test_texts(distinct, op, value)
            hit = {distinct[code] for code in np.flatnonzero(hits).tolist()}
            return self._tags(lambda tags: not hit.isdisjoint(tags))
        if field.name in TIME_FIELDS or field.name == "duration":
            if is_text_search:
                raise InvalidFilter(f"{field.name} is a number or time and has no text to search")
            number = _comparable(field.name, value)
            if number is None:
                return self._all(False)
            numbers, is_present = self.numbers_of(field.name)
            mask: Bools = _INEQUALITIES[op](numbers, number) & is_present
            return mask
        if not isinstance(value, str):
            return self._all(False)
        texts = self.texts_of(field.name)
        return texts.where(self._test_texts(texts.texts, op, value))

    def _value_compares(self, column: ValueArray, op: Comparison, value: JsonScalar) -> Bools:
        if isinstance(value, str):
            hits = self._test_texts(column.texts.texts, op, value[:MAX_INDEXED_TEXT])
            return column.texts.where(hits) & column.is_kind(*TEXT_KINDS)
        if value is None or (isinstance(value, float) and math.isnan(value)):
            return self._all(False)
        kinds = (Kind.BOOL,) if isinstance(value, bool) else NUMBER_KINDS
        mask: Bools = _INEQUALITIES[op](column.numbers, nearest_double(value)) & column.is_kind(*kinds)
        return mask

    def _test_texts(self, texts: Texts, op: Comparison, value: str) -> Bools:
        """Per distinct text, whether it compares so."""
        if op is Comparison.REGEX:
            safe_regex.check(value)
            self._patterns.append(value)
            return texts.test(lambda each: safe_regex.search_all(value, each))
        if op is Comparison.CONTAINS:
            needle = value.casefold()
            return texts.test(lambda each: [needle in text for text in each], folded=True)
        compare = _INEQUALITIES[op]
        return texts.test(lambda each: [compare(text, value) for text in each])

    def distinct_tags(self) -> list[tuple[str, ...]]:
        """The sets of tags that runs have, by their codes in the field ``tags``."""
        texts = self._view.texts["tags"].texts
        return [tuple(orjson.loads(texts[code])) for code in range(len(texts))]

    def _tags(self, test: Callable[[tuple[str, ...]], bool]) -> Bools:
        """Runs whose tags pass a test."""
        distinct = self.distinct_tags()
        return self._view.texts["tags"].where(np.fromiter(map(test, distinct), dtype=np.bool_, count=len(distinct)))

    # --- fields ------------------------------------------------------------------------------------------------------

    def values_of(self, field: Field) -> ValueArray:
        """The leaves of a config or summary field."""
        return self._view.values[column_id(*column_of(field))]

    def texts_of(self, name: str) -> TextArray:
        """A field of runs that is a text."""
        return self._states() if name == "state" else self._view.texts[name]

    def numbers_of(self, name: str) -> tuple[Ints | Doubles, Bools]:
        """A time in microseconds since the epoch, or the duration in seconds; and which runs have it."""
        rows = self._view.rows
        if name == "duration":
            return self._durations(), self._all(True)
        numbers = {"created_at": rows.created_at, "heartbeat_at": rows.heartbeat_at}.get(name)
        if numbers is None:
            numbers = self._view.ints[name]
        return numbers, numbers != NO_INT

    def _states(self) -> TextArray:
        """`Run.state_at` of every run."""
        rows = self._view.rows
        states = list(RunState)
        codes = rows.states.astype(np.int32)
        is_live = np.isin(codes, [states.index(state) for state in LIVE_STATES])
        is_preempting = codes == states.index(RunState.PREEMPTING)
        silent_since = {span: rows.heartbeat_at < micros_since_epoch(self._now - span) for span in _SPANS}
        is_crashed = is_live & silent_since[CRASHED_AFTER]
        codes[is_live & silent_since[STALE_AFTER]] = states.index(RunState.STALE)
        codes[is_crashed] = states.index(RunState.CRASHED)
        codes[is_crashed & is_preempting] = states.index(RunState.PREEMPTED)
        return TextArray(codes, Texts(state.value for state in states))

    def _durations(self) -> Doubles:
        """`Run.duration_s_at` of every run."""
        rows, ints = self._view.rows, self._view.ints
        finished_at, started_at = ints["finished_at"], ints["started_at"]
        last_sign = np.minimum(rows.heartbeat_at, micros_since_epoch(self._now))
        end = np.where(finished_at == NO_INT, last_sign, finished_at)
        start = np.where(started_at == NO_INT, rows.created_at, started_at)
        seconds: Doubles = np.maximum(end - start, 0) / 1e6
        return seconds

    # --- in which order ----------------------------------------------------------------------------------------------

    def page(self, found: Bools, order: Sequence[Order], *, limit: int, offset: int) -> Ints:
        """Rows of the runs found, in order: missing values last in either direction, ties newest first."""
        candidates = np.flatnonzero(found)
        keys = [key for item in order for key in self._sort_keys(item)]
        first = first_rows(candidates, [*keys, self._view.rows.recency], offset + limit)
        return first[offset:]

    def keys_of(self, rows: Ints) -> list[RunKey]:
        """The runs of some rows."""
        return [RunKey(key) for key in self._view.rows.keys[rows].tolist()]

    def _sort_keys(self, item: Order) -> Iterator[SortKey]:
        """Arrays to sort by, ascending, the first one first."""
        sign = -1 if item.descending else 1
        if item.field.scope is Scope.RUN:
            if item.field.name in TIME_FIELDS or item.field.name == "duration":
                keys, is_present = self.numbers_of(item.field.name)
            else:
                texts = self.texts_of(item.field.name)
                keys, is_present = texts.ranks().astype(np.int64), texts.is_present
            if not is_present.all():
                yield ~is_present
                keys = np.where(is_present, keys, 0)  # else an absent time overflows when its sign changes
            yield sign * keys
            return
        column = self.values_of(item.field)
        yield SORT_GROUPS[column.kinds]
        yield sign * np.where(column.is_kind(Kind.BOOL, *NUMBER_KINDS), column.numbers, 0.0)
        # The text of a number only spells out its digits; sorting by it would undo the order of equal doubles.
        is_text = column.is_kind(*TEXT_KINDS)
        if is_text.any():
            yield np.where(is_text, sign * column.texts.ranks(), 0)


_SPANS = (STALE_AFTER, CRASHED_AFTER)
SORT_GROUPS = np.zeros(len(Kind), dtype=np.uint8)
"""Numbers and booleans, texts, NaN, anything else, missing, in this order."""
SORT_GROUPS[[Kind.TEXT, Kind.LONG_TEXT, Kind.NAN, Kind.OTHER, Kind.MISSING]] = [1, 1, 2, 3, 4]


def _comparable(name: str, value: JsonScalar) -> float | None:
    """A value as `numbers_of` has it, None if nothing can equal it."""
    if value is None:
        return None
    if name in TIME_FIELDS:
        return micros_since_epoch(parse_time(value, where=name))
    if isinstance(value, str | bool) or (isinstance(value, float) and math.isnan(value)):
        return None
    return nearest_double(value)


def _value_equals(column: ValueArray, values: Sequence[JsonScalar]) -> Bools:
    """Leaves that equal any of the values."""
    mask = np.zeros(len(column), dtype=np.bool_)
    if booleans := [float(value) for value in values if isinstance(value, bool)]:
        mask |= column.is_kind(Kind.BOOL) & np.isin(column.numbers, booleans)
    numbers = [value for value in values if isinstance(value, int | float) and not isinstance(value, bool)]
    if any(math.isnan(value) for value in numbers if isinstance(value, float)):
        mask |= column.is_kind(Kind.NAN)
    # A double is equal to an integer only if it is that integer; beyond 2^53 the digits decide.
    if doubles := [float(value) for value in numbers if nearest_double(value) == value]:
        mask |= column.is_kind(Kind.FLOAT) & np.isin(column.numbers, doubles)
    integers = [int(value) for value in numbers if isinstance(value, int) or value.is_integer()]
    if small := [float(value) for value in integers if exact_digits(value) is None]:
        mask |= column.is_kind(Kind.INT) & ~column.texts.is_present & np.isin(column.numbers, small)
    if large := [digits for value in integers if (digits := exact_digits(value)) is not None]:
        mask |= column.is_kind(Kind.INT) & column.texts.where_equal(large)
    texts = [value for value in values if isinstance(value, str)]
    if short := [value for value in texts if len(value) <= MAX_INDEXED_TEXT]:
        mask |= column.is_kind(Kind.TEXT) & column.texts.where_equal(short)
    if long := [value[:MAX_INDEXED_TEXT] for value in texts if len(value) > MAX_INDEXED_TEXT]:
        mask |= column.is_kind(Kind.LONG_TEXT) & column.texts.where_equal(long)
    return mask


def first_rows(candidates: Ints, keys: Sequence[SortKey], size: int) -> Ints:
    """The first `size` candidates in the order of the keys, without sorting them all: a page is a small part."""
    certain: list[Ints] = []
    missing = size
    undecided = candidates
    for key in keys:
        if missing <= 0 or len(undecided) <= max(4 * missing, 1_000):
            break
        of_undecided = key[undecided]
        last = np.partition(of_undecided, missing - 1)[missing - 1]
        is_certain = of_undecided < last
        certain.append(undecided[is_certain])
        missing -= int(is_certain.sum())
        undecided = undecided[of_undecided == last]
    rows = np.concatenate([*certain, undecided])
    return rows[np.lexsort([key[rows] for key in reversed(keys)])][:size]
