"""Types of a table's columns, read back from the form that artifacts have of them (`kymograph.sdk.media.dtypes`)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from kymograph.sdk.media import Classes, Table
from kymograph.sdk.media.base import Value
from kymograph.sdk.media.dtypes import (
    ANY,
    NONE,
    UNKNOWN,
    ArrayType,
    ConstType,
    DType,
    ListType,
    NamedType,
    PythonObject,
    TypedDictType,
    union,
)
from kymograph.sdk.media.image import ImageType
from kymograph.sdk.media.overlays import ClassesIdType
from kymograph.sdk.media.table_keys import ForeignIndexType, ForeignKeyType, PrimaryKeyType, TableType
from kymograph.types import JsonValue

ReadObject = Callable[[str], Value | None]
"""Gives the object in a file of the artifact."""

_OLD_NAMES = {
    "object": "pythonObject",
    "dictionary": "typedDict",
    "wandb.Image": "image-file",
    "wandb.Classes_id": "classesId",
    "wandb.TablePrimaryKey": "primaryKey",
    "wandb.TableForeignKey": "foreignKey",
    "wandb.TableForeignIndex": "foreignIndex",
    "wandb.Table": "table",
}
"""Of older clients. Source: `legacy_names` in the vendor's types."""


def read_type(form: JsonValue, read_object: ReadObject) -> DType:
    """The type of a form; `ANY` for what is not known.

    Args:
        form: ``{"wb_type": name, "params": {…}}``.
        read_object: For types that point into other tables, or to classes.
    """
    if not isinstance(form, dict):
        return ANY
    name = str(form.get("wb_type"))
    params = form.get("params")
    reader = _READERS.get(_OLD_NAMES.get(name, name))
    if reader is None:
        return NamedType(name)
    return reader(params if isinstance(params, dict) else {}, read_object)


def _union(params: Mapping[str, Any], read_object: ReadObject) -> DType:
    return union([read_type(part, read_object) for part in params.get("allowed_types", [])])


def _list(params: Mapping[str, Any], read_object: ReadObject) -> DType:
    return ListType(read_type(params.get("element_type", {"wb_type": "unknown"}), read_object), params.get("length"))


def _array(params: Mapping[str, Any], read_object: ReadObject) -> DType:
    stored = params.get("serialization_path") or None
    return ArrayType(
        tuple(params.get("shape", ())), stored_at=None if stored is None else (stored["path"], stored["key"])
    )


def _dict(params: Mapping[str, Any], read_object: ReadObject) -> DType:
    return TypedDictType({key: read_type(part, read_object) for key, part in params.get("type_map", {}).items()})


def _const(params: Mapping[str, Any], read_object: ReadObject) -> DType:
    value = params.get("val")
    return ConstType(set(value) if params.get("is_set") and isinstance(value, list) else value)


def _image(params: Mapping[str, Any], read_object: ReadObject) -> DType:
    def layers(name: str) -> dict[str, set[Any]]:
        return {layer: set(labels) for layer, labels in (_value(params, name) or {}).items()}

    return ImageType(
        box_layers=layers("box_layers"),
        box_score_keys=set(_value(params, "box_score_keys") or ()),
        mask_layers=layers("mask_layers"),
        box_class_maps=_value(params, "box_class_maps"),
        mask_class_maps=_value(params, "mask_class_maps"),
        class_map=_value(params, "class_map"),
    )


def _value(params: Mapping[str, Any], name: str) -> Any:
    """A parameter that is a constant."""
    return params.get(name, {}).get("params", {}).get("val")


def _class_ids(params: Mapping[str, Any], read_object: ReadObject) -> DType:
    form = params.get("classes_obj", {})
    if form.get("type") == "classes-file":
        found = read_object(form["path"])
        return ClassesIdType(found) if isinstance(found, Classes) else ANY
    return ClassesIdType(Classes(form.get("class_set", [])))


def _foreign_key(params: Mapping[str, Any], read_object: ReadObject) -> DType:
    table = read_object(params["table"])
    return ForeignKeyType(table, params["col_name"]) if isinstance(table, Table) else ANY


def _foreign_index(params: Mapping[str, Any], read_object: ReadObject) -> DType:
    table = read_object(params["table"])
    return ForeignIndexType(table) if isinstance(table, Table) else ANY


def _table(params: Mapping[str, Any], read_object: ReadObject) -> DType:
    return TableType(read_type(params.get("column_types", {"wb_type": "unknown"}), read_object))


_READERS: dict[str, Callable[[Mapping[str, Any], ReadObject], DType]] = {
    "any": lambda params, read: ANY,
    "unknown": lambda params, read: UNKNOWN,
    "none": lambda params, read: NONE,
    "pythonObject": lambda params, read: PythonObject(str(params.get("class_name"))),
    "primaryKey": lambda params, read: PrimaryKeyType(),
    "const": _const,
    "union": _union,
    "list": _list,
    "ndarray": _array,
    "typedDict": _dict,
    "image-file": _image,
    "classesId": _class_ids,
    "foreignKey": _foreign_key,
    "foreignIndex": _foreign_index,
    "table": _table,
}
