"""Versions of artifacts with their files, as a server tells them. A version that was found never changes."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING

from kymograph.client.artifact_values import CollectionAddress, RemoteArtifact
from kymograph.client.run_files import parse_time
from kymograph.core.artifact_rules import check_entry_path
from kymograph.core.digest import DigestAlgorithm
from kymograph.core.names import parse_version
from kymograph.errors import InvalidArtifact, ManifestCorrupt, PathNotFound
from kymograph.fs.paths import ArtifactPath
from kymograph.fs.tree import Tree
from kymograph.types import JsonObject
from kymograph.wire.manifest_stream import read_manifest

if TYPE_CHECKING:
    from kymograph.fs.session import Session

KEPT = 64
"""Versions whose manifests are kept in memory."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A file of a version."""

    name: str
    digest: str
    size_bytes: int
    ref: str | None = None
    """Where its content is, if it is not at the server."""
    birth_id: str | None = None
    """The version that first brought the content."""
    extra: JsonObject = field(default_factory=dict)

    @property
    def path(self) -> str:
        """Its name, as manifests call it."""
        return self.name

    @property
    def algorithm(self) -> DigestAlgorithm:
        """How its content was hashed."""
        return DigestAlgorithm.XXH128 if self.extra.get("alg") == "XXH128" else DigestAlgorithm.MD5

    def renamed(self, name: str) -> Entry:
        """The same content under another name."""
        return replace(self, name=name)


@dataclass(frozen=True, slots=True)
class Version:
    """A version, where it was found, and its files."""

    artifact: RemoteArtifact
    place: CollectionAddress
    """The collection that it was found in."""
    name: str
    """``v3``: its version there."""
    aliases: tuple[str, ...]
    tree: Tree[Entry]
    layout: str
    region: str | None

    @property
    def id(self) -> str:
        """By which the server knows it."""
        return self.artifact.id

    @property
    def committed_at(self) -> datetime | None:
        """When it was logged."""
        return parse_time(self.artifact.created_at)


class Versions:
    """Finds versions at one server. Safe to share between threads."""

    def __init__(self, session: Session) -> None:
        """Prepare; nothing is asked yet."""
        self._session = session
        self._lock = threading.Lock()
        self._manifests: OrderedDict[str, tuple[Tree[Entry], str, str | None]] = OrderedDict()
        self._fixed: dict[tuple[CollectionAddress, str], Version] = {}

    def find(self, at: ArtifactPath) -> Version:
        """The version that a path names.

        Raises:
            NotFoundError: There is none, or it is of another type than the path says.
            ManifestCorrupt: Its list of files cannot be read.
        """
        place = CollectionAddress(str(at.entity), str(at.project), str(at.name))
        asked = str(at.version)
        with self._lock:
            known = self._fixed.get((place, asked))
        if known is None:
            known = self._fetch(place, asked)
        if at.type_name is not None and known.artifact.type_name != at.type_name:
            raise PathNotFound(
                at.version_path,
                problem=f"artifact {place.path!r} is of the type {known.artifact.type_name!r}, not {at.type_name!r}",
            )
        return known

    def by_id(self, artifact_id: str) -> Version:
        """A version by its id, in the collection that it was made in.

        Raises:
            ArtifactNotFound: There is none.
        """
        artifact = self._session.artifacts.get(artifact_id)
        return self._made(
            artifact, artifact.source, artifact.version_index, tuple(artifact.aliases_in(artifact.source))
        )

    def forget(self, place: CollectionAddress) -> None:
        """Something changed in a collection."""
        with self._lock:
            for key in [key for key in self._fixed if key[0] == place]:
                del self._fixed[key]

    def _fetch(self, place: CollectionAddress, asked: str) -> Version:
        found = self._session.artifacts.membership(place.entity, place.project, f"{place.name}:{asked}")
        artifact = found.artifact
        if artifact is None:
            raise PathNotFound(f"{place.path}:{asked}")
        version = self._made(artifact, place, found.version_index, found.aliases)
        if parse_version(asked) is not None:
            with self._lock:
                self._fixed[(place, asked)] = version
        return version

    def _made(
        self, artifact: RemoteArtifact, place: CollectionAddress, index: int | None, aliases: tuple[str, ...]
    ) -> Version:
        tree, layout, region = self._files_of(artifact)
        own = tuple(alias for alias in aliases if parse_version(alias) is None)
        return Version(artifact, place, f"v{index}" if index is not None else "", own, tree, layout, region)

    def _files_of(self, artifact: RemoteArtifact) -> tuple[Tree[Entry], str, str | None]:
        with self._lock:
            known = self._manifests.get(artifact.id)
            if known is not None:
                self._manifests.move_to_end(artifact.id)
                return known
        document = bytearray()
        self._session.client.transfers.get(self._session.artifacts.manifest_url(artifact.id), document.extend)
        head, items = read_manifest(document, artifact=artifact.source.path)
        entries: dict[str, Entry] = {}
        for path, form in items:
            entry = _entry(path, form, artifact=artifact.source.path)
            entries[entry.name] = entry
        config = head.get("storagePolicyConfig")
        policy = config if isinstance(config, dict) else {}
        found = Tree(entries), str(policy.get("storageLayout") or "V2"), _text(policy.get("storageRegion"))
        with self._lock:
            self._manifests[artifact.id] = found
            while len(self._manifests) > KEPT:
                self._manifests.popitem(last=False)
        return found


def _entry(path: str, form: JsonObject, *, artifact: str) -> Entry:
    extra, size = form.get("extra"), form.get("size")
    try:
        return Entry(
            name=check_entry_path(path),
            digest=str(form["digest"]),
            size_bytes=int(str(size)) if size is not None else 0,
            ref=_text(form.get("ref")),
            birth_id=_text(form.get("birthArtifactID")),
            extra=dict(extra) if isinstance(extra, dict) else {},
        )
    except (InvalidArtifact, KeyError, ValueError) as exc:
        raise ManifestCorrupt(artifact, problem=f"entry {path[:80]!r} cannot be read: {exc}") from exc


def _text(value: object) -> str | None:
    return str(value) if value else None
