"""A project: the workspace that holds runs and artifacts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from kymograph.types import EntityId, EntityName, ProjectId, ProjectName


class Visibility(StrEnum):
    """Who may read a project besides the members of its entity."""

    PRIVATE = "private"
    PUBLIC = "public"


@dataclass(frozen=True, slots=True)
class Project:
    """One project."""

    id: ProjectId
    entity_id: EntityId
    entity: EntityName
    name: ProjectName
    description: str
    visibility: Visibility
    created_at: datetime
    last_activity_at: datetime


@dataclass(frozen=True, slots=True)
class ProjectStats:
    """Counts shown in the list of projects."""

    run_count: int
    running_count: int
    storage_bytes: int
    activity: tuple[int, ...]
    """Runs created per day, oldest first, today last."""
