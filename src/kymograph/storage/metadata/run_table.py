"""The run table: the runs of a project as arrays in memory, for filters, orders and groups.

Each process keeps the tables of the projects that were asked for lately, within a budget of memory, and loads a field
or a config or summary column when it is first needed. Before each answer a table is brought to the moment of the
reader's snapshot by reading the runs that have changed since (`moments`), so any number of processes may write.

Of two readers at once, one may have the older snapshot; it then gets some runs as the other one has found them.
"""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any, Generic, TypeVar

import numpy as np

from kymograph.core.filters import Scope
from kymograph.core.run import RunState
from kymograph.errors import StoreCorrupt
from kymograph.storage.metadata.arrays import NO_INT, NO_TEXT, Bools, Ints, Kinds, TextArray, ValueArray, resized
from kymograph.storage.metadata.blocks import BlockRuns, unpack_values
from kymograph.storage.metadata.moments import Moment
from kymograph.storage.metadata.run_reader import TEXT_FIELDS, RunReader
from kymograph.storage.metadata.values import column_id, searched_value
from kymograph.types import ProjectId

logger = logging.getLogger(__name__)

MAX_CACHED_BYTES = 256 * 2**20
"""100,000 runs take 6 MB, and 1 to 3 MB more for each of the columns that people filter and sort by."""
MAX_DEAD_ROWS = 1_000
"""Beyond twice the live ones."""
UNKNOWN = -1
"""Version of an entry that was never read."""

Column = tuple[Scope, str]
A = TypeVar("A", TextArray, Ints, ValueArray)
_STATES = tuple(RunState)
_STATE_CODES = {state.value: code for code, state in enumerate(_STATES)}


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """What is known of every run of a project. Rows are in no order; those of deleted runs stay, and do not count."""

    moment: Moment
    keys: Ints
    changes: Ints
    revisions: Ints
    is_alive: Bools
    created_at: Ints
    heartbeat_at: Ints
    states: Kinds
    """Places in `RunState`, as stored."""
    order: Ints
    """Rows by ascending key."""
    recency: Ints
    """Place of each row when the newest comes first."""

    def __len__(self) -> int:
        return len(self.keys)

    def rows_of(self, keys: Ints) -> tuple[Ints, Bools]:
        """The rows of some runs (any, where there is none), and which of them exist."""
        if not len(self):
            return np.zeros(len(keys), dtype=np.int64), np.zeros(len(keys), dtype=np.bool_)
        places = np.minimum(np.searchsorted(self.keys, keys, sorter=self.order), len(self) - 1)
        rows = self.order[places]
        return rows, self.keys[rows] == keys


@dataclass(frozen=True, slots=True, eq=False)
class RunView:
    """The runs of a project at one moment, with the fields and columns that were asked for."""

    rows: Rows
    texts: Mapping[str, TextArray]
    ints: Mapping[str, Ints]
    values: Mapping[int, ValueArray]

    def state_of(self, code: int) -> RunState:
        """The state behind an entry of `Rows.states`."""
        return _STATES[code]


@dataclass(frozen=True, slots=True)
class ColumnName:
    """A config or summary column of a project."""

    scope: Scope
    name: str
    kinds: int
    """Bit per `Kind` that was seen in it."""


@dataclass(slots=True)
class _Cached(Generic[A]):
    """An array, and per row the version that it is of: the number of a change, or a revision of documents."""

    array: A
    versions: Ints
    used: int = 0

    def stale_rows(self, rows: Rows, current: Ints) -> Ints:
        """Rows of runs that have another version by now."""
        known = resized(self.versions, len(rows), UNKNOWN)
        return np.flatnonzero((known != current) & rows.is_alive)

    @property
    def size_bytes(self) -> int:
        """What it takes of memory."""
        array: TextArray | Ints | ValueArray = self.array
        return self.versions.nbytes + (array.nbytes if isinstance(array, np.ndarray) else array.size_bytes)


class RunTable:
    """The arrays of one project. Safe to share between threads: a view does not change any more."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rows: Rows | None = None
        self._texts: dict[str, _Cached[TextArray]] = {}
        self._ints: dict[str, _Cached[Ints]] = {}
        self._values: dict[int, _Cached[ValueArray]] = {}
        self._blocks: dict[int, BlockRuns] = {}
        self._names = _Names()

    def view(self, reader: RunReader, fields: Collection[str], columns: Collection[Column], *, turn: int) -> RunView:
        """The runs as the reader's snapshot has them.

        Args:
            reader: Reads the project's runs.
            fields: Fields of runs besides those of `Rows`; of `run_reader.TEXT_FIELDS`, `INT_FIELDS`, or ``username``.
            columns: Config and summary columns.
            turn: Greater for every view; what was not used for long is the first to go.
        """
        with self._lock:
            rows = self._refresh(reader)
            stored = {"user_id" if name == "username" else name for name in fields}
            self._load_fields(reader, rows, stored)
            self._load_columns(reader, rows, columns)
            texts = {name: self._use(self._texts[name], turn) for name in stored & TEXT_FIELDS}
            ints = {name: self._use(self._ints[name], turn) for name in stored - TEXT_FIELDS}
            ids = {column_id(*column) for column in columns}
            values = {column: self._use(self._values[column], turn) for column in ids}
            if "username" in fields:
                texts["username"] = _usernames(reader, ints["user_id"])
        return RunView(rows, texts, ints, values)

    def column_names(self, reader: RunReader) -> Sequence[ColumnName]:
        """The config and summary columns by name, then scope; also such as no run has any more."""
        with self._lock:
            rows = self._refresh(reader)
            self._read_blocks(reader)
            if self._names.blocks != self._blocks.keys():
                self._names.add(reader.column_names())
                self._names.blocks = set(self._blocks)
            covered = np.zeros(len(rows), dtype=np.bool_)
            for places, _ in self._coverage(rows).values():
                covered[places] = True
            known = resized(self._names.versions, len(rows), UNKNOWN)
            new = np.flatnonzero(rows.is_alive & ~covered & (known != rows.revisions))
            read: dict[int, int] = {}
            for scope in (Scope.CONFIG, Scope.SUMMARY):
                for found in reader.leaves(scope, rows.keys[new], None):
                    kinds = {name: 1 << searched_value(leaf)[0] for name, leaf in found.leaves.items()}
                    self._names.add((scope, name, kind) for name, kind in kinds.items())
                    read[found.key] = found.revision
            places, _ = rows.rows_of(np.fromiter(read, dtype=np.int64, count=len(read)))
            known[places] = list(read.values())
            self._names.versions = known
            return self._names.sorted()

    @property
    def size_bytes(self) -> int:
        """What it takes of memory, nearly."""
        rows = self._rows
        base = 0 if rows is None else len(rows) * _BYTES_PER_ROW
        return base + self._names.size_bytes + sum(item.size_bytes for _, _, item in self.items())

    def items(self) -> list[tuple[dict[Any, Any], Any, _Cached[Any]]]:
        """What can be forgotten one by one: where it is, under which key, and the array."""
        caches: tuple[dict[Any, Any], ...] = (self._texts, self._ints, self._values)
        return [(cache, key, item) for cache in caches for key, item in list(cache.items())]

    def forget(self, cache: dict[Any, Any], key: object) -> bool:
        """Drop one of the `items`, unless the table is in use just now."""
        if not self._lock.acquire(blocking=False):
            return False
        try:
            return cache.pop(key, None) is not None
        finally:
            self._lock.release()

    # --- all with the lock held --------------------------------------------------------------------------------------

    def _refresh(self, reader: RunReader) -> Rows:
        moment = reader.moment()
        rows = self._rows
        if rows is not None and moment.order > rows.moment.order:
            rows = _with_changes(rows, reader.changed_runs(rows.moment, moment), moment)
            if len(rows) > 2 * int(rows.is_alive.sum()) + MAX_DEAD_ROWS:
                rows = None  # mostly deleted runs
                for cache, key, _ in self.items():
                    cache.pop(key, None)
                self._names = _Names()
        self._rows = rows = _all_rows(reader, moment) if rows is None else rows
        return rows

    def _use(self, cached: _Cached[A], turn: int) -> A:
        cached.used = turn
        return cached.array

    def _load_fields(self, reader: RunReader, rows: Rows, names: Collection[str]) -> None:
        for name in names:
            if name in TEXT_FIELDS and name not in self._texts:
                places, versions, found = _whole_field(reader, rows, name)
                texts = TextArray.of(found)
                codes = np.full(len(rows), NO_TEXT, dtype=np.int32)
                codes[places] = texts.codes
                self._texts[name] = _Cached(TextArray(codes, texts.texts), versions)
            elif name not in TEXT_FIELDS and name not in self._ints:
                places, versions, found = _whole_field(reader, rows, name)
                numbers = np.full(len(rows), NO_INT, dtype=np.int64)
                numbers[places] = found
                self._ints[name] = _Cached(numbers, versions)
        stale = {}
        for name in names:
            cached = self._field(name)
            places = cached.stale_rows(rows, rows.changes)
            if len(places) or len(cached.array) < len(rows):
                stale[name] = places
        if stale:
            self._renew_fields(reader, rows, list(stale), np.unique(np.concatenate(list(stale.values()))))

    def _field(self, name: str) -> _Cached[Any]:
        return self._texts[name] if name in TEXT_FIELDS else self._ints[name]

    def _renew_fields(self, reader: RunReader, rows: Rows, names: Sequence[str], stale: Ints) -> None:
        found = list(reader.fields_of(rows.keys[stale], names))
        places, _ = rows.rows_of(np.array([key for key, _, _ in found], dtype=np.int64))
        changes = [change for _, change, _ in found]
        for number, name in enumerate(names):
            cached = self._field(name)
            values = [of_run[number] for _, _, of_run in found]
            versions = resized(cached.versions, len(rows), UNKNOWN)
            versions[places] = changes
            if name in TEXT_FIELDS:
                array = self._texts[name].array.with_rows(places, values, length=len(rows))
                self._texts[name] = _Cached(array, versions)
            else:
                numbers = resized(cached.array, len(rows), NO_INT)
                numbers[places] = values
                self._ints[name] = _Cached(numbers, versions)

    def _load_columns(self, reader: RunReader, rows: Rows, columns: Collection[Column]) -> None:
        cold = [column_id(*column) for column in columns if column_id(*column) not in self._values]
        if cold:
            self._load_from_blocks(reader, rows, cold)
        for scope in (Scope.CONFIG, Scope.SUMMARY):
            names = {name: column_id(scope, name) for of, name in columns if of is scope}
            caches = [self._values[column] for column in names.values()]
            stale = [cached.stale_rows(rows, rows.revisions) for cached in caches]
            if any(len(places) for places in stale) or any(len(cached.array) < len(rows) for cached in caches):
                self._renew_columns(reader, rows, scope, names, np.unique(np.concatenate(stale)))

    def _renew_columns(
        self, reader: RunReader, rows: Rows, scope: Scope, names: Mapping[str, int], stale: Ints
    ) -> None:
        """Take columns from the documents of some runs."""
        keys, revisions = [], []
        values: dict[str, list[Any]] = {name: [] for name in names}
        for found in reader.leaves(scope, rows.keys[stale], names):
            keys.append(found.key)
            revisions.append(found.revision)
            for name, of_runs in values.items():
                of_runs.append(found.leaves.get(name))
        places, _ = rows.rows_of(np.array(keys, dtype=np.int64))
        for name, column in names.items():
            cached = self._values[column]
            versions = resized(cached.versions, len(rows), UNKNOWN)
            versions[places] = revisions
            array = cached.array.with_rows(places, values[name], length=len(rows))
            self._values[column] = _Cached(array, versions)

    def _load_from_blocks(self, reader: RunReader, rows: Rows, columns: Sequence[int]) -> None:
        self._read_blocks(reader)
        coverage = self._coverage(rows)
        versions = np.full(len(rows), UNKNOWN, dtype=np.int64)
        for places, _ in coverage.values():
            versions[places] = rows.revisions[places]
        made = {column: _Cached(ValueArray.missing(len(rows)), versions) for column in columns}
        for column, block, data in reader.block_data(columns):
            if block not in coverage:
                continue  # of a block that is not finished
            cached, (places, entries) = made[column], coverage[block]
            try:
                part = unpack_values(data)
            except StoreCorrupt:
                # The documents have all that blocks have.
                logger.warning("a block of values is damaged; documents are read", extra={"block": block})
                cached.versions = cached.versions.copy()
                cached.versions[places] = UNKNOWN
                continue
            array = cached.array
            array.kinds[places], array.numbers[places] = part.kinds[entries], part.numbers[entries]
            if texts := part.texts.texts:
                if not array.texts.texts:
                    writable = TextArray(resized(array.texts.codes, len(rows), NO_TEXT), array.texts.texts)
                    cached.array = array = replace(array, texts=writable)
                known = (array.texts.texts.add(texts[code]) for code in range(len(texts)))
                codes = np.array([*known, NO_TEXT], dtype=np.int32)
                array.texts.codes[places] = codes[part.texts.codes[entries]]
        self._values.update(made)

    def _read_blocks(self, reader: RunReader) -> None:
        ids = reader.block_ids()
        if new := ids - self._blocks.keys():
            self._blocks.update(reader.block_runs(new))
        for block in self._blocks.keys() - ids:
            del self._blocks[block]

    def _coverage(self, rows: Rows) -> dict[int, tuple[Ints, Ints]]:
        """Per block the rows whose present values it holds, and their places in the block."""
        found = {}
        for block, runs in self._blocks.items():
            places, exists = rows.rows_of(runs.keys)
            entries = np.flatnonzero(exists & (rows.revisions[places] == runs.revisions)) if len(rows) else places[:0]
            found[block] = (places[entries], entries)
        return found


class RunTables:
    """The tables of the projects that were asked for lately. Safe to share between threads."""

    def __init__(self, max_bytes: int = MAX_CACHED_BYTES) -> None:
        self._max_bytes = max_bytes
        self._lock = threading.Lock()
        self._tables: OrderedDict[ProjectId, RunTable] = OrderedDict()
        self._turns = count(1)

    def view(
        self, project: ProjectId, reader: RunReader, fields: Collection[str], columns: Collection[Column]
    ) -> RunView:
        """See `RunTable.view`."""
        turn = next(self._turns)
        return self._use(project, lambda table: table.view(reader, fields, columns, turn=turn), turn)

    def column_names(self, project: ProjectId, reader: RunReader) -> Sequence[ColumnName]:
        """See `RunTable.column_names`."""
        return self._use(project, lambda table: table.column_names(reader), next(self._turns))

    @property
    def size_bytes(self) -> int:
        """What all of it takes of memory, nearly."""
        with self._lock:
            return sum(table.size_bytes for table in self._tables.values())

    def _use(self, project: ProjectId, work: Callable[[RunTable], T], turn: int) -> T:
        with self._lock:
            table = self._tables.setdefault(project, RunTable())
            self._tables.move_to_end(project)
        answer = work(table)
        with self._lock:
            self._forget_some(project, turn)
        return answer

    def _forget_some(self, project: ProjectId, turn: int) -> None:
        """Drop arrays that were not used for long, then whole tables; never those of the present turn."""
        surplus = sum(table.size_bytes for table in self._tables.values()) - self._max_bytes
        if surplus <= 0:
            return
        items = [(table, *found) for table in self._tables.values() for found in table.items()]
        for table, cache, key, item in sorted(items, key=lambda found: found[3].used):
            if item.used < turn and table.forget(cache, key):
                surplus -= item.size_bytes
            if surplus <= 0:
                return
        for other in [other for other in self._tables if other != project]:
            surplus -= self._tables.pop(other).size_bytes
            if surplus <= 0:
                return


@dataclass(slots=True)
class _Names:
    """The columns of a project as far as they were looked for."""

    kinds: dict[Column, int] = field(default_factory=dict)
    versions: Ints = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    """Per row the revision whose names are known."""
    blocks: set[int] = field(default_factory=set)
    """The blocks whose names are known."""
    in_order: list[ColumnName] | None = None

    def add(self, columns: Iterable[tuple[Scope, str, int]]) -> None:
        """Take in columns with their kinds."""
        for scope, name, kinds in columns:
            known = self.kinds.get((scope, name), 0)
            if known | kinds != known or (scope, name) not in self.kinds:
                self.kinds[scope, name] = known | kinds
                self.in_order = None

    def sorted(self) -> list[ColumnName]:
        """By name, then scope."""
        if self.in_order is None:
            columns = (ColumnName(scope, name, kinds) for (scope, name), kinds in self.kinds.items())
            self.in_order = sorted(columns, key=lambda column: (column.name, column.scope))
        return self.in_order

    @property
    def size_bytes(self) -> int:
        """What it takes of memory, nearly."""
        return self.versions.nbytes + len(self.kinds) * 300


T = TypeVar("T")
_BYTES_PER_ROW = 8 * 7 + 2


def _all_rows(reader: RunReader, moment: Moment) -> Rows:
    keys, changes, revisions, created_at, heartbeat_at, states = reader.live_runs()
    return _ordered(
        moment,
        keys=np.array(keys, dtype=np.int64),
        changes=np.array(changes, dtype=np.int64),
        revisions=np.array(revisions, dtype=np.int64),
        is_alive=np.ones(len(keys), dtype=np.bool_),
        created_at=np.array(created_at, dtype=np.int64),
        heartbeat_at=np.array(heartbeat_at, dtype=np.int64),
        states=np.array([_STATE_CODES[state] for state in states], dtype=np.uint8),
    )


def _with_changes(rows: Rows, changed: Sequence[Any], moment: Moment) -> Rows:
    """The rows at a later moment."""
    if not changed:
        return replace(rows, moment=moment)
    keys, changes, revisions, created_at, heartbeat_at, states, deleted = zip(*changed, strict=True)
    all_keys = np.array(keys, dtype=np.int64)
    places, is_known = rows.rows_of(all_keys)
    is_deleted = np.array(deleted, dtype=np.bool_)
    is_new = ~is_known & ~is_deleted
    length = len(rows) + int(is_new.sum())
    places[is_new] = np.arange(len(rows), length)
    taken = is_known | is_new
    places = places[taken]

    def changed_column(column: Any, values: Any) -> Any:
        longer = resized(column, length, 0)
        longer[places] = np.array(values)[taken]
        return longer

    columns = {
        "changes": changed_column(rows.changes, changes),
        "revisions": changed_column(rows.revisions, revisions),
        "is_alive": changed_column(rows.is_alive, ~is_deleted),
        "heartbeat_at": changed_column(rows.heartbeat_at, heartbeat_at),
        "states": changed_column(rows.states, [_STATE_CODES[state] for state in states]),
    }
    if length == len(rows):
        return replace(rows, moment=moment, **columns)
    return _ordered(
        moment,
        keys=changed_column(rows.keys, keys),
        created_at=changed_column(rows.created_at, created_at),
        **columns,
    )


def _ordered(moment: Moment, *, keys: Ints, created_at: Ints, **columns: Any) -> Rows:
    order = np.argsort(keys, kind="stable")
    recency = np.empty(len(keys), dtype=np.int64)
    recency[np.lexsort((-keys, -created_at))] = np.arange(len(keys))
    return Rows(moment, keys=keys, created_at=created_at, order=order, recency=recency, **columns)


def _whole_field(reader: RunReader, rows: Rows, name: str) -> tuple[Ints, Ints, list[Any]]:
    """Rows, versions of all rows, and the values of a field of those rows."""
    keys, changes, found = reader.field(name)
    places, exists = rows.rows_of(np.array(keys, dtype=np.int64))
    versions = np.full(len(rows), UNKNOWN, dtype=np.int64)
    versions[places[exists]] = np.array(changes, dtype=np.int64)[exists]
    if not exists.all():
        found = [value for value, is_known in zip(found, exists, strict=True) if is_known]
    return places[exists], versions, found


def _usernames(reader: RunReader, users: Ints) -> TextArray:
    ids, places = np.unique(users, return_inverse=True)
    names = reader.usernames([int(user) for user in ids if user != NO_INT])
    distinct = TextArray.of([names.get(int(user)) for user in ids])
    return TextArray(distinct.codes[places], distinct.texts)
