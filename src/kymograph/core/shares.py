"""Links to a comparison that people without an account may open."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from kymograph.core.history import STEP
from kymograph.types import MetricName, ProjectId, UserId


@dataclass(frozen=True, slots=True)
class SharedComparison:
    """What a link shows: some metrics of some runs of one project, and nothing else."""

    run_ids: tuple[str, ...]
    """In the order shown."""
    metrics: tuple[MetricName, ...]
    """In the order shown."""
    axis: MetricName = STEP
    """What steps are told by; its numbers are shown too."""
    view: Mapping[str, str] = field(default_factory=dict)
    """State of the page as it was shared: parameters of its address. Says how things are shown, never which."""


@dataclass(frozen=True, slots=True)
class Share:
    """One link. Its secret is not kept; whoever has it sees what `comparison` says until `expires_at`."""

    id: int
    project_id: ProjectId
    user_id: UserId
    """Who made it: a link shows nothing that its maker may not see any more."""
    username: str
    comparison: SharedComparison
    created_at: datetime
    expires_at: datetime
