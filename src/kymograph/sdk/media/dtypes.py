"""Types of a table's columns: what may follow what, and how it is told to readers (``column_types``).

A column begins with the type of its first value and grows with those that follow: `DType.accept` gives the type that
covers both, or ``None`` where they do not fit. The JSON of a type is ``{"wb_type": name, "params": {…}}``.

Source: the vendor's `wandb/sdk/data_types/_dtypes.py`, names, parameters and order of union members; pinned by
tests/e2e/test_media_forms.py.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

from kymograph.types import JsonObject, JsonValue

if TYPE_CHECKING:
    import numpy as np

StoreValue: TypeAlias = Callable[[Any], tuple[str, str]]
"""Puts another table, or classes, beside the table being written; gives the path it has there and its digest."""


class DType:
    """A type of values. Immutable; equal types are equal values."""

    name: ClassVar[str]
    """``wb_type`` of the JSON form."""

    def accept(self, value: object) -> DType | None:
        """The type of values of this type and `value`, or ``None`` if there is none."""
        return self.accept_type(type_of(value))

    def accept_type(self, other: DType) -> DType | None:
        """The type of values of this type and of `other`, or ``None`` if there is none."""
        return self if self == other else None

    def params(self) -> dict[str, Any]:
        """Parameters of the JSON form, types among them as they are."""
        return {}

    def to_json(self, store_value: StoreValue | None = None) -> JsonObject:
        """The form that readers get; `store_value` is needed where a column points into another table."""
        params = _json_of(self.params(), store_value)
        return {"wb_type": self.name, "params": params} if params else {"wb_type": self.name}

    def __str__(self) -> str:
        # Members of a union are ordered by this text, so it is the vendor's.
        params = ", ".join(f"{key}:{value}" for key, value in self.params().items())
        return self.name.capitalize() + (f"({params})" if params else "")

    def __repr__(self) -> str:
        return str(self)


class Typed:
    """What knows its own type: media, keys of tables."""

    def data_type(self) -> DType:
        """The type of this value."""
        raise NotImplementedError

    @classmethod
    def any_data_type(cls) -> DType:
        """The type of a column that was declared to hold such values."""
        raise NotImplementedError


@dataclass(frozen=True, eq=True, repr=False)
class NamedType(DType):
    """A type without parameters: of one kind of media, or one of the constants below."""

    name: str  # type: ignore[misc] # each has its own


@dataclass(frozen=True, repr=False)
class AnyType(DType):
    """Takes everything but ``None``."""

    name: ClassVar[str] = "any"

    def accept_type(self, other: DType) -> DType | None:  # noqa: D102 — docstring inherited
        return None if other == NONE else self


@dataclass(frozen=True, repr=False)
class UnknownType(DType):
    """Becomes the type of the first value."""

    name: ClassVar[str] = "unknown"

    def accept_type(self, other: DType) -> DType | None:  # noqa: D102 — docstring inherited
        return None if other == NONE else other


ANY = AnyType()
UNKNOWN = UnknownType()
NONE = NamedType("none")
STRING = NamedType("string")
NUMBER = NamedType("number")
BOOLEAN = NamedType("boolean")
TIMESTAMP = NamedType("timestamp")
ARTIFACT_VERSION = NamedType("artifactVersion")


@dataclass(frozen=True, repr=False)
class PythonObject(DType):
    """Objects that only their class's name is known of."""

    name: ClassVar[str] = "pythonObject"
    class_name: str

    def params(self) -> dict[str, Any]:  # noqa: D102 — docstring inherited
        return {"class_name": self.class_name}


@dataclass(frozen=True, repr=False)
class ConstType(DType):
    """One value, or a set of them, and nothing else."""

    name: ClassVar[str] = "const"
    value: Any = None

    def accept(self, value: object) -> DType | None:  # noqa: D102 — docstring inherited
        return self.accept_type(ConstType(value))

    def params(self) -> dict[str, Any]:  # noqa: D102 — docstring inherited
        return {"val": self.value, "is_set": isinstance(self.value, set | frozenset)}

    def __str__(self) -> str:
        return str(self.value)

    __hash__ = object.__hash__


@dataclass(frozen=True, repr=False)
class UnionType(DType):
    """Any of several types. Build it with `union`, which flattens and orders them."""

    name: ClassVar[str] = "union"
    members: tuple[DType, ...] = ()

    def accept(self, value: object) -> DType | None:  # noqa: D102 — docstring inherited
        return self._first(lambda member: member.accept(value))

    def accept_type(self, other: DType) -> DType | None:  # noqa: D102 — docstring inherited
        if not isinstance(other, UnionType):
            return self._first(lambda member: member.accept_type(other))
        result: DType | None = self
        for part in other.members:
            result = None if result is None else result.accept_type(part)
        return result

    def _first(self, accept: Callable[[DType], DType | None]) -> DType | None:
        # What is unknown comes last: it would take what another member covers.
        for index in sorted(range(len(self.members)), key=lambda index: isinstance(self.members[index], UnknownType)):
            grown = accept(self.members[index])
            if grown is not None:
                if grown == self.members[index]:
                    return self
                return union([*self.members[:index], grown, *self.members[index + 1 :]])
        return None

    def params(self) -> dict[str, Any]:  # noqa: D102 — docstring inherited
        return {"allowed_types": list(self.members)}

    def __str__(self) -> str:
        return " or ".join(map(str, self.members))


@dataclass(frozen=True, repr=False)
class ListType(DType):
    """Lists of one type of elements; `length` is ``None`` if they differ in it."""

    name: ClassVar[str] = "list"
    element: DType = UNKNOWN
    length: int | None = None

    def accept(self, value: object) -> DType | None:  # noqa: D102 — docstring inherited
        items = _items_of(value)
        if items is None:
            return None
        element: DType | None = self.element
        for item in items:
            element = None if element is None else element.accept(item)
        return None if element is None else ListType(element, len(items))

    def accept_type(self, other: DType) -> DType | None:  # noqa: D102 — docstring inherited
        if not isinstance(other, ListType):
            return None
        element = self.element.accept_type(other.element)
        return None if element is None else ListType(element, self.length if self.length == other.length else None)

    def params(self) -> dict[str, Any]:  # noqa: D102 — docstring inherited
        return {"element_type": self.element, "length": self.length}

    def __str__(self) -> str:
        return f"{self.element}[]"


@dataclass(frozen=True, repr=False)
class ArrayType(DType):
    """Arrays of one shape."""

    name: ClassVar[str] = "ndarray"
    shape: tuple[int, ...] = ()
    stored_at: tuple[str, str] | None = None
    """Path and name of the array that holds a whole column, where it is a file beside its table."""

    def accept(self, value: object) -> DType | None:  # noqa: D102 — docstring inherited
        if isinstance(value, list):
            return self if _shape_of_list(value) == self.shape else None
        return self.accept_type(type_of(value))

    def params(self) -> dict[str, Any]:  # noqa: D102 — docstring inherited
        stored = None if self.stored_at is None else dict(zip(("path", "key"), self.stored_at, strict=True))
        return {"shape": list(self.shape), "serialization_path": stored}

    def __str__(self) -> str:
        return f"Ndarray(shape:{list(self.shape)})"


@dataclass(frozen=True, repr=False)
class TypedDictType(DType):
    """Mappings with a type for each key."""

    name: ClassVar[str] = "typedDict"
    types: Mapping[Any, DType]

    def accept(self, value: object) -> DType | None:  # noqa: D102 — docstring inherited
        if not isinstance(value, Mapping) or not value.keys() <= self.types.keys():
            return None
        return self._each(lambda key, known: known.accept(value.get(key)))

    def accept_type(self, other: DType) -> DType | None:  # noqa: D102 — docstring inherited
        if not isinstance(other, TypedDictType) or not other.types.keys() <= self.types.keys():
            return None
        return self._each(lambda key, known: known.accept_type(other.types.get(key, UNKNOWN)))

    def _each(self, accept: Callable[[Any, DType], DType | None]) -> DType | None:
        types = {}
        for key, known in self.types.items():
            grown = accept(key, known)
            if grown is None:
                return None
            types[key] = grown
        return TypedDictType(types)

    def params(self) -> dict[str, Any]:  # noqa: D102 — docstring inherited
        return {"type_map": dict(self.types)}

    def to_json(self, store_value: StoreValue | None = None) -> JsonObject:
        """As others; the map is there also when it is empty."""
        types: JsonObject = {str(key): known.to_json(store_value) for key, known in self.types.items()}
        return {"wb_type": self.name, "params": {"type_map": types}}

    def __str__(self) -> str:
        return str(dict(self.types))

    __hash__ = object.__hash__


def union(members: Sequence[DType]) -> UnionType:
    """A union of types: unions within are dissolved, the order is that of their texts."""
    flat: list[DType] = []
    for member in members:
        flat.extend(member.members if isinstance(member, UnionType) else (member,))
    return UnionType(tuple(sorted(flat, key=str)))


def optional(member: DType) -> UnionType:
    """A type, or ``None``."""
    return union([member, NONE])


def type_of(value: object) -> DType:
    """The type of one value. NaN counts as ``None``: in data frames it marks what is missing."""
    plain = _PLAIN.get(type(value))
    if plain is not None:
        if type(value) is float and math.isnan(value):
            return NONE
        if type(value) is str and value.startswith("wandb-artifact://"):
            return ARTIFACT_VERSION
        return plain
    if isinstance(value, Typed):
        return value.data_type()
    if isinstance(value, dict):
        if value.get("_type") == "artifactVersion":
            return ARTIFACT_VERSION
        return TypedDictType({key: type_of(item) for key, item in value.items()})
    if isinstance(value, list | tuple | set | frozenset):
        return _list_type(list(value))
    return _foreign_type(value)


def type_from(declared: object) -> DType:
    """The type that was declared for a column: a type, a class, a list or mapping of those, or a constant."""
    if isinstance(declared, DType):
        return declared
    if isinstance(declared, type):
        return _type_of_class(declared)
    if isinstance(declared, list):
        parts = [type_from(part) for part in declared]
        if len(parts) > 1:
            return union(parts)
        return ListType(parts[0]) if parts else ListType()
    if isinstance(declared, dict):
        return TypedDictType({key: type_from(part) for key, part in declared.items()})
    return ConstType(declared)


_PLAIN: dict[type, DType] = {
    type(None): NONE,
    bool: BOOLEAN,
    int: NUMBER,
    float: NUMBER,
    str: STRING,
    datetime: TIMESTAMP,
    date: TIMESTAMP,
}


def _type_of_class(declared: type) -> DType:
    if declared in _PLAIN:
        return _PLAIN[declared]
    if issubclass(declared, DType):
        return declared()
    if issubclass(declared, Typed):
        return declared.any_data_type()
    if issubclass(declared, list | tuple | set | frozenset):
        return ListType()
    if issubclass(declared, dict):
        return TypedDictType({})
    numpy = sys.modules.get("numpy")
    if numpy is not None and issubclass(declared, numpy.generic):
        return _type_of_scalar_class(declared, numpy)
    return PythonObject("type")


def _type_of_scalar_class(declared: type, numpy: Any) -> DType:
    if issubclass(declared, numpy.bool_):
        return BOOLEAN
    if issubclass(declared, numpy.datetime64):
        return TIMESTAMP
    if issubclass(declared, numpy.str_):
        return STRING
    return NUMBER if issubclass(declared, numpy.number) else PythonObject(declared.__name__)


def _foreign_type(value: object) -> DType:
    numpy = sys.modules.get("numpy")
    if numpy is not None:
        if isinstance(value, numpy.generic):
            return _type_of_scalar_class(type(value), numpy)
        if isinstance(value, numpy.ndarray):
            return ArrayType(value.shape)
    if isinstance(value, date):
        return TIMESTAMP
    return PythonObject(type(value).__name__)


def _list_type(items: list[object]) -> DType:
    has_none = any(item is None for item in items)
    element: DType | None = optional(UNKNOWN) if has_none else UNKNOWN
    for item in items:
        element = None if element is None else element.accept(item)
    # A list of what does not fit together is a type that nothing fits.
    return ListType(NamedType("invalid") if element is None else element, len(items))


def _items_of(value: object) -> list[object] | None:
    if isinstance(value, list | tuple | set | frozenset):
        return list(value)
    numpy = sys.modules.get("numpy")
    if numpy is not None and isinstance(value, numpy.ndarray):
        return _elements(value)
    return None


def _elements(array: np.ndarray) -> list[object]:
    return list(array.tolist()) if array.ndim else [array.item()]


def _shape_of_list(value: object) -> tuple[int, ...]:
    shape = []
    while isinstance(value, list):
        shape.append(len(value))
        value = value[0] if value else None
    return tuple(shape)


def _json_of(value: Any, store_value: StoreValue | None) -> JsonValue:
    if isinstance(value, DType):
        return value.to_json(store_value)
    if isinstance(value, dict):
        return {str(key): _json_of(item, store_value) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_json_of(item, store_value) for item in value]
    if isinstance(value, set | frozenset):
        return [_json_of(item, store_value) for item in sorted(value, key=str)]
    return value  # type: ignore[no-any-return] # constants are plain values
