"""Artifacts: collections, versions, aliases and manifests as values."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from kymograph.core.digest import DigestAlgorithm
from kymograph.errors import InvalidSetting
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
    UserId,
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


_RESERVED_TYPE_PREFIX = "wandb-"
_RESERVED_NAME_PREFIXES = {"job": "", "run_table": "run-", "code": "source-"}
"""By type: names that begin so."""
HISTORY_TYPE = "wandb-history"
"""Versions of this type have no time to live: a run's history goes with the run."""
MAX_METADATA_KEYS = 100

TTL_INHERITED = -1
"""Time to live: that of the collection. Source: protocol.md §7.3."""
TTL_DISABLED = -2
"""Time to live: none, whatever the collection says."""
LATEST = "latest"
"""The alias that moves to each newly committed version, and that is meant when none is named."""


@dataclass(frozen=True, slots=True)
class Collection:
    """A named series of versions of one type: made in it (a sequence) or linked to it (a portfolio)."""

    id: CollectionId
    project_id: ProjectId
    entity: EntityName
    project: ProjectName
    kind: CollectionKind
    type_name: str
    name: str
    description: str | None
    created_at: datetime
    updated_at: datetime | None = None
    """When it was last changed; None as it was made."""
    client_id: str | None = None
    tags: tuple[str, ...] = ()
    digest_algorithm: DigestAlgorithm = DigestAlgorithm.MD5
    """How the files of its versions are hashed; that of the first version holds for all."""
    is_deleted: bool = False

    @property
    def path(self) -> str:
        """Full name, for messages."""
        return f"{self.entity}/{self.project}/{self.name}"


@dataclass(frozen=True, slots=True)
class CollectionChange:
    """What to change of a collection; None leaves a field as it is."""

    name: str | None = None
    description: str | None = None
    type_name: str | None = None
    tags: tuple[str, ...] | None = None


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
    """The sequence that it was made in."""
    state: ArtifactState
    version_index: int | None
    """Its number in that sequence: given at commit, never reused; None for a draft."""
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
    """Those in its own sequence; those in portfolios belong to its memberships."""
    tags: tuple[str, ...] = ()
    digest_algorithm: DigestAlgorithm = DigestAlgorithm.MD5
    created_by_user: UserId | None = None
    """Who committed it."""

    @property
    def path(self) -> str:
        """Full name, for messages."""
        return f"{self.collection.path}:{'draft' if self.version_index is None else f'v{self.version_index}'}"

    @property
    def commit_hash(self) -> str | None:
        """Hex that names this commit; None for a draft. Clients take it that every committed version has one."""
        if self.version_index is None:
            return None
        return hashlib.sha256(f"{self.id}:{self.collection.id}:{self.digest}".encode()).hexdigest()[:20]

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
    digest_algorithm: DigestAlgorithm = DigestAlgorithm.MD5


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
    algorithm: DigestAlgorithm = DigestAlgorithm.MD5


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
    xxh128: Digest | None = None
    """Of large content that is named by another digest, where it was noted."""


@dataclass(frozen=True, slots=True)
class Maker:
    """Who logged or linked a version: a run, or a user outside any run; neither, for what is older than this record."""

    run: RunKey | None = None
    user: UserId | None = None


@dataclass(frozen=True, slots=True)
class Membership:
    """A version's place in a collection: the sequence that it was made in, or a portfolio that it was linked to."""

    collection: Collection
    version: ArtifactVersion
    version_index: int
    """Its number in this collection, which in a portfolio is not that of its sequence; never given out twice."""
    created_at: datetime
    maker: Maker = Maker()
    aliases: tuple[str, ...] = ()
    """Those in this collection."""

    @property
    def is_link(self) -> bool:
        """Whether the version was made elsewhere."""
        return self.collection.id != self.version.collection.id

    @property
    def path(self) -> str:
        """Full name, for messages."""
        return f"{self.collection.path}:v{self.version_index}"


@dataclass(frozen=True, slots=True)
class AliasRecord:
    """An alias and what it names."""

    collection: Collection
    alias: str


def is_reserved_type(type_name: str, name: str) -> bool:
    """Whether clients keep collections of that type and name for what they log by themselves. Source: seeds.md C.1."""
    prefix = _RESERVED_NAME_PREFIXES.get(type_name)
    return type_name.startswith(_RESERVED_TYPE_PREFIX) or (prefix is not None and name.startswith(prefix))


def check_ttl(seconds: int | None, type_name: str) -> int | None:
    """Check a time to live as clients send it. Source: protocol.md §7.3.

    Raises:
        InvalidSetting: Neither positive nor one of the words for "inherited" and "none", or the type has none.
    """
    if seconds is None:
        return None
    if seconds <= 0 and seconds not in (TTL_INHERITED, TTL_DISABLED):
        raise InvalidSetting("ttl", seconds, rule=f"Artifact TTL Duration has to be positive. ttl: {seconds}")
    if type_name == HISTORY_TYPE:
        raise InvalidSetting("ttl", seconds, rule=f"versions of type {HISTORY_TYPE!r} go with their run")
    return seconds


def split_artifact_name(name: str) -> tuple[str, str]:
    """``coll:alias`` as its two parts; the alias is `LATEST` when there is none. Source: protocol.md §9."""
    collection, _, alias = name.partition(":")
    return collection, alias or LATEST
