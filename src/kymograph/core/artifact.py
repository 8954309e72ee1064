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
