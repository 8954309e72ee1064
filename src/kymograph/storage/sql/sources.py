"""The tables that statements see, made batch by batch while DuckDB asks for them, all in one reading transaction.

History comes through the same views as everything else (`storage.history.slices`), so rows that a rewind took, lines
that later ones hide, segments that overlap and what a fork inherited are as exact here as in a chart. What is damaged
is left out and noted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import islice
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import orjson
from sqlalchemy import select

from kymograph.core import exact_json
from kymograph.core.ancestry import FORK_MARK, history_parts
from kymograph.core.config import branch_point
from kymograph.core.filters import Scope
from kymograph.core.history import Damage, HistoryPart, Stream
from kymograph.core.leaves import document_leaves
from kymograph.core.run import Run, RunState
from kymograph.core.value_kinds import FLOAT, LAST_NUMERIC, NULL, TEXT, code_of
from kymograph.errors import StoreCorrupt
from kymograph.storage.history.column_cache import ColumnCache
from kymograph.storage.history.columns import Series
from kymograph.storage.history.joins import merge_sources
from kymograph.storage.history.segments.draft import needs_text
from kymograph.storage.history.segments.files import SegmentFiles
from kymograph.storage.history.segments.points_layout import KIND_NAMES
from kymograph.storage.history.slices import SegmentSlice, Slice
from kymograph.storage.history.snapshot import Point, Snapshot
from kymograph.storage.history.views import HistoryView
from kymograph.storage.metadata.sql import chunks
from kymograph.storage.metadata.tables import run_documents, runs, users
from kymograph.storage.metadata.values import nearest_double
from kymograph.storage.sql.allowed import CONFIG, HISTORY, RUNS, TABLES
from kymograph.storage.sql.arrow import Batch, Coded, Data, Lists, NoTexts, Plain, Texts
from kymograph.storage.sql.reads import Reads
from kymograph.storage.transaction import SqlTransaction
from kymograph.types import EntityName, JsonObject, JsonValue, ObjectKey, ProjectId, ProjectName, RunId, RunKey

T = TypeVar("T")

BATCH_ROWS = 122_880
"""Rows that go over at once at most: DuckDB's own measure of a piece of work."""
_RUNS_AT_ONCE = 200
_KIND_WORDS = tuple(name.encode() for name in KIND_NAMES)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(slots=True)
class Sources:
    """The tables of one project during one transaction. Belongs to the thread that runs the statement."""

    transaction: SqlTransaction
    project: ProjectId
    now: datetime
    cache: ColumnCache
    files: SegmentFiles
    check_time: Callable[[], None]
    """Called between batches; raises once the statement has run for too long."""
    damaged: dict[tuple[str, RunKey], Damage] = field(default_factory=dict)
    """What could not be read, by object and run."""

    def batches(self, table: str, reads: Reads, *, with_texts: bool) -> Iterator[Batch]:
        """The rows of a table that `reads` admits, and maybe more.

        Args:
            table: One of `allowed.TABLES`.
            reads: What matters.
            with_texts: Whether anybody looks at the column ``text``; without it nulls are there.
        """
        made: Iterator[Batch]
        if table == RUNS:
            made = self._runs(reads)
        elif table == HISTORY:
            made = self._history(reads, with_texts=with_texts)
        else:
            made = self._documents(Scope.CONFIG if table == CONFIG else Scope.SUMMARY, reads)
        for batch in made:
            self.check_time()
            yield batch

    # --- runs and their documents ------------------------------------------------------------------------------------

    def _rows(self, columns: Sequence[Any], source: Any, reads: Reads) -> Iterator[list[Any]]:
        """Rows of the project's runs in portions, by key."""
        wanted: list[list[RunId] | None] = [None]
        if reads.runs is not None:
            wanted = [list(some) for some in chunks(sorted(map(RunId, reads.runs)))]
        for some in wanted:
            last = 0
            while True:
                statement = (
                    select(runs.c.key, *columns)
                    .select_from(source)
                    .where(runs.c.project_id == self.project, runs.c.deleted_at.is_(None), runs.c.key > last)
                    .order_by(runs.c.key)
                    .limit(1000)
                )
                if some is not None:
                    statement = statement.where(runs.c.id.in_(some))
                found = list(self.transaction.connection.execute(statement))
                if not found:
                    break
                yield found
                last = found[-1].key

    def _runs(self, reads: Reads) -> Iterator[Batch]:
        named = ["id", "display_name", "state", "group", "job_type", "sweep", "host", "notes", "tags", "exit_code"]
        named += ["created_at", "started_at", "heartbeat_at", "finished_at", "last_step", "color", "user_id"]
        columns = [*(runs.c[name] for name in named), users.c.username]
        for found in self._rows(columns, runs.outerjoin(users, users.c.id == runs.c.user_id), reads):
            yield len(found), [_run_column(kind, found, _RUN_VALUES[name], self.now) for name, kind in _RUN_COLUMNS]

    def _documents(self, scope: Scope, reads: Reads) -> Iterator[Batch]:
        column = run_documents.c.config_json if scope is Scope.CONFIG else run_documents.c.summary_json
        source = runs.join(run_documents, run_documents.c.run_key == runs.c.key)
        for found in self._rows([runs.c.id, column.label("document")], source, reads):
            for some in _portions(found, _RUNS_AT_ONCE):
                yield _leaves(scope, some, reads)

    # --- history -----------------------------------------------------------------------------------------------------

    def _history(self, reads: Reads, *, with_texts: bool) -> Iterator[Batch]:
        pending = _Pending()
        for found in self._rows([runs.c.id], runs, reads):
            for some in _portions(found, _RUNS_AT_ONCE):
                yield from self._histories_of({RunKey(row.key): row.id for row in some}, reads, pending, with_texts)
        yield from pending.flush()

    def _histories_of(
        self, ids: dict[RunKey, str], reads: Reads, pending: _Pending, with_texts: bool
    ) -> Iterator[Batch]:
        parts_by_run = self._parts(list(ids))
        everything = {part.run for parts in parts_by_run.values() for part in parts}

        def snapshot_without(damaged: dict[ObjectKey, StoreCorrupt]) -> Snapshot:
            return Snapshot(self.cache, self.files, self.transaction, everything, Stream.HISTORY, damaged)

        snapshot = snapshot_without({})
        for run, parts in parts_by_run.items():
            damaged: dict[ObjectKey, StoreCorrupt] = {}
            seen: set[str] = set()
            while True:
                try:
                    for name, series, texts in self._series(snapshot, parts, reads, seen, run, with_texts=with_texts):
                        yield from pending.add(ids[run], name, series, texts)
                    break
                except StoreCorrupt as exc:
                    stem = _stem(exc.what)
                    if stem is None or stem in damaged:
                        raise
                    # Metrics that are through stay; the others are merged again, without that segment.
                    damaged[stem] = exc
                    self._note(exc, stem, [part.run for part in parts], run)
                    snapshot = snapshot_without(damaged)
            if damaged:
                snapshot = snapshot_without({})
            self.check_time()

    def _note(self, problem: StoreCorrupt, stem: ObjectKey, held_by: Sequence[RunKey], run: RunKey) -> None:
        for segments in self.transaction.segments.list_live(held_by, Stream.HISTORY).values():
            for segment in segments:
                if segment.object == stem:
                    damage = Damage(problem.what, segment.first_step, segment.last_step, problem.problem)
                    self.damaged[problem.what, run] = damage

    def _parts(self, keys: Sequence[RunKey]) -> dict[RunKey, tuple[HistoryPart, ...]]:
        """What belongs to the history of each run."""
        statement = select(run_documents.c.run_key).where(
            run_documents.c.run_key.in_(keys), run_documents.c.config_json.like(f"%{FORK_MARK}%")
        )
        forks = [RunKey(key) for key in self.transaction.connection.execute(statement).scalars()]
        parts: dict[RunKey, tuple[HistoryPart, ...]] = {key: (HistoryPart(key),) for key in keys}
        store = self.transaction.runs
        for run in store.list_by_keys(forks):
            parts[run.key] = history_parts(run, lambda parent: store.find_ancestor(self.project, parent), _branch_point)
        return parts

    def _series(
        self,
        snapshot: Snapshot,
        parts: Sequence[HistoryPart],
        reads: Reads,
        seen: set[str],
        run: RunKey,
        *,
        with_texts: bool,
    ) -> Iterator[tuple[str, Series, Sequence[bytes | None]]]:
        """Every metric with its points, in pieces of ascending steps; `seen` are those that are through."""
        names = snapshot.names(parts) if reads.names is None else sorted(reads.names)
        view = snapshot.view(parts, names)
        for damage in view.damaged:
            self.damaged[damage.object, run] = damage
        if reads.first_step is not None or reads.last_step is not None:
            view = view.within(reads.first_step, reads.last_step)
        for name in names:
            if name in seen:
                continue
            if view.is_disjoint:
                yield from self._disjoint(snapshot, view, name, run, with_texts=with_texts)
            else:
                series = view.series(name)
                yield name, series, _texts(snapshot, view, name, series, None) if with_texts else ()
            seen.add(name)

    def _disjoint(
        self, snapshot: Snapshot, view: HistoryView, name: str, run: RunKey, *, with_texts: bool
    ) -> Iterator[tuple[str, Series, Sequence[bytes | None]]]:
        """A metric slice by slice, as it is mapped; a slice that is damaged costs no other."""
        base = 0
        for item in view.slices:
            try:
                sources = item.sources(name)
                series = merge_sources([of_top for _, of_top in sources])
                texts: Sequence[bytes | None] = ()
                if with_texts and len(series.steps):
                    is_alone = len(sources) == 1 and isinstance(item, SegmentSlice)
                    held = _packed_texts(item, name, len(series.steps)) if is_alone else None
                    placed = replace(series, places=series.places.astype(np.int64) + base)
                    texts = _texts(snapshot, view, name, placed, held)
            except StoreCorrupt as exc:
                if _stem(exc.what) is None:
                    raise
                first, last = _steps_of(item)
                self.damaged[exc.what, run] = Damage(exc.what, first, last, exc.problem)
                continue
            finally:
                base += len(item.rows)
            yield name, series, texts


class _Pending:
    """Short series that wait to go over together: a batch of its own for each would cost more than its points."""

    def __init__(self) -> None:
        self._held: list[tuple[str, str, Series, Sequence[bytes | None]]] = []
        self._rows = 0

    def add(self, run: str, name: str, series: Series, texts: Sequence[bytes | None]) -> Iterator[Batch]:
        count = len(series.steps)
        if count >= BATCH_ROWS // 4:
            for start in range(0, count, BATCH_ROWS):
                piece = series.take(slice(start, start + BATCH_ROWS))
                yield _history_batch([(run, name, piece, texts[start : start + BATCH_ROWS])])
            return
        if self._rows + count > BATCH_ROWS:
            yield from self.flush()
        if count:
            self._held.append((run, name, series, texts))
            self._rows += count

    def flush(self) -> Iterator[Batch]:
        held, self._held, self._rows = self._held, [], 0
        if held:
            yield _history_batch(held)


def _history_batch(held: Sequence[tuple[str, str, Series, Sequence[bytes | None]]]) -> Batch:
    counts = [len(series.steps) for _, _, series, _ in held]
    if len(held) == 1:
        _, _, joined, _ = held[0]
    else:
        joined = Series(
            np.concatenate([series.steps for _, _, series, _ in held]),
            np.concatenate([series.values for _, _, series, _ in held]),
            np.concatenate([series.codes for _, _, series, _ in held]),
            np.empty(0, np.int64),
        )
    texts: Data = NoTexts()
    if any(any(text is not None for text in texts) for _, _, _, texts in held):
        listed: list[bytes | None] = []
        for count, (_, _, _, of_series) in zip(counts, held, strict=True):
            listed += of_series or [None] * count
        texts = Texts(listed)
    is_number = joined.codes <= LAST_NUMERIC
    codes = joined.codes.astype(np.int32)
    # Which parser a line goes through decides what it makes of integers beyond 64 bits; here all are floats.
    codes[(joined.values >= 2.0**64) | (joined.values < -(2.0**63))] = FLOAT
    return len(joined.steps), [
        _repeated([run for run, _, _, _ in held], counts),
        Plain(joined.steps),
        _repeated([name for _, name, _, _ in held], counts),
        Plain(joined.values, None if is_number.all() else is_number),
        Coded(codes, _KIND_WORDS),
        texts,
    ]


def _repeated(words: Sequence[str], counts: Sequence[int]) -> Coded:
    index = {word: number for number, word in enumerate(dict.fromkeys(words))}
    codes = np.repeat(np.array([index[word] for word in words], np.int32), counts)
    return Coded(codes, [_utf8(word) for word in index])


def _utf8(text: str) -> bytes:
    return exact_json.replace_surrogates(text).encode()


# --- texts of history ------------------------------------------------------------------------------------------------


def _packed_texts(item: Slice, name: str, count: int) -> Sequence[bytes | None]:
    """JSON that a segment holds beside the numbers of a metric, for the points within the slice's bounds."""
    assert isinstance(item, SegmentSlice)
    (metric,) = item.file.find(name)
    held = metric.texts()
    first = 0 if item.first_step is None else int(np.searchsorted(metric.steps, item.first_step, side="left"))
    return held[first : first + count]


def _texts(
    snapshot: Snapshot, view: HistoryView, name: str, series: Series, packed: Sequence[bytes | None] | None
) -> Sequence[bytes | None]:
    """The column ``text`` of a series.

    Args:
        snapshot: Reads lines again.
        view: What `series` is of.
        name: The metric.
        series: With places of `view`.
        packed: What the segment holds of it; None if it is not one metric of one segment.
    """
    wanted = needs_text(series.values, series.codes)
    # Integers beyond 64 bits are floats to the parser: only their lines have all digits.
    is_huge = (series.codes == FLOAT) & (np.abs(series.values) >= 2.0**63) & np.isfinite(series.values)
    if not wanted.any() and not is_huge.any():
        return ()
    texts: list[bytes | None] = [None] * len(series.steps)
    if packed:
        for index in np.flatnonzero(wanted).tolist():
            held = packed[index]
            texts[index] = None if held is None else _plain_text(int(series.codes[index]), held)
    unsure = np.flatnonzero(is_huge if packed is not None else wanted | is_huge).tolist()
    points = [
        (view, Point(name, int(series.codes[index]), float(series.values[index]), int(series.places[index])))
        for index in unsure
    ]
    for index, value in zip(unsure, snapshot.exact_values(points), strict=True):
        texts[index] = _text_of(value)
    return texts


def _plain_text(code: int, packed: bytes) -> bytes | None:
    """What the column ``text`` holds for the JSON of a value."""
    if code == TEXT:
        text = orjson.loads(packed)
        return str(text).encode()
    return None if code == NULL else packed


def _text_of(value: JsonValue) -> bytes | None:
    """What the column ``text`` holds for a value: nothing if the number says it all."""
    if isinstance(value, str):
        return _utf8(value)
    if value is None or isinstance(value, (bool, float)):
        return None
    if isinstance(value, int) and abs(value) < exact_json.MAX_EXACT_INT:
        return None
    return _utf8(exact_json.dumps(value))


def _steps_of(item: Slice) -> tuple[int, int]:
    first, end = item.bounds
    return int(item.rows.steps[first]), int(item.rows.steps[end - 1])


def _stem(what: str) -> ObjectKey | None:
    """The segment that an object belongs to; None for anything else."""
    for suffix in (".parquet", ".jsonl.zst"):
        if what.endswith(suffix):
            return ObjectKey(what.removesuffix(suffix))
    return None


def _branch_point(config: JsonObject) -> tuple[str, int] | None:
    point = branch_point(config)
    return (point.run_id, point.step) if point is not None else None


# --- columns of runs and documents -----------------------------------------------------------------------------------


def _run_at(row: Any) -> Run:
    """As much of a run as its state and duration follow from."""
    return Run(
        key=RunKey(row.key),
        project_id=ProjectId(0),
        entity=EntityName(""),
        project=ProjectName(""),
        id=RunId(row.id),
        display_name="",
        state=RunState(row.state),
        color=0,
        user_id=None,
        username=None,
        created_at=row.created_at,
        heartbeat_at=row.heartbeat_at,
        started_at=row.started_at,
        finished_at=row.finished_at,
    )


_RUN_COLUMNS = tuple(TABLES[RUNS].items())
_RUN_VALUES: dict[str, Callable[[Any, datetime], Any]] = {
    "id": lambda row, now: row.id,
    "name": lambda row, now: row.display_name,
    "state": lambda row, now: _run_at(row).state_at(now).value,
    "user": lambda row, now: row.username,
    "run_group": lambda row, now: row.group,
    "job_type": lambda row, now: row.job_type,
    "sweep": lambda row, now: row.sweep,
    "host": lambda row, now: row.host,
    "notes": lambda row, now: row.notes,
    "tags": lambda row, now: row.tags,
    "created_at": lambda row, now: row.created_at,
    "started_at": lambda row, now: row.started_at,
    "heartbeat_at": lambda row, now: row.heartbeat_at,
    "finished_at": lambda row, now: row.finished_at,
    "duration_s": lambda row, now: _run_at(row).duration_s_at(now),
    "last_step": lambda row, now: row.last_step,
    "exit_code": lambda row, now: row.exit_code,
}


def _run_column(kind: str, rows: Sequence[Any], value_of: Callable[[Any, datetime], Any], now: datetime) -> Data:
    values = [value_of(row, now) for row in rows]
    if kind == "varchar[]":
        return Lists([[_utf8(text) for text in value] for value in values])
    if kind == "varchar":
        return Texts([None if value is None else _utf8(value) for value in values])
    is_present: npt.NDArray[np.bool_] = np.array([value is not None for value in values], np.bool_)
    if kind == "timestamp":
        micros = [0 if value is None else _micros(value) for value in values]
        return Plain(np.array(micros, np.int64), is_present)
    dtype = np.float64 if kind == "double" else np.int64
    return Plain(np.array([0 if value is None else value for value in values], dtype), is_present)


def _micros(moment: datetime) -> int:
    since = moment - _EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def _leaves(scope: Scope, rows: Sequence[Any], reads: Reads) -> Batch:
    """A row for every leaf of some documents."""
    names: list[bytes] = []
    values: list[float] = []
    codes: list[int] = []
    texts: list[bytes | None] = []
    counts: list[int] = []
    for row in rows:
        # Of equal names the last one counts, as everywhere.
        leaves = dict(document_leaves(scope, row.document))
        chosen = leaves if reads.names is None else {name: leaves[name] for name in reads.names if name in leaves}
        counts.append(len(chosen))
        for name, value in chosen.items():
            names.append(_utf8(name))
            codes.append(code_of(value))
            values.append(_number(value))
            texts.append(_text_of(value))
    all_codes = np.array(codes, np.int32)
    is_number = all_codes <= LAST_NUMERIC
    return len(names), [
        _repeated([row.id for row in rows], counts),
        Texts(names),
        Plain(np.array(values, np.float64), is_number),
        Coded(all_codes, _KIND_WORDS),
        Texts(texts),
    ]


def _number(value: JsonValue) -> float:
    if isinstance(value, bool):
        return float(value)
    if isinstance(value, int):
        return nearest_double(value)
    return value if isinstance(value, float) else np.nan


def _portions(items: Sequence[T], size: int) -> Iterator[list[T]]:
    iterator = iter(items)
    while portion := list(islice(iterator, size)):
        yield portion
