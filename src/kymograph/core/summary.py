"""The summary of a run: one value per metric, folded out of its rows unless it was set.

A metric has its last value, or, where ``define_metric`` asks for them, a mapping of statistics. Mappings within rows
are merged by their leaves; media records (with a ``_type``) and lists are values.

Source: seeds.md E.9; the arithmetic (NaN spreads, other than numbers count only for first and last) compared with the
vendor's client by tests/protocol/test_sdk_values.py.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any, TypeGuard

from kymograph.core.config import INTERNAL_KEY
from kymograph.core.metric_definitions import Goal, MetricDefinition, MetricDefinitions, SummaryKind
from kymograph.types import JsonObject, JsonValue

_ABSENT: Any = object()
_NUMBERS = frozenset({int, float})
_RUNTIME = "_runtime"
_POSITIONS = frozenset({"_step", _RUNTIME, "_timestamp"})
"""Say how far a run is."""


class MetricSummary:
    """Everything that a summary may say of one metric; a monoid under `merge`, whose unit is a new one.

    Law: folding the values ``xs + ys`` equals folding ``xs``, folding ``ys``, and merging the second into the first
    (the mean within rounding).
    """

    __slots__ = ("_count", "_total", "first", "high", "last", "low")

    def __init__(self) -> None:
        self.first: JsonValue = _ABSENT
        self.last: JsonValue = _ABSENT
        self.low: float = math.inf
        self.high: float = -math.inf
        self._total: float = 0
        self._count = 0

    @property
    def is_empty(self) -> bool:
        """Whether no value came yet."""
        return self.last is _ABSENT

    def add(self, value: JsonValue) -> None:
        """Fold the next value in."""
        if self.last is _ABSENT:
            self.first = value
        self.last = value
        if value.__class__ in _NUMBERS:
            number: Any = value
            if number != number:  # NaN, which spreads: nobody shall read a minimum that leaves values out
                self.low = self.high = math.nan
            else:
                if number < self.low:
                    self.low = number
                if number > self.high:
                    self.high = number
            self._total += number
            self._count += 1

    def merge(self, later: MetricSummary) -> None:
        """Fold in what another has folded, whose values came after."""
        if later.is_empty:
            return
        if self.is_empty:
            self.first = later.first
        self.last = later.last
        if later._count:
            pairs = (self.low, self.high, later.low, later.high)
            is_nan = any(value != value for value in pairs)
            self.low = math.nan if is_nan else min(self.low, later.low)
            self.high = math.nan if is_nan else max(self.high, later.high)
            self._total += later._total
            self._count += later._count

    def forget_values(self) -> None:
        """After a removal: the next value is the first again. What was the lowest and highest stays so."""
        self.first = self.last = _ABSENT

    def value(self, kinds: frozenset[SummaryKind], goal: Goal | None) -> JsonValue:
        """What stands in the summary: the last value, a mapping of statistics, or `ABSENT`.

        Statistics of numbers are left out while there is none.
        """
        if self.last is _ABSENT or SummaryKind.NONE in kinds:
            return _ABSENT  # type: ignore[no-any-return]
        kinds -= {SummaryKind.COPY}
        if not kinds:
            return self.last
        found: JsonObject = {}
        if SummaryKind.LAST in kinds:
            found["last"] = self.last
        if SummaryKind.FIRST in kinds:
            found["first"] = self.first
        if self._count:
            best = self.high if goal is Goal.MAXIMIZE else self.low
            numbers = {"max": self.high, "min": self.low, "mean": self._total / self._count, "best": best}
            found.update((name, number) for name, number in numbers.items() if SummaryKind(name) in kinds)
        return found or _ABSENT


class _Tracked:
    """A defined metric and its statistics."""

    __slots__ = ("definition", "held", "summary")

    def __init__(self, definition: MetricDefinition) -> None:
        self.definition = definition
        self.summary = MetricSummary()
        self.held: Any = _ABSENT
        """Set by hand for a metric that is to have no summary of its own: rows do not replace it."""

    @property
    def has_none(self) -> bool:
        return SummaryKind.NONE in self.definition.summaries

    def value(self) -> Any:
        if self.has_none:
            return self.held
        return self.summary.value(self.definition.summaries, self.definition.goal)


class SummaryBuilder:
    """Folds rows into a summary, in the order in which they were logged.

    Made for every row of a run: what has no definition costs a dictionary update. A metric that is defined after its
    first rows starts its statistics with the value it has then.
    """

    def __init__(self, definitions: MetricDefinitions | None = None) -> None:
        """Begin empty.

        Args:
            definitions: Known already; those that globs give rise to are added there.
        """
        self.definitions = MetricDefinitions() if definitions is None else definitions
        self.runtime_s: float | None = None
        """What ``_wandb.runtime`` says, if it was set; the last row's runtime otherwise."""
        self._values: dict[str, Any] = {}
        """The last values by top-level key. Nested mappings are our own."""
        self._tracked: dict[str, dict[tuple[str, ...], _Tracked]] = {}
        """By top-level key, then by path."""
        self._seen: set[str] = set()
        for definition in self.definitions:
            self._track(definition)

    def define(self, definition: MetricDefinition, *, overwrite: bool = False) -> None:
        """Take the definition of a metric, or of all that a glob fits, into account from now on."""
        self._track(self.definitions.define(definition, overwrite=overwrite))

    def _track(self, definition: MetricDefinition) -> None:
        if definition.is_glob:
            self._seen.clear()
            return
        path = definition.path
        tracked = self._tracked.setdefault(path[0], {}).setdefault(path, _Tracked(definition))
        tracked.definition = definition
        if tracked.summary.is_empty and (value := _at(self._values, path)) is not _ABSENT:
            tracked.summary.add(value)

    def add_row(self, row: Mapping[str, JsonValue]) -> None:
        """Fold a row in."""
        names = row.keys()
        if self.definitions.has_globs and not names <= self._seen:
            self._meet(row)
        nested = [name for name, value in row.items() if value.__class__ is dict]
        if not nested:
            self._values.update(row)
        else:
            for name, value in row.items():
                _merge(self._values, name, value)
        if self._tracked:
            for name in self._tracked.keys() & names:
                for path, tracked in self._tracked[name].items():
                    value = row[name] if len(path) == 1 else _at(row, path)
                    if value is not _ABSENT and not is_mapping(value):
                        tracked.summary.add(value)

    def _meet(self, row: Mapping[str, JsonValue]) -> None:
        """Find the globs that fit metrics which are new; of those in mappings it is not known what is new."""
        for name, value in row.items():
            if is_mapping(value):
                for path in _leaf_paths((name,), value):
                    self._expand(path)
            elif name not in self._seen:
                self._seen.add(name)
                self._expand((name,))

    def _expand(self, path: tuple[str, ...]) -> None:
        # Known already if whoever shares the definitions met the metric first.
        definition = self.definitions.expand(path) or self.definitions.find(path)
        if definition is not None and path not in self._tracked.get(path[0], ()):
            self._track(definition)

    def set(self, path: tuple[str, ...], value: JsonValue) -> None:
        """Set a value by hand: it stands until the metric is logged again, and its statistics are given up."""
        container: Any = self._values
        for key in path[:-1]:
            inner = container.get(key)
            if not is_mapping(inner):
                container[key] = inner = {}
            container = inner
        container[path[-1]] = copy_of(value)
        for tracked_path, tracked in self._paths_at(path):
            if tracked.has_none and tracked_path == path:
                tracked.held = copy_of(value)
            else:
                del self._tracked[path[0]][tracked_path]
        if not self._tracked.get(path[0], True):
            del self._tracked[path[0]]

    def remove(self, path: tuple[str, ...]) -> None:
        """Take a value out; if the metric is logged again, it is back."""
        container: Any = _at(self._values, path[:-1])
        if is_mapping(container):
            container.pop(path[-1], None)
        for _, tracked in self._paths_at(path):
            tracked.summary.forget_values()
            tracked.held = _ABSENT

    def _paths_at(self, path: tuple[str, ...]) -> list[tuple[tuple[str, ...], _Tracked]]:
        known = self._tracked.get(path[0], {})
        return [(found, tracked) for found, tracked in known.items() if found[: len(path)] == path]

    def document(self) -> JsonObject:
        """The summary as it is stored and sent; the caller's own."""
        document: JsonObject = {name: copy_of(value) for name, value in self._values.items()}
        for by_path in self._tracked.values():
            for path, tracked in by_path.items():
                if not tracked.has_none and is_mapping(_at(self._values, path)):
                    continue  # it was logged as a mapping since
                _put(document, path, copy_of(tracked.value()))
        runtime_s = self._values.get(_RUNTIME) if self.runtime_s is None else self.runtime_s
        if isinstance(runtime_s, (int, float)) and math.isfinite(runtime_s):
            notes = document.get(INTERNAL_KEY)
            document[INTERNAL_KEY] = {**(notes if isinstance(notes, dict) else {}), "runtime": int(runtime_s)}
        return document


def merge_summaries(known: JsonObject, new: JsonObject) -> JsonObject:
    """The summary of a run that several write, after one of them has sent its own.

    A writer knows its own values only, so nothing that `new` lacks is taken out. What says how far the run is never
    goes back.

    Law: sending the same summary again changes nothing.
    """
    merged = {**known, **new}
    for key in _POSITIONS & known.keys() & new.keys():
        merged[key] = _larger(known[key], new[key])
    before, after = known.get(INTERNAL_KEY), new.get(INTERNAL_KEY)
    if isinstance(before, dict) and isinstance(after, dict):
        notes: JsonObject = {**before, **after}
        if "runtime" in before and "runtime" in after:
            notes["runtime"] = _larger(before["runtime"], after["runtime"])
        merged[INTERNAL_KEY] = notes
    return merged


def _larger(one: JsonValue, other: JsonValue) -> JsonValue:
    if isinstance(one, (int, float)) and isinstance(other, (int, float)):
        return max(one, other)
    return other


def is_mapping(value: Any) -> TypeGuard[dict[str, Any]]:
    """Whether a value is a mapping whose leaves are metrics: no media record, which is one value."""
    return value.__class__ is dict and "_type" not in value


def copy_of(value: Any) -> Any:
    """A value whose mappings are the caller's own."""
    if value.__class__ is dict:
        return {key: copy_of(item) for key, item in value.items()}
    return value


def _merge(container: dict[str, Any], name: str, value: Any) -> None:
    known = container.get(name)
    if is_mapping(value) and is_mapping(known):
        for key, item in value.items():
            _merge(known, key, item)
    else:
        container[name] = copy_of(value)


def _at(row: Mapping[str, Any], path: tuple[str, ...]) -> Any:
    value: Any = row
    for key in path:
        if value.__class__ is not dict and not isinstance(value, Mapping):
            return _ABSENT
        value = value.get(key, _ABSENT)
    return value


def _put(document: dict[str, Any], path: tuple[str, ...], value: Any) -> None:
    """Put a value in; take it out if there is none, and mappings that get empty with it."""
    container: Any = document
    above: list[tuple[dict[str, Any], str]] = []
    for key in path[:-1]:
        inner = container.get(key)
        if not is_mapping(inner):
            return  # it was logged as something else since
        above.append((container, key))
        container = inner
    if value is not _ABSENT:
        container[path[-1]] = value
        return
    container.pop(path[-1], None)
    for outer, key in reversed(above):
        if outer[key]:
            break
        del outer[key]


def _leaf_paths(prefix: tuple[str, ...], value: dict[str, Any]) -> Iterable[tuple[str, ...]]:
    for key, item in value.items():
        path = (*prefix, key)
        if is_mapping(item):
            yield from _leaf_paths(path, item)
        else:
            yield path
