"""The entries of a version that was logged: read from its record or the file it names, written as its manifest.

Either may hold a million: they are read and written one after the other, and never all in memory.
"""

from __future__ import annotations

import gzip
import json
from base64 import b64encode
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from hashlib import md5
from pathlib import Path
from typing import Any

import orjson

from kymograph.core import exact_json
from kymograph.errors import ManifestCorrupt, StagedFilesMissing
from kymograph.types import JsonObject
from kymograph.wire.manifest_json import MANIFEST_VERSION
from kymograph.wire.records_pb2 import ArtifactManifest, ArtifactRecord

STORAGE_POLICY = "wandb-storage-policy-v1"
STORAGE_REGION = "storageRegion"


@dataclass(slots=True)
class LoggedEntry:
    """A file or a reference of a version."""

    path: str
    digest: str
    size_bytes: int
    ref: str | None = None
    local_path: str | None = None
    """Where the bytes were when it was logged; None for what is elsewhere, or at the server already."""
    birth_id: str | None = None
    skip_cache: bool = False
    extra: JsonObject = field(default_factory=dict)

    def document(self) -> JsonObject:
        """As a manifest has it. Source: protocol.md §8.1."""
        document: JsonObject = {"digest": self.digest, "size": self.size_bytes}
        if self.birth_id is not None:
            document["birthArtifactID"] = self.birth_id
        if self.ref is not None:
            document["ref"] = self.ref
        if self.extra:
            document["extra"] = self.extra
        return document


def storage_region(manifest: ArtifactManifest) -> str | None:
    """Where the files shall be stored; None where the server stores what it is not told of."""
    for item in manifest.storage_policy_config:
        if item.key == STORAGE_REGION:
            return str(exact_json.loads_document(item.value_json)) or None
    return None


def iter_entries(record: ArtifactRecord, locate: Callable[[str], Path]) -> Iterator[LoggedEntry]:
    """The entries of a version.

    Args:
        record: Of the version.
        locate: Says where a file is now that was at a path when it was logged.

    Raises:
        StagedFilesMissing: The file that lists them is gone.
        ManifestCorrupt: It cannot be read.
    """
    manifest = record.manifest
    if manifest.manifest_file_path:
        path = locate(manifest.manifest_file_path)
        if not path.is_file():
            raise StagedFilesMissing(record.name, paths=[str(path)])
        yield from _entries_in(path, artifact=record.name)
    for entry in manifest.contents:
        yield LoggedEntry(
            path=entry.path,
            digest=entry.digest,
            size_bytes=entry.size,
            ref=entry.ref or None,
            local_path=entry.local_path or None,
            birth_id=entry.birth_artifact_id or None,
            skip_cache=entry.skip_cache,
            extra={item.key: exact_json.loads_document(item.value_json) for item in entry.extra},
        )


def _entries_in(path: Path, *, artifact: str) -> Iterator[LoggedEntry]:
    """Lines of JSON, packed. Source: the vendor's client 0.31.0, for manifests that are too large for a record."""
    try:
        with gzip.open(path, "rb") as lines:
            for line in lines:
                found: Any = orjson.loads(line)
                yield LoggedEntry(
                    path=found["path"],
                    digest=found["digest"],
                    size_bytes=int(found.get("size") or 0),
                    ref=found.get("ref") or None,
                    local_path=found.get("local_path") or None,
                    birth_id=found.get("birthArtifactID") or None,
                    skip_cache=bool(found.get("skip_cache")),
                    extra=found.get("extra") or {},
                )
    except (EOFError, gzip.BadGzipFile, ValueError, KeyError, TypeError) as exc:
        raise ManifestCorrupt(artifact, problem=f"{path} cannot be read: {exc}") from exc


class Locator:
    """Finds the files of a run's artifacts, also after its folder was copied to another machine."""

    def __init__(self, folder: Path) -> None:
        """Find files below `folder`, the artifacts' folder of a run, by what their paths end in."""
        self._folder = folder
        self._moved: tuple[str, Path] | None = None
        """What paths began with when they were written, and begin with now."""

    def __call__(self, written: str) -> Path:
        """Where a file is that was at a path; that path, if it is nowhere."""
        if self._moved is not None and written.startswith(self._moved[0]):
            return self._moved[1] / written[len(self._moved[0]) :]
        path = Path(written)
        if path.exists():
            return path
        parts = written.replace("\\", "/").split("/")
        for at in range(len(parts) - 1, -1, -1):
            if parts[at] == self._folder.name:
                found = self._folder.joinpath(*parts[at + 1 :])
                if found.exists():
                    self._moved = (written[: len(written) - len("/".join(parts[at + 1 :]))], self._folder)
                    return found
        return path


def manifest_head(region: str | None) -> JsonObject:
    """A manifest document without its entries."""
    config: JsonObject = {"storageLayout": "V2", **({STORAGE_REGION: region} if region else {})}
    return {"version": MANIFEST_VERSION, "storagePolicy": STORAGE_POLICY, "storagePolicyConfig": config}


class ManifestWriter:
    """Writes the manifest document of a version, entry by entry."""

    def __init__(self, path: Path, *, region: str | None) -> None:
        """Begin a file.

        Raises:
            OSError: It cannot be made.
        """
        self.path = path
        self._digest = md5(usedforsecurity=False)
        self._file = path.open("wb")
        self._is_first = True
        self._write(json.dumps(manifest_head(region))[:-1].encode() + b',"contents":{')

    def add(self, entry: LoggedEntry) -> None:
        """Write an entry."""
        text = orjson.dumps(entry.path) + b":" + exact_json.dumps(entry.document()).encode()
        self._write(text if self._is_first else b"," + text)
        self._is_first = False

    def end(self) -> str:
        """Write the end; returns the base64 MD5 of the document."""
        self._write(b"}}")
        self._file.close()
        return b64encode(self._digest.digest()).decode()

    def close(self) -> None:
        """Release the file, and take it away."""
        self._file.close()
        self.path.unlink(missing_ok=True)

    def _write(self, data: bytes) -> None:
        self._digest.update(data)
        self._file.write(data)
