"""Moments: which changes of runs a snapshot of the database has seen, so that readers ask for the others only.

Every change of a run numbers its row. On SQLite, where one transaction writes at a time, numbers count the changes of a
project, and a snapshot has seen all up to the highest. On PostgreSQL, where transactions end in any order, the number
is that of the transaction: a snapshot tells itself below which number all had ended.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from sqlalchemy import BigInteger, ColumnElement, Connection, Select, Text, bindparam, cast, func, select

from kymograph.storage.metadata.tables import runs
from kymograph.types import ProjectId

_NO_CEILING = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Moment:
    """What one snapshot has seen."""

    order: tuple[int, int]
    """Greater for a later snapshot, equal for one that has seen the same."""
    floor: int
    """All changes with smaller numbers were seen; some of the others may have been, too."""
    ceiling: int
    """No change from here on was seen. A restored copy has rows from transactions that its server is yet to number."""


def moment_of(connection: Connection, project: ProjectId) -> Moment:
    """The moment of the snapshot that a connection reads."""
    if connection.dialect.name == "sqlite":
        last = connection.execute(_LAST_CHANGE, {"in_project": project}).scalar_one()
        return Moment((last, 0), floor=last + 1, ceiling=_NO_CEILING)
    xmin, xmax, running = connection.execute(_SNAPSHOT).one()
    # While no newer transaction ends, snapshots differ in how many of the older ones still run.
    return Moment((xmax, -running), floor=xmin, ceiling=xmax)


@cache
def next_change(dialect: str) -> ColumnElement[int]:
    """The number of a change, for an UPDATE of `runs`."""
    if dialect != "sqlite":
        return _TRANSACTION
    # Runs are never removed, only marked, so the highest number is never used again.
    return (_NEXT_CHANGE.where(_others.c.project_id == runs.c.project_id)).scalar_subquery()


@cache
def first_change(dialect: str) -> ColumnElement[int]:
    """The same for an INSERT; on SQLite it takes the project as the parameter ``in_project``."""
    if dialect != "sqlite":
        return _TRANSACTION
    return (_NEXT_CHANGE.where(_others.c.project_id == bindparam("in_project"))).scalar_subquery()


_others = runs.alias("others")
_NEXT_CHANGE = select(func.coalesce(func.max(_others.c.change), 0) + 1)
_LAST_CHANGE = select(func.coalesce(func.max(runs.c.change), 0)).where(runs.c.project_id == bindparam("in_project"))
_TRANSACTION: ColumnElement[int] = cast(cast(func.pg_current_xact_id(), Text), BigInteger)


def _snapshot() -> Select[int, int, int]:
    seen = select(func.pg_current_snapshot().label("seen")).subquery().c.seen
    running = select(func.count()).select_from(func.pg_snapshot_xip(func.pg_current_snapshot()).alias("running"))
    xmin, xmax = (cast(cast(bound(seen), Text), BigInteger) for bound in (func.pg_snapshot_xmin, func.pg_snapshot_xmax))
    return select(xmin, xmax, running.scalar_subquery())


_SNAPSHOT = _snapshot()
