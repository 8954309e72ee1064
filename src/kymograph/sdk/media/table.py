"""Tables: rows of values, media among them, with a type for each column.

A table that is logged becomes a file of its columns and rows, and a row of history names that file. (A table is put
into an artifact too, in the form of `Table.document`; that is done where artifacts are.)
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from logging import getLogger
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, get_args

from kymograph.core import exact_json
from kymograph.errors import InvalidMedia
from kymograph.sdk.media import dtypes, foreign
from kymograph.sdk.media.base import Media, MediaPlace, Shelf, Value
from kymograph.sdk.media.convert import PLAIN, Converter
from kymograph.sdk.media.dtypes import ANY, NUMBER, UNKNOWN, ArrayType, DType, ListType, TypedDictType, UnionType
from kymograph.sdk.media.promote import promote_figure
from kymograph.sdk.media.table_cells import document_cell
from kymograph.sdk.media.table_keys import (
    ForeignIndexType,
    ForeignKeyType,
    PrimaryKeyType,
    TableIndex,
    TableKey,
    TableType,
)
from kymograph.types import JsonObject, JsonValue

if TYPE_CHECKING:
    import numpy as np

LogMode = Literal["IMMUTABLE", "MUTABLE", "INCREMENTAL"]
ColumnKey = str | int
"""Names a column."""
_SETTLING = frozenset({int, float, str, bool, type(None)})
"""Classes of which one value is accepted as any other is."""

_MAX_EMBEDDING = 150

_logger = getLogger(__name__)


class Table(Media):
    """A table.

    Attributes:
        columns: Names of the columns.
        data: Rows, each a list with a value for each column.
        log_mode: What happens when it is logged more than once: ``IMMUTABLE`` (nothing: it stays as it was first
            logged), ``MUTABLE`` (it is logged again as a whole), or ``INCREMENTAL`` (rows that were added since).
    """

    log_type: ClassVar[str] = "table-file"
    artifact_type: ClassVar[str | None] = "table"
    subfolder: ClassVar[str] = "table"
    MAX_ROWS: ClassVar[int] = 10_000
    """Of the file that history names. Source: seeds.md E.10."""
    MAX_ARTIFACT_ROWS: ClassVar[int] = 200_000

    def __init__(
        self,
        columns: Sequence[ColumnKey] | None = None,
        data: Any = None,
        rows: Iterable[Iterable[Any]] | None = None,
        dataframe: Any = None,
        dtype: Any = None,
        optional: bool | list[bool] = True,
        allow_mixed_types: bool = False,
        log_mode: LogMode = "IMMUTABLE",
    ) -> None:
        """Take rows.

        Args:
            columns: Names of the columns; by default Input, Output, Expected. A data frame has its own.
            data: Rows, an array of two dimensions, or a data frame of pandas.
            rows: An older name of `data`.
            dataframe: A data frame of pandas.
            dtype: Type of all columns, or a list with that of each: a class, a class of media, a constant, or a type.
                By default that of the first value.
            optional: Whether ``None`` may stand in all columns, or a list for each.
            allow_mixed_types: Whether any value may stand in any column.
            log_mode: See above.

        Raises:
            InvalidMedia: A row does not fit the columns or their types, or an argument is none of the above.
        """
        super().__init__(b"", extension=".table.json")
        if log_mode not in get_args(LogMode):
            raise InvalidMedia("Table", f"log_mode is {log_mode!r}, and may be {', '.join(get_args(LogMode))}")
        self.log_mode: LogMode = log_mode
        self._logged: tuple[Path, JsonObject] | None = None
        """The folder of the run that it was logged to, and in what form."""
        self._logged_rows = 0
        self._increment = 0
        self._increment_paths: list[str] = []
        """Addresses of the tables that earlier increments became."""
        self.columns: list[ColumnKey] = []
        self.data: list[list[Any]] = []
        self._types: dict[ColumnKey, DType] = {}
        self._settled: list[set[type]] = []
        """By column, classes of values that leave its type as it is: looked up first, for speed."""
        frame = dataframe if dataframe is not None else data if foreign.is_dataframe(data) else None
        if frame is not None:
            self._begin(list(frame.columns), dtype, optional, allow_mixed_types=allow_mixed_types)
            self._add_rows(_rows_of(frame))
        else:
            self._begin(columns, dtype, optional, allow_mixed_types=allow_mixed_types)
            given = data if data is not None else rows
            if given is not None:
                self._add_rows(given)

    def _begin(
        self, columns: Sequence[ColumnKey] | None, dtype: Any, optional: bool | list[bool], *, allow_mixed_types: bool
    ) -> None:
        names: list[ColumnKey] = ["Input", "Output", "Expected"] if columns is None else list(columns)
        if isinstance(columns, str) or not all(isinstance(name, str | int) for name in names):
            raise InvalidMedia("Table", "columns must be a list of texts or integers")
        if len(set(names)) != len(names):
            raise InvalidMedia("Table", f"two columns have the same name in {names}")
        self.columns = names
        declared = ANY if allow_mixed_types else UNKNOWN if dtype is None else dtype
        each = declared if isinstance(declared, list) else [declared] * len(names)
        each_optional = optional if isinstance(optional, list) else [optional] * len(names)
        if len(each) != len(names) or len(each_optional) != len(names):
            raise InvalidMedia(
                "Table", f"dtype and optional are lists of {len(names)}, one for each column, or no lists"
            )
        self._types = dict.fromkeys(names, UNKNOWN)
        self._settled = [set() for _ in names]
        for name, of_column, may_lack in zip(names, each, each_optional, strict=True):
            self.cast(name, of_column, may_lack)

    def _add_rows(self, rows: Iterable[Iterable[Any]]) -> None:
        if isinstance(rows, str | bytes | dict):
            raise InvalidMedia("Table", f"data must be a list of rows, and is a {type(rows).__name__}")
        for row in rows:
            self.add_data(*row)

    # --- rows and columns -------------------------------------------------------------------------------------------

    def add_data(self, *data: Any) -> None:
        """Add a row, with a value for each column.

        Raises:
            InvalidMedia: It has more or fewer values than there are columns, or one does not fit its column's type.
        """
        if len(data) != len(self.columns):
            raise InvalidMedia(
                "Table", f"a row has {len(self.columns)} values, for {self.columns}, and not {len(data)}"
            )
        self._change()
        grown: dict[ColumnKey, DType] = {}
        for index, value in enumerate(data):
            kind = type(value)
            if kind in self._settled[index] and value == value:  # NaN is not equal to itself, and of another type
                continue
            name = self.columns[index]
            known = self._types[name]
            if isinstance(value, TableKey | TableIndex) and not isinstance(known, ForeignKeyType | ForeignIndexType):
                known = self._cast(name, value.data_type(), may_lack=False)
            covering = known.accept(value)
            if covering is None:
                raise InvalidMedia(
                    "Table", f"{_shown(value)} in column {name!r} is a {dtypes.type_of(value)}, not {known}"
                )
            if covering != known:
                grown[name] = covering
            elif kind in _SETTLING and value == value:
                self._settled[index].add(kind)
        for name, covering in grown.items():
            self._set_type(name, covering)
        self.data.append(list(data))
        self._link_keys(self.data[-1])

    def add_row(self, *row: Any) -> None:
        """An older name of `add_data`."""
        self.add_data(*row)

    def add_column(self, name: str, data: Sequence[Any] | np.ndarray, optional: bool = False) -> None:
        """Add a column, with a value for each row.

        Raises:
            InvalidMedia: There is such a column, there are more or fewer values than rows, or their types do not fit.
        """
        self._refuse_if_incremental("add_column")
        if name in self.columns:
            raise InvalidMedia("Table", f"there is a column {name!r} already")
        if self.columns and len(data) != len(self.data):
            raise InvalidMedia("Table", f"column {name!r} needs {len(self.data)} values, and has {len(data)}")
        covering: DType = dtypes.optional(UNKNOWN) if optional else UNKNOWN
        for value in data:
            covering = self._accepted(name, covering, value)
        self._change()
        if not self.columns:
            self.data = [[] for _ in data]
        for row, value in zip(self.data, data, strict=True):
            row.append(value)
        self.columns.append(name)
        self._settled.append(set())
        self._set_type(name, covering)

    def add_computed_columns(self, fn: Callable[[int, dict[ColumnKey, Any]], dict[str, Any]]) -> None:
        """Add columns that follow from others.

        Args:
            fn: Called with the index of each row and its values by column; gives the values of new columns.

        Raises:
            InvalidMedia: As `add_column`.
        """
        self._refuse_if_incremental("add_computed_columns")
        added: dict[str, list[Any]] = {}
        for index, row in self.iterrows():
            for name, value in fn(index, dict(zip(self.columns, row, strict=True))).items():
                added.setdefault(name, []).append(value)
        for name, values in added.items():
            self.add_column(name, values)

    def get_column(self, name: ColumnKey, convert_to: str | None = None) -> list[Any] | np.ndarray:
        """The values of a column: a list, or with ``convert_to="numpy"`` an array (media as the numbers they hold).

        Raises:
            InvalidMedia: There is no such column.
        """
        index = self._index_of(name)
        values = [row[index] for row in self.data]
        if convert_to is None:
            return values
        if convert_to != "numpy":
            raise InvalidMedia("Table", f'convert_to is {convert_to!r}, and may be "numpy"')
        numbers = [value.to_data_array() if hasattr(value, "to_data_array") else value for value in values]
        return foreign.require("numpy", "a column as an array").array(numbers)  # type: ignore[no-any-return]

    def get_index(self) -> list[TableIndex]:
        """Indices of all rows, which link to them from other tables."""
        return [TableIndex(index, table=self) for index in range(len(self.data))]

    def index_ref(self, index: int) -> TableIndex:
        """The index of one row, which links to it from other tables."""
        if not 0 <= index < len(self.data):
            raise InvalidMedia("Table", f"there is no row {index}; there are {len(self.data)}")
        return TableIndex(index, table=self)

    def get_dataframe(self) -> Any:
        """The table as a data frame of pandas."""
        pandas = foreign.require("pandas", "a table as a data frame")
        return pandas.DataFrame.from_records(self.data, columns=self.columns)

    def iterrows(self) -> Iterator[tuple[TableIndex, list[Any]]]:
        """Each row with its index."""
        for index, row in enumerate(self.data):
            yield TableIndex(index, table=self), row

    def __eq__(self, other: object) -> bool:
        """Whether columns, their types and all values are the same."""
        if not isinstance(other, Table) or self.columns != other.columns or self._types != other._types:
            return False
        return len(self.data) == len(other.data) and all(
            _are_equal(value, its)
            for row, theirs in zip(self.data, other.data, strict=True)
            for value, its in zip(row, theirs, strict=True)
        )

    __hash__ = object.__hash__

    # --- types ------------------------------------------------------------------------------------------------------

    def cast(self, col_name: ColumnKey, dtype: Any, optional: bool = False) -> DType:
        """Declare the type of a column, which its values must fit; `optional` is whether ``None`` may stand in it.

        Raises:
            InvalidMedia: There is no such column, or a value does not fit.
        """
        return self._cast(col_name, dtypes.type_from(dtype), may_lack=optional)

    def set_pk(self, col_name: ColumnKey) -> None:
        """Make a column of texts the one that other tables link to."""
        self._cast(col_name, PrimaryKeyType(), may_lack=False)

    def set_fk(self, col_name: ColumnKey, table: Table, table_col: ColumnKey) -> None:
        """Make a column of texts link to a column of another table."""
        if table is self:
            raise InvalidMedia("Table", f"column {col_name!r} cannot link to its own table")
        self._cast(col_name, ForeignKeyType(table, table_col), may_lack=False)

    @property
    def column_types(self) -> TypedDictType:
        """The type of each column."""
        return TypedDictType(self._types)

    def data_type(self) -> DType:  # noqa: D102 — docstring inherited
        return TableType(self.column_types)

    @classmethod
    def any_data_type(cls) -> DType:  # noqa: D102 — docstring inherited
        return TableType(UNKNOWN)

    def _cast(self, name: ColumnKey, covering: DType, *, may_lack: bool) -> DType:
        index = self._index_of(name)
        is_key = isinstance(covering, PrimaryKeyType | ForeignKeyType | ForeignIndexType)
        if is_key and may_lack:
            raise InvalidMedia("Table", f"column {name!r} holds keys: it cannot be optional")
        if isinstance(covering, PrimaryKeyType):
            others = [other for other, known in self._types.items() if isinstance(known, PrimaryKeyType)]
            if others and others != [name]:
                raise InvalidMedia("Table", f"column {others[0]!r} is the primary key; there can be no other")
        if may_lack:
            covering = dtypes.optional(covering)
        for row in self.data:
            covering = self._accepted(name, covering, row[index])
        self._change()
        self._set_type(name, covering)
        if is_key:
            for row in self.data:
                self._link_keys(row)
        return covering

    def _accepted(self, name: ColumnKey, known: DType, value: object) -> DType:
        covering = known.accept(value)
        if covering is None:
            raise InvalidMedia("Table", f"{_shown(value)} in column {name!r} is a {dtypes.type_of(value)}, not {known}")
        return covering

    def _set_type(self, name: ColumnKey, covering: DType) -> None:
        self._types[name] = covering
        self._settled[self.columns.index(name)].clear()

    def _index_of(self, name: ColumnKey) -> int:
        if name not in self.columns:
            raise InvalidMedia("Table", f"there is no column {name!r}; there are {self.columns}")
        return self.columns.index(name)

    def _link_keys(self, row: list[Any]) -> None:
        """Have keys in a row know where they point to."""
        for index, name in enumerate(self.columns):
            known, value = self._types[name], row[index]
            if isinstance(known, PrimaryKeyType) and not isinstance(value, TableKey):
                row[index] = TableKey(value, table=self, column=name)
            elif isinstance(known, ForeignKeyType) and not isinstance(value, TableKey):
                row[index] = TableKey(value, table=known.table, column=known.column)
            elif isinstance(known, ForeignIndexType) and not isinstance(value, TableIndex):
                row[index] = TableIndex(value, table=known.table)

    # --- logging ----------------------------------------------------------------------------------------------------

    def _change(self) -> None:
        """Something in the table changes."""
        if self._logged is None:
            return
        if self.log_mode == "IMMUTABLE":
            _logger.warning(
                "this Table was logged, and log_mode='IMMUTABLE' keeps it as it was then; "
                "make it with log_mode='MUTABLE' to log it again with its changes"
            )
        else:
            self._increment += self.log_mode == "INCREMENTAL"
            self._logged = self.put_into = None

    def _first_new_row(self) -> int:
        """Of an increment, the row it begins with."""
        return self._logged_rows if self.log_mode == "INCREMENTAL" else 0

    @property
    def increment(self) -> int:
        """How many increments were logged before, with log_mode INCREMENTAL."""
        return self._increment

    def _refuse_if_incremental(self, method: str) -> None:
        if self.log_mode == "INCREMENTAL":
            raise InvalidMedia("Table", f"{method} cannot be used with log_mode='INCREMENTAL', which only adds rows")

    def bind(self, place: MediaPlace, key: str, step: int) -> JsonObject:
        """Write rows to a file, and media in them to theirs, and give the form for history.

        Raises:
            InvalidValue: A cell holds something that has no JSON form.
            InvalidMedia: There are more rows than are kept, and the settings have that refused.
            OSError: A file cannot be read or written.
        """
        if self._logged is not None and self._logged[0] == place.folder:
            place.keep(str(self._logged[1]["path"]))
            return dict(self._logged[1])
        place.put_table(self, key)
        begin = self._first_new_row()
        rows = self.data[begin : begin + self.MAX_ROWS]
        if len(self.data) - begin > self.MAX_ROWS:
            if place.raises_on_cut:
                raise InvalidMedia("Table", f"{key!r} has {len(self.data)} rows; at most {self.MAX_ROWS} are logged")
            _logger.warning("the table %r has %d rows; its file has the first %d", key, len(self.data), self.MAX_ROWS)
        to_json = Converter(place, step, promote_figure, has_whole_arrays=True).convert
        cells: list[JsonValue] = [
            row if all(type(value) in PLAIN for value in row) else [to_json(key, value) for value in row]
            for row in rows
        ]
        self._content = exact_json.dumps({"columns": [*self.columns], "data": cells}).encode()
        form = super().bind(place, key, step)
        form |= {"ncols": len(self.columns), "nrows": len(self.data), "log_mode": self.log_mode}
        if self.log_mode == "INCREMENTAL":
            form |= {
                "_type": "incremental-table-file",
                "increment_num": self._increment,
                "previous_increments_paths": [*self._increment_paths],
            }
            self._logged_rows = len(self.data)
            if "artifact_path" in form:
                self._increment_paths.append(str(form["artifact_path"]))
        self._logged = (place.folder, dict(form))
        return form

    def document(
        self,
        put_media: Callable[[Value], JsonValue],
        store_value: dtypes.StoreValue | None = None,
        put_bytes: Callable[[bytes, str], str] | None = None,
    ) -> JsonObject:
        """The whole table with the types of its columns: the form of tables in artifacts.

        Args:
            put_media: Puts a media object of a cell beside the table and gives its form there.
            store_value: Puts another table, which keys point into, or classes beside this one.
            put_bytes: Puts a content beside it under about that name, and gives its path: arrays then have files of
                their own, one for each column.
        """
        first = self._first_new_row()
        if len(self.data) - first > self.MAX_ARTIFACT_ROWS:
            _logger.warning("a table of %d rows is kept with %d of them", len(self.data), self.MAX_ARTIFACT_ROWS)
        types = {name: _written_type(known) for name, known in self._types.items()}
        apart: set[int] = set()
        if put_bytes is not None:
            for index, name in enumerate(self.columns):
                stored = self._stored_apart(name, types[name], put_bytes)
                if stored is not None:
                    types[name] = stored
                    apart.add(index)
        rows: list[JsonValue] = [
            [None if index in apart else document_cell(value, put_media) for index, value in enumerate(row)]
            for row in self.data[first : first + self.MAX_ARTIFACT_ROWS]
        ]
        return {
            "_type": self.artifact_type,
            "columns": [*self.columns],
            "data": rows,
            "ncols": len(self.columns),
            "nrows": len(rows),
            "column_types": TypedDictType(types).to_json(store_value),
            "log_mode": self.log_mode,
        }

    def in_artifact(self, shelf: Shelf) -> JsonObject:  # noqa: D102 — docstring inherited
        def store_value(value: Any) -> tuple[str, str]:
            if isinstance(value, Table):
                return shelf.put_object(value, "media/tables/t", named_by_digest=True)
            # Readers look for it here; a second set of classes has a place of its own.
            name = (
                "media/cls" if not shelf.has(value.suffixed("media/cls")) else f"media/classes/{value.identity()}_cls"
            )
            return shelf.put_object(value, name)

        form = self.document(lambda value: value.in_artifact(shelf), store_value, shelf.put_bytes)
        if self.log_mode == "INCREMENTAL":
            form |= {"increment_num": self._increment, "previous_increments_paths": [*self._increment_paths]}
        return form

    def _stored_apart(self, name: ColumnKey, known: DType, put_bytes: Callable[[bytes, str], str]) -> DType | None:
        """The type of a column of arrays that was put into a file of NumPy; None for any other column."""
        members = known.members if isinstance(known, UnionType) else (known,)
        array = next((member for member in members if isinstance(member, ArrayType)), None)
        if array is None:
            return None
        numpy = foreign.require("numpy", "a column of arrays")
        try:
            column = self.get_column(name, convert_to="numpy")
        except ValueError:  # of different shapes
            return None
        if column.dtype.hasobject:  # type: ignore[union-attr] # an array, as was asked for
            return None
        packed = io.BytesIO()
        numpy.savez_compressed(packed, **{str(name): column})
        stored = replace(array, stored_at=(put_bytes(packed.getvalue(), "media/serialized_data/column.npz"), str(name)))
        return (
            stored if known is array else UnionType(tuple(stored if member is array else member for member in members))
        )


def _written_type(known: DType) -> DType:
    """What readers are told of a column: short arrays of one dimension, embeddings, are lists of numbers.

    Source: the vendor's `Table.to_json`; it moves other arrays to a file of NumPy beside the table.
    """
    for member in known.members if isinstance(known, UnionType) else (known,):
        if isinstance(member, ArrayType) and len(member.shape) == 1 and member.shape[0] <= _MAX_EMBEDDING:
            return ListType(NUMBER, member.shape[0])
    return known


def _rows_of(frame: Any) -> Iterator[tuple[Any, ...]]:
    columns = [frame.iloc[:, index].to_numpy() for index in range(len(frame.columns))]
    return zip(*columns, strict=True)


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}…"


def _are_equal(first: Any, second: Any) -> bool:
    if first is second:  # NaN is not equal to itself
        return True
    same = first == second
    return bool(same.all()) if hasattr(same, "all") else bool(same)
