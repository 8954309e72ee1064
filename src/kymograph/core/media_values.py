"""Media as they stand in history: what a record says of each image, sound or table that it names.

A record is a mapping with a ``_type``; a list of records is taken as one. Where the bytes are is a path among the run's
files, or an address inside an artifact; whether they have arrived is not told here.

Source: seeds.md D.3, and the `seq_to_json` of each media class of the protocol's client, versions 0.13 to 0.31; pinned
by tests/unit/core/test_media_values.py and, against the client itself, tests/e2e/test_compare.py.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from kymograph.core.history import MetricKind
from kymograph.core.value_kinds import LIST, OTHER_MEDIA, VALUE_KINDS, code_of
from kymograph.types import JsonObject, JsonValue

ARTIFACT_SCHEMES = ("wandb-artifact://", "wandb-client-artifact://")

_LISTS = ("audio", "videos", "html", "plotly")
"""Under these names a record of several media holds a record for each."""
_PER_ITEM = {"all_masks": "masks", "all_boxes": "boxes", "sampleRates": "sample_rate", "durations": "duration"}
"""Lists of a record of several media, with the name that each of their members has in a record of its own."""
_OBJECTS_FOLDER = "media/object3D/"
"""A record of several 3D objects names their files without it."""
_SHARED = ("width", "height", "format")
_OWN_FIELDS = frozenset({
    "_type", "path", "artifact_path", "_latest_artifact_path", "caption", "width", "height", "format", "size", "count",
    "filenames", "captions", "objects", *_LISTS, *_PER_ITEM,
})  # fmt: skip

_PLAIN_TYPES = frozenset(kind.wire_name for kind in VALUE_KINDS[:OTHER_MEDIA])
_LIST_TYPE = VALUE_KINDS[LIST].wire_name
_KIND_OF_TYPE = {kind.wire_name: kind.metric_kind for kind in VALUE_KINDS[OTHER_MEDIA:]}


@dataclass(frozen=True, slots=True)
class MediaItem:
    """One image, sound, table… of a record."""

    index: int
    """Its place in the list that was logged."""
    path: str | None = None
    """Name of the run's file, as logged: not checked."""
    artifact: str | None = None
    """``wandb-artifact://…`` or ``wandb-client-artifact://…``, for bytes that are no file of the run."""
    format: str | None = None
    caption: JsonValue = None
    """A text, or whatever else was logged as one."""
    width: int | None = None
    height: int | None = None
    size_bytes: int | None = None
    extra: JsonObject = field(default_factory=dict)
    """What else the record says of this one."""

    @property
    def has_bytes(self) -> bool:
        """Whether there is anything to load."""
        return self.path is not None or self.artifact is not None


def media_type_of(value: JsonValue) -> str | None:
    """``_type`` of a record, or of the first record of a list; None for a value that is no media."""
    if isinstance(value, list):
        return next((found for item in value if isinstance(item, dict) and (found := media_type_of(item))), None)
    media_type = value.get("_type") if isinstance(value, dict) else None
    return media_type if isinstance(media_type, str) else None


def media_kind_of(value: JsonValue) -> MetricKind:
    """The kind of a value that is media."""
    if isinstance(value, list):
        value = next((item for item in value if media_type_of(item) is not None), None)
    return VALUE_KINDS[code_of(value)].metric_kind


def media_items(value: JsonValue) -> list[MediaItem]:
    """All media of a value, in order; none for a value that is no media."""
    records = [item for item in value if media_type_of(item)] if isinstance(value, list) else [value]
    parts = (part for item in records if isinstance(item, dict) and media_type_of(item) for part in _parts(item))
    return [_item(index, part) for index, part in enumerate(parts)]


def _parts(record: Mapping[str, JsonValue]) -> Iterator[JsonObject]:
    """A record for each of the media that a record names."""
    shared = {name: value for name, value in record.items() if name not in _OWN_FIELDS or name in _SHARED}
    names = record.get("filenames")
    members = next((inner for key in _LISTS if isinstance(inner := record.get(key), list)), None)
    if isinstance(names, list):
        objects = record.get("objects")
        for index, name in enumerate(names):
            known = _at(objects, index)
            place: JsonObject = {"path": f"{_OBJECTS_FOLDER}{name}" if record.get("_type") == "object3D" else name}
            yield {**shared, **place, **(known if isinstance(known, dict) else {}), **_of_index(record, index)}
    elif members is not None:
        for index, member in enumerate(members):
            own = member if isinstance(member, dict) else {}
            yield {**shared, **own, **_of_index(record, index)}
    else:
        yield dict(record)


def _of_index(record: Mapping[str, JsonValue], index: int) -> JsonObject:
    """What the lists beside the media say of one of them."""
    found: JsonObject = {
        name: value for key, name in _PER_ITEM.items() if (value := _at(record.get(key), index)) is not None
    }
    caption = _at(record.get("captions"), index)
    return found if caption is None else {**found, "caption": caption}


def _at(values: JsonValue, index: int) -> JsonValue:
    return values[index] if isinstance(values, list) and index < len(values) else None


def _item(index: int, record: JsonObject) -> MediaItem:
    named = record.get("path")
    path = named if isinstance(named, str) and named else None
    in_artifact = record.get("artifact_path")
    artifact = in_artifact if isinstance(in_artifact, str) and in_artifact else None
    if path is not None and path.startswith(ARTIFACT_SCHEMES):
        path, artifact = None, path  # lists of images name both kinds under `filenames`
    form = record.get("format")
    return MediaItem(
        index=index,
        path=path,
        artifact=artifact,
        format=form if isinstance(form, str) and form else _ending(path or artifact),
        caption=record.get("caption"),
        width=_whole(record.get("width")),
        height=_whole(record.get("height")),
        size_bytes=_whole(record.get("size")),
        extra={name: value for name, value in record.items() if name not in _OWN_FIELDS},
    )


def _ending(path: str | None) -> str | None:
    name = (path or "").rpartition("/")[2]
    stem, dot, ending = name.rpartition(".")
    return ending.lower() if dot and stem else None


def _whole(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def count_media(type_counts: Collection[tuple[str, int]], last: JsonValue = None) -> tuple[MetricKind, int] | None:
    """The kind of a metric's media and how many values are media; None if none is.

    Args:
        type_counts: Names of types on the wire with counts.
        last: The newest value, if it is a list: only the value tells a list of media from one of numbers.
    """
    counts = [(name, count) for name, count in type_counts if name not in _PLAIN_TYPES]
    if isinstance(last, list) and media_type_of(last) is not None:
        lists = sum(count for name, count in type_counts if name == _LIST_TYPE)
        return media_kind_of(last), lists + sum(count for _, count in counts)
    if not counts:
        return None
    return _KIND_OF_TYPE.get(counts[-1][0], MetricKind.MEDIA), sum(count for _, count in counts)
