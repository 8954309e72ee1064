"""Artifacts: collections, versions, aliases and manifests as values."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from kymograph.types import (
    ArtifactId,
    CollectionId,
    Digest,
    EntityName,
    FilePath,
    ManifestDigest,
    ManifestId,
    ObjectKey,
    ProjectId,
    ProjectName,
    RunKey,
)


class ArtifactState(StrEnum):
    """A version is visible once it is committed. Source: protocol.md §18, `ArtifactState`."""

    PENDING = "PENDING"
    COMMITTED = "COMMITTED"
    DELETED = "DELETED"


class CollectionKind(StrEnum):
    """A sequence holds versions in order; a portfolio holds links to versions of other collections."""

    SEQUENCE = "SEQUENCE"
    PORTFOLIO = "PORTFOLIO"


class ManifestKind(StrEnum):
    """Source: protocol.md §18, `ArtifactManifestType`."""

    FULL = "FULL"
    INCREMENTAL = "INCREMENTAL"
    PATCH = "PATCH"


TTL_INHERITED = -1
"""Time to live: that of the collection. Source: protocol.md §7.3."""
TTL_DISABLED = -2
"""Time to live: none, whatever the collection says."""
LATEST = "latest"
"""The alias that moves to each newly committed version, and that is meant when none is named."""


@dataclass(frozen=True, slots=True)
class Collection:
    """A named sequence of versions of one type."""

    id: CollectionId
    project_id: ProjectId
    entity: EntityName
    project: ProjectName
    kind: CollectionKind
    type_name: str
    name: str
    description: str | None
    created_at: datetime
    client_id: str | None = None

    @property
    def path(self) -> str:
        """Full name, for messages."""
        return f"{self.entity}/{self.project}/{self.name}"


@dataclass(frozen=True, slots=True)
class ArtifactType:
    """What the versions of some collections of a project are: ``dataset``, ``model`` and so on."""

    project_id: ProjectId
    name: str
    created_at: datetime
    """When its first collection was made."""


@dataclass(frozen=True, slots=True)
class ArtifactVersion:
    """One version of an artifact, draft or committed."""

    id: ArtifactId
    collection: Collection
    state: ArtifactState
    version_index: int | None
    """Given at commit, never reused; None for a draft."""
    digest: ManifestDigest
    description: str | None
    metadata_json: str | None
    created_at: datetime
    updated_at: datetime
    created_by_run: RunKey | None
    client_id: str | None
    size_bytes: int
    file_count: int
    history_step: int | None = None
    ttl_duration_s: int | None = None
    aliases: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()

    @property
    def path(self) -> str:
        """Full name, for messages."""
        return f"{self.collection.path}:{'draft' if self.version_index is None else f'v{self.version_index}'}"

    @property
    def ttl_is_inherited(self) -> bool:
        """Whether the time to live is that of the collection."""
        return self.ttl_duration_s is None or self.ttl_duration_s == TTL_INHERITED


@dataclass(frozen=True, slots=True)
class NewArtifact:
    """What a client says when it begins a version."""

    project_id: ProjectId
    type_name: str
    collection_name: str
    digest: ManifestDigest
    created_by_run: RunKey | None
    description: str | None
    metadata_json: str | None
    aliases: tuple[str, ...]
    """Set when the version is committed."""
    tags: tuple[str, ...]
    client_id: str | None
    sequence_client_id: str | None
    distributed_id: str | None
    ttl_duration_s: int | None
    history_step: int | None


@dataclass(frozen=True, slots=True)
class ArtifactFile:
    """Bytes announced or stored for a manifest entry."""

    artifact_id: ArtifactId
    """The version that first brought the bytes (`birthArtifactID` on the wire)."""
    path: FilePath
    digest: Digest
    size_bytes: int | None
    """None until the bytes are there."""
    object_key: ObjectKey
    mimetype: str | None = None


@dataclass(frozen=True, slots=True)
class ManifestRecord:
    """A manifest document of a version."""

    id: ManifestId
    artifact_id: ArtifactId
    kind: ManifestKind
    name: str
    digest: Digest | None
    """Base64 MD5 of the document; None until announced."""
    object_key: ObjectKey
    base: ArtifactId | None = None
    """The version that an incremental manifest adds to."""


@dataclass(frozen=True, slots=True)
class EntryRecord:
    """One entry of a committed version, as it can be downloaded."""

    path: FilePath
    digest: Digest
    size_bytes: int
    object_key: ObjectKey | None
    """Where the bytes are; None for a reference."""


@dataclass(frozen=True, slots=True)
class Membership:
    """A version's place in a collection."""

    collection: Collection
    version: ArtifactVersion


@dataclass(frozen=True, slots=True)
class AliasRecord:
    """An alias and what it names."""

    collection: Collection
    alias: str


def split_artifact_name(name: str) -> tuple[str, str]:
    """``coll:alias`` as its two parts; the alias is `LATEST` when there is none. Source: protocol.md §9."""
    collection, _, alias = name.partition(":")
    return collection, alias or LATEST
