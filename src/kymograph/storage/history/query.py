"""Queries over segments and tail: rows, buckets and the catalogue of metrics.

A query is one reading job: it takes the segments and the tail of one moment, so that a compaction in between is not
seen. Segments are mapped files; of the tail, the cache decodes what is new. The history of a forked run is its
ancestors' up to the branch points, then its own. A segment that is damaged is left out and reported.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TypeVar

import numpy as np

from kymograph.core.buckets import even_indices
from kymograph.core.history import (
    INTERNAL_METRICS,
    STEP,
    BucketAnswer,
    BucketQuery,
    Catalogue,
    ExportQuery,
    HistoryPart,
    MediaPoints,
    MetricInfo,
    MetricKind,
    MetricQuery,
    NameMatch,
    NamePage,
    NumberedLine,
    NumberPoints,
    Row,
    RowPage,
    RowQuery,
    RowTexts,
    Stream,
    ValuePlace,
)
from kymograph.core.rows import merge_rows, pick_keys
from kymograph.core.value_kinds import VALUE_KINDS
from kymograph.errors import StoreCorrupt
from kymograph.storage import safe_regex
from kymograph.storage.base import Database, Transaction
from kymograph.storage.history.choosing import matching_steps
from kymograph.storage.history.column_cache import ColumnCache
from kymograph.storage.history.columns import Ints
from kymograph.storage.history.export.stored import StoredExport, freeze, identity_of
from kymograph.storage.history.known_values import MISSING, known_values
from kymograph.storage.history.media import read_media, read_numbers, read_values
from kymograph.storage.history.rewind import prepare_rewind
from kymograph.storage.history.row_texts import read_row_texts
from kymograph.storage.history.segments.files import SegmentFiles
from kymograph.storage.history.series import answer_buckets
from kymograph.storage.history.slices import Facts, facts_of
from kymograph.storage.history.snapshot import Point, Snapshot, read_around_damage
from kymograph.storage.history.views import HistoryView, damage_within
from kymograph.types import JsonValue, MetricName, ObjectKey, RunKey, WriterId

T = TypeVar("T")

_FIRST_WINDOW = 4
"""Rows looked at for every row that is wanted, at first: rows without the keys that are asked for are skipped."""


class StoredHistory:
    """`HistoryReader` over segments and tail. Safe to share between threads."""

    def __init__(self, database: Database, files: SegmentFiles, *, cache_bytes: int) -> None:
        """Read from `database` and `files`, keeping decoded columns of about `cache_bytes` in memory."""
        self._database = database
        self._files = files
        self._cache = ColumnCache(budget_bytes=cache_bytes)

    @property
    def cached_bytes(self) -> int:
        """Memory that decoded columns take, roughly."""
        return self._cache.byte_size

    def _query(
        self,
        parts: Sequence[HistoryPart],
        stream: Stream,
        work: Callable[[Snapshot], T],
        *,
        runs: Sequence[RunKey] = (),
    ) -> T:
        wanted = {*runs, *(part.run for part in parts)}

        def job(tx: Transaction, damaged: Mapping[ObjectKey, StoreCorrupt]) -> T:
            return work(Snapshot(self._cache, self._files, tx, wanted, stream, damaged))

        return read_around_damage(self._database, job)

    # docstrings inherited

    def rows(self, parts: Sequence[HistoryPart], query: RowQuery) -> RowPage:
        """Docstring inherited."""
        return self._query(parts, Stream.HISTORY, lambda snapshot: _rows(snapshot, parts, query))

    def row_texts(self, parts: Sequence[HistoryPart], query: RowQuery) -> RowTexts:
        """Docstring inherited."""
        return self._query(parts, Stream.HISTORY, lambda snapshot: _row_texts(snapshot, parts, query))

    def export(self, parts: Sequence[HistoryPart], query: ExportQuery) -> StoredExport:
        """Docstring inherited."""

        def job(tx: Transaction, damaged: Mapping[ObjectKey, StoreCorrupt]) -> StoredExport:
            snapshot = Snapshot(self._cache, self._files, tx, {part.run for part in parts}, Stream.HISTORY, damaged)
            return freeze(tx, snapshot, self._files, query, parts, damaged)

        return read_around_damage(self._database, job, check=StoredExport.verify)

    def identity(self, parts: Sequence[HistoryPart]) -> str:
        """Docstring inherited."""
        return self._database.read(lambda tx: identity_of(tx, parts))

    def lines(self, run: RunKey, stream: Stream, *, writer: WriterId | None = None) -> list[NumberedLine]:
        """Docstring inherited."""
        return self._query((), stream, lambda snapshot: snapshot.numbered_lines(run, writer=writer), runs=[run])

    def first_line(self, run: RunKey, stream: Stream) -> NumberedLine | None:
        """Docstring inherited."""
        found = self._query((), stream, lambda snapshot: snapshot.numbered_lines(run, first=1), runs=[run])
        return found[0] if found else None

    def last_lines(self, run: RunKey, stream: Stream, count: int) -> list[NumberedLine]:
        """Docstring inherited."""
        return self._query((), stream, lambda snapshot: snapshot.numbered_lines(run, last=count), runs=[run])

    def buckets(self, query: BucketQuery) -> BucketAnswer:
        """Docstring inherited."""
        parts = [part for source in query.sources for part in source.parts]
        return self._query(parts, query.stream, lambda snapshot: answer_buckets(snapshot, query))

    def catalogue(
        self,
        parts: Sequence[HistoryPart],
        stream: Stream = Stream.HISTORY,
        *,
        with_last: bool = True,
        names: Collection[MetricName] | None = None,
    ) -> Catalogue:
        """Docstring inherited."""
        return self._query(parts, stream, lambda snapshot: _catalogue(snapshot, parts, names, with_last=with_last))

    def metric_names(self, histories: Sequence[Sequence[HistoryPart]], stream: Stream, query: MetricQuery) -> NamePage:
        """Docstring inherited."""
        parts = _all_parts(histories)
        return self._query(parts, stream, lambda snapshot: _search_names(snapshot, parts, query))

    def media(self, histories: Sequence[Sequence[HistoryPart]], metrics: Sequence[MetricName]) -> list[MediaPoints]:
        """Docstring inherited."""
        return self._query(_all_parts(histories), Stream.HISTORY, lambda found: read_media(found, histories, metrics))

    def numbers(self, histories: Sequence[Sequence[HistoryPart]], metric: MetricName) -> list[NumberPoints]:
        """Docstring inherited."""
        return self._query(_all_parts(histories), Stream.HISTORY, lambda found: read_numbers(found, histories, metric))

    def values(self, histories: Sequence[Sequence[HistoryPart]], places: Sequence[ValuePlace]) -> list[JsonValue]:
        """Docstring inherited."""
        return self._query(_all_parts(histories), Stream.HISTORY, lambda found: read_values(found, histories, places))

    def last_step(self, parts: Sequence[HistoryPart]) -> int | None:
        """Docstring inherited."""
        return self._query(parts, Stream.HISTORY, lambda snapshot: snapshot.view(parts).last_step())

    def unreadable_lines(self, parts: Sequence[HistoryPart]) -> int:
        """Docstring inherited."""

        def count(snapshot: Snapshot) -> int:
            return sum(snapshot.unreadable_lines(part) for part in parts)

        return self._query(parts, Stream.HISTORY, count)

    def rewind(self, run: RunKey, *, after_step: int) -> Callable[[Transaction], bool]:
        """Docstring inherited."""
        return prepare_rewind(self._database, self._files, run, after_step=after_step)


def _all_parts(histories: Sequence[Sequence[HistoryPart]]) -> list[HistoryPart]:
    return list(dict.fromkeys(part for history in histories for part in history))


# --- rows ------------------------------------------------------------------------------------------------------------


def _rows(snapshot: Snapshot, parts: Sequence[HistoryPart], query: RowQuery) -> RowPage:
    view, chosen, total = _choose(snapshot, parts, query)
    page = chosen if query.limit is None else chosen[: query.limit]
    return RowPage(
        rows=_read_rows(snapshot, view, page, query.keys),
        next_step=int(chosen[len(page)]) if len(page) < len(chosen) else None,
        total=total,
        damaged=damage_within(view, query.min_step, _last_step(query)),
    )


def _row_texts(snapshot: Snapshot, parts: Sequence[HistoryPart], query: RowQuery) -> RowTexts:
    view, chosen, _ = _choose(snapshot, parts, query)
    page = chosen if query.limit is None else chosen[: query.limit]
    texts = read_row_texts(snapshot, view, page, query.keys)
    return RowTexts(tuple(texts), damage_within(view, query.min_step, _last_step(query)))


def _choose(snapshot: Snapshot, parts: Sequence[HistoryPart], query: RowQuery) -> tuple[HistoryView, Ints, int | None]:
    """The steps of the rows that are wanted, one more than the limit if there are more; and how many match in all."""
    # The step too: of rows that are passed on as they came, it tells which ones hold it.
    view = snapshot.view(parts, (*query.keys, STEP), are_keys=bool(query.keys)).within(
        query.min_step, _last_step(query)
    )
    if query.samples is not None or (query.keys and query.with_total) or query.limit is None:
        matching = matching_steps(view, query.keys, query.mode)
        chosen = matching if query.samples is None else matching[even_indices(len(matching), query.samples)]
        return view, chosen, len(matching)
    # One more than the page, to know whether there is another.
    chosen = _firstmatching_steps(view, query, query.limit + 1)
    return view, chosen, view.count_steps() if query.with_total else None


def _last_step(query: RowQuery) -> int | None:
    return None if query.max_step is None else query.max_step - 1


def _firstmatching_steps(view: HistoryView, query: RowQuery, count: int) -> Ints:
    """The first steps of the rows that hold the keys, without looking at all rows."""
    if not query.keys:
        return view.steps(limit=count)
    window = count * _FIRST_WINDOW
    while True:
        steps = view.steps(limit=window)
        is_all = len(steps) < window
        part = view if is_all or not len(steps) else view.within(None, int(steps[-1]))
        found = matching_steps(part, query.keys, query.mode)
        if is_all or len(found) >= count:
            return found[:count]
        window *= _FIRST_WINDOW


def _read_rows(snapshot: Snapshot, view: HistoryView, steps: Ints, keys: Sequence[MetricName]) -> tuple[Row, ...]:
    if keys:
        columns = [known_values(view, key, steps) for key in dict.fromkeys((*keys, STEP))]
        known = [column for column in columns if column is not None]
        if len(known) == len(columns):
            names = tuple(dict.fromkeys((*keys, STEP)))
            return tuple(
                Row(step, dict(pair for pair in zip(names, values, strict=True) if pair[1] is not MISSING))
                for step, values in zip(steps.tolist(), zip(*known, strict=True), strict=True)
            )
    refs_of_step = view.refs_of_steps(steps)
    lines = snapshot.rows(ref for refs in refs_of_step for ref in refs)
    rows: list[Row] = []
    for step, refs in zip(steps.tolist(), refs_of_step, strict=True):
        found = [lines[ref] for ref in refs if ref in lines]
        if found:
            values = merge_rows(found)
            values.setdefault(STEP, step)
            rows.append(Row(step, pick_keys(values, (*keys, STEP)) if keys else values))
    return tuple(rows)


# --- the catalogue ---------------------------------------------------------------------------------------------------


def _catalogue(
    snapshot: Snapshot, parts: Sequence[HistoryPart], names: Collection[MetricName] | None, *, with_last: bool
) -> Catalogue:
    wanted = snapshot.names(parts) if names is None else list(names)
    view = snapshot.view(parts, wanted)
    found = [(name, facts) for name in wanted if (facts := _facts(view, name)) is not None]
    lasts: list[JsonValue] = [None] * len(found)
    if with_last:
        lasts = snapshot.exact_values(
            [(view, Point(name, facts.last_code, facts.last_value, facts.last_place)) for name, facts in found]
        )
    metrics = [_describe(name, facts, last) for (name, facts), last in zip(found, lasts, strict=True)]
    return Catalogue(metrics, view.damaged)


def _search_names(snapshot: Snapshot, parts: Sequence[HistoryPart], query: MetricQuery) -> NamePage:
    names = snapshot.names(parts)
    if not query.with_internal:
        names = [name for name in names if name[:1] != "_" or name.partition(".")[0] not in INTERNAL_METRICS]
    if query.search:
        names = _matching_names(names, query)
    end = None if query.limit is None else query.offset + query.limit
    return NamePage([MetricName(name) for name in names[query.offset : end]], len(names))


def _matching_names(names: Sequence[str], query: MetricQuery) -> list[str]:
    """Those of the names that are searched for.

    Raises:
        InvalidFilter: A pattern that does not compile, or takes too long.
    """
    if query.match is NameMatch.PREFIX:
        return [name for name in names if name.startswith(query.search)]
    if query.match is NameMatch.CONTAINS:
        wanted = query.search.casefold()
        return [name for name in names if wanted in name.casefold()]
    safe_regex.check(query.search)
    found = safe_regex.search_all(query.search, names)
    safe_regex.check(query.search)  # one that takes too long finds nothing from then on
    return [name for name, is_found in zip(names, found, strict=True) if is_found]


def _facts(view: HistoryView, name: str) -> Facts | None:
    slices = view.slices
    if not view.is_disjoint:
        return facts_of(view.series(name))
    joined: Facts | None = None
    base = 0
    for item in slices:
        facts = item.facts(name)
        if facts is not None:
            joined = _join_facts(joined, facts, base)
        base += len(item.rows)
    return joined


def _join_facts(before: Facts | None, after: Facts, base: int) -> Facts:
    """Facts of a series that goes on in another slice."""
    placed = after._replace(last_place=after.last_place + base)
    if before is None:
        return placed
    counts = dict(before.type_counts)
    for code, count in after.type_counts:
        counts[code] = counts.get(code, 0) + count
    has_risen = not before.highest_value > after.first_value  # NaN where there are no numbers
    return placed._replace(
        points=before.points + after.points,
        non_finite=before.non_finite + after.non_finite,
        never_falls=before.never_falls and after.never_falls and has_risen,
        first_value=after.first_value if np.isnan(before.first_value) else before.first_value,
        highest_value=before.highest_value if np.isnan(after.highest_value) else after.highest_value,
        type_counts=tuple(sorted(counts.items())),
    )


def _describe(name: str, facts: Facts, last: JsonValue) -> MetricInfo:
    kind = VALUE_KINDS[facts.last_code].metric_kind
    type_counts: dict[str, int] = {}
    for code, count in facts.type_counts:
        wire_name = VALUE_KINDS[code].wire_name
        type_counts[wire_name] = type_counts.get(wire_name, 0) + count
    return MetricInfo(
        name=MetricName(name),
        kind=kind,
        points=facts.points,
        non_finite=facts.non_finite,
        last=last,
        last_step=facts.last_step,
        is_monotonic=facts.never_falls and kind is MetricKind.NUMBER,
        type_counts=tuple(type_counts.items()),
    )
