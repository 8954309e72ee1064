"""Groups on the run table: which runs belong together, and the spread of metrics in each group."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from kymograph.core.exact_json import MAX_EXACT_INT
from kymograph.core.filters import Field, Scope
from kymograph.core.groups import (
    GroupKey,
    GroupOrder,
    GroupPage,
    GroupQuery,
    KeyKind,
    RunGroup,
    Spread,
    Statistic,
)
from kymograph.storage.metadata.arrays import NO_TEXT, Doubles, Ints, Kinds, TextArray, Texts, ValueArray
from kymograph.storage.metadata.run_search import SORT_GROUPS, RunSearch, SortKey, first_rows
from kymograph.storage.metadata.values import NUMBER_KINDS, TEXT_KINDS, Kind

_MISSING = GroupKey(KeyKind.MISSING)
_BEYOND_DOUBLES = len(Kind)
"""Stands beside the kinds for integers and doubles that are told apart by their digits."""


@dataclass(frozen=True, slots=True, eq=False)
class _Dimension:
    """One field to group by."""

    ids: Ints
    """Per entry the place of its value in what follows."""
    sections: SortKey
    """Of these, the first come first whatever the direction: numbers, texts, NaN, anything else, missing."""
    ranks: Ints
    """Places in ascending order."""
    key_of: Callable[[int], GroupKey]


@dataclass(frozen=True, slots=True, eq=False)
class _Spreads:
    """A metric over all groups."""

    count: Ints
    non_finite: Ints
    min: Doubles
    max: Doubles
    mean: Doubles

    def of(self, group: int) -> Spread:
        """Of one group."""
        count, non_finite = int(self.count[group]), int(self.non_finite[group])
        if not count:
            return Spread(0, non_finite, None, None, None)
        return Spread(count, non_finite, float(self.min[group]), float(self.max[group]), float(self.mean[group]))


def group_runs(search: RunSearch, query: GroupQuery) -> GroupPage:
    """One page of the groups of the runs that match.

    Raises:
        InvalidFilter: As `RunSearch.find`.
    """
    found = np.flatnonzero(search.find(query.filter))
    rows, tags = found, None
    if any(_is_tags(field) for field in query.by):
        rows, tags = _with_tags(search, found)
    dimensions = [_of_texts(tags) if tags and _is_tags(field) else _of_field(search, field, rows) for field in query.by]
    groups, places = _combined(dimensions)
    total = len(places[0])
    counts = np.bincount(groups, minlength=total)
    spreads = {field: _spread(search.values_of(field), rows, groups, counts) for field in query.metrics}
    keys = [key for item in query.order for key in _sort_keys(item, query, dimensions, places, counts, spreads)]
    keys += [dimension.ranks[place] for dimension, place in zip(dimensions, places, strict=True)]
    page = first_rows(np.arange(total), keys, query.offset + query.limit)[query.offset :]
    return GroupPage(
        [
            RunGroup(
                keys=tuple(
                    dimension.key_of(int(place[group])) for dimension, place in zip(dimensions, places, strict=True)
                ),
                count=int(counts[group]),
                spreads=tuple(spreads[field].of(group) for field in query.metrics),
            )
            for group in page.tolist()
        ],
        total=total,
        run_count=len(found),
    )


# --- what belongs together --------------------------------------------------------------------------------------------


def _is_tags(field: Field) -> bool:
    return field.scope is Scope.RUN and field.name == "tags"


def _with_tags(search: RunSearch, rows: Ints) -> tuple[Ints, TextArray]:
    """An entry per run and tag, one for a run without any: its row, and the tag."""
    names = Texts()
    codes_of = [[names.add(tag) for tag in dict.fromkeys(tags)] or [NO_TEXT] for tags in search.distinct_tags()]
    codes_of.append([NO_TEXT])  # found by NO_TEXT itself
    sets = search.texts_of("tags").codes[rows]
    lengths = np.array([len(codes) for codes in codes_of], dtype=np.int64)
    firsts = np.cumsum(lengths) - lengths
    flat = np.array([code for codes in codes_of for code in codes], dtype=np.int32)
    repeats = lengths[sets]
    steps = np.arange(repeats.sum()) - np.repeat(np.cumsum(repeats) - repeats, repeats)
    return np.repeat(rows, repeats), TextArray(flat[np.repeat(firsts[sets], repeats) + steps], names)


def _of_field(search: RunSearch, field: Field, rows: Ints) -> _Dimension:
    if field.scope is Scope.RUN:
        texts = search.texts_of(field.name)
        return _of_texts(TextArray(texts.codes[rows], texts.texts))
    column = search.values_of(field)
    texts = TextArray(column.texts.codes[rows], column.texts.texts)
    return _of_values(ValueArray(column.kinds[rows], column.numbers[rows], texts))


def _of_texts(entries: TextArray) -> _Dimension:
    codes, ids = np.unique(entries.codes, return_inverse=True)
    is_present = codes != NO_TEXT
    ranks = np.where(is_present, np.append(entries.texts.ranks(), np.int32(0))[codes], len(entries.texts))

    def key_of(place: int) -> GroupKey:
        return GroupKey(KeyKind.TEXT, entries.texts[int(codes[place])]) if is_present[place] else _MISSING

    return _Dimension(ids, ~is_present, ranks.astype(np.int64), key_of)


def _of_values(entries: ValueArray) -> _Dimension:
    classes, values = _comparable(entries)
    distinct, value_ids = np.unique(values, return_inverse=True)
    # Pairs of class and value as one integer: there are fewer than 2^32 of either.
    _, first, ids = np.unique(classes * len(distinct) + value_ids, return_index=True, return_inverse=True)
    kinds, numbers, codes = entries.kinds[first], entries.numbers[first], entries.texts.codes[first]
    text_ranks = np.append(entries.texts.texts.ranks(), np.int32(0))[codes]
    is_text = np.isin(kinds, TEXT_KINDS)
    exact = _exact_ranks(kinds, numbers, [entries.texts.texts[int(code)] if code != NO_TEXT else "" for code in codes])
    order = np.lexsort((classes[first], exact, np.where(is_text, text_ranks, 0), numbers, SORT_GROUPS[kinds]))
    ranks = np.empty(len(first), dtype=np.int64)
    ranks[order] = np.arange(len(first))

    def key_of(place: int) -> GroupKey:
        text = entries.texts.texts[int(codes[place])] if codes[place] != NO_TEXT else ""
        return _key(Kind(kinds[place]), float(numbers[place]), text)

    return _Dimension(ids, SORT_GROUPS[kinds], ranks, key_of)


def _comparable(entries: ValueArray) -> tuple[Ints, Doubles]:
    """Two numbers per entry that are both equal where filters take the values for equal: 0.0 + -0.0 is 0.0."""
    kinds, codes = entries.kinds, entries.texts.codes
    values: Doubles = np.where(np.isin(kinds, TEXT_KINDS), codes.astype(np.float64), entries.numbers + 0.0)
    classes = np.where(kinds == Kind.INT, Kind.FLOAT, kinds).astype(np.int64)
    digits = (kinds == Kind.INT) & (codes != NO_TEXT)
    values[digits] = codes[digits]
    classes[digits] = _BEYOND_DOUBLES
    large = (kinds == Kind.FLOAT) & np.isfinite(entries.numbers) & (np.abs(entries.numbers) > MAX_EXACT_INT)
    if large.any() and digits.any():
        doubles, places = np.unique(entries.numbers[large], return_inverse=True)
        of_doubles = [entries.texts.texts.find(str(int(double))) for double in doubles.tolist()]
        known = np.array([NO_TEXT if code is None else code for code in of_doubles])[places]
        is_known = known != NO_TEXT
        values[np.flatnonzero(large)[is_known]] = known[is_known]
        classes[np.flatnonzero(large)[is_known]] = _BEYOND_DOUBLES
    return classes, values


def _exact_ranks(kinds: Kinds, numbers: Doubles, texts: list[str]) -> Ints:
    """What orders integers that doubles do not tell from one another; 0 where doubles say all."""
    values = {
        place: int(texts[place]) if kinds[place] == Kind.INT and texts[place] else float(numbers[place])
        for place in np.flatnonzero(np.isin(kinds, (Kind.INT, Kind.FLOAT)) & (np.abs(numbers) > MAX_EXACT_INT))
    }
    ranks = np.zeros(len(kinds), dtype=np.int64)
    ranks[sorted(values, key=values.__getitem__)] = np.arange(len(values))
    return ranks


def _key(kind: Kind, number: float, text: str) -> GroupKey:
    match kind:
        case Kind.MISSING:
            return _MISSING
        case Kind.BOOL:
            return GroupKey(KeyKind.BOOLEAN, bool(number))
        case Kind.INT:
            return GroupKey(KeyKind.NUMBER, int(text) if text else int(number))
        case Kind.FLOAT:
            return GroupKey(KeyKind.NUMBER, number)
        case Kind.NAN:
            return GroupKey(KeyKind.NUMBER, float("nan"))
        case Kind.TEXT:
            return GroupKey(KeyKind.TEXT, text)
        case Kind.LONG_TEXT:
            return GroupKey(KeyKind.LONG_TEXT, f"{text}…")
        case Kind.OTHER:
            return GroupKey(KeyKind.OTHER)


def _combined(dimensions: Sequence[_Dimension]) -> tuple[Ints, list[Ints]]:
    """The group of each entry; and per dimension the place of each group's value."""
    groups = dimensions[0].ids
    for dimension in dimensions[1:]:
        # Made dense at each step, so that the product stays small.
        _, groups = np.unique(groups * len(dimension.ranks) + dimension.ids, return_inverse=True)
    _, first, groups = np.unique(groups, return_index=True, return_inverse=True)
    return groups, [dimension.ids[first] for dimension in dimensions]


# --- metrics and order ------------------------------------------------------------------------------------------------


def _spread(column: ValueArray, rows: Ints, groups: Ints, counts: Ints) -> _Spreads:
    kinds, numbers = column.kinds[rows], column.numbers[rows]
    is_number = np.isin(kinds, (Kind.BOOL, *NUMBER_KINDS))
    is_finite = is_number & np.isfinite(numbers)
    finite, of_groups = numbers[is_finite], groups[is_finite]
    total = len(counts)
    count = np.bincount(of_groups, minlength=total)
    lowest, highest = np.full(total, np.inf), np.full(total, -np.inf)
    np.minimum.at(lowest, of_groups, finite)
    np.maximum.at(highest, of_groups, finite)
    divisors = np.maximum(count, 1)
    mean: Doubles = np.bincount(of_groups, weights=finite, minlength=total) / divisors
    if not np.isfinite(mean).all():  # the sum of numbers near the end of doubles lies beyond it
        mean = np.bincount(of_groups, weights=finite / divisors[of_groups], minlength=total).astype(np.float64)
    non_finite = np.bincount(groups[(is_number & ~is_finite) | (kinds == Kind.NAN)], minlength=total)
    return _Spreads(count, non_finite, lowest, highest, mean)


def _sort_keys(
    item: GroupOrder,
    query: GroupQuery,
    dimensions: Sequence[_Dimension],
    places: Sequence[Ints],
    counts: Ints,
    spreads: dict[Field, _Spreads],
) -> list[SortKey]:
    """Arrays to sort by, ascending, the first one first."""
    sign = -1 if item.descending else 1
    if item.field is None:
        return [sign * counts]
    if item.statistic is None:
        number = query.by.index(item.field)
        dimension, place = dimensions[number], places[number]
        return [dimension.sections[place], sign * dimension.ranks[place]]
    spread = spreads[item.field]
    values = {Statistic.MIN: spread.min, Statistic.MAX: spread.max, Statistic.MEAN: spread.mean}[item.statistic]
    is_absent = spread.count == 0
    return [is_absent, np.where(is_absent, 0.0, sign * values)]
