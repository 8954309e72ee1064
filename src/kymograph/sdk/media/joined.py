"""Tables that are made of others, and stand in artifacts: history can only name what an artifact holds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, ClassVar

from kymograph.core.digest import hex_digest
from kymograph.errors import InvalidMedia
from kymograph.sdk.media.base import HASH_CHARACTERS, MediaPlace, Shelf, Value
from kymograph.sdk.media.dtypes import DType, NamedType
from kymograph.sdk.media.table import Table
from kymograph.types import JsonObject, JsonValue


class _OfArtifacts(Value):
    """What can be put into artifacts alone."""

    def bind(self, place: MediaPlace, key: str, step: int) -> JsonObject:
        """What names the file of the artifact that it was put into.

        Raises:
            InvalidMedia: It was put into none, or into one that may still change.
        """
        place.put_table(self, key)
        form = self.addresses()
        if "artifact_path" not in form:
            raise InvalidMedia(type(self).__name__, f"{key} must be added to an artifact before it can be logged")
        return {"_type": self.log_type} | form

    def data_type(self) -> DType:
        return NamedType(self.log_type)

    @classmethod
    def any_data_type(cls) -> DType:
        return NamedType(cls.log_type)


class PartitionedTable(_OfArtifacts):
    """A table whose parts are all tables in one folder of an artifact.

    Attributes:
        parts_path: That folder.
        parts: Give the tables, for one that was read from an artifact.
    """

    log_type: ClassVar[str] = "partitioned-table"

    def __init__(self, parts_path: str) -> None:
        """Take the folder of the parts."""
        self.parts_path = parts_path
        self.parts: list[Callable[[], Table]] = []

    def iterrows(self) -> Iterator[tuple[int, list[Any]]]:
        """Each row of all parts, in the order of their names, with its index; one part is held at a time."""
        index = 0
        for part in self.parts:
            for row in part().data:
                yield index, row
                index += 1

    def document(self) -> JsonObject:
        """The form of it in an artifact."""
        return {"_type": self.log_type, "parts_path": self.parts_path}

    def in_artifact(self, shelf: Shelf) -> JsonValue:  # noqa: D102 — docstring inherited
        return self.document()

    def __eq__(self, other: object) -> bool:
        """Whether the parts are in the same folder."""
        return isinstance(other, PartitionedTable) and self.parts_path == other.parts_path

    __hash__ = object.__hash__


class JoinedTable(_OfArtifacts):
    """Two tables side by side.

    Attributes:
        table1, table2: A table, the path of one in an artifact, or an entry of an artifact.
        join_key: The column to join them by, or one of each.
    """

    log_type: ClassVar[str] = "joined-table"

    def __init__(self, table1: Any, table2: Any, join_key: str | list[str]) -> None:
        """Take two tables.

        Raises:
            InvalidMedia: One is none, or the key is neither a text nor two.
        """
        if not isinstance(join_key, str) and not len(join_key) == 2:
            raise InvalidMedia("JoinedTable", "join_key must be the name of a column, or a list of two")
        for name, table in (("table1", table1), ("table2", table2)):
            if not _is_table(table):
                raise InvalidMedia("JoinedTable", f"{name} must be a Table, or the path of one in an artifact")
        self.table1, self.table2 = table1, table2
        self.join_key = join_key

    def document(self, path1: str, path2: str) -> JsonObject:
        """The form of it in an artifact, where its tables have these paths."""
        key = self.join_key
        return {
            "_type": self.log_type,
            "table1": path1,
            "table2": path2,
            "join_key": key if isinstance(key, str) else [*key],
        }

    def in_artifact(self, shelf: Shelf) -> JsonValue:
        """The form in an artifact; its tables are put there too.

        Raises:
            InvalidMedia: One is named by a path, and there is none.
        """
        return self.document(
            *(_put_table(table, index, shelf) for index, table in enumerate((self.table1, self.table2), 1))
        )

    def __eq__(self, other: object) -> bool:
        """Whether tables and key are the same."""
        return isinstance(other, JoinedTable) and (self.table1, self.table2, self.join_key) == (
            other.table1,
            other.table2,
            other.join_key,
        )

    __hash__ = object.__hash__


def _put_table(table: Any, index: int, shelf: Shelf) -> str:
    """The path of a table in an artifact, where it is put if it is not there."""
    if isinstance(table, Table | PartitionedTable):
        return shelf.put_object(table, f"t{index}", named_by_digest=True)[0]
    path = str(table)
    if not isinstance(table, str):
        kind = table.path.split(".")[-2]
        path = shelf.put_reference(table, f"{hex_digest(table.digest)[:HASH_CHARACTERS]}.{kind}.json")
    if not shelf.has(path):
        raise InvalidMedia(
            "JoinedTable", f"table:{path} not found in artifact; add it with Artifact.add before adding this"
        )
    return path


def _is_table(table: Any) -> bool:
    if isinstance(table, str):
        return table.endswith(".table.json")
    if isinstance(table, Table | PartitionedTable):
        return True
    return callable(getattr(table, "ref_url", None)) and str(table.ref_url()).endswith(".table.json")
