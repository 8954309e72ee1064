"""Media objects read back from an artifact: the other direction of `media_objects`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kymograph.core import exact_json
from kymograph.errors import EntryNotFound, InvalidMedia, ReferenceNotFound, StoreCorrupt
from kymograph.sdk.artifacts.column_types import read_type
from kymograph.sdk.artifacts.entry import ArtifactManifestEntry
from kymograph.sdk.artifacts.media_objects import OBJECT_KINDS, ObjectFile, find_object_entry
from kymograph.sdk.media import (
    Audio,
    Bokeh,
    BoundingBoxes2D,
    Classes,
    Histogram,
    Html,
    Image,
    ImageMask,
    JoinedTable,
    Molecule,
    Object3D,
    PartitionedTable,
    Table,
    Video,
    foreign,
)
from kymograph.sdk.media.base import Value
from kymograph.sdk.media.dtypes import TIMESTAMP, ArrayType, DType, TypedDictType, UnionType
from kymograph.wire.artifact_addresses import split_address

if TYPE_CHECKING:
    from kymograph.sdk.artifacts.artifact import Artifact

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


FindArtifact = Callable[[str], "Artifact | None"]


def read_object(artifact: Artifact, name: str, *, find_artifact: FindArtifact) -> Value | None:
    """The object of a name; None if the artifact has none.

    Args:
        artifact: With a version at the server.
        name: That the object was added under, or its path.
        find_artifact: Gives the artifact of an id: objects may lie in others.

    Raises:
        ReferenceNotFound: It lies in another artifact, which is gone.
        StoreCorrupt: Its form cannot be read.
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
    return ObjectReader(artifact, lambda needed: artifact.get_entry(needed.path).download()).read(entry)


class ObjectReader:
    """Reads objects of one artifact."""

    def __init__(self, artifact: Artifact, fetch: Callable[[ArtifactManifestEntry], str | Path]) -> None:
        """Prepare; nothing is read yet.

        Args:
            artifact: Its objects are read.
            fetch: Brings the file of an entry here, and says where it is.
        """
        self._artifact, self._fetch = artifact, fetch

    def read(self, entry: ArtifactManifestEntry) -> Value:
        """The object in the file of an entry.

        Raises:
            StoreCorrupt: It is no object that can be read.
            OSError: It cannot be read.
        """
        kind = next((kind for kind in OBJECT_KINDS if kind.suffixed(entry.path) == entry.path), None)
        try:
            form = exact_json.loads(Path(self._fetch(entry)).read_bytes())
            # Boxes are a list: what it holds is told by the name of the file alone.
            value = _READERS[kind](self, form) if kind is not None else self.read_form(form)
        except (InvalidMedia, KeyError, TypeError, ValueError, AttributeError) as exc:
            raise StoreCorrupt(entry.path, problem=f"it is no media object: {exc}") from exc
        if value is None:
            raise StoreCorrupt(entry.path, problem="it is no media object")
        value.came_from = ObjectFile(self._artifact, entry.path, _content_path(value))
        return value

    def read_form(self, form: Any) -> Value | None:
        """The object of a form within another; None if it is none that is known."""
        kind = _KINDS.get(str(form.get("_type"))) if isinstance(form, Mapping) else None
        if kind is None:
            return None
        value = _READERS[kind](self, form)
        if value.came_from is None:
            value.came_from = ObjectFile(self._artifact, None)
        return value

    def read_path(self, path: str) -> Value | None:
        """The object in a file of the artifact; None if there is none."""
        entry = self._artifact.manifest.get_entry_by_path(path)
        return None if entry is None else self.read(entry)

    def file(self, path: str) -> Path:
        """A file of the artifact, brought here.

        Raises:
            EntryNotFound: There is none.
        """
        entry = self._artifact.manifest.get_entry_by_path(path)
        if entry is None:
            raise EntryNotFound(f"Path not contained in artifact: {path}", path=path)
        return Path(self._fetch(entry))

    def entries_below(self, folder: str) -> list[ArtifactManifestEntry]:
        """The entries of a folder, by path."""
        found = self._artifact.manifest.get_entries_in_directory(folder)
        return sorted(found, key=lambda entry: entry.path)

    def all_entries(self) -> list[ArtifactManifestEntry]:
        """All entries of the artifact."""
        return list(self._artifact.manifest.entries.values())

    def with_content(self, value: Value, path: str) -> Value:
        """An object that knows where its content came from."""
        value.came_from = ObjectFile(self._artifact, None, path)
        return value


def _content_path(value: Value) -> str | None:
    return value.came_from.content_path if isinstance(value.came_from, ObjectFile) else None


def _read_image(reader: ObjectReader, form: Any) -> Value:
    classes = reader.read_path(form["classes"]["path"]) if form.get("classes") else None
    labels = {item["id"]: item["name"] for item in classes.class_set} if isinstance(classes, Classes) else None
    named = {} if labels is None else {"class_labels": labels}
    image = Image(
        str(reader.file(form["path"])),
        caption=form.get("caption"),
        grouping=form.get("grouping"),
        classes=classes if isinstance(classes, Classes) else None,
        boxes={name: {"box_data": boxes, **named} for name, boxes in (form.get("boxes") or {}).items()} or None,
        masks={name: {"path": reader.file(mask["path"]), **named} for name, mask in (form.get("masks") or {}).items()}
        or None,
    )
    for name, mask in image.masks.items():
        reader.with_content(mask, form["masks"][name]["path"])
    return reader.with_content(image, form["path"])


def _read_audio(reader: ObjectReader, form: Any) -> Value:
    return reader.with_content(Audio(reader.file(form["path"]), caption=form.get("caption")), form["path"])


def _read_video(reader: ObjectReader, form: Any) -> Value:
    return reader.with_content(Video(reader.file(form["path"]), caption=form.get("caption")), form["path"])


def _read_html(reader: ObjectReader, form: Any) -> Value:
    return reader.with_content(Html(reader.file(form["path"]), inject=False), form["path"])


def _read_object3d(reader: ObjectReader, form: Any) -> Value:
    return reader.with_content(Object3D(reader.file(form["path"]), caption=form.get("caption")), form["path"])


def _read_molecule(reader: ObjectReader, form: Any) -> Value:
    return reader.with_content(Molecule(reader.file(form["path"]), caption=form.get("caption")), form["path"])


def _read_bokeh(reader: ObjectReader, form: Any) -> Value:
    return reader.with_content(Bokeh(reader.file(form["path"])), form["path"])


def _read_mask(reader: ObjectReader, form: Any) -> Value:
    return reader.with_content(ImageMask({"path": reader.file(form["path"])}, ""), form["path"])


def _read_partitioned(reader: ObjectReader, form: Any) -> Value:
    table = PartitionedTable(form["parts_path"])
    table.parts = [lambda entry=entry: reader.read(entry) for entry in reader.entries_below(form["parts_path"])]  # type: ignore[misc] # a table each
    return table


def _read_joined(reader: ObjectReader, form: Any) -> Value:
    return JoinedTable(reader.read_path(form["table1"]), reader.read_path(form["table2"]), form["join_key"])


def _read_table(reader: ObjectReader, form: Any) -> Value:
    columns = list(form["columns"])
    types: list[DType] | None = None
    if form.get("column_types") is not None:
        known = read_type(form["column_types"], reader.read_path)
        if isinstance(known, TypedDictType):
            types = [known.types[str(column)] for column in columns]
    rows = _rows_of_increments(reader) if form.get("log_mode") == "INCREMENTAL" else form["data"]
    moments, arrays = set(), {}
    for index, column_type in enumerate(types or ()):
        for member in column_type.members if isinstance(column_type, UnionType) else (column_type,):
            if member == TIMESTAMP:
                moments.add(index)
            elif isinstance(member, ArrayType) and member.stored_at is not None:
                arrays[index] = _array(reader, *member.stored_at)
    data = [
        [
            arrays[index][number] if index in arrays else _cell(reader, value, is_moment=index in moments)
            for index, value in enumerate(row)
        ]
        for number, row in enumerate(rows)
    ]
    log_mode = form.get("log_mode", "IMMUTABLE")
    if types is None:
        return Table(columns, data, log_mode=log_mode)
    try:
        return Table(columns, data, dtype=[_as_read(known) for known in types], optional=False, log_mode=log_mode)
    except InvalidMedia:  # of objects that had no form but their text
        return Table(columns, data, allow_mixed_types=True, log_mode=log_mode)


def _as_read(known: DType) -> DType:
    """A type whose arrays are in no file any more."""
    if isinstance(known, UnionType):
        return UnionType(tuple(_as_read(member) for member in known.members))
    return ArrayType(known.shape) if isinstance(known, ArrayType) else known


def _array(reader: ObjectReader, path: str, key: str) -> Any:
    numpy = foreign.require("numpy", "a column of arrays")
    with numpy.load(reader.file(path), allow_pickle=False) as stored:
        return stored[key]


def _cell(reader: ObjectReader, value: Any, *, is_moment: bool) -> Any:
    if is_moment and isinstance(value, int | float):
        return _EPOCH + timedelta(milliseconds=value)
    if isinstance(value, dict) and "_type" in value:
        found = reader.read_form(value)
        return value if found is None else found
    return value


def _rows_of_increments(reader: ObjectReader) -> list[Any]:
    """Rows of all parts that were logged, in their order.

    Source: the vendor's `_get_data_from_increments`: files are named ``{increment}-{time in ms}.{key}.table.json``.
    """

    def order(entry: ArtifactManifestEntry) -> tuple[int, int]:
        increment, _, moment = entry.path.partition(".")[0].partition("-")
        return (int(increment), int(moment or 0)) if increment.isdigit() and (moment or "0").isdigit() else (0, 0)

    found = [entry for entry in reader.all_entries() if entry.path.endswith(".table.json")]
    return [
        row
        for entry in sorted(found, key=order)
        for row in exact_json.loads(reader.file(entry.path).read_bytes())["data"]
    ]


_READERS: dict[type[Value], Callable[[ObjectReader, Any], Value]] = {
    Image: _read_image,
    Audio: _read_audio,
    Video: _read_video,
    Html: _read_html,
    Object3D: _read_object3d,
    Molecule: _read_molecule,
    Bokeh: _read_bokeh,
    ImageMask: _read_mask,
    BoundingBoxes2D: lambda reader, form: BoundingBoxes2D({"box_data": form}, ""),
    Classes: lambda reader, form: Classes(form["class_set"]),
    Histogram: lambda reader, form: Histogram(np_histogram=(form["values"], form["bins"])),
    PartitionedTable: _read_partitioned,
    JoinedTable: _read_joined,
    Table: _read_table,
}
_KINDS: dict[str, type[Value]] = {kind.artifact_type or kind.log_type: kind for kind in _READERS}
"""``_type`` of a form → kind."""
