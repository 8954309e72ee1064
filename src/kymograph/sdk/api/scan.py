"""All rows of a run's history, one after the other."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from kymograph.client import bulk_reads
from kymograph.client.operations import Operation
from kymograph.client.runs import RunAddress
from kymograph.core.flatten import iter_leaves
from kymograph.errors import TransportError, UsageError
from kymograph.sdk.api.damage import tell
from kymograph.sdk.api.either import Async, Bound, M, Sync
from kymograph.sdk.api.frames import STEP, rows_of
from kymograph.sdk.api.session import ApiSession
from kymograph.types import JsonObject
from kymograph.wire.columns import Frame, FrameDecoder

PAGE_STEPS = 1000
_SPARSE = 4
"""Pages grow while they bring less than a row for so many steps."""


@dataclass(slots=True)
class _Progress:
    """How far a scan is."""

    next_step: int
    end_step: int | None
    """The first one that is not wanted; None for the end."""
    width: int


class HistoryScan(Bound[M]):
    """The rows of a run's history in ascending step order, each once; read while they are gone through.

    Our own server sends them in one answer, and a scan whose connection breaks goes on where it was. Other servers
    are asked page by page. Iterating again begins anew.
    """

    def __init__(
        self,
        session: ApiSession[M],
        at: RunAddress,
        *,
        keys: Sequence[str] | None,
        is_any: bool,
        page_size: int,
        min_step: int,
        max_step: int | None,
    ) -> None:
        """Begin before the first row; see `Run.scan_history`."""
        if isinstance(keys, str) or not all(isinstance(key, str) for key in keys or ()):
            raise UsageError("keys must be specified in a list of strings")
        super().__init__(session)
        self.at, self.page_size = at, max(page_size, 1)
        self.keys = None if keys is None else list(keys)
        self.any_of, self.min_step, self.max_step = is_any, min_step, max_step
        self._names = list(dict.fromkeys([*(keys or ()), STEP])) if keys else []
        self._current: Iterator[JsonObject] | None = None

    # --- code that waits ---------------------------------------------------------------------------------------------

    def __iter__(self: HistoryScan[Sync]) -> Iterator[JsonObject]:
        self._current = self._scan()
        return self._current

    def __next__(self: HistoryScan[Sync]) -> JsonObject:
        if self._current is None:
            self._current = self._scan()
        return next(self._current)

    next = __next__

    def _scan(self: HistoryScan[Sync]) -> Iterator[JsonObject]:
        session, progress = self._session, self._begin()
        if not session.perform(session.offers(bulk_reads.FEATURE)):
            while (rows := session.perform(self._page(progress))) is not None:
                yield from rows
            return
        path = self._path
        while True:
            begun_at, reader = progress.next_step, _Reader(self._names, is_any=self.any_of)
            try:
                for piece in session.pieces(path, self._query(progress).content()):
                    for row in reader.feed(piece):
                        progress.next_step = _step_of(row) + 1
                        yield row
                tell(self.at.path, reader.close(path))
            except TransportError:
                if progress.next_step == begun_at:
                    raise
            else:
                return

    # --- code that awaits --------------------------------------------------------------------------------------------

    async def __aiter__(self: HistoryScan[Async]) -> AsyncIterator[JsonObject]:
        session, progress = self._session, self._begin()
        if not await session.perform(session.offers(bulk_reads.FEATURE)):
            while (rows := await session.perform(self._page(progress))) is not None:
                for row in rows:
                    yield row
            return
        path = self._path
        while True:
            begun_at, reader = progress.next_step, _Reader(self._names, is_any=self.any_of)
            try:
                async for piece in session.async_pieces(path, self._query(progress).content()):
                    for row in reader.feed(piece):
                        progress.next_step = _step_of(row) + 1
                        yield row
                tell(self.at.path, reader.close(path))
            except TransportError:
                if progress.next_step == begun_at:
                    raise
            else:
                return

    # --- both --------------------------------------------------------------------------------------------------------

    @property
    def _path(self) -> str:
        return bulk_reads.histories_path(self.at.entity, self.at.project)

    def _begin(self) -> _Progress:
        return _Progress(self.min_step, self.max_step, self.page_size)

    def _query(self, progress: _Progress) -> bulk_reads.HistoryQuery:
        return bulk_reads.HistoryQuery(
            [self.at.run_id],
            keys=self.keys or (),
            is_any=self.any_of,
            min_step=progress.next_step,
            max_step=progress.end_step,
            # Whole rows as they were logged, nested and with integers that are integers; chosen keys are columns.
            as_lines=not self._names,
        )

    def _page(self, progress: _Progress) -> Operation[list[JsonObject] | None]:
        """The rows of the next steps; None after the last one."""
        if progress.end_step is None or progress.end_step == self.max_step:
            last = yield from self._session.reads.last_step(self.at)
            progress.end_step = last + 1 if self.max_step is None else min(self.max_step, last + 1)
        if progress.next_step >= progress.end_step:
            return None
        stop = min(progress.next_step + progress.width, progress.end_step)
        rows = yield from self._session.reads.rows_between(self.at, progress.next_step, stop)
        # Steps may be seconds, or far apart.
        is_sparse = len(rows) * _SPARSE < progress.width
        progress.width = progress.width * _SPARSE if is_sparse else max(self.page_size, progress.width // _SPARSE)
        progress.next_step = stop
        return [row for row in (pick(row, self._names, is_any=self.any_of) for row in rows) if row is not None]

    def __repr__(self) -> str:
        return f"<HistoryScan {self.at.path}>"


class _Reader:
    """Reads the rows of one run from the answer of our own server, while it comes."""

    def __init__(self, names: Sequence[str], *, is_any: bool) -> None:
        self._names, self._is_any = names, is_any
        self._lines = bulk_reads.LineDecoder()
        self._frames = FrameDecoder()
        self._damaged: list[str] = []

    def feed(self, piece: bytes) -> Iterator[JsonObject]:
        """The rows that are whole now."""
        if not self._names:
            return (row for _, row in self._lines.feed(piece))
        names = () if self._is_any else self._names
        return (row for frame in map(self._noted, self._frames.feed(piece)) for row in rows_of(frame, names))

    def _noted(self, frame: Frame) -> Frame:
        self._damaged.append(frame.damaged)
        return frame

    def close(self, path: str) -> list[str]:
        """See that the answer came to its end; gives what the server could not read."""
        bulk_reads.close(self._frames if self._names else self._lines, path)
        return [*self._damaged, *self._lines.damaged]


def pick(row: JsonObject, names: Sequence[str], *, is_any: bool) -> JsonObject | None:
    """Some keys of a row, nested ones by their dotted names; None if it has not all of them, or not any.

    Args:
        row: The row.
        names: The keys, the step among them; none for the whole row.
        is_any: Whether one of them is enough, besides the step.
    """
    if not names:
        return row
    leaves: dict[str, Any] = {**dict(iter_leaves(row)), **row}
    picked = {name: leaves[name] for name in names if name in leaves}
    has_enough = any(name != STEP for name in picked) if is_any else len(picked) == len(names)
    return picked if has_enough else None


def _step_of(row: JsonObject) -> int:
    step = row.get(STEP)
    return int(step) if isinstance(step, (int, float)) else 0
