"""History, system metrics and console: taking them in and giving them out."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from kymograph.core import exact_json
from kymograph.core.ancestry import history_parts
from kymograph.core.history import (
    SOLE_WRITER,
    BucketAnswer,
    BucketQuery,
    HistoryPart,
    LineBatch,
    MediaPoints,
    MetricInfo,
    MetricQuery,
    NamePage,
    NumberedLine,
    NumberPoints,
    RowPage,
    RowQuery,
    RowTexts,
    SeriesSource,
    Stream,
    ValuePlace,
    XAxis,
)
from kymograph.core.live import LiveEvent, LiveKind
from kymograph.core.resend import are_equal, may_be_known, without_known_lines
from kymograph.core.run import LIVE_STATES, Run, RunChange, RunState
from kymograph.core.summary import merge_summaries
from kymograph.services.access import Access, Caller, check_run, require_run
from kymograph.services.live import LiveBus
from kymograph.storage.base import Database, Transaction
from kymograph.storage.history.base import HistoryReader, TailSize
from kymograph.types import JsonObject, JsonValue, MetricName, RunKey, WriterId

MAX_RUNTIME_S = 10 * 365 * 86400
SYNC_DELAY = timedelta(minutes=2)
"""Clients give their run time in whole seconds; a run that ends later than it says by this much was synced."""

BranchPointOf = Callable[[JsonObject], tuple[str, int] | None]
"""Reads a run's config document: the parent's id and the last inherited step, None for a run that is no fork."""


@dataclass(frozen=True, slots=True)
class StreamUpdate:
    """What one request of a run's file stream brings."""

    batches: Sequence[LineBatch] = ()
    writer: WriterId = SOLE_WRITER
    """Which of several writers of a shared run sent it."""
    summary_json: str | None = None
    """All of it, or what one of several writers knows."""
    is_preempting: bool = False
    is_complete: bool = False
    exit_code: int | None = None
    has_files: bool = False


@dataclass(frozen=True, slots=True)
class ResumeInfo:
    """What a client needs to go on with a run."""

    history_tail: tuple[str, ...]
    events_tail: tuple[str, ...]


class HistoryService:
    """The write path of a run's streams and the queries over them."""

    def __init__(
        self,
        database: Database,
        reader: HistoryReader,
        live: LiveBus,
        clock: Callable[[], datetime],
        branch_point_of: BranchPointOf,
        note_appended: Callable[[RunKey, Stream, int], None],
    ) -> None:
        self._database = database
        self._note_appended = note_appended
        self._reader = reader
        self._live = live
        self._clock = clock
        self._branch_point_of = branch_point_of

    # Taking in

    def record(self, caller: Caller, entity: str, project: str, run_id: str, update: StreamUpdate) -> Run:
        """Keep one request of a file stream; returns once it is durable.

        Recording the same request twice has the effect of recording it once. A run that had ended is running again,
        unless the request is the one that ends it, or comes from one of several writers that had joined before.

        Raises:
            ProjectNotFound: Absent or not readable.
            RunNotFound: Absent.
            RunDeleted: Deleted meanwhile.
            Forbidden: The caller may only read there.
            StorageFull: Nothing of the request was kept.
        """
        known: _Known = {}

        def job(tx: Transaction) -> Run:
            now = self._clock()
            _, run = require_run(tx, caller, entity, project, run_id, Access.WRITE, lock=True)
            batches = [new for batch in update.batches if (new := _unknown_part(run, batch, known)) is not None]
            may_reopen = not _is_straggler(tx, run, update.writer)
            grown = tx.tail.append(run.key, batches)
            return replace(
                tx.runs.change(run, _change_of(run, update, now, may_reopen=may_reopen), now),
                history_lines=run.history_lines + grown.get(Stream.HISTORY, 0),
                event_lines=run.event_lines + grown.get(Stream.SYSTEM, 0),
                console_lines=run.console_lines + grown.get(Stream.CONSOLE, 0),
            )

        try:
            run = self._database.write(job)
        except _PerhapsKnown as exc:
            # Not read inside the job: the lines may lie in the object store, and other writers would wait for it.
            known[exc.batch.first_line] = self._lines_known(exc.run, exc.batch)
            run = self._database.write(job)
        for batch in update.batches:
            self._note_appended(run.key, batch.stream, sum(map(len, batch.lines)))
        self._announce(run, update)
        return run

    def _lines_known(self, run: Run, batch: LineBatch) -> Sequence[NumberedLine]:
        """Lines that a batch may repeat; empty if it cannot."""
        if batch.first_line == run.history_lines and run.state in LIVE_STATES:
            beginning = self._reader.first_line(run.key, Stream.HISTORY)
            if beginning is None or not are_equal(beginning.text, batch.lines[0]):
                return ()
        return self._reader.lines(run.key, Stream.HISTORY, writer=SOLE_WRITER)

    def rewind(self, caller: Caller, run: Run, *, after_step: int) -> Run:
        """Drop history after a step (it stays in an archive) and let the run go on from there."""
        rewound: Run | None = None
        while rewound is None:
            # Prepared outside of the job: how much of a segment stays is written in the object store.
            drop = self._reader.rewind(run.key, after_step=after_step)

            def job(tx: Transaction, drop: Callable[[Transaction], bool] = drop) -> Run | None:
                found = check_run(tx, caller, tx.runs.find_by_key(run.key), Access.WRITE, named=run.path)
                if not drop(tx):
                    return None  # compacted meanwhile
                return tx.runs.update(found.key, RunChange(last_step=after_step), self._clock())

            rewound = self._database.write(job)
        self._live.publish(LiveEvent(run.project_id, run.id, LiveKind.HISTORY, {"last_step": after_step}))
        return rewound

    def _announce(self, run: Run, update: StreamUpdate) -> None:
        seen = {batch.stream for batch in update.batches}

        def tell(kind: LiveKind, **details: int | None) -> None:
            self._live.publish(LiveEvent(run.project_id, run.id, kind, dict(details)))

        if Stream.HISTORY in seen:
            tell(LiveKind.HISTORY, last_step=run.last_step, lines=run.history_lines)
        if Stream.SYSTEM in seen:
            tell(LiveKind.SYSTEM)
        if Stream.CONSOLE in seen:
            tell(LiveKind.CONSOLE, total=run.console_lines)
        if update.summary_json is not None:
            tell(LiveKind.SUMMARY)
        if update.has_files:
            tell(LiveKind.FILES)
        tell(LiveKind.RUN)

    # Giving out

    def parts_of(self, run: Run) -> tuple[HistoryPart, ...]:
        """The run's own history behind those parts of its ancestors that it was forked from."""
        return self._database.read(lambda tx: self._parts(tx, run))

    def _parts(self, tx: Transaction, run: Run) -> tuple[HistoryPart, ...]:
        return history_parts(run, lambda parent: tx.runs.find_ancestor(run.project_id, parent), self._branch_point_of)

    def rows(self, run: Run, query: RowQuery) -> RowPage:
        """Merged rows of a run (got already) in ascending step order."""
        return self._reader.rows(self.parts_of(run), query)

    def row_texts(self, run: Run, query: RowQuery) -> RowTexts:
        """The same as JSON documents, with bare tokens for what is not finite."""
        return self._reader.row_texts(self.parts_of(run), query)

    def catalogue(
        self,
        run: Run,
        stream: Stream = Stream.HISTORY,
        *,
        with_last: bool = True,
        names: Collection[MetricName] | None = None,
    ) -> list[MetricInfo]:
        """Metrics of a run; see `HistoryReader.catalogue`."""
        return self._reader.catalogue(self.parts_of(run), stream, with_last=with_last, names=names).metrics

    def search_metrics(self, runs: Sequence[Run], query: MetricQuery, stream: Stream = Stream.HISTORY) -> NamePage:
        """A page of the names of the metrics of some runs.

        Raises:
            InvalidFilter: A pattern that does not compile, or takes too long.
        """
        return self._reader.metric_names(self._histories(runs), stream, query)

    def _histories(self, runs: Sequence[Run]) -> list[tuple[HistoryPart, ...]]:
        return self._database.read(lambda tx: [self._parts(tx, run) for run in runs])

    def media(self, runs: Sequence[Run], metrics: Sequence[MetricName]) -> list[MediaPoints]:
        """Where metrics of runs (got already) hold media; see `HistoryReader.media`."""
        return self._reader.media(self._histories(runs), metrics)

    def numbers(self, runs: Sequence[Run], metric: MetricName) -> list[NumberPoints]:
        """The numbers of a metric, for each run (got already); see `HistoryReader.numbers`."""
        return self._reader.numbers(self._histories(runs), metric)

    def values(self, runs: Sequence[Run], places: Sequence[ValuePlace]) -> list[JsonValue]:
        """Exact values of runs (got already) at some places; see `HistoryReader.values`."""
        return self._reader.values(self._histories(runs), places)

    def last_step(self, run: Run) -> int | None:
        """The highest step, inherited ones included."""
        return self._reader.last_step(self.parts_of(run))

    def series(
        self,
        runs: Sequence[Run],
        metrics: Sequence[MetricName],
        *,
        stream: Stream = Stream.HISTORY,
        x: XAxis = XAxis.STEP,
        x_metric: MetricName | None = None,
        x_min: float | None = None,
        x_max: float | None = None,
        width: int = 1000,
    ) -> BucketAnswer:
        """Metrics of runs (got already) as columns for charts; see `BucketQuery`."""
        parts_by_run = self._histories(runs)
        sources = tuple(
            SeriesSource(parts, started_at=run.started_at or run.created_at)
            for run, parts in zip(runs, parts_by_run, strict=True)
        )
        return self._reader.buckets(BucketQuery(sources, tuple(metrics), stream, x, x_metric, x_min, x_max, width))

    def resume_info(self, run: Run) -> ResumeInfo:
        """The last lines of history and system metrics, as received."""
        return ResumeInfo(
            history_tail=tuple(line.text for line in self._reader.last_lines(run.key, Stream.HISTORY, 1)),
            events_tail=tuple(line.text for line in self._reader.last_lines(run.key, Stream.SYSTEM, 1)),
        )

    def console(self, run: Run, *, first: int, limit: int) -> list[NumberedLine]:
        """Console lines from number `first` on, as received."""
        return self._database.read(lambda tx: tx.tail.lines(run.key, Stream.CONSOLE, first=first, limit=limit))

    def console_tail(self, run: Run, count: int) -> list[NumberedLine]:
        """The last console lines, ascending."""
        return self._database.read(lambda tx: tx.tail.last_lines(run.key, Stream.CONSOLE, count))

    def tail_size(self) -> TailSize:
        """How much of all runs has not been compacted."""
        return self._database.read(lambda tx: tx.tail.size())

    def system_lines(self, run: Run) -> list[NumberedLine]:
        """All system metric lines as received."""
        return self._reader.lines(run.key, Stream.SYSTEM)


_Known = dict[int, Sequence[NumberedLine]]
"""Lines that were there before, by the number of the first line of the batch that may repeat them."""


class _PerhapsKnown(Exception):
    """A batch may repeat lines that are there already: they have to be looked up first."""

    def __init__(self, run: Run, batch: LineBatch) -> None:
        super().__init__(batch.first_line)
        self.run, self.batch = run, batch


def _unknown_part(run: Run, batch: LineBatch, known: _Known) -> LineBatch | None:
    """What a batch brings that is new; None if nothing. Only a log that is synced a second time brings anything else.

    A training that goes on is told from it without reading the history: its steps are new, or it is not the beginning
    of what is there.

    Raises:
        _PerhapsKnown: `known` does not tell.
    """
    is_past_the_end = batch.first_line >= run.history_lines > 0
    if batch.stream is not Stream.HISTORY or batch.writer != SOLE_WRITER or not is_past_the_end:
        return batch
    if not batch.lines or not may_be_known(batch.lines[0], run.last_step):
        return batch
    if batch.first_line not in known:
        raise _PerhapsKnown(run, batch)
    return without_known_lines(batch, known[batch.first_line])


def _is_straggler(tx: Transaction, run: Run, writer: WriterId) -> bool:
    """Whether a writer goes on after another one has ended the run they share: that does not begin it anew."""
    return writer != SOLE_WRITER and run.finished_at is not None and tx.tail.has_writer(run.key, writer)


def _new_summary(run: Run, update: StreamUpdate) -> str | None:
    summary_json = update.summary_json
    if summary_json is not None and update.writer != SOLE_WRITER:
        known = exact_json.loads(run.summary_json)
        summary_json = exact_json.dumps(merge_summaries(known, exact_json.loads(summary_json)))
    return summary_json if summary_json != run.summary_json else None


def _change_of(run: Run, update: StreamUpdate, now: datetime, *, may_reopen: bool) -> RunChange:
    """What a request changes about the run itself."""
    summary_json = _new_summary(run, update)
    last_step = _last_step(update.batches)
    if last_step is not None and run.last_step is not None:
        last_step = max(last_step, run.last_step)
    if update.is_complete or update.exit_code is not None:
        exit_code = update.exit_code or 0
        if run.stop_requested and exit_code != 0:
            state = RunState.KILLED
        elif run.state is RunState.PREEMPTING or update.is_preempting:
            state = RunState.PREEMPTED if exit_code else RunState.FINISHED
        else:
            state = RunState.FAILED if exit_code else RunState.FINISHED
        return RunChange(
            state=state,
            summary_json=summary_json,
            exit_code=exit_code,
            heartbeat_at=now,
            finished_at=_end_of(run, summary_json or run.summary_json, now),
            last_step=last_step,
        )
    if not may_reopen:
        return RunChange(summary_json=summary_json, last_step=last_step)
    is_back = run.state not in LIVE_STATES
    return RunChange(
        state=RunState.PREEMPTING if update.is_preempting else (RunState.RUNNING if is_back else None),
        summary_json=summary_json,
        heartbeat_at=now,
        started_at=now if run.started_at is None else None,
        # A stop was for the process that has ended; one that resumes the run must not be stopped by it.
        stop_requested=False if is_back and run.stop_requested else None,
        last_step=last_step,
        reopened=is_back,
    )


def _end_of(run: Run, summary_json: str, now: datetime) -> datetime:
    """When the run ended: now, unless its own measure of time says that it is being synced later."""
    started_at = run.started_at or run.created_at
    notes = exact_json.loads(summary_json).get("_wandb")
    runtime = notes.get("runtime") if isinstance(notes, dict) else None
    if isinstance(runtime, (int, float)) and 0 <= runtime < MAX_RUNTIME_S:
        ended_at = started_at + timedelta(seconds=float(runtime))
        if now - ended_at > SYNC_DELAY:
            return ended_at
    return now


def _last_step(batches: Sequence[LineBatch]) -> int | None:
    """The step of the last history line of a request, for people to see how far a run is."""
    for batch in reversed(batches):
        if batch.stream is Stream.HISTORY:
            try:
                row = exact_json.loads(batch.lines[-1])
            except ValueError:
                return None  # kept as received; reading reports it as unreadable
            step = row.get("_step") if isinstance(row, dict) else None
            return step if isinstance(step, int) and not isinstance(step, bool) and abs(step) < 2**63 else None
    return None
