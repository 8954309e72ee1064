"""What may be logged besides plain values: the base of all media, and how their files come to lie in a run's folder.

A media object holds its content encoded (bytes) or names a file; nothing is written before it is logged. `bind` then
writes below ``media/`` of the run's folder and gives the JSON object that stands in the history row. Or it is put
into an artifact: `in_artifact` gives the form that stands there, and hands the content to a `Shelf`.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, ClassVar, Protocol, Self, TypeAlias

from kymograph.client.files import temporary
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


def _forget_table(_table: Value, _key: str) -> Callable[[], object] | None:
    """Where tables are in no artifacts."""
    return None


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
    put_table: Callable[[Value, str], Callable[[], object] | None] = _forget_table
    """Called with a table, before it is written here, and the key it is logged under: puts it into an artifact, and
    gives what logs that."""


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A media file in the run's folder."""

    path: str
    """Relative to the run's folder, with forward slashes."""
    sha256: str
    """64 lower-case hex digits."""
    size_bytes: int


class ArtifactFile(Protocol):
    """A file of an artifact that holds a media object."""

    def address(self) -> str | None:
        """By which others refer to it; None as long as the artifact may change."""

    def latest_address(self) -> str | None:
        """The same of the latest version; None if that is not known."""

    def content_address(self) -> str | None:
        """Where the content of the object is, if it came from an artifact."""


class Shelf(Protocol):
    """Where media are put in an artifact."""

    def put_content(self, media: Media) -> str:
        """Have the content of a media object in the artifact, and give its path there."""

    def put_object(self, value: Value, name: str, *, named_by_digest: bool = False) -> tuple[str, str]:
        """Have an object in the artifact under a name; give its path and its digest.

        Args:
            value: The object.
            name: Its path without the suffix of its kind.
            named_by_digest: Whether the last part of the name becomes that of the digest.
        """

    def put_bytes(self, content: bytes, name: str) -> str:
        """Have a content in the artifact, named by its digest, and give its path."""

    def put_reference(self, entry: object, name: str) -> str:
        """Have a reference to the entry of another artifact, and give its path."""

    def has(self, path: str) -> bool:
        """Whether there is a file of that path."""


class Value(Typed, ABC):
    """Something with a JSON form of its own, its kind under ``_type``."""

    log_type: ClassVar[str]
    """``_type`` of the JSON form."""
    artifact_type: ClassVar[str | None] = None
    """The same of the form in artifacts, where that is another; it is the suffix of its file's name, too."""
    came_from: ArtifactFile | None = None
    """The file that it was read from."""
    put_into: ArtifactFile | None = None
    """The first file that it was put into."""

    @classmethod
    def suffixed(cls, name: str) -> str:
        """The name of its file in an artifact: with the suffix of its kind."""
        suffix = f"{cls.artifact_type or cls.log_type}.json"
        return name if name.endswith(suffix) else f"{name}.{suffix}"

    def in_artifact(self, shelf: Shelf) -> JsonValue:
        """The form in an artifact; files that belong to it are put there.

        Raises:
            InvalidMedia: It has none.
        """
        raise InvalidMedia(type(self).__name__, "it has no form in artifacts")

    def addresses(self) -> JsonObject:
        """What a history row tells of the file of an artifact that holds it; empty if there is none."""
        form: JsonObject = {}
        file = self.came_from or self.put_into
        if file is not None and (address := file.address()) is not None:
            form["artifact_path"] = address
        if self.put_into is not None and (latest := self.put_into.latest_address()) is not None:
            form["_latest_artifact_path"] = latest
        return form

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
    reference: str | None = None
    """Where the content lies, if that is elsewhere."""

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
        form |= {"_type": self.log_type, "sha256": stored.sha256, "size": stored.size_bytes, "path": stored.path}
        return form | self.addresses()

    def in_artifact(self, shelf: Shelf) -> JsonObject:  # noqa: D102 — docstring inherited
        form: JsonObject = {} if self.caption is None else {"caption": self.caption}
        form |= {"path": shelf.put_content(self), "sha256": self.sha256()}
        return form | {"_type": self.artifact_type or self.log_type}

    @property
    def content(self) -> Content:
        """Encoded content, or the file that holds it."""
        return self._content

    @property
    def extension(self) -> str:
        """Of its file's name; begins with a dot."""
        return self._extension

    def sha256(self) -> str:
        """Of the content, or of the address where it lies: 64 lower-case hex digits."""
        if self.reference is not None:
            return hashlib.sha256(self.reference.encode()).hexdigest()
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
    with temporary(draft_name):
        with os.fdopen(handle, "wb") as draft:
            digest, size_bytes = _write(content, draft)
        os.chmod(draft_name, 0o644)  # mkstemp gives it to its owner alone
        relative = f"{folder}/{media_path(key, step, digest[:HASH_CHARACTERS], extension)}"
        target = place.folder / relative
        target.parent.mkdir(parents=True, exist_ok=True)
        os.replace(draft_name, target)
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
