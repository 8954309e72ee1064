"""What may be logged besides plain values: the base of all media, and how their files come to lie in a run's folder.

A media object holds its content encoded (bytes) or names a file; nothing is written before it is logged. `bind` then
writes below ``media/`` of the run's folder and gives the JSON object that stands in the history row. Placing media
in artifacts is another way to use the same content and not done here.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, ClassVar, Self, TypeAlias

from kymograph.errors import InvalidMedia, MediaFileNotFound
from kymograph.sdk.media.dtypes import DType, NamedType, PythonObject, Typed
from kymograph.sdk.media.names import media_path
from kymograph.types import JsonObject, JsonValue

MEDIA_FOLDER = "media"
HASH_CHARACTERS = 20
"""How much of a content's SHA-256 is in its file's name. Source: protocol.md §6."""
_COPY_BYTES = 1 << 20

Content: TypeAlias = bytes | Path
"""Encoded content, or the file that holds it."""


def _forget(path: tuple[str, ...], value: JsonValue) -> None:
    """Where nobody takes configuration."""


@dataclass(frozen=True, slots=True)
class MediaPlace:
    """Where media of one run are put, and whom to tell."""

    folder: Path
    """The run's ``files/`` folder."""
    keep: Callable[[str], None]
    """Called with each file that was written and has to be uploaded: relative to `folder`, with forward slashes."""
    configure: Callable[[tuple[str, ...], JsonValue], None] = _forget
    """Called with a path of keys in the run's config and the value to set there: class labels, charts."""
    raises_on_cut: bool = False
    """Whether a table with more rows than are kept is refused."""


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A media file in the run's folder."""

    path: str
    """Relative to the run's folder, with forward slashes."""
    sha256: str
    """64 lower-case hex digits."""
    size_bytes: int


class Value(Typed, ABC):
    """Something with a JSON form of its own, its kind under ``_type``."""

    log_type: ClassVar[str]
    """``_type`` of the JSON form."""

    @abstractmethod
    def bind(self, place: MediaPlace, key: str, step: int) -> JsonObject:
        """Write the files of this value below `place` and give its JSON form for a history row.

        Raises:
            OSError: A file cannot be read or written.
        """

    def data_type(self) -> DType:
        """The type of a table's cell that holds it."""
        return PythonObject(type(self).__name__)

    @classmethod
    def any_data_type(cls) -> DType:
        """The type of a table's column that was declared to hold such values."""
        return PythonObject("type")


class Media(Value):
    """A value whose content is one file.

    Attributes:
        caption: Shown below it.
    """

    subfolder: ClassVar[str]
    """Below ``media/``."""

    def __init__(self, content: Content, *, extension: str, caption: str | None = None) -> None:
        """Take encoded `content`; `extension` begins with a dot.

        Raises:
            MediaFileNotFound: `content` is the path of no file.
        """
        if isinstance(content, Path) and not content.is_file():
            raise MediaFileNotFound(str(content))
        self.caption = caption
        self._content = content
        self._extension = extension

    def bind(self, place: MediaPlace, key: str, step: int) -> JsonObject:  # noqa: D102 — docstring inherited
        stored = store(self._content, place, f"{MEDIA_FOLDER}/{self.subfolder}", key, step, extension=self._extension)
        form: JsonObject = {} if self.caption is None else {"caption": self.caption}
        return form | {"_type": self.log_type, "sha256": stored.sha256, "size": stored.size_bytes, "path": stored.path}

    def sha256(self) -> str:
        """Of the content: 64 lower-case hex digits."""
        if isinstance(self._content, bytes):
            return hashlib.sha256(self._content).hexdigest()
        with self._content.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    def __eq__(self, other: object) -> bool:
        """Whether the content is the same."""
        return isinstance(other, type(self)) and self.caption == other.caption and self.sha256() == other.sha256()

    __hash__ = object.__hash__


class TypedMedia(Media):
    """Media that tables know as a type of their own, under the same name as on the wire."""

    def data_type(self) -> DType:  # noqa: D102 — docstring inherited
        return NamedType(self.log_type)

    @classmethod
    def any_data_type(cls) -> DType:  # noqa: D102 — docstring inherited
        return NamedType(cls.log_type)


class BatchableMedia(Media):
    """Media of which several under one key become one object."""

    max_items: ClassVar[int | None] = None
    """How many of a sequence are logged."""

    @classmethod
    @abstractmethod
    def bind_group(cls, items: Sequence[Self], place: MediaPlace, key: str, step: int) -> JsonObject:
        """Write the files of `items` (at least one) and give their common JSON form."""


def captions_of(items: Sequence[Media]) -> list[JsonValue] | None:
    """The captions in order, ``None`` where there is none; or ``None`` if no item has one."""
    captions: list[JsonValue] = [item.caption for item in items]
    return captions if any(caption is not None for caption in captions) else None


def read_text(kind: str, source: IO[str]) -> str:
    """All that an open file holds, from its beginning."""
    if source.seekable():
        source.seek(0)
    content: object = source.read()
    if isinstance(content, bytes):
        return content.decode("utf-8")
    if not isinstance(content, str):
        raise InvalidMedia(kind, f"reading from it gives {type(content).__name__}; give a file opened for text")
    return content


def store(content: Content, place: MediaPlace, folder: str, key: str, step: int, *, extension: str) -> StoredFile:
    """Put content below ``place.folder / folder`` under a name made of key, step and digest; tell `place`.

    The same content, key and step give the same name. Files appear whole: they are renamed into place. A file that
    is given by its path is copied, never linked: scripts overwrite one ``plot.png`` per step, and a link would change
    what has been logged before.

    Raises:
        OSError: A file cannot be read or written.
    """
    root = place.folder / folder
    root.mkdir(parents=True, exist_ok=True)
    handle, draft_name = tempfile.mkstemp(prefix=".", suffix=".draft", dir=root)
    try:
        with os.fdopen(handle, "wb") as draft:
            digest, size_bytes = _write(content, draft)
        os.chmod(draft_name, 0o644)  # mkstemp gives it to its owner alone
        relative = f"{folder}/{media_path(key, step, digest[:HASH_CHARACTERS], extension)}"
        target = place.folder / relative
        target.parent.mkdir(parents=True, exist_ok=True)
        os.replace(draft_name, target)
    except BaseException:
        Path(draft_name).unlink(missing_ok=True)
        raise
    place.keep(relative)
    return StoredFile(relative, digest, size_bytes)


def _write(content: Content, draft: IO[bytes]) -> tuple[str, int]:
    if isinstance(content, bytes):
        draft.write(content)
        return hashlib.sha256(content).hexdigest(), len(content)
    digest, size_bytes = hashlib.sha256(), 0
    with content.open("rb") as source:
        while piece := source.read(_COPY_BYTES):
            digest.update(piece)
            draft.write(piece)
            size_bytes += len(piece)
    return digest.hexdigest(), size_bytes
