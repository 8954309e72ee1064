"""An export of a stored history: one moment of it, in one of the formats."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence, Sized
from functools import cached_property
from hashlib import blake2b

from kymograph.core.buckets import even_indices
from kymograph.core.history import (
    STEP,
    Damage,
    ExportFormat,
    ExportQuery,
    HistoryFrame,
    HistoryPart,
    KeyMode,
    Stream,
)
from kymograph.core.value_kinds import LAST_NUMERIC
from kymograph.storage.base import Transaction
from kymograph.storage.history.choosing import matching_steps
from kymograph.storage.history.columns import Ints
from kymograph.storage.history.export.columns import ColumnKind, WideColumn, survey
from kymograph.storage.history.export.frames import write_frames
from kymograph.storage.history.export.frozen import FrozenLines
from kymograph.storage.history.export.parquet import ContentDigest, write_parquet
from kymograph.storage.history.export.texts import write_csv, write_lines
from kymograph.storage.history.export.windows import Windows
from kymograph.storage.history.joins import distinct
from kymograph.storage.history.segments.files import SegmentFiles
from kymograph.storage.history.segments.points import Metric
from kymograph.storage.history.slices import SegmentSlice
from kymograph.storage.history.snapshot import Snapshot
from kymograph.storage.history.views import HistoryView, damage_within
from kymograph.types import ObjectKey


class StoredExport:
    """`HistoryExport` of segments and tail."""

    def __init__(
        self,
        view: HistoryView,
        names: Sequence[str],
        lines: FrozenLines,
        query: ExportQuery,
        damaged: tuple[Damage, ...],
    ) -> None:
        self._view = view
        self._all_names = names
        self._query = query
        self._lines = lines
        self.damaged = damaged
        self._digest = ContentDigest()

    # docstrings inherited

    @cached_property
    def row_count(self) -> int:
        """Docstring inherited."""
        return len(self._steps)

    @cached_property
    def last_step(self) -> int | None:
        """Docstring inherited."""
        return int(self._steps[-1]) if len(self._steps) else None

    @cached_property
    def is_plain(self) -> bool:
        """Docstring inherited."""
        return (
            not self.damaged
            and not self._query.keys
            and bool(len(self._steps))
            and self._has_plain_steps
            and all(column.is_plain for column in self._columns)
        )

    @property
    def digest(self) -> str:
        """Docstring inherited."""
        return self._digest.hex()

    def pieces(self, *, with_digest: bool = False) -> Iterator[bytes]:
        """Docstring inherited."""
        if self._query.format is ExportFormat.PARQUET:
            return write_parquet(self._windows, self._columns, self._digest if with_digest else None)
        if self._query.format is ExportFormat.CSV:
            return write_csv(self._windows, self._columns)
        return write_lines(self._windows, self._query.keys)

    def frames(self) -> Iterator[HistoryFrame]:
        """Docstring inherited."""
        return write_frames(self._windows, self._columns)

    # --- what is in it -----------------------------------------------------------------------------------------------

    @cached_property
    def _names(self) -> list[str]:
        keys = self._query.keys
        if not keys:
            return list(self._all_names)
        inside = tuple(f"{key}." for key in keys)
        return [name for name in self._all_names if name in keys or name.startswith(inside)]

    @cached_property
    def _steps(self) -> Ints:
        query = self._query
        if not query.keys:
            steps = self._view.steps()
        elif query.mode is KeyMode.ALL:
            steps = matching_steps(self._view, query.keys, KeyMode.ALL)
        else:
            steps = distinct([self._view.series(name).steps for name in self._names])
        return steps if query.samples is None else steps[even_indices(len(steps), query.samples)]

    @cached_property
    def _windows(self) -> Windows:
        query = self._query
        is_whole = not query.keys and (query.samples is None or len(self._steps) < query.samples)
        return Windows(self._view, self._lines, self._steps, is_whole=is_whole)

    @cached_property
    def _columns(self) -> list[WideColumn]:
        found = [survey(self._windows, name) for name in self._names if name != STEP]
        # A bound may leave a metric without points.
        return [column for column in found if column.points]

    @cached_property
    def _has_plain_steps(self) -> bool:
        """Whether no row was logged with something else under the name of the step."""
        if STEP not in self._names:
            return True
        column = survey(self._windows, STEP)
        return column.kind is ColumnKind.INTEGER

    def verify(self) -> None:
        """Read everything once that could turn out to be damaged: later it could not be left out any more.

        Raises:
            StoreCorrupt: Names the object.
        """
        if self._query.format is ExportFormat.JSON_LINES:
            self._lines.verify()
            return
        for item in self._view.slices:
            if isinstance(item, SegmentSlice):
                for name in self._names:
                    for metric in item.file.find(name):
                        _verify(metric)


def _verify(metric: Metric) -> None:
    """Read the arrays of a metric, which checks them the first time."""
    arrays: list[Sized] = [metric.values]
    if metric.code is None:
        arrays.append(metric.codes)
    if not metric.is_dense:
        arrays.append(metric.places)
    if metric.code is None or metric.code > LAST_NUMERIC:
        metric.texts()
    assert all(len(array) == len(metric) for array in arrays)


def freeze(
    tx: Transaction,
    snapshot: Snapshot,
    files: SegmentFiles,
    query: ExportQuery,
    parts: Sequence[HistoryPart],
    damaged: Collection[ObjectKey],
) -> StoredExport:
    """Take along what an export needs when the transaction has ended.

    Raises:
        StoreCorrupt: A segment that is not in `damaged` is.
    """
    last_step = None if query.max_step is None else query.max_step - 1
    names = snapshot.names(parts)
    view = snapshot.view(parts, names, are_keys=True).within(query.min_step, last_step)
    lines = FrozenLines()
    runs = {part.run for part in parts}
    segments = tx.segments.list_live(runs, Stream.HISTORY)
    for run in runs:
        for segment in segments.get(run, ()):
            if segment.object not in damaged:
                lines.add_segment(files, segment)
        lines.add_tail(run, tx.tail.chunks(run, Stream.HISTORY))
    return StoredExport(view, names, lines, query, damage_within(view, query.min_step, last_step))


def identity_of(tx: Transaction, parts: Sequence[HistoryPart]) -> str:
    """Equal as long as nothing was added to a history, taken away or compacted; 32 characters."""
    runs = {part.run for part in parts}
    versions = tx.tail.versions(runs, Stream.HISTORY)
    segments = tx.segments.list_live(runs, Stream.HISTORY)
    state = [
        (
            part.run,
            part.last_step,
            sorted((writer, of.generation, of.version) for writer, of in versions.get(part.run, {}).items()),
            sorted((segment.id, segment.last_kept_step) for segment in segments.get(part.run, ())),
        )
        for part in parts
    ]
    return blake2b(repr(state).encode(), digest_size=16).hexdigest()
