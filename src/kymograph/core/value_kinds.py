"""What a logged value is: a small number per kind for columns, with its name on the wire and its metric kind."""

from __future__ import annotations

from dataclasses import dataclass

from kymograph.core.history import MetricKind
from kymograph.types import JsonValue


@dataclass(frozen=True, slots=True)
class ValueKind:
    """One kind of value."""

    wire_name: str
    metric_kind: MetricKind


FLOAT, INTEGER, BOOLEAN, NULL, TEXT, LIST, MAPPING, OTHER_MEDIA = range(8)
"""Codes of the kinds that are not media, and of media whose ``_type`` is not listed below."""

LAST_NUMERIC = BOOLEAN
"""Codes up to this one have a number; later ones do not."""

_MEDIA_TYPES = {
    "image-file": MetricKind.IMAGE,
    "images": MetricKind.IMAGE,
    "images/separated": MetricKind.IMAGE,
    "table-file": MetricKind.TABLE,
    "table": MetricKind.TABLE,
    "partitioned-table": MetricKind.TABLE,
    "joined-table": MetricKind.TABLE,
    "histogram": MetricKind.HISTOGRAM,
    "audio": MetricKind.AUDIO,
    "audio-file": MetricKind.AUDIO,
    "video": MetricKind.VIDEO,
    "video-file": MetricKind.VIDEO,
    "videos": MetricKind.VIDEO,
    "html": MetricKind.HTML,
    "html-file": MetricKind.HTML,
    "plotly": MetricKind.PLOTLY,
    "plotly-file": MetricKind.PLOTLY,
    "object3D-file": MetricKind.MEDIA,
    "molecule-file": MetricKind.MEDIA,
    "bokeh-file": MetricKind.MEDIA,
    "media": MetricKind.MEDIA,
}

VALUE_KINDS: tuple[ValueKind, ...] = (
    ValueKind("number", MetricKind.NUMBER),
    ValueKind("number", MetricKind.NUMBER),
    ValueKind("boolean", MetricKind.BOOLEAN),
    ValueKind("nil", MetricKind.NULL),
    ValueKind("string", MetricKind.TEXT),
    ValueKind("list", MetricKind.JSON),
    ValueKind("map", MetricKind.JSON),
    ValueKind("media", MetricKind.MEDIA),
    *(ValueKind(name, kind) for name, kind in _MEDIA_TYPES.items()),
)
"""By code. Names of media are their ``_type``."""

_MEDIA_CODES = {name: OTHER_MEDIA + 1 + index for index, name in enumerate(_MEDIA_TYPES)}

_TYPE_CODES: dict[type, int] = {
    float: FLOAT,
    int: INTEGER,
    bool: BOOLEAN,
    type(None): NULL,
    str: TEXT,
    list: LIST,
}


def code_of_type(kind: type) -> int | None:
    """The code that all values of a Python type have; None for mappings, whose content decides."""
    return _TYPE_CODES.get(kind)


def code_of(value: JsonValue) -> int:
    """The code of a leaf."""
    if isinstance(value, dict):
        media_type = value.get("_type")
        if media_type is None and "_type" not in value:
            return MAPPING
        return _MEDIA_CODES.get(media_type, OTHER_MEDIA) if isinstance(media_type, str) else OTHER_MEDIA
    return _TYPE_CODES[type(value)]
