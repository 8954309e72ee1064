"""Files of runs in SQL."""

from __future__ import annotations

import builtins
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Integer, Row, delete, func, select, update

from kymograph.core.files import RunFile
from kymograph.storage.metadata.columns import AnyText, escape_text
from kymograph.storage.metadata.sql import begins_with, insert_into
from kymograph.storage.metadata.tables import files, runs
from kymograph.types import Digest, FilePath, ObjectKey, RunKey


class SqlFileStore:
    """Docstrings of the methods: `storage.metadata.base.FileStore`. Keeps `runs.storage_bytes` exact."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def put(
        self,
        run: RunKey,
        path: FilePath,
        *,
        size_bytes: int,
        md5: Digest | None,
        mimetype: str,
        object_key: ObjectKey,
        now: datetime,
    ) -> RunFile:
        """Docstring inherited."""
        # The run's row is taken first: concurrent replacements of one file must each see the size they replace.
        self._connection.execute(
            update(runs).where(runs.c.key == run).values(storage_bytes=runs.c.storage_bytes + size_bytes)
        )
        replaced = self._connection.execute(
            select(files.c.size_bytes).where(files.c.run_key == run, files.c.path == path)
        ).scalar_one_or_none()
        if replaced:
            self._connection.execute(
                update(runs).where(runs.c.key == run).values(storage_bytes=runs.c.storage_bytes - replaced)
            )
        statement = insert_into(self._connection, files).values(
            run_key=run,
            path=path,
            size_bytes=size_bytes,
            md5=md5,
            mimetype=mimetype,
            object_key=object_key,
            updated_at=now,
        )
        statement = statement.on_conflict_do_update(
            index_elements=[files.c.run_key, files.c.path],
            set_={
                name: statement.excluded[name] for name in ("size_bytes", "md5", "mimetype", "object_key", "updated_at")
            },
        )
        return _file(self._connection.execute(statement.returning(*files.c)).one())

    def find(self, run: RunKey, path: str) -> RunFile | None:
        """Docstring inherited."""
        return self._one(files.c.run_key == run, files.c.path == path)

    def find_by_id(self, file: int) -> RunFile | None:
        """Docstring inherited."""
        return self._one(files.c.id == file)

    def list(
        self,
        run: RunKey,
        *,
        names: Sequence[str] = (),
        pattern: str | None = None,
        prefix: str = "",
        is_shallow: bool = False,
        after: str | None = None,
        limit: int = 100,
    ) -> tuple[builtins.list[RunFile], int]:
        """Docstring inherited."""
        conditions: builtins.list[ColumnElement[bool]] = [files.c.run_key == run]
        if names:
            conditions.append(files.c.path.in_(names))
        if pattern is not None:
            conditions.append(self._is_like(pattern))
        if prefix:
            conditions.append(begins_with(files.c.path, prefix))
        if is_shallow:
            conditions.append(self._slash_after(prefix) == 0)
        total = self._connection.execute(select(func.count()).select_from(files).where(*conditions)).scalar_one()
        if after is not None:
            conditions.append(files.c.path > after)
        page = select(files).where(*conditions).order_by(files.c.path).limit(limit)
        return [_file(row) for row in self._connection.execute(page)], total

    def list_folders(
        self, run: RunKey, *, prefix: str = "", after: str | None = None, limit: int = 100
    ) -> builtins.list[str]:
        """Docstring inherited."""
        slash = self._slash_after(prefix)
        length = len(escape_text(prefix))
        folder = func.substr(files.c.path, 1, slash + length - 1, type_=AnyText)
        conditions = [files.c.run_key == run, slash > 0]
        if prefix:
            conditions.append(begins_with(files.c.path, prefix))
        if after is not None:
            conditions.append(folder > after)
        found = select(folder).where(*conditions).distinct().order_by(folder).limit(limit)
        return [str(name) for (name,) in self._connection.execute(found)]

    def _slash_after(self, prefix: str) -> ColumnElement[int]:
        """Where the first slash after a prefix is, counted from its end and from 1; 0 if there is none."""
        rest = func.substr(files.c.path, len(escape_text(prefix)) + 1)
        find = func.instr if self._connection.dialect.name == "sqlite" else func.strpos
        return find(rest, "/", type_=Integer)

    def delete(self, file: int) -> RunFile | None:
        """Docstring inherited."""
        row = self._connection.execute(delete(files).where(files.c.id == file).returning(*files.c)).one_or_none()
        if row is None:
            return None
        removed = _file(row)
        self._connection.execute(
            update(runs)
            .where(runs.c.key == removed.run)
            .values(storage_bytes=runs.c.storage_bytes - removed.size_bytes)
        )
        return removed

    def _is_like(self, pattern: str) -> ColumnElement[bool]:
        if self._connection.dialect.name == "sqlite":
            # SQLite's LIKE ignores case; GLOB does not, and speaks another language.
            return files.c.path.op("GLOB", is_comparison=True)(_like_to_glob(pattern))
        trailing = len(pattern) - len(pattern.rstrip("\\"))
        # An escape with nothing after it is an error there; here and in GLOB it stands for itself.
        return files.c.path.like(pattern + "\\" * (trailing % 2), escape="\\")

    def _one(self, *conditions: ColumnElement[bool]) -> RunFile | None:
        row = self._connection.execute(select(files).where(*conditions)).one_or_none()
        return None if row is None else _file(row)


def _like_to_glob(pattern: str) -> str:
    r"""``%`` and ``_`` become ``*`` and ``?``, with ``\`` escaping; GLOB's own signs are put in brackets."""
    result = []
    characters = iter(pattern)
    for character in characters:
        if character == "\\":
            character = next(characters, "\\")
        elif character == "%":
            result.append("*")
            continue
        elif character == "_":
            result.append("?")
            continue
        result.append(f"[{character}]" if character in "*?[" else character)
    return "".join(result)


def _file(row: Row[Any]) -> RunFile:
    return RunFile(
        id=row.id,
        run=RunKey(row.run_key),
        path=FilePath(row.path),
        size_bytes=row.size_bytes,
        md5=None if row.md5 is None else Digest(row.md5),
        mimetype=row.mimetype,
        object_key=ObjectKey(row.object_key),
        updated_at=row.updated_at,
    )
