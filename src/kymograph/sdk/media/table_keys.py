"""Keys of tables: values that point to rows of this table or of another."""

from __future__ import annotations

from typing import Any, ClassVar, Self

from kymograph.errors import InvalidMedia
from kymograph.sdk.media.dtypes import NUMBER, STRING, UNKNOWN, DType, StoreValue, Typed, TypedDictType
from kymograph.types import JsonObject


class TableKey(str, Typed):
    """A text in a column of keys; it knows which column of which table it is of."""

    __slots__ = ("column", "table")

    table: Any
    column: str | int

    def __new__(cls, text: str, *, table: Any, column: str | int) -> Self:
        """The key `text` of a column."""
        key = super().__new__(cls, text)
        key.table, key.column = table, column
        return key

    def data_type(self) -> DType:  # noqa: D102 — docstring inherited
        return ForeignKeyType(self.table, self.column)


class TableIndex(int, Typed):
    """The index of a row; it knows of which table."""

    table: Any

    def __new__(cls, index: int, *, table: Any) -> Self:
        """The index of a row of `table`."""
        link = super().__new__(cls, index)
        link.table = table
        return link

    def get_row(self) -> dict[str | int, Any]:
        """The row, by column."""
        return dict(zip(self.table.columns, self.table.data[self], strict=True))

    def data_type(self) -> DType:  # noqa: D102 — docstring inherited
        return ForeignIndexType(self.table)


class PrimaryKeyType(DType):
    """Texts that other tables link to."""

    name: ClassVar[str] = "primaryKey"

    def accept(self, value: object) -> DType | None:  # noqa: D102 — docstring inherited
        return self if isinstance(value, str) else None

    def accept_type(self, other: DType) -> DType | None:  # noqa: D102 — docstring inherited
        return self if other == STRING or isinstance(other, PrimaryKeyType) else None

    def __eq__(self, other: object) -> bool:
        """Whether it is of this type."""
        return isinstance(other, PrimaryKeyType)

    __hash__ = object.__hash__


class _LinkType(DType):
    """Values that point into another table."""

    table: Any

    def to_json(self, store_value: StoreValue | None = None) -> JsonObject:
        """As others; the table has to be stored."""
        if store_value is None:
            raise InvalidMedia("Table", "a table with links to another can be stored in artifacts only")
        params: JsonObject = {**self.params(), "table": store_value(self.table)[0]}
        return {"wb_type": self.name, "params": params}


class ForeignKeyType(_LinkType):
    """Texts of a column of another table."""

    name: ClassVar[str] = "foreignKey"

    def __init__(self, table: Any, column: str | int) -> None:
        """Take the column that is meant.

        Raises:
            InvalidMedia: The table has no such column.
        """
        if column not in table.columns:
            raise InvalidMedia("Table", f"there is no column {column!r} to link to; there are {table.columns}")
        self.table, self.column = table, column

    def accept(self, value: object) -> DType | None:  # noqa: D102 — docstring inherited
        if isinstance(value, TableKey):
            return self if value.table is self.table and value.column == self.column else None
        return self if isinstance(value, str) else None

    def accept_type(self, other: DType) -> DType | None:  # noqa: D102 — docstring inherited
        return self if other in (STRING, self) else None

    def params(self) -> dict[str, Any]:  # noqa: D102 — docstring inherited
        return {"col_name": self.column}

    def __eq__(self, other: object) -> bool:
        """Whether the same column is meant."""
        return isinstance(other, ForeignKeyType) and other.table is self.table and other.column == self.column

    __hash__ = object.__hash__


class ForeignIndexType(_LinkType):
    """Indices of rows of another table."""

    name: ClassVar[str] = "foreignIndex"

    def __init__(self, table: Any) -> None:
        """Take the table that is meant."""
        self.table = table

    def accept(self, value: object) -> DType | None:  # noqa: D102 — docstring inherited
        if isinstance(value, TableIndex):
            return self if value.table is self.table else None
        return self if isinstance(value, int) and not isinstance(value, bool) else None

    def accept_type(self, other: DType) -> DType | None:  # noqa: D102 — docstring inherited
        return self if other in (NUMBER, self) else None

    def __eq__(self, other: object) -> bool:
        """Whether the same table is meant."""
        return isinstance(other, ForeignIndexType) and other.table is self.table

    __hash__ = object.__hash__


class TableType(DType):
    """Tables within tables."""

    name: ClassVar[str] = "table"

    def __init__(self, column_types: DType) -> None:
        """Take the types of the columns, or `UNKNOWN`."""
        self.column_types = column_types

    def accept_type(self, other: DType) -> DType | None:  # noqa: D102 — docstring inherited
        if not isinstance(other, TableType):
            return None
        if self.column_types == UNKNOWN or not isinstance(self.column_types, TypedDictType):
            return other
        merged = self.column_types.accept_type(other.column_types)
        return None if merged is None else TableType(merged)

    def params(self) -> dict[str, Any]:  # noqa: D102 — docstring inherited
        return {"column_types": self.column_types}

    def __eq__(self, other: object) -> bool:
        """Whether the columns are of the same types."""
        return isinstance(other, TableType) and self.column_types == other.column_types

    __hash__ = object.__hash__
