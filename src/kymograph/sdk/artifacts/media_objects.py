"""Media objects in artifacts: each is a JSON file with the suffix of its kind, and files of its content beside it.

The same names and bytes as the protocol's own client writes: equal objects give equal digests there and here.

Source: the vendor's `Artifact.add`, `Media.to_json`; pinned by tests/e2e/test_artifact_forms.py.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kymograph.core.artifact_rules import check_entry_path
from kymograph.errors import ArtifactFinalizedError, InvalidValue
from kymograph.sdk.artifacts.entry import ArtifactManifestEntry
from kymograph.sdk.media import (
    Audio,
    Bokeh,
    BoundingBoxes2D,
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
)
from kymograph.sdk.media.base import HASH_CHARACTERS, MEDIA_FOLDER, Media, Value
from kymograph.wire.artifact_addresses import client_address, latest_client_address

if TYPE_CHECKING:
    from kymograph.sdk.artifacts.artifact import Artifact
    from kymograph.sdk.artifacts.manifest import ArtifactManifest

OBJECT_KINDS: tuple[type[Value], ...] = (
    Bokeh,
    JoinedTable,
    PartitionedTable,
    Table,
    Classes,
    ImageMask,
    BoundingBoxes2D,
    Audio,
    Image,
    Video,
    Html,
    Object3D,
    Molecule,
)
"""What may be added under a name of its own."""
_TABLES_FOLDER = "media/tables"
"""Objects that are put here are named by their content. Source: the vendor's `Artifact.add`."""


@dataclass(frozen=True, slots=True)
class ObjectFile:
    """A file of an artifact that holds a media object."""

    artifact: Artifact
    path: str | None
    """That of the object; None for one within another, which has no file of its own."""
    content_path: str | None = None
    """That of its content, for an object that was read from here."""

    def address(self) -> str | None:
        """By which others refer to it; None as long as the artifact may change."""
        if self.path is None or not self.artifact.is_final:
            return None
        entry = self.artifact.manifest.get_entry_by_path(self.path)
        if self.artifact.logged is not None and entry is not None:
            entry.parent = self.artifact
            return entry.ref_url()
        return client_address(self.artifact.client_id, self.path)

    def latest_address(self) -> str | None:
        """The same of the latest version; None if that is not known."""
        if self.path is None or not self.artifact.is_final or self.artifact.logged is not None:
            return None
        return latest_client_address(self.artifact.sequence_client_id, self.path)

    def content_address(self) -> str | None:
        """Where the content of an object is that was read from here."""
        entry = self.artifact.manifest.get_entry_by_path(self.content_path) if self.content_path else None
        if entry is None:
            return None
        entry.parent = self.artifact
        return entry.ref_url()


def add_object(artifact: Artifact, value: Value, name: str, *, overwrite: bool = False) -> ArtifactManifestEntry:
    """Add a media object; see `Artifact.add`.

    Raises:
        InvalidValue: It is none that can be added.
        InvalidMedia: It has no form in artifacts.
    """
    if not isinstance(value, OBJECT_KINDS):
        kinds = ", ".join(kind.__name__ for kind in OBJECT_KINDS)
        raise InvalidValue(f"artifact[{name!r}]", value, rule=f"expected one of {kinds}")
    known = artifact._objects.get(id(value))
    if known is not None:
        return known[1]
    path = check_entry_path(name)
    return _Shelf(artifact).add(value, path, named_by_digest=path.startswith(_TABLES_FOLDER), overwrite=overwrite)


def find_object_entry(manifest: ArtifactManifest, name: str) -> tuple[ArtifactManifestEntry, type[Value]] | None:
    """The entry of a media object by the name that it was added under, and its kind; None if there is none."""
    for kind in OBJECT_KINDS:
        entry = manifest.get_entry_by_path(kind.suffixed(name))
        if entry is not None:
            return entry, kind
    return None


class _Shelf:
    """Puts objects and their content into one artifact."""

    def __init__(self, artifact: Artifact) -> None:
        if artifact.is_final:
            raise ArtifactFinalizedError("Artifact.add")
        self._artifact = artifact
        self._draft = artifact.draft

    def add(
        self, value: Value, name: str, *, named_by_digest: bool = False, overwrite: bool = False
    ) -> ArtifactManifestEntry:
        """The entry of an object, which is put under a name unless it is there already."""
        known = self._artifact._objects.get(id(value))
        if known is not None:
            return known[1]
        path = value.suffixed(name)
        address = self._address_elsewhere(value)
        if address is not None:
            return self._artifact.add_reference(address, path)[0]
        content = encode(value.in_artifact(self))
        old = self._draft.manifest.get_entry_by_path(path)
        if old is not None and not overwrite:
            return old
        entry = self._draft.add_content(content, path, named_by_digest=named_by_digest)
        entry.parent = self._artifact
        # The object is held, lest another gets its id.
        self._artifact._objects[id(value)] = (value, entry)
        if value.put_into is None:
            value.put_into = ObjectFile(self._artifact, entry.path)
        return entry

    def _address_elsewhere(self, value: Value) -> str | None:
        """By which an object can be referred to that another artifact has."""
        for file in (value.came_from, value.put_into):
            if file is not None and (address := file.address()) is not None:
                return address
        return None

    # --- as `Shelf` -------------------------------------------------------------------------------------------------

    def put_object(self, value: Value, name: str, *, named_by_digest: bool = False) -> tuple[str, str]:
        entry = self.add(value, name, named_by_digest=named_by_digest)
        return entry.path, entry.digest

    def put_content(self, media: Media) -> str:
        folder = f"{MEDIA_FOLDER}/{media.subfolder}"
        content = media.content
        if media.reference is not None:
            name = f"{folder}/{media.sha256()[:HASH_CHARACTERS]}/{media.reference.rsplit('/', 1)[-1]}"
            return self._artifact.add_reference(media.reference, name)[0].path
        address = None if media.came_from is None else media.came_from.content_address()
        if address is not None:
            return self._artifact.add_reference(address, _path_in(address))[0].path
        if isinstance(content, Path):
            added = self._draft.find_added(content)
            if added is not None:
                return added
            name = f"{folder}/{media.sha256()[:HASH_CHARACTERS]}/{content.name}"
            return self._draft.add_file(content, name).path
        return self.put_bytes(content, f"{folder}/content{media.extension}")

    def put_bytes(self, content: bytes, name: str) -> str:
        return self._draft.add_content(content, name, named_by_digest=True).path

    def put_reference(self, entry: object, name: str) -> str:
        assert isinstance(entry, ArtifactManifestEntry)
        return self._artifact.add_reference(entry, name)[0].path

    def has(self, path: str) -> bool:
        return self._draft.manifest.get_entry_by_path(path) is not None


def encode(form: Any) -> bytes:
    """A form as the bytes of its file."""
    return json.dumps(form, sort_keys=True).encode()


def _path_in(address: str) -> str:
    return address.partition("://")[2].partition("/")[2]
