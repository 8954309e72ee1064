"""A project: the workspace that holds runs and artifacts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from kymograph.types import EntityId, EntityName, ProjectId, ProjectName

REGISTRY_PREFIX = "wandb-registry-"
"""How the names of registries, and of no other projects, begin. Source: protocol.md §10."""


class Visibility(StrEnum):
    """Who may read a project besides the members of its entity."""

    RESTRICTED = "restricted"
    """Registries only: nobody but the registry's members and the organization's administrators."""
    PRIVATE = "private"
    """Of a registry: the people of its organization."""
    PUBLIC = "public"


@dataclass(frozen=True, slots=True)
class RegistryRules:
    """What a registry takes."""

    allows_all_types: bool = True
    """Whether versions of every type may be linked; otherwise only those of its listed types."""
    protected_aliases: tuple[str, ...] = ()
    """Aliases that only administrators of the registry set and take away."""


@dataclass(frozen=True, slots=True)
class Project:
    """One project."""

    id: ProjectId
    entity_id: EntityId
    entity: EntityName
    name: ProjectName
    description: str | None
    visibility: Visibility
    created_at: datetime
    last_activity_at: datetime
    registry: RegistryRules | None = None
    """Set for a registry: a project of an organization that versions are linked into, and nothing is made in."""

    @property
    def path(self) -> str:
        """Full name, for messages."""
        return f"{self.entity}/{self.name}"


@dataclass(frozen=True, slots=True)
class RegistryStats:
    """Counts shown in the list of registries."""

    collection_count: int
    version_count: int
    """Versions that are linked, each once per collection."""
    member_count: int
    """People with a role of their own."""
    team_count: int


@dataclass(frozen=True, slots=True)
class ProjectStats:
    """Counts shown in the list of projects."""

    run_count: int
    running_count: int
    storage_bytes: int
    activity: tuple[int, ...]
    """Runs created per day, oldest first, today last."""
