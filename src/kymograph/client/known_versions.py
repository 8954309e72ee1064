"""The manifest of the version of each collection that this machine logged last, to tell what is new in the next one.

It spares what a server has already: copies of files that wait to be sent, questions about them, and all but the changes
of a manifest. A server is asked whether it still has a version before anything relies on it. Files that are gone or
damaged cost time and nothing else.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from kymograph.client.placing import written_whole
from kymograph.types import JsonObject

FOLDER = "known"
MAX_BYTES = 64 << 20
"""Of a manifest; larger ones are read entry by entry, and so never kept here."""
MAX_KEPT = 256
"""Collections; those that were logged least recently go."""


@dataclass(frozen=True, slots=True)
class KnownVersion:
    """A version that a server had."""

    id: str
    entity: str
    project: str
    head: JsonObject
    """The manifest without its entries."""
    contents: dict[str, dict[str, Any]]
    """Its entries by path, as the document has them."""

    def digests(self) -> frozenset[str]:
        """Digests of all contents that are at the server, not elsewhere."""
        return frozenset(form["digest"] for form in self.contents.values() if "ref" not in form)

    def document(self) -> bytes:
        """The manifest."""
        return orjson.dumps({**self.head, "contents": self.contents})


class KnownVersions:
    """What is known of the servers' collections. Safe to share between threads and processes."""

    def __init__(self, cache: Path) -> None:
        """Prepare; nothing is made yet.

        Args:
            cache: The folder of artifacts, in the user's folder of caches.
        """
        self._folder = cache / FOLDER

    def find(self, base_url: str, collection: str) -> KnownVersion | None:
        """The version of a collection that was logged last."""
        try:
            head, _, text = self._path(base_url, collection).read_bytes().partition(b"\n")
            place, document = orjson.loads(head), orjson.loads(text)
            contents = document.pop("contents")
            if not all(isinstance(form["digest"], str) for form in contents.values()):
                return None
            return KnownVersion(place["id"], place["entity"], place["project"], document, contents)
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None

    def save(self, base_url: str, collection: str, *, artifact_id: str, entity: str, project: str, text: bytes) -> None:
        """Note a version that was committed.

        Args:
            base_url: Address of the server.
            collection: The version's.
            artifact_id: Of the version.
            entity: Whose project it is in.
            project: That it is in.
            text: Its manifest.
        """
        if len(text) > MAX_BYTES:
            return
        place: Mapping[str, str] = {"id": artifact_id, "entity": entity, "project": project}
        with suppress(OSError):
            self._make_room()
            with written_whole(self._path(base_url, collection)) as file:
                file.write(orjson.dumps(place) + b"\n" + text)

    def _path(self, base_url: str, collection: str) -> Path:
        name = hashlib.sha256(f"{base_url}\n{collection}".encode(errors="surrogatepass")).hexdigest()
        return self._folder / name[:32]

    def _make_room(self) -> None:
        if not self._folder.is_dir():
            return
        with os.scandir(self._folder) as found:
            files = [(item.stat().st_mtime_ns, item.path) for item in found if item.is_file()]
        for _, path in sorted(files)[: max(0, len(files) - MAX_KEPT + 1)]:
            os.unlink(path)
