"""Runs one statement in a DuckDB of its own: locked up, bounded, and given nothing but the tables of one project.

The checks of `storage.sql.guard` are what keeps statements to these tables. DuckDB is locked up besides, in case they
miss something: no files, no network, no extensions, no settings, no spilling to disk, one thread.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import duckdb
import orjson

from kymograph.core import exact_json
from kymograph.core.sql import SqlAnswer, SqlFormat, SqlQuery
from kymograph.errors import InvalidQuery, QueryOverLimit
from kymograph.storage.history.column_cache import ColumnCache
from kymograph.storage.history.segments.files import SegmentFiles
from kymograph.storage.sql.allowed import TABLES
from kymograph.storage.sql.arrow import ArrowStream
from kymograph.storage.sql.guard import Checked, check, first_line
from kymograph.storage.sql.reads import reads_of, uses_column
from kymograph.storage.sql.sources import Sources
from kymograph.storage.transaction import SqlTransaction
from kymograph.types import JsonValue, ProjectId

MAX_ANSWER_BYTES = 32 * 1024 * 1024
_ROWS_AT_ONCE = 1024

_NATIVE = frozenset(
    [
        "BOOLEAN", "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER",
        "UBIGINT", "UHUGEINT", "FLOAT", "DOUBLE", "VARCHAR",
    ]
)  # fmt: skip
"""Types whose values come as Python's numbers and texts; others are made texts, or walked if they are nested."""
_MAX_EXACT_DIGITS = 15
"""Decimals with no more digits than this are told exactly by the nearest double."""


@dataclass(frozen=True, slots=True)
class SqlLimits:
    """What one statement may take."""

    timeout_s: float = 30.0
    memory_bytes: int = 512 * 1024 * 1024
    """Of DuckDB; what else the process needs comes on top."""


@contextmanager
def empty_database(limits: SqlLimits) -> Iterator[duckdb.DuckDBPyConnection]:
    """A database in memory that holds nothing, loads nothing and keeps nothing."""
    connection = duckdb.connect(
        ":memory:",
        config={
            "allow_community_extensions": False,
            "allow_extension_repositories": "forbidden",
            "allow_persistent_secrets": False,
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
            "python_enable_replacements": False,
            "temp_directory": "",
            "memory_limit": f"{limits.memory_bytes // 1024}KiB",
            # Tables are handed over by this thread's own Python, and a second core is for those who wait for charts.
            "threads": 1,
        },
    )
    try:
        yield connection
    finally:
        connection.close()


def lock_up(connection: duckdb.DuckDBPyConnection) -> None:
    """Close what could lead out of a database; nothing opens it again."""
    for statement in (
        "SET TimeZone = 'UTC'",
        "SET enable_external_access = false",
        "SET disabled_filesystems = 'LocalFileSystem'",
        "SET lock_configuration = true",
    ):
        connection.execute(statement)


def execute(
    transaction: SqlTransaction,
    project: ProjectId,
    query: SqlQuery,
    *,
    cache: ColumnCache,
    files: SegmentFiles,
    limits: SqlLimits,
) -> SqlAnswer:
    """Check a statement, run it on the tables as the transaction sees them, and write the answer.

    Raises:
        InvalidQuery: It may not run, or fails.
        QueryOverLimit: It takes too long, or too much memory.
        StoreCorrupt: Something other than a segment cannot be read.
    """
    began = time.monotonic()
    deadline = began + limits.timeout_s

    def check_time() -> None:
        if time.monotonic() > deadline:
            raise QueryOverLimit("time", limit=f"{limits.timeout_s:g} s")

    sources = Sources(transaction, project, query.now, cache, files, check_time)
    answer = _Answer(query)
    with empty_database(limits) as connection:
        checked = check(connection, query.text)
        tables = _tables(sources, checked)
        for name, table in tables.items():
            connection.register(name, table)
        lock_up(connection)
        with _interrupted_at(deadline, connection):
            try:
                _run(connection, checked.text, query.limit, answer)
            except duckdb.Error as exc:
                raise _translated(exc, tables.values(), limits) from exc
            except MemoryError as exc:
                raise _too_large(limits) from exc
    damaged = [asdict(damage) for _, damage in sorted(sources.damaged.items(), key=lambda item: item[0])]
    return answer.close(damaged, elapsed_s=time.monotonic() - began)


def read_parquet(path: Path, query: SqlQuery, *, limits: SqlLimits) -> SqlAnswer:
    """The first rows of a Parquet file, written like the answer to a statement.

    Args:
        path: The only file that DuckDB gets to see.
        query: Only its limit and format count.
        limits: What it may take.

    Raises:
        InvalidQuery: It is no Parquet file, or damaged.
        QueryOverLimit: It takes too long, or too much memory.
    """
    began = time.monotonic()
    answer = _Answer(query)
    source = "read_parquet('" + str(path).replace("'", "''") + "')"
    with empty_database(limits) as connection:
        connection.execute("SET allowed_paths = ?", [[str(path)]])
        for statement in ("TimeZone = 'UTC'", "enable_external_access = false", "lock_configuration = true"):
            connection.execute(f"SET {statement}")
        with _interrupted_at(began + limits.timeout_s, connection):
            try:
                described = connection.execute(f"DESCRIBE SELECT * FROM {source}").fetchall()
                names, types = [str(row[0]) for row in described], [str(row[1]) for row in described]
                aliases = [f"c{index}" for index in range(len(names))]
                columns = ", ".join(map(_readable, aliases, types))
                answer.begin(names, types)
                text = f"SELECT {columns} FROM {source} AS q({', '.join(aliases)}) LIMIT {query.limit + 1}"
                result = connection.execute(text)
                while (rows := result.fetchmany(_ROWS_AT_ONCE)) and answer.add(rows):
                    pass
            except duckdb.Error as exc:
                raise _translated(exc, (), limits) from exc
            except MemoryError as exc:
                raise _too_large(limits) from exc
    return answer.close([], elapsed_s=time.monotonic() - began)


def _tables(sources: Sources, checked: Checked) -> dict[str, ArrowStream]:
    reads = reads_of(checked)
    with_texts = uses_column(checked, "text")
    return {
        name: ArrowStream(TABLES[name], partial(sources.batches, name, of_table, with_texts=with_texts))
        for name, of_table in reads.items()
    }


def _run(connection: duckdb.DuckDBPyConnection, statement: str, limit: int, answer: _Answer) -> None:
    inner = f"(\n{statement}\n)"
    described = connection.execute(f"DESCRIBE SELECT * FROM {inner}").fetchall()
    names = [str(row[0]) for row in described]
    types = [str(row[1]) for row in described]
    aliases = [f"c{index}" for index in range(len(names))]
    columns = ", ".join(_readable(alias, kind) for alias, kind in zip(aliases, types, strict=True))
    text = f"SELECT {columns} FROM {inner} AS q({', '.join(aliases)}) LIMIT {limit + 1}"
    check(connection, text)  # what runs is what was checked, whatever putting brackets around it has made of it
    answer.begin(names, types)
    result = connection.execute(text)
    while rows := result.fetchmany(_ROWS_AT_ONCE):
        if not answer.add(rows):
            return


def _readable(column: str, kind: str) -> str:
    """An expression for a column in a form that JSON and CSV can tell exactly."""
    if kind in _NATIVE or kind.endswith("]") or kind.startswith(("STRUCT", "MAP", "UNION")):
        return column
    if kind.startswith("DECIMAL"):
        digits = int(kind.removeprefix("DECIMAL(").partition(",")[0])
        return f"CAST({column} AS {'DOUBLE' if digits <= _MAX_EXACT_DIGITS else 'VARCHAR'})"
    if kind in ("TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS", "TIMESTAMP WITH TIME ZONE"):
        moment = f"CAST({column} AS TIMESTAMP)" if kind.endswith("ZONE") else column
        text = f"CAST({moment} AS VARCHAR)"
        return f"CASE WHEN isfinite({column}) THEN replace({text}, ' ', 'T') || 'Z' ELSE {text} END"
    if kind == "BLOB":
        return f"base64({column})"
    return f"CAST({column} AS VARCHAR)"


@contextmanager
def _interrupted_at(deadline: float, connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """Break off what runs at a deadline."""
    timer = threading.Timer(max(0.0, deadline - time.monotonic()), connection.interrupt)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()


def _too_large(limits: SqlLimits) -> QueryOverLimit:
    return QueryOverLimit("memory", limit=f"{limits.memory_bytes // 2**20} MiB")


def _translated(error: duckdb.Error, tables: Iterable[ArrowStream], limits: SqlLimits) -> BaseException:
    """What an error of DuckDB means; what a table raised while it was read comes first."""
    for table in tables:
        if isinstance(table.error, MemoryError):
            return _too_large(limits)
        if table.error is not None and not isinstance(table.error, GeneratorExit):
            return table.error
    if isinstance(error, duckdb.InterruptException):
        return QueryOverLimit("time", limit=f"{limits.timeout_s:g} s")
    if isinstance(error, duckdb.OutOfMemoryException):
        return _too_large(limits)
    if isinstance(error, (duckdb.InternalException, duckdb.FatalException)):
        return InvalidQuery(f"DuckDB cannot run it: {first_line(str(error))}")
    return InvalidQuery(first_line(str(error)))


class _Answer:
    """An answer under way, bounded in rows and bytes."""

    def __init__(self, query: SqlQuery) -> None:
        self._limit = query.limit
        self._is_csv = query.format is SqlFormat.CSV
        self._names: Sequence[str] = ()
        self._types: Sequence[str] = ()
        self._pieces: list[list[bytes]] = []
        self._size = 0
        self._rows = 0
        self._is_truncated = False

    def begin(self, names: Sequence[str], types: Sequence[str]) -> None:
        """Say which columns there are."""
        self._names, self._types = names, types
        self._pieces = [[]] if self._is_csv else [[] for _ in names]

    def add(self, rows: Sequence[Sequence[Any]]) -> bool:
        """Write rows; False once there is room for no more."""
        left = self._limit - self._rows
        if len(rows) > left:
            rows, self._is_truncated = rows[:left], True
        values = [[_plain(value) for value in row] for row in rows]
        if self._is_csv:
            texts = ["".join(",".join(map(_csv, row)) + "\r\n" for row in values).encode(errors="replace")]
        else:
            texts = [
                orjson.dumps([exact_json.to_strict(row[index]) for row in values])[1:-1]
                for index in range(len(self._names))
            ]
        size = sum(map(len, texts))
        if self._rows and self._size + size > MAX_ANSWER_BYTES:
            self._is_truncated = True
            return False
        for piece, text in zip(self._pieces, texts, strict=True):
            if text:
                piece.append(text)
        self._size += size
        self._rows += len(rows)
        return not self._is_truncated

    def close(self, damaged: Sequence[dict[str, Any]], *, elapsed_s: float) -> SqlAnswer:
        """All of it."""
        if self._is_csv:
            body = (",".join(map(_csv, self._names)) + "\r\n").encode(errors="replace") + b"".join(self._pieces[0])
        else:
            columns = b",".join(
                b'{"name":' + orjson.dumps(name) + b',"type":' + orjson.dumps(kind) + b',"values":['
                + b",".join(pieces) + b"]}"
                for name, kind, pieces in zip(self._names, self._types, self._pieces, strict=True)
            )  # fmt: skip
            rest = {
                "row_count": self._rows,
                "truncated": self._is_truncated,
                "damaged": damaged,
                "elapsed_s": round(elapsed_s, 4),
            }
            body = b'{"columns":[' + columns + b"]," + orjson.dumps(rest)[1:]
        return SqlAnswer(body, self._rows, self._is_truncated, len(damaged))


def _plain(value: Any) -> JsonValue:
    """A value of DuckDB's as JSON knows it, numbers still exact."""
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {key if isinstance(key, str) else str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, Decimal):
        return float(value) if len(value.as_tuple().digits) <= _MAX_EXACT_DIGITS else str(value)
    if isinstance(value, (datetime, date)):
        return value.isoformat()
    if isinstance(value, (bytes, bytearray)):
        return value.hex()
    return str(value.total_seconds()) if isinstance(value, timedelta) else str(value)


def _csv(value: JsonValue) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        # An empty text is quoted, so that it is not taken for a missing one.
        needs_quotes = not value or any(character in value for character in ',"\r\n')
        return '"' + value.replace('"', '""') + '"' if needs_quotes else value
    text = exact_json.dumps(value)
    return text if isinstance(value, (int, float)) else '"' + text.replace('"', '""') + '"'
