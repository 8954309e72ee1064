"""Media objects read back from artifacts, whoever wrote them.

Source: the vendor's `from_json` of each kind; the forms are those of `media_objects`.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kymograph.core import exact_json
from kymograph.errors import InvalidMedia, ReferenceNotFound
from kymograph.sdk.artifacts.addresses import split_address
from kymograph.sdk.artifacts.media_objects import OBJECT_KINDS, ObjectFile, find_object_entry
from kymograph.sdk.media import (
    Audio,
    Bokeh,
    Classes,
    Html,
    Image,
    ImageMask,
    JoinedTable,
    Molecule,
    Object3D,
    PartitionedTable,
    Table,
    Video,
    dtypes,
    foreign,
)
from kymograph.sdk.media.base import Value
from kymograph.sdk.media.dtypes import ANY, ArrayType, DType, ListType, NamedType, TypedDictType, UnionType
from kymograph.sdk.media.image import ImageType
from kymograph.sdk.media.overlays import ClassesIdType
from kymograph.sdk.media.table_keys import ForeignIndexType, ForeignKeyType, PrimaryKeyType
from kymograph.types import JsonObject, JsonValue

if TYPE_CHECKING:
    from kymograph.sdk.artifacts.artifact import Artifact

FindArtifact = Callable[[str], "Artifact | None"]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_KINDS: dict[str, type[Value]] = {str(kind.artifact_type or kind.log_type): kind for kind in OBJECT_KINDS}
_PLAIN_TYPES = frozenset({"none", "string", "number", "boolean", "timestamp"})


def read_object(artifact: Artifact, name: str, *, find_artifact: FindArtifact) -> Value | None:
    """The object of a name; None if the artifact has none.

    Args:
        artifact: With a version at the server.
        name: That the object was added under, or its path.
        find_artifact: Gives the artifact of an id: objects may lie in others.

    Raises:
        InvalidMedia: Its form cannot be read.
        KymographError: It cannot be fetched.
    """
    found = find_object_entry(artifact.manifest, name)
    if found is None:
        return None
    entry, kind = found
    artifact_id = entry.referenced_artifact_id()
    if artifact_id is not None:
        other = find_artifact(artifact_id)
        if other is None:
            raise ReferenceNotFound(f"{name} is in an artifact that is gone, or you may not see it", uri=str(entry.ref))
        return read_object(other, split_address(str(entry.ref))[2], find_artifact=find_artifact)
    if issubclass(kind, Table):
        artifact.download()  # all its media at once, in parallel
    return _Reader(artifact, find_artifact).object_at(entry.path)


class _Reader:
    """Reads objects of one artifact."""

    def __init__(self, artifact: Artifact, find_artifact: FindArtifact) -> None:
        self._artifact, self._find_artifact = artifact, find_artifact

    def object_at(self, path: str) -> Value:
        """The object whose form is a file."""
        form = exact_json.loads(Path(self.file(path)).read_bytes())
        value = self.value(form)
        if not isinstance(value, Value):
            raise InvalidMedia("artifact", f"{path} holds no media object")
        value.came_from = ObjectFile(self._artifact, path, self._content_path(form))
        return value

    def file(self, path: str) -> str:
        """Where a file of the artifact is, here."""
        return self._artifact.get_entry(path).download()

    def value(self, form: JsonValue) -> Any:
        """What a form stands for; itself, if it is that of no object."""
        if isinstance(form, list):
            return [self.value(item) for item in form]
        if not isinstance(form, dict):
            return form
        kind = _KINDS.get(str(form.get("_type")))
        if kind is None:
            return {key: self.value(item) for key, item in form.items()}
        made = self._made(kind, form)
        made.came_from = ObjectFile(self._artifact, None, self._content_path(form))
        return made

    @staticmethod
    def _content_path(form: JsonValue) -> str | None:
        path = form.get("path") if isinstance(form, dict) else None
        return path if isinstance(path, str) else None

    def _made(self, kind: type[Value], form: Any) -> Value:
        if kind is Table:
            return self._table(form)
        if kind is Image:
            return self._image(form)
        if kind is Classes:
            return Classes(form["class_set"])
        if kind is JoinedTable:
            return JoinedTable(self._table_at(form["table1"]), self._table_at(form["table2"]), form["join_key"])
        if kind is PartitionedTable:
            return PartitionedTable(form["parts_path"])
        path = self.file(str(form["path"]))
        caption = form.get("caption")
        if kind is ImageMask:
            return ImageMask({"path": path}, key="")
        if kind is Audio:
            return Audio(path, caption=caption)
        if kind is Video:
            return Video(path, caption=caption)
        if kind is Html:
            return Html(path, inject=False)
        if kind is Object3D:
            return Object3D(path, caption=caption)
        if kind is Molecule:
            return Molecule(path, caption=caption)
        if kind is Bokeh:
            return Bokeh(path)
        raise InvalidMedia(kind.__name__, "it cannot be read from artifacts")

    # --- images ------------------------------------------------------------------------------------------------------

    def _image(self, form: Any) -> Image:
        classes = form.get("classes")
        known = self.object_at(classes["path"]) if isinstance(classes, dict) else None
        labels = {item["id"]: item["name"] for item in known.class_set} if isinstance(known, Classes) else None
        boxes = {
            name: {"box_data": box, "class_labels": labels or {}} if isinstance(box, list) else box
            for name, box in (form.get("boxes") or {}).items()
        }
        masks = {
            name: {"path": self.file(mask["path"]), "class_labels": labels or {}}
            for name, mask in (form.get("masks") or {}).items()
        }
        return Image(
            self.file(form["path"]),
            caption=form.get("caption"),
            grouping=form.get("grouping"),
            classes=known if isinstance(known, Classes) else None,
            boxes=boxes or None,
            masks=masks or None,
        )

    # --- tables ------------------------------------------------------------------------------------------------------

    def _table_at(self, path: str) -> Value:
        return self.object_at(path)

    def _table(self, form: Any) -> Table:
        columns, rows = form["columns"], [list(map(self.value, row)) for row in form["data"]]
        described = (form.get("column_types") or {}).get("params", {}).get("type_map") or {}
        types = [self._type(described.get(str(name))) for name in columns]
        for index, known in enumerate(types):
            self._fill(rows, index, known)
        mode = form.get("log_mode") or "IMMUTABLE"
        try:
            return Table(columns=columns, data=rows, dtype=types, optional=[False] * len(columns), log_mode=mode)
        except InvalidMedia:  # of types that other clients tell apart, and we do not
            return Table(columns=columns, data=rows, allow_mixed_types=True, log_mode=mode)

    def _fill(self, rows: list[list[Any]], index: int, known: DType) -> None:
        """Make of a column's cells what they stand for: moments of milliseconds, arrays of a file beside the table."""
        members = known.members if isinstance(known, UnionType) else (known,)
        stored = next((item.stored_at for item in members if isinstance(item, ArrayType) and item.stored_at), None)
        if stored is not None:
            numpy = foreign.require("numpy", "a column of arrays")
            with numpy.load(self.file(stored[0])) as arrays:
                for row, value in zip(rows, arrays[stored[1]], strict=False):
                    row[index] = value
        elif any(isinstance(item, NamedType) and item.name == "timestamp" for item in members):
            for row in rows:
                if isinstance(row[index], int | float):
                    row[index] = _EPOCH + timedelta(milliseconds=row[index])

    def _type(self, form: Any) -> DType:
        """The type that a form describes; any, for those that are not ours to check."""
        if not isinstance(form, dict):
            return ANY
        name, params = form.get("wb_type"), form.get("params") or {}
        if name in _PLAIN_TYPES or name in _KINDS:
            return ImageType() if name == "image-file" else NamedType(str(name))
        if name == "union":
            return dtypes.union([self._type(member) for member in params.get("allowed_types", ())])
        if name == "list":
            return ListType(self._type(params.get("element_type")), params.get("length"))
        if name == "typedDict":
            return TypedDictType({key: self._type(inner) for key, inner in params.get("type_map", {}).items()})
        if name == "ndarray":
            stored = params.get("serialization_path")
            place = (str(stored["path"]), str(stored["key"])) if isinstance(stored, dict) else None
            return ArrayType(tuple(params.get("shape") or ()), place)
        return self._linking_type(str(name), params)

    def _linking_type(self, name: str, params: JsonObject) -> DType:
        if name == "primaryKey":
            return PrimaryKeyType()
        if name in ("foreignKey", "foreignIndex"):
            table = self._table_at(str(params["table"]))
            return ForeignKeyType(table, str(params["col_name"])) if name == "foreignKey" else ForeignIndexType(table)
        classes = params.get("classes_obj")
        if name == "classesId" and isinstance(classes, dict) and classes.get("path"):
            known = self.object_at(str(classes["path"]))
            if isinstance(known, Classes):
                return ClassesIdType(known)
        return ANY
