"""The artifact ports: collections, versions, their places and aliases, manifests, lineage."""

from __future__ import annotations

from collections.abc import Collection as Collection_
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Protocol

from kymograph.core.artifact import (
    AliasRecord,
    ArtifactType,
    ArtifactVersion,
    Collection,
    CollectionChange,
    CollectionKind,
    Maker,
    ManifestKind,
    ManifestRecord,
    Membership,
    NewArtifact,
)
from kymograph.core.artifact_browse import CollectionOrder, CollectionOverview, TypeCount, VersionFigures
from kymograph.core.artifact_filters import CollectionQuery, VersionQuery
from kymograph.core.digest import DigestAlgorithm
from kymograph.core.lineage import Neighbor, UseRecord
from kymograph.core.space import Freed
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

    def find_deleted(self, project: ProjectId, name: str) -> Collection | None:
        """The collection of that name that was deleted last and can come back."""

    def find_by_id(self, collection: CollectionId) -> Collection | None:
        """A collection, deleted ones included."""

    def find_by_client_id(self, client_id: str) -> Collection | None: ...

    def search(self, projects: Sequence[ProjectId], query: CollectionQuery) -> tuple[list[Collection], int]:
        """One page of the collections of some projects, plus the total.

        Raises:
            InvalidFilter: A value that its field cannot be compared with, or a pattern that takes too long.
        """

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
        """Mark a collection as deleted, with the versions made in it; its drafts, and links to and in it, go."""

    def undelete(self, collection: CollectionId, now: datetime) -> Freed:
        """Take a deletion back: the collection is there again with the versions that went with it, not with its links.

        Raises:
            NameTaken: Another collection of the project has its name now.
        """


class VersionStore(Protocol):
    """Artifact versions, drafts included."""

    def create(self, new: NewArtifact, now: datetime) -> ArtifactVersion:
        """Begin a version as PENDING, creating its collection (a sequence) when missing.

        Raises:
            UsageError: The collection exists with another type, or is a portfolio.
        """

    def find(self, artifact: ArtifactId) -> ArtifactVersion | None: ...

    def list_by_ids(self, artifacts: Sequence[ArtifactId]) -> list[ArtifactVersion]:
        """Versions in whatever state, in the order of their ids here; those that are gone are left out."""

    def touch_draft(self, artifact: ArtifactId, now: datetime) -> bool:
        """Note that a draft is in use; False if it is none any more."""

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


class MembershipStore(Protocol):
    """Places of committed versions in collections, and the aliases that name them there."""

    def find(self, collection: CollectionId, artifact: ArtifactId) -> Membership | None:
        """The place of a version in a collection."""

    def find_by_alias(self, collection: CollectionId, alias: str) -> Membership | None:
        """The place that an alias or a ``vN`` names."""

    def search(self, collections: Sequence[CollectionId], query: VersionQuery) -> tuple[list[Membership], int]:
        """One page of the places in some collections, plus the total.

        Raises:
            InvalidFilter: A value that its field cannot be compared with, or a pattern that takes too long.
        """

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
    """Manifest documents of versions."""

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

    def mark_stored(self, object_key: ObjectKey, size_bytes: int) -> None:
        """The document under that key has arrived."""


class CatalogStore(Protocol):
    """Overviews, for pages and lists."""

    def list_types(self, project: ProjectId) -> list[TypeCount]:
        """Types of a project with what there is of them, by name."""

    def list_collections(
        self,
        project: ProjectId,
        *,
        type_name: str | None = None,
        search: str = "",
        order: CollectionOrder = CollectionOrder.NAME,
        limit: int = 100,
        offset: int = 0,
    ) -> tuple[list[CollectionOverview], int]:
        """One page of the collections of a project, plus the total; `search` is a part of the name."""

    def find_collection(self, collection: CollectionId) -> CollectionOverview | None:
        """One collection, unless it is deleted."""

    def figures(self, artifacts: Sequence[ArtifactId]) -> dict[ArtifactId, VersionFigures]:
        """Numbers about versions."""


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

    def list_uses(
        self, artifact: ArtifactId, projects: Collection_[ProjectId], *, limit: int = 100, offset: int = 0
    ) -> tuple[list[UseRecord], int]:
        """One page of the uses of a version by runs of some projects, latest first, plus the total."""

    def projects_around_versions(self, artifacts: Sequence[ArtifactId]) -> set[ProjectId]:
        """Projects of the runs that used or logged versions."""

    def projects_around_runs(self, runs: Sequence[RunKey]) -> set[ProjectId]:
        """Projects of the versions that runs used or logged."""

    def runs_around(
        self,
        artifacts: Sequence[ArtifactId],
        projects: Collection_[ProjectId],
        *,
        is_output: bool,
        limit: int,
        offset: int = 0,
    ) -> list[Neighbor]:
        """Runs of some projects that logged versions, or that used them.

        Args:
            artifacts: The versions.
            projects: Whose runs.
            is_output: Runs that logged them; otherwise those that used them.
            limit: For each version, latest first.
            offset: How many to skip, for each version.
        """

    def versions_around(
        self,
        runs: Sequence[RunKey],
        projects: Collection_[ProjectId],
        *,
        is_output: bool,
        limit: int,
        offset: int = 0,
    ) -> list[Neighbor]:
        """Committed versions of some projects that runs logged, or that they used; the options are as above."""
