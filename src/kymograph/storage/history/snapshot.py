"""One consistent look at the history of some runs, during one reading job."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from typing import TypeVar

import numpy as np

from kymograph.core.exact_json import MAX_EXACT_INT
from kymograph.core.history import Damage, HistoryPart, NumberedLine, Stream
from kymograph.core.lines import consecutive
from kymograph.core.rows import leaves_of, merge_rows, parse_row, step_of_line
from kymograph.core.value_kinds import BOOLEAN, INTEGER, LAST_NUMERIC
from kymograph.errors import StoreCorrupt
from kymograph.storage.base import Database, Transaction
from kymograph.storage.history.base import Chunk, Segment, segment_of_object
from kymograph.storage.history.column_cache import NO_BASE, Base, ColumnCache
from kymograph.storage.history.columns import Columns, Ints, Series
from kymograph.storage.history.payload import decode_lines, encode_lines
from kymograph.storage.history.segments.draft import Rows
from kymograph.storage.history.segments.files import SegmentFiles
from kymograph.storage.history.segments.points import PointsFile
from kymograph.storage.history.slices import NumberedSlice, SegmentSlice, Slice, take_tail
from kymograph.storage.history.views import HistoryView, LineRef, PartView
from kymograph.types import JsonValue, ObjectKey, RunKey, WriterId

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Point:
    """One point of a series of a `HistoryView`."""

    name: str
    code: int
    value: float
    place: int

    @classmethod
    def last_of(cls, name: str, series: Series) -> Point:
        """The last point of a series that has points."""
        return cls.at(name, series, -1)

    @classmethod
    def at(cls, name: str, series: Series, index: int) -> Point:
        """One of the points of a series."""
        return cls(name, int(series.codes[index]), float(series.values[index]), int(series.places[index]))


@dataclass(frozen=True, slots=True)
class _Held:
    """Where the history of one run lies."""

    clean: tuple[Segment, ...]
    """Segments that count as they are, but for rows that a rewind took."""
    base: Base
    """Segments that lines of the tail hide in part, as chunks under those of the tail."""
    has_tail: bool


class Snapshot:
    """Columns and lines of runs as one transaction sees them. Belongs to that transaction's thread."""

    def __init__(
        self,
        cache: ColumnCache,
        files: SegmentFiles,
        transaction: Transaction,
        runs: Collection[RunKey],
        stream: Stream,
        damaged: Mapping[ObjectKey, StoreCorrupt],
    ) -> None:
        self._cache = cache
        self._files = files
        self._tail = transaction.tail
        self._stream = stream
        self._damaged = damaged
        self._versions = transaction.tail.versions(runs, stream)
        self._segments = transaction.segments.list_live(runs, stream)
        self._held: dict[RunKey, _Held] = {}

    # --- views -------------------------------------------------------------------------------------------------------

    def view(self, parts: Sequence[HistoryPart], names: Iterable[str] = (), *, are_keys: bool = False) -> HistoryView:
        """A history with some of its metrics.

        Args:
            parts: Oldest ancestor first.
            names: The metrics.
            are_keys: Whether the names may also be top-level keys, to be asked for with `HistoryView.presence`.
        """
        wanted = list(names)
        return HistoryView(tuple(self._view_part(part, wanted, with_tops=are_keys) for part in parts))

    def names(self, parts: Iterable[HistoryPart]) -> Sequence[str]:
        """Metrics of runs, each once, in order of first appearance; some may come from beyond a part's bound."""
        found: list[Sequence[str]] = []
        for run in dict.fromkeys(part.run for part in parts):
            held = self._where(run)
            for segment in held.clean:
                with suppress(StoreCorrupt):  # its rows are reported where they are missing
                    found.append(self._open(segment).metric_names)
            if held.has_tail:
                with self._columns(run, held) as columns:
                    found.append(columns.names())
        return found[0] if len(found) == 1 else list(dict.fromkeys(chain.from_iterable(found)))

    def _view_part(self, part: HistoryPart, names: Sequence[str], *, with_tops: bool) -> PartView:
        held = self._where(part.run)
        damaged: list[Damage] = []
        slices: list[Slice] = []
        for segment in held.clean:
            try:
                slices.append(SegmentSlice(self._open(segment), None, segment.last_kept_step))
            except StoreCorrupt as exc:
                if part.last_step is None or segment.first_step <= part.last_step:
                    damaged.append(Damage(exc.what, segment.first_step, segment.last_step, exc.problem))
        if held.has_tail:
            with self._columns(part.run, held) as columns:
                slices.append(take_tail(columns, names, with_tops=with_tops or bool(held.clean)))
        slices = self._apart(slices)
        return PartView.of(part, (item.within(None, part.last_step) for item in slices), damaged)

    def _columns(self, run: RunKey, held: _Held) -> AbstractContextManager[Columns]:
        return self._cache.columns(self._tail, run, self._stream, self._versions.get(run, {}), held.base)

    def _apart(self, slices: list[Slice]) -> list[Slice]:
        """Samples of several machines are apart from one another, even those of one number."""
        writers = {writer for item in slices for writer in item.rows.writer_names}
        if self._stream is not Stream.SYSTEM or len(writers) <= 1:
            return slices
        apart: list[Slice] = []
        offset = 0
        for item in slices:
            apart.append(NumberedSlice(item, offset))
            offset += len(item.rows)
        return apart

    def unreadable_lines(self, part: HistoryPart) -> int:
        """Lines of a part that are not JSON objects."""
        return len(self.view([part]).parts[0].unreadable)

    def _where(self, run: RunKey) -> _Held:
        if run not in self._held:
            versions = self._versions.get(run, {})
            firsts = {writer: version.tail_first_line for writer, version in versions.items()}

            segments = self._segments.get(run, ())
            under = [segment for segment in segments if lies_under(segment, firsts)]
            base = NO_BASE
            if under:
                base = Base(tuple(sorted(segment.id for segment in under)), partial(self._chunks_of, under))
            self._held[run] = _Held(
                clean=tuple(segment for segment in segments if segment not in under),
                base=base,
                has_tail=bool(under) or any(first is not None for first in firsts.values()),
            )
        return self._held[run]

    def _open(self, segment: Segment) -> PointsFile:
        known = self._damaged.get(segment.object)
        if known is not None:
            raise StoreCorrupt(known.what, problem=known.problem)
        return self._files.points(segment)

    def _chunks_of(self, segments: Sequence[Segment]) -> list[Chunk]:
        return [
            chunk
            for segment in segments
            if segment.object not in self._damaged
            for chunk in chunks_of_segment(self._files, segment)
        ]

    # --- lines -------------------------------------------------------------------------------------------------------

    def rows(self, refs: Iterable[LineRef]) -> dict[LineRef, dict[str, JsonValue]]:
        """Lines, parsed exactly; those that this transaction does not see are left out."""
        return {ref: row for ref, line in self.lines(refs).items() if (row := parse_row(line)) is not None}

    def lines(self, refs: Iterable[LineRef]) -> dict[LineRef, str]:
        """Lines as received; those that this transaction does not see are left out."""
        wanted: dict[RunKey, dict[WriterId, set[int]]] = defaultdict(lambda: defaultdict(set))
        for ref in refs:
            wanted[ref.run][ref.writer].add(ref.number)
        found: dict[LineRef, str] = {}
        for run, numbers in wanted.items():
            for writer, lines in self._pick(run, numbers).items():
                found.update((LineRef(run, writer, number), line) for number, line in lines.items())
        return found

    def pick(self, run: RunKey, writer: WriterId, numbers: Sequence[int]) -> list[str | None]:
        """Lines of one writer by number; None for those that this transaction does not see."""
        found = self._pick(run, {writer: set(numbers)})[writer]
        return [found.get(number) for number in numbers]

    def _pick(self, run: RunKey, numbers: Mapping[WriterId, set[int]]) -> dict[WriterId, dict[int, str]]:
        found: dict[WriterId, dict[int, str]] = {writer: {} for writer in numbers}
        versions = self._versions.get(run, {})
        in_tail = {
            writer: {number for number in of_writer if number >= first}
            for writer, of_writer in numbers.items()
            if writer in versions and (first := versions[writer].tail_first_line) is not None
        }
        for writer, lines in self._tail.pick_lines(run, self._stream, in_tail).items():
            found[writer].update(lines)
        for segment in self._segments.get(run, ()):
            missing: dict[WriterId, list[int]] = defaultdict(list)
            for extent in segment.extents:
                missing[extent.writer] += [
                    number
                    for number in numbers.get(extent.writer, ())
                    if extent.first_line <= number < extent.end_line and number not in found[extent.writer]
                ]
            if any(missing.values()) and segment.object not in self._damaged:
                for writer, lines in self._files.lines(segment).pick(missing).items():
                    found[writer].update(lines)
        return found

    def numbered_lines(
        self, run: RunKey, *, writer: WriterId | None = None, first: int | None = None, last: int | None = None
    ) -> list[NumberedLine]:
        """Lines of a run in order of (number, writer): all of them, or the first or last ones."""
        view = self.view([HistoryPart(run)])
        found: list[tuple[int, WriterId]] = []
        for item in view.slices:
            rows = item.rows
            begin, end = item.bounds
            places = np.arange(begin, end)
            if writer is not None:
                places = places[rows.writers[begin:end] == _code_of_writer(rows, writer)]
            # Whoever wants a few lines gets them from the ends of each slice: there may be millions between.
            for some in (places,) if first is last is None else _ends_by_number(rows, places, first or 0, last or 0):
                found += [(int(rows.numbers[place]), rows.writer_names[rows.writers[place]]) for place in some]
        unreadable = [(number, of) for part in view.parts for of, number in part.unreadable]
        found += [entry for entry in unreadable if writer is None or entry[1] == writer]
        found = sorted(set(found))
        found = found[:first] if first is not None else found
        found = found[max(len(found) - last, 0) :] if last is not None else found
        lines = self.lines(LineRef(run, of_writer, number) for number, of_writer in found)
        return [
            NumberedLine(number, lines[ref], of_writer)
            for number, of_writer in found
            if (ref := LineRef(run, of_writer, number)) in lines
        ]

    # --- values ------------------------------------------------------------------------------------------------------

    def exact_values(self, points: Sequence[tuple[HistoryView, Point]]) -> list[JsonValue]:
        """Values of points as they were logged.

        Most come from the columns. Texts, lists, media, and numbers that a double may not tell apart from their
        neighbours, are read again from their rows: of one line alone, a later one may have replaced a part.
        """
        values: list[JsonValue] = [None] * len(points)
        unsure: list[int] = []
        for index, (_, point) in enumerate(points):
            code, value = point.code, point.value
            if code == BOOLEAN:
                values[index] = value != 0.0
            elif code <= LAST_NUMERIC and not (abs(value) >= MAX_EXACT_INT and value == value // 1):
                values[index] = int(value) if code == INTEGER else value
            else:
                unsure.append(index)
        refs_of_place: dict[tuple[int, int], tuple[LineRef, ...]] = {}
        indices_of_row: dict[tuple[LineRef, ...], list[int]] = defaultdict(list)
        for index in unsure:
            view, point = points[index]
            place = (id(view), point.place)
            if place not in refs_of_place:
                refs_of_place[place] = view.refs_of(point.place)
            indices_of_row[refs_of_place[place]].append(index)
        lines = self.rows({ref for refs in indices_of_row for ref in refs})
        for refs, indices in indices_of_row.items():
            leaves = leaves_of(merge_rows(lines[ref] for ref in refs if ref in lines))
            for index in indices:
                values[index] = leaves.get(points[index][1].name)
        return values


def _code_of_writer(rows: Rows, writer: WriterId) -> int:
    return rows.writer_names.index(writer) if writer in rows.writer_names else -1


def _ends_by_number(rows: Rows, places: Ints, first: int, last: int) -> tuple[Ints, Ints]:
    """Places of the lines with the lowest numbers and with the highest ones."""
    numbers = rows.numbers[places]
    if bool((numbers[1:] >= numbers[:-1]).all()):
        return places[:first], places[max(len(places) - last, 0) :]
    by_number = np.argsort(numbers, kind="stable")
    return places[by_number[:first]], places[by_number[max(len(places) - last, 0) :]]


def chunks_of_segment(files: SegmentFiles, segment: Segment) -> list[Chunk]:
    """The lines of a segment as the chunks that they were, without those that a rewind took.

    Raises:
        StoreCorrupt: Its object is missing or damaged.
    """
    file = files.lines(segment)
    seqs = {extent.writer: extent.seq for extent in segment.extents}
    frames = [frame for frame in file.frames() if frame.writer in seqs]
    chunks = [
        Chunk(seqs[frame.writer], seqs[frame.writer], frame.writer, frame.first_line, frame.line_count, payload)
        for frame, payload in zip(frames, file.payloads(frames), strict=True)
    ]
    if segment.last_kept_step is None and not segment.is_partial:
        return chunks
    return [kept for chunk in chunks for kept in _kept_of(chunk, segment)]


def lies_under(segment: Segment, tail_first_lines: Mapping[WriterId, int | None]) -> bool:
    """Whether only the lines of a segment count, under those of the tail: its points hold some that do not count."""
    return segment.is_partial or any(
        (first := tail_first_lines.get(extent.writer)) is not None and first < extent.end_line
        for extent in segment.extents
    )


def _kept_of(chunk: Chunk, segment: Segment) -> list[Chunk]:
    spans = [(extent.first_line, extent.end_line) for extent in segment.extents if extent.writer == chunk.writer]
    bound = segment.last_kept_step
    kept = [
        (number, line)
        for number, line in enumerate(decode_lines(chunk.payload), start=chunk.first_line)
        if any(first <= number < end for first, end in spans) and (bound is None or step_of_line(line, number) <= bound)
    ]
    return [
        replace(chunk, first_line=first, line_count=len(lines), payload=encode_lines(lines).payload)
        for first, lines in consecutive(kept)
    ]


def read_around_damage(
    database: Database,
    job: Callable[[Transaction, Mapping[ObjectKey, StoreCorrupt]], T],
    *,
    check: Callable[[T], object] = id,
) -> T:
    """Run a reading job; what turns out to be damaged on the way is left out, and the job told so.

    Args:
        database: Where it reads.
        job: What it does; gets what is known to be damaged, with the problem.
        check: Looks at the result when the transaction has ended; what it finds damaged is left out likewise.

    Raises:
        StoreCorrupt: Something other than a segment is.
    """
    damaged: dict[ObjectKey, StoreCorrupt] = {}
    while True:
        try:
            result = database.read(lambda tx: job(tx, damaged))
            check(result)
        except StoreCorrupt as exc:
            stem = segment_of_object(ObjectKey(exc.what))
            if stem == exc.what or stem in damaged:
                raise
            damaged[stem] = exc
        else:
            return result
