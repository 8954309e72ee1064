"""Runs in SQL, with the index of their config and summary values."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
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
    and_,
    bindparam,
    cast,
    delete,
    func,
    insert,
    select,
    update,
)

from kymograph.core import exact_json
from kymograph.core.filters import Filter, RunQuery, Scope
from kymograph.core.history import Stream
from kymograph.core.palette import REMEMBERED, assign_slot
from kymograph.core.project import Project
from kymograph.core.run import LIVE_STATES, Run, RunChange, RunState
from kymograph.core.run_names import invent_name
from kymograph.errors import NameTaken, RunDeleted, RunNotFound
from kymograph.storage.history.tables import tail_streams
from kymograph.storage.metadata.run_filters import RunConditions
from kymograph.storage.metadata.sql import chunks, insert_for
from kymograph.storage.metadata.tables import (
    entities,
    projects,
    run_documents,
    run_tags,
    run_values,
    runs,
    users,
    value_columns,
)
from kymograph.storage.metadata.values import (
    MAX_INDEXED_LEAVES,
    IndexedValue,
    column_id,
    document_leaves,
    index_document,
    json_text,
)
from kymograph.types import EntityName, ProjectId, ProjectName, RunId, RunKey, UserId

_CLEARABLE = frozenset({"group", "job_type", "host", "program", "repo", "commit", "sweep"})
"""Fields whose empty value is stored as absence."""
_DOCUMENTS = {Scope.CONFIG: "config_json", Scope.SUMMARY: "summary_json"}
_DOCUMENT_COLUMNS = frozenset({"config_json", "summary_json", "metadata_json"})


class SqlRunStore:
    """Docstrings of the methods: `storage.metadata.base.RunStore`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._dialect = connection.dialect.name

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
        key = self._connection.execute(_insert_run(self._dialect), row).scalar_one_or_none()
        if key is None:
            raise NameTaken("run", run)
        created = replace(changed, key=RunKey(key))
        documents = {name: getattr(created, name) for name in _DOCUMENT_COLUMNS}
        self._connection.execute(_INSERT_DOCUMENTS, {"run_key": key, **documents})
        self._store_tags(created.key, created.tags)
        for scope in _DOCUMENTS:
            self._reindex(created, scope, before="{}", after=_document(created, scope))
        return created

    def update(self, run: RunKey, change: RunChange, now: datetime) -> Run:
        """Docstring inherited."""
        row = self._connection.execute(_locked_run(self._dialect), {"with_key": run}).one_or_none()
        if row is None:
            raise RunNotFound(str(run))
        before = _run(row)
        after = _changed(before, change)
        old, new = _columns(before), _columns(after)
        columns = {name: value for name, value in new.items() if old[name] != value}
        self._connection.execute(_UPDATE_RUN, {"with_key": run, **columns, "updated_at": now})
        documents = {
            name: getattr(after, name) for name in _DOCUMENT_COLUMNS if getattr(before, name) != getattr(after, name)
        }
        if documents:
            self._connection.execute(_UPDATE_DOCUMENTS, {"of_run": run, **documents})
        if after.tags != before.tags:
            self._connection.execute(delete(run_tags).where(run_tags.c.run_key == run))
            self._store_tags(run, after.tags)
        for scope, column in _DOCUMENTS.items():
            if column in documents:
                self._reindex(after, scope, before=_document(before, scope), after=_document(after, scope))
        return after

    def delete(self, run: RunKey, now: datetime) -> None:
        """Docstring inherited."""
        self._connection.execute(
            update(runs).where(runs.c.key == run, runs.c.deleted_at.is_(None)).values(deleted_at=now, updated_at=now)
        )

    def _username(self, user: UserId | None) -> str | None:
        return None if user is None else self._connection.execute(_USERNAME, {"with_id": user}).scalar_one_or_none()

    def _recent_slots(self, project: ProjectId) -> set[int]:
        return set(self._connection.execute(_RECENT_SLOTS, {"in_project": project}).scalars())

    def _store_tags(self, run: RunKey, tags: Iterable[str]) -> None:
        unique = dict.fromkeys(exact_json.replace_surrogates(tag) for tag in tags)
        if unique:
            self._connection.execute(_INSERT_TAGS, [{"run_key": run, "tag": tag} for tag in unique])

    def _reindex(self, run: Run, scope: Scope, *, before: str, after: str) -> None:
        """Bring `run_values` from one document to the next, writing only what differs."""
        old, new = index_document(scope, before), index_document(scope, after)
        changed = {name: value for name, value in new.items() if old.get(name) != value}
        gone = [column_id(scope.value, name) for name in old if name not in new]
        for ids in chunks(gone):
            self._connection.execute(
                delete(run_values).where(run_values.c.run_key == run.key, run_values.c.column_id.in_(ids))
            )
        if not changed:
            return
        fresh = [name for name in changed if name not in old]
        if fresh:
            self._connection.execute(
                _put_value_columns(self._dialect),
                [
                    {
                        "project_id": run.project_id,
                        "column_id": column_id(scope.value, name),
                        "scope": scope.value,
                        "name": name,
                    }
                    for name in fresh
                ],
            )
        rows = [_value_row(run.key, scope, *item) for item in changed.items()]
        self._connection.execute(_put_values(self._dialect), rows)

    # --- find --------------------------------------------------------------------------------------------------------

    def find(self, project: ProjectId, run: str) -> Run | None:
        """Docstring inherited."""
        return self._one(_RUN_BY_ID, {"in_project": project, "with_id": run})

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
        conditions = RunConditions(self._dialect, now)
        froms, order = conditions.sorted(runs.outerjoin(users), query.order)
        # Keys first: sorting whole rows would carry every document through the sort.
        page = (
            select(runs.c.key)
            .select_from(froms)
            .where(runs.c.project_id == project, runs.c.deleted_at.is_(None), conditions.condition(query.filter))
            .order_by(*order)
            .limit(query.limit)
            .offset(query.offset)
        )
        keys = [RunKey(key) for key in self._connection.execute(page).scalars()]
        conditions.check_patterns()
        return self.list_by_keys(keys)

    def count(self, project: ProjectId, filter: Filter, now: datetime) -> int:
        """Docstring inherited."""
        conditions = RunConditions(self._dialect, now)
        statement = (
            select(func.count())
            .select_from(runs.outerjoin(users))
            .where(runs.c.project_id == project, runs.c.deleted_at.is_(None), conditions.condition(filter))
        )
        found = self._connection.execute(statement).scalar_one()
        conditions.check_patterns()
        return found

    def values(
        self, runs: Sequence[RunKey], columns: Sequence[tuple[str, str]]
    ) -> dict[RunKey, dict[tuple[str, str], str]]:
        """Docstring inherited."""
        names = {column_id(scope, name): (scope, name) for scope, name in columns}
        found: dict[RunKey, dict[tuple[str, str], str]] = {run: {} for run in runs}
        unknown: set[tuple[RunKey, str]] = set()
        for some in chunks(runs, 500):
            for ids in chunks(list(names)):
                statement = select(run_values).where(run_values.c.run_key.in_(some), run_values.c.column_id.in_(ids))
                for run, column, kind, number, text in self._connection.execute(statement):
                    exact = json_text(kind, number, text)
                    if exact is None:
                        unknown.add((run, names[column][0]))
                    else:
                        found[run][names[column]] = exact
        unknown.update(self._partly_indexed(runs))
        self._add_from_documents(found, unknown, set(columns))
        return found

    def _partly_indexed(self, keys: Sequence[RunKey]) -> list[tuple[RunKey, str]]:
        """Documents with more leaves than are indexed."""
        least = MAX_INDEXED_LEAVES * len('"a":1,')
        found = []
        for some in chunks(keys):
            for scope, column in _DOCUMENTS.items():
                statement = select(run_documents.c.run_key).where(
                    run_documents.c.run_key.in_(some), func.length(run_documents.c[column]) >= least
                )
                found += [(RunKey(key), scope.value) for key in self._connection.execute(statement).scalars()]
        return found

    def _add_from_documents(
        self,
        found: dict[RunKey, dict[tuple[str, str], str]],
        unknown: set[tuple[RunKey, str]],
        columns: set[tuple[str, str]],
    ) -> None:
        """Read the leaves that the index does not tell: lists, long texts, and those beyond its bound."""
        for some in chunks(sorted({run for run, _ in unknown}), 100):
            rows = self._connection.execute(select(run_documents).where(run_documents.c.run_key.in_(some)))
            for row in rows:
                run = RunKey(row.run_key)
                for scope, document in ((Scope.CONFIG, row.config_json), (Scope.SUMMARY, row.summary_json)):
                    if (run, scope.value) not in unknown:
                        continue
                    for name, leaf in document_leaves(scope, document):
                        column = (scope.value, name)
                        if column in columns and column not in found[run]:
                            found[run][column] = exact_json.dumps(leaf)


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
    total = select(func.sum(tail_streams.c.line_count)).where(
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
_UPDATE_RUN = update(runs).where(_BY_KEY)
"""Sets the columns that are given as parameters; so does the next."""
_UPDATE_DOCUMENTS = update(run_documents).where(run_documents.c.run_key == bindparam("of_run"))
_INSERT_DOCUMENTS = insert(run_documents)
_INSERT_TAGS = insert(run_tags)


@cache
def _locked_run(dialect: str) -> Select[Any]:
    return _RUN_BY_KEY.with_for_update(of=runs) if dialect == "postgresql" else _RUN_BY_KEY


@cache
def _insert_run(dialect: str) -> Any:
    return insert_for(dialect, runs).on_conflict_do_nothing().returning(runs.c.key)


@cache
def _put_value_columns(dialect: str) -> Any:
    return insert_for(dialect, value_columns).on_conflict_do_nothing()


@cache
def _put_values(dialect: str) -> Any:
    statement = insert_for(dialect, run_values)
    return statement.on_conflict_do_update(
        index_elements=[run_values.c.run_key, run_values.c.column_id],
        set_={name: statement.excluded[name] for name in ("kind", "number", "text")},
    )


def _run(row: Row[Any]) -> Run:
    values = dict(row._mapping)
    del values["updated_at"], values["deleted_at"]
    values["state"] = RunState(values["state"])
    values["entity"] = EntityName(values["entity"])
    values["project"] = ProjectName(values["project"])
    return Run(**values)


def _columns(run: Run) -> dict[str, Any]:
    """The row of a run in `runs`, without its key."""
    return {name: getattr(run, name) for name in _RUN_COLUMNS}


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


def _document(run: Run, scope: Scope) -> str:
    return run.config_json if scope is Scope.CONFIG else run.summary_json


def _value_row(run: RunKey, scope: Scope, name: str, value: IndexedValue) -> dict[str, Any]:
    return {
        "run_key": run,
        "column_id": column_id(scope.value, name),
        "kind": int(value.kind),
        "number": value.number,
        "text": value.text,
    }
