"""Many numbers to and from the database in one statement, whichever database it is."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Connection, String, Table, any_, bindparam, cast, func, select
from sqlalchemy.dialects.postgresql import ARRAY


def among(connection: Connection, column: ColumnElement[Any], ids: Collection[int]) -> ColumnElement[bool]:
    """Whether a column is one of any number of numbers: they go over as one parameter."""
    if connection.dialect.name == "sqlite":
        numbers = func.json_each(bindparam(None, json.dumps(list(ids)), String)).table_valued("value")
        return column.in_(select(numbers.c.value))
    return column == any_(cast(bindparam(None, list(ids), ARRAY(BigInteger)), ARRAY(BigInteger)))


def update_numbers(
    connection: Connection, table: Table, key: str, names: Sequence[str], rows: Sequence[Sequence[int]]
) -> None:
    """Set columns of many rows.

    Args:
        connection: With an open transaction.
        table: Whose rows.
        key: The column that tells rows apart.
        names: The columns to set.
        rows: The key and then the values, each.
    """
    _write(connection, f"UPDATE {table.name} SET {{values}} WHERE {{keys}}", table, [key], names, rows, adds=False)


def add_numbers(connection: Connection, table: Table, key: str, name: str, rows: Sequence[Sequence[int]]) -> None:
    """Add to one column of many rows: the key and the number to add, each."""
    _write(connection, f"UPDATE {table.name} SET {{values}} WHERE {{keys}}", table, [key], [name], rows, adds=True)


def put_numbers(
    connection: Connection, table: Table, keys: Sequence[str], name: str, rows: Sequence[Sequence[int]]
) -> None:
    """Insert rows of keys and one value, or set the value of those that are there."""
    if not rows:
        return
    columns = ", ".join([*keys, name])
    on_conflict = f"ON CONFLICT ({', '.join(keys)}) DO UPDATE SET {name} = excluded.{name}"
    if connection.dialect.name == "sqlite":
        marks = ", ".join("?" * (len(keys) + 1))
        connection.exec_driver_sql(
            f"INSERT INTO {table.name} ({columns}) VALUES ({marks}) {on_conflict}", [tuple(row) for row in rows]
        )
    else:
        connection.exec_driver_sql(
            f"INSERT INTO {table.name} ({columns}) SELECT * FROM {_unnested(len(keys) + 1)} {on_conflict}",
            _columns_of(rows),
        )


def delete_numbers(connection: Connection, table: Table, keys: Sequence[str], rows: Sequence[Sequence[int]]) -> None:
    """Delete the rows that have these keys."""
    if not rows:
        return
    if connection.dialect.name == "sqlite":
        condition = " AND ".join(f"{key} = ?" for key in keys)
        connection.exec_driver_sql(f"DELETE FROM {table.name} WHERE {condition}", [tuple(row) for row in rows])
    else:
        names = ", ".join(keys)
        condition = " AND ".join(f"{table.name}.{key} = m.{key}" for key in keys)
        connection.exec_driver_sql(
            f"DELETE FROM {table.name} USING {_unnested(len(keys))} AS m({names}) WHERE {condition}",
            _columns_of(rows),
        )


def _write(
    connection: Connection,
    statement: str,
    table: Table,
    keys: Sequence[str],
    names: Sequence[str],
    rows: Sequence[Sequence[int]],
    *,
    adds: bool,
) -> None:
    if not rows:
        return
    if connection.dialect.name == "sqlite":
        values = ", ".join(f"{name} = {name} + ?" if adds else f"{name} = ?" for name in names)
        condition = " AND ".join(f"{key} = ?" for key in keys)
        order = [(*row[len(keys) :], *row[: len(keys)]) for row in rows]
        connection.exec_driver_sql(statement.format(values=values, keys=condition), order)
        return
    values = ", ".join(f"{name} = {table.name}.{name} + m.{name}" if adds else f"{name} = m.{name}" for name in names)
    condition = " AND ".join(f"{table.name}.{key} = m.{key}" for key in keys)
    source = f"{_unnested(len(keys) + len(names))} AS m({', '.join([*keys, *names])})"
    connection.exec_driver_sql(statement.format(values=f"{values} FROM {source}", keys=condition), _columns_of(rows))


def _unnested(count: int) -> str:
    return f"unnest({', '.join(['%s::bigint[]'] * count)})"


def _columns_of(rows: Sequence[Sequence[int]]) -> tuple[list[int], ...]:
    return tuple(list(column) for column in zip(*rows, strict=True))
