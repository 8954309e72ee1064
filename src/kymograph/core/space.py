"""Space that artifacts take, and which versions a clean-up means, as values."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from kymograph.core.artifact import ArtifactVersion, Collection
from kymograph.core.digest import DigestAlgorithm
from kymograph.types import ArtifactId, BlobId, Digest, ObjectKey, ProjectId


@dataclass(frozen=True, slots=True)
class Blob:
    """Content of a project, stored once per digest."""

    id: BlobId
    project_id: ProjectId
    algorithm: DigestAlgorithm
    digest: Digest
    object_key: ObjectKey
    size_bytes: int | None
    """None until it has arrived."""
    birth: ArtifactId | None = None
    """The version that first brought it, which may be gone."""


@dataclass(frozen=True, slots=True)
class ContentName:
    """Content that a draft announces for one of its paths."""

    artifact: ArtifactId
    path: str
    digest: Digest


@dataclass(frozen=True, slots=True)
class Use:
    """What something takes."""

    own_bytes: int = 0
    """Would be free if it went."""
    content_bytes: int = 0
    """All its content, each blob once."""

    @property
    def shared_bytes(self) -> int:
        """Content that others need, too."""
        return self.content_bytes - self.own_bytes


@dataclass(frozen=True, slots=True)
class ProjectSpace:
    """What the artifacts of a project take. Content counts once, in the project that it was stored in."""

    live_bytes: int = 0
    """Content of committed versions."""
    live_objects: int = 0
    trashed_bytes: int = 0
    """Content that only deleted versions have, which can come back."""
    trashed_objects: int = 0
    draft_bytes: int = 0
    """Content that no version has: of drafts, and what the collector has yet to free."""
    draft_objects: int = 0
    versions: int = 0
    trashed_versions: int = 0
    drafts: int = 0

    @property
    def stored_bytes(self) -> int:
        """All of it."""
        return self.live_bytes + self.trashed_bytes + self.draft_bytes


@dataclass(frozen=True, slots=True)
class CollectionSpace:
    """What a collection takes; versions that were linked to it take nothing there."""

    collection: Collection
    use: Use
    versions: int
    trashed_versions: int


@dataclass(frozen=True, slots=True)
class VersionSpace:
    """What a version takes."""

    version: ArtifactVersion
    use: Use
    deleted_at: datetime | None = None
    """When it was deleted, if it was; its `use` is then nothing, and it can come back."""


@dataclass(frozen=True, slots=True)
class VersionFilter:
    """Which versions of a project a clean-up means: those for which everything said here holds."""

    collection: str | None = None
    type_name: str | None = None
    versions: tuple[ArtifactId, ...] | None = None
    created_before: datetime | None = None
    keep_last: int = 0
    """So many of the newest of each collection stay."""
    is_expired: bool = False
    """Only those whose time to live is over."""
    without_alias: bool = True
    """Versions that have an alias stay. Links to other collections always protect a version that is not named."""


@dataclass(frozen=True, slots=True)
class Freed:
    """What a clean-up moved or removed, or would."""

    versions: int = 0
    objects: int = 0
    size_bytes: int = 0
    """Of content that nothing else needs."""

    def __add__(self, other: Freed) -> Freed:
        return Freed(self.versions + other.versions, self.objects + other.objects, self.size_bytes + other.size_bytes)
