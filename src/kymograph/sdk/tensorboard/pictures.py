"""Images of event files: they are encoded already, and kept as they are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from kymograph.errors import InvalidMedia
from kymograph.sdk.media.base import MEDIA_FOLDER, MediaPlace, Value, store
from kymograph.sdk.media.image import Image
from kymograph.types import JsonObject, JsonValue

_BEGINNINGS = {b"\x89PNG\r\n\x1a\n": "png", b"\xff\xd8\xff": "jpeg", b"GIF8": "gif", b"BM": "bmp"}
"""First bytes of a file → its format."""


class Pictures(Value):
    """Images of one size and format, as one value of history: a list of images, also where there is one."""

    log_type: ClassVar[str] = "images/separated"

    def __init__(self, encoded: Sequence[bytes], *, width: int, height: int) -> None:
        """Take the images, at least one.

        Raises:
            InvalidMedia: One is no PNG, JPEG, GIF or BMP, or they are of several formats.
        """
        formats = {_format_of(content) for content in encoded}
        if len(formats) != 1:
            raise InvalidMedia("Image", f"the images of one step are of several formats: {', '.join(sorted(formats))}")
        self.encoded, self.format = encoded, formats.pop()
        self.width, self.height = width, height

    def bind(self, place: MediaPlace, key: str, step: int) -> JsonObject:  # noqa: D102 — docstring inherited
        folder = f"{MEDIA_FOLDER}/{Image.subfolder}"
        extension = f".{self.format}"
        names: list[JsonValue] = [
            store(content, place, folder, key, step, extension=extension).path for content in self.encoded
        ]
        form: JsonObject = {"_type": self.log_type, "width": self.width, "height": self.height}
        return form | {"format": self.format, "count": len(names), "filenames": names}


def _format_of(content: bytes) -> str:
    for beginning, name in _BEGINNINGS.items():
        if content.startswith(beginning):
            return name
    raise InvalidMedia("Image", "it is none of PNG, JPEG, GIF, BMP")
