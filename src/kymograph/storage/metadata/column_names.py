"""Looking for columns among the names that a run table knows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import compress

from kymograph.core.column_search import Column, ColumnPage, ColumnQuery, NameMatch, ValueKind
from kymograph.storage import safe_regex
from kymograph.storage.metadata.run_table import ColumnName
from kymograph.storage.metadata.values import Kind

_VALUE_KINDS = {
    Kind.BOOL: ValueKind.BOOLEAN,
    Kind.INT: ValueKind.NUMBER,
    Kind.FLOAT: ValueKind.NUMBER,
    Kind.NAN: ValueKind.NUMBER,
    Kind.TEXT: ValueKind.TEXT,
    Kind.LONG_TEXT: ValueKind.TEXT,
    Kind.OTHER: ValueKind.OTHER,
}


def find_columns(columns: Sequence[ColumnName], query: ColumnQuery) -> ColumnPage:
    """One page of those that match, in the order given.

    Raises:
        InvalidFilter: The text is no regular expression, or one that takes too long.
    """
    if query.scope is not None:
        columns = [column for column in columns if column.scope is query.scope]
    found = list(compress(columns, _matches([column.name for column in columns], query))) if query.text else columns
    page = found[query.offset : query.offset + query.limit]
    return ColumnPage([Column(column.scope, column.name, _kinds(column)) for column in page], len(found))


def _matches(names: Sequence[str], query: ColumnQuery) -> Iterable[bool]:
    if query.match is NameMatch.PREFIX:
        return (name.startswith(query.text) for name in names)
    if query.match is NameMatch.CONTAINS:
        wanted = query.text.casefold()
        return (wanted in name.casefold() for name in names)
    safe_regex.check(query.text)
    matches = safe_regex.search_all(query.text, names)
    safe_regex.check(query.text)  # one that was too slow has found nothing
    return matches


def _kinds(column: ColumnName) -> frozenset[ValueKind]:
    return frozenset(kind for bit, kind in _VALUE_KINDS.items() if column.kinds >> bit & 1)
