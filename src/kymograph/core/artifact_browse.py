"""What pages about artifacts show, as values: counts, folders of entries, differences of two versions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from kymograph.core.artifact import Collection
from kymograph.core.space import Use
from kymograph.types import Digest


@dataclass(frozen=True, slots=True)
class TypeCount:
    """An artifact type of a project."""

    name: str
    collections: int
    versions: int


class CollectionOrder(StrEnum):
    """How collections are sorted."""

    NAME = "name"
    NEWEST = "newest"
    """Those that got a version last come first."""
    OWN = "own"
    """Those that take most come first."""


@dataclass(frozen=True, slots=True)
class CollectionOverview:
    """A collection and what is in it."""

    collection: Collection
    use: Use
    """What the versions take that were made here; links take nothing."""
    versions: int
    newest_index: int | None
    """None while it is empty."""
    newest_at: datetime | None


@dataclass(frozen=True, slots=True)
class VersionFigures:
    """Numbers about a version."""

    use: Use
    used_by: int
    """Runs that used it, readable or not."""


@dataclass(frozen=True, slots=True)
class FolderItem:
    """A file of a version, or a folder with everything below it."""

    path: str
    """From the root of the version; that of a folder ends in ``/``."""
    files: int
    size_bytes: int
    digest: Digest | None = None
    """None for a folder."""
    is_reference: bool = False
    """Whether its bytes lie elsewhere."""

    @property
    def is_folder(self) -> bool:
        """Whether it is a folder."""
        return self.path.endswith("/")


class ChangeKind(StrEnum):
    """How an entry differs between two versions."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"


class ChangeOrder(StrEnum):
    """How differences are sorted."""

    SIZE = "size"
    """The largest first: by what the newer version has, or had to give up."""
    PATH = "path"


@dataclass(frozen=True, slots=True)
class EntryChange:
    """An entry that two versions do not have in common."""

    path: str
    kind: ChangeKind
    old_digest: Digest | None
    old_bytes: int | None
    new_digest: Digest | None
    new_bytes: int | None


@dataclass(frozen=True, slots=True)
class ChangeTotal:
    """All differences of one kind."""

    files: int = 0
    old_bytes: int = 0
    new_bytes: int = 0


@dataclass(frozen=True, slots=True)
class DiffPage:
    """Some differences, and how many there are."""

    changes: list[EntryChange]
    totals: dict[ChangeKind, ChangeTotal]
    """Of every kind, whatever the page holds."""

    def count(self, kind: ChangeKind | None) -> int:
        """How many differences of a kind there are, or of all."""
        return sum(total.files for each, total in self.totals.items() if kind is None or each is kind)
