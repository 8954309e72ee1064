"""Shapes of what artifacts take and of clean-ups. Field names are those of docs/reference/rest.md."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import AwareDatetime, Field

from kymograph.server.routes.rest.models import Model, ShortText

Seconds = Annotated[int, Field(ge=0)]


class UseModel(Model):
    """What something takes."""

    own_bytes: int = Field(description="would be free if it went")
    shared_bytes: int = Field(description="others need it, too")


class ProjectStorageModel(Model):
    """What a project takes. Content counts once, in the project that it was stored in."""

    live_bytes: int = Field(description="content of versions that are there")
    live_objects: int
    trashed_bytes: int = Field(description="content that only deleted versions have, which can come back")
    trashed_objects: int
    draft_bytes: int = Field(description="content of drafts, and what the collector has yet to free")
    draft_objects: int
    stored_bytes: int = Field(description="all three together")
    versions: int
    trashed_versions: int
    drafts: int
    run_bytes: int = Field(description="files and histories of runs")
    ttl_s: int | None = Field(description="time to live that the project sets; 0 is for ever, null is its entity's")
    effective_ttl_s: int | None = Field(description="what holds for versions that have none; null is for ever")


class CollectionStorageModel(UseModel):
    """What a collection takes. Versions that were linked to it take nothing there."""

    name: str
    type: str
    versions: int
    trashed_versions: int


class CollectionStoragePage(Model):
    """Some collections."""

    items: list[CollectionStorageModel]
    next: str | None
    total: int


class VersionStorageModel(UseModel):
    """What a version takes; nothing by itself once it is deleted."""

    id: str = Field(description="as the protocol has it")
    version: str = Field(description="`v3`")
    aliases: list[str]
    size_bytes: int = Field(description="of all entries, references included")
    file_count: int
    created_at: datetime
    deleted_at: datetime | None
    ttl_s: int | None = Field(description="its own: -1 or null is that of the project, 0 and -2 are for ever")


class VersionStoragePage(Model):
    """A collection and some of its versions, newest first."""

    collection: CollectionStorageModel
    items: list[VersionStorageModel]
    next: str | None
    total: int


class TtlRequest(Model):
    """How long versions live that have no time to live of their own."""

    ttl_s: Seconds | None = Field(description="seconds; 0 is for ever; null is what the entity sets")


class VersionFilterRequest(Model):
    """Which versions; all that is said must hold."""

    collection: ShortText | None = None
    type: ShortText | None = None
    versions: list[ShortText] | None = Field(default=None, max_length=100_000, description="ids as listed")


class DeleteVersionsRequest(VersionFilterRequest):
    """Which versions to delete. Without `versions`, those that are linked elsewhere stay."""

    created_before: AwareDatetime | None = None
    keep_last: int = Field(default=0, ge=0, le=1_000_000, description="of the newest of each collection stay")
    expired: bool = Field(default=False, description="only those whose time to live is over")
    with_aliases: bool = Field(default=False, description="also those that have an alias, like `latest`")
    dry_run: bool = False


class FreedModel(Model):
    """What a clean-up did, or would do."""

    versions: int
    objects: int
    size_bytes: int = Field(description="of content that no version has any more, or has again")


class PurgeRequest(Model):
    """How to purge or collect."""

    dry_run: bool = False


class CollectedModel(Model):
    """What the collector did, or would do."""

    expired: int = Field(description="versions deleted because their time to live is over")
    drafts: int = Field(description="abandoned drafts")
    purged: int = Field(description="deleted versions that cannot come back any more")
    objects: int
    size_bytes: int = Field(description="freed in the object store")


class ObjectModel(Model):
    """An object, or content that should be one."""

    key: str
    size_bytes: int


class OrphansModel(Model):
    """Where the database and the object store do not agree."""

    unnamed: list[ObjectModel] = Field(description="objects that no row names; the collector removes them")
    missing: list[ObjectModel] = Field(description="content that versions need and that is not there")
