"""Lines of one stream decoded into columns: numbers in arrays, everything else as its kind and its place.

A column holds one point per line that logged its name: the line's index, a float64 (NaN where the value is no number)
and a code of `core.value_kinds`. Points stay in order of arrival; `Columns.series` sorts and merges them by step.

Merging is per top-level key (see `core.rows`), so the values of a nested mapping are kept under the key that holds it.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson

from kymograph.core import exact_json
from kymograph.core.exact_json import MAX_EXACT_INT
from kymograph.core.flatten import iter_leaves
from kymograph.core.history import Stream
from kymograph.core.rows import nesting_prefixes, parse_row, step_of
from kymograph.core.value_kinds import FLOAT, INTEGER, LAST_NUMERIC, MAPPING, VALUE_KINDS, code_of, code_of_type
from kymograph.storage.history.payload import joined_text, lines_of
from kymograph.storage.history.segments.draft import Draft, Points, Rows, Source
from kymograph.types import JsonValue, WriterId

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Codes = npt.NDArray[np.uint8]
Places = npt.NDArray[np.int32]

_POINT_BYTES = 13
_COLUMN_BYTES = 600
_LINE_BYTES = 24


@dataclass(frozen=True, slots=True)
class Series:
    """One metric, one point per step. The arrays have one shape; nobody writes to them, since queries share them."""

    steps: Ints
    """Strictly ascending."""
    values: Floats
    """NaN where `codes` says that the value is no number."""
    codes: Codes
    places: npt.NDArray[np.int32] | npt.NDArray[np.int64]
    """Index of the line that each value comes from."""

    def take(self, chosen: npt.NDArray[np.bool_] | npt.NDArray[np.intp] | slice) -> Series:
        """Some of the points."""
        return Series(self.steps[chosen], self.values[chosen], self.codes[chosen], self.places[chosen])


EMPTY_SERIES = Series(np.empty(0, np.int64), np.empty(0, np.float64), np.empty(0, np.uint8), np.empty(0, np.int32))

# Wide rows come with very many columns of one point.
_SINGLE_CODES = [np.array([code], np.uint8) for code in range(len(VALUE_KINDS))]


class _Column:
    """Points of one name in order of arrival."""

    __slots__ = ("code", "codes", "places", "texts", "values")

    def __init__(self) -> None:
        self.places = array("i")
        self.values = array("d")
        self.code = FLOAT
        self.codes: bytearray | None = None
        """Per point; None while all points have the code `code`."""
        self.texts: dict[int, bytes] | None = None
        """JSON of values that a double does not hold, by place, where they are kept."""

    def keep(self, places: Iterable[int], values: Iterable[JsonValue]) -> None:
        """Remember the JSON of values that a double does not hold."""
        if self.texts is None:
            self.texts = {}
        for place, value in zip(places, values, strict=True):
            self.texts[place] = exact_json.dumps(value).encode()

    def extend(self, places: array[int], values: array[float], code: int) -> None:
        if self.codes is not None:
            self.codes += bytes((code,)) * len(places)
        elif not self.places:
            self.code = code
        elif self.code != code:
            self.codes = bytearray((self.code,)) * len(self.places) + bytes((code,)) * len(places)
        self.places += places
        self.values += values

    def append(self, place: int, value: float, code: int) -> None:
        if self.codes is not None:
            self.codes.append(code)
        elif not self.places:
            self.code = code
        elif self.code != code:
            self.codes = bytearray((self.code,)) * len(self.places)
            self.codes.append(code)
        self.places.append(place)
        self.values.append(value)

    def arrays(self) -> tuple[Places, Floats, Codes]:
        """Copies: arrays must not be resized while something looks into them."""
        if len(self.places) == 1:
            codes = _SINGLE_CODES[self.code]
        elif self.codes is None:
            codes = np.full(len(self.places), self.code, np.uint8)
        else:
            codes = np.frombuffer(bytes(self.codes), np.uint8)
        return np.array(self.places, np.int32), np.array(self.values, np.float64), codes


class _Nested:
    """The leaves of a top-level key that held mappings."""

    __slots__ = ("columns", "places")

    def __init__(self) -> None:
        self.places = array("i")
        """Lines that have a mapping under the key."""
        self.columns: dict[str, _Column] = {}


@dataclass(frozen=True, slots=True)
class Lines:
    """The lines of a stream and how they follow one another. All arrays have shape ``(n_lines,)``."""

    steps: Ints
    numbers: Ints
    writers: Places
    """Indices into `writer_names`."""
    writer_names: tuple[WriterId, ...]
    rank: Ints | None
    """Place of each line in order of (step, number, writer); None where that is the order of arrival."""
    has_shared_steps: bool

    def by_step(self) -> tuple[Ints, Ints]:
        """Every step, ascending, once per line; and the index of that line, in merging order within a step."""
        places = np.arange(len(self.steps)) if self.rank is None else np.argsort(self.rank)
        return self.steps[places], places


class Columns:
    """All lines of a stream, as columns. Not safe to share between threads without a lock."""

    def __init__(self, stream: Stream, *, keeps_texts: bool = False) -> None:
        """Begin without lines.

        Args:
            stream: Which stream.
            keeps_texts: Keep what a double does not hold, for `draft`.
        """
        self._has_steps = stream is not Stream.SYSTEM
        self._keeps_texts = keeps_texts
        self._flat: dict[str, _Column] = {}
        self._nested: dict[str, _Nested] = {}
        self._numbers = array("q")
        self._steps = array("q")
        self._writers = array("i")
        self._writer_codes: dict[WriterId, int] = {}
        self._unreadable: list[tuple[WriterId, int]] = []
        self._points = 0
        self._lines: Lines | None = None
        self._names: list[str] | None = None
        self._series: dict[str, Series] = {}
        self._winners: dict[str, npt.NDArray[np.bool_]] = {}
        self._series_bytes = 0

    @property
    def byte_size(self) -> int:
        """Memory in use, roughly."""
        n_columns = len(self._flat) + sum(1 + len(nested.columns) for nested in self._nested.values())
        return (
            1000
            + self._points * _POINT_BYTES
            + n_columns * _COLUMN_BYTES
            + len(self._numbers) * _LINE_BYTES * (2 if self._lines else 1)
            + self._series_bytes
        )

    @property
    def line_count(self) -> int:
        """Lines that are JSON objects."""
        return len(self._numbers)

    @property
    def unreadable(self) -> Sequence[tuple[WriterId, int]]:
        """Lines that are not JSON objects, by writer and number."""
        return self._unreadable

    # --- decoding ----------------------------------------------------------------------------------------------------

    def extend(self, writer: WriterId, first_line: int, raw: bytes, *, skip: int = 0, count: int | None = None) -> None:
        """Add lines of a chunk.

        Args:
            writer: Whose lines.
            first_line: Number of the chunk's first line.
            raw: The unpacked chunk.
            skip: Lines at the beginning to leave out.
            count: Lines to take after those; None for all.
        """
        rows = _parse_at_once(raw) if skip == 0 else None
        if rows is None or (count is not None and count != len(rows)):
            lines = lines_of(raw)
            lines = lines[skip : None if count is None else skip + count]
            rows = [parse_row(line) for line in lines]
        self._add_rows(writer, first_line + skip, rows)

    def _add_rows(self, writer: WriterId, first_number: int, rows: Sequence[dict[str, JsonValue] | None]) -> None:
        self._lines = None
        self._names = None
        self._series.clear()
        self._winners.clear()
        self._series_bytes = 0
        base = len(self._numbers)
        groups: dict[tuple[str, ...], list[dict[str, JsonValue]]] = {}
        places: dict[tuple[str, ...], array[int]] = {}
        place = base
        for number, row in enumerate(rows, start=first_number):
            if row is None:
                self._unreadable.append((writer, number))
                continue
            names = tuple(row)
            if names in groups:
                groups[names].append(row)
                places[names].append(place)
            else:
                groups[names] = [row]
                places[names] = array("i", (place,))
            self._numbers.append(number)
            self._steps.append(step_of(row, number))
            place += 1
        code = self._writer_codes.setdefault(writer, len(self._writer_codes))
        self._writers.extend([code] * (place - base))
        for names, group in groups.items():
            self._add_group(names, group, places[names])

    def _add_group(self, names: tuple[str, ...], rows: list[dict[str, JsonValue]], places: array[int]) -> None:
        """Add rows that have the same keys in the same order, a column at a time: one type check for all its values."""
        width = len(names)
        self._points += width * len(rows)
        flat = self._flat
        # One list for all columns, taken apart by strides: a third of the time of looking names up row by row.
        cells = list(chain.from_iterable(map(dict.values, rows)))
        types = list(map(type, cells))
        for index, name in enumerate(names):
            values = cells[index::width]
            kinds = set(types[index::width])
            code = code_of_type(kinds.pop()) if len(kinds) == 1 else None
            if code is None:
                self._add_mixed(name, values, places)
                continue
            column = flat.get(name)
            if column is None:
                column = flat[name] = _Column()
            if code > LAST_NUMERIC:
                column.extend(places, array("d", (math.nan,)) * len(places), code)
                if self._keeps_texts:
                    column.keep(places, values)
                continue
            column.extend(places, _to_numbers(values), code)
            if code == INTEGER and self._keeps_texts:
                self._keep_large(column, places, values)

    def _add_mixed(self, name: str, values: Sequence[JsonValue], places: array[int]) -> None:
        """Add values of several kinds, or mappings."""
        for place, value in zip(places, values, strict=True):
            if type(value) is dict and value and "_type" not in value:
                self._add_nested(name, value, place)
            else:
                self._add_leaf(self._flat.setdefault(name, _Column()), value, place)

    def _add_nested(self, name: str, value: dict[str, JsonValue], place: int) -> None:
        try:
            leaves = list(iter_leaves(value, prefix=f"{name}."))
        except RecursionError:
            # Deeper than any chart goes: one leaf, so that it costs one column and not a name of thousands of dots.
            column = self._flat.setdefault(name, _Column())
            column.append(place, math.nan, MAPPING)
            if self._keeps_texts:
                column.keep((place,), (value,))
            return
        nested = self._nested.setdefault(name, _Nested())
        nested.places.append(place)
        self._points += len(leaves)
        for leaf_name, leaf in leaves:
            self._add_leaf(nested.columns.setdefault(leaf_name, _Column()), leaf, place)

    def _add_leaf(self, column: _Column, value: JsonValue, place: int) -> None:
        code = code_of(value)
        column.append(place, _to_float(value) if code <= LAST_NUMERIC else math.nan, code)
        if self._keeps_texts:
            if code > LAST_NUMERIC:
                column.keep((place,), (value,))
            elif code == INTEGER:
                self._keep_large(column, (place,), (value,))
            elif column.texts is not None:
                column.texts.pop(place, None)  # the same name came twice in one line

    def _keep_large(self, column: _Column, places: Sequence[int], values: Sequence[Any]) -> None:
        if max(values) < MAX_EXACT_INT and min(values) > -MAX_EXACT_INT:
            if column.texts is not None:
                column.texts.pop(places[-1], None)
            return
        large = [(place, value) for place, value in zip(places, values, strict=True) if abs(value) >= MAX_EXACT_INT]
        column.keep((place for place, _ in large), (value for _, value in large))

    # --- lines -------------------------------------------------------------------------------------------------------

    def lines(self) -> Lines:
        """How the lines follow one another."""
        if self._lines is None:
            self._lines = self._order_lines()
        return self._lines

    def _order_lines(self) -> Lines:
        numbers = np.array(self._numbers, np.int64)
        writers = np.array(self._writers, np.int32)
        names = tuple(self._writer_codes)
        writer_rank = self._writer_ranks()
        if not self._has_steps:
            if len(self._writer_codes) <= 1:
                steps = numbers
            else:
                # Samples of several machines are apart from one another, even those of one number.
                steps = np.empty(len(numbers), np.int64)
                steps[np.lexsort((writer_rank, numbers))] = np.arange(len(numbers))
        else:
            steps = np.array(self._steps, np.int64)
        if bool((steps[1:] > steps[:-1]).all()):
            return Lines(steps, numbers, writers, names, None, has_shared_steps=False)
        by_step = np.lexsort((writer_rank, numbers, steps))
        rank = np.empty(len(steps), np.int64)
        rank[by_step] = np.arange(len(steps))
        ordered = steps[by_step]
        has_shared_steps = bool((ordered[1:] == ordered[:-1]).any())
        return Lines(steps, numbers, writers, names, rank, has_shared_steps)

    def _writer_ranks(self) -> npt.NDArray[np.int32]:
        ordered = {writer: rank for rank, writer in enumerate(sorted(self._writer_codes))}
        by_code = np.array([ordered[writer] for writer in self._writer_codes], np.int32)
        return by_code[np.array(self._writers, np.int32)] if len(by_code) else np.empty(0, np.int32)

    # --- series ------------------------------------------------------------------------------------------------------

    def names(self) -> list[str]:
        """Every metric, in order of first appearance."""
        if self._names is None:
            self._names = self._sorted_names()
        return self._names

    def _sorted_names(self) -> list[str]:
        order = self._arrival_order()
        first: dict[str, int] = {}
        for name, column in self._columns():
            if order is None or len(column.places) == 1:
                place = column.places[0]
                appeared = place if order is None else int(order[place])
            else:
                appeared = int(order[np.array(column.places, np.int32)].min())
            if name not in first or appeared < first[name]:
                first[name] = appeared
        return sorted(first, key=first.__getitem__)

    def _arrival_order(self) -> Ints | None:
        """Place of each line in order of (number, writer); None where that is the order of arrival."""
        numbers = np.array(self._numbers, np.int64)
        if len(self._writer_codes) <= 1 and bool((numbers[1:] > numbers[:-1]).all()):
            return None
        order = np.empty(len(numbers), np.int64)
        order[np.lexsort((self._writer_ranks(), numbers))] = np.arange(len(numbers))
        return order

    def _columns(self) -> Iterator[tuple[str, _Column]]:
        yield from self._flat.items()
        for nested in self._nested.values():
            yield from nested.columns.items()

    def presence(self, key: str) -> Series:
        """The rows that a key addresses: those with the metric of that name, or any value under it as top-level key.

        The codes tell the kinds; mappings have the code of one.
        """
        if key not in self._nested:
            return self.series(key)
        return self._merge([*self._sources(key), (key, self._whole(key))])

    def series(self, name: str, *, is_kept: bool = True) -> Series:
        """A metric by step; empty if it was never logged. Kept for later unless the caller goes through all of them."""
        series = self._series.get(name)
        if series is None:
            series = self._merge(self._sources(name))
            if is_kept:
                self._series[name] = series
                self._series_bytes += len(series.steps) * _POINT_BYTES * 2 + _COLUMN_BYTES
        return series

    def sources(self, name: str) -> list[tuple[str, Series]]:
        """A metric under each top-level key that holds it; where several have a step, the later ones count more."""
        return [(top, self._merge([(top, column)])) for top, column in self._sources(name)]

    def top_lines(self, top: str) -> Series:
        """The lines that hold a top-level key at their step, whatever it holds there."""
        pieces = [(top, self._flat[top])] if top in self._flat else []
        if top in self._nested:
            pieces.append((top, self._whole(top)))
        return self._merge(pieces)

    def _whole(self, top: str) -> _Column:
        whole = _Column()
        places = self._nested[top].places
        whole.extend(places, array("d", (math.nan,)) * len(places), MAPPING)
        return whole

    def is_nested(self, top: str) -> bool:
        """Whether a top-level key ever held a mapping."""
        return top in self._nested

    def draft(self) -> Draft:
        """All of it as a segment to be written; needs `keeps_texts`."""
        lines = self.lines()
        order = np.arange(len(lines.steps)) if lines.rank is None else np.argsort(lines.rank)
        rank = order.astype(np.int32) if lines.rank is None else lines.rank.astype(np.int32)
        rows = Rows(lines.steps[order], lines.numbers[order], lines.writers[order], lines.writer_names)
        sources = [
            Source(top, name, False, partial(self._points_of, [(top, column)], rank))
            for name in self.names()
            for top, column in self._sources(name)
        ]
        for top in self._nested:
            pieces = [(top, self._flat[top])] if top in self._flat else []
            pieces.append((top, self._whole(top)))
            sources.append(Source(top, top, True, partial(self._points_of, pieces, rank)))
        return Draft(rows, sources, tuple(self._unreadable))

    def _points_of(self, pieces: Sequence[tuple[str, _Column]], rank: Places) -> Points:
        series = self._merge(pieces)
        texts: list[bytes | None] = []
        held = pieces[0][1].texts
        if held and len(pieces) == 1:
            texts = [held.get(place) for place in series.places.tolist()]
        return Points(rank[series.places], series.values, series.codes, texts if any(texts) else [])

    def _sources(self, name: str) -> list[tuple[str, _Column]]:
        """Columns of a name with the top-level keys they come from; later ones count more within a line."""
        sources = [(name, self._flat[name])] if name in self._flat else []
        if self._nested:
            sources += [
                (prefix, self._nested[prefix].columns[name])
                for prefix in nesting_prefixes(name)
                if prefix in self._nested and name in self._nested[prefix].columns
            ]
        return sources

    def _merge(self, sources: Sequence[tuple[str, _Column]]) -> Series:
        if not sources:
            return EMPTY_SERIES
        lines = self.lines()
        pieces: list[tuple[Places, Floats, Codes]] = []
        for top, column in sources:
            places, values, codes = column.arrays()
            if lines.has_shared_steps:
                # A later line of the step that has the key replaces all that lies under it.
                holds = self._winning_lines(top)[places]
                places, values, codes = places[holds], values[holds], codes[holds]
            pieces.append((places, values, codes))
        if len(pieces) == 1:
            places, values, codes = pieces[0]
        else:
            places = np.concatenate([piece[0] for piece in pieces])
            values = np.concatenate([piece[1] for piece in pieces])
            codes = np.concatenate([piece[2] for piece in pieces])
        steps = lines.steps[places]
        if len(places) > 1 and not bool((steps[1:] > steps[:-1]).all()):
            # Each source has one line per step by now. Stable: of several values in that line the last one stays last,
            # and of several sources the one that counts more.
            by_step = np.argsort(steps, kind="stable")
            is_last = np.append(steps[by_step][1:] != steps[by_step][:-1], True)
            chosen = by_step[is_last]
            places, values, codes, steps = places[chosen], values[chosen], codes[chosen], steps[chosen]
        return Series(steps, values, codes, places)

    def _winning_lines(self, top: str) -> npt.NDArray[np.bool_]:
        """Which lines hold the value of a top-level key at their step; shape ``(n_lines,)``."""
        if top not in self._winners:
            lines = self.lines()
            assert lines.rank is not None  # steps are shared, so they do not ascend
            present = np.concatenate(
                [
                    np.array(source.places, np.int64)
                    for source in (self._flat.get(top), self._nested.get(top))
                    if source is not None
                ]
            )
            present = present[np.argsort(lines.rank[present], kind="stable")]
            steps = lines.steps[present]
            wins = np.zeros(len(lines.steps), np.bool_)
            wins[present[np.append(steps[1:] != steps[:-1], True)]] = True
            self._winners[top] = wins
        return self._winners[top]


def _parse_at_once(raw: bytes) -> list[dict[str, JsonValue] | None] | None:
    """Rows of a chunk whose lines are all objects that orjson reads, None for any other.

    Two lines that are broken in ways that mend each other would pass; nobody but their writer could wish for that.
    """
    text = joined_text(raw)
    if text is None:
        return None
    try:
        rows: list[dict[str, JsonValue] | None] = orjson.loads(b"[" + text.replace(b"\n", b",") + b"]")
    except orjson.JSONDecodeError:
        return None
    if len(rows) != text.count(b"\n") + 1 or set(map(type, rows)) != {dict}:
        return None
    return rows


def _to_numbers(values: Sequence[Any]) -> array[float]:
    """Numbers as doubles; integers beyond their range become infinite."""
    try:
        return array("d", values)
    except OverflowError:
        return array("d", map(_to_float, values))


def _to_float(value: Any) -> float:
    """One of `_to_numbers`."""
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf
