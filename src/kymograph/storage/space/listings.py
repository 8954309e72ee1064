"""Folders of entries, and what two versions do not have in common, in SQL."""

from __future__ import annotations

from functools import cache
from typing import Any

from sqlalchemy import (
    Connection,
    Integer,
    Select,
    and_,
    bindparam,
    case,
    func,
    literal,
    or_,
    select,
    type_coerce,
    union_all,
)

from kymograph.core.artifact_browse import ChangeKind, ChangeOrder, ChangeTotal, DiffPage, EntryChange, FolderItem
from kymograph.storage.metadata.columns import AnyText, escape_text
from kymograph.storage.space.tables import entries
from kymograph.types import ArtifactId, Digest

_SLASH, _AFTER_SLASH = "/", "0"
_SMALLEST = "\x01"
"""Comes first of all characters that are stored: U+0000 is escaped. A path and this is the next path there can be."""


class SqlListingStore:
    """Docstrings of the methods: `storage.space.base.ListingStore`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def list_folder(
        self, artifact: ArtifactId, folder: str = "", *, after: str | None = None, limit: int = 1000
    ) -> list[FolderItem]:
        """Docstring inherited."""
        is_sqlite = self._connection.dialect.name == "sqlite"
        values = {
            "of_artifact": artifact,
            "first": folder if after is None else _following(after),
            "stop": _following(folder) if folder else None,
            "cut": len(escape_text(folder)) + 1,
            "most": limit,
        }
        statement = _folder_items(func.instr if is_sqlite else func.strpos, has_end=bool(folder))
        return [
            FolderItem(row.path, row.files, int(row.size_bytes))
            if row.path.endswith(_SLASH)
            else FolderItem(row.path, 1, int(row.size_bytes), Digest(row.digest), row.stored == 0)
            for row in self._connection.execute(statement, values)
        ]

    def compare(
        self,
        old: ArtifactId,
        new: ArtifactId,
        *,
        kind: ChangeKind | None = None,
        order: ChangeOrder = ChangeOrder.SIZE,
        limit: int = 100,
        offset: int = 0,
    ) -> DiffPage:
        """Docstring inherited."""
        changes = _changes().cte("changes")
        values = {"old_artifact": old, "new_artifact": new}
        counted = select(
            changes.c.kind,
            func.count().label("files"),
            func.coalesce(func.sum(changes.c.old_bytes), 0).label("old_bytes"),
            func.coalesce(func.sum(changes.c.new_bytes), 0).label("new_bytes"),
        ).group_by(changes.c.kind)
        totals = {
            ChangeKind(row.kind): ChangeTotal(row.files, int(row.old_bytes), int(row.new_bytes))
            for row in self._connection.execute(counted, values)
        }
        largest_first = func.coalesce(changes.c.new_bytes, changes.c.old_bytes).desc()
        page = select(changes).order_by(*([largest_first] if order is ChangeOrder.SIZE else []), changes.c.path)
        if kind is not None:
            page = page.where(changes.c.kind == kind.value)
        rows = self._connection.execute(page.limit(limit).offset(offset), values)
        return DiffPage(
            [
                EntryChange(
                    row.path, ChangeKind(row.kind), row.old_digest, row.old_bytes, row.new_digest, row.new_bytes
                )
                for row in rows
            ],
            {each: totals.get(each, ChangeTotal()) for each in ChangeKind},
        )


def _following(item: str) -> str:
    """The first path that can come after a file, or after everything in a folder."""
    return item[:-1] + _AFTER_SLASH if item.endswith(_SLASH) else item + _SMALLEST


@cache
def _folder_items(find: Any, *, has_end: bool) -> Select[Any]:
    """Children of a folder, each found from the one before by a look into the index: what lies below is only summed up.

    Args:
        find: The function that gives the place of a text in another one.
        has_end: Whether the folder is not the root, which ends where the entries do.
    """
    of_artifact = entries.c.artifact_id == bindparam("of_artifact", type_=Integer)
    cut = bindparam("cut", type_=Integer)

    def first_from(begin: Any) -> Any:
        found = select(entries.c.path).where(of_artifact, entries.c.path >= begin)
        if has_end:
            found = found.where(entries.c.path < bindparam("stop", type_=AnyText))
        return found.order_by(entries.c.path).limit(1).scalar_subquery()

    def slash_in(path: Any) -> Any:
        return find(func.substr(path, cut, type_=AnyText), _SLASH)

    def child(path: Any, of_folder: str, of_file: str) -> Any:
        """The folder or the file that a path leads to, with an ending."""
        folder = func.substr(path, 1, cut + slash_in(path) - 2, type_=AnyText).concat(of_folder)
        return type_coerce(case((slash_in(path) > 0, folder), else_=path.concat(of_file)), AnyText)

    steps = select(literal(1).label("number"), first_from(bindparam("first", type_=AnyText)).label("found")).cte(
        "steps", recursive=True
    )
    following = child(steps.c.found, _AFTER_SLASH, _SMALLEST)
    steps = steps.union_all(
        select(steps.c.number + 1, first_from(following)).where(
            steps.c.found.is_not(None), steps.c.number < bindparam("most", type_=Integer)
        )
    )
    item = child(steps.c.found, _SLASH, "")
    below = and_(of_artifact, entries.c.path >= item, entries.c.path < child(steps.c.found, _AFTER_SLASH, _SMALLEST))
    return (
        select(
            item.label("path"),
            func.count().label("files"),
            func.sum(entries.c.size_bytes).label("size_bytes"),
            func.min(entries.c.digest).label("digest"),
            func.count(entries.c.blob_id).label("stored"),
        )
        .select_from(steps.join(entries, below))
        .where(steps.c.found.is_not(None))
        .group_by(steps.c.number, steps.c.found)
        .order_by(steps.c.number)
    )


def _changes() -> Any:
    old, new = entries.alias("old_entries"), entries.alias("new_entries")
    is_old = old.c.artifact_id == bindparam("old_artifact", type_=Integer)
    is_new = new.c.artifact_id == bindparam("new_artifact", type_=Integer)
    gone = select(
        old.c.path,
        case((new.c.path.is_(None), literal(ChangeKind.REMOVED.value)), else_=literal(ChangeKind.CHANGED.value)).label(
            "kind"
        ),
        old.c.digest.label("old_digest"),
        old.c.size_bytes.label("old_bytes"),
        new.c.digest.label("new_digest"),
        new.c.size_bytes.label("new_bytes"),
    ).select_from(old.outerjoin(new, and_(is_new, new.c.path == old.c.path)))
    added = select(
        new.c.path,
        literal(ChangeKind.ADDED.value).label("kind"),
        old.c.digest,
        old.c.size_bytes,
        new.c.digest,
        new.c.size_bytes,
    ).select_from(new.outerjoin(old, and_(is_old, old.c.path == new.c.path)))
    return union_all(
        gone.where(is_old, or_(new.c.path.is_(None), new.c.digest != old.c.digest)),
        added.where(is_new, old.c.path.is_(None)),
    )
