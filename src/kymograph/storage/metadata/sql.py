"""Small helpers that the SQL stores share."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Connection, Table, and_, func, or_
from sqlalchemy.dialects import postgresql, sqlite

from kymograph.storage.metadata.columns import AnyText, escape_text

T = TypeVar("T")

MAX_BOUND = 5_000
"""Values per IN list; SQLite allows 32,766 parameters per statement, PostgreSQL 65,535."""


def insert_into(connection: Connection, table: Table) -> postgresql.Insert | sqlite.Insert:
    """An INSERT that knows ON CONFLICT."""
    return insert_for(connection.dialect.name, table)


def insert_for(dialect: str, table: Table) -> postgresql.Insert | sqlite.Insert:
    """The same without a connection, for statements that are built once."""
    return sqlite.insert(table) if dialect == "sqlite" else postgresql.insert(table)


def chunks(items: Sequence[T], size: int = MAX_BOUND) -> Iterator[Sequence[T]]:
    """Cut into pieces of at most `size`."""
    for start in range(0, len(items), size):
        yield items[start : start + size]


def contains_text(needle: str, *columns: ColumnElement[Any]) -> ColumnElement[bool]:
    """Whether any column contains `needle`, ignoring the case of ASCII letters."""
    escaped = needle.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return or_(*(column.ilike(f"%{escaped}%", escape="\\") for column in columns))


def begins_with(column: ColumnElement[Any], prefix: str) -> ColumnElement[bool]:
    """Case-sensitive prefix test; the first half lets an index find the place."""
    length = len(escape_text(prefix))
    return and_(column >= prefix, func.substr(column, 1, length, type_=AnyText) == prefix)
