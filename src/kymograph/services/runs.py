"""Runs: create, resume, change, find, stop and delete."""

from __future__ import annotations

import secrets
import string
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from kymograph.core import exact_json
from kymograph.core.column_search import ColumnPage, ColumnQuery
from kymograph.core.config import INTERNAL_KEY
from kymograph.core.filters import Compare, Comparison, Field, Filter, RunQuery, Scope
from kymograph.core.groups import GroupPage, GroupQuery
from kymograph.core.history import SOLE_WRITER
from kymograph.core.live import LiveEvent, LiveKind
from kymograph.core.names import parse_run_id
from kymograph.core.project import Project
from kymograph.core.run import CRASHED_AFTER, SETTABLE_STATES, STALE_AFTER, Run, RunChange, RunState
from kymograph.core.summary import merge_summaries
from kymograph.errors import Forbidden, InvalidTransition, MalformedRequest, ProjectNotFound, RunDeleted, RunNotFound
from kymograph.services.access import (
    Access,
    Caller,
    check_project,
    check_run,
    require_project,
    require_run,
)
from kymograph.services.live import LiveBus
from kymograph.services.projects import find_or_create_project
from kymograph.storage.base import Database, Transaction
from kymograph.storage.metadata.base import ValueIndex
from kymograph.types import JsonObject, ProjectId, RunId, RunKey, WriterId

RUN_ID_LENGTH = 8
_RUN_ID_ALPHABET = string.ascii_lowercase + string.digits


@dataclass(frozen=True, slots=True)
class RunAddress:
    """Where a run is or shall be; missing parts have defaults."""

    entity: str | None = None
    project: str | None = None
    run: str | None = None
    key: RunKey | None = None
    """Given by clients that know the run already; then the rest does not matter."""


@dataclass(frozen=True, slots=True)
class RunPage:
    """Some runs of a project, as of one moment."""

    runs: list[Run]
    total: int
    now: datetime


WATCH_DELAY = timedelta(seconds=10)
"""A page listens this soon after its first look."""
MAX_RECENT_RUNS = 200


def _all_events(run: Run) -> list[LiveEvent]:
    """One event of each kind that the run has anything of."""
    details: dict[LiveKind, JsonObject] = {LiveKind.RUN: {}, LiveKind.SUMMARY: {}, LiveKind.FILES: {}}
    if run.last_step is not None:
        details[LiveKind.HISTORY] = {"last_step": run.last_step, "lines": run.history_lines}
    if run.event_lines:
        details[LiveKind.SYSTEM] = {}
    if run.console_lines:
        details[LiveKind.CONSOLE] = {"total": run.console_lines}
    return [LiveEvent(run.project_id, run.id, kind, about) for kind, about in details.items()]


def new_run_id() -> RunId:
    """A random id as clients make them."""
    return RunId("".join(secrets.choice(_RUN_ID_ALPHABET) for _ in range(RUN_ID_LENGTH)))


def checked_document(text: str, *, where: str) -> JsonObject:
    """Parse a config or summary document.

    Raises:
        MalformedRequest: Not a JSON object.
    """
    try:
        document = exact_json.loads(text)
    except ValueError as exc:
        raise MalformedRequest(f"not JSON: {exc}", where=where) from exc
    if not isinstance(document, dict):
        raise MalformedRequest("expected a JSON object", where=where)
    return document


def _keep_internal_notes(change: RunChange, known: Run) -> RunChange:
    """Add the client's own notes to a config that comes without: a run that lost them could not be resumed.

    Whoever edits a run through the public API sends the config as people see it.
    """
    if change.config_json is None:
        return change
    document = checked_document(change.config_json, where="config")
    notes = exact_json.loads(known.config_json).get(INTERNAL_KEY)
    if notes is None or INTERNAL_KEY in document:
        return change
    return replace(change, config_json=exact_json.dumps({**document, INTERNAL_KEY: notes}))


class RunService:
    """Everything about runs but their history, console and files."""

    def __init__(
        self,
        database: Database,
        values: ValueIndex,
        live: LiveBus,
        clock: Callable[[], datetime],
        merge_configs: Callable[[JsonObject, JsonObject], JsonObject],
    ) -> None:
        self._merge_configs = merge_configs
        self._database = database
        self._values = values
        self._live = live
        self._clock = clock

    @property
    def now(self) -> datetime:
        """The moment that states are told for."""
        return self._clock()

    # Writing

    def upsert(
        self, caller: Caller, address: RunAddress, change: RunChange, *, writer: WriterId = SOLE_WRITER
    ) -> tuple[Run, bool]:
        """Change a run, creating it and its project when absent.

        A run that has ended is running again once another writer joins it.

        Args:
            caller: Who asks.
            address: Of the run.
            change: What is to be different.
            writer: Which of several writers says so: config and summary hold what that one knows, and are merged.

        Returns:
            The run afterwards, and whether this call created it.

        Raises:
            RunDeleted: The id belonged to a deleted run.
            RunNotFound: `address.key` is given and there is no such run.
            EntityNotFound: No such entity, or not the caller's.
            Forbidden: The caller may only read there.
            InvalidName: The id or project name breaks the rules.
            MalformedRequest: Config or summary is not a JSON object.
        """
        if change.config_json is not None:
            checked_document(change.config_json, where="config")
        if change.summary_json is not None:
            checked_document(change.summary_json, where="summaryMetrics")

        def complete(tx: Transaction, known: Run) -> RunChange:
            if writer == SOLE_WRITER:
                return _keep_internal_notes(change, known)
            # Locked before it is read: what another writer says at the same moment must be merged as well.
            known = tx.runs.find(known.project_id, known.id, lock=True) or known
            merged = self._merged(change, known)
            if tx.tail.join(known.key, writer) and known.finished_at is not None and change.state is None:
                return replace(merged, state=RunState.RUNNING, heartbeat_at=self._clock(), reopened=True)
            return merged

        def job(tx: Transaction) -> tuple[Run, bool]:
            now = self._clock()
            if address.key is not None:
                known = check_run(tx, caller, tx.runs.find_by_key(address.key), Access.WRITE, named="(by id)")
                return tx.runs.update(known.key, complete(tx, known), now), False
            project = find_or_create_project(tx, caller, address.entity, address.project, now)
            run_id = parse_run_id(address.run) if address.run else new_run_id()
            existing = tx.runs.find(project.id, run_id)
            if existing is not None:
                return tx.runs.update(existing.key, complete(tx, existing), now), False
            if tx.runs.is_deleted(project.id, run_id):
                raise RunDeleted(run_id)
            tx.projects.touch(project.id, now)
            created = replace(change, state=change.state or RunState.RUNNING)
            run = tx.runs.create(
                project, run_id, display_name=change.display_name, user=caller.user.id, now=now, change=created
            )
            if writer != SOLE_WRITER:
                tx.tail.join(run.key, writer)
            return run, True

        run, inserted = self._database.write(job)
        self._live.publish(LiveEvent(run.project_id, run.id, LiveKind.RUN))
        if change.summary_json is not None:
            self._live.publish(LiveEvent(run.project_id, run.id, LiveKind.SUMMARY))
        return run, inserted

    def _merged(self, change: RunChange, known: Run) -> RunChange:
        config_json, summary_json = change.config_json, change.summary_json
        if config_json is not None:
            merged = self._merge_configs(exact_json.loads(known.config_json), exact_json.loads(config_json))
            config_json = exact_json.dumps(merged)
        if summary_json is not None:
            merged = merge_summaries(exact_json.loads(known.summary_json), exact_json.loads(summary_json))
            summary_json = exact_json.dumps(merged)
        return replace(change, config_json=config_json, summary_json=summary_json)

    def update(self, caller: Caller, run: Run, change: RunChange) -> Run:
        """Change a run that the caller has got already."""
        return self.upsert(caller, RunAddress(key=run.key), change)[0]

    def set_state(self, caller: Caller, key: RunKey, state: RunState) -> Run:
        """Set a state by hand, where the protocol allows it.

        Raises:
            InvalidTransition: Not from the run's present state.
        """

        def job(tx: Transaction) -> Run:
            run = check_run(tx, caller, tx.runs.find_by_key(key), Access.WRITE, named="(by id)")
            current = run.state_at(self._clock())
            if current is RunState.STALE:
                current = RunState.RUNNING
            if current not in SETTABLE_STATES.get(state, ()) or run.sweep is not None:
                raise InvalidTransition(run.id, current=current, wanted=state)
            return tx.runs.update(run.key, RunChange(state=state), self._clock())

        run = self._database.write(job)
        self._live.publish(LiveEvent(run.project_id, run.id, LiveKind.RUN))
        return run

    def request_stop(self, caller: Caller, key: RunKey) -> Run:
        """Ask the run's process to stop; it learns of it with its next request."""

        def job(tx: Transaction) -> Run:
            run = check_run(tx, caller, tx.runs.find_by_key(key), Access.WRITE, named="(by id)")
            return tx.runs.update(run.key, RunChange(stop_requested=True), self._clock())

        run = self._database.write(job)
        self._live.publish(LiveEvent(run.project_id, run.id, LiveKind.RUN))
        return run

    def delete(self, caller: Caller, key: RunKey) -> None:
        """Remove a run; its id cannot be used again."""

        def job(tx: Transaction) -> Run:
            run = check_run(tx, caller, tx.runs.find_by_key(key), Access.WRITE, named="(by id)")
            tx.runs.delete(run.key, self._clock())
            return run

        run = self._database.write(job)
        self._live.publish(LiveEvent(run.project_id, run.id, LiveKind.GONE))

    # Reading

    def get(self, caller: Caller, entity: str | None, project: str, run: str, *, access: Access = Access.READ) -> Run:
        """One run.

        Raises:
            ProjectNotFound: Absent or not readable.
            RunNotFound: The project has no such run.
            Forbidden: Readable, and more `access` was asked for.
        """
        return self._database.read(lambda tx: require_run(tx, caller, entity, project, run, access)[1])

    def may_write(self, caller: Caller, run: Run) -> bool:
        """Whether the caller may change a run (got already)."""

        def job(tx: Transaction) -> bool:
            try:
                check_run(tx, caller, run, Access.WRITE, named=run.path)
            except (Forbidden, RunNotFound):
                return False
            return True

        return self._database.read(job)

    def find(self, caller: Caller, entity: str | None, project: str, run: str) -> Run | None:
        """One run, None when absent or not readable."""
        try:
            return self.get(caller, entity, project, run)
        except (ProjectNotFound, RunNotFound):
            return None

    def find_by_key(self, caller: Caller, key: RunKey) -> Run | None:
        """One run by row number, None when absent or not readable."""

        def job(tx: Transaction) -> Run | None:
            try:
                return check_run(tx, caller, tx.runs.find_by_key(key), Access.READ, named="(by id)")
            except RunNotFound:
                return None

        return self._database.read(job)

    def list_by_keys(self, caller: Caller, keys: Sequence[RunKey]) -> list[Run]:
        """Those of the runs that the caller may read."""

        def job(tx: Transaction) -> list[Run]:
            allowed: dict[ProjectId, bool] = {}
            runs = tx.runs.list_by_keys(keys)
            for run in runs:
                if run.project_id not in allowed:
                    project = tx.projects.find_by_id(run.project_id)
                    try:
                        check_project(tx, caller, project, Access.READ, named=run.path)
                        allowed[run.project_id] = True
                    except ProjectNotFound:
                        allowed[run.project_id] = False
            return [run for run in runs if allowed[run.project_id]]

        return self._database.read(job)

    def search(self, caller: Caller, entity: str | None, project: str, query: RunQuery) -> RunPage:
        """One page of the runs of a project."""

        def job(tx: Transaction) -> RunPage:
            now = self._clock()
            found = require_project(tx, caller, entity, project, Access.READ)
            runs = tx.runs.search(found.id, query, now) if query.limit else []
            return RunPage(runs, tx.runs.count(found.id, query.filter, now), now)

        return self._database.read(job)

    def count(self, project: Project, filter: Filter) -> int:
        """How many runs of a project (got already) match."""
        return self._database.read(lambda tx: tx.runs.count(project.id, filter, self._clock()))

    def group(self, caller: Caller, entity: str | None, project: str, query: GroupQuery) -> GroupPage:
        """One page of the groups of the runs of a project.

        Raises:
            ProjectNotFound: Absent or not readable.
        """

        def job(tx: Transaction) -> GroupPage:
            found = require_project(tx, caller, entity, project, Access.READ)
            return tx.runs.group(found.id, query, self._clock())

        return self._database.read(job)

    def list_columns(self, caller: Caller, entity: str | None, project: str, query: ColumnQuery) -> ColumnPage:
        """One page of the config and summary columns of a project.

        Raises:
            ProjectNotFound: Absent or not readable.
        """

        def job(tx: Transaction) -> ColumnPage:
            found = require_project(tx, caller, entity, project, Access.READ)
            return tx.runs.list_columns(found.id, query)

        return self._database.read(job)

    def find_many(self, caller: Caller, entity: str | None, project: str, runs: Sequence[str]) -> list[Run]:
        """Those of the named runs that exist, in the order asked for."""

        def job(tx: Transaction) -> list[Run]:
            found = require_project(tx, caller, entity, project, Access.READ)
            return [run for name in runs if (run := tx.runs.find(found.id, name)) is not None]

        return self._database.read(job)

    def check_there(self, runs: Sequence[Run]) -> None:
        """See that runs (got already) have not been deleted meanwhile.

        Raises:
            RunNotFound: One has.
        """
        there = {run.key for run in self._database.read(lambda tx: tx.runs.list_by_keys([run.key for run in runs]))}
        gone = next((run for run in runs if run.key not in there), None)
        if gone is not None:
            raise RunNotFound(gone.id, within=f"{gone.entity}/{gone.project}")

    def recent_events(self, caller: Caller, entity: str | None, project: str) -> list[LiveEvent]:
        """What may have happened between a watcher's first look and the moment it began to listen.

        Raises:
            ProjectNotFound: Absent or not readable.
        """
        since = self._clock() - WATCH_DELAY
        heard = Compare(Field(Scope.RUN, "heartbeat_at"), Comparison.GE, since.isoformat())
        page = self.search(caller, entity, project, RunQuery(heard, limit=MAX_RECENT_RUNS))
        return [event for run in page.runs for event in _all_events(run)]

    # Time passing

    def index_values(self) -> int:
        """Let searches read many runs quickly; see `ValueIndex`. Returns how many runs were taken in."""
        return self._values.index(self._clock())

    def stop_indexing(self) -> None:
        """Let `index_values` end soon; later ones do nothing."""
        self._values.stop()

    def announce_silent(self) -> int:
        """Tell watchers of runs that have become stale or crashed; their state follows from the clock by itself."""
        now = self._clock()
        silent = self._database.read(lambda tx: tx.runs.list_silent(now - STALE_AFTER))
        for run in silent:
            if now - run.heartbeat_at < CRASHED_AFTER * 2:
                self._live.publish(LiveEvent(run.project_id, run.id, LiveKind.RUN))
        return len(silent)
