"""The manifest of an artifact: which files it has. Source: protocol.md §8.1."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, Self

from kymograph.core.artifact_rules import check_entry_path
from kymograph.core.digest import DigestAlgorithm
from kymograph.core.manifest import manifest_digest
from kymograph.errors import DuplicatePath, EntryNotFound, InvalidArtifact, ManifestCorrupt
from kymograph.sdk.artifacts.entry import ArtifactManifestEntry
from kymograph.types import JsonObject, JsonValue
from kymograph.wire.manifest_json import MANIFEST_VERSION

STORAGE_POLICY = "wandb-storage-policy-v1"
STORAGE_LAYOUT = "V2"


class ArtifactManifest:
    """Files by path.

    Attributes:
        entries: Path → entry, in the order in which they were added.
        digest_algorithm: How contents are hashed, and the manifest itself.
        policy: Where the server keeps contents, as the wire says it.
    """

    def __init__(
        self,
        *,
        digest_algorithm: DigestAlgorithm = DigestAlgorithm.MD5,
        storage_region: str | None = None,
        entries: Mapping[str, ArtifactManifestEntry] | None = None,
    ) -> None:
        """Begin with no entries, or with those given.

        Raises:
            InvalidArtifact: The region is an empty text.
        """
        self.entries: dict[str, ArtifactManifestEntry] = dict(entries or {})
        self.digest_algorithm = digest_algorithm
        self.policy: JsonObject = {"storageLayout": STORAGE_LAYOUT}
        if storage_region is not None:
            if not storage_region.strip():
                raise InvalidArtifact(f"storage_region must name a region, and is {storage_region!r}; leave it out")
            self.policy["storageRegion"] = storage_region.strip()

    @classmethod
    def version(cls) -> int:
        """Of the document."""
        return MANIFEST_VERSION

    def __len__(self) -> int:
        return len(self.entries)

    @property
    def storage_region(self) -> str | None:
        """Where contents are to be kept; None for the server's choice."""
        region = self.policy.get("storageRegion")
        return region if isinstance(region, str) else None

    def add_entry(self, entry: ArtifactManifestEntry, overwrite: bool = False) -> None:
        """Add an entry; the same content under the same path again changes nothing.

        Raises:
            InvalidArtifact: Its path could not be stored.
            DuplicatePath: There is other content under its path.
        """
        entry.path = check_entry_path(entry.path)
        old = self.entries.get(entry.path)
        if old is not None and not overwrite and old.digest != entry.digest:
            raise DuplicatePath(entry.path)
        self.entries[entry.path] = entry

    def remove_entry(self, entry: ArtifactManifestEntry) -> None:
        """Take an entry out.

        Raises:
            EntryNotFound: There is none of its path.
        """
        if self.entries.pop(entry.path, None) is None:
            raise EntryNotFound(f"Cannot remove missing entry: {entry.path!r}", path=entry.path)

    def get_entry_by_path(self, path: str) -> ArtifactManifestEntry | None:
        """The entry of a path, or None."""
        return self.entries.get(path)

    def get_entries_in_directory(self, directory: str) -> list[ArtifactManifestEntry]:
        """All entries below a folder."""
        prefix = f"{directory.rstrip('/')}/"
        return [entry for path, entry in self.entries.items() if path.startswith(prefix)]

    def digest(self) -> str:
        """Names the content: equal for equal paths and contents. 32 lower-case hex digits."""
        return manifest_digest(self.entries.values(), self.digest_algorithm)

    def size(self) -> int:
        """Bytes of all entries whose size is known, references included."""
        return sum(entry.size for entry in self.entries.values() if entry.size)

    def to_manifest_json(self) -> JsonObject:
        """The document that the server gets: nothing of this machine is in it."""
        contents: JsonObject = {path: entry.to_manifest_json() for path, entry in self.entries.items()}
        return {
            "version": MANIFEST_VERSION,
            "storagePolicy": STORAGE_POLICY,
            "storagePolicyConfig": self.policy,
            "contents": contents,
        }

    @classmethod
    def from_manifest_json(
        cls, manifest_json: Mapping[str, Any], digest_algorithm: DigestAlgorithm = DigestAlgorithm.MD5
    ) -> Self:
        """Read a document.

        Raises:
            ManifestCorrupt: It is no manifest that can be read; no entry of it may leave its folder.
        """
        if manifest_json.get("version") != MANIFEST_VERSION:
            raise ManifestCorrupt("artifact", problem=f"Invalid manifest version: {manifest_json.get('version')!r}")
        contents = manifest_json.get("contents")
        if not isinstance(contents, Mapping):
            raise ManifestCorrupt("artifact", problem="contents must be an object")
        manifest = cls(digest_algorithm=digest_algorithm)
        config: JsonValue = manifest_json.get("storagePolicyConfig")
        manifest.policy = dict(config) if isinstance(config, dict) else {}
        for path, form in contents.items():
            try:
                manifest.entries[path] = ArtifactManifestEntry.from_manifest_json(check_entry_path(path), form)
            except InvalidArtifact as exc:
                raise ManifestCorrupt("artifact", problem=str(exc)) from exc
            except (AttributeError, KeyError, TypeError, ValueError) as exc:
                raise ManifestCorrupt("artifact", problem=f"entry {path[:80]!r} cannot be read") from exc
        return manifest

    def hash_contents_with_md5(self) -> None:
        """Hash all contents by MD5: for a collection whose versions are.

        Raises:
            OSError: A file cannot be read.
        """
        from kymograph.sdk.artifacts.entry import ALGORITHM_KEY
        from kymograph.sdk.artifacts.hashing import hash_files

        stale = [
            (entry, entry.local_path)
            for entry in self.entries.values()
            if entry.local_path and entry.digest_algorithm() is not DigestAlgorithm.MD5
        ]
        for (entry, _), digest in zip(stale, hash_files([os.fspath(path) for _, path in stale]), strict=True):
            entry.digest = digest
            del entry.extra[ALGORITHM_KEY]
        self.digest_algorithm = DigestAlgorithm.MD5
