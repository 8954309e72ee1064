"""Versions of servers whose files this machine has listed: what is known of each, for when no server can be asked.

They are as they were then. Contents are not here but in the cache, as far as that has them; what does not fit into the
bounds is forgotten, the oldest first. Safe to share between threads and processes.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from kymograph.client.artifact_values import CollectionAddress, RemoteArtifact, RemoteMembership
from kymograph.client.placing import written_whole
from kymograph.core import exact_json

FOLDER = "seen"
MAX_BYTES = 16 << 20
"""Of a manifest; larger ones are not kept."""
MAX_TOTAL_BYTES = 256 << 20
MAX_KEPT = 256
"""Versions. Each time one is noted all are looked at: measured, 4 ms for so many."""


@dataclass(frozen=True, slots=True)
class SeenVersion:
    """A version in one collection, as a server had it."""

    place: RemoteMembership
    """With the version."""
    seen_at_ns: int
    manifest: Callable[[], bytes]
    """Reads the document of its manifest."""


class SeenVersions:
    """What was seen of the versions of servers."""

    def __init__(self, cache: Path) -> None:
        """Prepare; nothing is made yet.

        Args:
            cache: The folder of artifacts, in the user's folder of caches.
        """
        self._folder = cache / FOLDER

    def save(self, base_url: str, place: RemoteMembership, manifest: bytes | bytearray) -> None:
        """Note a version; nothing happens if the disk takes nothing.

        Args:
            base_url: Address of the server.
            place: Of the version, with it.
            manifest: Its document.
        """
        assert place.artifact is not None
        if len(manifest) > MAX_BYTES:
            return
        head = exact_json.dumps({"base_url": base_url, "place": asdict(place)}).encode()
        at = f"{base_url}\n{place.collection.path}\n{place.artifact.id}"
        path = self._folder / hashlib.sha256(at.encode(errors="surrogatepass")).hexdigest()[:32]
        with suppress(OSError):
            if _head(path) == head:  # the files of a version do not change
                os.utime(path)
                return
            with written_whole(path) as file:
                file.write(head + b"\n")
                file.write(manifest)
            self._make_room()

    def iter_all(self, base_url: str) -> Iterator[SeenVersion]:
        """The versions of a server, in no order."""
        for path, _, seen_at_ns in self._files():
            try:
                head: Any = exact_json.loads(_head(path))
                if head["base_url"] == base_url:
                    yield SeenVersion(_place(head["place"]), seen_at_ns, lambda path=path: _manifest(path))  # type: ignore[misc] # mypy takes no default as bound
            except (OSError, ValueError, KeyError, TypeError):
                continue  # deleted meanwhile, or by another version of this program

    def _files(self) -> Iterator[tuple[Path, int, int]]:
        with suppress(OSError), os.scandir(self._folder) as found:
            for item in found:
                with suppress(FileNotFoundError):
                    status = item.stat()
                    yield Path(item.path), status.st_size, status.st_mtime_ns

    def _make_room(self) -> None:
        left = MAX_TOTAL_BYTES
        for number, (path, size, _) in enumerate(sorted(self._files(), key=lambda file: file[2], reverse=True), 1):
            left -= size
            if left < 0 or number > MAX_KEPT:
                path.unlink(missing_ok=True)


def _head(path: Path) -> bytes:
    """The first line of a file; nothing if there is none."""
    try:
        with path.open("rb") as file:
            return file.readline().rstrip(b"\n")
    except FileNotFoundError:
        return b""


def _manifest(path: Path) -> bytes:
    return path.read_bytes().partition(b"\n")[2]


def _place(document: dict[str, Any]) -> RemoteMembership:
    given = dict(document["artifact"])
    given |= {"source": _address(given["source"]), "tags": tuple(given["tags"])}
    given["aliases"] = tuple((_address(at), alias) for at, alias in given["aliases"])
    place = {**document, "collection": _address(document["collection"]), "aliases": tuple(document["aliases"])}
    return RemoteMembership(**{**place, "artifact": RemoteArtifact(**given)})


def _address(document: dict[str, str]) -> CollectionAddress:
    return CollectionAddress(**document)
