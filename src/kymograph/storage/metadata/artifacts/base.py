"""The artifact ports: collections, versions, their places and aliases, manifests, files, lineage."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Protocol

from kymograph.core.artifact import (
    AliasRecord,
    ArtifactFile,
    ArtifactType,
    ArtifactVersion,
    Collection,
    CollectionChange,
    CollectionKind,
    EntryRecord,
    Maker,
    ManifestKind,
    ManifestRecord,
    Membership,
    NewArtifact,
)
from kymograph.core.digest import DigestAlgorithm
from kymograph.types import (
    ArtifactId,
    CollectionId,
    Digest,
    ManifestDigest,
    ManifestId,
    ObjectKey,
    ProjectId,
    RunKey,
)


class CollectionStore(Protocol):
    """Sequences and portfolios."""

    def find(self, project: ProjectId, name: str, *, type_name: str | None = None) -> Collection | None:
        """A collection by name; deleted ones are not found."""

    def find_by_id(self, collection: CollectionId) -> Collection | None:
        """A collection, deleted ones included."""

    def find_by_client_id(self, client_id: str) -> Collection | None: ...

    def list_of_project(
        self, project: ProjectId, *, type_name: str | None = None, limit: int = 100, offset: int = 0
    ) -> tuple[list[Collection], int]:
        """Collections by name plus the total."""

    def list_types(self, project: ProjectId) -> list[ArtifactType]:
        """Artifact types with at least one collection, by name."""

    def put(
        self,
        project: ProjectId,
        name: str,
        *,
        kind: CollectionKind,
        type_name: str,
        now: datetime,
        client_id: str | None = None,
        digest_algorithm: DigestAlgorithm = DigestAlgorithm.MD5,
    ) -> Collection:
        """The collection of that name, made when missing; one that was there already keeps its kind and type."""

    def put_client_id(self, client_id: str, target: CollectionId) -> None:
        """Let an id that a client made up mean a collection, for good; the first meaning of an id stays."""

    def update(self, collection: CollectionId, change: CollectionChange, now: datetime) -> Collection:
        """Apply a change.

        Raises:
            NameTaken: Another collection of the project has the new name.
        """

    def delete(self, collection: CollectionId, now: datetime) -> None:
        """Mark a collection as deleted, with the versions that were made in it; links to and in it go."""


class VersionStore(Protocol):
    """Artifact versions, drafts included."""

    def create(self, new: NewArtifact, now: datetime) -> ArtifactVersion:
        """Begin a version as PENDING, creating its collection (a sequence) when missing.

        Raises:
            UsageError: The collection exists with another type, or is a portfolio.
        """

    def find(self, artifact: ArtifactId) -> ArtifactVersion | None: ...

    def put_client_id(self, client_id: str, target: ArtifactId) -> None:
        """Let an id that a client made up mean a version, for good; the first meaning of an id stays.

        `create` does it for the ids that came with the new version.
        """

    def find_by_client_id(self, client_id: str) -> ArtifactVersion | None: ...

    def find_draft(self, collection: CollectionId, distributed_id: str) -> ArtifactVersion | None:
        """The PENDING version that several writers make together under that id."""

    def find_by_digest(self, collection: CollectionId, digest: str) -> ArtifactVersion | None:
        """The newest committed version of that content."""

    def latest(self, collection: CollectionId) -> ArtifactVersion | None:
        """The committed version of a sequence with the highest index."""

    def commit(
        self,
        artifact: ArtifactId,
        *,
        digest: ManifestDigest,
        size_bytes: int,
        file_count: int,
        maker: Maker,
        now: datetime,
    ) -> ArtifactVersion:
        """Make a PENDING version COMMITTED: give it its place, set wished aliases and ``latest``. Idempotent.

        The digest replaces the one that was announced: they differ when a manifest was merged from parts.
        """

    def update(
        self,
        artifact: ArtifactId,
        *,
        description: str | None,
        metadata_json: str | None,
        ttl_duration_s: int | None,
        tags: tuple[str, ...] | None = None,
        now: datetime,
    ) -> None:
        """Change fields; None leaves one as it is."""

    def delete(self, artifact: ArtifactId, now: datetime) -> None:
        """Mark a version deleted, and drop its aliases and the links to it; bytes are collected later."""


class MembershipStore(Protocol):
    """Places of committed versions in collections, and the aliases that name them there."""

    def find(self, collection: CollectionId, artifact: ArtifactId) -> Membership | None:
        """The place of a version in a collection."""

    def find_by_alias(self, collection: CollectionId, alias: str) -> Membership | None:
        """The place that an alias or a ``vN`` names."""

    def list_in(
        self, collection: CollectionId, *, descending: bool = True, limit: int = 100, offset: int = 0
    ) -> tuple[list[Membership], int]:
        """Places of a collection by version index plus the total."""

    def list_of(self, artifact: ArtifactId, *, limit: int = 500, offset: int = 0) -> tuple[list[Membership], int]:
        """Places of a version: that in its own sequence, then its links in the order in which they were made."""

    def add(self, collection: CollectionId, artifact: ArtifactId, maker: Maker, now: datetime) -> Membership:
        """Give a version the next number of a collection; one that has a place keeps it."""

    def remove(self, collection: CollectionId, artifact: ArtifactId) -> None:
        """Take a version out of a collection, with its aliases there."""

    def put_aliases(
        self, collection: CollectionId, artifact: ArtifactId, aliases: Iterable[str], now: datetime
    ) -> None:
        """Set aliases, taking each from its previous holder in the collection.

        Raises:
            ArtifactNotFound: The version has no place there.
        """

    def remove_aliases(self, collection: CollectionId, artifact: ArtifactId, aliases: Iterable[str]) -> None:
        """Drop aliases; those that the version does not hold there are ignored."""

    def list_aliases(self, collection: CollectionId) -> list[str]:
        """All aliases of a collection, sorted."""

    def list_aliases_of(self, artifacts: Sequence[ArtifactId]) -> dict[ArtifactId, list[AliasRecord]]:
        """Aliases of versions in all collections, those of their own sequences first."""


class ManifestStore(Protocol):
    """Manifest documents of versions, and the entries of committed ones."""

    def create(
        self,
        artifact: ArtifactId,
        *,
        name: str,
        kind: ManifestKind,
        digest: Digest | None,
        object_key: ObjectKey,
        base: ArtifactId | None = None,
    ) -> ManifestRecord: ...

    def update(self, manifest: ManifestId, *, digest: Digest, base: ArtifactId | None = None) -> ManifestRecord:
        """Announce the document; a `base` of None leaves it as it is."""

    def find(self, manifest: ManifestId) -> ManifestRecord | None: ...

    def current(self, artifact: ArtifactId) -> ManifestRecord | None:
        """The newest announced manifest of a version."""

    def list_of(self, artifact: ArtifactId) -> list[ManifestRecord]:
        """All manifests of a version, oldest first."""

    def put_entries(self, artifact: ArtifactId, entries: Iterable[EntryRecord]) -> None:
        """Record the entries of a version, in place of any before."""

    def list_entries(
        self, artifact: ArtifactId, *, names: Sequence[str] = (), after: str | None = None, limit: int = 1000
    ) -> tuple[list[EntryRecord], int]:
        """Entries of a committed version by path, plus the total."""

    def find_entry(self, artifact: ArtifactId, digest: Digest) -> EntryRecord | None:
        """Any entry of a committed version with that digest."""


class ArtifactFileStore(Protocol):
    """Bytes that were announced for versions, and the index of those that are stored."""

    def put(self, file: ArtifactFile) -> ArtifactFile:
        """Announce bytes for a path of a version; the same path again replaces the announcement."""

    def find(self, artifact: ArtifactId, path: str) -> ArtifactFile | None: ...

    def find_blob(self, project: ProjectId, digest: Digest) -> ArtifactFile | None:
        """Bytes of that digest, of whatever algorithm, already stored by any version of the project."""

    def find_blobs(
        self, project: ProjectId, digests: Sequence[Digest], *, algorithm: DigestAlgorithm = DigestAlgorithm.MD5
    ) -> dict[Digest, ArtifactFile]:
        """The same for many digests of one algorithm; `size_bytes` is not None."""

    def mark_stored(self, object_key: ObjectKey, size_bytes: int) -> None:
        """The bytes of announced files under that key have arrived."""


class LineageStore(Protocol):
    """Which runs used and logged which versions."""

    def use(self, run: RunKey, artifact: ArtifactId, *, used_as: str | None, now: datetime) -> None:
        """Record that a run used a version; idempotent."""

    def put_output(self, run: RunKey, artifact: ArtifactId, now: datetime) -> None:
        """Record that a run logged a version; idempotent."""

    def list_used_by(self, artifact: ArtifactId) -> list[RunKey]:
        """Runs that used a version, in order of use."""

    def list_inputs(self, run: RunKey) -> list[tuple[ArtifactVersion, str | None]]:
        """Versions that the run used, in order of use, with the name that the run gave to the use."""

    def list_outputs(self, run: RunKey) -> list[ArtifactVersion]:
        """Committed versions that the run logged, oldest first."""
