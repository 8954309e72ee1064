"""Links to comparisons in SQL."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, delete, func, insert, select

from kymograph.core import exact_json
from kymograph.core.shares import Share, SharedComparison
from kymograph.storage.metadata.tables import shares, users
from kymograph.types import MetricName, ProjectId, UserId


class SqlShareStore:
    """Docstrings of the methods: `storage.metadata.base.ShareStore`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def create(
        self,
        digest: bytes,
        project: ProjectId,
        user: UserId,
        comparison: SharedComparison,
        *,
        now: datetime,
        expires_at: datetime,
    ) -> Share:
        """Docstring inherited."""
        made = self._connection.execute(
            insert(shares)
            .values(
                digest=digest,
                project_id=project,
                user_id=user,
                run_ids=comparison.run_ids,
                metrics=comparison.metrics,
                axis=comparison.axis,
                view_json=exact_json.dumps(dict(comparison.view)),
                created_at=now,
                expires_at=expires_at,
            )
            .returning(shares.c.id)
        ).scalar_one()
        found = self.find_by_id(made)
        assert found is not None
        return found

    def find(self, digest: bytes, now: datetime) -> Share | None:
        """Docstring inherited."""
        return self._one(shares.c.digest == digest, shares.c.expires_at > now)

    def find_by_id(self, share: int) -> Share | None:
        """Docstring inherited."""
        return self._one(shares.c.id == share)

    def list(
        self, project: ProjectId, now: datetime, *, user: UserId | None, limit: int, offset: int
    ) -> tuple[Sequence[Share], int]:
        """Docstring inherited."""
        wanted = [shares.c.project_id == project, shares.c.expires_at > now]
        if user is not None:
            wanted.append(shares.c.user_id == user)
        total = self._connection.execute(select(func.count()).select_from(shares).where(*wanted)).scalar_one()
        statement = _with_makers().where(*wanted).order_by(shares.c.id.desc()).limit(limit).offset(offset)
        return [_share(row) for row in self._connection.execute(statement)], total

    def delete(self, share: int) -> None:
        """Docstring inherited."""
        self._connection.execute(delete(shares).where(shares.c.id == share))

    def delete_expired(self, now: datetime) -> None:
        """Docstring inherited."""
        self._connection.execute(delete(shares).where(shares.c.expires_at <= now))

    def _one(self, *wanted: ColumnElement[bool]) -> Share | None:
        row = self._connection.execute(_with_makers().where(*wanted)).one_or_none()
        return None if row is None else _share(row)


def _with_makers() -> Select[Any]:
    return select(*shares.c, users.c.username).select_from(shares.join(users))


def _share(row: Row[Any]) -> Share:
    view = exact_json.loads(row.view_json)
    assert isinstance(view, dict)
    comparison = SharedComparison(
        run_ids=row.run_ids,
        metrics=tuple(map(MetricName, row.metrics)),
        axis=MetricName(row.axis),
        view={name: str(text) for name, text in view.items()},
    )
    return Share(
        id=row.id,
        project_id=ProjectId(row.project_id),
        user_id=UserId(row.user_id),
        username=row.username,
        comparison=comparison,
        created_at=row.created_at,
        expires_at=row.expires_at,
    )
