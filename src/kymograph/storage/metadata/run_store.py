"""Runs in SQL. Searches go to the run table in memory (`run_table`), and only the page comes from here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Row,
    Select,
    Update,
    and_,
    bindparam,
    case,
    cast,
    func,
    insert,
    select,
    update,
)

from kymograph.core.column_search import ColumnPage, ColumnQuery
from kymograph.core.filters import EVERYTHING, Filter, Order, RunQuery, fields_in
from kymograph.core.groups import GroupPage, GroupQuery
from kymograph.core.history import Stream
from kymograph.core.palette import REMEMBERED, assign_slot
from kymograph.core.project import Project
from kymograph.core.run import LIVE_STATES, Run, RunChange, RunState
from kymograph.core.run_names import invent_name
from kymograph.errors import NameTaken, RunDeleted, RunNotFound
from kymograph.storage.history.tables import tail_streams
from kymograph.storage.metadata.arrays import Bools
from kymograph.storage.metadata.column_names import find_columns
from kymograph.storage.metadata.moments import first_change, next_change
from kymograph.storage.metadata.run_groups import group_runs
from kymograph.storage.metadata.run_reader import RunReader
from kymograph.storage.metadata.run_search import RunSearch, what_to_load
from kymograph.storage.metadata.run_table import RunTables
from kymograph.storage.metadata.sql import chunks, insert_for
from kymograph.storage.metadata.tables import entities, projects, run_documents, runs, users
from kymograph.types import EntityName, ProjectId, ProjectName, RunId, RunKey, UserId

_CLEARABLE = frozenset({"group", "job_type", "host", "program", "repo", "commit", "sweep"})
"""Fields whose empty value is stored as absence."""
_DOCUMENT_COLUMNS = frozenset({"config_json", "summary_json", "metadata_json"})
_SEARCHED_DOCUMENTS = frozenset({"config_json", "summary_json"})


class SqlRunStore:
    """Docstrings of the methods: `storage.metadata.base.RunStore`."""

    def __init__(self, connection: Connection, tables: RunTables | None = None) -> None:
        self._connection = connection
        self._dialect = connection.dialect.name
        # A writing job sees what others must not see yet, and what may be rolled back.
        self._tables = tables or RunTables()
        self._found: tuple[tuple[ProjectId, Filter, datetime], RunSearch, Bools] | None = None

    # --- create and change -------------------------------------------------------------------------------------------

    def create(
        self,
        project: Project,
        run: RunId,
        *,
        display_name: str | None,
        user: UserId | None,
        now: datetime,
        change: RunChange,
    ) -> Run:
        """Docstring inherited."""
        existing = self._connection.execute(_EXISTING, {"in_project": project.id, "with_id": run}).one_or_none()
        if existing is not None:
            raise NameTaken("run", run) if existing.deleted_at is None else RunDeleted(run)
        # Counting first also makes concurrent creations in one project wait for each other, so slots do not repeat.
        counter = self._connection.execute(_COUNT_RUN, {"in_project": project.id}).scalar_one()
        draft = Run(
            key=RunKey(0),
            project_id=project.id,
            entity=project.entity,
            project=project.name,
            id=run,
            display_name=display_name or invent_name(run, counter),
            state=RunState.RUNNING,
            color=assign_slot(run, self._recent_slots(project.id)),
            user_id=user,
            username=self._username(user),
            created_at=now,
            heartbeat_at=now,
        )
        changed = _changed(draft, change)
        row = {**_columns(changed), "updated_at": now}
        if self._dialect == "sqlite":
            row["in_project"] = project.id  # see `first_change`
        key = self._connection.execute(_insert_run(self._dialect), row).scalar_one_or_none()
        if key is None:
            raise NameTaken("run", run)
        created = replace(changed, key=RunKey(key))
        documents = {name: getattr(created, name) for name in _DOCUMENT_COLUMNS}
        self._connection.execute(_INSERT_DOCUMENTS, {"run_key": key, **documents})
        return created

    def update(self, run: RunKey, change: RunChange, now: datetime) -> Run:
        """Docstring inherited."""
        row = self._connection.execute(_locked_by_key(self._dialect), {"with_key": run}).one_or_none()
        if row is None:
            raise RunNotFound(str(run))
        return self.change(_run(row), change, now)

    def change(self, run: Run, change: RunChange, now: datetime) -> Run:
        """Docstring inherited."""
        before, after = run, _changed(run, change)
        old, new = _columns(before), _columns(after)
        columns = {name: value for name, value in new.items() if old[name] != value}
        documents = {
            name: getattr(after, name) for name in _DOCUMENT_COLUMNS if getattr(before, name) != getattr(after, name)
        }
        statement = _update_run(self._dialect, is_revised=not _SEARCHED_DOCUMENTS.isdisjoint(documents))
        self._connection.execute(statement, {"with_key": run.key, **columns, "updated_at": now})
        if documents:
            self._connection.execute(_UPDATE_DOCUMENTS, {"of_run": run.key, **documents})
        return after

    def delete(self, run: RunKey, now: datetime) -> None:
        """Docstring inherited."""
        self._connection.execute(
            update(runs)
            .where(runs.c.key == run, runs.c.deleted_at.is_(None))
            .values(deleted_at=now, updated_at=now, change=next_change(self._dialect))
        )

    def _username(self, user: UserId | None) -> str | None:
        return None if user is None else self._connection.execute(_USERNAME, {"with_id": user}).scalar_one_or_none()

    def _recent_slots(self, project: ProjectId) -> set[int]:
        return set(self._connection.execute(_RECENT_SLOTS, {"in_project": project}).scalars())

    # --- find --------------------------------------------------------------------------------------------------------

    def find(self, project: ProjectId, run: str, *, lock: bool = False) -> Run | None:
        """Docstring inherited."""
        return self._one(_locked_by_id(self._dialect) if lock else _RUN_BY_ID, {"in_project": project, "with_id": run})

    def find_ancestor(self, project: ProjectId, run: str) -> Run | None:
        """Docstring inherited."""
        return self._one(_ANY_RUN_BY_ID, {"in_project": project, "with_id": run})

    def find_by_key(self, run: RunKey) -> Run | None:
        """Docstring inherited."""
        return self._one(_RUN_BY_KEY, {"with_key": run})

    def is_deleted(self, project: ProjectId, run: str) -> bool:
        """Docstring inherited."""
        statement = select(runs.c.key).where(
            runs.c.project_id == project, runs.c.id == run, runs.c.deleted_at.is_not(None)
        )
        return self._connection.execute(statement).first() is not None

    def list_by_keys(self, runs: Sequence[RunKey]) -> list[Run]:
        """Docstring inherited."""
        found = self._by_key(runs)
        return [found[key] for key in runs if key in found]

    def list_silent(self, before: datetime, *, limit: int = 1000) -> list[Run]:
        """Docstring inherited."""
        statement = (
            _full_runs()
            .where(runs.c.state.in_(sorted(LIVE_STATES)), runs.c.heartbeat_at < before)
            .order_by(runs.c.heartbeat_at)
            .limit(limit)
        )
        return [_run(row) for row in self._connection.execute(statement)]

    def _one(self, statement: Select[Any], values: dict[str, Any]) -> Run | None:
        row = self._connection.execute(statement, values).one_or_none()
        return None if row is None else _run(row)

    def _by_key(self, keys: Sequence[RunKey]) -> dict[RunKey, Run]:
        found: dict[RunKey, Run] = {}
        for some in chunks(keys):
            for row in self._connection.execute(_RUNS_BY_KEYS, {"with_keys": some}):
                found[RunKey(row.key)] = _run(row)
        return found

    # --- search ------------------------------------------------------------------------------------------------------

    def search(self, project: ProjectId, query: RunQuery, now: datetime) -> list[Run]:
        """Docstring inherited."""
        search, found = self._search(project, query.filter, now, query.order)
        rows = search.page(found, query.order, limit=query.limit, offset=query.offset)
        return self.list_by_keys(search.keys_of(rows))

    def count(self, project: ProjectId, filter: Filter, now: datetime) -> int:
        """Docstring inherited."""
        is_known = self._found is not None and self._found[0] == (project, filter, now)
        if filter == EVERYTHING and not is_known:
            return self._connection.execute(_COUNT_RUNS, {"in_project": project}).scalar_one()
        _, found = self._search(project, filter, now)
        return int(found.sum())

    def group(self, project: ProjectId, query: GroupQuery, now: datetime) -> GroupPage:
        """Docstring inherited."""
        wanted = [*fields_in(query.filter), *query.by, *query.metrics]
        view = self._tables.view(project, RunReader(self._connection, project), *what_to_load(wanted))
        return group_runs(RunSearch(view, now), query)

    def list_columns(self, project: ProjectId, query: ColumnQuery) -> ColumnPage:
        """Docstring inherited."""
        return find_columns(self._tables.column_names(project, RunReader(self._connection, project)), query)

    def _search(
        self, project: ProjectId, filter: Filter, now: datetime, order: Sequence[Order] = ()
    ) -> tuple[RunSearch, Bools]:
        """The runs that match. Who asks for a page and then for the count pays once."""
        asked = (project, filter, now)
        if self._found is None or self._found[0] != asked or order:
            wanted = [*fields_in(filter), *(item.field for item in order)]
            view = self._tables.view(project, RunReader(self._connection, project), *what_to_load(wanted))
            search = RunSearch(view, now)
            self._found = asked, search, search.find(filter)
        return self._found[1:]


def _full_runs() -> Select[Any]:
    return _all_runs().where(runs.c.deleted_at.is_(None), projects.c.deleted_at.is_(None))


def _all_runs() -> Select[Any]:
    """Deleted ones included, as long as they have their documents."""
    return select(
        runs,
        run_documents.c.config_json,
        run_documents.c.summary_json,
        run_documents.c.metadata_json,
        projects.c.name.label("project"),
        entities.c.name.label("entity"),
        users.c.username,
        _line_count(Stream.HISTORY).label("history_lines"),
        _line_count(Stream.SYSTEM).label("event_lines"),
        _line_count(Stream.CONSOLE).label("console_lines"),
    ).select_from(
        runs.join(run_documents, run_documents.c.run_key == runs.c.key)
        .join(projects, projects.c.id == runs.c.project_id)
        .join(entities, entities.c.id == projects.c.entity_id)
        .outerjoin(users, users.c.id == runs.c.user_id)
    )


def _line_count(stream: Stream) -> ColumnElement[int]:
    """`Tail.line_count` for the run of each row."""
    n_lines = tail_streams.c.line_count - tail_streams.c.numbered_from
    # A rewind may leave a writer fewer lines than it began with.
    total = select(func.sum(case((n_lines > 0, n_lines), else_=0))).where(
        tail_streams.c.run_id == runs.c.key, tail_streams.c.stream == stream.value
    )
    # PostgreSQL's sum of big integers is a decimal.
    return cast(func.coalesce(total.scalar_subquery(), 0), BigInteger)


# Statements of the hot paths are built once: building one costs SQLAlchemy several times what running it costs SQLite.
_BY_KEY = runs.c.key == bindparam("with_key")
_BY_ID = and_(runs.c.project_id == bindparam("in_project"), runs.c.id == bindparam("with_id"))
_RUN_BY_KEY = _full_runs().where(_BY_KEY)
_RUN_BY_ID = _full_runs().where(_BY_ID)
_ANY_RUN_BY_ID = _all_runs().where(_BY_ID)
_RUNS_BY_KEYS = _full_runs().where(runs.c.key.in_(bindparam("with_keys", expanding=True)))
_EXISTING = select(runs.c.deleted_at).where(_BY_ID)
_COUNT_RUN = (
    update(projects)
    .where(projects.c.id == bindparam("in_project"))
    .values(run_counter=projects.c.run_counter + 1)
    .returning(projects.c.run_counter)
)
_RECENT_SLOTS = (
    select(runs.c.color)
    .where(runs.c.project_id == bindparam("in_project"))
    .order_by(runs.c.created_at.desc(), runs.c.key.desc())  # as the index has them
    .limit(REMEMBERED)
)
_USERNAME = select(users.c.username).where(users.c.id == bindparam("with_id"))
_COUNT_RUNS = (
    select(func.count())
    .select_from(runs)
    .where(runs.c.project_id == bindparam("in_project"), runs.c.deleted_at.is_(None))
)
_UPDATE_DOCUMENTS = update(run_documents).where(run_documents.c.run_key == bindparam("of_run"))
"""Sets the columns that are given as parameters."""
_INSERT_DOCUMENTS = insert(run_documents)


# Both tables: after waiting for the lock, PostgreSQL reads again what is locked, and the rest as it was before.
@cache
def _locked_by_key(dialect: str) -> Select[Any]:
    return _RUN_BY_KEY.with_for_update(of=(runs, run_documents)) if dialect == "postgresql" else _RUN_BY_KEY


@cache
def _locked_by_id(dialect: str) -> Select[Any]:
    return _RUN_BY_ID.with_for_update(of=(runs, run_documents)) if dialect == "postgresql" else _RUN_BY_ID


@cache
def _insert_run(dialect: str) -> Any:
    values = {"change": first_change(dialect)}
    return insert_for(dialect, runs).values(values).on_conflict_do_nothing().returning(runs.c.key)


@cache
def _update_run(dialect: str, *, is_revised: bool) -> Update:
    """Sets the columns that are given as parameters, too."""
    values: dict[str, Any] = {"change": next_change(dialect)}
    if is_revised:
        values |= {"revision": runs.c.revision + 1, "value_block": None}
    return update(runs).where(_BY_KEY).values(values)


def _run(row: Row[Any]) -> Run:
    values = dict(row._mapping)
    for name in _OF_THE_STORE:
        del values[name]
    values["state"] = RunState(values["state"])
    values["entity"] = EntityName(values["entity"])
    values["project"] = ProjectName(values["project"])
    return Run(**values)


def _columns(run: Run) -> dict[str, Any]:
    """The row of a run in `runs`, without its key."""
    return {name: getattr(run, name) for name in _RUN_COLUMNS}


_OF_THE_STORE = frozenset({"updated_at", "deleted_at", "change", "revision", "value_block"})
"""Columns that no `Run` shows."""
_RUN_COLUMNS = tuple(field.name for field in fields(Run) if field.name in runs.c and field.name != "key")


def _changed(run: Run, change: RunChange) -> Run:
    values: dict[str, Any] = {}
    if change.reopened:
        values["finished_at"] = values["exit_code"] = None
    for field in fields(RunChange):
        value = getattr(change, field.name)
        if field.name == "reopened" or value is None:
            continue
        values[field.name] = None if value == "" and field.name in _CLEARABLE else value
    return replace(run, **values)
